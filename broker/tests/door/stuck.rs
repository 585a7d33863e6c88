//! A store that never acknowledges, or refuses whatever comes.

use sluicegate_channels::{
    Admission, AppendError, BoxFuture, Channel, ChannelStatus, DeadLetter, DeadLetterKey,
    Exhausted, MemoryOptions, Position, Replayed, RetainedPage, SeekError, Start, StoreError,
    SubscribeError, Subscription, SubscriptionSpec, SubscriptionStatus,
};
use sluicegate_event::Event;

use std::sync::Arc;

use crate::door::memory_channel;

/// A memory channel whose appends hang, or end with an error.
#[derive(Debug)]
pub(crate) struct StuckChannel {
    inner: Arc<dyn Channel>,
    refuses: Option<AppendError>,
}

impl StuckChannel {
    /// Appends hang.
    pub(crate) fn new() -> Self {
        StuckChannel {
            inner: memory_channel(MemoryOptions::default()),
            refuses: None,
        }
    }

    /// Appends end with `error`.
    pub(crate) fn refusing(error: AppendError) -> Self {
        StuckChannel {
            refuses: Some(error),
            ..StuckChannel::new()
        }
    }
}

impl Channel for StuckChannel {
    fn append(
        &self,
        _batch: Vec<Event>,
        _admission: Admission,
    ) -> BoxFuture<'_, Result<Vec<Position>, AppendError>> {
        match self.refuses.clone() {
            Some(error) => Box::pin(std::future::ready(Err(error))),
            None => Box::pin(std::future::pending()),
        }
    }

    fn subscribe(
        &self,
        spec: SubscriptionSpec,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, SubscribeError>> {
        self.inner.subscribe(spec)
    }

    fn pause(&self, name: &str, paused: bool) -> BoxFuture<'_, ()> {
        self.inner.pause(name, paused)
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Option<SubscriptionStatus>> {
        self.inner.delete(name)
    }

    fn set_exhausted(&self, name: &str, exhausted: Exhausted) -> BoxFuture<'_, ()> {
        self.inner.set_exhausted(name, exhausted)
    }

    fn seek(&self, name: &str, to: Start) -> BoxFuture<'_, Result<(), SeekError>> {
        self.inner.seek(name, to)
    }

    fn retained(
        &self,
        from: Start,
        limit: usize,
    ) -> BoxFuture<'_, Result<RetainedPage, StoreError>> {
        self.inner.retained(from, limit)
    }

    fn replay(
        &self,
        name: &str,
        positions: &[Position],
    ) -> BoxFuture<'_, Result<Replayed, SeekError>> {
        self.inner.replay(name, positions)
    }

    fn dead_letters(
        &self,
        name: Option<&str>,
        after: Option<DeadLetterKey>,
        limit: usize,
    ) -> BoxFuture<'_, Vec<DeadLetter>> {
        self.inner.dead_letters(name, after, limit)
    }

    fn redrive(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.inner.redrive(key)
    }

    fn discard(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.inner.discard(key)
    }

    fn describe(&self) -> ChannelStatus {
        self.inner.describe()
    }

    fn close(&self) {
        self.inner.close();
    }
}
