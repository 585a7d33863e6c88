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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// 1994-11-06 08:49:37 UTC, the example of the HTTP specification.
    const EXAMPLE_MS: u64 = 784_111_777_000;

    fn read(values: &[&[u8]]) -> Option<RetryAfter> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, HeaderValue::from_bytes(value).unwrap());
        }
        RetryAfter::read(&headers)
    }

    #[test]
    fn seconds_and_dates_are_read_and_nonsense_is_not() {
        let seconds = |seconds| Some(RetryAfter::In(Duration::from_secs(seconds)));
        let date = Some(RetryAfter::At(Timestamp(EXAMPLE_MS)));
        let cases: &[(&[&[u8]], Option<RetryAfter>)] = &[
            (&[], None),
            (&[b"0"], seconds(0)),
            (&[b"1"], seconds(1)),
            (&[b" 7 "], seconds(7)),
            (&[b"1000000000"], seconds(1_000_000_000)),
            (&[b"99999999999999999999999999"], seconds(u64::MAX)),
            (&[b"-1"], None),
            (&[b"+1"], None),
            (&[b"1.5"], None),
            (&[b""], None),
            (&[b"soon"], None),
            (&[b"\xff\xfe"], None),
            (&[b"Sun, 06 Nov 1994 08:49:37 GMT"], date),
            (&[b"Sunday, 06-Nov-94 08:49:37 GMT"], date),
            (&[b"Sun Nov  6 08:49:37 1994"], date),
            (&[b"Sun, 99 Nov 1994 08:49:37 GMT"], None),
            // Several: the first that makes sense.
            (&[b"garbage", b"3", b"4"], seconds(3)),
            (&[b"3", b"Sun, 06 Nov 1994 08:49:37 GMT"], seconds(3)),
            (&[b"-1", b"garbage"], None),
        ];
        for (values, expected) in cases {
            assert_eq!(read(values), *expected, "{values:?}");
        }
    }

    #[test]
    fn a_date_is_a_wait_from_now_and_never_negative() {
        let at = RetryAfter::At(Timestamp(EXAMPLE_MS));
        assert_eq!(
            at.wait(Timestamp(EXAMPLE_MS - 1_500)),
            Duration::from_millis(1_500)
        );
        assert_eq!(at.wait(Timestamp(EXAMPLE_MS)), Duration::ZERO);
        assert_eq!(at.wait(Timestamp(u64::MAX)), Duration::ZERO);
    }
}
