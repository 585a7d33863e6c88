//! How subscriptions begin, and begin again.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::super::kept::{KeptEntry, KeptState};
use super::super::progress::{Standing, Tally};
use super::held::{Place, Queues, Reason, Ticket};
use super::subscribed::{Feed, Subscribed};
use super::{NAMED, State, timestamp};
use crate::queues::Why;
use crate::reading::SubscriptionId;
use crate::{Exhausted, SeekError, Start, StoreError, SubscribeError, SubscriptionSpec, Timestamp};

/// A subscription that was opened.
#[derive(Debug)]
pub(in super::super) struct Begun {
    pub(in super::super) id: SubscriptionId,
    /// With a new one: answered once that it exists is stored.
    pub(in super::super) saved: Option<oneshot::Receiver<Result<(), StoreError>>>,
}

impl State {
    /// A subscription that there was when the channel was last closed. It is behind, and collects
    /// nothing, until it is opened.
    pub(in super::super) fn restore(&mut self, standing: &Standing, now: Timestamp) {
        let place = self.insert(Subscribed {
            serial: 0,
            number: standing.number,
            name: Arc::clone(&standing.name),
            key: None,
            exhausted: Exhausted::Discard,
            deferred_max: usize::MAX,
            is_paused: standing.is_paused,
            is_open: false,
            waker: None,
            began: standing.began,
            feed: Feed::Behind(standing.reads_on_from),
            is_hungry: false,
            fresh_bytes: 0,
            fetching: 0,
            tally: standing.tally.clone(),
            queues: Queues::default(),
            unsaved_ends: 0,
            saving_ends: 0,
            is_unsaved: false,
            is_saved_idle: standing.is_idle,
        });
        let subscribed = self.subscriptions.get_mut(place).expect(NAMED);
        for exception in &standing.exceptions {
            let ticket = Ticket {
                offset: exception.offset,
                place: Place {
                    held: None,
                    accepted_at: Timestamp::default(),
                    is_kept: false,
                },
                size_bytes: 0,
                sends: exception.sends,
                redriven_at: timestamp(exception.redriven_at_ms),
            };
            subscribed
                .queues
                .put_again(ticket, false, Why::Redriven, now);
        }
    }

    /// What was kept for it. Whatever progress says of the same event is older.
    pub(in super::super) fn restore_kept(&mut self, entry: &KeptEntry) {
        let place = self.by_number.get(&entry.key.subscription);
        let Some(subscribed) = place.and_then(|place| self.subscriptions.get_mut(*place)) else {
            return;
        };
        let queues = &mut subscribed.queues;
        queues.remove_again(entry.key.offset);
        let ticket = |sends| Ticket {
            offset: entry.key.offset,
            place: Place {
                held: None,
                accepted_at: timestamp(entry.accepted_at_ms),
                is_kept: true,
            },
            size_bytes: entry.size_bytes,
            sends,
            redriven_at: timestamp(entry.redriven_at_ms),
        };
        match &entry.state {
            KeptState::Moved { due_ms, sends } => {
                let due = timestamp(*due_ms);
                queues.put_again(ticket(*sends), false, Why::Deferred, due);
            }
            KeptState::Parked {
                reason,
                sends,
                parked_at_ms,
                retry_at_ms,
            } => {
                let reason = Reason {
                    kind: reason,
                    whole: None,
                };
                let retry_at = retry_at_ms.map(timestamp);
                queues.park(ticket(*sends), reason, timestamp(*parked_at_ms), retry_at);
            }
        }
    }

    fn insert(&mut self, subscribed: Subscribed) -> usize {
        let name = Arc::clone(&subscribed.name);
        let number = subscribed.number;
        let serial = self.serial();
        let place = self.subscriptions.insert(Subscribed {
            serial,
            ..subscribed
        });
        self.by_name.insert(name, place);
        self.by_number.insert(number, place);
        place
    }

    /// Whether a subscription of that name would be new.
    pub(in super::super) fn is_new(&self, name: &str) -> bool {
        !self.by_name.contains_key(name)
    }

    /// Opens the subscription of that name. A new one begins with the event at `from`, or with the
    /// next one.
    pub(in super::super) fn subscribe(
        &mut self,
        spec: &SubscriptionSpec,
        from: Option<u64>,
        now: Timestamp,
    ) -> Result<Begun, SubscribeError> {
        if self.closed {
            return Err(SubscribeError::Closed);
        }
        let known = self.by_name.get(&spec.name).copied();
        let place = match known {
            Some(place) => self.reopen(place, spec, now)?,
            None => self.begin(spec, from),
        };
        self.by_key.insert(spec.key, place);
        self.keys_epoch += 1;
        let id = self.subscriptions.get(place).expect(NAMED).id(place);
        let saved = known.is_none().then(|| self.save_now(id));
        Ok(Begun { id, saved })
    }

