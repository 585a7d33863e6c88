//! How events are handed out: what a reading end gets, and what it waits for.

use std::sync::Arc;
use std::task::Waker;

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
        let due = subscribed.queues.next_due(now, limit.dead_letters_max > 0);
        let due = due.filter(|_| !subscribed.paused);
        Next::wait(&mut subscribed.waker, waker, due)
    }

    fn hand_out(&mut self, id: SubscriptionId, limit: NextLimit, now: Timestamp) -> Vec<HandedOut> {
        let mut last_token = self.last_serial;
        let subscribed = self.subscriptions.get_mut(id.place);
        let Some(subscribed) = subscribed.filter(|it| it.serial == id.serial) else {
            return Vec::new();
        };
        let deferred_max = subscribed.deferred_max;
        let ages_from = subscribed.ages_from;
        let turns = subscribed
            .queues
            .hand_out(limit, deferred_max, now, &mut last_token);
        let handed_out = turns.into_iter().map(|turn| {
            let ticket = turn.ticket;
            let slot = self.slots.get(ticket.place);
            HandedOut {
                id: LeaseId {
                    subscription: id,
                    offset: ticket.offset,
                    token: turn.token,
                },
                event: Arc::clone(&slot.event),
                sends: ticket.sends,
                accepted_at: slot.accepted_at,
                age_since: slot.accepted_at.max(ticket.redriven_at).max(ages_from),
                purpose: subscribed.purpose(ticket, turn.duty),
            }
        });
        let handed_out = handed_out.collect();
        self.last_serial = last_token;
        handed_out
    }
}
