//! How subscriptions begin, with the next event or with what is held, and how their reading ends
//! come and go.

use std::sync::Arc;

use sluicegate_event::Event;

use super::super::queues::{Queues, Ticket};
use super::subscribed::{Subscribed, Tally};
use super::{NAMED, State};
use crate::reading::SubscriptionId;
use crate::{Start, SubscribeError, SubscriptionSpec, Timestamp};

/// An event as it stands in the store, for a subscription that starts with the past.
#[derive(Debug)]
pub(in super::super) struct Held {
    pub(in super::super) event: Arc<Event>,
    pub(super) place: usize,
    pub(in super::super) offset: u64,
    pub(super) accepted_at: Timestamp,
}

impl State {
    /// Opens the subscription of that name, making it with the next event as its first if it is
    /// new. Says whether it is.
    pub(in super::super) fn subscribe(
        &mut self,
        spec: &SubscriptionSpec,
    ) -> Result<(SubscriptionId, bool), SubscribeError> {
        if self.closed {
            return Err(SubscribeError::Closed);
        }
        let known = self.by_name.get(&spec.name).copied();
        let place = match known {
            Some(place) => self.reopen(place, spec)?,
            None => self.begin(spec),
        };
        self.by_key.insert(spec.key, place);
        self.keys_epoch += 1;
        let serial = self
            .subscriptions
            .get(place)
            .map_or(0, |subscribed| subscribed.serial);
        Ok((SubscriptionId { place, serial }, known.is_none()))
    }

    fn begin(&mut self, spec: &SubscriptionSpec) -> usize {
        let place = self.subscriptions.insert(Subscribed {
            serial: self.last_serial + 1,
            name: Arc::clone(&spec.name),
            key: spec.key,
            exhausted: spec.exhausted,
            deferred_max: spec.deferred_max.get(),
            paused: false,
            open: true,
            waker: None,
            ages_from: Timestamp::default(),
            began: self.next_offset,
            tally: Tally::default(),
            queues: Queues::default(),
        });
        self.last_serial += 1;
        self.by_name.insert(Arc::clone(&spec.name), place);
        place
    }

    /// The ages of the subscription's events count from now on at the earliest.
    pub(in super::super) fn ages_anew(&mut self, name: &str, now: Timestamp) {
        if let Some(subscribed) = self.named(name) {
            subscribed.ages_from = now;
        }
    }

    fn reopen(&mut self, place: usize, spec: &SubscriptionSpec) -> Result<usize, SubscribeError> {
        let known = self.subscriptions.get_mut(place).expect(NAMED);
        if known.open {
            return Err(SubscribeError::AlreadyOpen(Arc::clone(&spec.name)));
        }
        self.by_key.remove(&known.key);
        known.key = spec.key;
        known.exhausted = spec.exhausted;
        known.deferred_max = spec.deferred_max.get();
        known.open = true;
        Ok(place)
    }

    /// The reading end was dropped; the subscription goes on without.
    pub(in super::super) fn close_end(&mut self, id: SubscriptionId) {
        if let Some(subscribed) = self.subscribed(id) {
            subscribed.open = false;
            subscribed.waker = None;
        }
    }

    /// The events held that a new subscription with that start may want, oldest first. Everything
    /// is looked through: a start in the past is rare.
    pub(in super::super) fn held_since(&self, start: Start) -> Vec<Held> {
        let mut held: Vec<Held> = self
            .slots
            .iter()
            .filter(|(_, slot)| match start {
                Start::Latest => false,
                Start::Earliest => true,
                Start::Time(at) => slot.accepted_at >= at,
                Start::At(position) => slot.offset >= position.offset,
            })
            .map(|(place, slot)| Held {
                event: Arc::clone(&slot.event),
                place,
                offset: slot.offset,
                accepted_at: slot.accepted_at,
            })
            .collect();
        held.sort_by_key(|held| held.offset);
        held
    }

    /// Gives a new subscription those of the events held before that it wants, oldest first, as
    /// far as they are still held.
    pub(in super::super) fn take_backlog(&mut self, id: SubscriptionId, wanted: &[Held]) {
        let Some(subscribed) = self
            .subscriptions
            .get_mut(id.place)
            .filter(|subscribed| subscribed.serial == id.serial)
        else {
            return;
        };
        for held in wanted.iter().rev() {
            let Some(slot) = self.slots.find(held.place, held.offset) else {
                continue;
            };
            // What was appended after it began is in its queue already.
            if slot.offset >= subscribed.began {
                continue;
            }
            subscribed.queues.push_backlog(Ticket {
                offset: slot.offset,
                place: held.place,
                size_bytes: slot.size_bytes,
                sends: 0,
                redriven_at: Timestamp::default(),
            });
            subscribed.tally.backlog += 1;
            subscribed.tally.wanted += 1;
            self.slots.hold(held.place);
        }
    }
}
