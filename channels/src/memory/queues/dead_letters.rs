//! The parked events of one subscription, and their ways to the dead-letter sink.

use super::{AT_ONCE, Queues, Ticket};
use crate::{KINDS_FOR_SINK, ParkReason, Timestamp};

/// A dead letter.
#[derive(Clone, Debug)]
pub(in super::super) struct Parked {
    pub(in super::super) ticket: Ticket,
    pub(in super::super) reason: ParkReason,
    pub(in super::super) parked_at: Timestamp,
    pub(in super::super) retry_at: Option<Timestamp>,
    pub(super) state: ParkedState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParkedState {
    Lying,
    OnAgenda(Timestamp),
    Leased(u64),
}

impl Parked {
    pub(in super::super) fn is_leased(&self) -> bool {
        matches!(self.state, ParkedState::Leased(_))
    }
}

/// How a try to send a parked event to its sink ended, when the sink did not take it.
#[derive(Debug)]
pub(in super::super) enum ParkedAgain {
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

impl Queues {
    /// Parks an event that was leased for delivery.
    pub(in super::super) fn park(
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
    pub(in super::super) fn lay_back(&mut self, offset: u64, end: ParkedAgain) {
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
    pub(in super::super) fn send_lying_to_sink(&mut self, now: Timestamp) {
        for (offset, parked) in &mut self.parked {
            if parked.state == ParkedState::Lying && KINDS_FOR_SINK.contains(&parked.reason.kind) {
                parked.retry_at = Some(now);
                parked.state = ParkedState::OnAgenda(now);
                self.sink_agenda.insert((now, *offset));
            }
        }
    }

    /// Removes a dead letter; a lease on it ends without effect.
    pub(in super::super) fn remove_parked(&mut self, offset: u64) -> Option<Parked> {
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
}
