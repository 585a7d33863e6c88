//! What comes of it once something is kept, or could not be.

use super::State;
use super::held::{Reason, Ticket};
use crate::Timestamp;
use crate::queues::{Duty, ParkedAgain, Why};
use crate::reading::{LeaseId, SubscriptionId};

impl State {
    pub(super) fn moved(&mut self, lease: LeaseId, until: Timestamp, sends: u32) -> bool {
        let id = lease.subscription;
        let Some(subscribed) = self.subscribed(id) else {
            return true;
        };
        let Some((mut ticket, duty)) = subscribed.queues.end_lease(lease.offset, lease.token)
        else {
            return true;
        };
        match duty {
            Duty::Deliver | Duty::HandedOver => {
                ticket.is_now_kept();
                ticket.sends = sends;
                subscribed
                    .queues
                    .put_again(ticket, false, Why::Deferred, until);
            }
            Duty::Parked => {
                let deferred = ParkedAgain::Deferred { until, sends };
                subscribed.queues.lay_back(lease.offset, deferred);
                subscribed.let_go_of_parked(lease.offset);
            }
        }
        self.has_ended(id);
        self.wake_reader(id);
        true
    }

    pub(super) fn park(
        &mut self,
        lease: LeaseId,
        kind: &'static str,
        sends: u32,
        at: Timestamp,
        retry_at: Option<Timestamp>,
    ) -> bool {
        let id = lease.subscription;
        let Some(subscribed) = self.subscribed(id) else {
            return true;
        };
        let Some((mut ticket, duty)) = subscribed.queues.end_lease(lease.offset, lease.token)
        else {
            return true;
        };
        // Its sink may have come in the meantime.
        let retry_at = subscribed.exhausted.sink_at(kind, retry_at, at);
        let reason = Reason { kind, whole: None };
        match duty {
            Duty::Deliver | Duty::HandedOver => {
                ticket.is_now_kept();
                ticket.sends = sends;
                subscribed.queues.park(ticket, reason, at, retry_at);
            }
            Duty::Parked => {
                let parked = ParkedAgain::Parked {
                    reason,
                    sends,
                    retry_at,
                };
                subscribed.queues.lay_back(lease.offset, parked);
                subscribed.let_go_of_parked(lease.offset);
            }
        }
        self.has_ended(id);
        self.wake_reader(id);
        true
    }

    /// The event is handed out again, soon.
    pub(super) fn not_kept(&mut self, lease: LeaseId, until: Timestamp, sends: u32) -> bool {
        let id = lease.subscription;
        let Some(subscribed) = self.subscribed(id) else {
            return false;
        };
        let Some((mut ticket, duty)) = subscribed.queues.end_lease(lease.offset, lease.token)
        else {
            return false;
        };
        ticket.sends = sends;
        match duty {
            Duty::Deliver | Duty::HandedOver => {
                subscribed
                    .queues
                    .put_again(ticket, false, Why::Deferred, until);
            }
            Duty::Parked => {
                let deferred = ParkedAgain::Deferred { until, sends };
                subscribed.queues.lay_back(lease.offset, deferred);
            }
        }
        self.wake_reader(id);
        false
    }

    /// A try at its sink that is under way ends without effect.
    pub(super) fn redriven(&mut self, id: SubscriptionId, offset: u64, at: Timestamp) -> bool {
        let Some(subscribed) = self.subscribed(id) else {
            return false;
        };
        let Some(parked) = subscribed.queues.remove_parked(offset) else {
            return false;
        };
        let ticket = Ticket {
            sends: 0,
            redriven_at: at,
            ..parked.ticket
        };
        subscribed
            .queues
            .put_again(ticket, false, Why::Redriven, at);
        self.wake_reader(id);
        true
    }

    pub(super) fn discarded(&mut self, id: SubscriptionId, offset: u64, by: &'static str) -> bool {
        let Some(subscribed) = self.subscribed(id) else {
            return false;
        };
        if subscribed.queues.remove_parked(offset).is_none() {
            return false;
        }
        subscribed.discard(by, 1);
        self.is_done_with(id, offset);
        true
    }
}

impl Ticket {
    fn is_now_kept(&mut self) {
        self.place.is_kept = true;
        self.place.held = None;
    }
}
