//! The contract's methods, each handed on to whoever does it.

use sluicegate_event::Event;

use super::{Inner, NatsChannel};
use crate::nats::retained::retained;
use crate::{
    Admission, AppendError, BY_AGE, BY_THE_OPERATOR, BoxFuture, Channel, ChannelStatus, DeadLetter,
    DeadLetterKey, Exhausted, ParkedSince, Position, Replayed, RetainedPage, SeekError, Start,
    StoreError, SubscribeError, Subscription, SubscriptionSpec, SubscriptionStatus, telemetry,
};

impl Channel for NatsChannel {
    fn append(
        &self,
        batch: Vec<Event>,
        admission: Admission,
    ) -> BoxFuture<'_, Result<Vec<Position>, AppendError>> {
        Box::pin(self.inner.append(batch, admission))
    }

    fn subscribe(
        &self,
        spec: SubscriptionSpec,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, SubscribeError>> {
        Box::pin(async move { self.inner.subscribe(&spec).await })
    }

    fn pause(&self, name: &str, paused: bool) -> BoxFuture<'_, ()> {
        let name = name.to_owned();
        Box::pin(async move { self.inner.pause(&name, paused).await })
    }

    fn set_exhausted(&self, name: &str, exhausted: Exhausted) -> BoxFuture<'_, ()> {
        let name = name.to_owned();
        Box::pin(async move { self.inner.kept.set_exhausted(&name, exhausted).await })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Option<SubscriptionStatus>> {
        let name = name.to_owned();
        Box::pin(async move { self.inner.delete(&name).await })
    }

    fn seek(&self, name: &str, to: Start) -> BoxFuture<'_, Result<(), SeekError>> {
        let name = name.to_owned();
        Box::pin(async move { self.inner.seek(&name, to).await })
    }

    fn retained(
        &self,
        from: Start,
        limit: usize,
    ) -> BoxFuture<'_, Result<RetainedPage, StoreError>> {
        Box::pin(async move {
            self.inner.ready().await?;
            let Inner { link, names, .. } = &*self.inner;
            Ok(Box::pin(retained(link, names, from, limit)).await?)
        })
    }

    fn replay(
        &self,
        name: &str,
        positions: &[Position],
    ) -> BoxFuture<'_, Result<Replayed, SeekError>> {
        let (name, positions) = (name.to_owned(), positions.to_vec());
        Box::pin(async move {
            self.inner.ready().await?;
            self.inner.kept.replay(&name, &positions).await
        })
    }

    fn dead_letters(
        &self,
        name: Option<&str>,
        after: Option<DeadLetterKey>,
        limit: usize,
    ) -> BoxFuture<'_, Vec<DeadLetter>> {
        let name = name.map(str::to_owned);
        Box::pin(async move {
            let letters = self.inner.kept.letters(name.as_deref(), after, limit);
            letters.await.unwrap_or_else(|error| {
                telemetry::cannot_list(&error);
                Vec::new()
            })
        })
    }

    fn redrive(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        let key = key.clone();
        Box::pin(async move { self.inner.kept.redrive(&key).await })
    }

    fn discard(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        let key = key.clone();
        Box::pin(async move { self.inner.kept.discard(&key, BY_THE_OPERATOR).await })
    }

    fn parked(&self, name: &str, after: Option<Position>, limit: usize) -> Vec<ParkedSince> {
        let shared = &self.inner.shared;
        shared.apply(|state, _| state.parked_since(name, after, limit))
    }

    fn discard_by_age(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        let key = key.clone();
        Box::pin(async move { self.inner.kept.discard(&key, BY_AGE).await })
    }

    fn describe(&self) -> ChannelStatus {
        self.inner.describe()
    }

    fn close(&self) {
        self.inner.shared.apply(|state, _| state.close());
    }
}
