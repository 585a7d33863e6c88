//! Triggers: begun, edited in place, ended.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::{Channel, Exhausted, Start, SubscriptionSpec, Timestamp};
use sluicegate_dispatcher::{Order, Plan, Stopped, TriggerMatcher, Worker, WorkerParts};
use sluicegate_filter::Filter;
use sluicegate_resources::{Broker, ObjectName, StartAt, Trigger};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::broker_of;
use super::super::{Condition, TriggerObserver, TriggerService};
use super::Operator;
use crate::manifests::Objects;

/// Deferred events past which a trigger reads no fresh ones.
const DEFERRED_MAX: NonZeroUsize = NonZeroUsize::new(100_000).expect("100,000 is not 0");
/// How long the end of a worker that was told to stop is waited for.
const STOP_WAIT: Duration = Duration::from_millis(500);

/// A trigger that is served.
#[derive(Debug)]
pub(super) struct TriggerState {
    pub(super) service: TriggerService,
    trigger: Trigger,
    channel: Arc<dyn Channel>,
    matcher: Arc<TriggerMatcher>,
    plan: watch::Sender<Arc<Plan>>,
    orders: watch::Sender<Order>,
    worker: JoinHandle<Stopped>,
}

impl TriggerState {
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
}

impl Operator {
    /// Serves the trigger as written, in place if it is served already; says whether it is ready.
    pub(super) async fn put_trigger(&mut self, trigger: &Trigger) -> Condition {
        let broker = broker_of(trigger);
        let Some(state) = self.brokers.get(&broker) else {
            return match self.unserved.get(&broker) {
                Some(_) => Condition::broker_not_ready(&broker),
                None => Condition::broker_does_not_exist(&broker),
            };
        };
        let (plan, condition) = self.plan_of(trigger, state.delivery(), state.hops_max());
        let result = match self.triggers.contains_key(&trigger.metadata.name) {
            true => self.edit_trigger(trigger, plan).await,
            false => self.begin_trigger(trigger, &broker, plan).await,
        };
        match result {
            Ok(()) => condition,
            Err(error) => {
                tracing::error!(trigger = %trigger.metadata.name, %error, "cannot subscribe");
                Condition::not_subscribed(&*error)
            }
        }
    }

    async fn edit_trigger(
        &mut self,
        trigger: &Trigger,
        plan: Plan,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Some(state) = self.triggers.get_mut(&trigger.metadata.name) else {
            return Ok(());
        };
        if state.trigger.filters != trigger.filters {
            state
                .matcher
                .insert(state.service.key, Filter::compile(&trigger.filters)?);
        }
        if state.trigger.settings.paused != trigger.settings.paused {
            let paused = trigger.settings.paused;
            state
                .channel
                .pause(&state.service.subscription, paused)
                .await;
        }
        state
            .channel
            .set_exhausted(&state.service.subscription, exhausted(&plan))
            .await;
        let plan = Arc::new(plan);
        state.service.plan = Arc::clone(&plan);
        state.plan.send_replace(plan);
        state.trigger = trigger.clone();
        Ok(())
    }

    async fn begin_trigger(
        &mut self,
        trigger: &Trigger,
        broker: &ObjectName,
        plan: Plan,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let name = &trigger.metadata.name;
        let filter = Filter::compile(&trigger.filters)?;
        let uid = self.parts.identities.uid_of(name)?;
        let key = self.new_key();
        let Some(broker) = self.brokers.get(broker) else {
            return Ok(());
        };
        let (channel, matcher) = (&broker.running.channel, &broker.running.matcher);
        let spec = SubscriptionSpec {
            name: format!("{}/{}/{uid}", name.namespace, name.name).into(),
            key,
            start: start(trigger.settings.start),
            exhausted: exhausted(&plan),
            deferred_max: DEFERRED_MAX,
        };
        let subscription_name = Arc::clone(&spec.name);
        // The filter first: what is accepted between the two steps would not be offered otherwise.
        matcher.insert(key, filter);
        let subscription = match channel.subscribe(spec).await {
            Ok(subscription) => subscription,
            Err(error) => {
                matcher.remove(key);
                return Err(error.into());
            }
        };
        if trigger.settings.paused {
            channel.pause(&subscription_name, true).await;
        }
        let observer = Arc::new(TriggerObserver::new(
            name.clone(),
            trigger.broker.clone(),
            self.parts.metrics.delivery.handles(name),
            Arc::clone(&self.parts.watches),
            self.parts.registry.clock(),
        ));
        let (plan, plans) = watch::channel(Arc::new(plan));
        let (orders, orders_received) = watch::channel(Order::Work);
        let worker = Worker::new(WorkerParts {
            subscription,
            plan: plans,
            channel: Arc::clone(channel),
            sender: Arc::clone(&self.parts.sender),
            observer: Arc::clone(&observer) as _,
            clock: self.parts.registry.clock(),
            seed: self.parts.random.u64(..),
            in_flight_bytes_max: self.options.in_flight_bytes_max,
        });
        let service = TriggerService {
            uid,
            subscription: subscription_name,
            key,
            plan: plan.borrow().clone(),
            observer,
        };
        let state = TriggerState {
            service,
            trigger: trigger.clone(),
            channel: Arc::clone(channel),
            matcher: Arc::clone(matcher),
            plan,
            orders,
            worker: tokio::spawn(worker.run(orders_received)),
        };
        self.triggers.insert(name.clone(), state);
        Ok(())
    }

    /// Ends triggers that are not wanted any more, or whose broker is not.
    pub(super) async fn end_triggers_not_in(
        &mut self,
        objects: &Objects,
        brokers: &BTreeMap<ObjectName, Broker>,
    ) {
        let stays = |name: &ObjectName| {
            objects
                .triggers
                .get(name)
                .is_some_and(|it| brokers.contains_key(&broker_of(it)))
        };
        let gone: Vec<_> = self
            .triggers
            .keys()
            .filter(|name| !stays(name))
            .cloned()
            .collect();
        for name in gone {
            if let Some(state) = self.triggers.remove(&name) {
                self.end_trigger(&name, state).await;
            }
        }
    }

    async fn end_trigger(&mut self, name: &ObjectName, state: TriggerState) {
        state.order(Order::Stop);
        state.matcher.remove(state.service.key);
        let books = state.channel.delete(&state.service.subscription).await;
        self.parts
            .registry
            .remember(name.clone(), books.unwrap_or_default());
        if let Err(error) = self.parts.identities.forget(name) {
            tracing::error!(trigger = %name, %error, "cannot forget the trigger's identity");
        }
        if tokio::time::timeout(STOP_WAIT, state.ended())
            .await
            .is_err()
        {
            tracing::error!(trigger = %name, "the worker of a deleted trigger has not ended yet");
        }
        tracing::info!(trigger = %name, "the trigger is deleted");
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
