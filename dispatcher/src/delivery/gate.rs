//! The [`Breaker`] of a trigger, between its worker and its deliveries.
//!
//! The worker asks how much it may take; a delivery tells what its send said. While the breaker is
//! open, the events wait in the channel, where waiting costs no lease and no count of sends.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_channels::{Lease, LeasePurpose, NextLimit, ParkReason, Position};
use sluicegate_resources::RetryLimit;
use tokio::time::Instant;

use super::ending::Step;
use super::{Assignment, Delivery};
use crate::backoff::{DELAY_MIN, jittered};
use crate::breaker::{Allowance, Breaker, Change, Sign};
use crate::dead_letter::kind;
use crate::observer::BreakerReport;
use crate::plan::Target;
use crate::sender::{Answer, Failure, Reason};

/// The breaker, whose it is, and what its ramp lets through now.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Guarded>);

#[derive(Debug, Default)]
struct Guarded {
    breaker: Breaker,
    /// None where no breaker stands.
    subscriber: Option<Arc<Target>>,
    /// The sends of the ramp that run. Another counter for each ramp: what hangs since an earlier
    /// one must not take the first place of this.
    ramp: Arc<AtomicUsize>,
}

/// What a lease may do.
#[derive(Debug)]
pub(crate) enum Pass {
    /// Go on; the place is the ramp's.
    Go(Option<RampPlace>),
    /// Go back: it was taken in the moment in which the breaker opened.
    NotNow,
}

/// One place of a ramp; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct RampPlace(Arc<AtomicUsize>);

impl Drop for RampPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Guarded {
    fn guards(&self, job: &Assignment) -> bool {
        self.subscriber.as_ref() == Some(&job.subscriber)
    }
}

/// Whether anybody is there; none when a fault of ours says nothing about it.
fn sign(outcome: &Result<Answer, Failure>) -> Option<Sign> {
    match outcome {
        Ok(answer) if answer.status == 503 => Some(Sign::Absent),
        Ok(_) => Some(Sign::Alive),
        Err(failure) => match failure.reason {
            Reason::Timeout
            | Reason::Refused
            | Reason::Tls
            | Reason::Dns
            | Reason::Reset
            | Reason::Protocol => Some(Sign::Absent),
            Reason::Ok | Reason::Http | Reason::Reply | Reason::Loop | Reason::Panic => None,
        },
    }
}

impl Delivery {
    /// Takes on a plan: another subscriber, or another way to give up, begins with a new breaker.
    pub(super) fn guard(&self, job: Option<&Assignment>) {
        let subscriber = job
            .filter(|job| matches!(job.plan.delivery.limit, RetryLimit::Age(_)))
            .map(|job| Arc::clone(&job.subscriber));
        let mut gate = self.gate.0.lock();
        if gate.subscriber == subscriber {
            gate.subscriber = subscriber;
            return;
        }
        let was_open = gate.breaker.probe_at().is_some();
        *gate = Guarded {
            subscriber,
            ..Guarded::default()
        };
        drop(gate);
        if was_open {
            self.observer.breaker_changed(&BreakerReport::Replaced);
        }
    }

    /// What of `limit` the breaker lets the worker take now; and, when that is nothing because no
    /// probe is due, when to ask again.
    pub(crate) fn narrow(&self, limit: Option<NextLimit>) -> (Option<NextLimit>, Option<Instant>) {
        let gate = self.gate.0.lock();
        let items_max = match gate.breaker.allowance(Instant::now()) {
            Allowance::Full => return (limit, None),
            Allowance::NotBefore(at) => return (None, Some(at)),
            Allowance::Probe => 1,
            Allowance::Window(window) => {
                let window = usize::try_from(window).unwrap_or(usize::MAX);
                window.saturating_sub(gate.ramp.load(Ordering::Relaxed))
            }
        };
        let narrowed = limit.zip(NonZeroUsize::new(items_max));
        let narrowed = narrowed.map(|(limit, items_max)| NextLimit {
            items_max: limit.items_max.min(items_max),
            ..limit
        });
        (narrowed, None)
    }

