//! The HTTP binding: binary, structured and batched content modes.

use bytes::Bytes;
use http::HeaderMap;

use crate::envelope::{ContentMode, Event};
use crate::error::DecodeError;
use crate::limits::Limits;

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
    let _ = (headers, body, limits);
    unimplemented!()
}

/// Whether the headers say that the message is a CloudEvent in any mode (a `ce-specversion`
/// header, or a CloudEvents media type), valid or not.
pub fn claims_to_be_an_event(headers: &HeaderMap) -> bool {
    let _ = headers;
    unimplemented!()
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
/// binary mode.
pub fn encode(event: &Event, how: Encode<'_>, headers: &mut HeaderMap) -> Bytes {
    let _ = (event, how, headers);
    unimplemented!()
}
