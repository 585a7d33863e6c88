//! Any message without a CloudEvents media type is an event in binary mode, or is refused.
//!
//! Every `ce-` header of what is read is an attribute of that value, no other attribute comes to be,
//! and the event passes both modes unaltered. `message.rs` says what the input is.

use http::HeaderMap;
use sluicegate_event::{Data, Decoded, Event, decode, encode};

use crate::message::{Decode, EncodeEvent, decoded, message_of, passes_unaltered};

/// The reader and the writer.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Reads a message.
    pub decode: Decode,
    /// Writes an event.
    pub encode: EncodeEvent,
}

impl Subject {
    /// What is shipped.
    pub const OURS: Subject = Subject { decode, encode };
}

/// # Panics
///
/// When a message is read or written otherwise than it must be.
pub fn check(input: &[u8], subject: &Subject) {
    let (headers, body) = message_of(input);
    if let Some(Decoded::One(event)) = decoded(&headers, &body, subject.decode) {
        if !is_structured(&headers) {
            says_what_the_headers_say(&event, &headers);
            let is_the_body = match event.data() {
                Data::Absent => body.is_empty(),
                Data::Bytes(bytes) => *bytes == body,
                Data::Json(_) => false,
            };
            assert!(is_the_body, "{event:?}");
        }
        passes_unaltered(&event, subject.decode, subject.encode);
    }
}

fn is_structured(headers: &HeaderMap) -> bool {
    headers.get("content-type").is_some_and(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        value.starts_with(b"application/cloudevents")
    })
}

fn says_what_the_headers_say(event: &Event, headers: &HeaderMap) {
    let mut attributes = 0;
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("ce-") else {
            continue;
        };
        attributes += 1;
        let held = event.attribute(name);
        assert!(held.is_some(), "{name} is lost: {event:?}");
        let is_written_plainly = value
            .to_str()
            .is_ok_and(|text| !text.contains(['%', '"', '\\']));
        if is_written_plainly {
            assert_eq!(held, value.to_str().ok(), "{name} is altered");
        }
    }
    let content_types = usize::from(headers.contains_key("content-type"));
    assert_eq!(
        event.attributes().count(),
        attributes + content_types,
        "{event:?} of {headers:?}"
    );
}
