//! What operators do to subscriptions.

use tokio::sync::oneshot;

use super::subscribed::{Subscribed, wake};
use super::{NAMED, State};
use crate::{Exhausted, ParkedSince, Position, StoreError, SubscriptionStatus, Timestamp};

/// Answered once something is stored, or could not be.
type Stored = oneshot::Receiver<Result<(), StoreError>>;

impl State {
    /// What this gives, if it changes anything, is answered once that is stored.
    pub(in super::super) fn pause(&mut self, name: &str, paused: bool) -> Option<Stored> {
        let id = self.id_of(name)?;
        let subscribed = self.subscriptions.get_mut(id.place).expect(NAMED);
        if subscribed.is_paused == paused {
            return None;
        }
        subscribed.is_paused = paused;
        let waker = subscribed.waker.take();
        self.woken.readers.extend(waker);
        Some(self.save_now(id))
    }

    /// Gives the sink, once there is one, what lies parked without.
    pub(in super::super) fn set_exhausted(
        &mut self,
        name: &str,
        exhausted: Exhausted,
        now: Timestamp,
    ) {
        let woken = &mut self.woken.readers;
        let Some(place) = self.by_name.get(name) else {
            return;
        };
        let subscribed = self.subscriptions.get_mut(*place).expect(NAMED);
        subscribed.take_exhausted(exhausted, now);
        wake(woken, subscribed);
    }

    /// Ends the subscription with everything it held, dead letters too: its name is gone, so
    /// nobody could ask for them. Gives how it stood, and is answered once that it is gone is stored.
    pub(in super::super) fn delete(&mut self, name: &str) -> Option<(SubscriptionStatus, Stored)> {
        let place = self.by_name.remove(name)?;
        let mut subscribed = self.subscriptions.remove(place).expect(NAMED);
        // A key that was given to another name since stands for that one.
        if let Some(key) = subscribed.key
            && self.by_key.get(&key) == Some(&place)
        {
            self.by_key.remove(&key);
        }
        self.woken.readers.extend(subscribed.waker.take());
        let unread = subscribed.unread(&self.counts, self.tail);
        let queues = &mut subscribed.queues;
        let unleased = queues.drain_unleased().len();
        let leased = std::mem::take(&mut queues.leased).len();
        let parked = std::mem::take(&mut queues.parked).len();
        subscribed.tally.cancelled += (unleased + leased + parked) as u64 + unread;
        subscribed.feed = super::subscribed::Feed::Live;
        self.by_number.remove(&subscribed.number);
        let stored = self.has_deleted(subscribed.number);
        Some((self.status(&subscribed), stored))
    }

    /// Since when dead letters of a subscription lie, from the place after `after` on.
    pub(in super::super) fn parked_since(
        &self,
        name: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Vec<ParkedSince> {
        let place = self.by_name.get(name);
        let subscribed = place.and_then(|place| self.subscriptions.get(*place));
        subscribed.map_or_else(Vec::new, |it| it.queues.parked_since(after, limit))
    }
}

impl Subscribed {
    pub(super) fn take_exhausted(&mut self, exhausted: Exhausted, now: Timestamp) {
        self.exhausted = exhausted;
        match exhausted {
            Exhausted::HandOver => self.queues.send_lying_to_sink(now),
            Exhausted::Discard => {}
        }
    }
}
