//! What is looked up for lists and for replays.

use std::sync::Arc;

use super::State;
use super::subscribed::Subscribed;
use crate::nats::entry::EntryState;
use crate::nats::index::Standing;
use crate::reading::position as at;
use crate::{DeadLetterKey, ParkedSince, Position};

/// A dead letter, as the index has it.
#[derive(Clone, Debug)]
pub(in crate::nats) struct Letter {
    /// Whose.
    pub(in crate::nats) name: Arc<str>,
    /// The event's place in the first stream.
    pub(in crate::nats) position: u64,
    /// The sequence of the message that keeps it.
    pub(in crate::nats) sequence: u64,
}

/// What is known of an event that a subscription is to be handed once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nats) enum Past {
    /// As far as this process knows it has ended, or was never wanted.
    Over,
    /// It is pending or parked.
    Unfinished,
}

impl State {
    /// Up to `limit` dead letters in order of position, then name, behind `after`.
    pub(in crate::nats) fn letters(
        &self,
        name: Option<&str>,
        after: Option<&DeadLetterKey>,
        limit: usize,
    ) -> Vec<Letter> {
        let number = match name {
            Some(name) => match self.named(name) {
                Some(subscribed) => Some(subscribed.number),
                None => return Vec::new(),
            },
            None => None,
        };
        // Of one position there are as many as subscriptions, in another order than that of names.
        let at_once = self.by_name.len();
        let most = limit.saturating_add(2 * at_once);
        let from = after.map(|after| after.position.offset);
        let from = from.and_then(|from| Some((from.checked_sub(1)?, u64::MAX)));
        let listed = self.index.list(from, most, |of, entry| {
            entry.is_parked()
                && number.is_none_or(|number| number == of)
                && self.by_number.contains_key(&of)
        });
        let letters = listed.into_iter().filter_map(|((position, of), standing)| {
            let subscribed = self.subscriptions.get(*self.by_number.get(&of)?)?;
            Some(Letter::of(subscribed, position, &standing))
        });
        let is_behind = |letter: &Letter| {
            after.is_none_or(|after| {
                (letter.position, &letter.name) > (after.position.offset, &after.subscription)
            })
        };
        let mut letters: Vec<Letter> = letters.filter(is_behind).collect();
        letters.sort_by(|one, other| (one.position, &one.name).cmp(&(other.position, &other.name)));
        letters.truncate(limit);
        letters
    }

    /// The dead letter of that position, if there is one.
    pub(in crate::nats) fn letter_at(&self, name: &str, position: u64) -> Option<Letter> {
        let subscribed = self.named(name)?;
        let standing = self.index.get(subscribed.number, position)?;
        let is_parked = standing.entry.is_parked();
        is_parked.then(|| Letter::of(subscribed, position, &standing))
    }

    /// Since when up to `limit` dead letters lie, by position, from the place after `after`.
    pub(in crate::nats) fn parked_since(
        &self,
        name: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Vec<ParkedSince> {
        let Some(subscribed) = self.named(name) else {
            return Vec::new();
        };
        let number = subscribed.number;
        let after = after.map(|after| (after.offset, u64::MAX));
        let is_listed = |of, entry: &crate::nats::entry::Entry| of == number && entry.is_parked();
        let listed = self.index.list(after, limit, is_listed).into_iter();
        let since = listed.filter_map(|((position, _), standing)| match standing.entry.state {
            EntryState::Parked { at: parked_at, .. } => Some(ParkedSince {
                position: at(position),
                parked_at,
            }),
            EntryState::Moved { .. } => None,
        });
        since.collect()
    }

    /// The number of a subscription, and how many replayed events wait for it.
    pub(in crate::nats) fn replayed(&self, name: &str) -> Option<(u64, u64)> {
        let number = self.named(name)?.number;
        let sum = self.index.sum(number);
        Some((number, sum.map_or(0, |sum| sum.replayed)))
    }

    /// Whether the subscription is done with the event of that position, as far as is known here: one
    /// that another process holds is not told from one that has ended.
    pub(in crate::nats) fn past(&self, number: u64, position: u64) -> Past {
        let place = self.by_number.get(&number);
        let subscribed = place.and_then(|place| self.subscriptions.get(*place));
        let is_held = subscribed.is_some_and(|it| it.held.contains_key(&position));
        let is_to_come = subscribed
            .is_some_and(|it| position > it.handed_to.max(it.began) && position <= self.highest);
        let is_kept = self.index.get(number, position).is_some();
        match is_held || is_to_come || is_kept {
            true => Past::Unfinished,
            false => Past::Over,
        }
    }
}

impl Letter {
    fn of(subscribed: &Subscribed, position: u64, standing: &Standing) -> Self {
        Letter {
            name: Arc::clone(&subscribed.name),
            position,
            sequence: standing.sequence,
        }
    }
}
