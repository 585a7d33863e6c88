//! Tells the watch list of accepted events that someone asked about.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Weak};

use sluicegate_channels::{Claim, Position, SubscriptionKey};
use sluicegate_dispatcher::TriggerMatcher;
use sluicegate_event::Event;
use sluicegate_resources::ObjectName;

use super::failure::Failure;
use super::holding::Hold;
use super::{Registry, Subscriptions, Table, TriggerView};
use crate::api::WatchedFailure;
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
        let (mut wanted, mut undecided) = (HashSet::new(), HashSet::new());
        self.matcher.ask(event, &mut |key, claim| match claim {
            Claim::Wanted => drop(wanted.insert(key)),
            Claim::Undecided => drop(undecided.insert(key)),
        });
        let subscriptions = self.subscriptions(&table);
        let wanting = triggers.iter().filter(|view| is_one_of(view, &wanted));
        let wanting = wanting.map(|view| {
            let status = view.key().and_then(|key| subscriptions.by_key(key));
            // One that waits for a probe may itself be the probe.
            let hold = Hold::of(view, status).filter(|it| it.until.is_none());
            (view.trigger.metadata.name.clone(), hold)
        });
        let kept = table.kept_of(&self.broker);
        let kept: Vec<_> = kept
            .map(|(name, it)| (name.clone(), Hold::of_kept(it)))
            .collect();
        let failing = triggers.iter().filter(|view| is_one_of(view, &undecided));
        let failures = failing.clone().take(FAILURES_MAX);
        self.watches.accepted(
            event,
            &self.broker,
            Judged {
                triggers_total: triggers.len() + kept.len(),
                wanted: wanting.chain(kept).collect(),
                failed_total: failing.count(),
                failed: failures.map(|view| failure_of(view, event)).collect(),
            },
        );
    }
}

impl Watching {
    /// Asked of the channel, which alone knows; watched events are rare.
    fn subscriptions(&self, table: &Table) -> Subscriptions {
        let broker = table.brokers.get(&self.broker);
        broker.map_or_else(Subscriptions::default, |it| Subscriptions::of(&*it.channel))
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

fn is_one_of(view: &TriggerView, wanted: &HashSet<SubscriptionKey>) -> bool {
    view.key().is_some_and(|key| wanted.contains(&key))
}
