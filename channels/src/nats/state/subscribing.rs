//! How subscriptions begin, change and go. All of it is agreed on in the control stream first; here
//! it takes effect.

use std::sync::Arc;

use super::moving::Left;
use super::subscribed::Subscribed;
use super::{NAMED, State};
use crate::nats::control::record::Record;
use crate::reading::SubscriptionId;
use crate::{Exhausted, SubscribeError, SubscriptionSpec, SubscriptionStatus, Timestamp};

/// Of one that is not open here nothing is deferred here.
const NOT_OPEN_DEFERRED_MAX: usize = usize::MAX;

impl State {
    /// A record was read or written. Gives what is let go of because the subscription went to another
    /// place, where it did; what is leased stays leased.
    pub(in crate::nats) fn recorded(&mut self, record: &Record, now: Timestamp) -> Option<Left> {
        let Some(place) = self.by_name.get(&record.name).copied() else {
            self.insert(Subscribed::new(record, NOT_OPEN_DEFERRED_MAX, now));
            return None;
        };
        let known = self.subscriptions.get(place).expect(NAMED);
        let handed_to = known.handed_to;
        let unread = (known.epoch < record.epoch).then(|| self.unread_of(known));
        let subscribed = self.subscriptions.get_mut(place).expect(NAMED);
        if subscribed.number != record.number {
            // It was deleted and made again before anybody looked.
            drop(self.deleted(&record.name, now));
            return self.recorded(record, now);
        }
        subscribed.began = record.began;
        let was_paused = std::mem::replace(&mut subscribed.is_paused, record.is_paused);
        match (was_paused, record.is_paused) {
            (false, true) => subscribed.paused_at = now,
            (true, false) => subscribed.ages_from = now,
            (false, false) | (true, true) => {}
        }
        let left = unread.map(|unread| {
            subscribed.epoch = record.epoch;
            subscribed.ages_from = now;
            Left {
                let_go: subscribed.leave_place(),
                handed_to,
                unread,
            }
        });
        self.woken.extend(subscribed.waker.take());
        left
    }

    /// The age of events counts from now on at the earliest.
    pub(in crate::nats) fn ages_anew(&mut self, name: &str, now: Timestamp) {
        if let Some(place) = self.by_name.get(name)
            && let Some(subscribed) = self.subscriptions.get_mut(*place)
        {
            subscribed.ages_from = now;
        }
    }

    /// Opens the subscription of that name; none where no record of it has been told of. Whoever opens
    /// one that has a sink says so once more, for what lies parked since before there was one:
    /// [`Self::set_exhausted`].
    ///
    /// # Errors
    ///
    /// When it is open, or the channel is closed.
    pub(in crate::nats) fn subscribe(
        &mut self,
        spec: &SubscriptionSpec,
    ) -> Result<Option<SubscriptionId>, SubscribeError> {
        if self.closed {
            return Err(SubscribeError::Closed);
        }
        let Some(place) = self.by_name.get(&spec.name).copied() else {
            return Ok(None);
        };
        let subscribed = self.subscriptions.get_mut(place).expect(NAMED);
        if subscribed.is_open {
            return Err(SubscribeError::AlreadyOpen(Arc::clone(&spec.name)));
        }
        let known = subscribed.key.replace(spec.key);
        subscribed.is_open = true;
        subscribed.exhausted = spec.exhausted;
        subscribed.deferred_max = spec.deferred_max.get();
        self.keys_epoch += 1;
        if known != Some(spec.key) {
            subscribed.keyed_in = self.keys_epoch;
        }
        let id = subscribed.id(place);
        // A key that was given to another name since stands for that one.
        if let Some(known) = known
            && self.by_key.get(&known) == Some(&place)
        {
            self.by_key.remove(&known);
        }
        self.by_key.insert(spec.key, place);
        Ok(Some(id))
    }

    /// The reading end was dropped; what is held stays held.
    pub(in crate::nats) fn close_end(&mut self, id: SubscriptionId) {
        if let Some(subscribed) = self.subscribed(id) {
            subscribed.is_open = false;
            subscribed.waker = None;
        }
    }

    /// The subscription was deleted, here or elsewhere. Gives how it stood; what it still had is
    /// cancelled. What is held need not be acknowledged: its consumers are gone.
    pub(in crate::nats) fn deleted(
        &mut self,
        name: &str,
        now: Timestamp,
    ) -> Option<SubscriptionStatus> {
        let status = self.status_of(name, now)?;
        let place = self.by_name.remove(name)?;
        let mut subscribed = self.subscriptions.remove(place).expect(NAMED);
        if let Some(key) = subscribed.key
            && self.by_key.get(&key) == Some(&place)
        {
            self.by_key.remove(&key);
        }
        self.by_number.remove(&subscribed.number);
        self.index.forget(subscribed.number);
        self.woken.extend(subscribed.waker.take());
        let mut books = status.books;
        books.cancelled += books.pending + books.parked;
        books.pending = 0;
        books.parked = 0;
        Some(SubscriptionStatus {
            books,
            waiting: 0,
            unread: 0,
            deferred: 0,
            leased: 0,
            oldest_pending_accepted_at: None,
            next_due_at: None,
            ..status
        })
    }

    /// What the subscription does when its events are given up on; see [`Self::set_exhausted`].
    pub(in crate::nats) fn exhausted(&self, name: &str) -> Option<Exhausted> {
        Some(self.named(name)?.exhausted)
    }

    fn insert(&mut self, subscribed: Subscribed) {
        let name = Arc::clone(&subscribed.name);
        let number = subscribed.number;
        let serial = self.serial();
        let place = self.subscriptions.insert(Subscribed {
            serial,
            ..subscribed
        });
        self.by_name.insert(name, place);
        self.by_number.insert(number, place);
    }
}

impl Subscribed {
    /// Forgets what waits of the first stream, and gives where that stood: another consumer hands out
    /// what is to come again.
    fn leave_place(&mut self) -> Vec<u64> {
        let queues = &self.queues;
        let waits = self.held.iter().filter(|(position, held)| {
            held.is_of_events() && !queues.leased.contains_key(position)
        });
        let waits: Vec<u64> = waits.map(|(position, _)| *position).collect();
        for position in &waits {
            self.held.remove(position);
            self.queues.remove(*position);
        }
        self.pulls.clear();
        self.settled.clear();
        self.figures = None;
        self.others = 0;
        self.acknowledged = 0;
        waits
    }
}
