//! What the end of a lease does.

use std::sync::Arc;

use futures_util::future;
use tokio::sync::oneshot;

use super::shared::Shared;
use super::state::Ending;
use crate::reading::LeaseId;
use crate::{BoxFuture, LeaseControl, ParkReason, Settled, StoreError, Timestamp};

/// Each ending begins in the call, not in the future it gives: a future that is dropped must not
/// leave the event leased for ever.
#[derive(Debug)]
pub(super) struct NatsLease {
    pub(super) shared: Arc<Shared>,
    pub(super) id: LeaseId,
}

impl NatsLease {
    /// Ends the lease, in this call; answers once what has to be stored is stored, or could not be.
    fn end(&self, ending: Ending) -> BoxFuture<'static, Result<(), StoreError>> {
        let (answer, mut answered) = oneshot::channel();
        self.shared
            .apply(|state, now| state.end(self.id, ending, Some(answer), now));
        // Most have nothing to wait for.
        if let Ok(result) = answered.try_recv() {
            return Box::pin(future::ready(result.map(drop)));
        }
        Box::pin(async move {
            let closed = |_| Err(StoreError("the channel is closed".to_owned()));
            answered.await.unwrap_or_else(closed).map(drop)
        })
    }
}

impl LeaseControl for NatsLease {
    fn settle(self: Box<Self>, how: Settled) {
        drop(self.end(Ending::Settled(how)));
    }

    fn defer(
        self: Box<Self>,
        until: Timestamp,
        sends: u32,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        self.end(Ending::Deferred { until, sends })
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
        })
    }

    fn release(self: Box<Self>) {
        drop(self.end(Ending::Dropped));
    }
}
