//! How events are handed out, and what is asked of the server so that there are some.
//!
//! A reading end that asks has the next pull begun before what is here runs out: twice what it asks
//! for is here or on its way, within [`AHEAD_EVENTS`] and [`AHEAD_BYTES`]. Nothing is pulled for one
//! that is closed, paused, or has so many deferred events that it gets no fresh ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use super::State;
use super::held::InMemory;
use super::subscribed::Subscribed;
use super::todo::{Consumer, ToDo};
use crate::load::Load;
use crate::queues::{Duty, Turn, Why};
use crate::reading::{HandedOut, LeaseId, Next, SubscriptionId};
use crate::{LeasePurpose, NextLimit, Timestamp};

/// So many events are held ahead, at most.
const AHEAD_EVENTS: usize = 128;
/// And so many bytes of them, but for one event.
const AHEAD_BYTES: u64 = 1 << 20;
/// At most so many with one pull.
const PULL_EVENTS: usize = 64;
/// And so many bytes.
const PULL_BYTES: u64 = AHEAD_BYTES / 2;

const HERE: &str = "what is in the queues is held";

/// Why a pull is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nats) enum PullEnd {
    /// It brought all that it asked for, or its time is up, or the server is gone.
    Done,
    /// The next event alone is larger than it may bring.
    TooLarge,
}

/// The pulls that are under way, each with what it may still bring.
#[derive(Debug, Default)]
pub(super) struct Pulls {
    under_way: BTreeMap<u64, (Consumer, Load)>,
    /// The next event is larger than a pull with a bound brings.
    is_next_large: [bool; 2],
}

impl Pulls {
    /// A pull has brought an event.
    pub(super) fn brought(&mut self, pull: u64, size_bytes: u64) {
        if let Some((consumer, left)) = self.under_way.get_mut(&pull) {
            left.events = left.events.saturating_sub(1);
            left.bytes = left.bytes.saturating_sub(size_bytes);
            self.is_next_large[usize::from(consumer.is_events())] = false;
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Pulls::default();
    }

    fn asked(&self, consumer: Consumer) -> Load {
        let all = self.under_way.values();
        all.filter(|(of, _)| *of == consumer)
            .map(|(_, left)| *left)
            .sum()
    }

    /// How many events to pull, and how many bytes, where so many are ahead and one `next` asks for
    /// so many. Few are not worth a pull while there are others.
    fn wish(
        &self,
        consumer: Consumer,
        ahead: Load,
        items_max: usize,
    ) -> Option<(usize, Option<u64>)> {
        let asked = self.asked(consumer);
        if asked.events > 0 {
            // A server hands out to its pulls by turns, so that of two neither would be in order.
            return None;
        }
        let ahead_events = usize::try_from(ahead.events + asked.events).unwrap_or(usize::MAX);
        let target = items_max.saturating_mul(2).min(AHEAD_EVENTS);
        let most = items_max.min(PULL_EVENTS);
        let items = target.saturating_sub(ahead_events).min(most);
        let is_bare = ahead_events == 0;
        if items == 0 || (!is_bare && items * 2 < most) {
            return None;
        }
        if self.is_next_large[usize::from(consumer.is_events())] {
            return is_bare.then_some((1, None));
        }
        let has_room = ahead.bytes + asked.bytes + PULL_BYTES <= AHEAD_BYTES;
        (has_room || is_bare).then_some((items, Some(PULL_BYTES)))
    }
}

impl State {
    /// Hands out what is ready within `limit`, or keeps `waker` to be woken when that may have
    /// changed. Has more pulled where less than is wanted is here.
    pub(in crate::nats) fn next(
        &mut self,
        id: SubscriptionId,
        limit: NextLimit,
        waker: &Waker,
        now: Timestamp,
    ) -> Next {
        if self.closed {
            return Next::Over;
        }
        let Some(subscribed) = self.subscribed(id) else {
            return Next::Over;
        };
        if !subscribed.is_paused {
            let handed_out = self.hand_out(id, limit, now);
            self.pull(id, limit);
            if !handed_out.is_empty() {
                return Next::HandedOut(handed_out);
            }
        }
        let Some(subscribed) = self.subscribed(id) else {
            return Next::Over;
        };
        let due = subscribed.queues.next_due(now, limit.dead_letters_max > 0);
        let due = due.filter(|_| !subscribed.is_paused);
        Next::wait(&mut subscribed.waker, waker, due)
    }

