//! Triggers and brokers that are ended: deleted while everything else goes on, or with the server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sluicegate_channels::{SubscriptionKey, SubscriptionStatus, Timestamp};
use sluicegate_dispatcher::{Order, TriggerMatcher};
use sluicegate_resources::{Broker, ObjectName};
use tokio::time::{Instant, sleep, timeout};

use super::super::departed::Account;
use super::super::{RunningBroker, broker_of};
use super::Operator;
use super::triggers::TriggerState;
use crate::manifests::Objects;

/// How long the end of workers that were told to stop is waited for.
const STOP_WAIT: Duration = Duration::from_millis(500);

type Gone = BTreeMap<ObjectName, TriggerState>;

impl Operator {
    /// Ends triggers that are not wanted any more, or whose broker is not.
    ///
    /// All are told before any is waited for, so that a thousand deleted together stop together.
    pub(super) async fn end_triggers_not_in(
        &mut self,
        objects: &Objects,
        brokers: &BTreeMap<ObjectName, Broker>,
    ) {
        let stays = |name: &ObjectName| {
            let trigger = objects.triggers.get(name);
            trigger.is_some_and(|it| brokers.contains_key(&broker_of(it)))
        };
        let (stay, gone): (Gone, Gone) = std::mem::take(&mut self.triggers)
            .into_iter()
            .partition(|(name, _)| stays(name));
        self.triggers = stay;
        if gone.is_empty() {
            return;
        }
        for state in gone.values() {
            state.order(Order::Stop);
        }
        take_out_filters(&gone);
        for (name, state) in &gone {
            let last = state.channel.delete(&state.service.subscription).await;
            let account = last.map(Account::from).unwrap_or_default();
            tell_deleted(name, account.books.cancelled);
            self.remember(name, account);
            self.parts.watches.trigger_ended(name);
        }
        if let Err(error) = self.parts.identities.forget(gone.keys()).await {
            tracing::error!(%error, "cannot forget the identities of deleted triggers");
        }
        let ended = join_all(gone.into_values().map(TriggerState::ended));
        if timeout(STOP_WAIT, ended).await.is_err() {
            tracing::error!("workers of deleted triggers have not ended yet");
        }
    }

    /// Keeps how the events of a deleted trigger ended; the series of the one that is forgotten for
    /// it end.
    fn remember(&self, trigger: &ObjectName, account: Account) {
        if let Some(forgotten) = self.parts.registry.remember(trigger, account) {
            self.parts.metrics.delivery.remove(&forgotten);
        }
    }

    /// Ends brokers that are not wanted any more. Their triggers have ended already.
    pub(super) fn end_brokers_not_in(&mut self, wanted: &BTreeMap<ObjectName, Broker>) {
        let ingress = &self.parts.metrics.ingress;
        self.brokers.retain(|name, state| {
            let stays = wanted.contains_key(name);
            if !stays {
                state.running.channel.close();
                ingress.remove(&state.running.entry.metrics);
                tracing::info!(broker = %name, "the broker is closed");
            }
            stays
        });
    }

    /// Waits until nothing is left that could be delivered by `deadline`, or until then.
    ///
    /// Events that are put off beyond the deadline do not hold it up, nor do those of triggers that
    /// are paused or have no subscriber: they could not be delivered.
    pub async fn drain(&self, deadline: Instant) {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let clock = self.parts.registry.clock();
        loop {
            let now = Instant::now();
            let latest = clock.now() + deadline.saturating_duration_since(now);
            let is_busy = self
                .brokers
                .values()
                .any(|state| self.is_busy(&state.running, latest));
            if !is_busy || now >= deadline {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Whether the broker has events that are being sent, or could be by `latest`.
    fn is_busy(&self, broker: &RunningBroker, latest: Timestamp) -> bool {
        let subscriptions = broker.channel.describe().subscriptions;
        let mut doubtful = subscriptions
            .iter()
            .filter(|it| it.leased > 0 || (!it.paused && has_due(it, latest)))
            .peekable();
        if doubtful.peek().is_none() {
            return false;
        }
        let resting: Vec<SubscriptionKey> = self
            .triggers
            .values()
            .filter(|state| {
                let plan = &state.service.plan;
                plan.subscriber.is_none() || plan.paused
            })
            .map(|state| state.service.key)
            .collect();
        doubtful.any(|it| it.leased > 0 || !resting.contains(&it.key))
    }

    /// Ends every worker, giving attempts that run `grace` to end, and closes every channel. Gives
    /// the number of events that were accepted and neither delivered nor dead-lettered.
    pub async fn stop(&mut self, grace: Duration) -> u64 {
        for state in self.triggers.values() {
            state.order(Order::Drain { grace });
        }
        let states = std::mem::take(&mut self.triggers).into_values();
        let ended = join_all(states.map(TriggerState::ended));
        if timeout(grace + STOP_WAIT, ended).await.is_err() {
            tracing::error!("workers have not ended in time");
        }
        let mut left = 0;
        for state in self.brokers.values() {
            let channel = &state.running.channel;
            let books = channel.describe().subscriptions;
            left += books
                .iter()
                .map(|it| it.books.pending + it.books.parked)
                .sum::<u64>();
            channel.close();
        }
        left
    }
}

/// Events that a deletion takes with it are worth a warning: nobody is going to see them.
fn tell_deleted(trigger: &ObjectName, cancelled: u64) {
    if cancelled > 0 {
        tracing::warn!(
            %trigger,
            cancelled,
            "the trigger is deleted, and the events that waited for it or were parked with it"
        );
    } else {
        tracing::info!(%trigger, "the trigger is deleted");
    }
}

fn has_due(status: &SubscriptionStatus, latest: Timestamp) -> bool {
    status.waiting > 0 || status.next_due_at.is_some_and(|due| due <= latest)
}

/// One swap per broker, however many triggers go.
fn take_out_filters(gone: &Gone) {
    let mut by_matcher: BTreeMap<ObjectName, (&TriggerMatcher, Vec<SubscriptionKey>)> =
        BTreeMap::new();
    for state in gone.values() {
        let plan = &state.service.plan;
        let broker = ObjectName {
            namespace: plan.trigger.namespace.clone(),
            name: plan.broker.to_string(),
        };
        let matcher: &TriggerMatcher = Arc::as_ref(&state.matcher);
        let (_, keys) = by_matcher.entry(broker).or_insert((matcher, Vec::new()));
        keys.push(state.service.key);
    }
    for (matcher, keys) in by_matcher.into_values() {
        matcher.update(|set| {
            for key in &keys {
                set.remove(*key);
            }
        });
    }
}
