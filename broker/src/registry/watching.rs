//! Tells the watch list of accepted events that someone asked about.

use std::fmt;
use std::sync::{Arc, Weak};

use sluicegate_channels::{Claim, Matcher, Position, SubscriptionKey};
use sluicegate_dispatcher::TriggerMatcher;
use sluicegate_event::Event;
use sluicegate_resources::ObjectName;

use super::{Registry, TriggerView};
use crate::api::WatchedState;
use crate::ingress::Accepted;
use crate::watch_list::WatchList;

/// Hears of the accepted events of one broker.
pub(super) struct Watching {
    pub(super) broker: ObjectName,
    pub(super) matcher: Arc<TriggerMatcher>,
    pub(super) watches: Arc<WatchList>,
    /// Weak, since the registry holds the broker which holds this.
    pub(super) registry: Weak<Registry>,
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching")
            .field("broker", &self.broker)
            .finish_non_exhaustive()
    }
}

impl Accepted for Watching {
    fn is_listening(&self) -> bool {
        self.watches.is_listening()
    }

    fn accepted(&self, event: &Event, _position: Position) {
        if !self.watches.is_watched(event) {
            return;
        }
        let Some(registry) = self.registry.upgrade() else {
            return;
        };
        let table = registry.table();
        let triggers: Vec<_> = table.triggers_of(&self.broker).collect();
        let mut wanted: Vec<SubscriptionKey> = Vec::new();
        self.matcher.matches(event, &mut |key, claim| {
            if claim == Claim::Wanted {
                wanted.push(key);
            }
        });
        let wanting = triggers.iter().filter(|view| is_one_of(view, &wanted));
        self.watches.accepted(
            event,
            &self.broker,
            triggers.len(),
            wanting.map(|view| (view.trigger.metadata.name.clone(), state_of(view))),
        );
    }
}

fn is_one_of(view: &TriggerView, wanted: &[SubscriptionKey]) -> bool {
    view.service
        .as_ref()
        .is_some_and(|service| wanted.contains(&service.key))
}

fn state_of(view: &TriggerView) -> WatchedState {
    let unresolved = view
        .service
        .as_ref()
        .is_none_or(|service| service.plan.subscriber.is_none());
    if view.trigger.settings.paused || unresolved {
        WatchedState::Waiting
    } else {
        WatchedState::Matched
    }
}
