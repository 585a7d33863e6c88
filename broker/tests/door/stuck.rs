//! A store that never acknowledges, or late, or refuses whatever comes.

use sluicegate_channels::{
    Admission, AppendError, BoxFuture, Channel, ChannelStatus, DeadLetter, DeadLetterKey,
    Exhausted, MemoryOptions, ParkedSince, Position, Replayed, RetainedPage, SeekError, Start,
    StoreError, SubscribeError, Subscription, SubscriptionSpec, SubscriptionStatus,
};
use sluicegate_event::Event;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use crate::door::memory_channel;

/// A memory channel whose appends hang, end late, or end with an error.
#[derive(Debug)]
pub(crate) struct StuckChannel {
    inner: Arc<dyn Channel>,
    refuses: Option<AppendError>,
    opens: Option<Arc<Semaphore>>,
    appended: AtomicUsize,
}

impl StuckChannel {
    /// Appends hang.
    pub(crate) fn new() -> Self {
        StuckChannel {
            inner: memory_channel(MemoryOptions::default()),
            refuses: None,
            opens: None,
            appended: AtomicUsize::new(0),
        }
    }

    /// Appends are stored at once, and end once `opens` has room for one.
    pub(crate) fn late(opens: Arc<Semaphore>) -> Self {
        StuckChannel {
            opens: Some(opens),
            ..StuckChannel::new()
        }
    }

    /// How many appends are stored, whether they have ended or not.
    pub(crate) fn appended(&self) -> usize {
        self.appended.load(Ordering::Relaxed)
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
        batch: Vec<Event>,
        admission: Admission,
    ) -> BoxFuture<'_, Result<Vec<Position>, AppendError>> {
        match (self.refuses.clone(), self.opens.clone()) {
            (Some(error), _) => Box::pin(std::future::ready(Err(error))),
            (None, None) => Box::pin(std::future::pending()),
            (None, Some(opens)) => Box::pin(async move {
                let stored = self.inner.append(batch, admission).await;
                self.appended.fetch_add(1, Ordering::Relaxed);
                let opened = opens.acquire().await;
                opened.expect("nobody closes it").forget();
                stored
            }),
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

    fn parked(&self, name: &str, after: Option<Position>, limit: usize) -> Vec<ParkedSince> {
        self.inner.parked(name, after, limit)
    }

    fn discard_by_age(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.inner.discard_by_age(key)
    }

    fn describe(&self) -> ChannelStatus {
        self.inner.describe()
    }

    fn close(&self) {
        self.inner.close();
    }
}
