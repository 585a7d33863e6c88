//! What operators do to subscriptions.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::held::{Place, Ticket};
use super::subscribed::{Subscribed, wake};
use super::{NAMED, State};
use crate::queues::Why;
use crate::reading::PARTITION;
use crate::{Exhausted, Position, Replayed, SeekError, StoreError, SubscriptionStatus, Timestamp};

/// With so many replayed or redriven events waiting, no more are replayed.
const REPLAYED_MAX: usize = 1_000;

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

    /// Gives the subscription these events once more, from the log of events. What it gives is
    /// answered once that is stored.
    pub(in super::super) fn replay(
        &mut self,
        name: &str,
        positions: &[Position],
        now: Timestamp,
    ) -> Result<(Replayed, Stored), SeekError> {
        let Some(id) = self.id_of(name) else {
            return Err(SeekError::Unknown(Arc::from(name)));
        };
        let tail = self.tail;
        let subscribed = self.subscriptions.get_mut(id.place).expect(NAMED);
        let mut replayed = Replayed::default();
        let again = subscribed.queues.again.values();
        let mut waiting = again.filter(|again| again.why == Why::Redriven).count();
        for position in positions {
            if waiting >= REPLAYED_MAX {
                break;
            }
            replayed.dealt_with += 1;
            let offset = position.offset;
            let is_ours = position.partition == PARTITION && self.counts.has(offset);
            if !is_ours {
                replayed.gone += 1;
            } else if offset >= subscribed.reads_to(tail) || subscribed.queues.has(offset) {
                replayed.unfinished += 1;
            } else {
                subscribed.give_again(offset, now);
                replayed.given += 1;
                waiting += 1;
            }
        }
        wake(&mut self.woken.readers, subscribed);
        Ok((replayed, self.save_now(id)))
    }
}

impl Subscribed {
    fn give_again(&mut self, offset: u64, now: Timestamp) {
        let ticket = Ticket {
            offset,
            place: Place {
                held: None,
                accepted_at: Timestamp::default(),
                is_kept: false,
            },
            size_bytes: 0,
            sends: 0,
            redriven_at: now,
        };
        self.queues.put_again(ticket, false, Why::Redriven, now);
        self.tally.replayed += 1;
    }

    pub(super) fn take_exhausted(&mut self, exhausted: Exhausted, now: Timestamp) {
        self.exhausted = exhausted;
        match exhausted {
            Exhausted::HandOver => self.queues.send_lying_to_sink(now),
            Exhausted::Discard => {}
        }
    }
}
