//! Takes requests: reads each whole within a bound, tells what it is, hands it to the printer, and
//! answers from the script.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::service::Service;
use sluicegate_event::http_binding::claims_to_be_an_event;
use sluicegate_event::{Decoded, Event, Limits, decode};
use tokio::sync::mpsc;

use super::answer::Script;
use crate::server::RequestBody;

/// A sink takes what any broker might send, also one with larger limits than ours.
const BODY_BYTES_MAX: usize = 64 << 20;

/// One request that came in.
#[derive(Debug)]
pub(super) struct Arrival {
    /// When it had arrived whole.
    pub(super) at: jiff::Timestamp,
    /// Its method.
    pub(super) method: Method,
    /// Its path and query.
    pub(super) path: String,
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// What it held.
    pub(super) held: Held,
    /// What it is answered with.
    pub(super) status: StatusCode,
}

/// What a request held.
#[derive(Debug)]
pub(super) enum Held {
    /// One event.
    One(Box<Event>),
    /// A batch of them.
    Batch(Vec<Event>),
    /// Something that says that it is a CloudEvent and is none, and why.
    Malformed(String),
    /// Anything else.
    Plain(Bytes),
}

impl Arrival {
    /// How many events it brought. A request that is none counts as one: it was sent to be counted.
    pub(super) fn events(&self) -> u64 {
        match &self.held {
            Held::Batch(events) => u64::try_from(events.len()).unwrap_or(u64::MAX),
            Held::One(_) | Held::Malformed(_) | Held::Plain(_) => 1,
        }
    }
}

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    script: Arc<Script>,
    delay: Duration,
    arrivals: mpsc::Sender<Arrival>,
}

impl Receiver {
    pub(super) fn new(script: Script, delay: Duration, arrivals: mpsc::Sender<Arrival>) -> Self {
        Receiver {
            script: Arc::new(script),
            delay,
            arrivals,
        }
    }

    async fn take(self, request: Request<RequestBody>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            // Not an arrival: the sender went away, or sent more than anyone would.
            Err(_) => return self.script.answer(StatusCode::PAYLOAD_TOO_LARGE),
        };
        let status = self.script.next_status();
        let arrival = Arrival {
            at: jiff::Timestamp::now(),
            method: parts.method,
            path: parts
                .uri
                .path_and_query()
                .map_or("/", |it| it.as_str())
                .to_owned(),
            held: told_apart(&parts.headers, body),
            headers: parts.headers,
            status,
        };
        // A printer that has ended counted enough; this one is answered all the same.
        self.arrivals.send(arrival).await.ok();
        tokio::time::sleep(self.delay).await;
        self.script.answer(status)
    }
}

fn told_apart(headers: &HeaderMap, body: Bytes) -> Held {
    if !claims_to_be_an_event(headers) {
        return Held::Plain(body);
    }
    let limits = Limits {
        event_bytes_max: BODY_BYTES_MAX,
        batch_bytes_max: BODY_BYTES_MAX,
        ..Limits::default()
    };
    match decode(headers, body, &limits) {
        Ok(Decoded::One(event)) => Held::One(Box::new(event)),
        Ok(Decoded::Batch(events)) => Held::Batch(events),
        Err(error) => Held::Malformed(error.to_string()),
    }
}

impl Service<Request<RequestBody>> for Receiver {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        let receiver = self.clone();
        Box::pin(async move { Ok(receiver.take(request).await) })
    }
}
