//! The parked events of one subscription, and their ways to the dead-letter sink.

use std::ops::Bound;

use super::{AT_ONCE, Place, Queues, Ticket};
use crate::reading::{PARTITION, position};
use crate::{Exhausted, KINDS_FOR_SINK, ParkReason, Position, Timestamp};

/// What is known of why an event is parked: at least the kind.
pub(crate) trait Kinded {
    /// The word from the closed set.
    fn kind(&self) -> &'static str;
}

impl Kinded for ParkReason {
    fn kind(&self) -> &'static str {
        self.kind
    }
}

/// A dead letter.
#[derive(Clone, Debug)]
pub(crate) struct Parked<P, R> {
    pub(crate) ticket: Ticket<P>,
    pub(crate) reason: R,
    pub(crate) parked_at: Timestamp,
    pub(crate) retry_at: Option<Timestamp>,
    pub(super) state: ParkedState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParkedState {
    Lying,
    OnAgenda(Timestamp),
    /// Off the agenda while its event is being fetched.
    Aside(Timestamp),
    Leased(u64),
}

impl<P, R> Parked<P, R> {
    pub(crate) fn is_leased_by(&self, token: u64) -> bool {
        self.state == ParkedState::Leased(token)
    }

    pub(crate) fn is_leased(&self) -> bool {
        matches!(self.state, ParkedState::Leased(_))
    }
}

/// How a try to send a parked event to its sink ended, when the sink did not take it.
#[derive(Debug)]
pub(crate) enum ParkedAgain<R> {
    Returned,
    Deferred {
        until: Timestamp,
        sends: u32,
    },
    Parked {
        reason: R,
        sends: u32,
        retry_at: Option<Timestamp>,
    },
}

impl Exhausted {
    /// When what is parked `now` for this kind of reason comes up for its sink. Whoever parks it
    /// without a retry time may not know yet that there is a sink: the attempt began before.
    pub(crate) fn sink_at(
        self,
        kind: &str,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match self {
            Exhausted::HandOver => {
                retry_at.or_else(|| KINDS_FOR_SINK.contains(&kind).then_some(now))
            }
            Exhausted::Discard => retry_at,
        }
    }
}

impl<P: Place, R: Kinded> Queues<P, R> {
    /// Since when up to `limit` dead letters lie, from the place after `after` on.
    pub(crate) fn parked_since(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Vec<crate::ParkedSince> {
        let from = match after {
            None => Bound::Unbounded,
            Some(Position { partition, .. }) if partition != PARTITION => return Vec::new(),
            Some(after) => Bound::Excluded(after.offset),
        };
        let parked = self.parked.range((from, Bound::Unbounded)).take(limit);
        let since = parked.map(|(offset, parked)| crate::ParkedSince {
            position: position(*offset),
            parked_at: parked.parked_at,
        });
        since.collect()
    }

    /// Parks an event that was leased for delivery.
    pub(crate) fn park(
        &mut self,
        ticket: Ticket<P>,
        reason: R,
        parked_at: Timestamp,
        retry_at: Option<Timestamp>,
    ) {
        self.held += ticket.load();
        let offset = ticket.offset;
        let state = ParkedState::Lying;
        let parked = Parked {
            ticket,
            reason,
            parked_at,
            retry_at: None,
            state,
        };
        self.parked.insert(offset, parked);
        self.list_parked(offset, retry_at, retry_at);
    }

    /// Lays back a parked event whose try at the sink has ended.
    pub(crate) fn lay_back(&mut self, offset: u64, end: ParkedAgain<R>) {
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
    pub(crate) fn send_lying_to_sink(&mut self, now: Timestamp) {
        for (offset, parked) in &mut self.parked {
            if parked.state == ParkedState::Lying && KINDS_FOR_SINK.contains(&parked.reason.kind())
            {
                parked.retry_at = Some(now);
                parked.state = ParkedState::OnAgenda(now);
                self.sink_agenda.insert((now, *offset));
            }
        }
    }

    /// Removes a dead letter; a lease on it ends without effect.
    pub(crate) fn remove_parked(&mut self, offset: u64) -> Option<Parked<P, R>> {
        let parked = self.parked.remove(&offset)?;
        match parked.state {
            ParkedState::Lying | ParkedState::Aside(_) => self.held -= parked.ticket.load(),
            ParkedState::OnAgenda(due) => {
                self.held -= parked.ticket.load();
                self.sink_agenda.remove(&(due, offset));
            }
            ParkedState::Leased(_) => {}
        }
        Some(parked)
    }
}
