//! One subscription as the channel has it in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

use super::super::progress::{Exception, Standing, Tally};
use super::Counts;
use super::held::{Queues, Ticket};
use crate::queues::Why;
use crate::reading::SubscriptionId;
use crate::{Books, Exhausted, SubscriptionKey, Timestamp};

/// How many events a subscription that is behind has before it, at most.
pub(super) const WINDOW_EVENTS: usize = 1_024;
/// And how many bytes of them, but for one event.
pub(super) const WINDOW_BYTES: u64 = 1 << 20;

/// Where its fresh events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// It is given each event as it is accepted.
    Live,
    /// It has yet to read what lies from this offset on.
    Behind(u64),
}

#[derive(Debug)]
pub(super) struct Subscribed {
    /// Tells it from a later one at the same place.
    pub(super) serial: u64,
    /// Stands for it in the files.
    pub(super) number: u64,
    pub(super) name: Arc<str>,
    /// None until it is opened: then nobody knows what it wants.
    pub(super) key: Option<SubscriptionKey>,
    /// The matcher knows the key from this epoch on.
    pub(super) keyed_in: u64,
    pub(super) exhausted: Exhausted,
    pub(super) deferred_max: usize,
    pub(super) is_paused: bool,
    /// Whether a reading end is alive.
    pub(super) is_open: bool,
    pub(super) waker: Option<Waker>,
    /// From no earlier than this do the ages of its events count.
    pub(super) ages_from: Timestamp,
    /// How many events there were before its first.
    pub(super) began: u64,
    pub(super) feed: Feed,
    /// Whether it stands in the queue of the hungry.
    pub(super) is_hungry: bool,
    /// The events that are being fetched for it, each with what tells the latest fetch from others.
    pub(super) fetching: BTreeMap<u64, u64>,
    pub(super) tally: Tally,
    pub(super) queues: Queues,
    /// Done with, beyond what it has yet to hand out for the first time since it has gone back.
    pub(super) done_ahead: BTreeSet<u64>,
    /// How many events have ended since its progress was last taken to be stored.
    pub(super) unsaved_ends: u32,
    /// How many had ended by then, while it is being stored.
    pub(super) saving_ends: u32,
    /// Whether its progress is to be stored.
    pub(super) is_unsaved: bool,
    /// Whether what is stored of it says that it is idle.
    pub(super) is_saved_idle: bool,
}

impl Subscribed {
    pub(super) fn id(&self, place: usize) -> SubscriptionId {
        SubscriptionId {
            place,
            serial: self.serial,
        }
    }

    /// The offset of the first event that was not read for it.
    pub(super) fn reads_to(&self, tail: u64) -> u64 {
        match self.feed {
            Feed::Live => tail,
            Feed::Behind(from) => from,
        }
    }

    /// The offset that it would have to read on from after a restart.
    pub(super) fn cursor(&self, tail: u64) -> u64 {
        let fresh = self.queues.fresh.front().map(|ticket| ticket.offset);
        fresh.unwrap_or_else(|| self.reads_to(tail))
    }

    pub(super) fn has_room(&self) -> bool {
        self.queues.fresh.len() < WINDOW_EVENTS && self.queues.fresh_bytes() < WINDOW_BYTES
    }

    /// Whether it is behind, asks for more, and could hand it out.
    pub(super) fn wants_more(&self) -> bool {
        matches!(self.feed, Feed::Behind(_))
            && self.is_open
            && !self.is_paused
            && self.queues.deferred() < self.deferred_max
            && self.queues.fresh.len() < WINDOW_EVENTS / 2
            && self.queues.fresh_bytes() < WINDOW_BYTES / 2
    }

    /// Empties what waits and was never handed out, from the newest on, until so many are left.
    pub(super) fn let_go_of_fresh(&mut self, left: usize) -> Option<u64> {
        let mut first = None;
        while self.queues.fresh.len() > left
            && let Some(ticket) = self.queues.pop_newest()
        {
            first = Some(ticket.offset);
        }
        if let Some(first) = first {
            // It comes by these once more.
            let ahead = self.done_ahead.split_off(&first);
            let again = ahead.iter().filter(|at| !self.queues.has(**at));
            self.tally.replayed += again.count() as u64;
        }
        first
    }

    /// An event below the offset that it reads on from is done with.
    pub(super) fn has_done(&mut self, offset: u64) {
        if let Some(first) = self.queues.fresh.front()
            && first.offset < offset
        {
            self.done_ahead = self.done_ahead.split_off(&first.offset);
            self.done_ahead.insert(offset);
        }
    }

