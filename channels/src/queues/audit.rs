//! Counts the queues anew, for tests.

use std::collections::BTreeSet;

use super::{Again, Kinded, ParkedState, Place, Queues, Ticket, Why};
use crate::Timestamp;
use crate::load::Load;

impl<P: Place, R: Kinded> Queues<P, R> {
    /// Every event with whether it was handed over.
    pub(crate) fn everything(&self) -> Vec<(Ticket<P>, bool)> {
        let fresh = self.fresh.iter().map(|ticket| (ticket.clone(), false));
        let again = self
            .again
            .values()
            .map(|again| (again.ticket.clone(), false));
        let taken = self
            .taken
            .values()
            .map(|taken| (taken.ticket.clone(), true));
        let leased = self.leased.values();
        let leased = leased.map(|leased| (leased.ticket.clone(), leased.handed_over));
        let parked = self
            .parked
            .values()
            .map(|parked| (parked.ticket.clone(), false));
        let pending = fresh.chain(again).chain(taken).chain(leased);
        pending.chain(parked).collect()
    }

    /// Whether each event stands in one place, and all accounts agree.
    ///
    /// # Panics
    ///
    /// When they do not, saying which.
    pub(crate) fn audit(&self) {
        let everything = self.everything();
        let offsets: BTreeSet<u64> = everything.iter().map(|(ticket, _)| ticket.offset).collect();
        assert_eq!(offsets.len(), everything.len(), "an event stands twice");
        let takeable: Vec<Ticket<P>> = self.takeable().collect();
        assert!(takeable.is_sorted_by_key(|ticket| ticket.offset));
        let held: Load = takeable.iter().map(Ticket::load).sum();
        assert_eq!(held, self.held(), "what may be taken");
        let fresh: u64 = self.fresh.iter().map(|ticket| ticket.size_bytes).sum();
        assert_eq!(fresh, self.fresh_bytes(), "what is fresh");
        self.audit_agenda();
    }

    fn audit_agenda(&self) {
        let entry = |(offset, again): (&u64, &Again<P>)| (again.due, *offset);
        let agenda: BTreeSet<(Timestamp, u64)> = self
            .again
            .iter()
            .filter(|(_, again)| !again.is_aside)
            .map(entry)
            .collect();
        assert_eq!(self.agenda, agenda, "the agenda");
        let parked = self.parked.iter().filter_map(|(offset, parked)| {
            let ParkedState::OnAgenda(due) = parked.state else {
                return None;
            };
            Some((due, *offset))
        });
        let for_sink: BTreeSet<_> = self.taken.iter().map(entry).chain(parked).collect();
        assert_eq!(self.sink_agenda, for_sink, "the sink's agenda");
        let again = self.again.iter().chain(&self.taken);
        let deferred = again.filter(|(_, again)| again.why == Why::Deferred);
        let deferred: BTreeSet<_> = deferred.map(entry).collect();
        assert_eq!(self.deferred, deferred, "what is deferred");
    }
}
