//! Triggers: begun, and edited in place.
//!
//! The changes of one look at the manifests are made together: identities are stored once, and the
//! filters of a broker are swapped once, however many triggers are new.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use sluicegate_channels::{
    Channel, Exhausted, Interest, Start, SubscribeError, Subscription, SubscriptionKey,
    SubscriptionSpec, Timestamp,
};
use sluicegate_dispatcher::{Order, Plan, Stopped, TriggerMatcher, Worker, WorkerParts, interest};
use sluicegate_filter::{Filter, FilterError};
use sluicegate_resources::{ObjectName, StartAt, Trigger};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::{Condition, RunningBroker, TriggerObserver, TriggerService};
use super::super::{broker_of, starts_later};
use super::Operator;
use super::left_behind::subscription_name;
use crate::manifests::Objects;

/// Deferred events past which a trigger reads no fresh ones.
const DEFERRED_MAX: NonZeroUsize = NonZeroUsize::new(100_000).expect("100,000 is not 0");

/// Subscriptions that are made at a time.
const SUBSCRIBED_AT_ONCE: usize = 256;

/// A trigger that is served.
#[derive(Debug)]
pub(super) struct TriggerState {
    pub(super) service: TriggerService,
    pub(super) channel: Arc<dyn Channel>,
    pub(super) matcher: Arc<TriggerMatcher>,
    trigger: Trigger,
    plan: watch::Sender<Arc<Plan>>,
    orders: watch::Sender<Order>,
    worker: JoinHandle<Stopped>,
}

/// A trigger that is about to be served.
struct Fresh<'a> {
    trigger: &'a Trigger,
    broker: Arc<RunningBroker>,
    plan: Plan,
    uid: String,
    key: SubscriptionKey,
    interest: Interest,
}

impl Fresh<'_> {
    async fn subscribe(self) -> (Self, Result<Box<dyn Subscription>, SubscribeError>) {
        let spec = SubscriptionSpec {
            name: subscription_name(&self.trigger.metadata.name, &self.uid),
            key: self.key,
            start: start(self.trigger.settings.start),
            exhausted: exhausted(&self.plan),
            deferred_max: DEFERRED_MAX,
            interest: self.interest.clone(),
        };
        let subscribed = self.broker.channel.subscribe(spec).await;
        (self, subscribed)
    }
}

/// Filters that change together: those of one broker by the keys of its triggers.
#[derive(Default)]
struct FilterEdits(BTreeMap<ObjectName, EditsOfBroker>);

type EditsOfBroker = (Arc<TriggerMatcher>, Vec<(SubscriptionKey, Filter)>);

impl FilterEdits {
    fn add(
        &mut self,
        broker: ObjectName,
        matcher: &Arc<TriggerMatcher>,
        key: SubscriptionKey,
        filter: Filter,
    ) {
        let (_, edits) = self
            .0
            .entry(broker)
            .or_insert_with(|| (Arc::clone(matcher), Vec::new()));
        edits.push((key, filter));
    }

    fn make(self) {
        for (matcher, edits) in self.0.into_values() {
            matcher.update(|set| {
                for (key, filter) in &edits {
                    set.insert(*key, filter.clone());
                }
            });
        }
    }
}

impl Operator {
    /// Serves every trigger as written, in place if it is served already; says how each stands.
    pub(super) async fn put_triggers(
        &mut self,
        objects: &Objects,
    ) -> BTreeMap<ObjectName, Condition> {
        let mut conditions = BTreeMap::new();
        let mut edits = FilterEdits::default();
        let mut fresh = Vec::new();
        for (name, trigger) in &objects.triggers {
            let condition = match self.plan_of(trigger) {
                Err(condition) => condition,
                Ok((plan, condition)) => match self.triggers.get_mut(name) {
                    None => {
                        fresh.push((trigger, plan));
                        condition
                    }
                    Some(state) => match state.edit(trigger, plan, &mut edits).await {
                        Ok(()) => condition,
                        Err(error) => Condition::filter_refused(&error),
                    },
                },
            };
            conditions.insert(name.clone(), condition);
        }
        let fresh = self.prepare(fresh, &mut edits, &mut conditions).await;
        // The filters first: what is accepted before the subscription exists would not be offered
        // otherwise.
        edits.make();
        // Many at once, since a channel on disk stores each that is new, and one sync serves all who
        // wait.
        let mut subscribed = stream::iter(fresh)
            .map(Fresh::subscribe)
            .buffered(SUBSCRIBED_AT_ONCE);
        while let Some((one, subscribed)) = subscribed.next().await {
            let name = &one.trigger.metadata.name;
            match subscribed {
                Ok(subscription) => self.begin(one, subscription),
                Err(error) => {
                    one.broker.matcher.remove(one.key);
                    let condition = if one.broker.condition().is_store_failed() {
                        Condition::not_subscribed_in_failed_store(&error)
                    } else {
                        Condition::not_subscribed(&error)
                    };
                    conditions.insert(name.clone(), condition);
                }
            }
        }
        conditions
    }

