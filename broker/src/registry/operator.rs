//! The one owner of what runs: makes the objects in force come true, change by change.
//!
//! [`Operator::apply`] compares what is wanted with what runs and ends, begins and edits until they
//! agree; then it swaps the [`Table`] that everyone else reads. What it promises:
//!
//! - Editing a trigger keeps its subscription and its place. Deleting one cuts its attempts at once
//!   and ends what it still held as cancelled.
//! - A trigger is shown as ready only when its subscription exists, so that whatever is accepted from
//!   then on reaches it.
//! - A broker whose configuration is missing, or whose files cannot be opened, does not touch another.
//! - What is on disk outlives its broker: the folder of one that is deleted stays, and so do the
//!   subscriptions of triggers that are still there.
//!
//! What it leaves out: judging manifests ([`crate::manifests`]), and making attempts (the worker).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use sluicegate_channels::{SubscriptionKey, Timestamp};
use sluicegate_dispatcher::Sender;
use sluicegate_resources::{
    Broker, ChannelConfig, DeadLetters, DeliverySpec, Destination, EffectiveDelivery, KReference,
    Metadata, ObjectName, ResolveError, ResolveMap, Retention,
};

use super::kept::kept_triggers;
use super::{Condition, Registry, RunningBroker, Table, TriggerView};
use crate::config::Profile;
use crate::history::HistoryOptions;
use crate::identities::Identities;
use crate::ingress::deduplication::DeduplicationOptions;
use crate::manifests::Objects;
use crate::metrics::Metrics;
use crate::watch_list::WatchList;

mod brokers;
mod ending;
mod folders;
mod left_behind;
mod plans;
mod stores;
mod telling;
mod triggers;

use brokers::{BrokerState, Unopened};
use folders::Folders;
use triggers::TriggerState;

pub use ending::Left;

/// What the operator goes by besides the objects.
#[derive(Clone, Debug)]
pub struct OperatorOptions {
    /// The channel of a broker that names no configuration.
    pub default_channel: ChannelConfig,
    /// What is kept of settled events where a broker's configuration does not say.
    pub retention: Retention,
    /// How long dead letters may lie, where a broker's configuration does not say.
    pub dead_letters: DeadLetters,
    /// How duplicates are found at the door, if they are.
    pub deduplicate: Option<DeduplicationOptions>,
    /// How histories of events are kept.
    pub history: HistoryOptions,
    /// The folder that keeps events across restarts, if there is one.
    pub data: Option<PathBuf>,
    /// What every broker must promise.
    pub profile: Profile,
    /// Whether answers to senders name the class of durability.
    pub has_durability_header: bool,
    /// The hop limit of a broker that sets none.
    pub hops_max: u8,
    /// How long an event may be pending where a broker does not say; zero is for ever.
    pub pending_age_max: Duration,
    /// How references become URLs.
    pub resolve: ResolveMap,
    /// Where the door is reached, without a trailing slash: for references to brokers.
    pub ingress_url: String,
    /// Whether the broker `default/default` exists without being written down.
    pub has_default_broker: bool,
    /// How many bytes of events one trigger may have in flight.
    pub in_flight_bytes_max: usize,
    /// From one probe of a subscriber at which nobody answers to the next.
    pub probe_every: Duration,
}

/// What the operator works with.
#[derive(Debug)]
pub struct OperatorParts {
    /// Shows what runs to everyone else.
    pub registry: Arc<Registry>,
    /// Where a trigger's instruments come from.
    pub metrics: Arc<Metrics>,
    /// Makes the attempts of every trigger.
    pub sender: Arc<dyn Sender>,
    /// Hears of events that are watched.
    pub watches: Arc<WatchList>,
    /// The uids of triggers.
    pub identities: Identities,
    /// Seeds the jitter of each worker.
    pub random: fastrand::Rng,
}

/// The owner of everything that runs.
#[derive(Debug)]
pub struct Operator {
    options: OperatorOptions,
    parts: OperatorParts,
    brokers: BTreeMap<ObjectName, BrokerState>,
    triggers: BTreeMap<ObjectName, TriggerState>,
    unserved: BTreeMap<ObjectName, Condition>,
    unopened: BTreeMap<ObjectName, Unopened>,
    folders: Option<Folders>,
    /// Triggers that have a uid and no manifest, until they count as deleted.
    missing_since: BTreeMap<ObjectName, Timestamp>,
    has_told_unclaimed: bool,
    next_key: u64,
}

