//! What operators do to subscriptions and dead letters, and what they are shown.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::queues::{Parked, Ticket, Why};
use super::super::slots::Holder;
use super::{NAMED, State, Subscribed, wake};
use crate::queues::{self, REPLAYED_MAX};
use crate::reading::{PARTITION, position};
use crate::{
    BY_THE_OPERATOR, ChannelStatus, DeadLetter, DeadLetterKey, DurabilityClass, Exhausted,
    Position, Replayed, Retained, RetainedPage, SeekError, Start, SubscriptionStatus, Timestamp,
};

impl State {
    pub(in super::super) fn pause(&mut self, name: &str, paused: bool, now: Timestamp) {
        if let Some(subscribed) = self.named(name) {
            if subscribed.paused && !paused {
                subscribed.ages_from = now;
            }
            subscribed.paused = paused;
            let waker = subscribed.waker.take();
            self.woken.extend(waker);
        }
    }

    /// Gives the sink, once there is one, what lies parked without.
    pub(in super::super) fn set_exhausted(
        &mut self,
        name: &str,
        exhausted: Exhausted,
        now: Timestamp,
    ) {
        let Some(place) = self.by_name.get(name) else {
            return;
        };
        let subscribed = self.subscriptions.get_mut(*place).expect(NAMED);
        subscribed.exhausted = exhausted;
        match exhausted {
            Exhausted::HandOver => {
                subscribed.queues.send_lying_to_sink(now);
                wake(&mut self.woken, subscribed);
            }
            Exhausted::Discard => {}
        }
    }

    /// Ends the subscription with everything it held, dead letters too: its name is gone, so
    /// nobody could ask for them.
    pub(in super::super) fn delete(&mut self, name: &str) -> Option<SubscriptionStatus> {
        let place = self.by_name.remove(name)?;
        let mut subscribed = self.subscriptions.remove(place).expect(NAMED);
        // A key that was given to another name since stands for that one.
        if self.by_key.get(&subscribed.key) == Some(&place) {
            self.by_key.remove(&subscribed.key);
        }
        self.woken.extend(subscribed.waker.take());
        let queues = &mut subscribed.queues;
        let unleased = queues.drain_unleased();
        let leased = std::mem::take(&mut queues.leased);
        let parked = std::mem::take(&mut queues.parked);
        let leased = leased
            .into_values()
            .map(|leased| (leased.ticket, leased.handed_over));
        let parked = parked.into_values().map(|parked| (parked.ticket, false));
        for (ticket, handed_over) in unleased.into_iter().chain(leased).chain(parked) {
            subscribed.tally.cancelled += 1;
            self.let_go_of(ticket, handed_over);
        }
        Some(self.status(&subscribed))
    }

    /// Ends what waits or is deferred as discarded. What is leased or parked stays.
    pub(in super::super) fn seek(&mut self, name: &str, to: Start) -> Result<(), SeekError> {
        let Some(subscribed) = self.named(name) else {
            return Err(SeekError::Unknown(Arc::from(name)));
        };
        match to {
            Start::Earliest | Start::Time(_) | Start::At(_) => return Err(SeekError::NotRetained),
            Start::Latest => {}
        }
        let drained = subscribed.queues.drain_unleased();
        for _ in &drained {
            subscribed.tally.discard(BY_THE_OPERATOR);
        }
        let waker = subscribed.waker.take();
        self.woken.extend(waker);
        for (ticket, handed_over) in drained {
            self.let_go_of(ticket, handed_over);
        }
        Ok(())
    }

    /// Makes a dead letter pending again. A try at its sink that is under way ends without effect.
    pub(in super::super) fn redrive(&mut self, key: &DeadLetterKey, now: Timestamp) -> bool {
        let Some(parked) = self.unpark(key) else {
            return false;
        };
        let Some(subscribed) = self.named(&key.subscription) else {
            return false;
        };
        let ticket = Ticket {
            sends: 0,
            redriven_at: now,
            ..parked.ticket
        };
        subscribed
            .queues
            .put_again(ticket, false, Why::Redriven, now);
        if let Some(place) = self.by_name.get(&key.subscription)
            && let Some(subscribed) = self.subscriptions.get_mut(*place)
        {
            wake(&mut self.woken, subscribed);
        }
        true
    }

    /// Ends a dead letter. A try at its sink that is under way ends without effect.
    pub(in super::super) fn discard(&mut self, key: &DeadLetterKey, by: &'static str) -> bool {
        let Some(parked) = self.unpark(key) else {
            return false;
        };
        if let Some(subscribed) = self.named(&key.subscription) {
            subscribed.tally.discard(by);
        }
        self.slots.let_go(parked.ticket.place, Holder::Ordinary);
        true
    }

