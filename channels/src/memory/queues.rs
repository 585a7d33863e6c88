//! Where the events of one subscription stand. Plain data: time is handed in.
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

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::load::Load;
use super::takeable::Takeable;
use crate::{KINDS_FOR_SINK, ParkReason, Timestamp};

/// One event of one subscription.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) offset: u64,
    /// Its place among the slots.
    pub(super) place: usize,
    pub(super) size_bytes: u64,
    pub(super) sends: u32,
    /// When an operator last made it pending again; the beginning of time when none did.
    pub(super) redriven_at: Timestamp,
}

impl Ticket {
    fn load(&self) -> Load {
        Load::of(self.size_bytes)
    }
}

/// What is to be done with an event that is leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Send it to the subscriber.
    Deliver,
    /// A full store took it: one way to the dead-letter sink.
    HandedOver,
    /// It is parked: another try at the dead-letter sink.
    Parked,
}

/// Why an event comes up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Returned,
    Deferred,
    Redriven,
    Taken,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Again {
    pub(super) ticket: Ticket,
    why: Why,
    due: Timestamp,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Leased {
    pub(super) ticket: Ticket,
    pub(super) handed_over: bool,
    token: u64,
}

/// A dead letter.
#[derive(Clone, Debug)]
pub(super) struct Parked {
    pub(super) ticket: Ticket,
    pub(super) reason: ParkReason,
    pub(super) parked_at: Timestamp,
    pub(super) retry_at: Option<Timestamp>,
    state: ParkedState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ParkedState {
    Lying,
    OnAgenda(Timestamp),
    Leased(u64),
}

impl Parked {
    pub(super) fn is_leased(&self) -> bool {
        matches!(self.state, ParkedState::Leased(_))
    }
}

/// What [`Queues::ready`] found, for [`Queues::hand_out`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Ready {
    Fresh {
        size_bytes: u64,
    },
    Again {
        due: Timestamp,
        offset: u64,
        size_bytes: u64,
    },
}

impl Ready {
    pub(super) fn size_bytes(self) -> u64 {
        match self {
            Ready::Fresh { size_bytes } | Ready::Again { size_bytes, .. } => size_bytes,
        }
    }
}

/// Before every real time, so that what was handed back comes first.
const AT_ONCE: Timestamp = Timestamp(0);

const ON_AGENDA: &str = "what is on the agenda comes up again or is parked";

/// A queue that was long and is empty gives its memory back.
const KEPT_CAPACITY: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Queues {
    pub(super) fresh: VecDeque<Ticket>,
    pub(super) again: BTreeMap<u64, Again>,
    /// Comes up again for the sink only. Apart, because there may be many and a full store, which
    /// may not take them twice, would have to pass over them each time.
    pub(super) taken: BTreeMap<u64, Again>,
    pub(super) leased: BTreeMap<u64, Leased>,
    pub(super) parked: BTreeMap<u64, Parked>,
    agenda: BTreeSet<(Timestamp, u64)>,
    /// Apart, so that what a slow sink holds up is passed over without being looked through.
    sink_agenda: BTreeSet<(Timestamp, u64)>,
    /// The part of the agenda that was deferred.
    deferred: BTreeSet<(Timestamp, u64)>,
    /// What a full store may take: fresh, again and parked, unless handed over or leased.
    held: Load,
    fresh_has_the_turn: bool,
}

impl Queues {
    // ---- how things stand ----

    pub(super) fn held(&self) -> Load {
        self.held
    }

    pub(super) fn deferred(&self) -> usize {
        self.deferred.len()
    }

    /// When the first of the deferred events is due.
    pub(super) fn first_deferred_until(&self) -> Option<Timestamp> {
        self.deferred.first().map(|(due, _)| *due)
    }

    pub(super) fn waiting(&self) -> usize {
        self.fresh.len() + self.again.len() + self.taken.len() - self.deferred.len()
    }

    pub(super) fn pending(&self) -> usize {
        self.fresh.len() + self.again.len() + self.taken.len() + self.leased.len()
    }

    /// The ticket of the oldest event that is neither settled nor parked.
    pub(super) fn oldest_pending(&self) -> Option<Ticket> {
        let fresh = self.fresh.front().copied();
        let again = self.again.values().next().map(|again| again.ticket);
        let taken = self.taken.values().next().map(|taken| taken.ticket);
        let leased = self.leased.values().next().map(|leased| leased.ticket);
        [fresh, again, taken, leased]
            .into_iter()
            .flatten()
            .min_by_key(|ticket| ticket.offset)
    }

    /// The ticket of the oldest event of all.
    pub(super) fn oldest(&self) -> Option<Ticket> {
        let parked = self.parked.values().next().map(|parked| parked.ticket);
        [self.oldest_pending(), parked]
            .into_iter()
            .flatten()
            .min_by_key(|ticket| ticket.offset)
    }

    /// What a full store may take, oldest first.
    pub(super) fn takeable(&self) -> Takeable<'_> {
        Takeable::new(self)
    }

    /// When the next event comes up again; without those for the sink when `for_sink` is false.
    pub(super) fn next_due(&self, for_sink: bool) -> Option<Timestamp> {
        self.first_due(for_sink).map(|(due, _)| due)
    }

    fn first_due(&self, for_sink: bool) -> Option<(Timestamp, u64)> {
        let sink = self.sink_agenda.first().filter(|_| for_sink);
        self.agenda.first().into_iter().chain(sink).min().copied()
    }

    // ---- in ----

    /// Adds an event, newer than all before it. Adding the newest once more changes nothing and
    /// answers false.
    pub(super) fn push_fresh(&mut self, ticket: Ticket) -> bool {
        if self
            .fresh
            .back()
            .is_some_and(|last| last.offset == ticket.offset)
        {
            return false;
        }
        self.held += ticket.load();
        self.fresh.push_back(ticket);
        true
    }

    /// Adds an event that is older than all fresh ones.
    pub(super) fn push_backlog(&mut self, ticket: Ticket) {
        self.held += ticket.load();
        self.fresh.push_front(ticket);
    }

    /// Lets a pending event come up again at `due`; at once when it was handed back.
    pub(super) fn put_again(
        &mut self,
        ticket: Ticket,
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
        let again = Again { ticket, why, due };
        if handed_over {
            self.sink_agenda.insert((due, ticket.offset));
            self.taken.insert(ticket.offset, again);
        } else {
            self.agenda.insert((due, ticket.offset));
            self.held += ticket.load();
            self.again.insert(ticket.offset, again);
        }
    }

    /// Parks an event that was leased for delivery.
    pub(super) fn park(
        &mut self,
        ticket: Ticket,
        reason: ParkReason,
        parked_at: Timestamp,
        retry_at: Option<Timestamp>,
    ) {
        self.held += ticket.load();
        let state = ParkedState::Lying;
        let parked = Parked {
            ticket,
            reason,
            parked_at,
            retry_at: None,
            state,
        };
        self.parked.insert(ticket.offset, parked);
        self.list_parked(ticket.offset, retry_at, retry_at);
    }

    /// Lays back a parked event whose try at the sink has ended.
    pub(super) fn lay_back(&mut self, offset: u64, end: ParkedAgain) {
        let Some(parked) = self.parked.get_mut(&offset) else {
            return;
        };
        self.held += parked.ticket.load();
        parked.state = ParkedState::Lying;
        let (retry_at, due) = match end {
            ParkedAgain::Returned => (parked.retry_at, Some(AT_ONCE)),
            ParkedAgain::Deferred { until, sends } => {
                parked.ticket.sends = sends;
                (Some(until), Some(until))
            }
            ParkedAgain::Parked {
                reason,
                sends,
                retry_at,
            } => {
                parked.ticket.sends = sends;
                parked.reason = reason;
                (retry_at, retry_at)
            }
        };
        self.list_parked(offset, retry_at, due);
    }

    fn list_parked(&mut self, offset: u64, retry_at: Option<Timestamp>, due: Option<Timestamp>) {
        if let Some(parked) = self.parked.get_mut(&offset) {
            parked.retry_at = retry_at;
            if let Some(due) = due {
                parked.state = ParkedState::OnAgenda(due);
                self.sink_agenda.insert((due, offset));
            }
        }
    }

    /// Puts on the agenda what lies parked without a retry time and is of a kind for the sink.
    pub(super) fn send_lying_to_sink(&mut self, now: Timestamp) {
        for (offset, parked) in &mut self.parked {
            if parked.state == ParkedState::Lying && KINDS_FOR_SINK.contains(&parked.reason.kind) {
                parked.retry_at = Some(now);
                parked.state = ParkedState::OnAgenda(now);
                self.sink_agenda.insert((now, *offset));
            }
        }
    }

    // ---- handing out ----

    /// What comes next, if anything is ready now; nothing for the sink when `for_sink` is false.
    pub(super) fn ready(
        &self,
        now: Timestamp,
        deferred_max: usize,
        for_sink: bool,
    ) -> Option<Ready> {
        let fresh = self
            .fresh
            .front()
            .filter(|_| self.deferred.len() < deferred_max);
        let due = self.first_due(for_sink).filter(|(due, _)| *due <= now);
        match (fresh, due) {
            (None, None) => None,
            (Some(fresh), None) => Some(Ready::Fresh {
                size_bytes: fresh.size_bytes,
            }),
            (Some(fresh), Some((due, _))) if due != AT_ONCE && self.fresh_has_the_turn => {
                Some(Ready::Fresh {
                    size_bytes: fresh.size_bytes,
                })
            }
            (_, Some((due, offset))) => Some(Ready::Again {
                due,
                offset,
                size_bytes: self.ticket_on_agenda(offset).size_bytes,
            }),
        }
    }

    fn ticket_on_agenda(&self, offset: u64) -> Ticket {
        let pending = self.again.get(&offset).or_else(|| self.taken.get(&offset));
        pending
            .map(|again| again.ticket)
            .or_else(|| Some(self.parked.get(&offset)?.ticket))
            .expect(ON_AGENDA)
    }

    /// Makes the lease of what [`Self::ready`] found; `token` tells it from every other lease.
    pub(super) fn hand_out(&mut self, ready: Ready, token: u64) -> (Ticket, Duty) {
        match ready {
            Ready::Fresh { .. } => {
                let ticket = self
                    .pop_fresh()
                    .expect("what is ready was found in the queue");
                self.fresh_has_the_turn = false;
                (ticket, self.lease(ticket, false, token))
            }
            Ready::Again { due, offset, .. } => {
                self.fresh_has_the_turn = true;
                if let Some((ticket, handed_over)) = self.remove_again(offset) {
                    return (ticket, self.lease(ticket, handed_over, token));
                }
                self.sink_agenda.remove(&(due, offset));
                let parked = self.parked.get_mut(&offset).expect(ON_AGENDA);
                parked.state = ParkedState::Leased(token);
                self.held -= parked.ticket.load();
                (parked.ticket, Duty::Parked)
            }
        }
    }

    fn lease(&mut self, ticket: Ticket, handed_over: bool, token: u64) -> Duty {
        let leased = Leased {
            ticket,
            handed_over,
            token,
        };
        self.leased.insert(ticket.offset, leased);
        if handed_over {
            Duty::HandedOver
        } else {
            Duty::Deliver
        }
    }

    // ---- out ----

    /// Ends the lease if it is still in force. A parked event stays where it is, to be laid back
    /// or removed.
    pub(super) fn end_lease(&mut self, offset: u64, token: u64) -> Option<(Ticket, Duty)> {
        if self
            .leased
            .get(&offset)
            .is_some_and(|leased| leased.token == token)
        {
            let leased = self.leased.remove(&offset)?;
            let duty = if leased.handed_over {
                Duty::HandedOver
            } else {
                Duty::Deliver
            };
            return Some((leased.ticket, duty));
        }
        self.parked
            .get(&offset)
            .filter(|parked| parked.state == ParkedState::Leased(token))
            .map(|parked| (parked.ticket, Duty::Parked))
    }

    fn pop_fresh(&mut self) -> Option<Ticket> {
        let ticket = self.fresh.pop_front()?;
        self.held -= ticket.load();
        if self.fresh.is_empty() && self.fresh.capacity() > KEPT_CAPACITY {
            self.fresh = VecDeque::new();
        }
        Some(ticket)
    }

    /// Removes an event that comes up again; says whether it was handed over.
    fn remove_again(&mut self, offset: u64) -> Option<(Ticket, bool)> {
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

    /// Removes a dead letter; a lease on it ends without effect.
    pub(super) fn remove_parked(&mut self, offset: u64) -> Option<Parked> {
        let parked = self.parked.remove(&offset)?;
        match parked.state {
            ParkedState::Lying => self.held -= parked.ticket.load(),
            ParkedState::OnAgenda(due) => {
                self.held -= parked.ticket.load();
                self.sink_agenda.remove(&(due, offset));
            }
            ParkedState::Leased(_) => {}
        }
        Some(parked)
    }

    /// Takes an event that [`Self::takeable`] named.
    pub(super) fn take(&mut self, offset: u64) -> Option<Ticket> {
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

    /// Empties fresh and again, and gives what was in them with whether it was handed over.
    pub(super) fn drain_unleased(&mut self) -> Vec<(Ticket, bool)> {
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

/// How a try to send a parked event to its sink ended, when the sink did not take it.
#[derive(Debug)]
pub(super) enum ParkedAgain {
    Returned,
    Deferred {
        until: Timestamp,
        sends: u32,
    },
    Parked {
        reason: ParkReason,
        sends: u32,
        retry_at: Option<Timestamp>,
    },
}
