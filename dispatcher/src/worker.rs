//! The worker of one trigger.
//!
//! One task per trigger: it takes leases while it has places free, runs their attempts side by
//! side, and lets each end by itself. An event that waits for its next attempt is back in the
//! channel and holds no place. A quarter of the places at most is for the dead-letter sink, so
//! that one that hangs delays no delivery. Where nobody answers, the worker takes one event in 30 s
//! ([`breaker`](crate::breaker)). Nothing that happens to one event ends the worker.
//!
//! A paused [`Plan`] has it take nothing more until another plan says so. What it leaves out: pausing
//! by command and deleting, which the channel does; resolving addresses, which come with the plan.

mod window;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::{Channel, Clock, Lease, NextLimit, Subscription};
use tokio::sync::watch;
use tokio::time::Instant;

use self::window::Window;
use crate::delivery::{Assignment, Delivery, Pass};
use crate::observer::Observer;
use crate::plan::Plan;
use crate::sender::Sender;

/// Everything a worker is made of.
pub struct WorkerParts {
    /// The trigger's subscription.
    pub subscription: Box<dyn Subscription>,
    /// The trigger as it is now; a change counts from the next attempt on. The worker goes on
    /// with the last one when its sender is gone.
    pub plan: watch::Receiver<Arc<Plan>>,
    /// The broker's channel, for replies.
    pub channel: Arc<dyn Channel>,
    /// Makes the attempts; shared by all triggers.
    pub sender: Arc<dyn Sender>,
    /// Hears of everything; this trigger's own.
    pub observer: Arc<dyn Observer>,
    /// Tells due times and ages.
    pub clock: Clock,
    /// For jitter; a run with the same seed waits the same.
    pub seed: u64,
    /// How many bytes of events may be in flight; one event is taken whatever its size.
    pub in_flight_bytes_max: usize,
    /// From one probe of a subscriber at which nobody answers to the next.
    pub probe_every: Duration,
}

impl fmt::Debug for WorkerParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerParts")
            .field("subscription", &self.subscription)
            .finish_non_exhaustive()
    }
}

/// What a worker is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// Go on.
    #[default]
    Work,
    /// Take no more events, and give attempts that run this long to end.
    Drain {
        /// The longest wait; what still runs then is cut off and its lease dropped.
        grace: Duration,
    },
    /// Stop at once: no attempt begins, those that run are cut off.
    Stop,
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Attempts that were cut off. Their events may have been delivered, and will be again.
    pub cut_off: usize,
}

/// Delivers the events of one trigger.
///
/// ```
/// use std::sync::Arc;
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use sluicegate_channels::{
///     Channel, Clock, Exhausted, MemoryChannel, MemoryOptions, Start, SubscriptionKey,
///     SubscriptionSpec, Interest,
/// };
/// use sluicegate_dispatcher::{
///     HttpSender, HttpSenderOptions, Order, Plan, Silent, Target, TriggerMatcher, Worker,
///     WorkerParts,
/// };
/// use sluicegate_resources::{DeliverySpec, EffectiveDelivery, ObjectName};
/// use tokio::sync::watch;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let clock = Clock::anchored_at(UNIX_EPOCH);
/// let matcher = Arc::new(TriggerMatcher::new());
/// let channel = MemoryChannel::open(MemoryOptions::default(), matcher, clock);
/// let spec = SubscriptionSpec {
///     name: "shop/billing/1".into(),
///     key: SubscriptionKey(1),
///     start: Start::Latest,
///     exhausted: Exhausted::Discard,
///     deferred_max: 1_000.try_into()?,
///     interest: Interest::Everything,
/// };
/// let plan = Plan {
///     trigger: ObjectName { namespace: "shop".into(), name: "billing".into() },
///     broker: "orders".into(),
///     subscriber: Some(Target { uri: "http://localhost:3001/events".parse()? }),
///     dead_letter: None,
///     delivery: EffectiveDelivery::of(&DeliverySpec::default(), &DeliverySpec::default()),
///     in_flight_max: 64.try_into()?,
///     hops_max: 32,
///     pending_max: None,
///     paused: false,
/// };
/// // Kept by whoever runs the trigger: to edit it, and to stop it.
/// let (edits, plan) = watch::channel(Arc::new(plan));
/// let (orders, ordered) = watch::channel(Order::Work);
///
/// let worker = Worker::new(WorkerParts {
///     subscription: channel.subscribe(spec).await?,
///     plan,
///     channel,
///     sender: Arc::new(HttpSender::new(HttpSenderOptions::default())),
///     observer: Arc::new(Silent),
///     clock,
///     seed: 7,
///     in_flight_bytes_max: 16 << 20,
///     probe_every: sluicegate_dispatcher::breaker::PROBE_EVERY,
/// });
/// let worker = tokio::spawn(worker.run(ordered));
///
/// orders.send(Order::Drain { grace: Duration::from_secs(20) })?;
/// assert_eq!(worker.await?.cut_off, 0);
/// # drop(edits);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Worker {
    subscription: Box<dyn Subscription>,
    plan: watch::Receiver<Arc<Plan>>,
    delivery: Arc<Delivery>,
    observer: Arc<dyn Observer>,
    in_flight_bytes_max: usize,
}

