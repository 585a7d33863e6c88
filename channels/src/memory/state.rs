//! The whole store as plain data, and what may happen to it.
//!
//! Each method is one transition: it takes the time as an argument, never waits, and leaves the
//! books balanced. Nothing here knows of tokio or locks; the shell in `memory.rs` holds this
//! under its mutex, and wakes whom a transition says to wake. The transitions stand in four files:
//! here what comes in and goes out, `ending` how leases end, `shedding` what a full store does,
//! `operating` what operators do.

mod ending;
mod operating;
mod shedding;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use sluicegate_event::Event;

use super::bounds::Bounds;
use super::load::Load;
use super::queues::{Duty, Queues, Ticket};
use super::slab::Slab;
use super::slots::{Slot, Slots};
use super::{Matched, MemoryOptions, WhenFull};
use crate::{
    Admission, AppendError, Books, Exhausted, LeasePurpose, NextLimit, ParkReason, Start,
    SubscribeError, SubscriptionKey, SubscriptionSpec, Timestamp,
};

pub(super) use ending::Ending;
pub(super) use operating::position;

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
    next_serial: u64,
    keys_epoch: u64,
    closed: bool,
    woken: Vec<Waker>,
}

/// One subscription.
#[derive(Debug)]
struct Subscribed {
    /// Tells it from a later one at the same place.
    serial: u64,
    name: Arc<str>,
    key: SubscriptionKey,
    exhausted: Exhausted,
    deferred_max: usize,
    paused: bool,
    /// Whether a reading end is alive.
    open: bool,
    waker: Option<Waker>,
    /// The offset of the first event that it could see.
    began: u64,
    tally: Tally,
    queues: Queues,
}

/// How many events a subscription wanted, and how those ended that have ended.
#[derive(Debug, Default)]
struct Tally {
    backlog: u64,
    wanted: u64,
    delivered: u64,
    dead_lettered: u64,
    cancelled: u64,
    discarded_by: Vec<(&'static str, u64)>,
}

impl Tally {
    fn discard(&mut self, reason: &'static str) -> u64 {
        let known = self
            .discarded_by
            .iter()
            .position(|(known, _)| *known == reason);
        let index = known.unwrap_or_else(|| {
            self.discarded_by.push((reason, 0));
            self.discarded_by.len() - 1
        });
        let count = &mut self.discarded_by[index].1;
        *count += 1;
        *count
    }
}

impl Subscribed {
    /// An idle subscription costs nothing per event: what it did not want follows from how many
    /// offsets went by.
    fn books(&self, next_offset: u64) -> Books {
        let passed = next_offset - self.began;
        Books {
            accepted: passed + self.tally.backlog,
            filtered: passed + self.tally.backlog - self.tally.wanted,
            delivered: self.tally.delivered,
            dead_lettered: self.tally.dead_lettered,
            parked: self.queues.parked.len() as u64,
            cancelled: self.tally.cancelled,
            expired: 0,
            discarded: self.tally.discarded_by.iter().map(|(_, count)| count).sum(),
            pending: self.queues.pending() as u64,
        }
    }
}

/// Names one subscription for its reading end and its leases, also after it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SubscriptionId {
    place: usize,
    serial: u64,
}

/// Names one lease; a lease that something else has ended is known by its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeaseId {
    subscription: SubscriptionId,
    offset: u64,
    token: u64,
}

/// What a [`Lease`](crate::Lease) is made of.
#[derive(Debug)]
pub(super) struct HandedOut {
    pub(super) id: LeaseId,
    pub(super) event: Arc<Event>,
    pub(super) offset: u64,
    pub(super) sends: u32,
    pub(super) accepted_at: Timestamp,
    pub(super) age_since: Timestamp,
    pub(super) purpose: LeasePurpose,
}

#[derive(Debug)]
pub(super) enum Next {
    HandedOut(Vec<HandedOut>),
    /// Nothing is ready; the waker is kept. Something may be ready by itself at that time.
    Wait(Option<Timestamp>),
    /// The channel is closed or the subscription deleted.
    Over,
}

