//! Replay: retained events handed out once more.
//!
//! Each trigger gets the events that somebody means and that its filter takes, as its filter is when
//! they are looked at. The channel passes over what is pending or parked with the trigger, since that
//! is still to be delivered anyway; and it lets about a thousand replayed events wait at a time. A
//! trigger that takes no more for now drops out of the walk through the store, keeps the positions that
//! it was to get of its page, and is taken in again by the next walk once it has had them; so it
//! holds up no other, and while nobody takes anything nothing is read.
//!
//! What it promises: at most one page of events in memory, and one page of positions for each trigger; each event is handed to a trigger at most
//! once; only what was accepted before the beginning is meant, so there is an end. What it leaves
//! out: what is *missing* somewhere. No store keeps what was settled for each trigger and each event,
//! so nobody could say.

mod handing_out;
mod walks;

use std::fmt;
use std::sync::Arc;

use sluicegate_channels::{Channel, Position, SubscriptionKey};
use sluicegate_dispatcher::TriggerMatcher;
use sluicegate_resources::ObjectName;
use tokio::time::Instant;

use self::walks::{LostTo, Walks};
use super::choice::EventChoice;
use super::pace::{Halt, Pace, Patience};
use super::{Ended, Progress};
use crate::api::Conduct;
use crate::history::{History, Mark};
use crate::registry::{RunningBroker, TriggerView};

/// Which events are handed out again, and to whom.
#[derive(Debug)]
pub struct Replay {
    broker: ObjectName,
    channel: Arc<dyn Channel>,
    matcher: Arc<TriggerMatcher>,
    choice: EventChoice,
    pub(super) conduct: Conduct,
    receivers: Vec<Receiver>,
    is_to_all: bool,
    history: Option<Arc<History>>,
}

/// An event that a trigger is to get, and what stands for it in the history.
type Chosen = (Position, Mark);

/// A trigger that gets events.
#[derive(Debug)]
struct Receiver {
    trigger: ObjectName,
    key: SubscriptionKey,
    subscription: Arc<str>,
    standing: Standing,
    /// What it is to get of the page at which it took no more, in order.
    held: Vec<Chosen>,
}

/// How far a receiver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It takes part in the walk from this position on; from the beginning when there is none.
    From(Option<Position>),
    /// It takes no more for now. Once it has had what is held for it, it goes on from there in the next
    /// walk; with none it has then had everything.
    Behind(Option<Position>),
    /// It has had everything, or is deleted.
    Finished,
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "events of {}{}, to ", self.broker, self.choice)?;
        match (self.is_to_all, &*self.receivers) {
            (true, all) => write!(f, "all {} triggers", all.len()),
            (false, [only]) => write!(f, "{}", only.trigger),
            (false, several) => {
                let names = several.iter().map(|it| it.trigger.to_string());
                f.write_str(&names.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Replay {
    /// To those of `triggers` that are served.
    pub fn new<'a>(
        broker: &RunningBroker,
        triggers: impl Iterator<Item = &'a TriggerView>,
        is_to_all: bool,
        choice: EventChoice,
        conduct: Conduct,
    ) -> Self {
        let receiver = |view: &TriggerView| {
            let service = view.service.as_ref()?;
            Some(Receiver {
                trigger: view.trigger.metadata.name.clone(),
                key: service.key,
                subscription: Arc::clone(&service.subscription),
                standing: Standing::From(None),
                held: Vec::new(),
            })
        };
        Replay {
            broker: broker.name.clone(),
            channel: Arc::clone(&broker.channel),
            matcher: Arc::clone(&broker.matcher),
            receivers: triggers.filter_map(receiver).collect(),
            is_to_all,
            choice,
            conduct,
            history: broker.history.clone(),
        }
    }

    pub(super) async fn run(
        self,
        id: &str,
        progress: &Progress,
        mut halt: Halt,
    ) -> Result<(), Ended> {
        let is_dry = self.conduct.dry_run;
        let places = self.receivers.iter().map(|it| it.key).zip(0..).collect();
        let mut walks = Walks {
            pace: Pace::new(self.conduct.per_second.filter(|_| !is_dry)),
            left_to_do: self.conduct.limit.unwrap_or(u64::MAX),
            receivers: self.receivers,
            channel: self.channel,
            matcher: self.matcher,
            choice: self.choice,
            seen_to: None,
            lost_to: LostTo::Nothing,
            is_dry,
            places,
            history: self.history,
            id,
            progress,
        };
        let mut patience = Patience::new();
        loop {
            walks.walk(&mut halt).await?;
            walks.finish();
            while walks.left_to_do > 0 && !walks.has_takers() {
                if !walks.has_held() {
                    return Ok(());
                }
                let given = walks.given();
                walks.hand_out_held(&mut halt).await?;
                if !walks.has_takers() && walks.has_held() {
                    let wait = patience.next(walks.given() == given);
                    halt.sleep_until(Instant::now() + wait).await?;
                }
            }
            if walks.left_to_do == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