    /// The pull is over, whatever it brought.
    pub(in crate::nats) fn pull_ended(&mut self, id: SubscriptionId, pull: u64, end: PullEnd) {
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        let Some((consumer, _)) = subscribed.pulls.under_way.remove(&pull) else {
            return;
        };
        if end == PullEnd::TooLarge {
            subscribed.pulls.is_next_large[usize::from(consumer.is_events())] = true;
        }
        // Whoever waits asks again, and so has more pulled.
        let number = subscribed.number;
        self.wake(number);
    }

    fn hand_out(&mut self, id: SubscriptionId, limit: NextLimit, now: Timestamp) -> Vec<HandedOut> {
        let waiting = self.kept_waiting(id);
        let mut last_token = self.last_serial;
        let Some(subscribed) = self.subscribed(id) else {
            return Vec::new();
        };
        let deferred_max = subscribed.deferred_max.saturating_sub(waiting);
        let turns = subscribed
            .queues
            .hand_out(limit, deferred_max, now, &mut last_token);
        let turns = turns.iter();
        let handed_out = turns.map(|turn| subscribed.handed_out(id, turn)).collect();
        self.last_serial = last_token;
        handed_out
    }

    /// Has more pulled, if it may be handed out.
    fn pull(&mut self, id: SubscriptionId, limit: NextLimit) {
        let waiting = self.kept_waiting(id);
        let has_entries = self.has_entries(id);
        for consumer in [Consumer::Events, Consumer::Due] {
            let pull = self.last_serial + 1;
            let Some(subscribed) = self.subscribed(id) else {
                return;
            };
            let deferred = subscribed.queues.deferred() + waiting;
            let is_stalled = consumer.is_events() && deferred >= subscribed.deferred_max;
            // Without entries none falls due; the first wakes whoever waits.
            let has_none_due = !consumer.is_events() && !has_entries;
            if !subscribed.is_open || is_stalled || has_none_due {
                continue;
            }
            let ahead = subscribed.ahead(consumer);
            let Some((items, bytes)) =
                subscribed
                    .pulls
                    .wish(consumer, ahead, limit.items_max.get())
            else {
                continue;
            };
            let load = Load {
                events: items as u64,
                bytes: bytes.unwrap_or(PULL_BYTES),
            };
            subscribed.pulls.under_way.insert(pull, (consumer, load));
            let to_do = ToDo::Pull {
                id,
                number: subscribed.number,
                epoch: subscribed.epoch,
                consumer,
                pull,
                items,
                bytes,
            };
            self.last_serial = pull;
            self.to_do.push(to_do);
        }
    }

    fn has_entries(&self, id: SubscriptionId) -> bool {
        let subscribed = self.subscriptions.get(id.place);
        subscribed.is_some_and(|subscribed| self.index.sum(subscribed.number).is_some())
    }

    /// How many events are deferred in the index.
    pub(super) fn kept_waiting(&self, id: SubscriptionId) -> usize {
        let subscribed = self.subscriptions.get(id.place);
        let sum = subscribed.and_then(|subscribed| self.index.sum(subscribed.number));
        sum.map_or(0, crate::nats::index::Sum::waiting)
    }
}

impl Subscribed {
    /// What is here of what a consumer handed out and waits for its turn. Of what is due those for
    /// the sink hold up nothing else: of them there may be more.
    fn ahead(&self, consumer: Consumer) -> Load {
        match consumer {
            Consumer::Events => Load {
                events: self.queues.fresh.len() as u64,
                bytes: self.queues.fresh_bytes(),
            },
            Consumer::Due => {
                let again = self.queues.again.values();
                let again = again.filter(|again| again.why != Why::Deferred);
                let due = again.map(|again| again.ticket).filter(|ticket| {
                    let held = self.held.get(&ticket.offset);
                    held.is_some_and(|held| !held.is_of_events())
                });
                due.map(|ticket| Load::of(ticket.size_bytes)).sum()
            }
        }
    }

    fn handed_out(&self, id: SubscriptionId, turn: &Turn<InMemory>) -> HandedOut {
        let ticket = &turn.ticket;
        let held = self.held.get(&ticket.offset).expect(HERE);
        let parked = self.queues.parked.get(&ticket.offset);
        let purpose = match (turn.duty, parked) {
            (Duty::Parked, Some(parked)) => LeasePurpose::DeadLetter(parked.reason.clone()),
            _ => LeasePurpose::Deliver,
        };
        let accepted_at = held.accepted_at;
        HandedOut {
            id: LeaseId {
                subscription: id,
                offset: ticket.offset,
                token: turn.token,
            },
            event: Arc::clone(&held.event),
            sends: ticket.sends,
            accepted_at,
            age_since: accepted_at.max(ticket.redriven_at).max(self.ages_from),
            purpose,
        }
    }
}