impl Operator {
    /// Runs nothing yet.
    pub fn new(options: OperatorOptions, parts: OperatorParts) -> Self {
        Operator {
            folders: options.data.as_deref().map(Folders::of),
            options,
            parts,
            brokers: BTreeMap::new(),
            triggers: BTreeMap::new(),
            unserved: BTreeMap::new(),
            unopened: BTreeMap::new(),
            missing_since: BTreeMap::new(),
            has_told_unclaimed: false,
            next_key: 0,
        }
    }

    /// Makes `objects` come true and shows the result.
    pub async fn apply(&mut self, objects: &Objects) {
        let wanted = self.wanted_brokers(objects);
        self.unserved.clear();
        self.end_triggers_not_in(objects, &wanted).await;
        self.end_brokers_not_in(&wanted).await;
        self.put_brokers(&wanted, objects).await;
        self.adopt_identities(objects);
        let conditions = self.put_triggers(objects).await;
        self.end_left_behind(objects).await;
        self.tell_unclaimed(&wanted, objects).await;
        self.publish(objects, conditions);
    }

    /// Whether another [`Operator::apply`] is worthwhile though nothing has changed: a trigger could
    /// not be given an identity or a subscription, a channel could not be opened, or what is missing
    /// has yet to count as deleted.
    pub fn has_unfinished(&self) -> bool {
        let table = self.parts.registry.table();
        let now = self.parts.registry.clock().now();
        table.has_unsubscribed()
            || table.has_trigger_to_begin(now)
            || self.can_open_again()
            || self.waits_for_the_missing()
    }

    fn wanted_brokers(&self, objects: &Objects) -> BTreeMap<ObjectName, Broker> {
        let mut wanted = objects.brokers.clone();
        if self.options.has_default_broker {
            let broker = default_broker();
            wanted.entry(broker.metadata.name.clone()).or_insert(broker);
        }
        wanted
    }

    /// Where everything is counted.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.parts.metrics)
    }

    fn publish(&mut self, objects: &Objects, conditions: BTreeMap<ObjectName, Condition>) {
        let shown = self.parts.registry.table();
        let kept = kept_triggers(objects, self.unopened_places());
        telling::tell_changes(&shown, &self.unserved, &conditions);
        telling::tell_kept(&shown, &kept);
        let brokers: BTreeMap<_, Arc<RunningBroker>> = self
            .brokers
            .iter()
            .map(|(name, state)| (name.clone(), Arc::clone(&state.running)))
            .collect();
        let view = |(name, condition): (ObjectName, Condition)| {
            let trigger = objects.triggers.get(&name)?.clone();
            let file = objects.trigger_files.get(&name).cloned();
            let service = self.triggers.get(&name).map(|state| state.service.clone());
            let delivery = match &service {
                Some(service) => service.plan.delivery.clone(),
                None => EffectiveDelivery::of(&trigger.delivery, &DeliverySpec::default()),
            };
            Some((
                name,
                Arc::new(TriggerView {
                    trigger,
                    file: file.unwrap_or_default(),
                    condition,
                    delivery,
                    service,
                }),
            ))
        };
        let triggers = conditions.into_iter().filter_map(view).collect();
        let unserved = self.unserved.clone();
        let default_broker = Table::choose_default(brokers.keys().chain(unserved.keys()));
        self.parts.registry.swap(Table {
            brokers,
            triggers,
            kept,
            default_broker,
            unserved,
        });
    }

    /// The URL of a destination: a broker of ours by its door, everything else by the map.
    fn resolve(&self, destination: &Destination) -> Result<Uri, ResolveError> {
        let ingress_url = &self.options.ingress_url;
        let own_broker = |reference: &KReference| {
            let is_broker =
                reference.kind == "Broker" && reference.api_version == "eventing.knative.dev/v1";
            is_broker
                .then(|| format!("{ingress_url}/{}/{}", reference.namespace, reference.name))
                .and_then(|url| url.parse().ok())
        };
        self.options.resolve.resolve_with(destination, own_broker)
    }

    fn new_key(&mut self) -> SubscriptionKey {
        self.next_key += 1;
        SubscriptionKey(self.next_key)
    }
}

/// The broker that exists without being written down.
fn default_broker() -> Broker {
    let name = ObjectName {
        namespace: "default".to_owned(),
        name: "default".to_owned(),
    };
    Broker {
        metadata: Metadata {
            name,
            uid: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        },
        class: None,
        config: None,
        delivery: DeliverySpec::default(),
    }
}

#[cfg(test)]
mod tests;
