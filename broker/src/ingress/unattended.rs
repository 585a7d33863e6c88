//! Why a broker takes no new events for now though its channel would.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

/// What is told to whoever sends to a broker that somebody has to look after first. Asked for every
/// request, so it is a pointer.
#[derive(Debug, Default)]
pub struct Unattended(ArcSwapOption<Why>);

/// Why, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// As a part of a sentence.
    pub detail: String,
    /// As another.
    pub hint: String,
}

impl Unattended {
    /// Why nothing is taken; none where events are.
    pub fn why(&self) -> Option<Arc<Why>> {
        self.0.load_full()
    }

    /// Whether nothing is taken.
    pub fn is_unattended(&self) -> bool {
        self.0.load().is_some()
    }

    /// From now on for this reason, or for none. Says whether that is a change.
    pub fn set(&self, why: Option<Why>) -> bool {
        let is_changed = self.is_unattended() != why.is_some();
        self.0.store(why.map(Arc::new));
        is_changed
    }
}
