//! How subscriptions begin, and begin again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::super::kept::KeptKey;
use super::super::progress::Tally;
use super::held::Queues;
use super::subscribed::{Feed, Subscribed};
use super::{Counts, NAMED, State};
use crate::reading::SubscriptionId;
use crate::{Start, StoreError, SubscribeError, SubscriptionSpec, Timestamp};

/// A subscription that was opened.
#[derive(Debug)]
pub(in super::super) struct Begun {
    pub(in super::super) id: SubscriptionId,
    /// With a new one: answered once that it exists is stored.
    pub(in super::super) saved: Option<oneshot::Receiver<Result<(), StoreError>>>,
}

impl State {
    pub(super) fn insert(&mut self, subscribed: Subscribed) -> usize {
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
        let subscribed = self.subscriptions.get_mut(place).expect(NAMED);
        subscribed.keyed_in = self.keys_epoch;
        let id = subscribed.id(place);
        let saved = known.is_none().then(|| self.save_now(id));
        Ok(Begun { id, saved })
    }

    fn begin(&mut self, spec: &SubscriptionSpec, from: Option<u64>) -> usize {
        let number = self.next_number;
        self.next_number += 1;
        let tail = self.tail;
        let from = from.unwrap_or_else(|| self.latest());
        let from = self.counts.next_from(from, tail);
        self.insert(Subscribed {
            serial: 0,
            number,
            name: Arc::clone(&spec.name),
            key: Some(spec.key),
            keyed_in: 0,
            exhausted: spec.exhausted,
            deferred_max: spec.deferred_max.get(),
            is_paused: false,
            is_open: true,
            waker: None,
            ages_from: Timestamp::default(),
            began: self.counts.at(from),
            feed: if from < self.tail {
                Feed::Behind(from)
            } else {
                Feed::Live
            },
            is_hungry: false,
            fetching: BTreeMap::new(),
            tally: Tally::default(),
            queues: Queues::default(),
            done_ahead: BTreeSet::new(),
            unsaved_ends: 0,
            saving_ends: 0,
            is_unsaved: false,
            is_saved_idle: false,
        })
    }

    /// The ages of the subscription's events count from now on at the earliest.
    pub(in super::super) fn ages_anew(&mut self, name: &str, now: Timestamp) {
        if let Some(id) = self.id_of(name)
            && let Some(subscribed) = self.subscribed(id)
        {
            subscribed.ages_from = now;
        }
    }

    /// Where one begins that asks for nothing that there was before.
    fn latest(&mut self) -> u64 {
        if self.standings_lost == 0 {
            return self.tail;
        }
        self.standings_lost -= 1;
        self.counts.first()
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
        // A key that was given to another name since stands for that one.
        if let Some(key) = known.key
            && self.by_key.get(&key) == Some(&place)
        {
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
}

impl Subscribed {
    /// Lets go of everything that waits below `to`, which is not below its cursor, and says how much
    /// that was.
    pub(super) fn skip_to(
        &mut self,
        to: u64,
        tail: u64,
        counts: &Counts,
        kept_ends: &mut Vec<KeptKey>,
    ) -> u64 {
        let mut discarded = self.others_in(counts, &(self.reads_to(tail)..to));
        while let Some(first) = self.queues.fresh.front()
            && first.offset < to
            && self.queues.pop_fresh().is_some()
        {
            discarded += 1;
        }
        let again = self.queues.again.range(..to);
        let waiting: Vec<u64> = again.map(|(at, _)| *at).collect();
        for offset in waiting {
            if let Some((ticket, _)) = self.queues.remove_again(offset) {
                kept_ends.extend(self.kept_key(&ticket));
                discarded += 1;
            }
        }
        if to > self.reads_to(tail) {
            self.feed = Feed::Behind(to);
        }
        discarded
    }
}
