//! Tells the watch list of accepted events that someone asked about.

use std::fmt;
use std::sync::{Arc, Weak};

use sluicegate_channels::{Claim, Position, SubscriptionKey};
use sluicegate_dispatcher::TriggerMatcher;
use sluicegate_event::Event;
use sluicegate_resources::ObjectName;

use super::failure::Failure;
use super::{Registry, Table, TriggerView};
use crate::api::{WatchedFailure, WatchedState};
use crate::ingress::Accepted;
use crate::watch_list::{Judged, WatchList};

/// Of how many triggers a watch tells why their expressions failed.
const FAILURES_MAX: usize = 10;

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
        let (mut wanted, mut undecided) = (Vec::new(), Vec::new());
        self.matcher.ask(event, &mut |key, claim| match claim {
            Claim::Wanted => wanted.push(key),
            Claim::Undecided => undecided.push(key),
        });
        let paused = self.paused_by_command(&table);
        let wanting = triggers.iter().filter(|view| is_one_of(view, &wanted));
        let failing = triggers.iter().filter(|view| is_one_of(view, &undecided));
        let failures = failing.clone().take(FAILURES_MAX);
        self.watches.accepted(
            event,
            &self.broker,
            Judged {
                triggers_total: triggers.len(),
                wanted: wanting
                    .map(|view| (view.trigger.metadata.name.clone(), state_of(view, &paused)))
                    .collect(),
                failed_total: failing.count(),
                failed: failures.map(|view| failure_of(view, event)).collect(),
            },
        );
    }
}

impl Watching {
    /// Asked of the channel, which alone knows; watched events are rare.
    fn paused_by_command(&self, table: &Table) -> Vec<SubscriptionKey> {
        let Some(broker) = table.brokers.get(&self.broker) else {
            return Vec::new();
        };
        let subscriptions = broker.channel.describe().subscriptions;
        let paused = subscriptions.iter().filter(|it| it.paused);
        paused.map(|it| it.key).collect()
    }
}

fn failure_of(view: &TriggerView, event: &Event) -> WatchedFailure {
    let failure = Failure::of(&view.trigger.filters, event);
    let name = &view.trigger.metadata.name;
    WatchedFailure {
        namespace: name.namespace.clone(),
        name: name.name.clone(),
        kind: failure.kind().to_owned(),
        part: failure.part,
    }
}

fn is_one_of(view: &TriggerView, wanted: &[SubscriptionKey]) -> bool {
    view.key().is_some_and(|key| wanted.contains(&key))
}

fn state_of(view: &TriggerView, paused: &[SubscriptionKey]) -> WatchedState {
    let unresolved = view
        .service
        .as_ref()
        .is_none_or(|service| service.plan.subscriber.is_none());
    if view.trigger.settings.paused || unresolved || is_one_of(view, paused) {
        WatchedState::Waiting
    } else {
        WatchedState::Matched
    }
}
