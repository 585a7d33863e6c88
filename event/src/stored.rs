//! The bytes of an event in a store, for every place that keeps a whole event longer than the
//! process lives.
//!
//! What was stored comes back: everything that an [`Event`] carries, how it was received and its
//! trace context included. The same event always has the same bytes, and no others are read, so
//! that an event which was read has, written again, the bytes it was read from. Nothing about the
//! input is trusted: any bytes are an event that satisfies every rule for events, or an error. The
//! limits for events at the door do not apply, because a limit that was lowered since must not make
//! unreadable what is stored.
//!
//! # Version 1
//!
//! In this order, with nothing between and nothing behind. A *text* is its length in bytes as a
//! varint (seven bits a byte, the lowest first, in as few bytes as can be), and then its bytes.
//!
//! | Part | Bytes | |
//! |---|---|---|
//! | version | `01` | |
//! | head | one byte | bit 0: `specversion` is 0.3, else 1.0; bit 1: received in structured mode, else in binary; the others are 0 |
//! | `id` | text | |
//! | `source` | text | |
//! | `type` | text | |
//! | `datacontenttype` | `01`, text | optional |
//! | `dataschema`, in 0.3 `schemaurl` | `02`, text | optional |
//! | `subject` | `03`, text | optional |
//! | `time` | `04`, text | optional |
//! | each extension | `10` for a String, `11` for a Boolean, `12` for an Integer; name as text, value as text | in the order they came in |
//! | `traceparent` | `20`, text | optional |
//! | `tracestate` | `21`, text | optional, only behind `traceparent` |
//! | data | `30` if absent; `31`, text for bytes; `32`, text for a JSON value in its raw text | always there, so that no beginning of an event is an event |
//!
//! A field or a rule that is new is a new version, with a reader for each earlier one: an unknown
//! version or tag is refused, never skipped, because what is skipped here is lost to the subscriber.
//!
//! What is deliberately absent: a checksum and the length of the whole, which are for the log to
//! know, compression, and any idea of where events are kept.

mod read;
mod write;

use bytes::Bytes;

pub(crate) use self::read::json;
use crate::envelope::Event;
use crate::error::Fault;

/// The version that is written, and the only one there has been.
const VERSION: u8 = 1;

/// Bits of the head.
mod head {
    pub(super) const V03: u8 = 1;
    pub(super) const STRUCTURED: u8 = 1 << 1;
}

/// What the fields behind the required attributes begin with.
mod tag {
    pub(super) const CONTENT_TYPE: u8 = 0x01;
    pub(super) const SCHEMA: u8 = 0x02;
    pub(super) const SUBJECT: u8 = 0x03;
    pub(super) const TIME: u8 = 0x04;
    pub(super) const STRING: u8 = 0x10;
    pub(super) const BOOLEAN: u8 = 0x11;
    pub(super) const INTEGER: u8 = 0x12;
    pub(super) const TRACEPARENT: u8 = 0x20;
    pub(super) const TRACESTATE: u8 = 0x21;
    pub(super) const DATA_ABSENT: u8 = 0x30;
    pub(super) const DATA_BYTES: u8 = 0x31;
    pub(super) const DATA_JSON: u8 = 0x32;

    pub(super) const ALL: [u8; 12] = [
        CONTENT_TYPE,
        SCHEMA,
        SUBJECT,
        TIME,
        STRING,
        BOOLEAN,
        INTEGER,
        TRACEPARENT,
        TRACESTATE,
        DATA_ABSENT,
        DATA_BYTES,
        DATA_JSON,
    ];
}

/// Why bytes are not a stored event. Damage and what a later program wrote are told apart, because
/// the one wants a report and the other another program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// Written in a version that is not known here.
    #[error(
        "cannot read a stored event of version {version}: this program reads version {VERSION}; \
         run the one that wrote it, or a later one"
    )]
    UnknownVersion {
        /// The version that the bytes begin with.
        version: u8,
    },
    /// A field that its version does not have.
    #[error(
        "cannot read a stored event of version {version}: its field {tag:#04x} at byte {at_byte} \
         is not known to that version"
    )]
    UnknownField {
        /// The version that the bytes begin with.
        version: u8,
        /// What the field begins with.
        tag: u8,
        /// Where, from 0.
        at_byte: usize,
    },
    /// Not laid out as its version asks.
    #[error("cannot read a stored event: {problem} at byte {at_byte}")]
    Damaged {
        /// What is wrong.
        problem: &'static str,
        /// Where, from 0.
        at_byte: usize,
    },
    /// Laid out well, but not an event.
    #[error("a stored event is not valid: {0}")]
    Invalid(#[from] Fault),
}

/// Appends the bytes of `event` to `out`.
///
/// ```
/// use sluicegate_event::{Event, stored};
///
/// let event = Event::builder("1", "/orders", "order.placed")
///     .data("application/json", r#"{"total": 1.10}"#)
///     .build()?;
/// let mut bytes = Vec::new();
/// stored::encode(&event, &mut bytes);
/// assert_eq!(bytes.len(), stored::encoded_len(&event));
/// assert_eq!(stored::decode(bytes.into())?, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(event: &Event, out: &mut Vec<u8>) {
    out.reserve(encoded_len(event));
    write::event(event, out);
}

/// How many bytes [`encode`] appends.
pub fn encoded_len(event: &Event) -> usize {
    let mut count = write::Count(0);
    write::event(event, &mut count);
    count.0
}

/// Reads the event whose bytes `stored` is, all of it.
///
/// Data and most attributes are slices of `stored` and keep its buffer alive; see
/// [`Event::compact`]. What is allocated besides is in proportion to what was read.
///
/// # Errors
///
/// See [`StoredError`].
pub fn decode(stored: Bytes) -> Result<Event, StoredError> {
    read::event(stored)
}

#[cfg(test)]
mod tests;
