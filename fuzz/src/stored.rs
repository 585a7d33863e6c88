//! Any bytes are an event as it is stored, or are refused.
//!
//! What is read was written as just these bytes, for there is one way to write an event; no
//! beginning of it is an event, nor is anything with more behind it. It passes both modes of HTTP
//! unaltered, as what came in does. The input is the bytes.

use bytes::Bytes;
use sluicegate_event::stored::{self, StoredError};
use sluicegate_event::{Event, Limits, decode, encode};

use crate::message::{Decode, passes_unaltered};

/// How much of the end of an input is taken away, a byte at a time, and at most how many bytes a
/// refusal may say.
const CUT_BYTES_MAX: usize = 16;
const SENTENCE_BYTES_MAX: usize = 1_024;

/// The limits are the door's: what was stored under wider ones is read.
const DECODE_ANY: Decode = |headers, body, _| decode(headers, body, &BOUNDLESS);
const BOUNDLESS: Limits = Limits {
    event_bytes_max: usize::MAX,
    batch_events_max: usize::MAX,
    batch_bytes_max: usize::MAX,
    attributes_max: usize::MAX,
    attribute_bytes_max: usize::MAX,
    attributes_bytes_max: usize::MAX,
    json_depth_max: usize::MAX,
};

/// The reader and the writer.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Reads an event.
    pub decode: fn(Bytes) -> Result<Event, StoredError>,
    /// Writes one.
    pub encode: fn(&Event, &mut Vec<u8>),
}

impl Subject {
    /// What is shipped.
    pub const OURS: Subject = Subject {
        decode: stored::decode,
        encode: stored::encode,
    };
}

/// # Panics
///
/// When bytes are read or written otherwise than they must be.
pub fn check(input: &[u8], subject: &Subject) {
    let bytes = Bytes::copy_from_slice(input);
    match (subject.decode)(bytes.clone()) {
        Ok(event) => {
            is_written_as(&event, input, subject);
            is_whole(&bytes, subject);
            let mut compacted = event.clone();
            compacted.compact();
            is_written_as(&compacted, input, subject);
            passes_unaltered(&event, DECODE_ANY, encode);
        }
        Err(error) => explains_itself(&error, input),
    }
}

fn is_written_as(event: &Event, input: &[u8], subject: &Subject) {
    let mut written = Vec::new();
    (subject.encode)(event, &mut written);
    assert!(
        written == input,
        "{event:?} is written as {}",
        written.escape_ascii()
    );
    assert_eq!(written.len(), stored::encoded_len(event), "{event:?}");
}

fn is_whole(bytes: &Bytes, subject: &Subject) {
    for cut in 1..=bytes.len().min(CUT_BYTES_MAX) {
        let part = (subject.decode)(bytes.slice(..bytes.len() - cut));
        assert!(part.is_err(), "without its last {cut} bytes: {part:?}");
    }
    let more = [bytes, &b"\x30"[..]].concat();
    let more = (subject.decode)(more.into());
    assert!(more.is_err(), "with a byte more: {more:?}");
}

/// A refusal tells damage from what a later program wrote, points into the input, and is fit to be shown.
fn explains_itself(error: &StoredError, input: &[u8]) {
    match error {
        StoredError::UnknownVersion { version } => assert_eq!(Some(version), input.first()),
        StoredError::UnknownField { tag, at_byte, .. } => {
            assert_eq!(Some(tag), input.get(*at_byte), "{error:?}");
        }
        StoredError::Damaged { at_byte, .. } => assert!(*at_byte <= input.len(), "{error:?}"),
        _ => {}
    }
    let sentence = error.to_string();
    assert!(!sentence.contains(char::is_control), "{error:?}");
    assert!(sentence.len() <= SENTENCE_BYTES_MAX, "{error:?}");
}
