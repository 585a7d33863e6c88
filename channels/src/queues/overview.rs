//! How things stand: how much there is, what is oldest, what is due next.

use super::{Kinded, Place, Queues, Takeable, Ticket};
use crate::Timestamp;
use crate::load::Load;

impl<P: Place, R: Kinded> Queues<P, R> {
    pub(crate) fn held(&self) -> Load {
        self.held
    }

    /// The bytes of the fresh ones.
    pub(crate) fn fresh_bytes(&self) -> u64 {
        self.fresh_bytes
    }

    pub(crate) fn deferred(&self) -> usize {
        self.deferred.len()
    }

    /// When the first of the deferred events is due.
    pub(crate) fn first_deferred_until(&self) -> Option<Timestamp> {
        self.deferred.first().map(|(due, _)| *due)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.fresh.len() + self.again.len() + self.taken.len() - self.deferred.len()
    }

    pub(crate) fn pending(&self) -> usize {
        self.fresh.len() + self.again.len() + self.taken.len() + self.leased.len()
    }

    /// Whether the event is pending or parked.
    pub(crate) fn has(&self, offset: u64) -> bool {
        let fresh = self
            .fresh
            .binary_search_by_key(&offset, |ticket| ticket.offset);
        fresh.is_ok()
            || self.again.contains_key(&offset)
            || self.taken.contains_key(&offset)
            || self.leased.contains_key(&offset)
            || self.parked.contains_key(&offset)
    }

    /// The ticket of the oldest event that is neither settled nor parked.
    pub(crate) fn oldest_pending(&self) -> Option<Ticket<P>> {
        let fresh = self.fresh.front().cloned();
        let again = self.again.values().next().map(|again| again.ticket.clone());
        let taken = self.taken.values().next().map(|taken| taken.ticket.clone());
        let leased = self
            .leased
            .values()
            .next()
            .map(|leased| leased.ticket.clone());
        [fresh, again, taken, leased]
            .into_iter()
            .flatten()
            .min_by_key(|ticket| ticket.offset)
    }

    /// The ticket of the oldest event of all.
    pub(crate) fn oldest(&self) -> Option<Ticket<P>> {
        let parked = self
            .parked
            .values()
            .next()
            .map(|parked| parked.ticket.clone());
        [self.oldest_pending(), parked]
            .into_iter()
            .flatten()
            .min_by_key(|ticket| ticket.offset)
    }

    /// What a full store may take, oldest first.
    pub(crate) fn takeable(&self) -> Takeable<'_, P, R> {
        Takeable::new(self)
    }

    /// When the next event comes up again; without those for the sink when `for_sink` is false.
    /// Whoever fetches an event that is due already says when it is there.
    pub(crate) fn next_due(&self, now: Timestamp, for_sink: bool) -> Option<Timestamp> {
        let is_fetched = |(due, offset): &(Timestamp, u64)| {
            *due > now || self.ticket_on_agenda(*offset).place.is_here()
        };
        let first = self.first_due(for_sink).filter(is_fetched);
        first.map(|(due, _)| due)
    }

    /// The event that comes up again first, but for those that are being fetched.
    pub(crate) fn first_again(&self) -> Option<u64> {
        self.agenda.first().map(|(_, offset)| *offset)
    }

    pub(super) fn first_due(&self, for_sink: bool) -> Option<(Timestamp, u64)> {
        let sink = self.sink_agenda.first().filter(|_| for_sink);
        self.agenda.first().into_iter().chain(sink).min().copied()
    }
}
