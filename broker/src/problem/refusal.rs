//! One refusal, and how it is written.
//!
//! Every refusal leaves as `application/problem+json` (RFC 9457) with a `type` that names a stable
//! code, a `detail` that says what was wrong with this very request, and a `hint` that says what to
//! do.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response};
use http_body_util::Full;

use super::Problem;

/// The media type of a refusal.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Says in one word why an event was refused, where a machine must tell a loop from other faults.
pub const REASON: HeaderName = HeaderName::from_static(sluicegate_dispatcher::hops::REASON_HEADER);

const TYPE_BASE: &str = "https://sluicegate.dev/e/";

/// One refusal, ready to be written as a response.
///
/// ```
/// use sluicegate::problem::{Problem, Refusal};
///
/// let refusal = Refusal::new(Problem::NoBroker, "there is no broker shop/order")
///     .hint("there is shop/orders");
/// assert_eq!(refusal.into_response().status(), 404);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The kind.
    pub problem: Problem,
    /// What was wrong with this very request.
    pub detail: String,
    /// What to do about it.
    pub hint: String,
    /// When another try is worthwhile; written in whole seconds, at least 1.
    pub retry_after: Option<Duration>,
    /// The methods that the path takes, for `Allow`.
    pub allow: Option<&'static str>,
    /// Whether the connection must not be used again.
    pub closes: bool,
}

impl Refusal {
    /// A refusal with nothing but its detail.
    pub fn new(problem: Problem, detail: impl Into<String>) -> Self {
        Refusal {
            problem,
            detail: detail.into(),
            hint: String::new(),
            retry_after: None,
            allow: None,
            closes: false,
        }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Says when another try is worthwhile.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Names the methods that the path takes.
    #[must_use]
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    /// Ends the connection after the answer.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// Writes the response.
    pub fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body()));
        *response.status_mut() = self.problem.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if let Some(methods) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self.problem == Problem::Loop {
            headers.insert(REASON, HeaderValue::from_static(self.problem.reason()));
        }
        response
    }

    fn body(&self) -> Bytes {
        let mut members = serde_json::Map::new();
        let mut member = |name: &str, value: serde_json::Value| {
            members.insert(name.to_owned(), value);
        };
        member("type", format!("{TYPE_BASE}{}", self.problem.code()).into());
        member("title", self.problem.title().into());
        member("status", self.problem.status().as_u16().into());
        member("detail", self.detail.as_str().into());
        if !self.hint.is_empty() {
            member("hint", self.hint.as_str().into());
        }
        let mut text = serde_json::Value::Object(members).to_string();
        text.push('\n');
        text.into()
    }
}

/// `Retry-After` has whole seconds; a fraction is rounded up, since earlier would be too early.
fn whole_seconds(wait: Duration) -> u64 {
    let seconds = wait.as_secs();
    let rounded = if wait.subsec_nanos() > 0 {
        seconds.saturating_add(1)
    } else {
        seconds
    };
    rounded.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_in_whole_seconds_and_never_too_early() {
        for (wait, expected) in [
            (Duration::ZERO, 1),
            (Duration::from_millis(1), 1),
            (Duration::from_secs(1), 1),
            (Duration::from_millis(1_001), 2),
            (Duration::MAX, u64::MAX),
        ] {
            assert_eq!(whole_seconds(wait), expected, "{wait:?}");
        }
    }

    #[test]
    fn a_refusal_is_written_with_what_it_has_and_no_more() {
        let plain = Refusal::new(Problem::NoRoute, "there is nothing at /a").into_response();
        let names: Vec<&str> = plain.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type"]);
        let full = Refusal::new(Problem::Loop, "out of hops")
            .hint("narrow the filter")
            .retry_after(Duration::from_millis(1_500))
            .allow("POST")
            .closing()
            .into_response();
        for (name, expected) in [
            (RETRY_AFTER, "2"),
            (ALLOW, "POST"),
            (CONNECTION, "close"),
            (REASON, "loop"),
        ] {
            assert_eq!(full.headers()[name], expected);
        }
    }
}
