//! Counts the queues anew, for tests.

use std::collections::{BTreeMap, BTreeSet};

use super::super::load::Load;
use super::{ParkedState, Queues, Ticket, Why};
use crate::Timestamp;

impl Queues {
    /// Every event with whether it was handed over.
    pub(in super::super) fn everything(&self) -> Vec<(Ticket, bool)> {
        let fresh = self.fresh.iter().map(|ticket| (*ticket, false));
        let again = self.again.values().map(|again| (again.ticket, false));
        let taken = self.taken.values().map(|taken| (taken.ticket, true));
        let leased = self.leased.values();
        let leased = leased.map(|leased| (leased.ticket, leased.handed_over));
        let parked = self.parked.values().map(|parked| (parked.ticket, false));
        let pending = fresh.chain(again).chain(taken).chain(leased);
        pending.chain(parked).collect()
    }

    /// Whether each event stands in one place, and all accounts agree.
    ///
    /// # Panics
    ///
    /// When they do not, saying which.
    pub(in super::super) fn audit(&self) {
        let everything = self.everything();
        let offsets: BTreeSet<u64> = everything.iter().map(|(ticket, _)| ticket.offset).collect();
        assert_eq!(offsets.len(), everything.len(), "an event stands twice");
        let takeable: Vec<Ticket> = self.takeable().collect();
        assert!(takeable.is_sorted_by_key(|ticket| ticket.offset));
        let held: Load = takeable.iter().map(Ticket::load).sum();
        assert_eq!(held, self.held(), "what may be taken");
        self.audit_agenda();
    }

    fn audit_agenda(&self) {
        let mut agenda: BTreeMap<(Timestamp, u64), bool> = BTreeMap::new();
        for (offset, again) in self.again.iter().chain(&self.taken) {
            agenda.insert((again.due, *offset), again.why == Why::Deferred);
        }
        for (offset, parked) in &self.parked {
            if let ParkedState::OnAgenda(due) = parked.state {
                agenda.insert((due, *offset), false);
            }
        }
        assert!(self.agenda.iter().eq(agenda.keys()), "the agenda");
        let deferred = agenda.iter().filter(|(_, deferred)| **deferred);
        assert!(
            self.deferred.iter().eq(deferred.map(|(entry, _)| entry)),
            "what is deferred"
        );
    }
}
