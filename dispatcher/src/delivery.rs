//! One lease, from its hand-out to its end.
//!
//! ```text
//! Deliver ──► send ──► verdict ─┬─ delivered ──► store the reply ──► settle
//!                               ├─ again ──────► defer, or past the limit give up
//!                               └─ refused ────► give up
//! Deliver, and overdue ────────────────────────► give up
//! give up, or DeadLetter ──► sink ─┬─ took it ──► settle
//!                                  ├─ did not ──► park, to be tried again
//!                                  ├─ no place ─► park, to be tried at once
//!                                  └─ no sink ──► park
//! ```
//!
//! What it promises: a reply is stored before its cause is settled; the lease outlives a panic in
//! between, so that the count of attempts is not lost with it; an event that is given up on is in
//! the sink or in the store, never nowhere.

mod assignment;
mod attempt;
mod burial;
mod ending;
mod gate;
mod overdue;
mod replies;
mod sink_places;
mod waits;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use sluicegate_channels::{Channel, Clock, Lease, LeasePurpose};
use sluicegate_event::Event;
use tokio::sync::watch;

pub(crate) use self::assignment::Assignment;
use self::attempt::{Attempt, Trouble};
use self::ending::{STORE_PAUSE, Step};
use self::gate::Gate;
pub(crate) use self::gate::Pass;
use self::overdue::Serving;
use self::sink_places::SinkPlaces;
use crate::dead_letter::kind;
use crate::hops;
use crate::observer::{Observer, ReplyReport};
use crate::plan::{Plan, Target};
use crate::retry_after::RetryAfter;
use crate::sender::{Purpose, Sender, Transmission};
use crate::tally::Tally;
use crate::verdict::{Body, Verdict, verdict};

/// Panics over one event before it is parked (G17).
const PANICS_MAX: u32 = 3;

/// Events whose panics or sink tries are counted at a time.
const TALLY_POSITIONS_MAX: usize = 10_000;

/// What every delivery of a trigger shares.
pub(crate) struct Delivery {
    plan: watch::Receiver<Arc<Plan>>,
    channel: Arc<dyn Channel>,
    sender: Arc<dyn Sender>,
    observer: Arc<dyn Observer>,
    clock: Clock,
    rng: Mutex<fastrand::Rng>,
    panics: Tally,
    /// How often the sink was tried for a parked event. Not stored: after a restart the waits
    /// begin anew, which costs a sink some requests and an event nothing.
    sink_tries: Tally,
    sink_places: SinkPlaces,
    gate: Gate,
    serving: Mutex<Serving>,
    probe_every: Duration,
}

/// What an attempt at the subscriber came to, before the retry limit is asked.
enum Conclusion {
    Delivered,
    Again(Trouble, Option<RetryAfter>),
    GiveUp(Trouble, &'static str),
}

impl Delivery {
    pub(crate) fn new(
        plan: watch::Receiver<Arc<Plan>>,
        channel: Arc<dyn Channel>,
        sender: Arc<dyn Sender>,
        observer: Arc<dyn Observer>,
        clock: Clock,
        seed: u64,
        probe_every: Duration,
    ) -> Self {
        Delivery {
            plan,
            channel,
            sender,
            observer,
            clock,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            panics: Tally::bounded(TALLY_POSITIONS_MAX),
            sink_tries: Tally::bounded(TALLY_POSITIONS_MAX),
            sink_places: SinkPlaces::default(),
            gate: Gate::default(),
            serving: Mutex::new(Serving::new(clock.now())),
            probe_every,
        }
    }

    /// Goes by another plan from now on.
    pub(crate) fn goes_by(&self, job: Option<&Assignment>) {
        let is_served = job.is_some_and(|job| !job.plan.paused);
        self.serving.lock().now(is_served, self.clock.now());
        self.guard(job);
    }

