//! How long to wait before a retry.
//!
//! [`delay`] is the pure arithmetic of Knative's fields; [`Schedule`] puts it behind the `backoff`
//! crate's trait, from any retry on, because a schedule must go on where a deferred event or a
//! restart left it.

use std::time::Duration;

use backoff::backoff::Backoff;
use sluicegate_resources::{BackoffPolicy, EffectiveDelivery};

/// The shortest first wait. `PT0S` is a valid duration, and a trigger that says so must not turn
/// its subscriber's failures into a hot loop.
pub const DELAY_MIN: Duration = Duration::from_millis(10);

/// The shortest and the longest wait between two tries of a dead-letter sink.
const SINK_WAIT_MIN: Duration = Duration::from_secs(1);
const SINK_WAIT_MAX: Duration = Duration::from_secs(600);

/// The wait before retry number `retry`, counted from 1, without jitter.
///
/// Exponential begins with `first` and doubles; linear is `first` times the number of the retry;
/// neither passes `max` (which is at least [`DELAY_MIN`]). Saturates, so that any number will do.
///
/// ```
/// use std::time::Duration;
/// use sluicegate_dispatcher::backoff::delay;
/// use sluicegate_resources::BackoffPolicy::{Exponential, Linear};
///
/// let (first, max) = (Duration::from_secs(2), Duration::from_secs(600));
/// assert_eq!(delay(Exponential, first, max, 1), Duration::from_secs(2));
/// assert_eq!(delay(Exponential, first, max, 4), Duration::from_secs(16));
/// assert_eq!(delay(Linear, first, max, 4), Duration::from_secs(8));
/// assert_eq!(delay(Exponential, first, max, 1_000_000), max);
/// ```
pub fn delay(policy: BackoffPolicy, first: Duration, max: Duration, retry: u32) -> Duration {
    let first = first.max(DELAY_MIN);
    let max = max.max(DELAY_MIN);
    let factor = match policy {
        BackoffPolicy::Linear => retry.max(1),
        BackoffPolicy::Exponential => 1_u32.checked_shl(retry.max(1) - 1).unwrap_or(u32::MAX),
    };
    first.saturating_mul(factor).min(max)
}

/// The waits of one event, each up to 10 % longer than [`delay`] and never shorter: events that
/// failed together must not come back together, and nobody's wait may be cut.
#[derive(Clone, Debug)]
pub struct Schedule {
    policy: BackoffPolicy,
    first: Duration,
    max: Duration,
    retries: u32,
    rng: fastrand::Rng,
}

impl Schedule {
    /// A schedule whose next wait comes after `retries` others.
    pub fn after(delivery: &EffectiveDelivery, retries: u32, rng: fastrand::Rng) -> Self {
        Schedule {
            policy: delivery.backoff_policy,
            first: delivery.backoff_delay,
            max: delivery.backoff_max,
            retries,
            rng,
        }
    }

    /// The waits between tries of a dead-letter sink (G7): always exponential, from a second or the
    /// delay where that is longer, to ten minutes or `backoff_max` where that is shorter. There is
    /// no end to them, so neither a short delay nor a linear policy may make them a hot loop.
    pub fn to_sink(delivery: &EffectiveDelivery, retries: u32, rng: fastrand::Rng) -> Self {
        let max = delivery.backoff_max.clamp(SINK_WAIT_MIN, SINK_WAIT_MAX);
        Schedule {
            policy: BackoffPolicy::Exponential,
            first: delivery.backoff_delay.max(SINK_WAIT_MIN),
            max,
            retries,
            rng,
        }
    }
}

impl Backoff for Schedule {
    fn reset(&mut self) {
        self.retries = 0;
    }

    /// Always a wait: when to give up is the retry limit's business.
    fn next_backoff(&mut self) -> Option<Duration> {
        self.retries = self.retries.saturating_add(1);
        let nominal = delay(self.policy, self.first, self.max, self.retries);
        Some(jittered(nominal, &mut self.rng))
    }
}

/// Up to 10 % longer than `nominal`, and never shorter.
pub(crate) fn jittered(nominal: Duration, rng: &mut fastrand::Rng) -> Duration {
    nominal.saturating_add(nominal.mul_f64(0.1 * rng.f64()))
}

#[cfg(test)]
mod tests;
