//! How long dead letters have lain in the store, and the alarm for those that nobody looks after.
//!
//! Looked at now and then rather than at each scrape, since a store on disk has to read for it. Of each
//! trigger the oldest event is looked at, not every letter: there may be very many.

use std::collections::{HashMap, HashSet};
use std::sync::Weak;
use std::time::Duration;

use sluicegate_channels::Timestamp;
use sluicegate_resources::ObjectName;
use tokio::time::sleep;

use super::Registry;

/// From one look to the next.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Letters that lie longer are worth a line in the log.
const ALARM_AFTER: Duration = Duration::from_secs(300);

/// When the oldest event in the dead-letter store of each trigger was parked; of those that have any.
pub(super) type Lying = HashMap<ObjectName, Timestamp>;

/// Looks again and again, for as long as there is a registry.
pub async fn watch(registry: Weak<Registry>) {
    let mut told = HashSet::new();
    loop {
        sleep(LOOK_EVERY).await;
        let Some(registry) = registry.upgrade() else {
            return;
        };
        registry.look_at_letters(&mut told).await;
    }
}

impl Registry {
    async fn look_at_letters(&self, told: &mut HashSet<ObjectName>) {
        let mut lying = Lying::new();
        let standing = self.standing();
        for (name, view) in &standing.table.triggers {
            let Some(service) = &view.service else {
                continue;
            };
            let Some(broker) = standing.table.brokers.get(&view.broker()) else {
                continue;
            };
            let parked = standing.subscription(view).map_or(0, |it| it.books.parked);
            if parked == 0 {
                continue;
            }
            let name_of_store = Some(&*service.subscription);
            let oldest = broker.channel.dead_letters(name_of_store, None, 1).await;
            let Some(oldest) = oldest.into_iter().next() else {
                continue;
            };
            lying.insert(name.clone(), oldest.parked_at);
            let is_long = standing.now.since(oldest.parked_at) > ALARM_AFTER;
            if is_long && told.insert(name.clone()) {
                tracing::warn!(
                    code = "W025",
                    trigger = %name,
                    parked,
                    reason = oldest.reason.kind,
                    "events lie in the dead-letter store for more than 5 minutes; `sluicegate dead ls \
                     {name}` shows them"
                );
            }
        }
        let is_long = |at: &Timestamp| standing.now.since(*at) > ALARM_AFTER;
        told.retain(|name| lying.get(name).is_some_and(is_long));
        *self.lying.lock() = lying;
    }

    /// How long the oldest event in the dead-letter store of a trigger has been parked, as of the last
    /// look.
    pub(super) fn lying_for(&self, trigger: &ObjectName, now: Timestamp) -> Option<Duration> {
        let parked_at = self.lying.lock().get(trigger).copied()?;
        Some(now.since(parked_at))
    }
}
