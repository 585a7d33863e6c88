//! Inheritance and defaults of delivery, in one place.

use std::time::Duration;

use crate::delivery::{BackoffPolicy, DeliverySpec, EffectiveDelivery, RetryLimit};

const RETRIES: u32 = 10;
const BACKOFF_DELAY: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(10 * 60);
const PATIENT_BACKOFF_DELAY: Duration = Duration::from_secs(1);
const PATIENT_AGE: Duration = Duration::from_secs(72 * 60 * 60);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10 * 60);

impl EffectiveDelivery {
    /// Applies inheritance and defaults.
    ///
    /// The retry group of a trigger (retry, backoff, `timeout`, `retryAfterMax`) replaces the
    /// broker's as a whole as soon as one of its fields is given. The dead-letter sink and `format`
    /// fall back each by itself. Then what nobody gave gets its default:
    ///
    /// | in effect | gives up | wait |
    /// |---|---|---|
    /// | `retry` alone | after that many retries | exponential from PT0.2S |
    /// | policy or delay, no `retry` | after 10 retries | as given; exponential, PT0.2S |
    /// | neither, with a dead-letter sink | after 10 retries | exponential from PT0.2S |
    /// | neither, without one | when the event is 72 hours old | exponential from PT1S |
    ///
    /// `timeout`, `retryAfterMax`, `backoffMax` and `format` alone choose no row of this table:
    /// they say nothing about how often to try. So a trigger with `timeout` alone leaves the
    /// broker's `retry` and gets the defaults of the last two rows. Where not given, `timeout` is
    /// PT30S, `backoffMax` and `retryAfterMax` are PT10M, and events leave as they came.
    ///
    /// A `backoffDelay` of zero is the default delay: retries without a wait would be a hot loop.
    ///
    /// ```
    /// use sluicegate_resources::{DeliverySpec, EffectiveDelivery, RetryLimit};
    ///
    /// let broker = DeliverySpec { retry: Some(3), ..DeliverySpec::default() };
    /// let effective = EffectiveDelivery::of(&DeliverySpec::default(), &broker);
    /// assert_eq!(effective.limit, RetryLimit::Count(3));
    /// ```
    pub fn of(trigger: &DeliverySpec, broker: &DeliverySpec) -> Self {
        let dead_letter_sink = trigger
            .dead_letter_sink
            .as_ref()
            .or(broker.dead_letter_sink.as_ref());
        let group = if trigger.has_retry_group() {
            trigger
        } else {
            broker
        };
        let is_schedule_given = group.retry.is_some()
            || group.backoff_policy.is_some()
            || group.backoff_delay.is_some();
        let (limit, default_delay) = if is_schedule_given || dead_letter_sink.is_some() {
            let retries = group.retry.unwrap_or(RETRIES);
            (RetryLimit::Count(retries), BACKOFF_DELAY)
        } else {
            (RetryLimit::Age(PATIENT_AGE), PATIENT_BACKOFF_DELAY)
        };
        EffectiveDelivery {
            dead_letter_sink: dead_letter_sink.cloned(),
            limit,
            backoff_policy: group.backoff_policy.unwrap_or(BackoffPolicy::Exponential),
            backoff_delay: group
                .backoff_delay
                .filter(|delay| !delay.is_zero())
                .unwrap_or(default_delay),
            backoff_max: group.backoff_max.unwrap_or(BACKOFF_MAX),
            timeout: group.timeout.unwrap_or(TIMEOUT),
            retry_after_max: group.retry_after_max.unwrap_or(RETRY_AFTER_MAX),
            format: trigger.format.or(broker.format),
        }
    }
}
