//! What a full store may take from a subscription, in the order of age.

use std::collections::{btree_map, vec_deque};
use std::iter::Peekable;

use super::queues::{Again, Parked, Queues, Ticket};

/// Merges the three queues, each of which is in order already.
#[derive(Debug)]
pub(super) struct Takeable<'a> {
    fresh: Peekable<vec_deque::Iter<'a, Ticket>>,
    again: Peekable<btree_map::Values<'a, u64, Again>>,
    parked: Peekable<btree_map::Values<'a, u64, Parked>>,
}

impl<'a> Takeable<'a> {
    pub(super) fn new(queues: &'a Queues) -> Self {
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

impl Iterator for Takeable<'_> {
    type Item = Ticket;

    fn next(&mut self) -> Option<Ticket> {
        self.skip_parked_ones_at_their_sink();
        let fresh = self.fresh.peek().map(|ticket| ticket.offset);
        let again = self.again.peek().map(|again| again.ticket.offset);
        let parked = self.parked.peek().map(|parked| parked.ticket.offset);
        let oldest = [fresh, again, parked].into_iter().flatten().min();
        if oldest.is_none() {
            None
        } else if oldest == fresh {
            self.fresh.next().copied()
        } else if oldest == again {
            self.again.next().map(|again| again.ticket)
        } else {
            self.parked.next().map(|parked| parked.ticket)
        }
    }
}
