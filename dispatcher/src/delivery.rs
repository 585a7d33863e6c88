//! One lease, from its hand-out to its end.
//!
//! ```text
//! Deliver ──► send ──► verdict ─┬─ delivered ──► store the reply ──► settle
//!                               ├─ again ──────► defer, or past the limit give up
//!                               └─ refused ────► give up
//! give up, or DeadLetter ──► sink ─┬─ took it ──► settle
//!                                  ├─ did not ──► park, to be tried again
//!                                  └─ no sink ──► park
//! ```
//!
//! What it promises: a reply is stored before its cause is settled; the lease outlives a panic in
//! between, so that the count of attempts is not lost with it; an event that is given up on is in
//! the sink or in the store, never nowhere.

mod attempt;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use backoff::backoff::Backoff;
use futures_util::FutureExt;
use http::HeaderValue;
use parking_lot::Mutex;
use sluicegate_channels::{
    Admission, AppendError, Channel, Clock, Lease, LeasePurpose, ParkReason, Settled, StoreError,
};
use sluicegate_event::Event;
use sluicegate_resources::RetryLimit;

use self::attempt::{Attempt, Trouble};
use crate::backoff::Schedule;
use crate::dead_letter::{annotated, kind};
use crate::hops;
use crate::observer::{Ending, Observer, ReplyReport};
use crate::plan::{Plan, Target};
use crate::retry_after::RetryAfter;
use crate::sender::{Purpose, Sender, Transmission};
use crate::tally::Tally;
use crate::verdict::{Body, Verdict, verdict};

/// Panics over one event before it is parked (G17).
const PANICS_MAX: u32 = 3;

/// The longest wait between two tries of a dead-letter sink (G7).
const SINK_WAIT_MAX: Duration = Duration::from_secs(600);

/// Events whose panics or sink tries are counted at a time.
const TALLY_POSITIONS_MAX: usize = 10_000;

/// How long a place in the window rests after the channel could not store an ending: the event
/// comes back at once, and a broken store must not make that a hot loop.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What every delivery of a trigger shares.
pub(crate) struct Delivery {
    channel: Arc<dyn Channel>,
    sender: Arc<dyn Sender>,
    observer: Arc<dyn Observer>,
    clock: Clock,
    rng: Mutex<fastrand::Rng>,
    panics: Tally,
    /// How often the sink was tried for a parked event. Not stored: after a restart the waits
    /// begin anew, which costs a sink some requests and an event nothing.
    sink_tries: Tally,
}

/// A plan whose subscriber is resolved, with what every send needs made once.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub(crate) plan: Arc<Plan>,
    subscriber: Target,
    namespace: HeaderValue,
}

impl Assignment {
    /// None while the subscriber is unresolved.
    pub(crate) fn new(plan: Arc<Plan>) -> Option<Self> {
        let subscriber = plan.subscriber.clone()?;
        // A namespace is a DNS label wherever it was validated; one that is none can't be said in
        // a header, and is then not worth refusing to deliver.
        let namespace = HeaderValue::from_str(&plan.trigger.namespace)
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        Some(Assignment {
            plan,
            subscriber,
            namespace,
        })
    }
}

/// What to do with a lease.
enum Step {
    Delivered,
    DeadLettered(ParkReason),
    Discard(ParkReason),
    Defer {
        wait: Duration,
        sends: u32,
    },
    Park {
        reason: ParkReason,
        retry_in: Option<Duration>,
    },
}

/// What an attempt at the subscriber came to, before the retry limit is asked.
enum Conclusion {
    Delivered,
    Again(Trouble, Option<RetryAfter>),
    GiveUp(Trouble, &'static str),
}

impl Delivery {
    pub(crate) fn new(
        channel: Arc<dyn Channel>,
        sender: Arc<dyn Sender>,
        observer: Arc<dyn Observer>,
        clock: Clock,
        seed: u64,
    ) -> Self {
        Delivery {
            channel,
            sender,
            observer,
            clock,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            panics: Tally::bounded(TALLY_POSITIONS_MAX),
            sink_tries: Tally::bounded(TALLY_POSITIONS_MAX),
        }
    }

