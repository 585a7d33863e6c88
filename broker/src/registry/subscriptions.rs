//! How the subscriptions of one channel stand, found at once.
//!
//! Whoever asks about many triggers asks the channel once: it answers under a lock, and all of it.

use std::collections::HashMap;
use std::sync::Arc;

use sluicegate_channels::{Channel, SubscriptionKey, SubscriptionStatus};

/// The subscriptions of a channel, as they stood when it was asked.
#[derive(Debug, Default)]
pub struct Subscriptions {
    all: Vec<SubscriptionStatus>,
    by_key: HashMap<SubscriptionKey, usize>,
    by_name: HashMap<Arc<str>, usize>,
}

impl Subscriptions {
    /// Asks the channel.
    pub fn of(channel: &dyn Channel) -> Self {
        let all = channel.describe().subscriptions;
        let placed = || all.iter().enumerate();
        Subscriptions {
            by_key: placed().map(|(place, it)| (it.key, place)).collect(),
            by_name: placed()
                .map(|(place, it)| (Arc::clone(&it.name), place))
                .collect(),
            all,
        }
    }

    /// The one that stands under this key in the answers of the matcher.
    pub fn by_key(&self, key: SubscriptionKey) -> Option<&SubscriptionStatus> {
        self.all.get(*self.by_key.get(&key)?)
    }

    /// The one of this durable name.
    pub fn by_name(&self, name: &str) -> Option<&SubscriptionStatus> {
        self.all.get(*self.by_name.get(name)?)
    }
}
