//! A store that never acknowledges.

use sluicegate_channels::{
    Admission, AppendError, BoxFuture, Channel, ChannelStatus, DeadLetter, DeadLetterKey,
    Exhausted, MemoryOptions, Position, Replayed, RetainedPage, SeekError, Start, StoreError,
    SubscribeError, Subscription, SubscriptionSpec, SubscriptionStatus,
};
use sluicegate_event::Event;

use std::sync::Arc;

use crate::door::memory_channel;

/// A memory channel whose appends hang.
#[derive(Debug)]
pub(crate) struct StuckChannel(Arc<dyn Channel>);

impl StuckChannel {
    pub(crate) fn new() -> Self {
        StuckChannel(memory_channel(MemoryOptions::default()))
    }
}

impl Channel for StuckChannel {
    fn append(
        &self,
        _batch: Vec<Event>,
        _admission: Admission,
    ) -> BoxFuture<'_, Result<Vec<Position>, AppendError>> {
        Box::pin(std::future::pending())
    }

    fn subscribe(
        &self,
        spec: SubscriptionSpec,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, SubscribeError>> {
        self.0.subscribe(spec)
    }

    fn pause(&self, name: &str, paused: bool) -> BoxFuture<'_, ()> {
        self.0.pause(name, paused)
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Option<SubscriptionStatus>> {
        self.0.delete(name)
    }

    fn set_exhausted(&self, name: &str, exhausted: Exhausted) -> BoxFuture<'_, ()> {
        self.0.set_exhausted(name, exhausted)
    }

    fn seek(&self, name: &str, to: Start) -> BoxFuture<'_, Result<(), SeekError>> {
        self.0.seek(name, to)
    }

    fn retained(
        &self,
        from: Start,
        limit: usize,
    ) -> BoxFuture<'_, Result<RetainedPage, StoreError>> {
        self.0.retained(from, limit)
    }

    fn replay(
        &self,
        name: &str,
        positions: &[Position],
    ) -> BoxFuture<'_, Result<Replayed, SeekError>> {
        self.0.replay(name, positions)
    }

    fn dead_letters(
        &self,
        name: Option<&str>,
        after: Option<DeadLetterKey>,
        limit: usize,
    ) -> BoxFuture<'_, Vec<DeadLetter>> {
        self.0.dead_letters(name, after, limit)
    }

    fn redrive(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.0.redrive(key)
    }

    fn discard(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.0.discard(key)
    }

    fn describe(&self) -> ChannelStatus {
        self.0.describe()
    }

    fn close(&self) {
        self.0.close();
    }
}
