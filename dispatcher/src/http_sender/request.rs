//! The request that carries an event.
//!
//! Its headers are the event's attributes and the few of our own. Nothing of the producer's
//! request travels on but the trace context: credentials stay with whom they were shown to.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;
use sluicegate_event::{ContentMode, Encode, encode};
use sluicegate_resources::Format;

use crate::hops::{HOPS_ATTRIBUTE, HOPS_HEADER};
use crate::sender::{Purpose, Transmission};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const KN_NAMESPACE: HeaderName = HeaderName::from_static("kn-namespace");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const HOPS: HeaderName = HeaderName::from_static(HOPS_HEADER);
const OUR_NAME: HeaderValue =
    HeaderValue::from_static(concat!("sluicegate/", env!("CARGO_PKG_VERSION")));

/// Room for a usual event's attributes and our own headers without growing.
const HEADERS_EXPECTED: usize = 24;

/// Writes the request; the data is shared in binary mode, not copied.
pub(super) fn build(transmission: &Transmission) -> Request<Full<Bytes>> {
    let event = &*transmission.event;
    let mode = match transmission.format {
        Some(Format::Json) => ContentMode::Structured,
        Some(Format::Binary) => ContentMode::Binary,
        None => event.received_as(),
    };
    let how = Encode {
        mode,
        omit: &[HOPS_ATTRIBUTE],
    };
    let mut headers = HeaderMap::with_capacity(HEADERS_EXPECTED);
    let body = encode(event, how, &mut headers);

    if let Some(host) = host_of(&transmission.target.uri) {
        headers.insert(HOST, host);
    }
    if body.is_empty() {
        // The length of any other is written by the HTTP library.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    headers.insert(USER_AGENT, OUR_NAME);
    if transmission.purpose == Purpose::Deliver {
        headers.insert(PREFER, HeaderValue::from_static("reply"));
    }
    headers.insert(KN_NAMESPACE, transmission.namespace.clone());
    headers.insert(HOPS, HeaderValue::from(u16::from(transmission.hops_left)));
    if let Some(trace) = event.trace_context() {
        headers.insert(TRACEPARENT, trace.traceparent.clone());
        if let Some(state) = &trace.tracestate {
            headers.insert(TRACESTATE, state.clone());
        }
    }

    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path_of(&transmission.target.uri);
    *request.headers_mut() = headers;
    request
}

/// The host and its port, unless it is that of the scheme; without who one is to be there.
fn host_of(uri: &Uri) -> Option<HeaderValue> {
    let authority = uri.authority()?;
    let usual_port = match uri.scheme() == Some(&Scheme::HTTPS) {
        true => 443,
        false => 80,
    };
    let host = match authority.port_u16().filter(|port| *port != usual_port) {
        None => authority.host(),
        Some(_) => {
            let text = authority.as_str();
            text.rsplit_once('@').map_or(text, |(_, host)| host)
        }
    };
    HeaderValue::from_str(host).ok()
}

/// What stands in the first line of a request.
fn path_of(uri: &Uri) -> Uri {
    let path = uri.path_and_query().cloned();
    Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
}
