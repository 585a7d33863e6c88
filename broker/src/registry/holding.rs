//! Why a trigger sends nothing just now, whatever waits for it.
//!
//! Told of an event wherever somebody asks for one, so that nobody takes one that waits for one that
//! was not wanted. What it leaves out: events that wait for their turn, or for their next attempt.

use sluicegate_channels::{SubscriptionStatus, Timestamp};

use super::observer::REFUSING;
use super::{Condition, KeptTrigger, TriggerView};

/// Who stopped it says that.
const PAUSED: &str = "Paused";

/// What a trigger waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// One CamelCase word, stable.
    pub reason: &'static str,
    /// A sentence for people, with what ends it.
    pub detail: String,
    /// When something is tried in spite of it.
    pub until: Option<Timestamp>,
    /// Whether nobody can tell yet whether the trigger wants the event.
    pub is_undecided: bool,
}

impl Hold {
    /// Of a trigger in force; `status` is that of its subscription.
    pub fn of(view: &TriggerView, status: Option<&SubscriptionStatus>) -> Option<Self> {
        let plan = view.service.as_ref().map(|service| &service.plan);
        if plan.is_none_or(|plan| plan.subscriber.is_none()) {
            return Self::of_condition(&view.condition);
        }
        let name = &view.trigger.metadata.name;
        let detail = if view.trigger.settings.paused {
            let file = view.file.display();
            format!(
                "its manifest pauses it; take the annotation `sluicegate.dev/paused` out of {file}"
            )
        } else if status.is_some_and(|it| it.paused) {
            format!("it was paused by command; `sluicegate resume trigger {name}` lets it go on")
        } else {
            return Self::of_breaker(view);
        };
        let reason = PAUSED;
        Some(Hold {
            reason,
            detail,
            until: None,
            is_undecided: false,
        })
    }

    fn of_breaker(view: &TriggerView) -> Option<Self> {
        let service = view.service.as_ref()?;
        let probe_at = service.observer.probe_at()?;
        let target = service.plan.subscriber.as_ref()?;
        Some(Hold {
            reason: REFUSING,
            detail: format!(
                "nobody answers at {}; one event at a time is sent as a probe, and all go on once somebody \
                 does",
                target.uri
            ),
            until: Some(probe_at),
            is_undecided: false,
        })
    }

    /// Of one that no valid manifest stands for.
    pub fn of_kept(kept: &KeptTrigger) -> Option<Self> {
        let hold = Self::of_condition(&kept.condition)?;
        Some(Hold {
            is_undecided: true,
            ..hold
        })
    }

    fn of_condition(condition: &Condition) -> Option<Self> {
        match condition {
            Condition::Ready => None,
            Condition::NotReady { reason, message } => Some(Hold {
                reason,
                detail: message.clone(),
                until: None,
                is_undecided: false,
            }),
        }
    }
}
