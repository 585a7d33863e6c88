//! How long dead letters have lain in the store, and the alarm for those that nobody looks after.
//!
//! Looked at now and then rather than at each scrape, since there may be very many. A look waits for
//! no store: what has to be read or stored for it is done by a task for each broker, so that one that
//! does not answer holds up no other. What happens to those that lie for too long stands in
//! `too_old`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sluicegate_channels::{Channel, Timestamp};
use sluicegate_resources::ObjectName;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::too_old::{AskedFor, Hearer, TooOld, ages};
use super::{Registry, RunningBroker, Standing, TriggerStore};

/// From one look to the next.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// The same while letters that are too old keep a broker from taking events. Whoever acts by command
/// need not wait for it: see [`LookSoon`].
const LOOK_EVERY_UNATTENDED: Duration = Duration::from_secs(2);
/// The least between two looks, however often one is asked for.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
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
    pub(super) too_old: u64,
}

impl LyingOf {
    fn is_long(&self, now: Timestamp) -> bool {
        now.since(self.parked_at) > ALARM_AFTER
    }
}

/// Asks for a look as soon as commands have ended letters: while a broker refuses events for them, nobody
/// should have to wait for the next one.
#[derive(Clone, Debug, Default)]
pub struct LookSoon(Arc<Notify>);

impl LookSoon {
    /// There may be fewer letters than at the last look.
    pub fn ask(&self) {
        self.0.notify_one();
    }

    /// Waits until somebody asks, and `at_most` so long.
    async fn asked(&self, at_most: Duration) {
        let _asked = timeout(at_most, self.0.notified()).await;
        sleep(LOOK_PAUSE).await;
    }
}

/// Looks again and again, for as long as there is a registry.
pub async fn watch(registry: Weak<Registry>) {
    let began = Instant::now();
    let mut watched = Watched {
        registry: Weak::clone(&registry),
        told: HashSet::new(),
        errands: HashMap::new(),
    };
    loop {
        let (wait, look_soon) = {
            let Some(registry) = registry.upgrade() else {
                return;
            };
            let look = registry.look_at_letters(&mut watched, began.elapsed());
            (look.await, registry.look_soon.clone())
        };
        match wait {
            LOOK_EVERY_UNATTENDED => look_soon.asked(wait).await,
            wait => sleep(wait).await,
        }
    }
}

/// What is remembered from one look to the next.
#[derive(Debug)]
struct Watched {
    registry: Weak<Registry>,
    /// The triggers of which the log says already that their letters lie for long.
    told: HashSet<ObjectName>,
    /// What is being done for each broker.
    errands: HashMap<ObjectName, JoinHandle<()>>,
}

impl Watched {
    /// Whether the last errand of a broker is not done yet, so that no other is begun.
    fn is_busy(&self, broker: &ObjectName) -> bool {
        let errand = self.errands.get(broker);
        errand.is_some_and(|it| !it.is_finished())
    }

    /// Begins what is to be done, unless the last is not done yet: the next look finds it again.
    fn begin(&mut self, broker: &RunningBroker, errand: Errand) {
        self.errands.retain(|_, it| !it.is_finished());
        if errand.is_empty() || self.is_busy(&broker.name) {
            return;
        }
        let asked = AskedFor {
            registry: Weak::clone(&self.registry),
            broker: broker.name.clone(),
            dead_letters: broker.dead_letters,
        };
        let errand = tokio::spawn(errand.run(asked));
        self.errands.insert(broker.name.clone(), errand);
    }
}

/// What is to be done for one broker, and waits for its store.
#[derive(Debug, Default)]
struct Errand {
    alarms: Vec<Alarm>,
    too_old: Vec<TooOld>,
}

impl Errand {
    fn is_empty(&self) -> bool {
        self.alarms.is_empty() && self.too_old.is_empty()
    }

    async fn run(self, asked: AskedFor) {
        for alarm in self.alarms {
            alarm.tell().await;
        }
        for too_old in self.too_old {
            too_old.discard_all(&asked).await;
        }
    }
}

