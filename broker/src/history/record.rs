//! The records of a history as bytes.
//!
//! ```text
//! length  kind  id's hash  source's hash   fields of the kind: numbers as varints, texts with their length
//!   u16    u8      u64          u32
//! ```
//!
//! Written on the way of every event, so nothing is allocated but the buffer; read back without
//! trust: bytes that are no record end the reading. Records name an event by its position and the
//! hash of its id. The id itself, source and type stand in the record of its acceptance alone,
//! which is what keeps the others short. Texts are cut at [`TEXT_BYTES_MAX`].

use sluicegate_channels::{Position, Timestamp};
use sluicegate_event::Event;

mod bytes;
mod decoding;
mod encoding;

pub(super) use decoding::split;

/// What is kept of a text.
pub(super) const TEXT_BYTES_MAX: usize = 1_024;
/// Length, kind and both hashes.
pub(super) const HEADER_BYTES: usize = 15;

/// Stands for an event in every record: hashes of its id and of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Of the id. The same in every release, since it is stored.
    pub id: u64,
    /// Of the source.
    pub source: u32,
}

impl Mark {
    /// The mark of an event with this id and source.
    pub fn of(id: &str, source: &str) -> Self {
        Mark {
            id: hash(id),
            source: source_hash(source),
        }
    }

    /// The mark of this event.
    pub fn of_event(event: &Event) -> Self {
        Mark::of(event.id(), event.source())
    }

    /// The mark of what belongs to no event.
    pub(super) const NONE: Mark = Mark { id: 0, source: 0 };
}

/// The hash that stands for a source.
pub(super) fn source_hash(source: &str) -> u32 {
    let bytes = hash(source).to_le_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The hash that stands for an id. Nobody's events depend on it: equal hashes of unequal ids cost
/// the reader a look.
pub(super) fn hash(text: &str) -> u64 {
    const FACTOR: u128 = 0x9e37_79b9_7f4a_7c15;
    let fold = |it: u64| {
        let product = u128::from(it) * FACTOR;
        let [low, high] = [product, product >> 64].map(|half| half & u128::from(u64::MAX));
        u64::try_from(low ^ high).unwrap_or_default()
    };
    let mut hash = 0x51_7c_c1_b7_27_22_0a_95 ^ text.len() as u64;
    for chunk in text.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = fold(hash ^ u64::from_le_bytes(word)).rotate_left(23);
    }
    // 0 stands for what belongs to no event.
    fold(hash).max(1)
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Which event it is about.
    pub mark: Mark,
    /// What happened.
    pub what: What<'a>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'a> {
    /// An event was stored.
    Accepted(Accepted<'a>),
    /// It was sent.
    Attempt(Attempt<'a>),
    /// The answer held events, and they are stored.
    Replied(Replied<'a>),
    /// A trigger is done with it, other than by delivering it: that is told by the attempt.
    Ended(Ended<'a>),
    /// Somebody commanded it to be dealt with otherwise.
    Commanded(Commanded<'a>),
    /// A trigger was deleted, with all that it was not through with.
    Deleted(Deleted<'a>),
    /// Records are missing.
    Gap(Gap),
}

/// An event was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted<'a> {
    /// Where.
    pub position: Position,
    /// When it was given to the store.
    pub at: Timestamp,
    /// How long the store took, in microseconds.
    pub took_us: u64,
    /// `id`
    pub id: &'a str,
    /// `source`
    pub source: &'a str,
    /// `type`
    pub ty: &'a str,
    /// `datacontenttype`; empty when there is none.
    pub content_type: &'a str,
    /// The size of its data.
    pub data_bytes: u64,
    /// Whether it is a subscriber's reply, not a producer's event.
    pub is_reply: bool,
    /// How many triggers wanted it, where that was heard.
    pub judged: Option<Judged>,
}

/// How many triggers wanted an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Whose filter matches.
    pub wanted: u32,
    /// Whose filter failed.
    pub undecided: u32,
}

/// One send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// Where the event stands.
    pub position: Position,
    /// The name of the trigger, in the broker's namespace.
    pub trigger: &'a str,
    /// When it ended.
    pub at: Timestamp,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Which send to this target, from 1.
    pub n: u32,
    /// Whether it went to the dead-letter sink.
    pub is_to_sink: bool,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// How it ended, as [`Reason::label`](sluicegate_dispatcher::sender::Reason::label).
    pub reason: &'a str,
    /// More of it, as a sentence; empty when all is well.
    pub detail: &'a str,
    /// When the next one is due, in milliseconds from `at`.
    pub next_in_ms: Option<u64>,
}

/// Events in an answer, which are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replied<'a> {
    /// Where the event stands that they answer.
    pub position: Position,
    /// The trigger whose subscriber answered.
    pub trigger: &'a str,
    /// When.
    pub at: Timestamp,
    /// Where the first of them stands.
    pub first: Position,
    /// How many there are.
    pub events: u32,
}

/// A trigger is done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended<'a> {
    /// Where the event stands.
    pub position: Position,
    /// The name of the trigger.
    pub trigger: &'a str,
    /// When.
    pub at: Timestamp,
    /// How.
    pub end: End,
    /// Why, in a word.
    pub reason: &'a str,
    /// Why, as a sentence.
    pub detail: &'a str,
}

/// How a trigger is done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The dead-letter sink took it.
    DeadLettered,
    /// It lies in the dead-letter store.
    Parked {
        /// When its sink is tried again.
        retry_at: Option<Timestamp>,
    },
    /// It ended unseen.
    Discarded,
}

/// A command was carried out on an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commanded<'a> {
    /// Where the event stands.
    pub position: Position,
    /// The name of the trigger.
    pub trigger: &'a str,
    /// When it was about to be carried out.
    pub at: Timestamp,
    /// What was commanded.
    pub command: Command,
    /// The id of the operation that did it; empty when the event was named by itself.
    pub operation: &'a str,
    /// The dead letter that it was, where the command took it out of the store.
    pub letter: Option<Letter<'a>>,
}

/// A dead letter that a command was carried out on. Kept with the command: what the command causes may
/// be recorded before it, and what had parked the letter may be older than the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter<'a> {
    /// When it was parked, as its channel has it.
    pub parked_at: Timestamp,
    /// Why, in a word.
    pub reason: &'a str,
}

/// What can be commanded of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Out of the dead-letter store, with all attempts anew.
    Redrive,
    /// Out of the dead-letter store, and gone.
    Discard,
    /// Handed out once more.
    Replay,
}

/// A trigger was deleted. Stands for every event that it was not through with, whatever its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted<'a> {
    /// The name of the trigger.
    pub trigger: &'a str,
    /// When.
    pub at: Timestamp,
    /// How many events it was not through with.
    pub cancelled: u64,
}

/// Records that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// When the first of them was made, or the last before them.
    pub from: Timestamp,
    /// When the last of them was made, or the first after them.
    pub to: Timestamp,
    /// How many there are; 0 where nobody knows.
    pub records: u64,
    /// Why.
    pub cause: GapCause,
}

/// Why records are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapCause {
    /// They came faster than they could be written, or could not be written.
    LeftOut,
    /// The process ended without writing them.
    Crash,
    /// What was written is damaged.
    Damage,
}

const ACCEPTED: u8 = 1;
const ATTEMPT: u8 = 2;
const REPLIED: u8 = 3;
const ENDED: u8 = 4;
const GAP: u8 = 5;
const COMMANDED: u8 = 6;
const DELETED: u8 = 7;

#[cfg(test)]
mod tests;
