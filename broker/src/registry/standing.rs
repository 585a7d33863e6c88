//! How everything that runs stands at one moment: each channel is asked once, however many look.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sluicegate_channels::{ChannelStatus, SubscriptionKey, SubscriptionStatus, Timestamp};
use sluicegate_resources::ObjectName;

use super::{KeptTrigger, Registry, Table, TriggerStore, TriggerView};

/// What runs, with the word of each broker's channel about itself and its subscriptions.
#[derive(Debug)]
pub struct Standing {
    /// What runs.
    pub table: Arc<Table>,
    /// When the channels were asked.
    pub now: Timestamp,
    channels: BTreeMap<ObjectName, Described>,
}

#[derive(Debug)]
struct Described {
    status: ChannelStatus,
    /// Where each subscription stands in the status.
    places: HashMap<SubscriptionKey, usize>,
}

impl From<ChannelStatus> for Described {
    fn from(status: ChannelStatus) -> Self {
        let keys = status.subscriptions.iter().map(|it| it.key);
        let places = keys.zip(0..).collect();
        Described { status, places }
    }
}

impl Registry {
    /// How everything stands now.
    pub fn standing(&self) -> Standing {
        let table = self.table();
        let channels = table
            .brokers
            .iter()
            .map(|(name, broker)| (name.clone(), broker.channel.describe().into()))
            .collect();
        Standing {
            table,
            now: self.clock().now(),
            channels,
        }
    }
}

impl Standing {
    /// The channel of a broker that is served.
    pub fn channel(&self, broker: &ObjectName) -> Option<&ChannelStatus> {
        self.channels.get(broker).map(|it| &it.status)
    }

    /// The subscription of a trigger that is served.
    pub fn subscription(&self, trigger: &TriggerView) -> Option<&SubscriptionStatus> {
        let key = trigger.service.as_ref()?.key;
        let described = self.channels.get(&trigger.broker())?;
        let place = described.places.get(&key)?;
        described.status.subscriptions.get(*place)
    }

    /// The subscription of a trigger, in force or kept.
    pub fn of_store(&self, store: &TriggerStore<'_>) -> Option<&SubscriptionStatus> {
        match self.table.triggers.get(store.trigger) {
            Some(view) => self.subscription(view),
            None => self.kept_subscription(self.table.kept.get(store.trigger)?),
        }
    }

    /// The subscription of a trigger that is kept. Such a one was not opened and has no key.
    pub fn kept_subscription(&self, trigger: &KeptTrigger) -> Option<&SubscriptionStatus> {
        let place = trigger.place.as_ref()?;
        let subscriptions = &self.channels.get(&place.broker)?.status.subscriptions;
        // Each channel lists them by name.
        let found = subscriptions.binary_search_by(|it| it.name.cmp(&place.subscription));
        subscriptions.get(found.ok()?)
    }
}
