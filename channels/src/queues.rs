//! Where the events of one subscription stand, for the stores that keep this in memory. Plain data:
//! time is handed in.
//!
//! ```text
//!   fresh ────► leased ────► gone (settled)
//!                │ ▲ │
//!                ▼ │ ▼
//!            again ┘ parked
//! ```
//!
//! Each event is in exactly one of these. *Fresh* ones were never handed out, in the order of
//! their offsets. *Again* are those pending events that come up once more: deferred, handed back,
//! redriven, or taken by a full store. The *agenda* says when each of them is due; the *sink's
//! agenda* when those that a full store took, and the parked events with a retry time, are to be
//! sent to the dead-letter sink.
//!
//! What comes up again and what is fresh take turns, so that neither thousands of poison events
//! nor a long backlog starves the other; only a lease that was dropped goes before both, since it
//! had its turn already and there are never more of these than were leased at a time.

#[cfg(test)]
mod audit;
mod dead_letters;
mod fetching;
mod listing;
mod overview;
mod takeable;
mod ticket;
mod turns;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::Timestamp;
use crate::load::Load;

#[cfg(test)]
use self::dead_letters::ParkedState;
pub(crate) use self::dead_letters::{Kinded, Parked, ParkedAgain};
pub(crate) use self::listing::page;
pub(crate) use self::takeable::Takeable;
pub(crate) use self::ticket::{Again, Duty, Leased, Place, Ticket, Why};
pub(crate) use self::turns::Turn;

/// Before every real time, so that what was handed back comes first.
const AT_ONCE: Timestamp = Timestamp(0);

const ON_AGENDA: &str = "what is on the agenda comes up again or is parked";

/// With so many replayed or redriven events of a subscription waiting, no more are replayed to it.
pub(crate) const REPLAYED_MAX: usize = 1_000;

/// A queue that was long and is empty gives its memory back.
const KEPT_CAPACITY: usize = 1_024;

/// `P` is where a store has the event, `R` what it keeps of why an event is parked.
#[derive(Debug)]
pub(crate) struct Queues<P, R> {
    pub(crate) fresh: VecDeque<Ticket<P>>,
    pub(crate) again: BTreeMap<u64, Again<P>>,
    /// Comes up again for the sink only. Apart, because there may be many and a full store, which
    /// may not take them twice, would have to pass over them each time.
    pub(crate) taken: BTreeMap<u64, Again<P>>,
    pub(crate) leased: BTreeMap<u64, Leased<P>>,
    pub(crate) parked: BTreeMap<u64, Parked<P, R>>,
    agenda: BTreeSet<(Timestamp, u64)>,
    /// Apart, so that what a slow sink holds up is passed over without being looked through.
    sink_agenda: BTreeSet<(Timestamp, u64)>,
    /// The part of the agenda that was deferred.
    deferred: BTreeSet<(Timestamp, u64)>,
    fresh_bytes: u64,
    /// What a full store may take: fresh, again and parked, unless handed over or leased.
    held: Load,
    fresh_has_the_turn: bool,
}

impl<P, R> Default for Queues<P, R> {
    fn default() -> Self {
        Queues {
            fresh: VecDeque::new(),
            again: BTreeMap::new(),
            taken: BTreeMap::new(),
            leased: BTreeMap::new(),
            parked: BTreeMap::new(),
            agenda: BTreeSet::new(),
            sink_agenda: BTreeSet::new(),
            deferred: BTreeSet::new(),
            fresh_bytes: 0,
            held: Load::default(),
            fresh_has_the_turn: false,
        }
    }
}

impl<P: Place, R: Kinded> Queues<P, R> {
    // ---- in ----

    /// Adds an event, newer than all before it. Adding the newest once more changes nothing and
    /// answers false.
    pub(crate) fn push_fresh(&mut self, ticket: Ticket<P>) -> bool {
        if self
            .fresh
            .back()
            .is_some_and(|last| last.offset == ticket.offset)
        {
            return false;
        }
        self.held += ticket.load();
        self.fresh_bytes += ticket.size_bytes;
        self.fresh.push_back(ticket);
        true
    }

    /// Adds an event that is older than all fresh ones.
    pub(crate) fn push_backlog(&mut self, ticket: Ticket<P>) {
        self.held += ticket.load();
        self.fresh_bytes += ticket.size_bytes;
        self.fresh.push_front(ticket);
    }

    /// Lets a pending event come up again at `due`; at once when it was handed back.
    pub(crate) fn put_again(
        &mut self,
        ticket: Ticket<P>,
        handed_over: bool,
        why: Why,
        due: Timestamp,
    ) {
        let due = match why {
            Why::Returned => AT_ONCE,
            Why::Deferred | Why::Redriven | Why::Taken => due,
        };
        if why == Why::Deferred {
            self.deferred.insert((due, ticket.offset));
        }
        let load = ticket.load();
        let offset = ticket.offset;
        let again = Again {
            ticket,
            why,
            due,
            is_aside: false,
        };
        if handed_over {
            self.sink_agenda.insert((due, offset));
            self.taken.insert(offset, again);
        } else {
            self.agenda.insert((due, offset));
            self.held += load;
            self.again.insert(offset, again);
        }
    }

