//! What the matcher said of events, so that it is asked once of each, however many subscriptions are
//! handed it.
//!
//! Of what this process appends it is known before it is published, by the message's id, because a
//! server may hand an event out before it acknowledges it. Later it is known by position. The last
//! [`KNOWN_MAX`] of each are kept; of older ones the matcher is asked again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::State;
use crate::SubscriptionKey;
use crate::answers::Answers;

/// Of so many events it is known who wants them, beside those that are being appended.
const KNOWN_MAX: usize = 16_384;

/// What a message is published under, so that a server knows it again.
pub(in crate::nats) type MessageId = Arc<str>;

#[derive(Debug)]
struct Said {
    answers: Answers,
    /// What the keys of the state were when the matcher was asked.
    keys_epoch: u64,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Known {
    by_position: BTreeMap<u64, Said>,
    by_id: HashMap<MessageId, Said>,
    /// In the order in which they were published; some may be stored by now.
    published: VecDeque<MessageId>,
}

/// What is known of an event and a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nats) enum Verdict {
    /// It wants the event.
    Wanted,
    /// It does not.
    Unwanted,
    /// The matcher cannot tell.
    Undecided,
}

impl Said {
    fn of(&self, key: SubscriptionKey) -> Verdict {
        if self.answers.wanted.contains(&key) {
            Verdict::Wanted
        } else if self.answers.undecided.contains(&key) {
            Verdict::Undecided
        } else {
            Verdict::Unwanted
        }
    }
}

impl Known {
    fn verdict(
        &self,
        position: u64,
        id: Option<&MessageId>,
        key: SubscriptionKey,
        keyed_in: u64,
    ) -> Option<Verdict> {
        let by_position = self.by_position.get(&position);
        let said = by_position.or_else(|| self.by_id.get(id?))?;
        (said.keys_epoch >= keyed_in).then(|| said.of(key))
    }

    fn learn(&mut self, position: u64, said: Said) {
        self.by_position.insert(position, said);
        while self.by_position.len() > KNOWN_MAX {
            self.by_position.pop_first();
        }
    }

    /// Of the events behind `after` and up to `to`, how many the subscription wants, and of how many this is known.
    /// Those at `until` and before it are counted apart.
    pub(super) fn count(
        &self,
        after: u64,
        until: u64,
        to: u64,
        key: Option<SubscriptionKey>,
        keyed_in: u64,
    ) -> Counted {
        let mut counted = Counted::default();
        let behind = self.by_position.range(after.saturating_add(1)..);
        for (position, said) in behind.take_while(|(position, _)| **position <= to) {
            let Some(key) = key.filter(|_| said.keys_epoch >= keyed_in) else {
                continue;
            };
            let is_wanted = u64::from(said.of(key) == Verdict::Wanted);
            if *position <= until {
                counted.known_until += 1;
                counted.wanted_until += is_wanted;
            } else {
                counted.known_later += 1;
                counted.wanted_later += is_wanted;
            }
        }
        counted
    }
}

/// See [`Known::count`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) known_until: u64,
    pub(super) wanted_until: u64,
    pub(super) known_later: u64,
    pub(super) wanted_later: u64,
}

impl State {
    /// An event is about to be published under that id, and the matcher has answered while the keys
    /// were those of `keys_epoch`.
    pub(in crate::nats) fn will_append(
        &mut self,
        id: MessageId,
        answers: Answers,
        keys_epoch: u64,
    ) {
        let said = Said {
            answers,
            keys_epoch,
        };
        self.known.by_id.insert(Arc::clone(&id), said);
        self.known.published.push_back(id);
        while self.known.published.len() > KNOWN_MAX
            && let Some(oldest) = self.known.published.pop_front()
        {
            self.known.by_id.remove(&oldest);
        }
    }

    /// It is stored at that position.
    pub(in crate::nats) fn appended(&mut self, id: &MessageId, position: u64) {
        self.highest = self.highest.max(position);
        self.appended += 1;
        let Some(said) = self.known.by_id.remove(id) else {
            return;
        };
        for key in &said.answers.undecided {
            if let Some(place) = self.by_key.get(key)
                && let Some(subscribed) = self.subscriptions.get_mut(*place)
            {
                subscribed.ended.undecided += 1;
            }
        }
        self.known.learn(position, said);
    }

    /// It is not stored, and never will be. Of one of which that is not known nothing is said here.
    pub(in crate::nats) fn not_appended(&mut self, id: &MessageId) {
        self.known.by_id.remove(id);
    }

    /// What is known of that event and the subscription of that number; none where the matcher has to
    /// be asked.
    pub(in crate::nats) fn verdict(
        &self,
        number: u64,
        position: u64,
        id: Option<&MessageId>,
    ) -> Option<Verdict> {
        let subscribed = self.subscriptions.get(*self.by_number.get(&number)?)?;
        let key = subscribed.key?;
        self.known.verdict(position, id, key, subscribed.keyed_in)
    }

    /// The matcher was asked of an event that was handed out, while the keys were those of
    /// `keys_epoch`.
    pub(in crate::nats) fn learn(&mut self, position: u64, answers: Answers, keys_epoch: u64) {
        let said = Said {
            answers,
            keys_epoch,
        };
        self.known.learn(position, said);
    }
}
