//! How long dead letters have lain in the store, and the alarm for those that nobody looks after.
//!
//! Looked at now and then rather than at each scrape, since there may be very many. What happens to
//! those that lie for too long stands in `expiring`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Weak;
use std::time::Duration;

use sluicegate_channels::Timestamp;
use sluicegate_resources::ObjectName;
use tokio::time::{Instant, sleep};

use super::expiring::{Expired, ages};
use super::{Registry, RunningBroker, Standing, TriggerService};

/// From one look to the next.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// The same while letters that are too old keep a broker from taking events, which should end soon
/// after someone has acted.
const LOOK_EVERY_HELD_UP: Duration = Duration::from_secs(2);
/// Letters that lie longer are worth a line in the log.
const ALARM_AFTER: Duration = Duration::from_secs(300);

/// How the dead-letter store of each trigger stands that has any.
pub(super) type Lying = HashMap<ObjectName, LyingOf>;

/// How the dead letters of one trigger stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct LyingOf {
    /// When the oldest was parked.
    parked_at: Timestamp,
    /// How many are older than they may get.
    pub(super) expired: u64,
}

/// Looks again and again, for as long as there is a registry.
pub async fn watch(registry: Weak<Registry>) {
    let began = Instant::now();
    let mut told = HashSet::new();
    loop {
        let wait = {
            let Some(registry) = registry.upgrade() else {
                return;
            };
            registry.look_at_letters(&mut told, began.elapsed()).await
        };
        sleep(wait).await;
    }
}

impl Registry {
    /// Looks at all dead letters once, and says when to look again.
    async fn look_at_letters(&self, told: &mut HashSet<ObjectName>, up_for: Duration) -> Duration {
        let mut lying = Lying::new();
        let mut expired: BTreeMap<ObjectName, Vec<Expired>> = BTreeMap::new();
        let standing = self.standing();
        let now = standing.now;
        for (name, broker, service, parked) in with_letters(&standing) {
            let before = broker.letters_expire_before(now);
            let ages = ages(&*broker.channel, &service.subscription, before).await;
            let Some(parked_at) = ages.oldest else {
                continue;
            };
            let of_trigger = LyingOf {
                parked_at,
                expired: ages.expired,
            };
            lying.insert(name.clone(), of_trigger);
            if now.since(parked_at) > ALARM_AFTER && told.insert(name.clone()) {
                tell(name, broker, service, parked).await;
            }
            if ages.expired > 0 {
                let of_broker = expired.entry(broker.name.clone()).or_default();
                of_broker.push(Expired {
                    trigger: name.clone(),
                    service: service.clone(),
                    ages,
                });
            }
        }
        let is_long = |it: &LyingOf| now.since(it.parked_at) > ALARM_AFTER;
        told.retain(|name| lying.get(name).is_some_and(is_long));
        *self.lying.lock() = lying;
        for (name, broker) in &standing.table.brokers {
            let expired = expired.remove(name).unwrap_or_default();
            broker.deal_with(&expired, up_for).await;
        }
        let mut brokers = standing.table.brokers.values();
        match brokers.any(|broker| broker.entry.held_up.is_held_up()) {
            true => LOOK_EVERY_HELD_UP,
            false => LOOK_EVERY,
        }
    }

    /// How long the oldest event in the dead-letter store of a trigger has been parked, as of the last
    /// look.
    pub(super) fn lying_for(&self, trigger: &ObjectName, now: Timestamp) -> Option<Duration> {
        Some(now.since(self.lying_of(trigger)?.parked_at))
    }

    /// How the dead letters of a trigger stood at the last look.
    pub(super) fn lying_of(&self, trigger: &ObjectName) -> Option<LyingOf> {
        self.lying.lock().get(trigger).copied()
    }
}

/// The triggers that have dead letters, and how many.
fn with_letters(
    standing: &Standing,
) -> impl Iterator<Item = (&ObjectName, &RunningBroker, &TriggerService, u64)> {
    let triggers = standing.table.triggers.iter();
    triggers.filter_map(|(name, view)| {
        let service = view.service.as_ref()?;
        let broker = standing.table.brokers.get(&view.broker())?;
        let parked = standing.subscription(view)?.books.parked;
        (parked > 0).then_some((name, &**broker, service, parked))
    })
}

async fn tell(name: &ObjectName, broker: &RunningBroker, service: &TriggerService, parked: u64) {
    let name_of_store = Some(&*service.subscription);
    let first = broker.channel.dead_letters(name_of_store, None, 1).await;
    tracing::warn!(
        code = "W025",
        trigger = %name,
        parked,
        reason = first.first().map(|it| it.reason.kind),
        "events lie in the dead-letter store for more than 5 minutes; `sluicegate dead ls {name}` shows \
         them"
    );
}
