//! Any message with a CloudEvents media type is an event or a batch in JSON, or is refused.
//!
//! What is read says what a general reader of JSON finds in the body, and passes both modes and a
//! batch unaltered. `message.rs` says what the input is.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::Value as Json;
use sluicegate_event::json_format::{BATCH_MEDIA_TYPE, to_json_batch};
use sluicegate_event::{ContentMode, Data, Decoded, Event, Limits, decode, encode};

use crate::message::{Decode, EncodeEvent, decoded, message_of, passes_unaltered};

/// The reader and the writers.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Reads a message.
    pub decode: Decode,
    /// Writes an event.
    pub encode: EncodeEvent,
    /// Writes a batch.
    pub encode_batch: fn(&[Event]) -> Bytes,
}

impl Subject {
    /// What is shipped.
    pub const OURS: Subject = Subject {
        decode,
        encode,
        encode_batch: |events| to_json_batch(events),
    };
}

/// # Panics
///
/// When a message is read or written otherwise than it must be.
pub fn check(input: &[u8], subject: &Subject) {
    let (mut headers, body) = message_of(input);
    if !headers.contains_key("content-type") {
        let media_type = HeaderValue::from_static("application/cloudevents+json");
        headers.insert("content-type", media_type);
    }
    let json: Option<Json> = serde_json::from_slice(&body).ok();
    match (decoded(&headers, &body, subject.decode), json) {
        (None, _) => {}
        (Some(Decoded::One(event)), json) => {
            if let Some(json) = json
                && event.received_as() == ContentMode::Structured
            {
                says_what_the_json_says(&event, &json);
            }
            passes_unaltered(&event, subject.decode, subject.encode);
        }
        (Some(Decoded::Batch(events)), json) => {
            if let Some(Json::Array(members)) = json {
                assert_eq!(members.len(), events.len(), "events of the batch");
                for (event, json) in events.iter().zip(&members) {
                    says_what_the_json_says(event, json);
                }
            }
            for event in &events {
                passes_unaltered(event, subject.decode, subject.encode);
            }
            passes_as_a_batch(&events, subject);
        }
    }
}

fn passes_as_a_batch(events: &[Event], subject: &Subject) {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(BATCH_MEDIA_TYPE));
    let read = |text: Bytes| match (subject.decode)(&headers, text.clone(), &Limits::default()) {
        Ok(Decoded::Batch(events)) => events,
        other => panic!("{events:?} are written as {text:?}, read as {other:?}"),
    };
    let text = (subject.encode_batch)(events);
    let once = read(text.clone());
    assert_eq!(once.len(), events.len(), "{text:?}");
    for (one, other) in events.iter().zip(&once) {
        assert!(one.attributes().eq(other.attributes()), "{text:?}");
    }
    let settled = read((subject.encode_batch)(&once));
    let again = read((subject.encode_batch)(&settled));
    assert_eq!(again, settled, "a batch that was read is sent on");
}

/// The members of the JSON object are the attributes and the data, and there are no others.
fn says_what_the_json_says(event: &Event, json: &Json) {
    let members = json.as_object().expect("an event is a JSON object");
    // Version 0.3 says in an attribute that the data is base64, and then has no such attribute.
    let is_encoded = event.attribute("datacontentencoding").is_none()
        && members.contains_key("datacontentencoding");
    let mut attributes = 0;
    for (name, value) in members {
        match (&**name, value) {
            ("data" | "data_base64" | "datacontentencoding", _) | (_, Json::Null) => {}
            (_, value) => {
                attributes += 1;
                let expected = match value {
                    Json::String(text) => text.clone(),
                    Json::Number(number) if number.as_f64() == Some(0.0) => "0".to_owned(),
                    other => other.to_string(),
                };
                assert_eq!(event.attribute(name), Some(&*expected), "{name}");
            }
        }
    }
    let encodings = usize::from(event.attribute("datacontentencoding").is_some());
    assert_eq!(
        event.attributes().count(),
        attributes + encodings,
        "{event:?}"
    );
    match (members.get("data"), event.data()) {
        (Some(data), Data::Json(text)) => {
            let held: Json = serde_json::from_slice(text).expect("JSON data is JSON");
            assert_eq!(held, *data, "the data is altered");
        }
        (Some(Json::String(data)), Data::Bytes(bytes)) if !is_encoded => {
            assert_eq!(bytes, data.as_bytes(), "the data is altered");
        }
        (Some(data), Data::Bytes(_)) => assert!(is_encoded, "{data:?} is held as bytes"),
        (Some(data), Data::Absent) => panic!("the data {data:?} is lost"),
        (None, Data::Json(text)) => panic!("there is no data, and {text:?} is held"),
        (None, Data::Bytes(_)) => {
            let base64 = members.get("data_base64");
            assert!(base64.is_some_and(Json::is_string), "{event:?}");
        }
        (None, Data::Absent) => {
            let base64 = members.get("data_base64");
            assert!(base64.is_none_or(Json::is_null), "the data is lost");
        }
    }
}
