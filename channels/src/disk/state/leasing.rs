//! How events are handed out: what a reading end gets, and what it waits for.

use std::sync::Arc;
use std::task::Waker;

use super::State;
use super::held::Place;
use super::subscribed::Subscribed;
use crate::queues::{Duty, Turn};
use crate::reading::{HandedOut, LeaseId, Next, SubscriptionId};
use crate::{LeasePurpose, NextLimit, Timestamp};

const HERE: &str = "what is ready is in memory";

impl State {
    /// Hands out what is ready within `limit`, or keeps `waker` to be woken when that may have
    /// changed. Asks for more where less than is wanted is in memory.
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
        let for_sink = limit.dead_letters_max > 0;
        let Some(subscribed) = self.subscribed(id) else {
            return Next::Over;
        };
        let is_held_back = subscribed.is_paused || self.is_ahead_of_its_progress(id);
        if !is_held_back {
            self.ask_for_due(id, for_sink, now);
            let handed_out = self.hand_out(id, limit, now);
            self.ask_for_more(id);
            if !handed_out.is_empty() {
                return Next::HandedOut(handed_out);
            }
        }
        let Some(subscribed) = self.subscribed(id) else {
            return Next::Over;
        };
        let due = subscribed.queues.next_due(now, for_sink);
        Next::wait(&mut subscribed.waker, waker, due.filter(|_| !is_held_back))
    }

    fn hand_out(&mut self, id: SubscriptionId, limit: NextLimit, now: Timestamp) -> Vec<HandedOut> {
        let mut last_token = self.last_serial;
        let Some(subscribed) = self.subscribed(id) else {
            return Vec::new();
        };
        let deferred_max = subscribed.deferred_max;
        let turns = subscribed
            .queues
            .hand_out(limit, deferred_max, now, &mut last_token);
        let turns = turns.iter();
        let handed_out = turns.map(|turn| subscribed.handed_out(id, turn)).collect();
        self.last_serial = last_token;
        handed_out
    }
}

impl Subscribed {
    fn handed_out(&self, id: SubscriptionId, turn: &Turn<Place>) -> HandedOut {
        let ticket = &turn.ticket;
        let parked = self.queues.parked.get(&ticket.offset);
        let purpose = match (turn.duty, parked) {
            (Duty::Parked, Some(parked)) => LeasePurpose::DeadLetter(parked.reason.to_tell()),
            _ => LeasePurpose::Deliver,
        };
        let accepted_at = ticket.place.accepted_at;
        HandedOut {
            id: LeaseId {
                subscription: id,
                offset: ticket.offset,
                token: turn.token,
            },
            event: Arc::clone(&ticket.place.held.as_ref().expect(HERE).event),
            sends: ticket.sends,
            accepted_at,
            age_since: accepted_at.max(ticket.redriven_at).max(self.ages_from),
            purpose,
        }
    }
}
