use http::HeaderName;

use super::*;
use crate::envelope::{Data, SpecVersion};

mod binary_mode;
mod modes;

/// A header map of `pairs`, in their order, repeated names included.
fn headers(pairs: &[(&str, &[u8])]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    map
}

/// The four required headers and `more`, which replaces one of them where the name is the same.
fn event_headers(more: &[(&str, &[u8])]) -> HeaderMap {
    let mut pairs: Vec<(&str, &[u8])> = vec![
        ("ce-id", b"1"),
        ("ce-source", b"/source"),
        ("ce-type", b"a.type"),
        ("ce-specversion", b"1.0"),
    ];
    pairs.retain(|(name, _)| !more.iter().any(|(other, _)| name == other));
    pairs.extend(more);
    headers(&pairs)
}

fn decode_one(headers: &HeaderMap, body: &[u8]) -> Result<Event, DecodeError> {
    match decode(headers, Bytes::copy_from_slice(body), &Limits::default())? {
        Decoded::One(event) => Ok(event),
        Decoded::Batch(events) => panic!("a batch of {}", events.len()),
    }
}

fn encoded(event: &Event, mode: ContentMode, omit: &[&str]) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    let body = encode(event, Encode { mode, omit }, &mut headers);
    (headers, body)
}
