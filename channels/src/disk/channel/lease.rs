//! What the end of a lease does to the store.

use std::sync::Arc;

use futures_util::future;
use tokio::sync::oneshot;

use super::super::state::Ending;
use super::answered;
use super::shared::Shared;
use crate::reading::LeaseId;
use crate::{BoxFuture, LeaseControl, ParkReason, Settled, StoreError, Timestamp};

/// Each ending begins in the call, not in the future it gives: a future that is dropped must not
/// leave the event leased for ever.
#[derive(Debug)]
pub(super) struct DiskLease {
    pub(super) shared: Arc<Shared>,
    pub(super) id: LeaseId,
}

impl LeaseControl for DiskLease {
    fn settle(self: Box<Self>, how: Settled) {
        self.shared
            .apply(|state, _| state.end(self.id, Ending::Settled(how)));
    }

    fn defer(
        self: Box<Self>,
        until: Timestamp,
        sends: u32,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let (answer, moved) = oneshot::channel();
        let is_moved = self.shared.apply(|state, now| {
            let is_moved = state.is_to_be_moved(self.id, until, now);
            if is_moved {
                state.begin_move(self.id, until, sends, answer);
            } else {
                state.end(self.id, Ending::Deferred { until, sends });
            }
            is_moved
        });
        if !is_moved {
            return Box::pin(future::ready(Ok(())));
        }
        Box::pin(async move { answered(moved).await.map(drop) })
    }

    fn park(
        self: Box<Self>,
        reason: ParkReason,
        sends: u32,
        retry_at: Option<Timestamp>,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let (answer, parked) = oneshot::channel();
        self.shared.apply(|state, now| {
            state.begin_park(self.id, reason, sends, retry_at, now, answer);
        });
        Box::pin(async move { answered(parked).await.map(drop) })
    }

    fn release(self: Box<Self>) {
        self.shared
            .apply(|state, _| state.end(self.id, Ending::Dropped));
    }
}