impl Worker {
    /// A worker, not yet running.
    pub fn new(parts: WorkerParts) -> Self {
        let delivery = Delivery::new(
            parts.plan.clone(),
            parts.channel,
            parts.sender,
            Arc::clone(&parts.observer),
            parts.clock,
            parts.seed,
            parts.probe_every,
        );
        Worker {
            subscription: parts.subscription,
            plan: parts.plan,
            delivery: Arc::new(delivery),
            observer: parts.observer,
            in_flight_bytes_max: parts.in_flight_bytes_max,
        }
    }

    /// Works until told to stop, or until the channel hands out nothing more because it is closed
    /// or the subscription is deleted, and then until the attempts that run have ended. A dropped
    /// sender of orders means [`Order::Stop`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is [`Order::Stop`].
    pub async fn run(mut self, mut orders: watch::Receiver<Order>) -> Stopped {
        let delivery = Arc::clone(&self.delivery);
        let mut window = Window::new(Arc::clone(&self.observer), |job, lease| {
            let delivery = Arc::clone(&delivery);
            // Taken here, so that a lease counts from the moment that it is held.
            let place = delivery.sink_place(&lease);
            let pass = delivery.pass(&job, &lease);
            async move {
                let event_bytes = lease.event.size_bytes();
                match pass {
                    Pass::Go(ramp_place) => {
                        delivery.run(job, lease).await;
                        drop((place, ramp_place));
                    }
                    Pass::NotNow => drop(lease),
                }
                event_bytes
            }
        });
        let mut job = self.next_job();
        let mut is_plan_kept = true;
        orders.mark_changed();
        loop {
            let limit = job.as_ref().filter(|job| !job.plan.paused).and_then(|job| {
                let dead_letters_max = delivery.sink_places_free(job);
                window.room(
                    job.plan.in_flight_max,
                    self.in_flight_bytes_max,
                    dead_letters_max,
                )
            });
            let (limit, probe_at) = delivery.narrow(limit);
            // Each branch is cancel safe: orders and plans are values that stay, attempts live in
            // the window, and `next` makes leases only when it completes.
            tokio::select! {
                biased;
                order = next_order(&mut orders) => match order {
                    Order::Work => {}
                    Order::Drain { grace } => return window.drain(Some(grace), &mut orders).await,
                    Order::Stop => return window.cut_off(),
                },
                changed = self.plan.changed(), if is_plan_kept => {
                    is_plan_kept = changed.is_ok();
                    job = self.next_job();
                }
                () = window.one_ended(), if !window.is_empty() => {}
                () = next_probe(probe_at), if probe_at.is_some() => {}
                leases = next_leases(&mut *self.subscription, limit), if limit.is_some() => {
                    if leases.is_empty() {
                        return window.drain(None, &mut orders).await;
                    }
                    // Letters that come up for a new sink may be here before the plan that has it.
                    if self.plan.has_changed().unwrap_or(false) {
                        job = self.next_job();
                    }
                    if let Some(job) = &job {
                        window.take(job, leases);
                    }
                }
            }
        }
    }

    fn next_job(&mut self) -> Option<Arc<Assignment>> {
        let plan = Arc::clone(&self.plan.borrow_and_update());
        let job = Assignment::new(plan).map(Arc::new);
        self.delivery.goes_by(job.as_deref());
        job
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("subscription", &self.subscription)
            .finish_non_exhaustive()
    }
}

/// Waits for an order that has not been seen yet.
async fn next_order(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.changed().await {
        Ok(()) => *orders.borrow_and_update(),
        Err(_) => Order::Stop,
    }
}

/// Waits until a probe is due; for ever where none will be.
async fn next_probe(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Waits for leases; for ever where there is no room for any.
async fn next_leases(subscription: &mut dyn Subscription, limit: Option<NextLimit>) -> Vec<Lease> {
    match limit {
        Some(limit) => subscription.next(limit).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
