//! Brokers, as their manifests want them: opened, or edited in place.

mod opening;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sluicegate_channels::Timestamp;
use sluicegate_resources::{Broker, DeadLetters, DeliverySpec, ObjectName};

use super::super::{Condition, RunningBroker};
use super::Operator;
use super::stores::{Store, StoreSettings};
use crate::config::Profile;
use crate::ingress::Entry;
use crate::manifests::Objects;

/// How long until a channel that could not be opened is tried again.
const OPEN_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// A broker that runs, and what it was made from.
#[derive(Debug)]
pub(super) struct BrokerState {
    pub(super) running: Arc<RunningBroker>,
    pub(super) store: Store,
    /// Subscriptions that were there before the start and that no trigger has opened since.
    pub(super) unopened: Vec<Arc<str>>,
    settings: Settings,
    delivery: DeliverySpec,
    /// Its configuration is gone, or names another kind of channel; it goes on by the last one.
    is_orphaned: bool,
}

/// A broker whose channel could not be opened.
#[derive(Debug)]
pub(super) struct Unopened {
    settings: Settings,
    condition: Condition,
    try_again_at: Timestamp,
}

/// What a broker's configuration comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    store: StoreSettings,
    hops_max: u8,
    /// Zero is for ever.
    pending_age_max: Duration,
    dead_letters: DeadLetters,
}

impl Operator {
    /// Opens each broker, or edits it in place. One whose configuration is missing is not opened, and
    /// one that runs already goes on as it was. One whose channel cannot be opened stops no other;
    /// they are opened together, since each may have much to read.
    pub(super) async fn put_brokers(
        &mut self,
        wanted: &BTreeMap<ObjectName, Broker>,
        objects: &Objects,
    ) {
        let mut fresh = Vec::new();
        for (name, broker) in wanted {
            match (
                self.settings_of(broker, objects),
                self.brokers.get_mut(name),
            ) {
                (settings, Some(state)) => state.put(broker, settings),
                (Ok(settings), None) => fresh.push((broker, settings)),
                (Err(condition), None) => drop(self.unserved.insert(name.clone(), condition)),
            }
        }
        let now = self.parts.registry.clock().now();
        let mut unopened = std::mem::take(&mut self.unopened);
        fresh.retain(|(broker, settings)| {
            let name = &broker.metadata.name;
            let Some(known) = unopened.remove(name) else {
                return true;
            };
            if known.settings != *settings || known.try_again_at <= now {
                return true;
            }
            self.unserved.insert(name.clone(), known.condition.clone());
            self.unopened.insert(name.clone(), known);
            false
        });
        let opening = fresh
            .iter()
            .map(|(broker, settings)| self.open_broker(broker, settings.clone()));
        let opened = join_all(opening).await;
        for ((broker, settings), opened) in fresh.into_iter().zip(opened) {
            let name = broker.metadata.name.clone();
            match opened {
                Ok(state) => drop(self.brokers.insert(name, state)),
                Err(condition) => {
                    self.unserved.insert(name.clone(), condition.clone());
                    let unopened = Unopened {
                        settings,
                        condition,
                        try_again_at: now + OPEN_AGAIN_AFTER,
                    };
                    self.unopened.insert(name, unopened);
                }
            }
        }
    }

    /// Whether it is time to try a channel again that could not be opened.
    pub(super) fn can_open_again(&self) -> bool {
        let now = self.parts.registry.clock().now();
        self.unopened.values().any(|it| it.try_again_at <= now)
    }

    /// What the broker's configuration comes to, if a broker may be so.
    fn settings_of(&self, broker: &Broker, objects: &Objects) -> Result<Settings, Condition> {
        let settings = self.written_settings_of(broker, objects)?;
        let is_in_memory = settings.store.channel.is_in_memory();
        match self.options.profile {
            Profile::Production if is_in_memory => Err(Condition::not_durable()),
            Profile::Production | Profile::Standard => Ok(settings),
        }
    }

    fn written_settings_of(
        &self,
        broker: &Broker,
        objects: &Objects,
    ) -> Result<Settings, Condition> {
        let options = &self.options;
        let Some(reference) = &broker.config else {
            return Ok(Settings {
                store: StoreSettings {
                    channel: options.default_channel.clone(),
                    retention: options.retention,
                },
                hops_max: options.hops_max,
                pending_age_max: options.pending_age_max,
                dead_letters: options.dead_letters,
            });
        };
        let config = ObjectName {
            namespace: reference.namespace.clone(),
            name: reference.name.clone(),
        };
        match objects.broker_configs.get(&config) {
            Some(config) => Ok(Settings {
                store: StoreSettings {
                    channel: config.channel.clone(),
                    retention: config.retention.or(options.retention),
                },
                hops_max: config.hops_max.unwrap_or(options.hops_max),
                pending_age_max: config.pending_age_max.unwrap_or(options.pending_age_max),
                dead_letters: config.dead_letters.or(options.dead_letters),
            }),
            None => Err(Condition::config_not_found(&config)),
        }
    }
}

impl BrokerState {
    /// The hop limit in effect.
    pub(super) fn hops_max(&self) -> u8 {
        self.settings.hops_max
    }

    /// How long an event may be pending, unless that is for ever.
    pub(super) fn pending_max(&self) -> Option<Duration> {
        Some(self.settings.pending_age_max).filter(|it| !it.is_zero())
    }

    /// What the broker says about delivery, for triggers that say nothing.
    pub(super) fn delivery(&self) -> &DeliverySpec {
        &self.delivery
    }

    /// Takes on what is new; without a configuration that it can go by, it goes on by the last one.
    fn put(&mut self, broker: &Broker, settings: Result<Settings, Condition>) {
        self.delivery = broker.delivery.clone();
        let name = &broker.metadata.name;
        let was_orphaned = self.is_orphaned;
        let refused = match settings {
            Ok(settings) if settings == self.settings => None,
            Ok(settings) if self.store.reconfigure(&settings.store) => {
                self.edit(settings);
                None
            }
            Ok(settings) => Some(Condition::channel_cannot_change(
                self.store.kind(),
                settings.store.channel.kind(),
            )),
            Err(condition) => Some(condition),
        };
        self.is_orphaned = refused.is_some();
        if let Some(condition) = refused.filter(|_| !was_orphaned) {
            tracing::warn!(
                code = condition.code(),
                broker = %name,
                "the broker goes on by its last configuration: {}",
                condition.message().unwrap_or_default()
            );
        }
    }

    fn edit(&mut self, settings: Settings) {
        let running = &self.running;
        let entry = Entry {
            namespace: Arc::clone(&running.entry.namespace),
            name: Arc::clone(&running.entry.name),
            channel: Arc::clone(&running.channel),
            hops_max: settings.hops_max,
            unattended: Arc::clone(&running.entry.unattended),
            metrics: running.entry.metrics.clone(),
            deduplication: running.entry.deduplication.clone(),
            on_accepted: running.entry.on_accepted.clone(),
            durability: running.entry.durability.clone(),
        };
        self.running = Arc::new(RunningBroker {
            name: running.name.clone(),
            channel: Arc::clone(&running.channel),
            channel_kind: running.channel_kind,
            matcher: Arc::clone(&running.matcher),
            history: running.history.clone(),
            dead_letters: settings.dead_letters,
            entry: Arc::new(entry),
        });
        self.settings = settings;
    }
}
