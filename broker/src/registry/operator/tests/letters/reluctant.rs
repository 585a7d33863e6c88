//! A channel that lists few letters at a time, or ends none.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sluicegate_channels::{
    Channel, ChannelStatus, DeadLetter, DeadLetterKey, Exhausted, ParkedSince, Position, Replayed,
    RetainedPage, SeekError, Start, StoreError, SubscribeError, Subscription, SubscriptionSpec,
};

use super::*;

#[derive(Debug)]
pub(super) struct Reluctant {
    channel: Arc<dyn Channel>,
    /// How many letters a page has at most; with none it is as if they could not be read.
    pub(super) page_max: AtomicUsize,
    /// Whether the end of a letter is not answered for now.
    pub(super) is_stuck: AtomicBool,
}

impl Bench {
    /// From now on this stands before the channel of a broker.
    pub(super) fn reluctant(&self, broker: &str) -> Arc<Reluctant> {
        let mut table = self.copied();
        let name = name(broker);
        let running = &table.brokers[&name];
        let reluctant = Arc::new(Reluctant {
            channel: Arc::clone(&running.channel),
            page_max: AtomicUsize::new(usize::MAX),
            is_stuck: AtomicBool::new(false),
        });
        let running = RunningBroker {
            name: name.clone(),
            channel: Arc::clone(&reluctant) as _,
            channel_kind: running.channel_kind,
            matcher: Arc::clone(&running.matcher),
            history: running.history.clone(),
            dead_letters: running.dead_letters,
            entry: Arc::clone(&running.entry),
        };
        table.brokers.insert(name, Arc::new(running));
        self.registry.swap(table);
        reluctant
    }

    /// From now on the configuration says this of the letters of a broker.
    pub(super) fn reconfigure(&self, broker: &str, dead_letters: DeadLetters) {
        let mut table = self.copied();
        let name = name(broker);
        let running = &table.brokers[&name];
        let running = RunningBroker {
            name: name.clone(),
            channel: Arc::clone(&running.channel),
            channel_kind: running.channel_kind,
            matcher: Arc::clone(&running.matcher),
            history: running.history.clone(),
            dead_letters,
            entry: Arc::clone(&running.entry),
        };
        table.brokers.insert(name, Arc::new(running));
        self.registry.swap(table);
    }

    /// What runs, to be swapped for something like it.
    pub(super) fn copied(&self) -> Table {
        let table = self.registry.table();
        Table {
            brokers: table.brokers.clone(),
            unserved: table.unserved.clone(),
            triggers: table.triggers.clone(),
            kept: table.kept.clone(),
            default_broker: table.default_broker.clone(),
        }
    }
}

impl Channel for Reluctant {
    fn append(
        &self,
        batch: Vec<Event>,
        admission: Admission,
    ) -> BoxFuture<'_, Result<Vec<Position>, AppendError>> {
        self.channel.append(batch, admission)
    }

    fn subscribe(
        &self,
        spec: SubscriptionSpec,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, SubscribeError>> {
        self.channel.subscribe(spec)
    }

    fn pause(&self, name: &str, paused: bool) -> BoxFuture<'_, ()> {
        self.channel.pause(name, paused)
    }

    fn set_exhausted(&self, name: &str, exhausted: Exhausted) -> BoxFuture<'_, ()> {
        self.channel.set_exhausted(name, exhausted)
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Option<SubscriptionStatus>> {
        self.channel.delete(name)
    }

    fn seek(&self, name: &str, to: Start) -> BoxFuture<'_, Result<(), SeekError>> {
        self.channel.seek(name, to)
    }

    fn retained(
        &self,
        from: Start,
        limit: usize,
    ) -> BoxFuture<'_, Result<RetainedPage, StoreError>> {
        self.channel.retained(from, limit)
    }

    fn replay(
        &self,
        name: &str,
        positions: &[Position],
    ) -> BoxFuture<'_, Result<Replayed, SeekError>> {
        self.channel.replay(name, positions)
    }

    fn dead_letters(
        &self,
        name: Option<&str>,
        after: Option<DeadLetterKey>,
        limit: usize,
    ) -> BoxFuture<'_, Vec<DeadLetter>> {
        let limit = limit.min(self.page_max.load(Ordering::Relaxed));
        self.channel.dead_letters(name, after, limit)
    }

    fn redrive(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.channel.redrive(key)
    }

    fn discard(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.channel.discard(key)
    }

    fn parked(&self, name: &str, after: Option<Position>, limit: usize) -> Vec<ParkedSince> {
        self.channel.parked(name, after, limit)
    }

    fn discard_by_age(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        let key = key.clone();
        Box::pin(async move {
            while self.is_stuck.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            self.channel.discard_by_age(&key).await
        })
    }

    fn describe(&self) -> ChannelStatus {
        self.channel.describe()
    }

    fn close(&self) {
        self.channel.close();
    }
}
