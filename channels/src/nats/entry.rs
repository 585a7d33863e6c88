//! What is kept apart of one event for one subscription, as a NATS message: that it was moved until
//! it is due, that it is parked, or that it is to be handed out once more.
//!
//! A message's subject says whose it is and whether it is due (see [`super::names`]); the newest
//! message of a subject stands, so that keeping twice leaves one. What everybody who looks on needs
//! is in one header, so that an index can be made of headers alone; the event itself is elsewhere.
//!
//! ```text
//!   Sluicegate-Entry: parked; sends=3; accepted=1795299541935; since=1795299541935; body=kept;
//!                     kind=exhausted; at=1795299541999; retry=1795299601999
//!   Sluicegate-Reason: answered 503 three times
//!   Sluicegate-Dest: http://billing.example/
//!   Sluicegate-Code: 503
//!   Nats-Schedule: @at 2026-11-21T22:20:01.999Z
//!   Nats-Schedule-Target: sluicegate.default.orders.k.d.7.1234
//!
//!   the beginning of the answer, byte for byte
//! ```

use std::sync::Arc;

use async_nats::HeaderMap;
use bytes::Bytes;

use super::fields::{FieldError, Fields, FieldsText};
use super::percent::{decoded, encoded};
use super::schedule;
use crate::{KINDS, ParkReason, Timestamp};

const ENTRY: &str = "Sluicegate-Entry";
const REASON: &str = "Sluicegate-Reason";
const DEST: &str = "Sluicegate-Dest";
const CODE: &str = "Sluicegate-Code";
const SCHEDULE: &str = "Nats-Schedule";
const TARGET: &str = "Nats-Schedule-Target";
const TTL: &str = "Nats-TTL";

/// What a kind reads as that this program does not know.
const UNKNOWN_KIND: &str = "unknown";

/// How long the message stays that says that an entry is over where it was: longer than any replica may be away
/// without reading all entries anew.
const ENDED_FOR: &str = "10m";

/// What is kept of one event for one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Sends to the subscriber so far.
    pub sends: u32,
    /// When the channel first accepted the event.
    pub accepted_at: Timestamp,
    /// From when a limit on its age counts.
    pub age_since: Timestamp,
    /// Where the event itself is.
    pub body: Body,
    /// How it stands.
    pub state: EntryState,
}

/// Where the event of an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Kept beside the entry, once for all entries of its position.
    Kept,
    /// In the stream of events, which nothing keeps from letting go of it.
    Events,
}

/// How an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryState {
    /// To be handed out for delivery when it is due: deferred for long, redriven, or replayed.
    Moved {
        /// When.
        due: Timestamp,
        /// Whether an operator replays it, so that it counts beside what was accepted.
        replayed: bool,
    },
    /// Given up on.
    Parked {
        /// Why. Of an entry that was read without its payload the data is missing.
        reason: ParkReason,
        /// When it was first parked.
        at: Timestamp,
        /// When its dead-letter sink is tried again, if it has one.
        retry_at: Option<Timestamp>,
    },
}

/// What a message of the stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// This entry.
    Entry(Entry),
    /// That the entry has ended.
    Ended,
    /// That what was due waits again, which another message says how.
    Back,
}

/// Why a message says nothing that can be read here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It is no entry.
    #[error("the message has no header {ENTRY}")]
    Missing,
    /// Something of the entry is missing or is not what it must be.
    #[error("{ENTRY}: {0}")]
    Field(#[from] FieldError),
    /// It says that it is what is not known here.
    #[error("{ENTRY} is {state}, which this program does not know: run the one that wrote it")]
    UnknownState {
        /// What it says that it is.
        state: Box<str>,
    },
}

impl Entry {
    /// When the server is to put it before a reader by itself.
    pub fn due(&self) -> Option<Timestamp> {
        match &self.state {
            EntryState::Moved { due, .. } => Some(*due),
            EntryState::Parked { retry_at, .. } => *retry_at,
        }
    }

