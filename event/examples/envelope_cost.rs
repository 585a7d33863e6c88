//! Prints how long each operation on an event takes: on one thread, best of several rounds, an
//! event of 1 KiB of JSON and seven `ce-` headers.
//!
//! `cargo run --release -p sluicegate-event --example envelope_cost`
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]
#![allow(
    clippy::disallowed_methods,
    reason = "the clock of the machine is what is wanted here, and no runtime is at hand"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use sluicegate_event::{ContentMode, Encode, Event, Limits, decode, encode};

const ROUNDS: u32 = 9;
const REPEATS: u32 = 50_000;

const BINARY: Encode<'_> = Encode {
    mode: ContentMode::Binary,
    omit: &[],
};
const STRUCTURED: Encode<'_> = Encode {
    mode: ContentMode::Structured,
    omit: &[],
};

fn main() {
    let event = sample();
    let (binary, body) = sent(&event, BINARY);
    let (structured, text) = sent(&event, STRUCTURED);
    let limits = Limits::default();
    report("decode binary", || decode(&binary, body.clone(), &limits));
    report("decode structured", || {
        decode(&structured, text.clone(), &limits)
    });
    report("clone", || event.clone());
    report("compact", || {
        let mut event = event.clone();
        event.compact();
        event
    });
    report("encode binary", || sent(&event, BINARY));
    report("encode structured", || sent(&event, STRUCTURED));
}

/// 1 KiB of JSON, seven `ce-` headers, a content type.
fn sample() -> Event {
    let item = r#"{"sku":"4711-A","name":"a thing of use","quantity":3,"price":12.50},"#;
    let items = item.repeat(14);
    let data = format!(r#"{{"order":1234567890,"items":[{}null]}}"#, items);
    Event::builder(
        "6e8bc430-9c3a-11d9-9669-0800200c9a66",
        "/shop/checkout",
        "com.example.placed",
    )
    .attribute("time", "2024-02-29T12:34:56.789Z")
    .attribute("subject", "orders/1234567890")
    .attribute("partitionkey", "customer-42")
    .data("application/json", data)
    .build()
    .expect("a valid event")
}

fn sent(event: &Event, how: Encode<'_>) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    let body = encode(event, how, &mut headers);
    if how.mode == ContentMode::Binary {
        // What any request has besides.
        headers.insert(
            HeaderName::from_static("host"),
            HeaderValue::from_static("broker"),
        );
    }
    (headers, body)
}

fn report<T>(operation: &str, mut run: impl FnMut() -> T) {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..REPEATS {
            black_box(run());
        }
        best = best.min(start.elapsed());
    }
    println!("{operation:<18} {:>6} ns", (best / REPEATS).as_nanos());
}
