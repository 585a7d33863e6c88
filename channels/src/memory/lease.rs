//! What the end of a lease does to the store.

use std::sync::Arc;

use futures_util::future;

use super::Shared;
use super::state::Ending;
use crate::reading::LeaseId;
use crate::{BoxFuture, LeaseControl, ParkReason, Settled, StoreError, Timestamp};

/// Each ending takes effect in the call, not in the future it gives: a future that is dropped
/// unpolled must not leave the event leased for ever.
#[derive(Debug)]
pub(super) struct MemoryLease {
    pub(super) shared: Arc<Shared>,
    pub(super) id: LeaseId,
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