    fn begin(&mut self, spec: &SubscriptionSpec, from: Option<u64>) -> usize {
        let number = self.next_number;
        self.next_number += 1;
        let from = from.unwrap_or(self.tail).min(self.tail);
        self.insert(Subscribed {
            serial: 0,
            number,
            name: Arc::clone(&spec.name),
            key: Some(spec.key),
            exhausted: spec.exhausted,
            deferred_max: spec.deferred_max.get(),
            is_paused: false,
            is_open: true,
            waker: None,
            began: self.counts.at(from),
            feed: if from < self.tail {
                Feed::Behind(from)
            } else {
                Feed::Live
            },
            is_hungry: false,
            fresh_bytes: 0,
            fetching: 0,
            tally: Tally::default(),
            queues: Queues::default(),
            unsaved_ends: 0,
            saving_ends: 0,
            is_unsaved: false,
            is_saved_idle: false,
        })
    }

    fn reopen(
        &mut self,
        place: usize,
        spec: &SubscriptionSpec,
        now: Timestamp,
    ) -> Result<usize, SubscribeError> {
        let known = self.subscriptions.get_mut(place).expect(NAMED);
        if known.is_open {
            return Err(SubscribeError::AlreadyOpen(Arc::clone(&spec.name)));
        }
        if let Some(key) = known.key {
            self.by_key.remove(&key);
        }
        known.key = Some(spec.key);
        known.deferred_max = spec.deferred_max.get();
        known.is_open = true;
        known.take_exhausted(spec.exhausted, now);
        Ok(place)
    }

    /// The reading end was dropped; the subscription goes on without.
    pub(in super::super) fn close_end(&mut self, id: SubscriptionId) {
        if let Some(subscribed) = self.subscribed(id) {
            subscribed.is_open = false;
            subscribed.waker = None;
        }
    }

    /// A new subscription that could not be stored never was.
    pub(in super::super) fn forget(&mut self, id: SubscriptionId) {
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        let name = Arc::clone(&subscribed.name);
        drop(self.delete(&name));
    }

    /// The offset that a start names, where no file has to be looked at; else the time to look for.
    pub(in super::super) fn offset_of(&self, start: Start) -> Result<u64, Timestamp> {
        match start {
            Start::Latest => Ok(self.tail),
            Start::Earliest => Ok(self.counts.first()),
            Start::At(position) => Ok(position.offset),
            Start::Time(at) => Err(at),
        }
    }

    /// Moves the place that the subscription reads on from. What waits before a later place is
    /// discarded; what lies behind an earlier one is replayed, but for what is unfinished.
    pub(in super::super) fn seek(
        &mut self,
        name: &str,
        to: u64,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, SeekError> {
        let Some(id) = self.id_of(name) else {
            return Err(SeekError::Unknown(Arc::from(name)));
        };
        let tail = self.tail;
        let to = to.clamp(self.counts.first().min(tail), tail);
        let subscribed = self.subscriptions.get_mut(id.place).expect(NAMED);
        let cursor = subscribed.cursor(tail);
        if to >= cursor {
            let unread = subscribed.reads_to(tail)..to;
            let mut discarded = self.counts.between(&unread);
            while let Some(first) = subscribed.queues.fresh.front()
                && first.offset < to
                && let Some(ticket) = subscribed.queues.pop_fresh()
            {
                subscribed.fresh_bytes -= ticket.size_bytes;
                discarded += 1;
            }
            let waiting: Vec<u64> = subscribed
                .queues
                .again
                .range(..to)
                .map(|(at, _)| *at)
                .collect();
            for offset in waiting {
                if let Some((ticket, _)) = subscribed.queues.remove_again(offset) {
                    self.kept_ends.extend(subscribed.kept_key(&ticket));
                    discarded += 1;
                }
            }
            subscribed.discard(super::keeping::BY_THE_OPERATOR, discarded);
            if to > subscribed.reads_to(tail) {
                subscribed.feed = Feed::Behind(to);
            }
        } else {
            subscribed.let_go_of_fresh(0);
            let again = to..cursor;
            let queues = &subscribed.queues;
            let unfinished = queues.again.range(again.clone()).count()
                + queues.leased.range(again.clone()).count()
                + queues.parked.range(again.clone()).count();
            subscribed.tally.replayed += self
                .counts
                .between(&again)
                .saturating_sub(unfinished as u64);
            subscribed.feed = Feed::Behind(to);
        }
        if subscribed.reads_to(tail) >= tail {
            subscribed.feed = Feed::Live;
        }
        let waker = subscribed.waker.take();
        self.woken.readers.extend(waker);
        Ok(self.save_now(id))
    }
}
