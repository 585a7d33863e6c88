//! Events that have waited for longer than anything may (G6).
//!
//! A broker lets no event be pending for ever: one that has waited for as long as the plan says, for
//! whatever reason, is given up on without another send, and lies where an operator finds it. Its
//! time counts only while the trigger is served: not while it is paused or its subscriber unknown
//! ([`Serving`]), nor before the age that the lease says begins.
//!
//! An age is told by wall clocks across restarts, and these may be wrong. So for a while after the
//! worker has begun nothing is overdue, nor out of retries by its age: what the subscriber takes
//! meanwhile is delivered however old it looks, and the rest loses nothing by being parked.

use std::time::Duration;

use sluicegate_channels::{Lease, ParkReason, Timestamp};
use sluicegate_resources::yaml::show_duration;

use super::ending::Step;
use super::{Assignment, Delivery};
use crate::backoff::DELAY_MIN;
use crate::dead_letter::kind;

/// For how long after its worker has begun nothing of a trigger is too old, unless the limit itself is
/// shorter.
const GRACE: Duration = Duration::from_secs(3_600);

/// Since when a worker serves its trigger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Serving {
    /// When the worker began.
    began_at: Timestamp,
    /// When the trigger was last served again, if it was not in between.
    resumed_at: Timestamp,
    is_served: bool,
}

impl Serving {
    pub(super) fn new(now: Timestamp) -> Self {
        Serving {
            began_at: now,
            resumed_at: Timestamp::default(),
            is_served: true,
        }
    }

    /// Takes down whether anything is taken by the plan that now holds.
    pub(super) fn now(&mut self, is_served: bool, now: Timestamp) {
        if is_served && !self.is_served {
            self.resumed_at = now;
        }
        self.is_served = is_served;
    }
}

impl Delivery {
    /// From when the limits on the age of an event count.
    fn age_since(&self, lease: &Lease) -> Timestamp {
        lease.age_since.max(self.serving.lock().resumed_at)
    }

    /// How long until the event is overdue; zero once it is, none where nothing ever is.
    fn until_overdue(&self, job: &Assignment, lease: &Lease) -> Option<Duration> {
        Some(self.until_older(lease, job.plan.pending_max?))
    }

    /// How long until the event is too old by a limit on its age.
    pub(super) fn until_older(&self, lease: &Lease, age_max: Duration) -> Duration {
        let now = self.clock.now();
        let left = age_max.saturating_sub(now.since(self.age_since(lease)));
        let of_grace = age_max.min(GRACE);
        let left_of_grace = of_grace.saturating_sub(now.since(self.serving.lock().began_at));
        left.max(left_of_grace)
    }

    pub(super) fn is_overdue(&self, job: &Assignment, lease: &Lease) -> bool {
        self.until_overdue(job, lease) == Some(Duration::ZERO)
    }

    /// A wait that ends when the event is overdue, if not before.
    pub(super) fn no_longer_than_it_may(
        &self,
        job: &Assignment,
        lease: &Lease,
        wait: Duration,
    ) -> Duration {
        let left = self.until_overdue(job, lease);
        left.map_or(wait, |left| wait.min(left.max(DELAY_MIN)))
    }

    /// What becomes of an event that is overdue.
    pub(super) fn overdue(&self, job: &Assignment, lease: &Lease) -> Option<Step> {
        if !self.is_overdue(job, lease) {
            return None;
        }
        let pending_max = show_duration(job.plan.pending_max.unwrap_or_default());
        let reason = ParkReason {
            kind: kind::OVERDUE,
            detail: format!(
                "pending for longer than {pending_max}: given up on after {} sends",
                lease.sends
            )
            .into(),
            dest: Some(job.subscriber.uri.to_string().into()),
            code: None,
            data: bytes::Bytes::new(),
        };
        let retry_in = job.plan.dead_letter.as_ref().map(|_| Duration::ZERO);
        Some(Step::ParkUnsent { reason, retry_in })
    }
}
