//! Answers a channel's question "who wants this?" from the filters of a broker's triggers.

use std::sync::Arc;

use arc_swap::ArcSwap;
use sluicegate_channels::{Matcher, SubscriptionKey};
use sluicegate_event::Event;
use sluicegate_filter::{Filter, FilterSet, Outcome};

/// The filters of one broker; swapped as a whole when a trigger changes, without a pause.
#[derive(Debug, Default)]
pub struct TriggerMatcher {
    set: ArcSwap<FilterSet<SubscriptionKey>>,
}

impl TriggerMatcher {
    /// No triggers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a trigger's filter.
    pub fn insert(&self, key: SubscriptionKey, filter: Filter) {
        self.set.rcu(|set| {
            let mut set = FilterSet::clone(set);
            set.insert(key, filter.clone());
            Arc::new(set)
        });
    }

    /// Removes a trigger's filter.
    pub fn remove(&self, key: SubscriptionKey) {
        self.set.rcu(|set| {
            let mut set = FilterSet::clone(set);
            set.remove(key);
            Arc::new(set)
        });
    }
}

impl Matcher for TriggerMatcher {
    fn matches(&self, event: &Event, wanted: &mut dyn FnMut(SubscriptionKey)) {
        self.set.load().matches(event, |key, outcome| {
            if outcome == Outcome::Match {
                wanted(key);
            }
        });
    }
}
