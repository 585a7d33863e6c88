//! Single events that are due and not in memory: what was moved or parked, what a full buffer has
//! let go of, and what was handed out before a restart.

use std::sync::Arc;

use sluicegate_event::Event;

use super::super::kept::KeptKey;
use super::super::patience::Patience;
use super::State;
use super::held::{Place, Reason};
use crate::reading::SubscriptionId;
use crate::{LostEvents, ParkReason, Timestamp};

/// How many events are fetched at a time for a subscription; the others wait for their turn.
const FETCHING_MAX: usize = 64;

/// An event to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Fetch {
    pub(super) id: SubscriptionId,
    /// Tells it from a later one of the same event.
    serial: u64,
    /// Names it, where it is kept apart.
    pub(in super::super) key: KeptKey,
    /// Whether it is kept apart; else it is in the log of events.
    pub(in super::super) is_kept: bool,
    /// Whether it is parked, so that the reason is needed too.
    pub(in super::super) is_parked: bool,
    /// With what could not be read.
    pub(in super::super) patience: Patience,
}

/// What was read.
#[derive(Debug)]
pub(in super::super) struct Fetched {
    pub(in super::super) event: Arc<Event>,
    /// Known where it was read from the log of events.
    pub(in super::super) accepted_at: Option<Timestamp>,
    pub(in super::super) reason: Option<ParkReason>,
}

impl State {
    /// Asks for what is due and not in memory.
    pub(super) fn ask_for_due(&mut self, id: SubscriptionId, for_sink: bool, now: Timestamp) {
        // Of more than one all but the first would be let go of before they are handed out.
        let fetching_max = if self.buffer.is_over() {
            1
        } else {
            FETCHING_MAX
        };
        loop {
            let serial = self.serial();
            let Some(subscribed) = self.subscribed(id) else {
                return;
            };
            if subscribed.fetching.len() >= fetching_max {
                return;
            }
            let Some(ticket) = subscribed.queues.set_aside_next(now, for_sink) else {
                return;
            };
            subscribed.fetching.insert(ticket.offset, serial);
            let fetch = Fetch {
                id,
                serial,
                key: KeptKey {
                    subscription: subscribed.number,
                    offset: ticket.offset,
                },
                is_kept: ticket.place.is_kept,
                is_parked: subscribed.queues.parked.contains_key(&ticket.offset),
                patience: Patience::default(),
            };
            self.fetches.push_back(fetch);
            self.woken.fetcher = true;
        }
    }

    /// What to read next, at most so many.
    pub(in super::super) fn take_fetches(&mut self, limit: usize) -> Vec<Fetch> {
        let count = self.fetches.len().min(limit);
        self.fetches.drain(..count).collect()
    }

    /// It could not be read for now.
    pub(in super::super) fn fetch_again(&mut self, fetch: Fetch) {
        self.fetches.push_back(fetch);
    }

    /// It was read, or is lost for good.
    pub(in super::super) fn fetched(&mut self, fetch: Fetch, fetched: Option<Fetched>) {
        let Some(subscribed) = self
            .subscriptions
            .get_mut(fetch.id.place)
            .filter(|subscribed| subscribed.serial == fetch.id.serial)
        else {
            return;
        };
        let offset = fetch.key.offset;
        // It may have been ended since, and have come up anew for another reason.
        if subscribed.fetching.get(&offset) != Some(&fetch.serial) {
            return;
        }
        // It may be gone from the disk because it is discarded, which is told in a moment.
        if fetched.is_none()
            && let Some(waiting) = self.discarding.get_mut(&fetch.key)
        {
            *waiting = Some(fetch);
            return;
        }
        subscribed.fetching.remove(&offset);
        let ticket = subscribed.queues.ticket(offset);
        let ticket = ticket.filter(|it| it.place.is_kept == fetch.is_kept);
        let known_at = ticket
            .filter(|_| subscribed.queues.is_aside(offset))
            .map(|ticket| ticket.place.accepted_at);
        match (fetched, known_at) {
            (Some(fetched), Some(known_at)) => {
                let size_bytes = fetched.event.size_bytes() as u64;
                let place = Place {
                    held: Some(self.buffer.hold(fetched.event, size_bytes)),
                    accepted_at: fetched.accepted_at.unwrap_or(known_at),
                    is_kept: fetch.is_kept,
                };
                subscribed.queues.put_back(offset, place, size_bytes);
                if let Some(parked) = subscribed.queues.parked.get_mut(&offset) {
                    parked.reason.whole = fetched.reason.map(Box::new);
                }
            }
            (None, Some(_)) => self.lose(fetch),
            (_, None) => {}
        }
        if let Some(subscribed) = self.subscribed(fetch.id) {
            let reader = subscribed.waker.take();
            self.woken.readers.extend(reader);
        }
        self.make_room();
    }

    /// A dead letter whose event is lost has expired.
    pub(in super::super) fn lose_letter(&mut self, name: &str, offset: u64) {
        let Some(id) = self.id_of(name) else {
            return;
        };
        let Some(subscribed) = self.subscriptions.get_mut(id.place) else {
            return;
        };
        let key = KeptKey {
            subscription: subscribed.number,
            offset,
        };
        if self.discarding.contains_key(&key) {
            return;
        }
        if subscribed.queues.remove_parked(offset).is_some() {
            subscribed.tally.expired += 1;
            self.kept_ends.push(key);
            self.lost_events += LostEvents::exactly(1);
            self.must_save(id);
        }
    }

    fn lose(&mut self, fetch: Fetch) {
        let offset = fetch.key.offset;
        let Some(subscribed) = self.subscribed(fetch.id) else {
            return;
        };
        let pending = subscribed.queues.remove_again(offset).is_some();
        if !pending && subscribed.queues.remove_parked(offset).is_none() {
            return;
        }
        subscribed.tally.expired += 1;
        if fetch.is_kept {
            self.kept_ends.push(fetch.key);
            // What damage to the log of events has taken is counted there.
            self.lost_events += LostEvents::exactly(1);
        }
        self.is_done_with(fetch.id, offset);
    }
}

impl Reason {
    /// What a sink is told; where damage has taken the sentence, at least the word.
    pub(super) fn to_tell(&self) -> ParkReason {
        match &self.whole {
            Some(whole) => (**whole).clone(),
            None => ParkReason::unreadable(self.kind),
        }
    }
}