    /// Whether it has nothing to do that a restart would have to know of.
    pub(super) fn is_idle(&self) -> bool {
        self.feed == Feed::Live
            && self.queues.fresh.is_empty()
            && self.unfinished().next().is_none()
    }

    /// What was handed out or comes up again, and is not kept apart.
    fn unfinished(&self) -> impl Iterator<Item = &Ticket> {
        let leased = self.queues.leased.values().map(|leased| &leased.ticket);
        let again = self.queues.again.values().map(|again| &again.ticket);
        let both = leased.chain(again);
        both.filter(|ticket| !ticket.place.is_kept)
    }

    /// What is to be stored of it.
    pub(super) fn standing(&self, tail: u64) -> Standing {
        let mut exceptions: Vec<Exception> = self
            .unfinished()
            .map(|ticket| Exception {
                offset: ticket.offset,
                sends: ticket.sends,
                redriven_at_ms: ticket.redriven_at.signed_millis(),
            })
            .collect();
        exceptions.sort_unstable_by_key(|exception| exception.offset);
        Standing {
            number: self.number,
            name: Arc::clone(&self.name),
            began: self.began,
            reads_on_from: self.cursor(tail),
            is_idle: self.is_idle(),
            exceptions,
            tally: self.tally.clone(),
            is_paused: self.is_paused,
        }
    }

    /// Counts `count` more discarded for that reason.
    pub(super) fn discard(&mut self, reason: &str, count: u64) {
        count_discarded(&mut self.tally, reason, count);
    }

    /// Whether it will ask the log for an event at these offsets, or has one of them.
    pub(super) fn needs(&self, offsets: &Range<u64>, tail: u64) -> bool {
        let again = &self.queues.again;
        self.cursor(tail) < offsets.end
            || self.queues.leased.range(offsets.clone()).next().is_some()
            || again
                .range(offsets.clone())
                .any(|(_, it)| !it.ticket.place.is_kept)
    }

    /// How many events at these offsets are neither before it nor parked: after it has gone back,
    /// or stored less of its progress than of what is kept, some are that it has still to come by.
    pub(super) fn others_in(&self, counts: &Counts, offsets: &Range<u64>) -> u64 {
        if offsets.is_empty() {
            return 0;
        }
        let queues = &self.queues;
        let leased = queues.leased.range(offsets.clone()).map(|(at, _)| at);
        let again = queues.again.range(offsets.clone()).map(|(at, _)| at);
        let parked = queues.parked.range(offsets.clone()).map(|(at, _)| at);
        let known = leased
            .chain(again)
            .chain(parked)
            .filter(|at| counts.has(**at));
        counts.between(offsets) - known.count() as u64
    }

    /// How many events were not read for it yet.
    pub(super) fn unread(&self, counts: &Counts, tail: u64) -> u64 {
        self.others_in(counts, &(self.reads_to(tail)..tail))
    }

    /// What it did not want follows from the rest, so an event that it does not want costs nothing.
    pub(super) fn books(&self, counts: &Counts, tail: u64) -> Books {
        let tally = &self.tally;
        let mut books = Books {
            accepted: counts.at(tail).saturating_sub(self.began),
            replayed: tally.replayed,
            filtered: 0,
            delivered: tally.delivered,
            dead_lettered: tally.dead_lettered,
            parked: self.queues.parked.len() as u64,
            cancelled: tally.cancelled,
            expired: tally.expired,
            discarded: tally.discarded_by.iter().map(|(_, count)| count).sum(),
            pending: self.queues.pending() as u64 + self.unread(counts, tail),
        };
        let all = books.accepted + books.replayed;
        books.filtered = all.saturating_sub(books.states());
        books
    }

    /// Counts how many wait for a short time, in memory only.
    pub(super) fn short_waits(&self) -> usize {
        let again = self.queues.again.values();
        again
            .filter(|again| again.why == Why::Deferred && !again.ticket.place.is_kept)
            .count()
    }
}

/// Counts `count` more discarded for that reason.
pub(super) fn count_discarded(tally: &mut Tally, reason: &str, count: u64) {
    let known = &mut tally.discarded_by;
    match known.iter_mut().find(|(known, _)| &**known == reason) {
        Some((_, so_far)) => *so_far += count,
        None if count > 0 => known.push((reason.into(), count)),
        None => {}
    }
}

/// A paused subscription has nothing to hand out, so waking its reader for each event would only
/// cost.
pub(super) fn wake(woken: &mut Vec<Waker>, subscribed: &mut Subscribed) {
    if !subscribed.is_paused {
        woken.extend(subscribed.waker.take());
    }
}
