//! The reading end of a subscription, for the stores that keep in memory where events stand: what
//! it asks of the store, and what it makes of the answers.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sluicegate_event::Event;
use tokio::time::{Sleep, sleep_until};

use crate::{
    BoxFuture, Clock, Lease, LeaseControl, LeasePurpose, NextLimit, Position, Subscription,
    Timestamp,
};

/// Names one subscription for its reading end and its leases, also after it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SubscriptionId {
    pub(crate) place: usize,
    pub(crate) serial: u64,
}

/// Names one lease; a lease that something else has ended is known by its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseId {
    pub(crate) subscription: SubscriptionId,
    pub(crate) offset: u64,
    pub(crate) token: u64,
}

/// What a [`Lease`] is made of.
#[derive(Debug)]
pub(crate) struct HandedOut {
    pub(crate) id: LeaseId,
    pub(crate) event: Arc<Event>,
    pub(crate) sends: u32,
    pub(crate) accepted_at: Timestamp,
    pub(crate) age_since: Timestamp,
    pub(crate) purpose: LeasePurpose,
}

#[derive(Debug)]
pub(crate) enum Next {
    HandedOut(Vec<HandedOut>),
    /// Nothing is ready; the waker is kept. Something may be ready by itself at that time.
    Wait(Option<Timestamp>),
    /// The channel is closed or the subscription deleted.
    Over,
}

impl Next {
    /// Nothing is ready: `kept` is whom to wake from now on, and `due` when something may be ready by
    /// itself. A waker that is kept already is not cloned once more.
    pub(crate) fn wait(kept: &mut Option<Waker>, waker: &Waker, due: Option<Timestamp>) -> Self {
        match kept {
            Some(kept) => kept.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        Next::Wait(due)
    }
}

/// A store with one partition, as its reading ends see it.
pub(crate) trait Store: fmt::Debug + Send + Sync + 'static {
    /// Hands out what is ready within `limit`, or keeps `waker` to be woken when that may have
    /// changed.
    fn next(&self, id: SubscriptionId, limit: NextLimit, waker: &Waker) -> Next;

    /// The reading end was dropped.
    fn close_end(&self, id: SubscriptionId);

    /// What the store does when the lease ends.
    fn control(self: &Arc<Self>, id: LeaseId) -> Box<dyn LeaseControl>;

    /// The clock that the store goes by.
    fn clock(&self) -> &Clock;
}

/// Dropping it closes the end; the subscription stays and goes on collecting.
#[derive(Debug)]
pub(crate) struct Reader<S: Store> {
    store: Arc<S>,
    id: SubscriptionId,
}

impl<S: Store> Reader<S> {
    pub(crate) fn new(store: Arc<S>, id: SubscriptionId) -> Self {
        Reader { store, id }
    }

    /// Hands out what is ready, or arranges to be polled again when something may be: by the
    /// store, which keeps the waker, or by the timer, when something of its own falls due.
    fn poll_next(
        &self,
        limit: NextLimit,
        timer: &mut Option<Pin<Box<Sleep>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Vec<Lease>> {
        loop {
            let due = match self.store.next(self.id, limit, cx.waker()) {
                Next::HandedOut(handed_out) => {
                    let leases = handed_out.into_iter().map(|out| self.lease(out));
                    return Poll::Ready(leases.collect());
                }
                Next::Over => return Poll::Ready(Vec::new()),
                Next::Wait(None) => return Poll::Pending,
                Next::Wait(Some(due)) => self.store.clock().instant_of(due),
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
        let mut lease = Lease::new(
            handed_out.event,
            position(handed_out.id.offset),
            handed_out.sends,
            handed_out.accepted_at,
            handed_out.purpose,
            self.store.control(handed_out.id),
        );
        lease.age_since = handed_out.age_since;
        lease
    }
}

impl<S: Store> Subscription for Reader<S> {
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

impl<S: Store> Drop for Reader<S> {
    fn drop(&mut self) {
        self.store.close_end(self.id);
    }
}

/// The only partition of such a store.
pub(crate) const PARTITION: u32 = 0;

/// Where the event of that offset stands, as the contract says it.
pub(crate) fn position(offset: u64) -> Position {
    Position {
        partition: PARTITION,
        offset,
    }
}
