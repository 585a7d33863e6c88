//! The bytes of a record, version 1. Numbers and texts are as in `compact.rs`; times
//! are signed numbers, milliseconds since the Unix epoch.
//!
//! Every record begins with the version, one byte `01`, and what it is:
//!
//! | Record | Byte | What follows |
//! |---|---|---|
//! | event | `01` | its offset; its bytes as [`stored`] has them, up to the end |
//! | entry | `02` | subscription, offset, when accepted, when redriven, sends, state |
//! | end | `03` | subscription, offset |
//! | end of all | `04` | subscription |
//!
//! A state:
//!
//! | State | Byte | What follows |
//! |---|---|---|
//! | moved | `01` | when it is due |
//! | parked | `02` | when it was parked; `00`, or `01` and when it is tried again; the reason |
//!
//! A reason is its kind, its detail, `00` or `01` and its destination, `00` or `01` and its status,
//! and its data, all texts but the status. No text is longer than it may be, nothing stands behind the last field, and the same
//! record always has the same bytes.
//!
//! What is deliberately absent: checksums and lengths of records, which the log has.

use std::sync::Arc;

use sluicegate_event::{Event, stored};

use super::super::compact::{Input, Malformed, put_bytes, put_number, put_signed, put_text};
use super::{KeptKey, KeptState};
use crate::{KINDS, ParkReason};

/// The version that is written, and the only one there has been.
const VERSION: u8 = 1;

/// The most that a reason's texts may be long. A longer one is cut: it is for people to read.
const KIND_BYTES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 8 << 10;
const DATA_BYTES_MAX: usize = 768;

/// What a kind reads as that is not among [`KINDS`].
const UNKNOWN: &str = "unknown";

mod tag {
    pub(super) const EVENT: u8 = 1;
    pub(super) const ENTRY: u8 = 2;
    pub(super) const END: u8 = 3;
    pub(super) const END_ALL: u8 = 4;

    pub(super) const MOVED: u8 = 1;
    pub(super) const PARKED: u8 = 2;
}

/// A record as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    Event { offset: u64, event: &'a [u8] },
    Entry(Entry<'a>),
    End(KeptKey),
    EndAll { subscription: u64 },
}

/// An entry as it is read. A program of tomorrow may know more kinds of reason, so the text stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) key: KeptKey,
    pub(super) accepted_at_ms: i64,
    pub(super) redriven_at_ms: i64,
    pub(super) state: KeptState<Reason<'a>>,
}

/// A reason as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reason<'a> {
    kind: &'a str,
    detail: &'a str,
    dest: Option<&'a str>,
    code: Option<u16>,
    data: &'a [u8],
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRecord {
    /// A later program wrote them.
    Version(u8),
    /// Nobody wrote them.
    Damaged,
}

impl From<Malformed> for NoRecord {
    fn from(_: Malformed) -> Self {
        NoRecord::Damaged
    }
}

impl Record<'_> {
    pub(super) fn decode(bytes: &[u8]) -> Result<Record<'_>, NoRecord> {
        let mut input = Input::new(bytes);
        match input.byte()? {
            VERSION => Ok(record(input)?),
            0 => Err(NoRecord::Damaged),
            later => Err(NoRecord::Version(later)),
        }
    }
}

fn record(mut input: Input<'_>) -> Result<Record<'_>, Malformed> {
    let record = match input.byte()? {
        tag::EVENT => {
            let offset = input.number()?;
            let event = input.rest();
            return Ok(Record::Event { offset, event });
        }
        tag::ENTRY => Record::Entry(entry(&mut input)?),
        tag::END => Record::End(key(&mut input)?),
        tag::END_ALL => Record::EndAll {
            subscription: input.number()?,
        },
        _ => return Err(Malformed("there is no such record")),
    };
    input.end()?;
    Ok(record)
}

fn key(input: &mut Input<'_>) -> Result<KeptKey, Malformed> {
    Ok(KeptKey {
        subscription: input.number()?,
        offset: input.number()?,
    })
}

fn entry<'a>(input: &mut Input<'a>) -> Result<Entry<'a>, Malformed> {
    let key = key(input)?;
    let accepted_at_ms = input.signed()?;
    let redriven_at_ms = input.signed()?;
    let sends = input.short_number()?;
    let state = match input.byte()? {
        tag::MOVED => KeptState::Moved {
            due_ms: input.signed()?,
            sends,
        },
        tag::PARKED => KeptState::Parked {
            sends,
            parked_at_ms: input.signed()?,
            retry_at_ms: optional(input, Input::signed)?,
            reason: reason(input)?,
        },
        _ => return Err(Malformed("there is no such state")),
    };
    Ok(Entry {
        key,
        accepted_at_ms,
        redriven_at_ms,
        state,
    })
}

