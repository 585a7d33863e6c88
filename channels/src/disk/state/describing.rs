//! What is shown of the subscriptions.

use std::ops::Range;
use std::sync::Arc;

use super::super::kept::KeptKey;
use super::State;
use super::held::Parked;
use super::subscribed::Subscribed;
use crate::reading::position;
use crate::{
    BY_AGE, BY_THE_LEASE, BY_THE_OPERATOR, DeadLetterKey, LostEvents, SubscriptionKey,
    SubscriptionStatus, Timestamp, queues,
};

/// A dead letter, but for what is read from the disk.
#[derive(Clone, Debug)]
pub(in super::super) struct Letter {
    pub(in super::super) key: DeadLetterKey,
    pub(in super::super) kept: KeptKey,
    pub(in super::super) kind: &'static str,
    pub(in super::super) sends: u32,
    pub(in super::super) accepted_at: Timestamp,
    pub(in super::super) parked_at: Timestamp,
    pub(in super::super) retry_at: Option<Timestamp>,
}

/// The key of a subscription that was not opened yet; nobody gives it.
const NOT_OPENED: SubscriptionKey = SubscriptionKey(u64::MAX);

impl State {
    /// By position and then by name.
    pub(in super::super) fn letters(
        &self,
        name: Option<&str>,
        after: Option<&DeadLetterKey>,
        limit: usize,
    ) -> Vec<Letter> {
        let asked_for = self
            .by_name
            .iter()
            .filter(|(known, _)| name.is_none_or(|name| name == &***known));
        let parked = asked_for.filter_map(|(known, place)| {
            let subscribed = self.subscriptions.get(*place)?;
            Some((known, &subscribed.queues.parked))
        });
        let page = queues::page(parked, after, limit);
        page.into_iter()
            .filter_map(|(name, parked)| {
                let place = self.by_name.get(name)?;
                let number = self.subscriptions.get(*place)?.number;
                Some(letter(name, number, parked))
            })
            .collect()
    }

    /// Each subscription, by name. `accepted_at` says of an offset that was not read when about the
    /// event there was accepted.
    pub(in super::super) fn statuses(
        &self,
        accepted_at: &dyn Fn(u64) -> Option<Timestamp>,
    ) -> Vec<SubscriptionStatus> {
        let named = self.by_name.values();
        let named = named.filter_map(|place| self.subscriptions.get(*place));
        let statuses = named.map(|subscribed| {
            let oldest_pending = subscribed.oldest_pending(self.tail, accepted_at);
            SubscriptionStatus {
                oldest_pending_accepted_at: oldest_pending,
                ..self.status(subscribed)
            }
        });
        statuses.collect()
    }

    /// All but when the oldest pending event was accepted.
    pub(super) fn status(&self, subscribed: &Subscribed) -> SubscriptionStatus {
        let queues = &subscribed.queues;
        let unread = subscribed.unread(&self.counts, self.tail);
        let discarded = subscribed.tally.discarded_by.iter();
        SubscriptionStatus {
            name: Arc::clone(&subscribed.name),
            key: subscribed.key.unwrap_or(NOT_OPENED),
            books: subscribed.books(&self.counts, self.tail),
            undecided: subscribed.tally.undecided,
            waiting: queues.waiting() as u64 + unread,
            unread,
            deferred: queues.deferred() as u64,
            leased: queues.leased.len() as u64,
            oldest_pending_accepted_at: None,
            next_due_at: queues.first_deferred_until(),
            paused: subscribed.is_paused,
            stalled: queues.deferred() >= subscribed.deferred_max,
            discarded_by: discarded
                .filter_map(|(reason, count)| Some((known_reason(reason)?, *count)))
                .collect(),
        }
    }

    /// How many events are retained, and how many were accepted since the channel was opened.
    pub(in super::super) fn events(&self) -> (u64, u64) {
        let all = self.counts.at(self.tail);
        let retained = self.counts.between(&(self.counts.first()..self.tail));
        (retained, all - self.opened_at_count)
    }

    /// So many events are missing that no segment tells of, and no reader of those that are `untold`.
    pub(in super::super) fn has_lost(&mut self, events: LostEvents, untold: Vec<Range<u64>>) {
        self.lost_events += events;
        self.untold = untold;
    }

    pub(in super::super) fn lost_events(&self) -> LostEvents {
        self.lost_events
    }
}

impl Subscribed {
    /// When its oldest pending event was accepted, or what is next to be read. What has not been in
    /// memory since the start is known by its offset alone.
    fn oldest_pending(
        &self,
        tail: u64,
        accepted_at: &dyn Fn(u64) -> Option<Timestamp>,
    ) -> Option<Timestamp> {
        let ticket = self.queues.oldest_pending();
        let known = ticket.as_ref().map(|it| (it.offset, it.place.accepted_at));
        let unread = Some((self.reads_to(tail), Timestamp::default()));
        let unread = unread.filter(|(offset, _)| *offset < tail);
        let oldest = known.into_iter().chain(unread).min_by_key(|it| it.0);
        let (offset, at) = oldest?;
        if at == Timestamp::default() {
            accepted_at(offset)
        } else {
            Some(at)
        }
    }
}

/// The reasons that there are, as the contract has them.
fn known_reason(reason: &str) -> Option<&'static str> {
    [BY_THE_OPERATOR, BY_AGE, BY_THE_LEASE, "shed"]
        .into_iter()
        .find(|known| *known == reason)
}

fn letter(name: &Arc<str>, number: u64, parked: &Parked) -> Letter {
    let offset = parked.ticket.offset;
    Letter {
        key: DeadLetterKey {
            subscription: Arc::clone(name),
            position: position(offset),
        },
        kept: KeptKey {
            subscription: number,
            offset,
        },
        kind: parked.reason.kind,
        sends: parked.ticket.sends,
        accepted_at: parked.ticket.place.accepted_at,
        parked_at: parked.parked_at,
        retry_at: parked.retry_at,
    }
}
