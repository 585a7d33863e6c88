//! Subscriptions that go to another place in the first stream, and what ends by that.

use super::State;
use super::counting::Unread;
use super::stepping::Then;
use super::todo::{Answer, say};
use crate::BY_THE_OPERATOR;
use crate::nats::control::tally::Tally;
use crate::nats::entry::Entry;
use crate::nats::steps::Step;

/// What this process let go of as a subscription went to another place.
#[derive(Clone, Debug)]
pub(in crate::nats) struct Left {
    /// Where that stood which waited here.
    pub(super) let_go: Vec<u64>,
    /// What lies below, or here, had been handed out.
    pub(super) handed_to: u64,
    /// What was known of what had not.
    pub(super) unread: Unread,
}

impl State {
    /// The subscription of that number and epoch begins with the event of sequence `first`. Counts what
    /// was passed over of what waited here, and of what nobody had been handed, if it was `moved_here`.
    pub(in crate::nats) fn has_moved(
        &mut self,
        (number, epoch): (u64, u64),
        first: u64,
        left: &Left,
        moved_here: bool,
    ) {
        let passed_over = left.let_go.iter().filter(|position| **position < first);
        let mut passed_over = passed_over.count() as u64;
        if moved_here {
            passed_over += self.unread_below(number, first, left);
        }
        let mut ended = Tally::default();
        ended.discard(BY_THE_OPERATOR, passed_over);
        if let Some(subscribed) = self.numbered(number)
            && subscribed.epoch == epoch
        {
            subscribed.again_to = left.handed_to;
            // Unless it was handed something of there already.
            let is_back = first <= left.handed_to;
            let before = first.saturating_sub(1);
            subscribed.handed_to = match is_back {
                true => before,
                false => subscribed.handed_to.max(before),
            };
            self.count(number, ended);
        }
    }

    /// The entries of a subscription that wait for delivery and lie before that place; but not what is
    /// leased here.
    pub(in crate::nats) fn passed_over(&self, name: &str, first: u64) -> Vec<u64> {
        let Some(subscribed) = self.named(name) else {
            return Vec::new();
        };
        let number = subscribed.number;
        let waits = |of, entry: &Entry| of == number && !entry.is_parked();
        let listed = self.index.list(None, usize::MAX, waits);
        let positions = listed.into_iter().map(|((position, _), _)| position);
        positions
            .filter(|position| *position < first)
            .filter(|position| !subscribed.queues.leased.contains_key(position))
            .collect()
    }

    /// Begins to end an entry that was passed over, as discarded.
    pub(in crate::nats) fn begin_passing_over(
        &mut self,
        name: &str,
        position: u64,
        answer: Answer,
    ) {
        let found = self.named(name).and_then(|subscribed| {
            let standing = self.index.get(subscribed.number, position)?;
            let place = *self.by_name.get(name)?;
            Some((subscribed.id(place), subscribed.number, standing))
        });
        let Some((id, number, standing)) = found else {
            return say(Some(answer), Ok(false));
        };
        let step = Step::End {
            place: standing.place,
            sequence: standing.sequence,
        };
        let then = Then::Discard {
            id,
            by: BY_THE_OPERATOR,
        };
        self.step((number, position), step, then, Some(answer));
    }

    /// The first event of the first stream that an entry needs which has no copy of it.
    pub(in crate::nats) fn needed_from(&self) -> Option<u64> {
        let is_without_copy = |_, entry: &Entry| entry.body == crate::nats::entry::Body::Events;
        let listed = self.index.list(None, 1, is_without_copy);
        listed.first().map(|((position, _), _)| *position)
    }

    /// The number and epoch of each subscription.
    pub(in crate::nats) fn recorded_all(&self) -> Vec<(u64, u64)> {
        let all = self.subscriptions.iter();
        all.map(|(_, subscribed)| (subscribed.number, subscribed.epoch))
            .collect()
    }
}