    /// Lets a lease that was taken through. One that is too old takes no probe: it will be given
    /// up on without a send.
    pub(crate) fn pass(&self, job: &Assignment, lease: &Lease) -> Pass {
        let mut gate = self.gate.0.lock();
        if lease.purpose != LeasePurpose::Deliver || !gate.guards(job) {
            return Pass::Go(None);
        }
        match gate.breaker.allowance(Instant::now()) {
            Allowance::Full => Pass::Go(None),
            Allowance::Window(_) => {
                gate.ramp.fetch_add(1, Ordering::Relaxed);
                Pass::Go(Some(RampPlace(Arc::clone(&gate.ramp))))
            }
            Allowance::Probe => {
                let is_given_up_on =
                    self.is_exhausted(job, lease, lease.sends) || self.is_overdue(job, lease);
                if !is_given_up_on {
                    let probe_in = self.probe_in();
                    gate.breaker.sent(Instant::now(), probe_in);
                    drop(gate);
                    let report = BreakerReport::Probed { probe_in };
                    self.observer.breaker_changed(&report);
                }
                Pass::Go(None)
            }
            Allowance::NotBefore(_) => Pass::NotNow,
        }
    }

    /// Why an event that became too old while the breaker was open is given up on, unsent: at one
    /// probe at a time, the events of a day would take days to be told so.
    pub(super) fn outwaited(&self, job: &Assignment, lease: &Lease) -> Option<Step> {
        {
            let gate = self.gate.0.lock();
            gate.breaker.probe_at().filter(|_| gate.guards(job))?;
        }
        if !self.is_exhausted(job, lease, lease.sends) {
            return None;
        }
        let reason = ParkReason {
            kind: kind::EXHAUSTED,
            detail: format!(
                "too old, and nobody answers at {}: given up on after {} sends",
                job.subscriber.uri, lease.sends
            )
            .into(),
            dest: Some(job.subscriber.uri.to_string().into()),
            code: None,
            data: bytes::Bytes::new(),
        };
        let retry_in = job.plan.dead_letter.as_ref().map(|_| Duration::ZERO);
        Some(Step::ParkUnsent { reason, retry_in })
    }

    /// Tells the breaker what a send to the subscriber came to.
    pub(super) fn hear(
        &self,
        job: &Assignment,
        event: Position,
        outcome: &Result<Answer, Failure>,
    ) {
        let Some(sign) = sign(outcome) else { return };
        let full = job.plan.in_flight_max.get();
        let probe_in = self.probe_in();
        let change = {
            let mut gate = self.gate.0.lock();
            if !gate.guards(job) {
                return;
            }
            let breaker = &mut gate.breaker;
            let change = breaker.hear(sign, event, full, Instant::now(), probe_in);
            if let Some(Change::Closed { .. }) = change {
                gate.ramp = Arc::default();
            }
            change
        };
        let target = &job.subscriber;
        match change {
            None => {}
            Some(Change::Opened) => {
                let probe_every = self.probe_every;
                let report = BreakerReport::Opened {
                    target,
                    probe_every,
                    probe_in,
                };
                self.observer.breaker_changed(&report);
            }
            Some(Change::Closed { after }) => {
                let report = BreakerReport::Closed { target, after };
                self.observer.breaker_changed(&report);
            }
        }
    }

    /// The longest that an event waits for its next attempt while the breaker is open: until the
    /// next probe, so that there is always an event to probe with.
    pub(super) fn wait_max(&self, job: &Assignment) -> Option<Duration> {
        let gate = self.gate.0.lock();
        let probe_at = gate.breaker.probe_at().filter(|_| gate.guards(job))?;
        let wait = probe_at.saturating_duration_since(Instant::now());
        Some(wait.max(DELAY_MIN))
    }

    fn probe_in(&self) -> Duration {
        jittered(self.probe_every, &mut self.rng.lock())
    }
}
