//! Opening a broker: its channel, and what stands before it and beside it.

use std::sync::Arc;

use http::HeaderValue;
use sluicegate_channels::{Channel, Matcher};
use sluicegate_dispatcher::TriggerMatcher;
use sluicegate_resources::{Broker, ChannelConfig, DiskConfig, ObjectName};

use super::super::super::failing::FailureLog;
use super::super::super::watching::Watching;
use super::super::super::{Condition, RunningBroker};
use super::super::Operator;
use super::super::stores::Store;
use super::{BrokerState, Settings};
use crate::disposable::SpareFolder;
use crate::history::{History, HistoryOptions, Judging, Recorder};
use crate::ingress::Entry;
use crate::ingress::deduplication::{Deduplication, Tail};

impl Operator {
    pub(super) async fn open_broker(
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
            unattended: Arc::default(),
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
            ChannelConfig::Memory(_) | ChannelConfig::Nats(_) => None,
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
        let folder = folder.filter(|_| store.is_on_disk());
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
