//! Brokers: opened, edited and ended.

use std::sync::Arc;

use sluicegate_channels::memory::{MemoryChannel, MemoryOptions};
use sluicegate_channels::{Channel, Matcher};
use sluicegate_dispatcher::TriggerMatcher;
use sluicegate_resources::{
    Broker, ChannelConfig, DeliverySpec, MemoryConfig, ObjectName, WhenFull,
};

use super::super::failing::FailureLog;
use super::super::watching::Watching;
use super::super::{Condition, RunningBroker};
use super::Operator;
use crate::ingress::Entry;
use crate::manifests::Objects;

/// A broker that runs, and what it was made from.
#[derive(Debug)]
pub(super) struct BrokerState {
    pub(super) running: Arc<RunningBroker>,
    store: Store,
    settings: Settings,
    delivery: DeliverySpec,
    /// Its configuration is gone; it goes on by the last one.
    is_orphaned: bool,
}

/// The channel by its own type, for what only that kind can do.
#[derive(Debug)]
enum Store {
    Memory(Arc<MemoryChannel>),
}

/// What a broker's configuration comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    channel: ChannelConfig,
    hops_max: u8,
}

impl Operator {
    /// Opens the broker, or edits it in place; one whose configuration is missing is not opened, and
    /// one that runs already goes on as it was.
    pub(super) fn put_broker(&mut self, broker: &Broker, objects: &Objects) {
        let name = &broker.metadata.name;
        let settings = self.settings_of(broker, objects);
        let Some(state) = self.brokers.get_mut(name) else {
            match settings {
                Ok(settings) => {
                    let state = self.open_broker(broker, settings);
                    self.brokers.insert(name.clone(), state);
                }
                Err(condition) => drop(self.unserved.insert(name.clone(), condition)),
            }
            return;
        };
        if let Err(condition) = &settings
            && !state.is_orphaned
        {
            tracing::warn!(
                code = condition.code(),
                broker = %name,
                "the broker goes on by its last configuration: {}",
                condition.message().unwrap_or_default()
            );
        }
        state.is_orphaned = settings.is_err();
        state.delivery = broker.delivery.clone();
        if let Ok(settings) = settings {
            state.edit(settings);
        }
    }

    fn settings_of(&self, broker: &Broker, objects: &Objects) -> Result<Settings, Condition> {
        let default = || Settings {
            channel: self.options.default_channel.clone(),
            hops_max: self.options.hops_max,
        };
        let Some(reference) = &broker.config else {
            return Ok(default());
        };
        let config = ObjectName {
            namespace: reference.namespace.clone(),
            name: reference.name.clone(),
        };
        match objects.broker_configs.get(&config) {
            Some(config) => Ok(Settings {
                channel: config.channel.clone(),
                hops_max: config.hops_max.unwrap_or(self.options.hops_max),
            }),
            None => Err(Condition::config_not_found(&config)),
        }
    }

    fn open_broker(&self, broker: &Broker, settings: Settings) -> BrokerState {
        let name = &broker.metadata.name;
        let parts = &self.parts;
        let failures = FailureLog::new(name.clone(), &parts.registry);
        let matcher = Arc::new(TriggerMatcher::reporting_to(Arc::new(failures)));
        let store = match &settings.channel {
            ChannelConfig::Memory(config) => Store::Memory(MemoryChannel::open(
                memory_options(config),
                Arc::clone(&matcher) as Arc<dyn Matcher>,
                parts.registry.clock(),
            )),
        };
        let channel = store.channel();
        let watching = Watching {
            broker: name.clone(),
            matcher: Arc::clone(&matcher),
            watches: Arc::clone(&parts.watches),
            registry: Arc::downgrade(&parts.registry),
        };
        let entry = Arc::new(Entry {
            namespace: name.namespace.as_str().into(),
            name: name.name.as_str().into(),
            channel: Arc::clone(&channel),
            hops_max: settings.hops_max,
            metrics: parts
                .metrics
                .ingress
                .handles(&name.namespace, &name.name, store.kind()),
            on_accepted: Some(Arc::new(watching)),
        });
        tracing::info!(broker = %name, channel = store.kind(), "the broker is open");
        let running = Arc::new(RunningBroker {
            name: name.clone(),
            channel,
            channel_kind: store.kind(),
            matcher,
            entry,
        });
        BrokerState {
            running,
            store,
            settings,
            delivery: broker.delivery.clone(),
            is_orphaned: false,
        }
    }
}

impl BrokerState {
    /// The hop limit in effect.
    pub(super) fn hops_max(&self) -> u8 {
        self.settings.hops_max
    }

    /// What the broker says about delivery, for triggers that say nothing.
    pub(super) fn delivery(&self) -> &DeliverySpec {
        &self.delivery
    }

    fn edit(&mut self, settings: Settings) {
        if settings == self.settings {
            return;
        }
        match (&self.store, &settings.channel) {
            (Store::Memory(channel), ChannelConfig::Memory(config)) => {
                channel.reconfigure(memory_options(config));
            }
        }
        let running = &self.running;
        let entry = Entry {
            namespace: Arc::clone(&running.entry.namespace),
            name: Arc::clone(&running.entry.name),
            channel: Arc::clone(&running.channel),
            hops_max: settings.hops_max,
            metrics: running.entry.metrics.clone(),
            on_accepted: running.entry.on_accepted.clone(),
        };
        self.running = Arc::new(RunningBroker {
            name: running.name.clone(),
            channel: Arc::clone(&running.channel),
            channel_kind: running.channel_kind,
            matcher: Arc::clone(&running.matcher),
            entry: Arc::new(entry),
        });
        self.settings = settings;
    }
}

impl Store {
    fn channel(&self) -> Arc<dyn Channel> {
        match self {
            Store::Memory(channel) => Arc::clone(channel) as Arc<dyn Channel>,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Store::Memory(_) => "memory",
        }
    }
}

fn memory_options(config: &MemoryConfig) -> MemoryOptions {
    MemoryOptions {
        events_max: config.events_max.get(),
        bytes_max: config.bytes_max.get(),
        when_full: match config.when_full {
            WhenFull::Shed => sluicegate_channels::memory::WhenFull::Shed,
            WhenFull::Refuse => sluicegate_channels::memory::WhenFull::Refuse,
        },
        ..MemoryOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither crate knows of the other, so each has its own.
    #[test]
    fn a_channel_and_a_manifest_have_the_same_defaults() {
        let of_manifest = memory_options(&MemoryConfig::default());
        assert_eq!(of_manifest, MemoryOptions::default());
    }
}
