//! The whole store as plain data, and what may happen to it.
//!
//! Each method is one transition: it takes the time as an argument, never waits, and leaves the
//! books balanced. Nothing here knows of tokio or locks; the shell in `memory.rs` holds this
//! under its mutex, and wakes whom a transition says to wake. The transitions stand by kind: here
//! what comes in, `subscribing` how subscriptions begin, `leasing` how events go out, `ending` how
//! leases end, `shedding` what a full store does, `operating` what operators do.

mod ending;
mod leasing;
mod operating;
mod shedding;
mod subscribed;
mod subscribing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::bounds::Bounds;
use super::queues::Ticket;
use super::slots::{Slot, Slots};
use super::{Matched, MemoryOptions, WhenFull};
use crate::load::Load;
use crate::reading::SubscriptionId;
use crate::slab::Slab;
use crate::{Admission, AppendError, SubscriptionKey, Timestamp};

pub(super) use ending::Ending;
use subscribed::{Subscribed, wake};
pub(super) use subscribing::Held;

#[derive(Debug)]
pub(super) struct State {
    bounds: Bounds,
    when_full: WhenFull,
    retry_after: Duration,
    slots: Slots,
    subscriptions: Slab<Subscribed>,
    by_name: BTreeMap<Arc<str>, usize>,
    by_key: HashMap<SubscriptionKey, usize>,
    /// What was taken from subscriptions and is on its way to their sinks.
    handed_over: Load,
    /// Also the number of events appended.
    next_offset: u64,
    last_serial: u64,
    keys_epoch: u64,
    closed: bool,
    woken: Vec<Waker>,
}

/// What an append did.
#[derive(Debug)]
pub(super) struct Appended {
    /// The offset of the first event of the batch; the others follow without gaps.
    pub(super) first_offset: u64,
    /// From whom events were discarded to make room, and how many of theirs so far.
    pub(super) discarded: Vec<(Arc<str>, u64)>,
}

fn bounds_of(options: MemoryOptions) -> Bounds {
    Bounds::new(Load {
        events: options.events_max,
        bytes: options.bytes_max,
    })
}

impl State {
    pub(super) fn new(options: MemoryOptions) -> Self {
        State {
            bounds: bounds_of(options),
            when_full: options.when_full,
            retry_after: options.retry_after,
            slots: Slots::new(),
            subscriptions: Slab::new(),
            by_name: BTreeMap::new(),
            by_key: HashMap::new(),
            handed_over: Load::default(),
            next_offset: 0,
            last_serial: 0,
            keys_epoch: 0,
            closed: false,
            woken: Vec::new(),
        }
    }

    /// Goes by other bounds from now on. What is held stays, even past them.
    pub(super) fn reconfigure(&mut self, options: MemoryOptions) {
        self.bounds = bounds_of(options);
        self.when_full = options.when_full;
        self.retry_after = options.retry_after;
    }

    /// Changes whenever the matcher's answer may name a subscription that it could not name
    /// before.
    pub(super) fn keys_epoch(&self) -> u64 {
        self.keys_epoch
    }

    /// Whom the transitions since the last call have to wake.
    pub(super) fn take_woken(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.woken)
    }

    /// Stores the batch, whole or not at all. An event that nobody wants takes an offset and no
    /// storage; keys that stand for no subscription are ignored.
    pub(super) fn append(
        &mut self,
        batch: Vec<Matched>,
        admission: Admission,
        now: Timestamp,
    ) -> Result<Appended, AppendError> {
        if self.closed {
            return Err(AppendError::Closed);
        }
        let need = self.need(&batch);
        self.bounds.could_ever_hold(need, admission)?;
        let discarded = self.make_room(need, admission, now)?;
        let first_offset = self.next_offset;
        for matched in batch {
            self.store(matched, now);
        }
        Ok(Appended {
            first_offset,
            discarded,
        })
    }

    fn need(&self, batch: &[Matched]) -> Load {
        batch
            .iter()
            .filter(|matched| {
                let mut wanted = matched.answers.wanted.iter();
                wanted.any(|key| self.by_key.contains_key(key))
            })
            .map(|matched| Load::of(matched.size_bytes))
            .sum()
    }

    fn store(&mut self, matched: Matched, now: Timestamp) {
        let offset = self.next_offset;
        self.next_offset += 1;
        let mut place = None;
        let places = &self.by_key;
        for place in matched
            .answers
            .undecided
            .iter()
            .filter_map(|key| places.get(key))
        {
            if let Some(subscribed) = self.subscriptions.get_mut(*place) {
                subscribed.tally.undecided += 1;
            }
        }
        for key in &matched.answers.wanted {
            let Some(subscribed) = self
                .by_key
                .get(key)
                .and_then(|at| self.subscriptions.get_mut(*at))
            else {
                continue;
            };
            let place = *place.get_or_insert_with(|| {
                self.slots.put(Slot {
                    event: Arc::clone(&matched.event),
                    offset,
                    size_bytes: matched.size_bytes,
                    accepted_at: now,
                    ordinary: 0,
                    handed_over: 0,
                })
            });
            let ticket = Ticket {
                offset,
                place,
                size_bytes: matched.size_bytes,
                sends: 0,
                redriven_at: Timestamp::default(),
            };
            if subscribed.queues.push_fresh(ticket) {
                self.slots.hold(place);
                subscribed.tally.wanted += 1;
                wake(&mut self.woken, subscribed);
            }
        }
    }

    fn subscribed(&mut self, id: SubscriptionId) -> Option<&mut Subscribed> {
        self.subscriptions
            .get_mut(id.place)
            .filter(|subscribed| subscribed.serial == id.serial)
    }

    /// Refuses what comes in from now on and ends every wait.
    pub(super) fn close(&mut self) {
        self.closed = true;
        for subscribed in self.subscriptions.iter_mut() {
            self.woken.extend(subscribed.waker.take());
        }
    }
}

const NAMED: &str = "a name stands for a subscription until it is deleted";
