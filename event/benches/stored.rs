//! What the way through a store costs: `cargo bench -p sluicegate-event`. Beside the time it counts
//! allocations.
//!
//! `cargo test` runs every bench once, so that none rots. Times are for people to compare, on one
//! machine at rest; decoding a request stands beside for scale.

use bytes::Bytes;
use divan::{AllocProfiler, Bencher, black_box};
use http::{HeaderMap, HeaderValue};
use sluicegate_event::{ContentMode, Decoded, Encode, Event, Limits, decode, encode, stored};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const MODES: [ContentMode; 2] = [ContentMode::Binary, ContentMode::Structured];

fn main() {
    let arguments = || std::env::args().skip(1);
    if arguments().any(|argument| argument == "--bench") {
        divan::main();
    } else if !arguments().any(|argument| argument == "--list") {
        // Of the flags that a test takes divan knows few, and refuses the others.
        divan::Divan::default().test_benches();
    }
}

/// Five attributes and a content type, 1 KiB of JSON, a trace, as it came in `mode`.
fn request(mode: ContentMode) -> (HeaderMap, Bytes) {
    let item = r#"{"sku":"4711-A","name":"a thing of use","quantity":3,"price":12.50},"#;
    let data = format!(
        r#"{{"order":1234567890,"items":[{}null]}}"#,
        item.repeat(14)
    );
    let id = "6e8bc430-9c3a-11d9-9669-0800200c9a66";
    let event = Event::builder(id, "/shop/checkout", "com.example.placed")
        .attribute("time", "2026-11-21T16:00:00.789Z")
        .attribute("partitionkey", "customer-42")
        .data("application/json", data)
        .build()
        .expect("the event of a bench is valid");
    let mut headers = HeaderMap::new();
    let body = encode(&event, Encode { mode, omit: &[] }, &mut headers);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    headers.insert("traceparent", HeaderValue::from_static(trace));
    (headers, body)
}

fn received(headers: &HeaderMap, body: Bytes) -> Event {
    match decode(headers, body, &Limits::default()) {
        Ok(Decoded::One(event)) => event,
        other => panic!("one event was sent: {other:?}"),
    }
}

fn event(mode: ContentMode) -> Event {
    let (headers, body) = request(mode);
    received(&headers, body)
}

#[divan::bench(args = MODES)]
fn write(bencher: Bencher<'_, '_>, mode: ContentMode) {
    let event = event(mode);
    let mut out = Vec::with_capacity(stored::encoded_len(&event));
    bencher.bench_local(|| {
        out.clear();
        stored::encode(black_box(&event), &mut out);
    });
}

#[divan::bench(args = MODES)]
fn read(bencher: Bencher<'_, '_>, mode: ContentMode) {
    let event = event(mode);
    let mut bytes = Vec::new();
    stored::encode(&event, &mut bytes);
    let bytes = Bytes::from(bytes);
    assert_eq!(stored::decode(bytes.clone()), Ok(event));
    bencher.bench(|| stored::decode(black_box(&bytes).clone()));
}

#[divan::bench(args = MODES)]
fn read_a_request(bencher: Bencher<'_, '_>, mode: ContentMode) {
    let (headers, body) = request(mode);
    bencher.bench(|| received(black_box(&headers), body.clone()));
}
