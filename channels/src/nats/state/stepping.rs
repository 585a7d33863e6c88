//! What comes of a step, once it is stored or could not be.
//!
//! A step that was not stored because another process was first has nothing left to do: what it was
//! about is the other's. One of which nobody knows leaves the event here; was it stored after all, the
//! index says so later, and the event goes ([`noting`](super::noting)). The end of an entry that was
//! settled is tried again until it is known, since handing it out again would send it twice. If there
//! is no entry left by then, the first try was stored and counts; should an operator have discarded it
//! in between, it counts for both.

use std::collections::BTreeMap;
use std::time::Duration;

use super::State;
use super::todo::{Answer, ToDo, ToStep, say};
use crate::reading::{LeaseId, SubscriptionId};
use crate::{Settled, StoreError, Timestamp};

/// When what could not be moved comes up at the earliest.
const NOT_KEPT_WAIT: Duration = Duration::from_secs(1);
/// And what could not be parked, which is then sent once more than it should be.
const NOT_PARKED_WAIT: Duration = Duration::from_secs(30);
/// When the end of what was settled is tried again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// What a step is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// A lease ends.
    Lease { lease: LeaseId, after: After },
    /// A dead letter was made pending again, or put on its way to its sink.
    Nothing,
    /// A dead letter ends, counted as discarded for that reason.
    Discard {
        id: SubscriptionId,
        by: &'static str,
    },
}

/// How a lease ends by a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum After {
    Done { how: Settled },
    Waits { until: Timestamp, sends: u32 },
    Parked { sends: u32 },
}

/// Steps that are tried again, by when.
#[derive(Debug, Default)]
pub(super) struct Retries(BTreeMap<(Timestamp, u64), ToStep>);

#[cfg(test)]
impl ToStep {
    pub(super) fn is_parking(&self) -> bool {
        match self.then {
            Then::Lease { after, .. } => matches!(after, After::Parked { .. }),
            Then::Nothing | Then::Discard { .. } => false,
        }
    }
}

impl State {
    /// What came of a step: whether it was stored, or false where another was first. What it stored
    /// has been noted, and where another was first, what stands instead.
    pub(in crate::nats) fn stepped(
        &mut self,
        step: ToStep,
        result: Result<bool, StoreError>,
        now: Timestamp,
    ) {
        match step.then {
            Then::Lease { lease, after } => self.lease_stepped(lease, after, step, result, now),
            Then::Nothing => say(step.answer, result),
            Then::Discard { id, by } => {
                if result == Ok(true)
                    && let Some(subscribed) = self.subscribed(id)
                {
                    subscribed.ended.discard(by, 1);
                }
                say(step.answer, result);
            }
        }
    }

    fn lease_stepped(
        &mut self,
        lease: LeaseId,
        after: After,
        step: ToStep,
        result: Result<bool, StoreError>,
        now: Timestamp,
    ) {
        let (number, position) = (step.number, step.position);
        let serial = self.serial();
        // Stored when it was tried before, and nobody heard: else somebody had it wait again.
        let is_over = step.was_tried && self.index.get(number, position).is_none();
        let Some(subscribed) = self.subscribed(lease.subscription) else {
            return say(step.answer, result.map(|_| true));
        };
        match (result, after) {
            (Ok(is_stored), after) => {
                if let After::Done { how } = after
                    && (is_stored || is_over)
                {
                    subscribed.count(how);
                }
                let to_do = subscribed.let_go_of(position);
                self.to_do.extend(to_do);
                self.flush_if_many(number);
                say(step.answer, Ok(true));
            }
            (Err(_), After::Done { .. }) => {
                let again = ToStep {
                    was_tried: true,
                    ..step
                };
                self.retries.0.insert((now + RETRY_WAIT, serial), again);
            }
            (Err(error), After::Waits { until, sends }) => {
                let until = until.max(now + NOT_KEPT_WAIT);
                self.not_kept(lease, number, until, sends);
                say(step.answer, Err(error));
            }
            (Err(error), After::Parked { sends }) => {
                self.not_kept(lease, number, now + NOT_PARKED_WAIT, sends);
                say(step.answer, Err(error));
            }
        }
        self.wake(number);
    }

    /// The event waits here instead, unless the index says already that it was kept.
    fn not_kept(&mut self, lease: LeaseId, number: u64, until: Timestamp, sends: u32) {
        if let Some(subscribed) = self.subscribed(lease.subscription) {
            subscribed.wait_here(lease, until, sends);
            if let Some(held) = subscribed.held.get_mut(&lease.offset) {
                held.is_stepping = false;
            }
        }
        self.reconcile(number, lease.offset);
    }

    /// Has those steps tried again whose time has come.
    pub(super) fn retry_steps(&mut self, now: Timestamp) {
        while let Some(first) = self.retries.0.first_entry()
            && first.key().0 <= now
        {
            let step = first.remove();
            self.to_do.push(ToDo::Step(Box::new(step)));
        }
    }

    /// A step that ends no lease.
    pub(super) fn step(
        &mut self,
        (number, position): (u64, u64),
        step: crate::nats::steps::Step,
        then: Then,
        answer: Option<Answer>,
    ) {
        self.to_do.push(ToDo::Step(Box::new(ToStep {
            number,
            position,
            step,
            then,
            answer,
            was_tried: false,
        })));
    }
}
