//! How leases end: by whose duty, and in which way.
//!
//! | the lease was for | taken | discarded | deferred | parked | dropped |
//! |---|---|---|---|---|---|
//! | delivery | delivered, or dead-lettered | discarded | again when due | parked | again, first |
//! | a parked event's sink | dead-lettered | discarded | stays parked, again when due | stays parked, with the new reason | stays parked, again, first |
//! | the sink of an event that a full store took | dead-lettered | discarded | again when due | discarded | again, first |
//!
//! A sink's lease can only be taken by the sink, so `Delivered` means `DeadLettered` there. An
//! event that a full store took must not fill the store again: it may wait for its sink within
//! its bounded share, but what would be parked is discarded, as `shed`.

use super::super::queues::{Duty, ParkedAgain, Ticket, Why};
use super::super::slots::Holder;
use super::shedding::SHED;
use super::{State, wake};
use crate::load::Load;
use crate::reading::{LeaseId, SubscriptionId};
use crate::{BY_THE_LEASE, ParkReason, Settled, Timestamp};

/// What the holder of a lease did with it.
#[derive(Debug)]
pub(in super::super) enum Ending {
    Settled(Settled),
    Deferred {
        until: Timestamp,
        sends: u32,
    },
    Parked {
        reason: ParkReason,
        sends: u32,
        retry_at: Option<Timestamp>,
    },
    Dropped,
}

impl State {
    /// Ends a lease. One that something else has ended already (the subscription was deleted, an
    /// operator redrove the event) ends without effect.
    pub(in super::super) fn end(&mut self, lease: LeaseId, ending: Ending, now: Timestamp) {
        let id = lease.subscription;
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        let Some((ticket, duty)) = subscribed.queues.end_lease(lease.offset, lease.token) else {
            return;
        };
        match duty {
            Duty::Deliver => self.end_delivery(id, ticket, ending, now),
            Duty::HandedOver => self.end_hand_over(id, ticket, ending),
            Duty::Parked => self.end_retry(id, ticket, ending, now),
        }
        // Whatever ended, the reader's next wait may be another: an event is ready again, due
        // earlier, or fresh ones are no longer held back.
        if let Some(subscribed) = self.subscriptions.get_mut(id.place) {
            wake(&mut self.woken, subscribed);
        }
    }

    fn end_delivery(
        &mut self,
        id: SubscriptionId,
        mut ticket: Ticket,
        ending: Ending,
        now: Timestamp,
    ) {
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        match ending {
            Ending::Settled(how) => {
                match how {
                    Settled::Delivered => subscribed.tally.delivered += 1,
                    Settled::DeadLettered => subscribed.tally.dead_lettered += 1,
                    Settled::Discarded => {
                        subscribed.tally.discard(BY_THE_LEASE);
                    }
                }
                self.slots.let_go(ticket.place, Holder::Ordinary);
            }
            Ending::Deferred { until, sends } => {
                ticket.sends = sends;
                subscribed
                    .queues
                    .put_again(ticket, false, Why::Deferred, until);
            }
            Ending::Parked {
                reason,
                sends,
                retry_at,
            } => {
                ticket.sends = sends;
                let retry_at = subscribed.exhausted.sink_at(reason.kind, retry_at, now);
                subscribed.queues.park(ticket, reason, now, retry_at);
            }
            Ending::Dropped => {
                subscribed
                    .queues
                    .put_again(ticket, false, Why::Returned, now);
            }
        }
    }

    fn end_hand_over(&mut self, id: SubscriptionId, mut ticket: Ticket, ending: Ending) {
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        match ending {
            Ending::Settled(Settled::Delivered | Settled::DeadLettered) => {
                subscribed.tally.dead_lettered += 1;
            }
            Ending::Settled(Settled::Discarded) | Ending::Parked { .. } => {
                subscribed.tally.discard(SHED);
            }
            Ending::Deferred { until, sends } => {
                ticket.sends = sends;
                subscribed
                    .queues
                    .put_again(ticket, true, Why::Deferred, until);
                return;
            }
            Ending::Dropped => {
                let at_once = Timestamp::default();
                subscribed
                    .queues
                    .put_again(ticket, true, Why::Returned, at_once);
                return;
            }
        }
        self.let_go_of_taken(ticket);
    }

    fn end_retry(&mut self, id: SubscriptionId, ticket: Ticket, ending: Ending, now: Timestamp) {
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        let laid_back = match ending {
            Ending::Settled(how) => {
                subscribed.queues.remove_parked(ticket.offset);
                match how {
                    Settled::Delivered | Settled::DeadLettered => {
                        subscribed.tally.dead_lettered += 1;
                    }
                    Settled::Discarded => {
                        subscribed.tally.discard(BY_THE_LEASE);
                    }
                }
                self.slots.let_go(ticket.place, Holder::Ordinary);
                return;
            }
            Ending::Deferred { until, sends } => ParkedAgain::Deferred { until, sends },
            Ending::Parked {
                reason,
                sends,
                retry_at,
            } => ParkedAgain::Parked {
                retry_at: subscribed.exhausted.sink_at(reason.kind, retry_at, now),
                reason,
                sends,
            },
            Ending::Dropped => ParkedAgain::Returned,
        };
        subscribed.queues.lay_back(ticket.offset, laid_back);
    }

    /// An event that was handed over is done with.
    pub(super) fn let_go_of_taken(&mut self, ticket: Ticket) {
        self.handed_over -= Load::of(ticket.size_bytes);
        self.slots.let_go(ticket.place, Holder::HandedOver);
    }
}