impl Registry {
    /// Looks at all dead letters once, and says when to look again.
    async fn look_at_letters(&self, watched: &mut Watched, up_for: Duration) -> Duration {
        let mut lying = Lying::new();
        let mut errands: BTreeMap<ObjectName, Errand> = BTreeMap::new();
        let standing = self.standing();
        for (store, parked) in with_letters(&standing) {
            let broker = store.broker_name();
            let seen = look_at(&standing, &store, &broker).await;
            let Some((of_trigger, too_old)) = seen else {
                continue;
            };
            lying.insert(store.trigger.clone(), of_trigger);
            let may_tell = of_trigger.is_long(standing.now) && !watched.is_busy(&broker);
            let errand = errands.entry(broker).or_default();
            errand.too_old.extend(too_old);
            if may_tell && watched.told.insert(store.trigger.clone()) {
                errand.alarms.push(Alarm::of(&store, parked));
            }
        }
        let is_long = |it: &LyingOf| it.is_long(standing.now);
        watched
            .told
            .retain(|name| lying.get(name).is_some_and(is_long));
        *self.lying.lock() = lying;
        let mut wait = LOOK_EVERY;
        for (name, broker) in &standing.table.brokers {
            let mut errand = errands.remove(name).unwrap_or_default();
            if !broker.deal_with(&errand.too_old, up_for) {
                errand.too_old.clear();
            }
            watched.begin(broker, errand);
            if broker.entry.unattended.is_unattended() {
                wait = LOOK_EVERY_UNATTENDED;
            }
        }
        wait
    }

    /// By which commands that end letters ask for a look.
    pub fn look_soon(&self) -> LookSoon {
        self.look_soon.clone()
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

/// The stores that have dead letters, and how many.
fn with_letters(standing: &Standing) -> impl Iterator<Item = (TriggerStore<'_>, u64)> {
    standing.table.stores().filter_map(|store| {
        let parked = standing.of_store(&store)?.books.parked;
        (parked > 0).then_some((store, parked))
    })
}

/// How the letters of one store lie, and those of them that are too old.
async fn look_at(
    standing: &Standing,
    store: &TriggerStore<'_>,
    broker: &ObjectName,
) -> Option<(LyingOf, Option<TooOld>)> {
    let table = &standing.table;
    let broker = table.brokers.get(broker)?;
    let before = broker.letters_too_old_before(standing.now);
    let ages = ages(&**store.channel, store.subscription, before).await;
    let of_trigger = LyingOf {
        parked_at: ages.oldest?,
        too_old: ages.too_old,
    };
    let service = table.triggers.get(store.trigger);
    let service = service.and_then(|it| it.service.as_ref());
    let too_old = before.filter(|_| ages.too_old > 0).map(|before| TooOld {
        trigger: store.trigger.clone(),
        channel: Arc::clone(store.channel),
        subscription: Arc::clone(store.subscription),
        hearer: match service {
            Some(service) => Hearer::Observer(Arc::clone(&service.observer)),
            None => Hearer::History(store.history.cloned()),
        },
        before,
        ages,
    });
    Some((of_trigger, too_old))
}

/// A line in the log that letters of a trigger lie for long.
#[derive(Debug)]
struct Alarm {
    trigger: ObjectName,
    channel: Arc<dyn Channel>,
    subscription: Arc<str>,
    parked: u64,
}

impl Alarm {
    fn of(store: &TriggerStore<'_>, parked: u64) -> Self {
        Alarm {
            trigger: store.trigger.clone(),
            channel: Arc::clone(store.channel),
            subscription: Arc::clone(store.subscription),
            parked,
        }
    }

    async fn tell(self) {
        let subscription = Some(&*self.subscription);
        let first = self.channel.dead_letters(subscription, None, 1).await;
        let name = self.trigger;
        tracing::warn!(
            code = "W025",
            trigger = %name,
            parked = self.parked,
            reason = first.first().map(|it| it.reason.kind),
            "events lie in the dead-letter store for more than 5 minutes; `sluicegate dead ls {name}` \
             shows them"
        );
    }
}