/// An event as it stands in the store, for a subscription that starts with the past.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) event: Arc<Event>,
    place: usize,
    offset: u64,
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
            next_serial: 0,
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

    fn serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial
    }

    // ---- in ----

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
            .filter(|matched| matched.keys.iter().any(|key| self.by_key.contains_key(key)))
            .map(|matched| Load::of(matched.size_bytes))
            .sum()
    }

    fn store(&mut self, matched: Matched, now: Timestamp) {
        let offset = self.next_offset;
        self.next_offset += 1;
        let mut place = None;
        for key in &matched.keys {
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

    // ---- subscriptions ----

    /// Opens the subscription of that name, making it with the next event as its first if it is
    /// new. Says whether it is.
    pub(super) fn subscribe(
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
            serial: self.next_serial + 1,
            name: Arc::clone(&spec.name),
            key: spec.key,
            exhausted: spec.exhausted,
            deferred_max: spec.deferred_max.get(),
            paused: false,
            open: true,
            waker: None,
            began: self.next_offset,
            tally: Tally::default(),
            queues: Queues::default(),
        });
        self.next_serial += 1;
        self.by_name.insert(Arc::clone(&spec.name), place);
        place
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
    pub(super) fn close_end(&mut self, id: SubscriptionId) {
        if let Some(subscribed) = self.subscribed(id) {
            subscribed.open = false;
            subscribed.waker = None;
        }
    }

    /// The events held that a new subscription with that start may want, oldest first. Everything
    /// is looked through: a start in the past is rare.
    pub(super) fn held_since(&self, start: Start) -> Vec<Held> {
        let since = match start {
            Start::Latest => return Vec::new(),
            Start::Earliest => Timestamp::default(),
            Start::Time(at) => at,
        };
        let mut held: Vec<Held> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.accepted_at >= since)
            .map(|(place, slot)| Held {
                event: Arc::clone(&slot.event),
                place,
                offset: slot.offset,
            })
            .collect();
        held.sort_by_key(|held| held.offset);
        held
    }

    /// Gives a new subscription those of the events held before that it wants, oldest first, as
    /// far as they are still held.
    pub(super) fn take_backlog(&mut self, id: SubscriptionId, wanted: &[Held]) {
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

    fn subscribed(&mut self, id: SubscriptionId) -> Option<&mut Subscribed> {
        self.subscriptions
            .get_mut(id.place)
            .filter(|subscribed| subscribed.serial == id.serial)
    }

    // ---- out ----

    /// Hands out what is ready within `limit`, or keeps `waker` to be woken when that may have
    /// changed.
    pub(super) fn next(
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
        if !subscribed.paused {
            let handed_out = self.hand_out(id, limit, now);
            if !handed_out.is_empty() {
                return Next::HandedOut(handed_out);
            }
        }
        let Some(subscribed) = self.subscribed(id) else {
            return Next::Over;
        };
        match &mut subscribed.waker {
            Some(kept) => kept.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        let due = subscribed.queues.next_due(limit.dead_letters_max > 0);
        Next::Wait(due.filter(|_| !subscribed.paused))
    }

    fn hand_out(&mut self, id: SubscriptionId, limit: NextLimit, now: Timestamp) -> Vec<HandedOut> {
        let mut handed_out = Vec::new();
        let mut bytes_left = limit.bytes_max as u64;
        let mut dead_letters_left = limit.dead_letters_max;
        while handed_out.len() < limit.items_max.get() {
            let token = self.serial();
            let Some(subscribed) = self.subscribed(id) else {
                break;
            };
            let deferred_max = subscribed.deferred_max;
            let for_sink = dead_letters_left > 0;
            let Some(ready) = subscribed.queues.ready(now, deferred_max, for_sink) else {
                break;
            };
            if ready.size_bytes() > bytes_left && !handed_out.is_empty() {
                break;
            }
            bytes_left = bytes_left.saturating_sub(ready.size_bytes());
            let (ticket, duty) = subscribed.queues.hand_out(ready, token);
            match duty {
                Duty::Deliver => {}
                Duty::HandedOver | Duty::Parked => dead_letters_left -= 1,
            }
            let purpose = subscribed.purpose(ticket, duty);
            let slot = self.slots.get(ticket.place);
            handed_out.push(HandedOut {
                id: LeaseId {
                    subscription: id,
                    offset: ticket.offset,
                    token,
                },
                event: Arc::clone(&slot.event),
                offset: ticket.offset,
                sends: ticket.sends,
                accepted_at: slot.accepted_at,
                age_since: slot.accepted_at.max(ticket.redriven_at),
                purpose,
            });
        }
        handed_out
    }

    /// Refuses what comes in from now on and ends every wait.
    pub(super) fn close(&mut self) {
        self.closed = true;
        for subscribed in self.subscriptions.iter_mut() {
            self.woken.extend(subscribed.waker.take());
        }
    }
}

impl Subscribed {
    fn purpose(&self, ticket: Ticket, duty: Duty) -> LeasePurpose {
        match duty {
            Duty::Deliver => LeasePurpose::Deliver,
            Duty::HandedOver => LeasePurpose::DeadLetter(ParkReason {
                kind: shedding::SHED,
                detail: Arc::from(shedding::SHED_DETAIL),
                dest: None,
                code: None,
                data: bytes::Bytes::new(),
            }),
            Duty::Parked => self
                .queues
                .parked
                .get(&ticket.offset)
                .map_or(LeasePurpose::Deliver, |parked| {
                    LeasePurpose::DeadLetter(parked.reason.clone())
                }),
        }
    }
}

const NAMED: &str = "a name stands for a subscription until it is deleted";

/// A paused subscription has nothing to hand out, so waking its reader for each event would only
/// cost.
fn wake(woken: &mut Vec<Waker>, subscribed: &mut Subscribed) {
    if !subscribed.paused {
        woken.extend(subscribed.waker.take());
    }
}
