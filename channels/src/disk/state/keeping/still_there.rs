//! Whether what waits to be kept can still be done, and whether what was kept is still needed.
//!
//! What is discarded is gone from the disk a moment before the state is told. Whoever reads there in
//! between finds nothing, which is not to be taken for damage.

use super::super::super::kept::{KeptKey, KeptOp};
use super::super::State;
use super::{Then, ToKeep, say};
use crate::reading::SubscriptionId;

impl State {
    /// Those that can still be done. In the meantime a lease may have ended without effect, and a dead
    /// letter may be gone: then its entry is not that of a letter any more, and must not be touched.
    pub(in super::super::super) fn still_to_keep(&mut self, to_keep: Vec<ToKeep>) -> Vec<ToKeep> {
        let can_be_done = |it: &ToKeep| self.is_there(&it.then);
        let (there, gone): (Vec<_>, Vec<_>) = to_keep.into_iter().partition(can_be_done);
        for it in gone {
            let was_done_without = match it.then {
                Then::Move { .. } | Then::Park { .. } => true,
                Then::Redrive { .. } | Then::Discard { .. } => false,
            };
            say(it.answer, Ok(was_done_without));
        }
        for it in &there {
            if let KeptOp::End(key) = it.op {
                self.discarding.entry(key).or_default();
            }
        }
        there
    }

    /// The end of a dead letter is stored, or could not be: what was found missing is looked for
    /// again.
    pub(super) fn is_no_more_discarding(&mut self, key: KeptKey) {
        if let Some(Some(fetch)) = self.discarding.remove(&key) {
            self.fetches.push_back(fetch);
            self.woken.fetcher = true;
        }
    }

    fn is_there(&self, then: &Then) -> bool {
        let queues = |id: SubscriptionId| {
            let subscribed = self.subscriptions.get(id.place);
            let subscribed = subscribed.filter(|subscribed| subscribed.serial == id.serial);
            subscribed.map(|subscribed| &subscribed.queues)
        };
        match *then {
            Then::Move { lease, .. } | Then::Park { lease, .. } => queues(lease.subscription)
                .is_some_and(|it| it.leased_ticket(lease.offset, lease.token).is_some()),
            Then::Redrive { id, offset, .. } | Then::Discard { id, offset, .. } => {
                queues(id).is_some_and(|it| it.parked.contains_key(&offset))
            }
        }
    }

    /// Whether an event is kept apart now. One that has ended may have been given once more and be kept
    /// anew, before the end of the entry it had was stored.
    pub(in super::super) fn is_kept(&self, key: KeptKey) -> bool {
        let place = self.by_number.get(&key.subscription);
        let subscribed = place.and_then(|place| self.subscriptions.get(*place));
        let ticket = subscribed.and_then(|it| it.queues.ticket_of(key.offset));
        ticket.is_some_and(|ticket| ticket.place.is_kept)
    }
}
