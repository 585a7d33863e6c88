//! One subscription as the store keeps it: its settings, its tally and where its events stand.

use std::sync::Arc;
use std::task::Waker;

use super::super::queues::{Duty, Queues, Ticket};
use super::shedding;
use crate::{Books, Exhausted, LeasePurpose, ParkReason, SubscriptionKey, Timestamp};

/// One subscription.
#[derive(Debug)]
pub(super) struct Subscribed {
    /// Tells it from a later one at the same place.
    pub(super) serial: u64,
    pub(super) name: Arc<str>,
    pub(super) key: SubscriptionKey,
    pub(super) exhausted: Exhausted,
    pub(super) deferred_max: usize,
    pub(super) paused: bool,
    /// Whether a reading end is alive.
    pub(super) open: bool,
    pub(super) waker: Option<Waker>,
    /// From no earlier than this do the ages of its events count.
    pub(super) ages_from: Timestamp,
    /// The offset of the first event that it could see.
    pub(super) began: u64,
    pub(super) tally: Tally,
    pub(super) queues: Queues,
}

/// How many events a subscription wanted, and how those ended that have ended.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) backlog: u64,
    pub(super) wanted: u64,
    pub(super) undecided: u64,
    pub(super) replayed: u64,
    pub(super) delivered: u64,
    pub(super) dead_lettered: u64,
    pub(super) cancelled: u64,
    pub(super) discarded_by: Vec<(&'static str, u64)>,
}

impl Tally {
    /// Counts one more discarded for that reason, and says how many they are.
    pub(super) fn discard(&mut self, reason: &'static str) -> u64 {
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
    pub(super) fn books(&self, next_offset: u64) -> Books {
        let passed = next_offset - self.began;
        Books {
            accepted: passed + self.tally.backlog,
            replayed: self.tally.replayed,
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

    /// What the lease of an event with that duty is handed out for.
    pub(super) fn purpose(&self, ticket: Ticket, duty: Duty) -> LeasePurpose {
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

/// A paused subscription has nothing to hand out, so waking its reader for each event would only
/// cost.
pub(super) fn wake(woken: &mut Vec<Waker>, subscribed: &mut Subscribed) {
    if !subscribed.paused {
        woken.extend(subscribed.waker.take());
    }
}
