//! What runs: brokers with their channels, triggers with their workers.
//!
//! One owner, the [`Operator`], makes the objects in force come true; everyone else reads the
//! [`Registry`], whose [`Table`] is swapped as a whole, so that a request never sees half a change.
//!
//! ```text
//!  Objects ──► Operator ──► Channel, Matcher, Worker …
//!                 │
//!                 └──swap──► Registry(Table) ◄── door, admin API, metrics
//! ```
//!
//! What it leaves out: where objects come from ([`crate::manifests`]) and how events come in
//! ([`crate::ingress`]).

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use sluicegate_channels::{Channel, Clock, SubscriptionKey, Timestamp};
use sluicegate_dispatcher::{Plan, TriggerMatcher};
use sluicegate_resources::{DeadLetters, EffectiveDelivery, ObjectName, StartAt, Trigger};

use crate::history::History;
use crate::ingress;

pub mod conditions;
mod departed;
mod failing;
mod failure;
mod figures;
pub mod holding;
mod kept;
pub mod letters;
pub mod lying;
pub mod observer;
pub mod operator;
mod standing;
mod subscriptions;
mod too_old;
mod watching;

pub use conditions::Condition;
pub use kept::{KeptPlace, KeptTrigger, TriggerStore};
pub use observer::TriggerObserver;
pub use operator::{Operator, OperatorOptions, OperatorParts};
pub use standing::Standing;
pub use subscriptions::Subscriptions;

use departed::{Account, Departed};
use lying::{LookSoon, Lying};

/// The kind of a channel on disk.
const DISK: &str = "disk";

/// A broker that is served. One that is in force and cannot be stands in [`Table::unserved`].
#[derive(Debug)]
pub struct RunningBroker {
    /// Its namespace and name.
    pub name: ObjectName,
    /// Its channel.
    pub channel: Arc<dyn Channel>,
    /// The kind of its channel.
    pub channel_kind: &'static str,
    /// The filters of its triggers.
    pub matcher: Arc<TriggerMatcher>,
    /// What became of its events, unless that is turned off.
    pub history: Option<Arc<History>>,
    /// How long its dead letters may lie, and what happens then.
    pub dead_letters: DeadLetters,
    /// What the door sees of it.
    pub entry: Arc<ingress::Entry>,
}

impl RunningBroker {
    /// Whether it takes events. A channel in memory always does, unless dead letters are unattended; one
    /// on disk is asked.
    pub fn condition(&self) -> Condition {
        let of_channel = match self.channel_kind {
            DISK => Condition::of_channel(&self.channel.describe()),
            _ => Condition::Ready,
        };
        self.or_unattended(of_channel)
    }

    /// Not ready where dead letters are unattended, though its channel would be.
    pub fn or_unattended(&self, of_channel: Condition) -> Condition {
        match self.entry.unattended.why() {
            Some(why) if of_channel.is_ready() => Condition::unattended(&why.detail, &why.hint),
            _ => of_channel,
        }
    }
}

/// A trigger that is in force, whether or not it can be served.
#[derive(Debug)]
pub struct TriggerView {
    /// As it was written.
    pub trigger: Trigger,
    /// Where it was written.
    pub file: PathBuf,
    /// Whether it is ready, and if not, why.
    pub condition: Condition,
    /// Retry, backoff, timeout and format in effect.
    pub delivery: EffectiveDelivery,
    /// How it is served; absent while its broker is not.
    pub service: Option<TriggerService>,
}

impl TriggerView {
    /// The broker that it names, in its own namespace.
    pub fn broker(&self) -> ObjectName {
        broker_of(&self.trigger)
    }

    /// What stands for it in the matcher's answers; none where it is not served.
    fn key(&self) -> Option<SubscriptionKey> {
        self.service.as_ref().map(|service| service.key)
    }
}

/// The broker that a trigger names, in its own namespace.
fn broker_of(trigger: &Trigger) -> ObjectName {
    ObjectName {
        namespace: trigger.metadata.name.namespace.clone(),
        name: trigger.broker.clone(),
    }
}

/// When a trigger is to begin, if that is yet to come.
fn starts_later(trigger: &Trigger, now: Timestamp) -> Option<Timestamp> {
    match trigger.settings.start {
        StartAt::Time(millis) => Some(Timestamp(millis)).filter(|at| *at > now),
        StartAt::Latest | StartAt::Earliest => None,
    }
}

/// A trigger that is being served.
#[derive(Clone, Debug)]
pub struct TriggerService {
    /// What tells it from an earlier trigger of its name.
    pub uid: String,
    /// The durable name of its subscription.
    pub subscription: Arc<str>,
    /// Stands for the subscription in the matcher's answers.
    pub key: SubscriptionKey,
    /// What its worker goes by.
    pub plan: Arc<Plan>,
    /// Hears what its worker does.
    pub observer: Arc<TriggerObserver>,
}

