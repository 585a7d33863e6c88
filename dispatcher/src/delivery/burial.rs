//! The way of an event that is given up on to its dead-letter sink.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::{Lease, ParkReason};

use super::attempt::Attempt;
use super::ending::Step;
use super::{Assignment, Delivery};
use crate::dead_letter::{annotated, kind};
use crate::sender::Purpose;
use crate::verdict::{Verdict, verdict};

impl Delivery {
    /// Brings an event that is given up on to its sink, if it has one.
    pub(super) async fn bury(&self, job: &Assignment, lease: &Lease, reason: ParkReason) -> Step {
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
        let tries = self.sink_tries.add(lease.position);
        let number = tries.unwrap_or(1);
        let attempt = self
            .attempt(job, sink, Purpose::DeadLetter, event, number)
            .await;
        if attempt.is_taken() {
            attempt.report(&*self.observer, lease, None, None);
            return Step::DeadLettered(reason);
        }
        if verdict(&attempt.outcome) == Verdict::Refused(kind::LOOP) && reason.kind != kind::SHED {
            return self.park_loop(lease, attempt, &reason);
        }
        let wait = self.sink_wait(job, &attempt, tries);
        attempt.report(&*self.observer, lease, Some(&attempt.trouble()), Some(wait));
        park_or_discard(reason, Some(wait))
    }

    /// The sink is a broker that has seen the event too often: every further try would be refused.
    fn park_loop(&self, lease: &Lease, attempt: Attempt<'_>, before: &ParkReason) -> Step {
        let mut trouble = attempt.trouble();
        attempt.report(&*self.observer, lease, Some(&trouble), None);
        trouble.detail = format!(
            "the dead-letter sink found a loop; given up on before as {}: {}",
            before.kind, before.detail
        )
        .into();
        Step::Park {
            reason: attempt.into_reason(kind::LOOP, &trouble),
            retry_in: None,
        }
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
