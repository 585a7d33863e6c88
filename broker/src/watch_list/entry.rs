//! One watched event, as it is known.

use std::collections::{BTreeMap, VecDeque};

use sluicegate_channels::Timestamp;
use sluicegate_resources::ObjectName;

use super::ATTEMPTS_MAX;
use crate::api::{WatchAttempt, WatchReport, WatchedFailure, WatchedState, WatchedTrigger};
use crate::registry::holding::Hold;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) token: String,
    pub(super) begun: Timestamp,
    pub(super) broker: Option<ObjectName>,
    pub(super) triggers_total: u64,
    pub(super) triggers: BTreeMap<ObjectName, Watched>,
    pub(super) failed_total: u64,
    pub(super) failed: Vec<WatchedFailure>,
}

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) state: WatchedState,
    /// Why, while it waits for something other than its turn.
    pub(super) hold: Option<Hold>,
    /// When its dead-letter sink is tried again.
    pub(super) sink_retry_at: Option<Timestamp>,
    pub(super) attempts: VecDeque<(WatchAttempt, Option<Timestamp>)>,
}

impl Watched {
    pub(super) fn new(hold: Option<Hold>) -> Self {
        Watched {
            state: match hold {
                Some(_) => WatchedState::Waiting,
                None => WatchedState::Matched,
            },
            hold,
            sink_retry_at: None,
            attempts: VecDeque::new(),
        }
    }

    /// What it waits for, while it does.
    pub(super) fn hold(&self) -> Option<&Hold> {
        let hold = self.hold.as_ref();
        hold.filter(|_| self.state == WatchedState::Waiting)
    }
}

impl Entry {
    /// What is known of `trigger`, which the door need not have told of yet.
    pub(super) fn watched(&mut self, trigger: &ObjectName) -> &mut Watched {
        self.triggers
            .entry(trigger.clone())
            .or_insert_with(|| Watched::new(None))
    }

    /// Forgets the earliest attempt of the trigger that made most, where there are too many.
    pub(super) fn make_room(&mut self) {
        let attempts = self.triggers.values().map(|it| it.attempts.len());
        if attempts.sum::<usize>() <= ATTEMPTS_MAX {
            return;
        }
        let most = self
            .triggers
            .values_mut()
            .max_by_key(|it| it.attempts.len());
        if let Some(watched) = most {
            watched.attempts.pop_front();
        }
    }

    pub(super) fn report(&self, now: Timestamp) -> WatchReport {
        let triggers: Vec<_> = self
            .triggers
            .iter()
            .map(|(name, watched)| WatchedTrigger {
                namespace: name.namespace.clone(),
                name: name.name.clone(),
                state: watched.state,
                reason: watched.hold().map(|it| it.reason.to_owned()),
                detail: watched.hold().map(|it| it.detail.clone()),
                undecided: watched.hold().is_some_and(|it| it.is_undecided),
                sink_retry_in_ms: watched.sink_retry_at.map(|at| millis_until(at, now)),
                attempts: watched
                    .attempts
                    .iter()
                    .map(|it| with_next(it, now))
                    .collect(),
            })
            .collect();
        let seen = self.broker.is_some();
        WatchReport {
            seen,
            broker: self.broker.as_ref().map(ObjectName::to_string),
            triggers_total: self.triggers_total,
            failed_total: self.failed_total,
            failed: self.failed.clone(),
            settled: seen && triggers.iter().all(WatchedTrigger::is_settled),
            triggers,
        }
    }
}

fn with_next((attempt, next): &(WatchAttempt, Option<Timestamp>), now: Timestamp) -> WatchAttempt {
    WatchAttempt {
        next_in_ms: next.map(|next| millis_until(next, now)),
        ..attempt.clone()
    }
}

fn millis_until(then: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(then.since(now).as_millis()).unwrap_or(u64::MAX)
}
