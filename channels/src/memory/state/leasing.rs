//! How events are handed out: what a reading end gets, and what it waits for.

use std::sync::Arc;
use std::task::Waker;

use super::super::queues::Duty;
use super::State;
use crate::reading::{HandedOut, LeaseId, Next, SubscriptionId};
use crate::{NextLimit, Timestamp};

impl State {
    /// Hands out what is ready within `limit`, or keeps `waker` to be woken when that may have
    /// changed.
    pub(in super::super) fn next(
        &mut self,
        id: SubscriptionId,
        limit: NextLimit,
        waker: &Waker,
        now: Timestamp,
    ) -> Next {
        if self.closed {
            return Next::Over;
        }
        let Some(subscribed) = self.subscribed(id) else {
            return Next::Over;
        };
        if !subscribed.paused {
            let handed_out = self.hand_out(id, limit, now);
            if !handed_out.is_empty() {
                return Next::HandedOut(handed_out);
            }
        }
        let Some(subscribed) = self.subscribed(id) else {
            return Next::Over;
        };
        match &mut subscribed.waker {
            Some(kept) => kept.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        let due = subscribed.queues.next_due(now, limit.dead_letters_max > 0);
        Next::Wait(due.filter(|_| !subscribed.paused))
    }

    fn hand_out(&mut self, id: SubscriptionId, limit: NextLimit, now: Timestamp) -> Vec<HandedOut> {
        let mut handed_out = Vec::new();
        let mut bytes_left = limit.bytes_max as u64;
        let mut dead_letters_left = limit.dead_letters_max;
        while handed_out.len() < limit.items_max.get() {
            let token = self.serial();
            let Some(subscribed) = self.subscribed(id) else {
                break;
            };
            let deferred_max = subscribed.deferred_max;
            let for_sink = dead_letters_left > 0;
            let Some(ready) = subscribed.queues.ready(now, deferred_max, for_sink) else {
                break;
            };
            if ready.size_bytes() > bytes_left && !handed_out.is_empty() {
                break;
            }
            bytes_left = bytes_left.saturating_sub(ready.size_bytes());
            let (ticket, duty) = subscribed.queues.hand_out(ready, token);
            match duty {
                Duty::Deliver => {}
                Duty::HandedOver | Duty::Parked => dead_letters_left -= 1,
            }
            let purpose = subscribed.purpose(ticket, duty);
            let slot = self.slots.get(ticket.place);
            handed_out.push(HandedOut {
                id: LeaseId {
                    subscription: id,
                    offset: ticket.offset,
                    token,
                },
                event: Arc::clone(&slot.event),
                sends: ticket.sends,
                accepted_at: slot.accepted_at,
                age_since: slot.accepted_at.max(ticket.redriven_at),
                purpose,
            });
        }
        handed_out
    }
}