    /// Since when dead letters of a subscription lie, from the place after `after` on.
    pub(in super::super) fn parked(
        &mut self,
        name: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Vec<crate::ParkedSince> {
        let subscribed = self.named(name);
        subscribed.map_or_else(Vec::new, |it| it.queues.parked_since(after, limit))
    }

    /// The events that somebody holds; the others are gone.
    pub(in super::super) fn retained(&self, from: Start, limit: usize) -> RetainedPage {
        let held = self.held_since(from);
        let next = held.get(limit).map(|held| position(held.offset));
        let shown = held.into_iter().take(limit).map(|held| Retained {
            position: position(held.offset),
            accepted_at: held.accepted_at,
            event: held.event,
        });
        RetainedPage {
            events: shown.collect(),
            next,
            lost: 0,
        }
    }

    /// Gives the subscription those of the events once more that another still holds.
    pub(in super::super) fn replay(
        &mut self,
        name: &str,
        positions: &[Position],
        now: Timestamp,
    ) -> Result<Replayed, SeekError> {
        let Some(place) = self.by_name.get(name).copied() else {
            return Err(SeekError::Unknown(Arc::from(name)));
        };
        let held: HashMap<u64, usize> = self
            .slots
            .iter()
            .map(|(place, slot)| (slot.offset, place))
            .collect();
        let subscribed = self.subscriptions.get_mut(place).expect(NAMED);
        let mut replayed = Replayed::default();
        for position in positions {
            if subscribed.queues.waiting() >= REPLAYED_MAX {
                break;
            }
            replayed.dealt_with += 1;
            let slot = held
                .get(&position.offset)
                .filter(|_| position.partition == PARTITION);
            if subscribed.queues.has(position.offset) {
                replayed.unfinished += 1;
                replayed.passed_over.push(*position);
            } else if let Some(slot) = slot {
                let ticket = Ticket {
                    offset: position.offset,
                    place: *slot,
                    size_bytes: self.slots.get(*slot).size_bytes,
                    sends: 0,
                    redriven_at: now,
                };
                self.slots.hold(*slot);
                subscribed
                    .queues
                    .put_again(ticket, false, Why::Redriven, now);
                subscribed.tally.replayed += 1;
                replayed.given += 1;
            } else {
                replayed.gone += 1;
                replayed.passed_over.push(*position);
            }
        }
        wake(&mut self.woken, subscribed);
        Ok(replayed)
    }

    fn unpark(&mut self, key: &DeadLetterKey) -> Option<Parked> {
        if key.position.partition != PARTITION {
            return None;
        }
        self.named(&key.subscription)?
            .queues
            .remove_parked(key.position.offset)
    }

    pub(super) fn named(&mut self, name: &str) -> Option<&mut Subscribed> {
        let place = *self.by_name.get(name)?;
        self.subscriptions.get_mut(place)
    }

    fn let_go_of(&mut self, ticket: Ticket, handed_over: bool) {
        if handed_over {
            self.let_go_of_taken(ticket);
        } else {
            self.slots.let_go(ticket.place, Holder::Ordinary);
        }
    }

    // ---- what is shown ----

    /// By position and then by name.
    pub(in super::super) fn dead_letters(
        &self,
        name: Option<&str>,
        after: Option<&DeadLetterKey>,
        limit: usize,
    ) -> Vec<DeadLetter> {
        let asked_for = self
            .by_name
            .iter()
            .filter(|(known, _)| name.is_none_or(|name| name == &***known));
        let parked = asked_for.filter_map(|(known, place)| {
            let subscribed = self.subscriptions.get(*place)?;
            Some((known, &subscribed.queues.parked))
        });
        let page = queues::page(parked, after, limit);
        page.into_iter()
            .map(|(name, parked)| self.dead_letter(name, parked))
            .collect()
    }

    fn dead_letter(&self, name: &Arc<str>, parked: &Parked) -> DeadLetter {
        let slot = self.slots.get(parked.ticket.place);
        DeadLetter {
            key: DeadLetterKey {
                subscription: Arc::clone(name),
                position: position(parked.ticket.offset),
            },
            event: Arc::clone(&slot.event),
            reason: parked.reason.clone(),
            sends: parked.ticket.sends,
            accepted_at: slot.accepted_at,
            parked_at: parked.parked_at,
            retry_at: parked.retry_at,
        }
    }

    /// Looks at each subscription once, and at no event but the oldest of each.
    pub(in super::super) fn describe(&self) -> ChannelStatus {
        let named = self
            .by_name
            .values()
            .filter_map(|place| self.subscriptions.get(*place));
        let oldest = named
            .clone()
            .filter_map(|subscribed| subscribed.queues.oldest())
            .min_by_key(|ticket| ticket.offset);
        ChannelStatus {
            class: DurabilityClass::Memory,
            events: self.slots.used().events,
            bytes: self.slots.used().bytes,
            events_max: Some(self.bounds.all.events),
            bytes_max: Some(self.bounds.all.bytes),
            oldest_accepted_at: oldest.map(|ticket| self.slots.get(ticket.place).accepted_at),
            appended: self.next_offset,
            disk: None,
            subscriptions: named.map(|subscribed| self.status(subscribed)).collect(),
        }
    }

    fn status(&self, subscribed: &Subscribed) -> SubscriptionStatus {
        let queues = &subscribed.queues;
        let oldest = queues.oldest_pending();
        SubscriptionStatus {
            name: Arc::clone(&subscribed.name),
            key: subscribed.key,
            books: subscribed.books(self.next_offset),
            undecided: subscribed.tally.undecided,
            waiting: queues.waiting() as u64,
            unread: 0,
            deferred: queues.deferred() as u64,
            leased: queues.leased.len() as u64,
            oldest_pending_accepted_at: oldest
                .map(|ticket| self.slots.get(ticket.place).accepted_at),
            next_due_at: queues.first_deferred_until(),
            paused: subscribed.paused,
            stalled: queues.deferred() >= subscribed.deferred_max,
            discarded_by: subscribed.tally.discarded_by.clone(),
        }
    }
}
