use http::{HeaderMap, HeaderValue};

use super::*;
use crate::envelope::TraceContext;
use crate::limits::Limits;
use crate::{Decoded, http_binding};

mod refusals;
mod version_1;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn bytes_of(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(event, &mut bytes);
    assert_eq!(bytes.len(), encoded_len(event));
    bytes
}

fn smallest() -> Event {
    Event::builder("1", "/s", "t").build().unwrap()
}

/// Has a field of nearly every kind.
fn fullest() -> Event {
    let mut event = structured(
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2024-02-29T12:34:56Z",
            "datacontenttype":"application/json","dataschema":"urn:x","subject":"é 5%",
            "zz":"","flag":true,"count":-7,"data":{"a": 1.10}}"#,
    );
    event.set_trace_context(Some(TraceContext {
        traceparent: HeaderValue::from_static(TRACEPARENT),
        tracestate: Some(HeaderValue::from_static("a=1, b=2")),
    }));
    event
}

fn structured(json: &'static str) -> Event {
    let mut headers = HeaderMap::new();
    let media_type = HeaderValue::from_static("application/cloudevents+json");
    headers.insert("content-type", media_type);
    match http_binding::decode(&headers, json.into(), &Limits::default()) {
        Ok(Decoded::One(event)) => event,
        other => panic!("{other:?}"),
    }
}

/// All that an event carries; its own equality leaves out what no other event can see.
fn everything(event: &Event) -> impl PartialEq + std::fmt::Debug {
    let attributes: Vec<_> = event
        .attributes()
        .map(|held| (held.name.to_owned(), held.value.to_owned(), held.ty))
        .collect();
    (
        attributes,
        event.spec_version(),
        event.received_as(),
        event.data().clone(),
        event.trace_context().cloned(),
    )
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A stored event with `fields` between what is required and the data.
fn with_fields(fields: &[u8]) -> Vec<u8> {
    [&unhex("0100 0131 022f73 0174"), fields, &[tag::DATA_ABSENT]].concat()
}

fn field(tag: u8, texts: &[&[u8]]) -> Vec<u8> {
    let mut field = vec![tag];
    for text in texts {
        field.push(u8::try_from(text.len()).unwrap());
        field.extend_from_slice(text);
    }
    field
}
