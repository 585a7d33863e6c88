//! Events that were given up on, with why.

use std::sync::Arc;

use sluicegate_event::Event;

use super::Position;
use crate::Timestamp;

/// Why an event was given up on. Kept with a dead letter, shown to people and machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkReason {
    /// A short word from a closed set, such as `exhausted`, `refused`, `loop`, `reply`, `shed`.
    pub kind: &'static str,
    /// One sentence for people.
    pub detail: Arc<str>,
    /// Where the last attempt went, when there was one.
    pub dest: Option<Arc<str>>,
    /// The status it was answered with, when there was one.
    pub code: Option<u16>,
    /// The beginning of the answer's body, at most 768 bytes.
    pub data: bytes::Bytes,
}

impl ParkReason {
    /// What is left of a reason whose sentence cannot be read.
    pub(crate) fn unreadable(kind: &'static str) -> Self {
        ParkReason {
            kind,
            detail: Arc::from("the reason could not be read"),
            dest: None,
            code: None,
            data: bytes::Bytes::new(),
        }
    }
}

/// Every kind of [`ParkReason`] there is. A store reads a kind that is none of them, as a later program
/// may have written, as `unknown`.
pub const KINDS: [&str; 7] = [
    "exhausted",
    "refused",
    "reply",
    "overdue",
    "loop",
    "poison",
    "shed",
];

/// The kinds of [`ParkReason`] that a dead-letter sink is to have. The others are kept from it: an
/// event in a loop would make another round, and a poisonous one do its harm again.
pub const KINDS_FOR_SINK: [&str; 4] = ["exhausted", "refused", "reply", "overdue"];

/// The reason that an event is counted by which the holder of its lease discarded.
pub const BY_THE_LEASE: &str = "lease";
/// The reason that a dead letter is counted by which an operator discarded.
pub const BY_THE_OPERATOR: &str = "operator";
/// And one that had lain for too long.
pub const BY_AGE: &str = "age";

/// Since when an event lies in the dead-letter store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParkedSince {
    /// Where it stands in the channel.
    pub position: Position,
    /// When it was first parked.
    pub parked_at: Timestamp,
}

/// Names one dead letter: the subscription and the position it was appended at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadLetterKey {
    /// The subscription's durable name.
    pub subscription: Arc<str>,
    /// Where the event stood in the channel.
    pub position: Position,
}

/// A parked event, with why.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its name.
    pub key: DeadLetterKey,
    /// The event as it was appended.
    pub event: Arc<Event>,
    /// Why it was given up on.
    pub reason: ParkReason,
    /// Sends to the subscriber before it was given up on.
    pub sends: u32,
    /// When the channel first accepted it.
    pub accepted_at: Timestamp,
    /// When it was first parked.
    pub parked_at: Timestamp,
    /// When its dead-letter sink is tried again, if it has one.
    pub retry_at: Option<Timestamp>,
}