    /// Brings the lease to its end, whatever happens.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the lease: the event is handed out again.
    pub(crate) async fn run(&self, job: Arc<Assignment>, lease: Lease) {
        let step = AssertUnwindSafe(self.decide(&job, &lease))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| self.after_panic(&job, &lease));
        let position = lease.position;
        if AssertUnwindSafe(self.end(lease, step))
            .catch_unwind()
            .await
            .is_err()
        {
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
        let mut attempt = self.attempt_subscriber(job, lease).await;
        let (trouble, kind) = match self.conclude(job, lease, &mut attempt).await {
            Conclusion::Delivered => {
                attempt.report(&*self.observer, lease, None, None);
                return Step::Delivered;
            }
            Conclusion::Again(trouble, retry_after) => {
                if !self.is_exhausted(job, lease, attempt.number) {
                    let wait = self.wait(job, attempt.number, retry_after);
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
                    Body::Reply => self.store_reply(job, cause, attempt.take_events()).await,
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

    /// Appends the replies, so that they are stored before their cause is settled. A reply that
    /// cannot be stored now makes the delivery fail: the cause is all that is left of it.
    async fn store_reply(
        &self,
        job: &Assignment,
        cause: &Event,
        replies: Vec<Event>,
    ) -> Conclusion {
        let events = replies.len();
        let replies = match hops::lower(cause, job.plan.hops_max, replies) {
            Ok(replies) => replies,
            Err(detail) => {
                self.observer
                    .replied(cause, &ReplyReport::Loop { detail: &detail });
                return Conclusion::GiveUp(Trouble::of_reply(detail), kind::LOOP);
            }
        };
        let append = self.channel.append(replies, Admission::Internal);
        let fault = match tokio::time::timeout(job.plan.delivery.timeout, append).await {
            Ok(Ok(_)) => {
                self.observer
                    .replied(cause, &ReplyReport::Accepted { events });
                return Conclusion::Delivered;
            }
            Ok(Err(fault)) => Some(fault),
            Err(_) => None,
        };
        let detail: Arc<str> = match &fault {
            Some(fault) => format!("the reply was not stored: {fault}").into(),
            None => "the reply was not stored in time".into(),
        };
        self.reject(cause, &detail);
        let trouble = Trouble::of_reply(detail);
        match fault {
            Some(AppendError::TooLarge { .. } | AppendError::TooMany { .. }) => {
                Conclusion::GiveUp(trouble, kind::REPLY)
            }
            Some(AppendError::Full { retry_after }) => {
                Conclusion::Again(trouble, Some(RetryAfter::In(retry_after)))
            }
            _ => Conclusion::Again(trouble, None),
        }
    }

    fn reject(&self, cause: &Event, detail: &str) {
        self.observer
            .replied(cause, &ReplyReport::Rejected { detail });
    }

    fn is_exhausted(&self, job: &Assignment, lease: &Lease, sends: u32) -> bool {
        match job.plan.delivery.limit {
            RetryLimit::Count(retries) => sends > retries,
            RetryLimit::Age(age) => self.clock.now().since(lease.accepted_at) >= age,
        }
    }

    /// The wait before the retry after `sends` sends: the schedule's, or what the subscriber asks
    /// for where that is longer, as far as the plan lets it.
    fn wait(&self, job: &Assignment, sends: u32, retry_after: Option<RetryAfter>) -> Duration {
        let retries = sends.saturating_sub(1);
        let schedule = Schedule::after(&job.plan.delivery, retries, self.rng.lock().fork());
        self.longer_of(job, schedule, retry_after)
    }

    fn longer_of(
        &self,
        job: &Assignment,
        mut schedule: Schedule,
        retry_after: Option<RetryAfter>,
    ) -> Duration {
        let asked = retry_after.map_or(Duration::ZERO, |asked| {
            let wait = asked.wait(self.clock.now());
            wait.min(job.plan.delivery.retry_after_max)
        });
        schedule.next_backoff().unwrap_or_default().max(asked)
    }

    /// Brings an event that is given up on to its sink, if it has one.
    async fn bury(&self, job: &Assignment, lease: &Lease, reason: ParkReason) -> Step {
        let Some(sink) = &job.plan.dead_letter else {
            return park_or_discard(reason, None);
        };
        let subscriber = job.subscriber.uri.to_string();
        let event = match annotated(&lease.event, &reason, &subscriber) {
            Ok(event) => Arc::new(event),
            Err(fault) => {
                // Only an event at the very limit of what an event may be can't say why it died.
                tracing::warn!(trigger = %job.plan.trigger, %fault, "a dead letter goes unexplained");
                Arc::clone(&lease.event)
            }
        };
        let number = self.sink_tries.add(lease.position);
        let attempt = self
            .attempt(job, sink, Purpose::DeadLetter, event, number)
            .await;
        if attempt.is_taken() {
            attempt.report(&*self.observer, lease, None, None);
            return Step::DeadLettered(reason);
        }
        let wait = self.sink_wait(job, &attempt);
        attempt.report(&*self.observer, lease, Some(&attempt.trouble()), Some(wait));
        park_or_discard(reason, Some(wait))
    }

    fn sink_wait(&self, job: &Assignment, attempt: &Attempt<'_>) -> Duration {
        let retry_after = match verdict(&attempt.outcome) {
            Verdict::Again { retry_after } => retry_after,
            Verdict::Delivered(_) | Verdict::Refused(_) => None,
        };
        let retries = attempt.number.saturating_sub(1);
        let schedule = Schedule::after(&job.plan.delivery, retries, self.rng.lock().fork())
            .with_max(SINK_WAIT_MAX);
        self.longer_of(job, schedule, retry_after)
    }

    /// A panic counts as a failed attempt; the third, or the last that the plan allows, parks the
    /// event where it can do no harm: not even its sink is tried.
    fn after_panic(&self, job: &Assignment, lease: &Lease) -> Step {
        let panics = self.panics.add(lease.position);
        let sends = lease.sends.saturating_add(1);
        let is_last = panics >= PANICS_MAX || self.is_exhausted(job, lease, sends);
        tracing::error!(
            trigger = %job.plan.trigger,
            position = %lease.position,
            panics,
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

    async fn end(&self, lease: Lease, step: Step) {
        let event = Arc::clone(&lease.event);
        let (position, accepted_at) = (lease.position, lease.accepted_at);
        let observer = &*self.observer;
        match step {
            Step::Delivered => {
                lease.settle(Settled::Delivered);
                let end_to_end = self.clock.now().since(accepted_at);
                observer.lease_ended(&event, &Ending::Delivered { end_to_end });
                self.panics.forget(position);
            }
            Step::DeadLettered(reason) => {
                lease.settle(Settled::DeadLettered);
                observer.lease_ended(&event, &Ending::DeadLettered(&reason));
                self.forget(position);
            }
            Step::Discard(reason) => {
                lease.settle(Settled::Discarded);
                observer.lease_ended(&event, &Ending::Discarded(&reason));
                self.forget(position);
            }
            Step::Defer { wait, sends } => {
                let until = self.clock.now() + wait;
                let stored = lease.defer(until, sends).await;
                self.is_stored(&event, stored).await;
            }
            Step::Park { reason, retry_in } => {
                let retry_at = retry_in.map(|wait| self.clock.now() + wait);
                let stored = lease.park(reason.clone(), retry_at).await;
                if self.is_stored(&event, stored).await {
                    let reason = &reason;
                    observer.lease_ended(&event, &Ending::Parked { reason, retry_at });
                    self.panics.forget(position);
                }
            }
        }
    }

    fn forget(&self, position: sluicegate_channels::Position) {
        self.panics.forget(position);
        self.sink_tries.forget(position);
    }

    async fn is_stored(&self, event: &Event, stored: Result<(), StoreError>) -> bool {
        let Err(fault) = stored else { return true };
        self.observer.store_failed(event, &fault.0);
        tokio::time::sleep(STORE_PAUSE).await;
        false
    }
}

/// Parks, except what was shed: it was taken out of a full store to make room, so it must not go
/// back there.
fn park_or_discard(reason: ParkReason, retry_in: Option<Duration>) -> Step {
    if reason.kind == kind::SHED {
        Step::Discard(reason)
    } else {
        Step::Park { reason, retry_in }
    }
}
