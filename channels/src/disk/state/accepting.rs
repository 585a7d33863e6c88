//! Events that have become durable go to those who stand at the tail; and whoever holds most of a
//! full buffer falls behind.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use sluicegate_event::Event;

use super::super::appender::Answers;
use super::held::{Place, Ticket};
use super::subscribed::{Feed, Subscribed, wake};
use super::{Held, State};
use crate::Timestamp;

/// An event that was accepted.
#[derive(Debug)]
pub(in super::super) struct Accepted<'a> {
    pub(in super::super) event: &'a Arc<Event>,
    pub(in super::super) offset: u64,
    pub(in super::super) accepted_at: Timestamp,
    pub(in super::super) answers: &'a Answers,
}

/// A subscription that holds fewer fresh events does not have to let go of any.
const KEPT_FRESH: usize = 1;

impl State {
    /// There are events at these offsets, which each go through [`Self::accept`].
    pub(in super::super) fn extend(&mut self, offsets: Range<u64>) {
        self.tail = offsets.end;
        self.counts.add(offsets);
    }

    /// Gives the event to everybody at the tail who wants it.
    pub(in super::super) fn accept(&mut self, accepted: &Accepted<'_>) {
        for key in &accepted.answers.undecided {
            if let Some(subscribed) = self.live(*key) {
                subscribed.tally.undecided += 1;
            }
        }
        let size_bytes = accepted.event.size_bytes() as u64;
        let mut held: Option<Arc<Held>> = None;
        for key in &accepted.answers.wanted {
            let Some(place) = self.by_key.get(key) else {
                continue;
            };
            let Some(subscribed) = self.subscriptions.get_mut(*place) else {
                continue;
            };
            if subscribed.feed != Feed::Live {
                continue;
            }
            let held = held
                .get_or_insert_with(|| self.buffer.hold(Arc::clone(accepted.event), size_bytes));
            subscribed.push_fresh(fresh(
                accepted.offset,
                accepted.accepted_at,
                size_bytes,
                held,
            ));
            wake(&mut self.woken.readers, subscribed);
        }
    }

    fn live(&mut self, key: crate::SubscriptionKey) -> Option<&mut Subscribed> {
        let place = self.by_key.get(&key)?;
        let subscribed = self.subscriptions.get_mut(*place)?;
        (subscribed.feed == Feed::Live).then_some(subscribed)
    }

    /// If the buffer is over its bound, lets those who hold most of it fall behind, until there is
    /// room for a while.
    pub(in super::super) fn make_room(&mut self) {
        if !self.buffer.is_over() {
            return;
        }
        let weights = self.subscriptions.iter().map(|(place, subscribed)| {
            let again = subscribed.queues.again.values();
            let comes_up: u64 = again
                .filter(|again| again.ticket.place.held.is_some())
                .map(|again| again.ticket.size_bytes)
                .sum();
            (subscribed.fresh_bytes + comes_up, Reverse(place))
        });
        let mut heaviest: BinaryHeap<_> = weights.filter(|(bytes, _)| *bytes > 0).collect();
        while !self.buffer.has_room()
            && let Some((_, Reverse(place))) = heaviest.pop()
        {
            let Some(subscribed) = self.subscriptions.get_mut(place) else {
                continue;
            };
            subscribed.let_go_of_what_comes_up();
            subscribed.fall_behind(subscribed.queues.fresh.len() / 2);
            if subscribed.queues.fresh.len() > KEPT_FRESH {
                heaviest.push((subscribed.fresh_bytes, Reverse(place)));
            }
        }
    }
}

impl Subscribed {
    /// Keeps so many of its fresh events and reads the others again later.
    fn fall_behind(&mut self, kept: usize) {
        if let Some(first) = self.let_go_of_fresh(kept) {
            self.feed = Feed::Behind(first);
        }
    }

    /// What comes up again is fetched when it is due.
    fn let_go_of_what_comes_up(&mut self) {
        for again in self.queues.again.values_mut() {
            again.ticket.place.held = None;
        }
    }
}

/// The ticket of an event that nobody has had yet.
pub(super) fn fresh(
    offset: u64,
    accepted_at: Timestamp,
    size_bytes: u64,
    held: &Arc<Held>,
) -> Ticket {
    Ticket {
        offset,
        place: Place {
            held: Some(Arc::clone(held)),
            accepted_at,
            is_kept: false,
        },
        size_bytes,
        sends: 0,
        redriven_at: Timestamp::default(),
    }
}