    /// Brings the lease to its end, whatever happens.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the lease: the event is handed out again.
    pub(crate) async fn run(&self, job: Arc<Assignment>, lease: Lease) {
        let position = lease.position;
        let whole = async {
            let step = AssertUnwindSafe(self.decide(&job, &lease))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| self.after_panic(&job, &lease));
            self.end(lease, step).await;
        };
        if AssertUnwindSafe(whole).catch_unwind().await.is_err() {
            // The lease went down with the panic, so the event comes back; slowly.
            tracing::error!(trigger = %job.plan.trigger, %position, "ending a lease panicked");
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    async fn decide(&self, job: &Assignment, lease: &Lease) -> Step {
        match &lease.purpose {
            LeasePurpose::Deliver => self.deliver(job, lease).await,
            LeasePurpose::DeadLetter(reason) => self.bury(job, lease, reason.clone()).await,
        }
    }

    async fn deliver(&self, job: &Assignment, lease: &Lease) -> Step {
        let given_up_on = self.outwaited(job, lease);
        if let Some(step) = given_up_on.or_else(|| self.overdue(job, lease)) {
            return step;
        }
        let mut attempt = self.attempt_subscriber(job, lease).await;
        self.hear(job, lease.position, &attempt.outcome);
        let (trouble, kind) = match self.conclude(job, lease, &mut attempt).await {
            Conclusion::Delivered => {
                attempt.report(&*self.observer, lease, None, None);
                return Step::Delivered;
            }
            Conclusion::Again(trouble, retry_after) => {
                if !self.is_exhausted(job, lease, attempt.number) {
                    let wait = self.wait(job, attempt.number, retry_after);
                    let wait = self.no_longer_than_it_may(job, lease, wait);
                    attempt.report(&*self.observer, lease, Some(&trouble), Some(wait));
                    return Step::Defer {
                        wait,
                        sends: attempt.number,
                    };
                }
                (trouble, kind::EXHAUSTED)
            }
            Conclusion::GiveUp(trouble, kind) => (trouble, kind),
        };
        attempt.report(&*self.observer, lease, Some(&trouble), None);
        let reason = attempt.into_reason(kind, &trouble);
        if kind == kind::LOOP {
            // Sent to a sink, an event in a loop would only make another round.
            return Step::Park {
                reason,
                retry_in: None,
            };
        }
        let job = &job.by(Arc::clone(&self.plan.borrow()));
        // A redriven event may have been tried at the sink before; its tries begin anew.
        self.sink_tries.forget(lease.position);
        // Without a sink there is nothing to wait for, and so nothing to hold a place at.
        let place = self.free_sink_place(job);
        if place.is_none() && job.plan.dead_letter.is_some() {
            return Step::Park {
                reason,
                retry_in: Some(Duration::ZERO),
            };
        }
        self.bury(job, lease, reason).await
    }

    async fn attempt_subscriber<'a>(&self, job: &'a Assignment, lease: &Lease) -> Attempt<'a> {
        let number = lease.sends.saturating_add(1);
        let event = Arc::clone(&lease.event);
        self.attempt(job, &job.subscriber, Purpose::Deliver, event, number)
            .await
    }

    async fn attempt<'a>(
        &self,
        job: &'a Assignment,
        target: &'a Target,
        purpose: Purpose,
        event: Arc<Event>,
        number: u32,
    ) -> Attempt<'a> {
        let hops_left = hops::hops_of(&event, job.plan.hops_max).saturating_sub(1);
        let transmission = Transmission {
            event,
            target: target.clone(),
            purpose,
            namespace: job.namespace.clone(),
            hops_left,
            format: job.plan.delivery.format,
            timeout: job.plan.delivery.timeout,
            attempt: number,
        };
        let began = tokio::time::Instant::now();
        let outcome = self.sender.send(transmission).await;
        Attempt {
            target,
            purpose,
            number,
            duration: began.elapsed(),
            outcome,
        }
    }

    async fn conclude(
        &self,
        job: &Assignment,
        lease: &Lease,
        attempt: &mut Attempt<'_>,
    ) -> Conclusion {
        match verdict(&attempt.outcome) {
            Verdict::Delivered(body) => {
                let cause = &*lease.event;
                match body {
                    Body::Empty => Conclusion::Delivered,
                    Body::NotAnEvent => {
                        self.observer.replied(cause, &ReplyReport::NotAnEvent);
                        Conclusion::Delivered
                    }
                    Body::Ignored202 => {
                        self.observer.replied(cause, &ReplyReport::Ignored202);
                        Conclusion::Delivered
                    }
                    Body::Reply => self.store_reply(job, lease, attempt.take_events()).await,
                }
            }
            Verdict::Again { retry_after } => Conclusion::Again(attempt.trouble(), retry_after),
            Verdict::Refused(kind) => {
                let trouble = attempt.trouble();
                if kind == kind::REPLY {
                    self.reject(&lease.event, &trouble.detail);
                }
                Conclusion::GiveUp(trouble, kind)
            }
        }
    }

    /// A panic counts as a failed attempt; the third, or the last that the plan allows, parks the
    /// event where it can do no harm: not even its sink is tried.
    fn after_panic(&self, job: &Assignment, lease: &Lease) -> Step {
        // One that cannot be counted counts as the worst.
        let panics = self.panics.add(lease.position);
        let sends = lease.sends.saturating_add(1);
        // What is already given up on has no retries left to count.
        let is_last = panics.is_none_or(|panics| panics >= PANICS_MAX)
            || (lease.purpose == LeasePurpose::Deliver && self.is_exhausted(job, lease, sends));
        tracing::error!(
            trigger = %job.plan.trigger,
            position = %lease.position,
            ?panics,
            "handling an event panicked"
        );
        let next = (!is_last).then(|| self.wait(job, sends, None));
        let attempt = Attempt::panicked(&job.subscriber, sends);
        let trouble = attempt.trouble();
        attempt.report(&*self.observer, lease, Some(&trouble), next);
        match (next, &lease.purpose) {
            (None, _) => Step::Park {
                reason: attempt.into_reason(kind::POISON, &trouble),
                retry_in: None,
            },
            (Some(wait), LeasePurpose::Deliver) => Step::Defer { wait, sends },
            (Some(wait), LeasePurpose::DeadLetter(reason)) => Step::Park {
                reason: reason.clone(),
                retry_in: Some(wait),
            },
        }
    }
}

#[cfg(test)]
mod tests;
