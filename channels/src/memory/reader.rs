//! The reading end of a subscription, and the leases it hands out.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future;
use tokio::time::{Sleep, sleep_until};

use super::Shared;
use super::state::{Ending, HandedOut, LeaseId, Next, SubscriptionId, position};
use crate::{
    BoxFuture, Lease, LeaseControl, NextLimit, ParkReason, Settled, StoreError, Subscription,
    Timestamp,
};

/// Dropping it closes the end; the subscription stays and goes on collecting.
#[derive(Debug)]
pub(super) struct Reader {
    shared: Arc<Shared>,
    id: SubscriptionId,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, id: SubscriptionId) -> Self {
        Reader { shared, id }
    }

    /// Hands out what is ready, or arranges to be polled again when something may be: by the
    /// state, which keeps the waker, or by the timer, when something of its own falls due.
    fn poll_next(
        &self,
        limit: NextLimit,
        timer: &mut Option<Pin<Box<Sleep>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Vec<Lease>> {
        loop {
            let next = self
                .shared
                .apply(|state, now| state.next(self.id, limit, cx.waker(), now));
            let due = match next {
                Next::HandedOut(handed_out) => {
                    let leases = handed_out.into_iter().map(|out| self.lease(out));
                    return Poll::Ready(leases.collect());
                }
                Next::Over => return Poll::Ready(Vec::new()),
                Next::Wait(None) => return Poll::Pending,
                Next::Wait(Some(due)) => self.shared.clock.instant_of(due),
            };
            let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
            timer.as_mut().reset(due);
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // The clock never shows less than the timer waited for, so the next look finds the
            // event that fell due.
        }
    }

    fn lease(&self, handed_out: HandedOut) -> Lease {
        let control = MemoryLease {
            shared: Arc::clone(&self.shared),
            id: handed_out.id,
        };
        let mut lease = Lease::new(
            handed_out.event,
            position(handed_out.offset),
            handed_out.sends,
            handed_out.accepted_at,
            handed_out.purpose,
            Box::new(control),
        );
        lease.age_since = handed_out.age_since;
        lease
    }
}

impl Subscription for Reader {
    /// Cancel safe: leases are made in the poll that returns them.
    fn next(&mut self, limit: NextLimit) -> BoxFuture<'_, Vec<Lease>> {
        Box::pin(async move {
            // A reader that always finds something must still let others on its thread run.
            tokio::task::consume_budget().await;
            let mut timer = None;
            poll_fn(|cx| self.poll_next(limit, &mut timer, cx)).await
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.apply(|state, _| state.close_end(self.id));
    }
}

/// Each ending takes effect in the call, not in the future it gives: a future that is dropped
/// unpolled must not leave the event leased for ever.
#[derive(Debug)]
struct MemoryLease {
    shared: Arc<Shared>,
    id: LeaseId,
}

impl MemoryLease {
    fn end(&self, ending: Ending) {
        self.shared
            .apply(|state, now| state.end(self.id, ending, now));
    }
}

impl LeaseControl for MemoryLease {
    fn settle(self: Box<Self>, how: Settled) {
        self.end(Ending::Settled(how));
    }

    fn defer(
        self: Box<Self>,
        until: Timestamp,
        sends: u32,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        self.end(Ending::Deferred { until, sends });
        Box::pin(future::ready(Ok(())))
    }

    fn park(
        self: Box<Self>,
        reason: ParkReason,
        sends: u32,
        retry_at: Option<Timestamp>,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        self.end(Ending::Parked {
            reason,
            sends,
            retry_at,
        });
        Box::pin(future::ready(Ok(())))
    }

    fn release(self: Box<Self>) {
        self.end(Ending::Dropped);
    }
}
