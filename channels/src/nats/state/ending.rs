//! How leases end.
//!
//! | | of the first stream | of an entry |
//! |---|---|---|
//! | settled | acknowledged | its end is stored, then acknowledged |
//! | deferred for a short time | waits here | waits here |
//! | deferred for longer | an entry is stored, then acknowledged | it goes back to wait |
//! | parked | an entry is stored, then acknowledged | it goes back to wait, as parked |
//! | dropped | again, first | again, first |
//!
//! While a step is stored the event stays leased, so that nothing is ever shown that a crash could
//! undo; see [`stepping`](super::stepping).

use std::sync::Arc;
use std::time::Duration;

use super::State;
use super::held::{Held, Source, Ticket};
use super::stepping::{After, Then};
use super::subscribed::Subscribed;
use super::todo::{Answer, ToDo, ToStep, say};
use crate::nats::entry::{Body, Entry, EntryState};
use crate::nats::index::Place;
use crate::nats::steps::Step;
use crate::queues::{ParkedAgain, Why};
use crate::reading::LeaseId;
use crate::{ParkReason, Settled, Timestamp};

/// What waits longer is moved.
const SHORT_WAIT: Duration = Duration::from_secs(30);
/// What waits beside so many others is moved.
const SHORT_WAITS_MAX: usize = 1_000;

/// What the holder of a lease did with it.
#[derive(Debug)]
pub(in crate::nats) enum Ending {
    /// It is done with.
    Settled(Settled),
    /// It is to be handed out again then.
    Deferred {
        /// When.
        until: Timestamp,
        /// How many sends there were.
        sends: u32,
    },
    /// It is given up on.
    Parked {
        /// Why.
        reason: ParkReason,
        /// How many sends there were.
        sends: u32,
        /// When its sink is tried again.
        retry_at: Option<Timestamp>,
    },
    /// Nothing.
    Dropped,
}

impl State {
    /// Ends a lease. One that something else has ended already ends without effect. `answer` is told
    /// once that is stored which has to be.
    pub(in crate::nats) fn end(
        &mut self,
        lease: LeaseId,
        ending: Ending,
        answer: Option<Answer>,
        now: Timestamp,
    ) {
        let Some(subscribed) = self.subscribed(lease.subscription) else {
            return say(answer, Ok(true));
        };
        let leased = subscribed.queues.leased_ticket(lease.offset, lease.token);
        let Some(ticket) = leased.copied() else {
            return say(answer, Ok(true));
        };
        let number = subscribed.number;
        match ending {
            Ending::Settled(how) => self.settle(lease, how, answer, now),
            Ending::Deferred { until, sends } => {
                if subscribed.is_to_be_moved(until, now) {
                    let state = subscribed.waits_as(lease.offset, until);
                    let after = After::Waits { until, sends };
                    self.keep(lease, &ticket, state, sends, after, answer);
                } else {
                    subscribed.wait_here(lease, until, sends);
                    say(answer, Ok(true));
                }
            }
            Ending::Parked {
                reason,
                sends,
                retry_at,
            } => {
                let retry_at = subscribed.exhausted.sink_at(reason.kind, retry_at, now);
                let known = subscribed.queues.parked.get(&lease.offset);
                let state = EntryState::Parked {
                    reason,
                    at: known.map_or(now, |known| known.parked_at),
                    retry_at,
                };
                let after = After::Parked { sends };
                self.keep(lease, &ticket, state, sends, after, answer);
            }
            Ending::Dropped => {
                subscribed.take_back(lease);
                say(answer, Ok(true));
            }
        }
        self.wake(number);
    }

    fn settle(&mut self, lease: LeaseId, how: Settled, answer: Option<Answer>, now: Timestamp) {
        let Some(subscribed) = self.subscribed(lease.subscription) else {
            return say(answer, Ok(true));
        };
        let is_parked = subscribed.queues.parked.contains_key(&lease.offset);
        let how = match how {
            Settled::Delivered if is_parked => Settled::DeadLettered,
            how => how,
        };
        let Some(held) = subscribed.held.get_mut(&lease.offset) else {
            return say(answer, Ok(true));
        };
        match &held.source {
            Source::Events => {
                subscribed.count(how);
                subscribed.has_been_settled(lease.offset);
                let to_do = subscribed.let_go_of(lease.offset);
                let number = subscribed.number;
                self.to_do.extend(to_do);
                self.flush_if_many(number);
                say(answer, Ok(true));
            }
            Source::Due { sequence, .. } => {
                let step = Step::End {
                    place: Place::Due,
                    sequence: *sequence,
                };
                held.progressed_at = held.progressed_at.max(now);
                self.step_lease(lease, step, After::Done { how }, answer);
            }
        }
    }

