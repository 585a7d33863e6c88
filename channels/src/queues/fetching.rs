//! Events that are due and not in memory: set aside while they are fetched, so that what is due
//! behind them, and what is fresh, goes on.

use super::dead_letters::ParkedState;
use super::{Kinded, Place, Queues, Ticket};
use crate::Timestamp;

impl<P: Place, R: Kinded> Queues<P, R> {
    /// Sets aside the event that is due first, if it is not in memory; gives its ticket.
    pub(crate) fn set_aside_next(&mut self, now: Timestamp, for_sink: bool) -> Option<Ticket<P>> {
        let (due, offset) = self.first_due(for_sink).filter(|(due, _)| *due <= now)?;
        let ticket = self.ticket_on_agenda(offset).clone();
        if ticket.place.is_here() {
            return None;
        }
        if let Some(again) = self.again.get_mut(&offset) {
            self.agenda.remove(&(due, offset));
            again.is_aside = true;
        } else if let Some(parked) = self.parked.get_mut(&offset) {
            self.sink_agenda.remove(&(due, offset));
            parked.state = ParkedState::Aside(due);
        }
        Some(ticket)
    }

    /// Whether the event was set aside.
    pub(crate) fn is_aside(&self, offset: u64) -> bool {
        let again = self.again.get(&offset).is_some_and(|it| it.is_aside);
        let parked = self.parked.get(&offset);
        again || parked.is_some_and(|it| matches!(it.state, ParkedState::Aside(_)))
    }

    /// Puts back on the agenda what was set aside, with where it is now; says whether it was still
    /// there.
    pub(crate) fn put_back(&mut self, offset: u64, place: P, size_bytes: u64) -> bool {
        if let Some(again) = self.again.get_mut(&offset).filter(|it| it.is_aside) {
            again.is_aside = false;
            self.held -= again.ticket.load();
            again.ticket.place = place;
            again.ticket.size_bytes = size_bytes;
            self.held += again.ticket.load();
            self.agenda.insert((again.due, offset));
            return true;
        }
        let Some(parked) = self.parked.get_mut(&offset) else {
            return false;
        };
        let ParkedState::Aside(due) = parked.state else {
            return false;
        };
        parked.state = ParkedState::OnAgenda(due);
        self.held -= parked.ticket.load();
        parked.ticket.place = place;
        parked.ticket.size_bytes = size_bytes;
        self.held += parked.ticket.load();
        self.sink_agenda.insert((due, offset));
        true
    }
}
