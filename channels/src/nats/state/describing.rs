//! What is shown of the subscriptions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::State;
use super::subscribed::Subscribed;
use crate::{SubscriptionKey, SubscriptionStatus, Timestamp};

/// The key of a subscription that is not open here; nobody gives it.
const NOT_OPENED: SubscriptionKey = SubscriptionKey(u64::MAX);

impl State {
    /// Each subscription, by name.
    pub(in crate::nats) fn statuses(&self, now: Timestamp) -> Vec<SubscriptionStatus> {
        let oldest = self.index.oldest();
        let named = self.by_name.values();
        let named = named.filter_map(|place| self.subscriptions.get(*place));
        named
            .map(|subscribed| self.status(subscribed, &oldest, now))
            .collect()
    }

    /// How many events this process has appended.
    pub(in crate::nats) fn appended_here(&self) -> u64 {
        self.appended
    }

    pub(super) fn status_of(&self, name: &str, now: Timestamp) -> Option<SubscriptionStatus> {
        let subscribed = self.named(name)?;
        Some(self.status(subscribed, &self.index.oldest(), now))
    }

    fn status(
        &self,
        subscribed: &Subscribed,
        oldest_kept: &BTreeMap<u64, Timestamp>,
        now: Timestamp,
    ) -> SubscriptionStatus {
        let queues = &subscribed.queues;
        let sum = self.index.sum(subscribed.number);
        let books = self.books(subscribed);
        let deferred_here = queues.deferred() as u64;
        let deferred_kept = sum.map_or(0, |sum| sum.deferred(now) as u64);
        let deferred = deferred_here + deferred_kept;
        let leased = queues.leased.len() as u64;
        let oldest_held = queues.oldest_pending().and_then(|ticket| {
            let held = subscribed.held.get(&ticket.offset)?;
            Some(held.accepted_at)
        });
        let oldest_kept = oldest_kept.get(&subscribed.number).copied();
        let next_due = sum.and_then(crate::nats::index::Sum::first_due);
        let waiting = sum.map_or(0, crate::nats::index::Sum::waiting);
        SubscriptionStatus {
            name: Arc::clone(&subscribed.name),
            key: subscribed.key.unwrap_or(NOT_OPENED),
            books,
            undecided: subscribed.tally().undecided,
            waiting: books.pending.saturating_sub(deferred + leased),
            unread: self.unread(subscribed).min(books.pending),
            deferred,
            leased,
            oldest_pending_accepted_at: oldest_held.into_iter().chain(oldest_kept).min(),
            next_due_at: queues
                .first_deferred_until()
                .into_iter()
                .chain(next_due)
                .min(),
            paused: subscribed.is_paused,
            stalled: queues.deferred() + waiting >= subscribed.deferred_max,
            discarded_by: subscribed.tally().discarded_by(),
        }
    }
}
