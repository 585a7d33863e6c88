//! The HTTP binding: binary, structured and batched content modes.
//!
//! The mapping is the same for requests and responses, so nothing here knows which it reads.
//!
//! The media type decides the mode, in letters of any case: what begins with
//! `application/cloudevents-batch` is a batch, what begins with `application/cloudevents` is one
//! structured event, everything else is binary. JSON is the only format understood; another one,
//! `application/cloudevents` with no format at all (no specification names a default), and a
//! `charset` other than UTF-8 are [`DecodeError::Unsupported`]. So is any `Content-Encoding` but
//! `identity`.
//!
//! In structured mode `ce-` headers are ignored: the payload holds every attribute.

mod binary;
pub(crate) mod trace;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::envelope::{ContentMode, Event};
use crate::error::{DecodeError, Fault, shown};
use crate::json_format;
use crate::limits::Limits;
use crate::syntax::media_type::MediaType;

/// What a message held.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// One event, in binary or structured mode.
    One(Event),
    /// A batch, which may be empty.
    Batch(Vec<Event>),
}

/// Reads a message (request or response; the mapping is the same).
///
/// # Errors
///
/// See [`DecodeError`]; the fault names the attribute and the remedy.
pub fn decode(headers: &HeaderMap, body: Bytes, limits: &Limits) -> Result<Decoded, DecodeError> {
    refuse_content_encoding(headers)?;
    match mode(headers)? {
        Mode::Binary => binary::read(headers, body, limits).map(Decoded::One),
        Mode::Structured => {
            let mut event = json_format::read::event(&body, limits)?;
            if let Some(trace) = trace::read(headers) {
                event.set_trace_context(Some(trace));
            }
            Ok(Decoded::One(event))
        }
        Mode::Batched => {
            let mut events = json_format::read::batch(&body, limits)?;
            if let Some(trace) = trace::read(headers) {
                for event in &mut events {
                    event.set_trace_context(Some(trace.clone()));
                }
            }
            Ok(Decoded::Batch(events))
        }
    }
}

/// Whether the headers say that the message is a CloudEvent in any mode (a `ce-specversion`
/// header, or a CloudEvents media type), valid or not.
pub fn claims_to_be_an_event(headers: &HeaderMap) -> bool {
    headers.contains_key(&binary::SPEC_VERSION)
        || headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| strip_prefix_ignoring_case(value.as_bytes(), EVENTS).is_some())
}

/// How to write an event.
#[derive(Clone, Copy, Debug)]
pub struct Encode<'a> {
    /// The content mode to write.
    pub mode: ContentMode,
    /// Extension attributes to leave out.
    pub omit: &'a [&'a str],
}

/// Writes `event`: adds its headers to `headers` and gives the body, without copying data in
/// binary mode. A header of the same name that is already there is replaced.
///
/// JSON data without a `datacontenttype` (a structured event may leave it out) leaves in binary
/// mode as `application/json`; other data without one leaves without a `Content-Type`.
pub fn encode(event: &Event, how: Encode<'_>, headers: &mut HeaderMap) -> Bytes {
    match how.mode {
        ContentMode::Binary => binary::write(event, how.omit, headers),
        ContentMode::Structured => {
            let media_type = HeaderValue::from_static(json_format::EVENT_MEDIA_TYPE);
            headers.insert(header::CONTENT_TYPE, media_type);
            json_format::to_json(event, how.omit)
        }
    }
}

/// How long a message's body may be, judged by its headers before any of it is read.
///
/// Binary mode carries the data alone. A structured event may carry it in base64, a third longer,
/// beside its attributes; once decoded it is held against the event's own limit like any other.
pub fn message_bytes_max(headers: &HeaderMap, limits: &Limits) -> usize {
    let content_type = headers.get(header::CONTENT_TYPE);
    let value = content_type.map_or(&[][..], HeaderValue::as_bytes);
    if strip_prefix_ignoring_case(value, BATCHES).is_some() {
        limits.batch_bytes_max
    } else if strip_prefix_ignoring_case(value, EVENTS).is_some() {
        limits.structured_bytes_max()
    } else {
        limits.event_bytes_max
    }
}

const EVENTS: &[u8] = b"application/cloudevents";
const BATCHES: &[u8] = b"application/cloudevents-batch";

enum Mode {
    Binary,
    Structured,
    Batched,
}

fn mode(headers: &HeaderMap) -> Result<Mode, DecodeError> {
    let mut content_types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(content_type) = content_types.next() else {
        return Ok(Mode::Binary);
    };
    if content_types.next().is_some() {
        return Err(Fault::new(
            "content-type",
            "content-type is given more than once",
            "send one Content-Type header",
        )
        .into());
    }
    let value = content_type.as_bytes();
    if strip_prefix_ignoring_case(value, BATCHES).is_some() {
        require_json(content_type, json_format::BATCH_MEDIA_TYPE)?;
        Ok(Mode::Batched)
    } else if strip_prefix_ignoring_case(value, EVENTS).is_some() {
        require_json(content_type, json_format::EVENT_MEDIA_TYPE)?;
        Ok(Mode::Structured)
    } else {
        Ok(Mode::Binary)
    }
}

fn strip_prefix_ignoring_case<'a>(value: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = value.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Refuses an event format other than JSON in UTF-8.
fn require_json(content_type: &HeaderValue, expected: &str) -> Result<(), DecodeError> {
    let text = String::from_utf8_lossy(content_type.as_bytes());
    let Some(media_type) = MediaType::parse(&text) else {
        return Err(Fault::new(
            "content-type",
            format!("content-type {} is not a media type", shown(&text)),
            format!("send {expected}"),
        )
        .into());
    };
    if !media_type.essence.eq_ignore_ascii_case(expected) {
        return Err(DecodeError::Unsupported(Fault::new(
            "content-type",
            format!(
                "content-type {} names no event format known here",
                shown(&text)
            ),
            format!("send {expected}, or use binary mode"),
        )));
    }
    match media_type.parameter("charset") {
        Some(charset) if !charset.eq_ignore_ascii_case("utf-8") => {
            Err(DecodeError::Unsupported(Fault::new(
                "content-type",
                format!("charset {} is not known here", shown(charset)),
                "send the event in UTF-8",
            )))
        }
        Some(_) | None => Ok(()),
    }
}

fn refuse_content_encoding(headers: &HeaderMap) -> Result<(), DecodeError> {
    let encoded = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .find(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let Some(encoding) = encoded else {
        return Ok(());
    };
    Err(DecodeError::Unsupported(Fault::new(
        "content-encoding",
        format!(
            "content-encoding {} is not known here",
            shown(&String::from_utf8_lossy(encoding.as_bytes()))
        ),
        "send the body as it is, without Content-Encoding",
    )))
}

#[cfg(test)]
mod tests;