fn reason<'a>(input: &mut Input<'a>) -> Result<Reason<'a>, Malformed> {
    let reason = Reason {
        kind: input.text()?,
        detail: input.text()?,
        dest: optional(input, Input::text)?,
        code: optional(input, Input::short_number)?
            .map(u16::try_from)
            .transpose()
            .map_err(|_| Malformed("a status is too large"))?,
        data: input.bytes()?,
    };
    let is_bounded = reason.kind.len() <= KIND_BYTES_MAX
        && reason.detail.len() <= TEXT_BYTES_MAX
        && reason.dest.is_none_or(|it| it.len() <= TEXT_BYTES_MAX)
        && reason.data.len() <= DATA_BYTES_MAX;
    is_bounded
        .then_some(reason)
        .ok_or(Malformed("a text is too long"))
}

/// What is there if a byte says so.
fn optional<'a, T>(
    input: &mut Input<'a>,
    read: impl FnOnce(&mut Input<'a>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    match input.byte()? {
        0 => Ok(None),
        1 => read(input).map(Some),
        _ => Err(Malformed("something is neither there nor not")),
    }
}

impl Reason<'_> {
    pub(super) fn kind(&self) -> &'static str {
        let known = KINDS.into_iter().find(|it| *it == self.kind);
        known.unwrap_or(UNKNOWN)
    }

    pub(super) fn to_owned(self) -> ParkReason {
        ParkReason {
            kind: self.kind(),
            detail: self.detail.into(),
            dest: self.dest.map(Arc::from),
            code: self.code,
            data: bytes::Bytes::copy_from_slice(self.data),
        }
    }

    /// What takes the place of a reason, and of the whole state, that damage has taken.
    pub(super) fn lost() -> Self {
        Reason {
            kind: UNKNOWN,
            detail: "the record that said why, or when it comes up again, is damaged",
            dest: None,
            code: None,
            data: &[],
        }
    }

    /// As it is written, with no text longer than it may be.
    pub(super) fn of(reason: &ParkReason) -> Reason<'_> {
        Reason {
            kind: beginning(reason.kind, KIND_BYTES_MAX),
            detail: beginning(&reason.detail, TEXT_BYTES_MAX),
            dest: reason
                .dest
                .as_deref()
                .map(|it| beginning(it, TEXT_BYTES_MAX)),
            code: reason.code,
            data: &reason.data[..reason.data.len().min(DATA_BYTES_MAX)],
        }
    }
}

/// The beginning of a text, with no character cut in two.
fn beginning(text: &str, bytes_max: usize) -> &str {
    let end = text.floor_char_boundary(bytes_max);
    text.get(..end).unwrap_or_default()
}

/// Appends the record of an event.
pub(super) fn put_event(offset: u64, event: &Event, out: &mut Vec<u8>) {
    out.extend([VERSION, tag::EVENT]);
    put_number(out, offset);
    stored::encode(event, out);
}

/// Appends the record of an entry's end.
pub(super) fn put_end(key: KeptKey, out: &mut Vec<u8>) {
    out.extend([VERSION, tag::END]);
    put_key(key, out);
}

/// Appends the record of the end of all entries of a subscription.
pub(super) fn put_end_all(subscription: u64, out: &mut Vec<u8>) {
    out.extend([VERSION, tag::END_ALL]);
    put_number(out, subscription);
}

/// Appends the record of an entry.
pub(super) fn put_entry(entry: &Entry<'_>, out: &mut Vec<u8>) {
    out.extend([VERSION, tag::ENTRY]);
    put_key(entry.key, out);
    put_signed(out, entry.accepted_at_ms);
    put_signed(out, entry.redriven_at_ms);
    match &entry.state {
        KeptState::Moved { due_ms, sends } => {
            put_number(out, u64::from(*sends));
            out.push(tag::MOVED);
            put_signed(out, *due_ms);
        }
        KeptState::Parked {
            reason,
            sends,
            parked_at_ms,
            retry_at_ms,
        } => {
            put_number(out, u64::from(*sends));
            out.push(tag::PARKED);
            put_signed(out, *parked_at_ms);
            put_optional(*retry_at_ms, out, put_signed);
            put_reason(reason, out);
        }
    }
}

fn put_reason(reason: &Reason<'_>, out: &mut Vec<u8>) {
    put_text(out, reason.kind);
    put_text(out, reason.detail);
    put_optional(reason.dest, out, put_text);
    put_optional(reason.code.map(u64::from), out, put_number);
    put_bytes(out, reason.data);
}

fn put_key(key: KeptKey, out: &mut Vec<u8>) {
    put_number(out, key.subscription);
    put_number(out, key.offset);
}

fn put_optional<T>(value: Option<T>, out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

#[cfg(test)]
mod tests;
