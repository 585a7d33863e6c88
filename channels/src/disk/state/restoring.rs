//! What was stored becomes subscriptions again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::kept::{KeptEntry, KeptState};
use super::super::progress::Standing;
use super::held::{Place, Queues, Reason, Ticket};
use super::subscribed::{Feed, Subscribed};
use super::{NAMED, State};
use crate::queues::Why;
use crate::{Exhausted, Timestamp};

impl State {
    /// A subscription that there was when the channel was last closed. It is behind, and collects
    /// nothing, until it is opened.
    pub(in super::super) fn restore(&mut self, standing: &Standing, now: Timestamp) {
        let place = self.insert(Subscribed {
            serial: 0,
            number: standing.number,
            name: Arc::clone(&standing.name),
            key: None,
            keyed_in: 0,
            exhausted: Exhausted::Discard,
            deferred_max: usize::MAX,
            is_paused: standing.is_paused,
            is_open: false,
            waker: None,
            ages_from: Timestamp::default(),
            began: standing.began,
            feed: Feed::Behind(standing.reads_on_from),
            is_hungry: false,
            fetching: BTreeMap::new(),
            tally: standing.tally.clone(),
            queues: Queues::default(),
            done_ahead: BTreeSet::new(),
            unsaved_ends: 0,
            saving_ends: 0,
            is_unsaved: false,
            is_saved_idle: standing.is_idle,
        });
        let subscribed = self.subscriptions.get_mut(place).expect(NAMED);
        for exception in &standing.exceptions {
            let ticket = Ticket {
                offset: exception.offset,
                place: Place {
                    held: None,
                    accepted_at: Timestamp::default(),
                    is_kept: false,
                },
                size_bytes: 0,
                sends: exception.sends,
                redriven_at: Timestamp::from_signed_millis(exception.redriven_at_ms),
            };
            subscribed
                .queues
                .put_again(ticket, false, Why::Redriven, now);
        }
    }

    /// What was kept for it. What progress says of the same event is older, unless the event was
    /// redriven since: then the end of what was kept could not be stored any more.
    pub(in super::super) fn restore_kept(&mut self, entry: &KeptEntry) {
        let place = self.by_number.get(&entry.key.subscription);
        let Some(subscribed) = place.and_then(|place| self.subscriptions.get_mut(*place)) else {
            return;
        };
        let queues = &mut subscribed.queues;
        let redriven_at = Timestamp::from_signed_millis(entry.redriven_at_ms);
        let known = queues.ticket(entry.key.offset);
        if known.is_some_and(|known| known.redriven_at > redriven_at) {
            self.kept_ends.push(entry.key);
            return;
        }
        queues.remove_again(entry.key.offset);
        let ticket = |sends| Ticket {
            offset: entry.key.offset,
            place: Place {
                held: None,
                accepted_at: Timestamp::from_signed_millis(entry.accepted_at_ms),
                is_kept: true,
            },
            size_bytes: entry.size_bytes,
            sends,
            redriven_at,
        };
        match &entry.state {
            KeptState::Moved { due_ms, sends } => {
                let due = Timestamp::from_signed_millis(*due_ms);
                queues.put_again(ticket(*sends), false, Why::Deferred, due);
            }
            KeptState::Parked {
                reason,
                sends,
                parked_at_ms,
                retry_at_ms,
            } => {
                let reason = Reason {
                    kind: reason,
                    whole: None,
                };
                let retry_at = retry_at_ms.map(Timestamp::from_signed_millis);
                queues.park(
                    ticket(*sends),
                    reason,
                    Timestamp::from_signed_millis(*parked_at_ms),
                    retry_at,
                );
            }
        }
    }

    /// All that there was is there again. Where a crash came between what is kept and the progress
    /// that goes with it, an event may be kept that progress says was done with before: it was
    /// replayed, or what it came to since is counted and it comes up once more.
    pub(in super::super) fn restored(&mut self) {
        for subscribed in self.subscriptions.iter_mut() {
            let books = subscribed.books(&self.counts, self.tail);
            let all = books.accepted + books.replayed;
            subscribed.tally.replayed += books.states().saturating_sub(all);
        }
    }
}