/// Everything that runs, at one moment.
#[derive(Debug, Default)]
pub struct Table {
    /// Brokers in force, by name.
    pub brokers: BTreeMap<ObjectName, Arc<RunningBroker>>,
    /// Brokers in force that cannot be served, and why.
    pub unserved: BTreeMap<ObjectName, Condition>,
    /// Triggers in force, by name.
    pub triggers: BTreeMap<ObjectName, Arc<TriggerView>>,
    /// Triggers that are not in force and whose events are kept, by name.
    pub kept: BTreeMap<ObjectName, KeptTrigger>,
    /// The broker that `POST /` means.
    pub default_broker: Option<ObjectName>,
}

impl Table {
    /// Among all brokers in force, so that what `/` means does not change with a configuration that
    /// comes or goes.
    fn choose_default<'a>(
        brokers: impl Iterator<Item = &'a ObjectName> + Clone,
    ) -> Option<ObjectName> {
        let is_usual = |it: &&ObjectName| it.namespace == "default" && it.name == "default";
        let mut firsts = brokers.clone().take(2);
        let only = firsts.next().filter(|_| firsts.next().is_none());
        only.or_else(|| brokers.clone().find(is_usual)).cloned()
    }

    /// The broker in force of that name, as the door sees it.
    fn found(&self, name: &ObjectName) -> Option<ingress::Found> {
        if let Some(broker) = self.brokers.get(name) {
            return Some(ingress::Found::Served(Arc::clone(&broker.entry)));
        }
        let condition = self.unserved.get(name)?;
        Some(ingress::Found::Unserved {
            broker: name.to_string(),
            why: condition.message().unwrap_or_default().to_owned(),
        })
    }

    /// Whether a trigger could not be given an identity or a subscription, so that what is accepted
    /// now does not reach it.
    pub fn has_unsubscribed(&self) -> bool {
        let mut views = self.triggers.values();
        views.any(|view| view.condition.is_not_subscribed())
    }

    /// Whether the time has come of a trigger that was to begin later.
    pub fn has_trigger_to_begin(&self, now: Timestamp) -> bool {
        let views = self.triggers.values();
        let mut later = views.filter(|view| view.condition.is_starts_later());
        later.any(|view| starts_later(&view.trigger, now).is_none())
    }

    /// Whether a store has failed, so that only another start can bring its broker back.
    pub fn has_failed_store(&self) -> bool {
        let mut brokers = self.brokers.values();
        brokers.any(|broker| broker.condition().is_store_failed())
    }

    /// Whether no broker is served and one would be if its files could be opened: whatever is sent is
    /// then refused.
    pub fn serves_none_for_its_files(&self) -> bool {
        let mut unserved = self.unserved.values();
        self.brokers.is_empty() && unserved.any(Condition::is_channel_not_opened)
    }

    /// The triggers of `broker`.
    pub fn triggers_of(&self, broker: &ObjectName) -> impl Iterator<Item = &Arc<TriggerView>> {
        self.triggers.values().filter(|view| {
            view.trigger.broker == broker.name
                && view.trigger.metadata.name.namespace == broker.namespace
        })
    }
}

/// What everyone but the operator sees of what runs.
pub struct Registry {
    table: ArcSwap<Table>,
    clock: Clock,
    departed: Mutex<Departed>,
    lying: Mutex<Lying>,
    look_soon: LookSoon,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("table", &self.table.load())
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Nothing runs yet.
    pub fn new(clock: Clock) -> Self {
        Registry {
            table: ArcSwap::default(),
            clock,
            departed: Mutex::default(),
            lying: Mutex::default(),
            look_soon: LookSoon::default(),
        }
    }

    /// What runs now.
    pub fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// The clock that all of it goes by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    fn swap(&self, table: Table) {
        self.table.store(Arc::new(table));
    }

    /// Remembers how the events of a deleted trigger ended, and names the trigger that is forgotten
    /// for it.
    fn remember(&self, trigger: &ObjectName, account: Account) -> Option<ObjectName> {
        self.departed.lock().remember(trigger, account)
    }

    /// What is remembered of a deleted trigger stays for as long as there is one of its name.
    fn made_again(&self, trigger: &ObjectName) {
        self.departed.lock().made_again(trigger);
    }
}

impl ingress::Directory for Registry {
    fn find(&self, namespace: &str, broker: &str) -> Option<ingress::Found> {
        // Two short strings are made to ask an ordered map; a map of maps would save them and cost
        // every other reader its simplicity.
        let name = ObjectName {
            namespace: namespace.to_owned(),
            name: broker.to_owned(),
        };
        self.table.load().found(&name)
    }

    fn find_default(&self) -> Option<ingress::Found> {
        let table = self.table.load();
        table.found(table.default_broker.as_ref()?)
    }
}
