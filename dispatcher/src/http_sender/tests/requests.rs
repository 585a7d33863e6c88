//! What a receiver gets.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use sluicegate_event::{Decoded, Event, Limits, TraceContext, decode};
use sluicegate_resources::Format;

use super::peer::{Peer, header, sender, transmission};
use crate::{Purpose, Sender, Transmission};

const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";

async fn request_of(edit: impl FnOnce(&mut Transmission)) -> String {
    let peer = Peer::saying(OK).await;
    let mut transmission = transmission(&peer.url);
    edit(&mut transmission);
    sender().send(transmission).await.unwrap();
    peer.requests().remove(0)
}

#[tokio::test]
async fn an_event_leaves_as_headers_and_body_with_the_headers_of_ours() {
    // DP-34, RK-9, T25.
    let request = request_of(|_| {}).await;
    assert!(
        request.starts_with("POST /events HTTP/1.1\r\n"),
        "{request}"
    );
    for (name, value) in [
        ("ce-specversion", Some("1.0")),
        ("ce-id", Some("42")),
        ("ce-source", Some("/shop")),
        ("ce-type", Some("order.created")),
        ("ce-partitionkey", Some("customer-7")),
        ("content-type", Some("application/json")),
        ("content-length", Some("11")),
        ("prefer", Some("reply")),
        ("kn-namespace", Some("shop")),
        ("sluicegate-hops", Some("16")),
        (
            "user-agent",
            Some(concat!("sluicegate/", env!("CARGO_PKG_VERSION"))),
        ),
        // The hop count is the broker's own; what there is of a trace is none.
        ("ce-knativebrokerttl", None),
        ("traceparent", None),
        ("tracestate", None),
        ("transfer-encoding", None),
    ] {
        assert_eq!(header(&request, name), value, "{name}");
    }
    assert!(request.ends_with("\r\n\r\n{\"n\": 1.50}"));
}

#[tokio::test]
async fn a_dead_letter_sink_is_not_asked_for_a_reply() {
    let request = request_of(|sent| sent.purpose = Purpose::DeadLetter).await;
    assert_eq!(header(&request, "prefer"), None);
    assert_eq!(header(&request, "kn-namespace"), Some("shop"));
    assert_eq!(header(&request, "sluicegate-hops"), Some("16"));
}

#[tokio::test]
async fn the_trace_context_travels_on() {
    // T27.
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = request_of(|sent| {
        Arc::make_mut(&mut sent.event).set_trace_context(Some(TraceContext {
            traceparent: HeaderValue::from_static(PARENT),
            tracestate: Some(HeaderValue::from_static("vendor=1")),
        }));
    })
    .await;
    assert_eq!(header(&request, "traceparent"), Some(PARENT));
    assert_eq!(header(&request, "tracestate"), Some("vendor=1"));
    assert_eq!(header(&request, "ce-traceparent"), None);
}

#[tokio::test]
async fn an_event_without_data_says_so_with_its_length() {
    let request = request_of(|sent| {
        let empty = Event::builder("1", "/shop", "ping").build();
        sent.event = Arc::new(empty.unwrap());
    })
    .await;
    assert_eq!(header(&request, "content-length"), Some("0"));
    assert_eq!(header(&request, "content-type"), None);
}

#[tokio::test]
async fn a_path_and_query_reach_the_receiver_as_written() {
    let request = request_of(|sent| {
        let url = format!("{}/a%20b?key=%2F", sent.target.uri);
        sent.target.uri = url.parse().unwrap();
    })
    .await;
    assert!(
        request.starts_with("POST /events/a%20b?key=%2F HTTP/1.1\r\n"),
        "{request}"
    );
}

/// An event as it comes in structured mode.
fn structured() -> Event {
    let mut headers = HeaderMap::new();
    let media_type = HeaderValue::from_static("application/cloudevents+json");
    headers.insert("content-type", media_type);
    let body = br#"{"specversion":"1.0","id":"s","source":"/s","type":"t","data":{"n": 1.50}}"#;
    match decode(&headers, Bytes::from_static(body), &Limits::default()) {
        Ok(Decoded::One(event)) => event,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_event_leaves_in_the_mode_asked_for_and_else_as_it_came() {
    // RK-14, T26.
    for (is_structured, format, leaves_structured) in [
        (false, None, false),
        (false, Some(Format::Binary), false),
        (false, Some(Format::Json), true),
        (true, None, true),
        (true, Some(Format::Binary), false),
        (true, Some(Format::Json), true),
    ] {
        let request = request_of(|sent| {
            sent.format = format;
            if is_structured {
                sent.event = Arc::new(structured());
            }
        })
        .await;
        let content_type = header(&request, "content-type").unwrap();
        let body = request.split_once("\r\n\r\n").unwrap().1;
        if leaves_structured {
            assert!(content_type.starts_with("application/cloudevents+json"));
            assert_eq!(header(&request, "ce-id"), None);
            assert!(!body.contains("knativebrokerttl"), "{body}");
        } else {
            assert_eq!(content_type, "application/json");
            assert_eq!(body, "{\"n\": 1.50}");
        }
        // The data is what was sent, to the last blank.
        assert!(body.contains("{\"n\": 1.50}"), "{body}");
    }
}
