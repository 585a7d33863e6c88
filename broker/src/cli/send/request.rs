//! One event as a request, sent or shown.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Full;
use sluicegate_event::{ContentMode, Encode, Event, encode};

use super::target::Target;
use crate::cli::called::Called;
use crate::cli::client::{Client, ExchangeError, refusal};
use crate::cli::exit::{Exit, Failure};
use crate::ingress::DUPLICATES_HEADER;

/// How an event was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) status: StatusCode,
    /// How many events of the request were stored before, as the broker says.
    pub(super) duplicates: u64,
}

/// An encoded event on its way.
#[derive(Debug)]
pub(super) struct Outgoing {
    url: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Outgoing {
    /// Encodes `event`.
    pub(super) fn new(event: &Event, target: &Target, structured: bool) -> Self {
        let mode = if structured {
            ContentMode::Structured
        } else {
            ContentMode::Binary
        };
        let mut headers = HeaderMap::new();
        let agent = concat!("sluicegate/", env!("CARGO_PKG_VERSION"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        let body = encode(event, Encode { mode, omit: &[] }, &mut headers);
        Outgoing {
            url: target.url.clone(),
            headers,
            body,
        }
    }

    /// Sends it; gives the answer of a success. Hints name the server that `called` asks.
    pub(super) async fn send(self, client: &Client, called: &Called) -> Result<Sent, Failure> {
        let mut request = Request::post(self.url.clone())
            .body(Full::new(self.body))
            .map_err(|error| Failure::usage(error.to_string(), "give another --url"))?;
        *request.headers_mut() = self.headers;
        let answer = client
            .exchange(request)
            .await
            .map_err(|error| not_answered(&error, called))?;
        if answer.status.is_success() {
            let duplicates = answer.headers.get(DUPLICATES_HEADER);
            let duplicates = duplicates.and_then(|it| it.to_str().ok()?.parse().ok());
            Ok(Sent {
                status: answer.status,
                duplicates: duplicates.unwrap_or_default(),
            })
        } else {
            Err(refusal(&self.url.to_string(), &answer))
        }
    }

    /// The request as HTTP/1.1 text.
    pub(super) fn as_text(&self) -> Vec<u8> {
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let host = self
            .url
            .authority()
            .map(http::uri::Authority::as_str)
            .unwrap_or_default();
        let mut text = format!("POST {path} HTTP/1.1\nhost: {host}\n").into_bytes();
        for (name, value) in &self.headers {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.push(b'\n');
        }
        text.extend_from_slice(format!("content-length: {}\n\n", self.body.len()).as_bytes());
        text.extend_from_slice(&self.body);
        text.push(b'\n');
        text
    }
}

fn not_answered(error: &ExchangeError, called: &Called) -> Failure {
    let next = match error.plain_url() {
        Some(url) => format!("write it with http: --url {url}"),
        None => format!(
            "check that something listens there; `{}` shows where brokers do",
            called.asking("get brokers")
        ),
    };
    Failure::new(Exit::Unreachable, error.to_string(), next)
}

/// A status as people read it: `202 accepted`.
pub(super) fn status_words(status: StatusCode) -> String {
    let reason = status
        .canonical_reason()
        .unwrap_or_default()
        .to_ascii_lowercase();
    format!("{} {reason}", status.as_u16())
        .trim_end()
        .to_owned()
}
