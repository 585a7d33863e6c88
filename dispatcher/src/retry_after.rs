//! `Retry-After`: seconds or an HTTP date.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use http::header::RETRY_AFTER;
use sluicegate_channels::Timestamp;

/// What a receiver asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// This long from now.
    In(Duration),
    /// Not before this time.
    At(Timestamp),
}

impl RetryAfter {
    /// Reads the first value that makes sense; others are as if they had not been sent. A receiver
    /// that writes nonsense must not be able to stop or to hurry a trigger.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        headers
            .get_all(RETRY_AFTER)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(Self::parse)
    }

    fn parse(value: &str) -> Option<Self> {
        let value = value.trim();
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            // More digits than a u64 holds still mean "a very long time"; the caller clamps.
            let seconds = value.parse().unwrap_or(u64::MAX);
            return Some(RetryAfter::In(Duration::from_secs(seconds)));
        }
        let date = httpdate::parse_http_date(value).ok()?;
        let since_epoch = date.duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(RetryAfter::At(Timestamp::default() + since_epoch))
    }

    /// How long that is from `now`; zero when it has passed.
    pub fn wait(self, now: Timestamp) -> Duration {
        match self {
            RetryAfter::In(wait) => wait,
            RetryAfter::At(at) => at.since(now),
        }
    }
}