    /// The message that keeps it. `due_subject` is where the server puts it once it is due.
    pub fn write(&self, due_subject: &str) -> (HeaderMap, Bytes) {
        let (mut headers, payload) = self.write_due();
        if let Some(due) = self.due() {
            headers.insert(SCHEDULE, schedule::at(due));
            headers.insert(TARGET, due_subject);
        }
        (headers, payload)
    }

    /// The message that keeps it where it is due already.
    pub fn write_due(&self) -> (HeaderMap, Bytes) {
        let mut headers = HeaderMap::new();
        let body = match self.body {
            Body::Kept => "kept",
            Body::Events => "events",
        };
        let text = |state| {
            FieldsText::new(state)
                .with("sends", self.sends)
                .with("accepted", self.accepted_at.0)
                .with("since", self.age_since.0)
                .with("body", body)
        };
        let (text, payload) = match &self.state {
            EntryState::Moved { due, replayed } => {
                let state = if *replayed { "replayed" } else { "moved" };
                (text(state).with("due", due.0), Bytes::new())
            }
            EntryState::Parked {
                reason,
                at,
                retry_at,
            } => {
                write_reason(reason, &mut headers);
                let parked = text("parked").with("kind", reason.kind).with("at", at.0);
                let parked = parked.with_some("retry", retry_at.map(|at| at.0));
                (parked, reason.data.clone())
            }
        };
        headers.insert(ENTRY, text.finish());
        (headers, payload)
    }
}

/// The message that says that an entry has ended. It takes the entry's place and goes by itself.
pub fn write_ended() -> (HeaderMap, Bytes) {
    write_over("ended")
}

/// The message that takes the place of what was due, in the batch that has it wait again. It goes by
/// itself.
pub fn write_back() -> (HeaderMap, Bytes) {
    write_over("back")
}

fn write_over(word: &str) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    headers.insert(ENTRY, word);
    headers.insert(TTL, ENDED_FOR);
    (headers, Bytes::new())
}

/// Reads what a message says, whether its payload came with it or not.
///
/// # Errors
///
/// When it is no entry that this program knows.
pub fn read(headers: &HeaderMap, payload: Bytes) -> Result<Kept, EntryError> {
    let text = header(headers, ENTRY).ok_or(EntryError::Missing)?;
    let fields = Fields::of(text);
    let state = match fields.word {
        "ended" => return Ok(Kept::Ended),
        "back" => return Ok(Kept::Back),
        "moved" | "replayed" => EntryState::Moved {
            due: fields.time("due")?,
            replayed: fields.word == "replayed",
        },
        "parked" => EntryState::Parked {
            reason: read_reason(headers, fields.text("kind")?, payload),
            at: fields.time("at")?,
            retry_at: fields.time("retry").ok(),
        },
        other => {
            return Err(EntryError::UnknownState {
                state: other.into(),
            });
        }
    };
    let body = match fields.text("body")? {
        "kept" => Body::Kept,
        "events" => Body::Events,
        _ => return Err(FieldError("body").into()),
    };
    Ok(Kept::Entry(Entry {
        sends: fields.number("sends")?,
        accepted_at: fields.time("accepted")?,
        age_since: fields.time("since")?,
        body,
        state,
    }))
}

fn write_reason(reason: &ParkReason, headers: &mut HeaderMap) {
    headers.insert(REASON, encoded(&reason.detail));
    if let Some(dest) = &reason.dest {
        headers.insert(DEST, encoded(dest));
    }
    if let Some(code) = reason.code {
        headers.insert(CODE, code.to_string());
    }
}

fn read_reason(headers: &HeaderMap, kind: &str, data: Bytes) -> ParkReason {
    let known = KINDS.into_iter().find(|known| *known == kind);
    let text = |name| header(headers, name).map(|value| Arc::from(decoded(value)));
    ParkReason {
        kind: known.unwrap_or(UNKNOWN_KIND),
        detail: text(REASON).unwrap_or_default(),
        dest: text(DEST),
        code: header(headers, CODE).and_then(|code| code.parse().ok()),
        data,
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(async_nats::HeaderValue::as_str)
}

#[cfg(test)]
mod tests;
