//! Brokers: opened, edited and ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::HeaderValue;
use sluicegate_channels::{Channel, Matcher, Timestamp};
use sluicegate_dispatcher::TriggerMatcher;
use sluicegate_resources::{
    Broker, ChannelConfig, DeadLetters, DeliverySpec, DiskConfig, ObjectName,
};

use super::super::failing::FailureLog;
use super::super::watching::Watching;
use super::super::{Condition, RunningBroker};
use super::Operator;
use super::stores::{Store, StoreSettings};
use crate::config::Profile;
use crate::disposable::SpareFolder;
use crate::history::{History, HistoryOptions, Judging, Recorder};
use crate::ingress::Entry;
use crate::ingress::deduplication::{Deduplication, Tail};
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
        let is_in_memory = matches!(settings.store.channel, ChannelConfig::Memory(_));
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

    async fn open_broker(
        &self,
        broker: &Broker,
        settings: Settings,
    ) -> Result<BrokerState, Condition> {
        let name = &broker.metadata.name;
        let parts = &self.parts;
        let failures = FailureLog::new(name.clone(), &parts.registry);
        let matcher = Arc::new(TriggerMatcher::reporting_to(Arc::new(failures)));
        let history = self.history_options();
        let asked: Arc<dyn Matcher> = match history {
            Some(_) => Arc::new(Judging(Arc::clone(&matcher))),
            None => Arc::clone(&matcher) as _,
        };
        let store = Store::open(
            broker,
            &settings.store,
            self.folders.as_ref(),
            asked,
            parts.registry.clock(),
        )
        .await?;
        let history = history.map(|options| self.open_history(name, &settings, options));
        let channel: Arc<dyn Channel> = match &history {
            Some(history) => Arc::new(Recorder::new(store.channel(), Arc::clone(history))),
            None => store.channel(),
        };
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
            held_up: Arc::default(),
            metrics: parts
                .metrics
                .ingress
                .handles(&name.namespace, &name.name, store.kind()),
            deduplication: self.open_deduplication(name, &settings, &store),
            on_accepted: Some(Arc::new(watching)),
            durability: self.durability_header(&*channel),
        });
        tell_opened(name, &store, &*channel);
        let before = channel.describe().subscriptions.into_iter();
        let unopened = before.map(|it| it.name).collect();
        let running = Arc::new(RunningBroker {
            name: name.clone(),
            channel,
            channel_kind: store.kind(),
            matcher,
            history,
            dead_letters: settings.dead_letters,
            entry,
        });
        Ok(BrokerState {
            running,
            store,
            unopened,
            settings,
            delivery: broker.delivery.clone(),
            is_orphaned: false,
        })
    }
}

/// What there is from before the start is worth a word.
fn tell_opened(broker: &ObjectName, store: &Store, channel: &dyn Channel) {
    let status = channel.describe();
    let durability = status.class;
    match status.disk {
        Some(disk) => tracing::info!(
            %broker,
            channel = store.kind(),
            %durability,
            stored_bytes = disk.stored_bytes,
            free_bytes = disk.free_bytes,
            subscriptions = status.subscriptions.len(),
            lost_events = %disk.lost_events,
            "the broker is open"
        ),
        None => tracing::info!(
            %broker,
            channel = store.kind(),
            %durability,
            "the broker is open"
        ),
    }
}

impl Operator {
    /// Where something of the broker is kept beside its events, if anything is. It leaves as much room
    /// as the broker does, or else brokers that say nothing.
    fn folder_of(
        &self,
        broker: &ObjectName,
        settings: &Settings,
        part: &str,
    ) -> Option<SpareFolder> {
        let path = self.folders.as_ref()?.path(broker).join(part);
        let channels = [&settings.store.channel, &self.options.default_channel];
        let config = channels.into_iter().find_map(|it| match it {
            ChannelConfig::Disk(config) => Some(config),
            ChannelConfig::Memory(_) => None,
        });
        let default = DiskConfig::default();
        Some(SpareFolder::new(path, config.unwrap_or(&default)))
    }

    /// What finds duplicates at the broker's door, if that is asked for. What it remembers lives as long
    /// as the events do: were it kept for longer, an event that went with the process would be taken
    /// for stored when it is sent again.
    fn open_deduplication(
        &self,
        broker: &ObjectName,
        settings: &Settings,
        store: &Store,
    ) -> Option<Arc<Deduplication>> {
        // Without it too, so that its series tell that there were none.
        let metrics = self.parts.metrics.deduplication.handles(broker);
        let folder = self.folder_of(broker, settings, "seen");
        let folder = folder.filter(|_| store.is_durable());
        let clock = self.parts.registry.clock();
        let options = self.options.deduplicate.as_ref()?;
        let tail = folder.is_some().then(|| Tail::new(store.channel()));
        Some(Deduplication::open(
            broker, options, folder, tail, clock, metrics,
        ))
    }

    /// What answers to senders say of the channel's durability, where they do.
    fn durability_header(&self, channel: &dyn Channel) -> Option<HeaderValue> {
        let class = || channel.describe().class.to_string();
        let is_wanted = self.options.has_durability_header;
        is_wanted.then(|| HeaderValue::try_from(class()).ok())?
    }

    /// How histories are kept, unless they are turned off.
    fn history_options(&self) -> Option<&HistoryOptions> {
        Some(&self.options.history).filter(|it| it.is_enabled)
    }

    fn open_history(
        &self,
        broker: &ObjectName,
        settings: &Settings,
        options: &HistoryOptions,
    ) -> Arc<History> {
        let folder = self.folder_of(broker, settings, "history");
        let clock = self.parts.registry.clock();
        let metrics = self.parts.metrics.history.handles(broker);
        Arc::new(History::open(broker, options, folder, clock, metrics))
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
            held_up: Arc::clone(&running.entry.held_up),
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
