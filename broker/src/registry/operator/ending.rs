//! Triggers and brokers that are ended: deleted while everything else goes on, or with the server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sluicegate_channels::{Channel, SubscriptionKey, SubscriptionStatus, Timestamp};
use sluicegate_dispatcher::{Order, TriggerMatcher};
use sluicegate_resources::{Broker, ObjectName};
use tokio::time::{Instant, sleep, timeout};

use super::super::departed::Account;
use super::super::{RunningBroker, broker_of};
use super::Operator;
use super::brokers::BrokerState;
use super::stores::Store;
use super::triggers::TriggerState;
use crate::history::History;
use crate::ingress::deduplication::Deduplication;
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
        // A trigger that is still there, of a broker on disk that is not, goes on where it was once the
        // broker is back.
        let (parted, deleted): (Vec<_>, Vec<_>) = gone
            .iter()
            .partition(|(name, state)| self.is_only_parted(name, state, objects));
        for (name, _) in parted {
            tracing::info!(trigger = %name, "the trigger waits for its broker, which is deleted");
            self.parts.watches.trigger_ended(name);
        }
        for (name, state) in &deleted {
            let last = state.channel.delete(&state.service.subscription).await;
            let account = last.map(Account::from).unwrap_or_default();
            let broker = self.brokers.get(&state.broker());
            let history = broker.and_then(|it| it.running.history.as_deref());
            tell_deleted(name, account.books.cancelled, history);
            self.remember(name, account);
            self.parts.watches.trigger_ended(name);
        }
        let deleted = deleted.into_iter().map(|(name, _)| name);
        if let Err(error) = self.parts.identities.forget(deleted).await {
            tracing::error!(%error, "cannot forget the identities of deleted triggers");
        }
        let ended = join_all(gone.into_values().map(TriggerState::ended));
        if timeout(STOP_WAIT, ended).await.is_err() {
            tracing::error!("workers of deleted triggers have not ended yet");
        }
    }

    fn is_only_parted(&self, name: &ObjectName, state: &TriggerState, objects: &Objects) -> bool {
        let broker = self.brokers.get(&state.broker());
        objects.triggers.contains_key(name) && broker.is_some_and(|it| it.store.is_durable())
    }

    /// Keeps how the events of a deleted trigger ended; the series of the one that is forgotten for
    /// it end.
    fn remember(&self, trigger: &ObjectName, account: Account) {
        if let Some(forgotten) = self.parts.registry.remember(trigger, account) {
            self.parts.metrics.delivery.remove(&forgotten);
        }
    }

    /// Ends brokers that are not wanted any more. Their triggers have ended already. What one kept on
    /// disk stays there.
    pub(super) async fn end_brokers_not_in(&mut self, wanted: &BTreeMap<ObjectName, Broker>) {
        self.unopened.retain(|name, _| wanted.contains_key(name));
        let (stay, gone): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.brokers)
            .into_iter()
            .partition(|(name, _)| wanted.contains_key(name));
        self.brokers = stay;
        let ending = gone
            .into_iter()
            .map(|(name, state)| self.end_broker(name, state));
        join_all(ending).await;
    }

    async fn end_broker(&self, name: ObjectName, state: BrokerState) {
        let ingress = &self.parts.metrics.ingress;
        ingress.remove(&state.running.entry.metrics);
        self.parts.metrics.history.remove(&name);
        self.parts.metrics.deduplication.remove(&name);
        let folders = self.folders.as_ref().filter(|_| state.store.is_on_disk());
        // One of its name may be opened next, and needs its files.
        let beside = close_beside([&*state.running]);
        tokio::join!(state.store.close(), beside);
        match folders.map(|it| it.path(&name)) {
            Some(folder) => tracing::info!(
                broker = %name,
                folder = %folder.display(),
                "the broker is closed; its folder stays, and is read again when there is a broker \
                 of its name"
            ),
            None => tracing::info!(broker = %name, "the broker is closed"),
        }
    }

    /// Waits until nothing is left that could be delivered by `deadline`, or until then.
    ///
    /// Events that are put off beyond the deadline do not hold it up, nor do those of triggers that
    /// are paused or have no subscriber: they could not be delivered. What is on disk is there at the
    /// next start, so of that only attempts that run are waited for, and none begins.
    pub async fn drain(&self, deadline: Instant) {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let grace = deadline.saturating_duration_since(Instant::now());
        for state in self.triggers.values() {
            let broker = self.brokers.get(&state.broker());
            if broker.is_some_and(|it| it.store.is_durable()) {
                state.order(Order::Drain { grace });
            }
        }
        let clock = self.parts.registry.clock();
        loop {
            let now = Instant::now();
            let latest = clock.now() + deadline.saturating_duration_since(now);
            let is_busy = self.brokers.values().any(|state| match &state.store {
                Store::Disk(channel) => has_leased(&**channel),
                #[cfg(feature = "nats")]
                Store::Nats(channel, _) => has_leased(&**channel),
                Store::Memory(_) => self.is_busy(&state.running, latest),
            });
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
    pub async fn stop(&mut self, grace: Duration) -> Left {
        for state in self.triggers.values() {
            state.order(Order::Drain { grace });
        }
        let states = std::mem::take(&mut self.triggers).into_values();
        let ended = join_all(states.map(TriggerState::ended));
        if timeout(grace + STOP_WAIT, ended).await.is_err() {
            tracing::error!("workers have not ended in time");
        }
        let mut left = Left::default();
        let mut closing = Vec::new();
        for state in self.brokers.values() {
            let books = state.running.channel.describe().subscriptions;
            let unfinished: u64 = books
                .iter()
                .map(|it| it.books.pending + it.books.parked)
                .sum();
            match state.store.is_durable() {
                true => left.kept += unfinished,
                false => left.lost += unfinished,
            }
            closing.push(state.store.clone().close());
        }
        join_all(closing).await;
        close_beside(self.brokers.values().map(|it| &*it.running)).await;
        left
    }
}

/// Closes what is kept of brokers beside their events. A disk that hangs does not hold up anyone for
/// long.
async fn close_beside(brokers: impl IntoIterator<Item = &RunningBroker>) {
    let (mut histories, mut windows) = (Vec::new(), Vec::new());
    for broker in brokers {
        histories.extend(broker.history.clone().filter(|it| !it.is_in_memory()));
        let window = broker.entry.deduplication.clone();
        windows.extend(window.filter(|it| it.is_kept()));
    }
    if histories.is_empty() && windows.is_empty() {
        return;
    }
    let closing = tokio::task::spawn_blocking(move || {
        History::close_all(&histories);
        Deduplication::close_all(&windows);
    });
    if let Err(error) = closing.await {
        tracing::error!(%error, "what is kept beside events was not closed well");
    }
}

/// Events that were accepted and neither delivered nor dead-lettered before the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// They were in memory.
    pub lost: u64,
    /// They are on disk, and there again at the next start.
    pub kept: u64,
}

fn has_leased(channel: &dyn Channel) -> bool {
    let subscriptions = channel.describe().subscriptions;
    subscriptions.iter().any(|it| it.leased > 0)
}

/// Events that a deletion takes with it are worth a warning: nobody is going to see them.
pub(super) fn tell_deleted(trigger: &ObjectName, cancelled: u64, history: Option<&History>) {
    if let Some(history) = history {
        history.deleted(&trigger.name, cancelled);
    }
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
