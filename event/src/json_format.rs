//! The JSON event format.
//!
//! Data that is JSON passes through as the text it came in, never parsed into values: the order of
//! members, spacing, big numbers and repeated names inside it survive. Only the white space around
//! the value belongs to the event's text rather than to the data.
//!
//! # How data is written
//!
//! | content type | data | written as |
//! |---|---|---|
//! | JSON, or none | JSON text from a structured event | `data`, that text |
//! | JSON | bytes that are JSON in UTF-8, nested no deeper than we would read | `data`, that text |
//! | JSON | other bytes | `data_base64` |
//! | another | UTF-8 | `data`, a string |
//! | another | other bytes | `data_base64` |
//! | none | bytes | `data_base64` |
//!
//! Reading is the reverse. `data: null` is a JSON null and not absent data; a `data_base64` of
//! null counts as absent, like an attribute of null.
//!
//! # Version 0.3
//!
//! has no `data_base64`: there `data` is a base64 string and `datacontentencoding` says so. Reading
//! decodes the data and takes the attribute away; writing sets it again when the data needs it.
//! In binary mode it is an attribute like any other and describes the body as it stands; such an
//! event is written with the body as its `data` string. Other encodings are carried untouched.
//!
//! What is deliberately absent: recursion, so that no depth of nesting can exhaust the stack.

mod data;
mod depth;
mod members;
pub(crate) mod read;
mod write;

use bytes::Bytes;

use crate::envelope::Event;

/// The media type of one event in the JSON format.
pub const EVENT_MEDIA_TYPE: &str = "application/cloudevents+json";

/// The media type of a batch in the JSON format.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";

/// Writes one event as `application/cloudevents+json`, leaving out the extensions named.
///
/// ```
/// use sluicegate_event::{Event, json_format::to_json};
///
/// let event = Event::builder("1", "/orders", "order.placed")
///     .attribute("hops", "3")
///     .data("application/json", r#"{"total": 1.10}"#)
///     .build()?;
/// assert_eq!(
///     to_json(&event, &["hops"]),
///     concat!(
///         r#"{"specversion":"1.0","id":"1","source":"/orders","type":"order.placed","#,
///         r#""datacontenttype":"application/json","data":{"total": 1.10}}"#,
///     ),
/// );
/// # Ok::<(), sluicegate_event::Fault>(())
/// ```
pub fn to_json(event: &Event, omit: &[&str]) -> Bytes {
    let mut out = Vec::with_capacity(write::likely_bytes(event));
    write::event(event, omit, &mut out);
    out.into()
}

/// Writes events as `application/cloudevents-batch+json`. The format asks that all follow one
/// version of the specification; that is for the caller to keep.
pub fn to_json_batch<'a>(events: impl IntoIterator<Item = &'a Event>) -> Bytes {
    let mut out = vec![b'['];
    for event in events {
        if out.len() > 1 {
            out.push(b',');
        }
        write::event(event, &[], &mut out);
    }
    out.push(b']');
    out.into()
}

#[cfg(test)]
mod tests;
