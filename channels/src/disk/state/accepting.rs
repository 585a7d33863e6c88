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
use crate::reading::SubscriptionId;
use crate::{SubscriptionKey, Timestamp};

/// An event that was accepted.
#[derive(Debug)]
pub(in super::super) struct Accepted<'a> {
    pub(in super::super) event: &'a Arc<Event>,
    pub(in super::super) offset: u64,
    pub(in super::super) accepted_at: Timestamp,
    pub(in super::super) answers: &'a Answers,
}

/// So many fresh events nobody has to let go of, however little room there is: what others have
/// leased may take all of it for as long as they like.
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
            let live = self.live(*key).map(|(id, subscribed)| {
                subscribed.tally.undecided += 1;
                id
            });
            // What is stored of one that is idle says nothing of this.
            if let Some(id) = live {
                self.must_save(id);
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
            subscribed.queues.push_fresh(fresh(
                accepted.offset,
                accepted.accepted_at,
                size_bytes,
                held,
            ));
            wake(&mut self.woken.readers, subscribed);
        }
    }

    fn live(&mut self, key: SubscriptionKey) -> Option<(SubscriptionId, &mut Subscribed)> {
        let place = *self.by_key.get(&key)?;
        let subscribed = self.subscriptions.get_mut(place)?;
        (subscribed.feed == Feed::Live).then(|| (subscribed.id(place), subscribed))
    }

    /// If the buffer is over its bound, lets those who hold most of it fall behind, until there is
    /// room for a while.
    pub(in super::super) fn make_room(&mut self) {
        if !self.buffer.is_over() {
            return;
        }
        let weights = self
            .subscriptions
            .iter()
            .map(|(place, subscribed)| (subscribed.held_bytes(), Reverse(place)));
        let mut heaviest: BinaryHeap<_> = weights.filter(|(bytes, _)| *bytes > 0).collect();
        let mut has_fallen = false;
        while !self.buffer.has_room()
            && let Some((_, Reverse(place))) = heaviest.pop()
        {
            let Some(subscribed) = self.subscriptions.get_mut(place) else {
                continue;
            };
            subscribed.let_go_of_what_comes_up();
            let half = subscribed.queues.fresh.len() / 2;
            has_fallen |= subscribed.fall_behind(half.max(KEPT_FRESH));
            if subscribed.queues.fresh.len() > KEPT_FRESH {
                heaviest.push((subscribed.queues.fresh_bytes(), Reverse(place)));
            }
        }
        if has_fallen {
            let subscriptions = &self.subscriptions;
            self.hungry
                .retain(|id| subscriptions.get(id.place).is_some_and(|it| it.is_hungry));
        }
    }
}

impl Subscribed {
    /// Keeps so many of its fresh events and reads the others again once it has handed some out:
    /// what is read before that would only be let go of again. Says whether there were others.
    fn fall_behind(&mut self, kept: usize) -> bool {
        let Some(first) = self.let_go_of_fresh(kept) else {
            return false;
        };
        self.feed = Feed::Behind(first);
        self.is_hungry = false;
        true
    }

    /// What it could let go of, or a little more.
    fn held_bytes(&self) -> u64 {
        let again = self.queues.again.values();
        let held = again.filter(|again| again.ticket.place.held.is_some());
        let comes_up: u64 = held.map(|again| again.ticket.size_bytes).sum();
        self.queues.fresh_bytes() + comes_up
    }

    /// What comes up again is fetched when it is due; but not the first of it, which may just have
    /// been, and would be again and again.
    fn let_go_of_what_comes_up(&mut self) {
        let first = self.queues.first_again();
        for (offset, again) in &mut self.queues.again {
            if Some(*offset) != first {
                again.ticket.place.held = None;
            }
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
