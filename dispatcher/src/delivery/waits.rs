//! When an event is tried again, and whether.

use std::time::Duration;

use backoff::backoff::Backoff;
use sluicegate_channels::Lease;
use sluicegate_resources::RetryLimit;

use super::attempt::Attempt;
use super::{Assignment, Delivery};
use crate::backoff::Schedule;
use crate::retry_after::RetryAfter;
use crate::verdict::{Verdict, verdict};

impl Delivery {
    pub(super) fn is_exhausted(&self, job: &Assignment, lease: &Lease, sends: u32) -> bool {
        match job.plan.delivery.limit {
            RetryLimit::Count(retries) => sends > retries,
            RetryLimit::Age(age) => self.until_older(lease, age).is_zero(),
        }
    }

    /// The wait before the retry after `sends` sends: the schedule's, or what the subscriber asks
    /// for where that is longer, as far as the plan lets it; no longer than to the next probe while
    /// the breaker is open, unless the subscriber asks for more.
    pub(super) fn wait(
        &self,
        job: &Assignment,
        sends: u32,
        retry_after: Option<RetryAfter>,
    ) -> Duration {
        let retries = sends.saturating_sub(1);
        let schedule = Schedule::after(&job.plan.delivery, retries, self.rng.lock().fork());
        let wait_max = self.wait_max(job).unwrap_or(Duration::MAX);
        self.longer_of(job, schedule, wait_max, retry_after)
    }

    /// The wait before the sink is tried again, after so many tries; the longest when they could
    /// not be counted, since then there are very many events like this one.
    pub(super) fn sink_wait(
        &self,
        job: &Assignment,
        attempt: &Attempt<'_>,
        tries: Option<u32>,
    ) -> Duration {
        let retry_after = match verdict(&attempt.outcome) {
            Verdict::Again { retry_after } => retry_after,
            Verdict::Delivered(_) | Verdict::Refused(_) => None,
        };
        let retries = tries.map_or(u32::MAX, |tries| tries.saturating_sub(1));
        let schedule = Schedule::to_sink(&job.plan.delivery, retries, self.rng.lock().fork());
        self.longer_of(job, schedule, Duration::MAX, retry_after)
    }

    fn longer_of(
        &self,
        job: &Assignment,
        mut schedule: Schedule,
        wait_max: Duration,
        retry_after: Option<RetryAfter>,
    ) -> Duration {
        let asked = retry_after.map_or(Duration::ZERO, |asked| {
            let wait = asked.wait(self.clock.now());
            wait.min(job.plan.delivery.retry_after_max)
        });
        let nominal = schedule.next_backoff().unwrap_or_default();
        nominal.min(wait_max).max(asked)
    }
}