    // ---- out ----

    pub(crate) fn pop_fresh(&mut self) -> Option<Ticket<P>> {
        let ticket = self.fresh.pop_front()?;
        self.held -= ticket.load();
        self.fresh_bytes -= ticket.size_bytes;
        if self.fresh.is_empty() && self.fresh.capacity() > KEPT_CAPACITY {
            self.fresh = VecDeque::new();
        }
        Some(ticket)
    }

    /// The newest of those that were never handed out.
    pub(crate) fn pop_newest(&mut self) -> Option<Ticket<P>> {
        let ticket = self.fresh.pop_back()?;
        self.held -= ticket.load();
        self.fresh_bytes -= ticket.size_bytes;
        if self.fresh.capacity() > KEPT_CAPACITY && self.fresh.len() < self.fresh.capacity() / 4 {
            self.fresh.shrink_to(self.fresh.len() * 2);
        }
        Some(ticket)
    }

    /// The ticket of an event that comes up again or is parked.
    pub(crate) fn ticket(&self, offset: u64) -> Option<&Ticket<P>> {
        let again = self.again.get(&offset).map(|again| &again.ticket);
        again.or_else(|| Some(&self.parked.get(&offset)?.ticket))
    }

    /// The ticket of an event that is not fresh, wherever it is.
    pub(crate) fn ticket_of(&self, offset: u64) -> Option<&Ticket<P>> {
        let taken = || self.taken.get(&offset).map(|taken| &taken.ticket);
        let leased = || self.leased.get(&offset).map(|leased| &leased.ticket);
        self.ticket(offset).or_else(taken).or_else(leased)
    }

    /// The ticket of an event whose lease is in force.
    pub(crate) fn leased_ticket(&self, offset: u64, token: u64) -> Option<&Ticket<P>> {
        let leased = self.leased.get(&offset).filter(|it| it.token == token);
        if let Some(leased) = leased {
            return Some(&leased.ticket);
        }
        let parked = self.parked.get(&offset)?;
        parked.is_leased_by(token).then_some(&parked.ticket)
    }

    /// Removes an event that comes up again; says whether it was handed over.
    pub(crate) fn remove_again(&mut self, offset: u64) -> Option<(Ticket<P>, bool)> {
        let (again, handed_over) = match self.again.remove(&offset) {
            Some(again) => (again, false),
            None => (self.taken.remove(&offset)?, true),
        };
        if handed_over {
            self.sink_agenda.remove(&(again.due, offset));
        } else {
            self.agenda.remove(&(again.due, offset));
        }
        if again.why == Why::Deferred {
            self.deferred.remove(&(again.due, offset));
        }
        if !handed_over {
            self.held -= again.ticket.load();
        }
        Some((again.ticket, handed_over))
    }

    /// Takes an event that [`Self::takeable`] named.
    pub(crate) fn take(&mut self, offset: u64) -> Option<Ticket<P>> {
        if self
            .fresh
            .front()
            .is_some_and(|front| front.offset == offset)
        {
            return self.pop_fresh();
        }
        if let Some((ticket, _)) = self.remove_again(offset) {
            return Some(ticket);
        }
        self.remove_parked(offset).map(|parked| parked.ticket)
    }

    /// Removes an event wherever it is; a lease on it ends without effect. Says whether it was there.
    #[cfg(feature = "nats")]
    pub(crate) fn remove(&mut self, offset: u64) -> bool {
        let fresh = self
            .fresh
            .binary_search_by_key(&offset, |ticket| ticket.offset);
        if let Ok(index) = fresh
            && let Some(ticket) = self.fresh.remove(index)
        {
            self.held -= ticket.load();
            self.fresh_bytes -= ticket.size_bytes;
            return true;
        }
        self.remove_again(offset).is_some()
            || self.leased.remove(&offset).is_some()
            || self.remove_parked(offset).is_some()
    }

    /// Empties fresh and again, and gives what was in them with whether it was handed over.
    pub(crate) fn drain_unleased(&mut self) -> Vec<(Ticket<P>, bool)> {
        let mut drained = Vec::with_capacity(self.fresh.len() + self.again.len());
        while let Some(ticket) = self.pop_fresh() {
            drained.push((ticket, false));
        }
        let again: Vec<u64> = self
            .again
            .keys()
            .chain(self.taken.keys())
            .copied()
            .collect();
        drained.extend(
            again
                .into_iter()
                .filter_map(|offset| self.remove_again(offset)),
        );
        drained
    }
}
