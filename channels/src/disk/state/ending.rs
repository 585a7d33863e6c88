//! How leases end, where nothing has to be stored first.
//!
//! | the lease was for | taken | discarded | deferred for a short time | dropped |
//! |---|---|---|---|---|
//! | delivery | delivered, or dead-lettered | discarded | again when due | again, first |
//! | a parked event's sink | dead-lettered | discarded | stays parked, again when due | stays parked, again, first |
//!
//! What is parked, or deferred for longer, ends once it is kept: see [`keeping`](super::keeping).

use std::time::Duration;

use super::super::kept::KeptKey;
use super::State;
use super::held::Ticket;
use super::subscribed::Subscribed;
use crate::queues::{Duty, ParkedAgain, Why};
use crate::reading::{LeaseId, SubscriptionId};
use crate::{BY_THE_LEASE, Settled, Timestamp};

/// What the holder of a lease did with it.
#[derive(Debug)]
pub(in super::super) enum Ending {
    Settled(Settled),
    Deferred { until: Timestamp, sends: u32 },
    Dropped,
}

/// What waits longer is moved.
const SHORT_WAIT: Duration = Duration::from_secs(30);
/// What waits beside so many others is moved.
const SHORT_WAITS_MAX: usize = 1_000;

impl State {
    /// Whether a deferral until then is to be kept: it would hold up progress for too long, or too
    /// many do.
    pub(in super::super) fn is_to_be_moved(
        &mut self,
        lease: LeaseId,
        until: Timestamp,
        now: Timestamp,
    ) -> bool {
        let Some(subscribed) = self.subscribed(lease.subscription) else {
            return false;
        };
        match subscribed.queues.leased.get(&lease.offset) {
            Some(leased) if leased.token == lease.token => {
                until.since(now) > SHORT_WAIT
                    || (!leased.ticket.place.is_kept
                        && subscribed.queues.deferred() >= SHORT_WAITS_MAX
                        && subscribed.short_waits() >= SHORT_WAITS_MAX)
            }
            Some(_) | None => false,
        }
    }

    /// Ends a lease. One that something else has ended already (the subscription was deleted, an
    /// operator redrove the event) ends without effect.
    pub(in super::super) fn end(&mut self, lease: LeaseId, ending: Ending) {
        let id = lease.subscription;
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        let Some((ticket, duty)) = subscribed.queues.end_lease(lease.offset, lease.token) else {
            return;
        };
        match duty {
            Duty::Deliver | Duty::HandedOver => self.end_delivery(id, ticket, ending),
            Duty::Parked => self.end_retry(id, &ticket, ending),
        }
        self.wake_reader(id);
    }

    fn end_delivery(&mut self, id: SubscriptionId, mut ticket: Ticket, ending: Ending) {
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        match ending {
            Ending::Settled(how) => {
                subscribed.count(how);
                let key = subscribed.kept_key(&ticket);
                self.kept_ends.extend(key);
                self.is_done_with(id, ticket.offset);
            }
            Ending::Deferred { until, sends } => {
                ticket.sends = sends;
                subscribed
                    .queues
                    .put_again(ticket, false, Why::Deferred, until);
                self.must_save(id);
            }
            Ending::Dropped => {
                let at_once = Timestamp::default();
                subscribed
                    .queues
                    .put_again(ticket, false, Why::Returned, at_once);
            }
        }
    }

    fn end_retry(&mut self, id: SubscriptionId, ticket: &Ticket, ending: Ending) {
        let Some(subscribed) = self.subscribed(id) else {
            return;
        };
        let laid_back = match ending {
            Ending::Settled(how) => {
                subscribed.queues.remove_parked(ticket.offset);
                subscribed.count(match how {
                    Settled::Delivered | Settled::DeadLettered => Settled::DeadLettered,
                    Settled::Discarded => Settled::Discarded,
                });
                let key = subscribed.kept_key(ticket);
                self.kept_ends.extend(key);
                self.is_done_with(id, ticket.offset);
                return;
            }
            Ending::Deferred { until, sends } => ParkedAgain::Deferred { until, sends },
            Ending::Dropped => ParkedAgain::Returned,
        };
        subscribed.queues.lay_back(ticket.offset, laid_back);
        subscribed.let_go_of_parked(ticket.offset);
    }
}

impl Subscribed {
    fn count(&mut self, how: Settled) {
        match how {
            Settled::Delivered => self.tally.delivered += 1,
            Settled::DeadLettered => self.tally.dead_lettered += 1,
            Settled::Discarded => self.discard(BY_THE_LEASE, 1),
        }
    }

    /// The entry to be ended with the event, if it is kept apart.
    pub(super) fn kept_key(&self, ticket: &Ticket) -> Option<KeptKey> {
        ticket.place.is_kept.then_some(KeptKey {
            subscription: self.number,
            offset: ticket.offset,
        })
    }

    /// What is parked waits on the disk.
    pub(super) fn let_go_of_parked(&mut self, offset: u64) {
        if let Some(parked) = self.queues.parked.get_mut(&offset) {
            parked.ticket.place.held = None;
            parked.reason.whole = None;
        }
    }
}