    /// Gives new triggers their identities and compiles their filters; says why where that fails.
    async fn prepare<'a>(
        &mut self,
        fresh: Vec<(&'a Trigger, Plan)>,
        edits: &mut FilterEdits,
        conditions: &mut BTreeMap<ObjectName, Condition>,
    ) -> Vec<Fresh<'a>> {
        let names = fresh.iter().map(|(trigger, _)| &trigger.metadata.name);
        let stored = self.parts.identities.ensure(names).await;
        let now = self.parts.registry.clock().now();
        let mut prepared = Vec::with_capacity(fresh.len());
        for (trigger, plan) in fresh {
            let name = &trigger.metadata.name;
            let Some(uid) = self.parts.identities.get(name).map(str::to_owned) else {
                if let Err(error) = &stored {
                    conditions.insert(name.clone(), Condition::not_subscribed(error));
                }
                continue;
            };
            let filter = match Filter::compile(&trigger.filters) {
                Ok(filter) => filter,
                Err(error) => {
                    conditions.insert(name.clone(), Condition::filter_refused(&error));
                    continue;
                }
            };
            let broker_name = broker_of(trigger);
            let Some(broker) = self.brokers.get(&broker_name) else {
                continue;
            };
            // One that has a place among the events goes on there.
            let subscription = subscription_name(name, &uid);
            if !broker.unopened.contains(&subscription)
                && let Some(at) = starts_later(trigger, now)
            {
                conditions.insert(name.clone(), Condition::starts_later(at));
                continue;
            }
            let broker = Arc::clone(&broker.running);
            let key = self.new_key();
            let interest = interest(&filter);
            edits.add(broker_name, &broker.matcher, key, filter);
            prepared.push(Fresh {
                trigger,
                broker,
                plan,
                uid,
                key,
                interest,
            });
        }
        prepared
    }

    fn begin(&mut self, fresh: Fresh<'_>, subscription: Box<dyn Subscription>) {
        let Fresh {
            trigger,
            broker,
            plan,
            uid,
            key,
            interest: _,
        } = fresh;
        let name = &trigger.metadata.name;
        let channel = Arc::clone(&broker.channel);
        let observer = Arc::new(TriggerObserver::new(
            name.clone(),
            trigger.broker.clone(),
            self.parts.metrics.delivery.handles(name),
            Arc::clone(&self.parts.watches),
            self.parts.registry.clock(),
            broker.history.clone(),
        ));
        let plan = Arc::new(plan);
        let (plans, plan_received) = watch::channel(Arc::clone(&plan));
        let (orders, orders_received) = watch::channel(Order::Work);
        let worker = Worker::new(WorkerParts {
            subscription,
            plan: plan_received,
            channel: Arc::clone(&channel),
            sender: Arc::clone(&self.parts.sender),
            observer: Arc::clone(&observer) as _,
            clock: self.parts.registry.clock(),
            seed: self.parts.random.u64(..),
            in_flight_bytes_max: self.options.in_flight_bytes_max,
            probe_every: self.options.probe_every,
        });
        let service = TriggerService {
            subscription: subscription_name(name, &uid),
            uid,
            key,
            plan,
            observer,
        };
        let state = TriggerState {
            service,
            channel,
            matcher: Arc::clone(&broker.matcher),
            trigger: trigger.clone(),
            plan: plans,
            orders,
            worker: tokio::spawn(worker.run(orders_received)),
        };
        self.triggers.insert(name.clone(), state);
        self.parts.registry.made_again(name);
    }
}

impl TriggerState {
    /// The broker whose events it gets.
    pub(super) fn broker(&self) -> ObjectName {
        broker_of(&self.trigger)
    }

    /// Tells the worker what to do.
    pub(super) fn order(&self, order: Order) {
        self.orders.send_replace(order);
    }

    /// Waits for the worker's end; it has been told to.
    pub(super) async fn ended(self) {
        match self.worker.await {
            Ok(Stopped { cut_off: 0 }) => {}
            Ok(Stopped { cut_off }) => tracing::warn!(
                trigger = %self.service.plan.trigger, cut_off, "attempts were cut off"
            ),
            Err(error) => tracing::error!(
                trigger = %self.service.plan.trigger, %error, "the worker failed"
            ),
        }
    }

    /// Takes on what is new in `trigger` and `plan`; a trigger that says the same costs nothing.
    async fn edit(
        &mut self,
        trigger: &Trigger,
        plan: Plan,
        edits: &mut FilterEdits,
    ) -> Result<(), FilterError> {
        if self.trigger.filters != trigger.filters {
            let filter = Filter::compile(&trigger.filters)?;
            let name = &self.service.subscription;
            // Whether before the filter or after it: what the store hands out, the filter judges.
            self.channel.set_interest(name, interest(&filter)).await;
            edits.add(broker_of(trigger), &self.matcher, self.service.key, filter);
        }
        let name = &self.service.subscription;
        if *self.service.plan != plan {
            let exhausted = exhausted(&plan);
            let plan = Arc::new(plan);
            self.service.plan = Arc::clone(&plan);
            // The worker knows a sink for as long as the channel hands events over to it: what would
            // come up for a sink without one would be parked, and come up again.
            match exhausted {
                Exhausted::HandOver => {
                    self.plan.send_replace(plan);
                    self.channel.set_exhausted(name, exhausted).await;
                }
                Exhausted::Discard => {
                    self.channel.set_exhausted(name, exhausted).await;
                    self.plan.send_replace(plan);
                }
            }
        }
        if self.trigger != *trigger {
            self.trigger = trigger.clone();
        }
        Ok(())
    }
}

fn start(at: StartAt) -> Start {
    match at {
        StartAt::Latest => Start::Latest,
        StartAt::Earliest => Start::Earliest,
        StartAt::Time(millis) => Start::Time(Timestamp(millis)),
    }
}

fn exhausted(plan: &Plan) -> Exhausted {
    match plan.dead_letter {
        Some(_) => Exhausted::HandOver,
        None => Exhausted::Discard,
    }
}
