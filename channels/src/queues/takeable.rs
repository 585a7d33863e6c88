//! What a full store may take from a subscription, in the order of age.

use std::collections::{btree_map, vec_deque};
use std::iter::Peekable;

use super::{Again, Kinded, Parked, Place, Queues, Ticket};

/// Merges the three queues, each of which is in order already.
#[derive(Debug)]
pub(crate) struct Takeable<'a, P, R> {
    fresh: Peekable<vec_deque::Iter<'a, Ticket<P>>>,
    again: Peekable<btree_map::Values<'a, u64, Again<P>>>,
    parked: Peekable<btree_map::Values<'a, u64, Parked<P, R>>>,
}

impl<'a, P: Place, R: Kinded> Takeable<'a, P, R> {
    pub(crate) fn new(queues: &'a Queues<P, R>) -> Self {
        Takeable {
            fresh: queues.fresh.iter().peekable(),
            again: queues.again.values().peekable(),
            parked: queues.parked.values().peekable(),
        }
    }

    /// There are never more of these than were leased at a time.
    fn skip_parked_ones_at_their_sink(&mut self) {
        while self.parked.next_if(|parked| parked.is_leased()).is_some() {}
    }
}

impl<P: Place, R: Kinded> Iterator for Takeable<'_, P, R> {
    type Item = Ticket<P>;

    fn next(&mut self) -> Option<Ticket<P>> {
        self.skip_parked_ones_at_their_sink();
        let fresh = self.fresh.peek().map(|ticket| ticket.offset);
        let again = self.again.peek().map(|again| again.ticket.offset);
        let parked = self.parked.peek().map(|parked| parked.ticket.offset);
        let oldest = [fresh, again, parked].into_iter().flatten().min();
        if oldest.is_none() {
            None
        } else if oldest == fresh {
            self.fresh.next().cloned()
        } else if oldest == again {
            self.again.next().map(|again| again.ticket.clone())
        } else {
            self.parked.next().map(|parked| parked.ticket.clone())
        }
    }
}