    /// Has the event kept apart as `state` says.
    fn keep(
        &mut self,
        lease: LeaseId,
        ticket: &Ticket,
        state: EntryState,
        sends: u32,
        after: After,
        answer: Option<Answer>,
    ) {
        let held = self.subscribed(lease.subscription);
        let Some(held) = held.and_then(|it| it.held.get(&lease.offset)) else {
            return say(answer, Ok(true));
        };
        let step = held.step_to(ticket, state, sends);
        self.step_lease(lease, step, after, answer);
    }

    fn step_lease(&mut self, lease: LeaseId, step: Step, after: After, answer: Option<Answer>) {
        let Some(subscribed) = self.subscribed(lease.subscription) else {
            return say(answer, Ok(true));
        };
        if let Some(held) = subscribed.held.get_mut(&lease.offset) {
            held.is_stepping = true;
        }
        let to_step = ToStep {
            number: subscribed.number,
            position: lease.offset,
            step,
            then: Then::Lease { lease, after },
            answer,
            was_tried: false,
        };
        self.to_do.push(ToDo::Step(Box::new(to_step)));
    }
}

impl Subscribed {
    /// Whether a deferral until then is not to wait here: for too long, or beside too many.
    fn is_to_be_moved(&self, until: Timestamp, now: Timestamp) -> bool {
        until.since(now) > SHORT_WAIT || self.queues.deferred() >= SHORT_WAITS_MAX
    }

    /// The state of an entry that waits until then.
    fn waits_as(&self, position: u64, until: Timestamp) -> EntryState {
        if let Some(parked) = self.queues.parked.get(&position) {
            return EntryState::Parked {
                reason: parked.reason.clone(),
                at: parked.parked_at,
                retry_at: Some(until),
            };
        }
        let source = self.held.get(&position).map(|held| &held.source);
        let replayed = match source {
            Some(Source::Due { entry, .. }) => entry.is_replayed(),
            Some(Source::Events) | None => false,
        };
        EntryState::Moved {
            due: until,
            replayed,
        }
    }

    /// Ends the lease; the event waits here until then.
    pub(super) fn wait_here(&mut self, lease: LeaseId, until: Timestamp, sends: u32) {
        let is_parked = self.queues.parked.contains_key(&lease.offset);
        if is_parked {
            let deferred = ParkedAgain::Deferred { until, sends };
            self.queues.lay_back(lease.offset, deferred);
        } else if let Some((mut ticket, _)) = self.queues.end_lease(lease.offset, lease.token) {
            ticket.sends = sends;
            self.queues.put_again(ticket, false, Why::Deferred, until);
        }
    }

    fn take_back(&mut self, lease: LeaseId) {
        let is_parked = self.queues.parked.contains_key(&lease.offset);
        if is_parked {
            self.queues.lay_back(lease.offset, ParkedAgain::Returned);
        } else if let Some((ticket, _)) = self.queues.end_lease(lease.offset, lease.token) {
            let at_once = Timestamp::default();
            self.queues.put_again(ticket, false, Why::Returned, at_once);
        }
    }
}

impl Held {
    /// The step after which the event is kept apart as `state` says.
    fn step_to(&self, ticket: &Ticket, state: EntryState, sends: u32) -> Step {
        let entry = Entry {
            sends,
            accepted_at: self.accepted_at,
            age_since: self.accepted_at.max(ticket.redriven_at),
            body: Body::Kept,
            state,
        };
        match &self.source {
            Source::Events => Step::Keep {
                event: Some(Arc::clone(&self.event)),
                entry,
            },
            Source::Due {
                sequence,
                entry: known,
            } => Step::Again {
                // A replay's event is anywhere but in the first stream from now on, or retention could
                // take what waits.
                event: match known.body {
                    Body::Kept => None,
                    Body::Events => Some(Arc::clone(&self.event)),
                },
                entry,
                place: Place::Due,
                sequence: *sequence,
            },
        }
    }
}

impl Entry {
    pub(super) fn is_replayed(&self) -> bool {
        match self.state {
            EntryState::Moved { replayed, .. } => replayed,
            EntryState::Parked { .. } => false,
        }
    }
}
