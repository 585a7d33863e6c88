//! DeliverySpec, and what is in effect for a trigger.
//!
//! Each field is checked here, once; [`EffectiveDelivery::of`] then leaves nothing to decide. What
//! is deliberately absent: waiting, sending, and jitter, which belong to the dispatcher.

use std::time::Duration;

use crate::Destination;

mod effective;
mod read;

pub(crate) use read::read_delivery;

/// A delivery spec as written: each field given or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliverySpec {
    /// `deadLetterSink`
    pub dead_letter_sink: Option<Destination>,
    /// `retry`
    pub retry: Option<u32>,
    /// `backoffPolicy`
    pub backoff_policy: Option<BackoffPolicy>,
    /// `backoffDelay`
    pub backoff_delay: Option<Duration>,
    /// `backoffMax`
    pub backoff_max: Option<Duration>,
    /// `timeout`
    pub timeout: Option<Duration>,
    /// `retryAfterMax`
    pub retry_after_max: Option<Duration>,
    /// `format`
    pub format: Option<Format>,
}

impl DeliverySpec {
    /// Whether any field of the group is given that a trigger replaces as a whole: retry, the
    /// backoff fields, `timeout` and `retryAfterMax`.
    pub fn has_retry_group(&self) -> bool {
        self.retry.is_some()
            || self.backoff_policy.is_some()
            || self.backoff_delay.is_some()
            || self.backoff_max.is_some()
            || self.timeout.is_some()
            || self.retry_after_max.is_some()
    }
}

/// How the wait grows from retry to retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackoffPolicy {
    /// delay x n, n from 1
    Linear,
    /// delay, then doubled each time
    Exponential,
}

/// The content mode to deliver in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Structured mode.
    Json,
    /// Binary mode.
    Binary,
}

/// When to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryLimit {
    /// After this many retries beyond the first attempt.
    Count(u32),
    /// When the event is this old.
    Age(Duration),
}

/// What is in effect for a trigger, inheritance and defaults applied. Nothing is left to decide.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectiveDelivery {
    /// Where dead letters go.
    pub dead_letter_sink: Option<Destination>,
    /// When to give up.
    pub limit: RetryLimit,
    /// How the wait grows.
    pub backoff_policy: BackoffPolicy,
    /// The first wait.
    pub backoff_delay: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
    /// The deadline of one attempt.
    pub timeout: Duration,
    /// The longest wait that Retry-After may ask for; zero ignores the header.
    pub retry_after_max: Duration,
    /// The content mode to deliver in; as received when absent.
    pub format: Option<Format>,
}

#[cfg(test)]
mod tests;
