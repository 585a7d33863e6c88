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

mod bytes;

use bytes::{Fields, put_number, put_text};

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

    /// The mark of what belongs to no event.
    const NONE: Mark = Mark { id: 0, source: 0 };
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
    /// Records are missing.
    Gap(Gap),
}

/// An event was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted<'a> {
    /// Where.
    pub position: Position,
    /// When the store said so.
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

impl What<'_> {
    /// Adds the record to `out`.
    pub fn encode(&self, mark: Mark, out: &mut Vec<u8>) {
        let start = out.len();
        let kind = match self {
            What::Accepted(_) => ACCEPTED,
            What::Attempt(_) => ATTEMPT,
            What::Replied(_) => REPLIED,
            What::Ended(_) => ENDED,
            What::Gap(_) => GAP,
        };
        out.extend_from_slice(&[0, 0, kind]);
        out.extend_from_slice(&mark.id.to_le_bytes());
        out.extend_from_slice(&mark.source.to_le_bytes());
        self.encode_fields(out);
        let length = out.len() - start;
        let length = u16::try_from(length).expect("a record has a few texts, each cut at 1 KiB");
        out[start..start + 2].copy_from_slice(&length.to_le_bytes());
    }

    fn encode_fields(&self, out: &mut Vec<u8>) {
        match self {
            What::Accepted(it) => {
                put_position(it.position, out);
                put_number(it.at.0, out);
                put_number(it.took_us, out);
                put_number(it.data_bytes, out);
                put_number(u64::from(it.is_reply), out);
                match it.judged {
                    None => put_number(0, out),
                    Some(Judged { wanted, undecided }) => {
                        put_number(u64::from(wanted) + 1, out);
                        put_number(u64::from(undecided), out);
                    }
                }
                for text in [it.id, it.source, it.ty, it.content_type] {
                    put_text(text, out);
                }
            }
            What::Attempt(it) => {
                put_position(it.position, out);
                put_number(it.at.0, out);
                put_number(it.took_us, out);
                put_number(u64::from(it.n), out);
                put_number(u64::from(it.is_to_sink), out);
                put_number(it.status.map_or(0, u64::from), out);
                put_number(it.next_in_ms.map_or(0, |it| it.saturating_add(1)), out);
                for text in [it.trigger, it.reason, it.detail] {
                    put_text(text, out);
                }
            }
            What::Replied(it) => {
                put_position(it.position, out);
                put_number(it.at.0, out);
                put_position(it.first, out);
                put_number(u64::from(it.events), out);
                put_text(it.trigger, out);
            }
            What::Ended(it) => {
                put_position(it.position, out);
                put_number(it.at.0, out);
                match it.end {
                    End::DeadLettered => put_number(0, out),
                    End::Parked { retry_at: None } => put_number(1, out),
                    End::Discarded => put_number(2, out),
                    End::Parked { retry_at: Some(at) } => {
                        put_number(3, out);
                        put_number(at.0, out);
                    }
                }
                for text in [it.trigger, it.reason, it.detail] {
                    put_text(text, out);
                }
            }
            What::Gap(it) => {
                put_number(it.from.0, out);
                put_number(it.to.0, out);
                put_number(it.records, out);
                let cause = match it.cause {
                    GapCause::LeftOut => 0,
                    GapCause::Crash => 1,
                    GapCause::Damage => 2,
                };
                put_number(cause, out);
            }
        }
    }
}

impl Gap {
    /// Adds the record to `out`.
    pub fn encode(self, out: &mut Vec<u8>) {
        What::Gap(self).encode(Mark::NONE, out);
    }
}

fn put_position(position: Position, out: &mut Vec<u8>) {
    put_number(u64::from(position.partition), out);
    put_number(position.offset, out);
}

/// A record that has not been looked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a> {
    pub(super) mark: Mark,
    pub(super) bytes: &'a [u8],
}

impl<'a> Raw<'a> {
    fn kind(&self) -> u8 {
        self.bytes[2]
    }

    pub(super) fn is_gap(&self) -> bool {
        self.kind() == GAP
    }

    /// What it says; none when it is not as one is written.
    pub(super) fn decode(&self) -> Option<Record<'a>> {
        let mut fields = Fields::new(&self.bytes[HEADER_BYTES..]);
        let it = &mut fields;
        let what = match self.kind() {
            ACCEPTED => What::Accepted(accepted(it)?),
            ATTEMPT => What::Attempt(attempt(it)?),
            REPLIED => What::Replied(replied(it)?),
            ENDED => What::Ended(ended(it)?),
            GAP => What::Gap(gap(it)?),
            _ => return None,
        };
        let mark = self.mark;
        Some(Record { mark, what })
    }
}

/// The records that stand in `bytes` one behind the other, up to what is none.
pub(super) fn split(mut bytes: &[u8]) -> impl Iterator<Item = Raw<'_>> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_le_bytes(*bytes.first_chunk()?));
        if length < HEADER_BYTES {
            return None;
        }
        let (record, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        let mark = Mark {
            id: u64::from_le_bytes(*record[3..].first_chunk()?),
            source: u32::from_le_bytes(*record[11..].first_chunk()?),
        };
        let bytes = record;
        Some(Raw { mark, bytes })
    })
}

fn position(it: &mut Fields<'_>) -> Option<Position> {
    Some(Position {
        partition: it.number()?.try_into().ok()?,
        offset: it.number()?,
    })
}

fn accepted<'a>(it: &mut Fields<'a>) -> Option<Accepted<'a>> {
    Some(Accepted {
        position: position(it)?,
        at: Timestamp(it.number()?),
        took_us: it.number()?,
        data_bytes: it.number()?,
        is_reply: it.number()? != 0,
        judged: match it.number()? {
            0 => None,
            wanted => Some(Judged {
                wanted: (wanted - 1).try_into().ok()?,
                undecided: it.number()?.try_into().ok()?,
            }),
        },
        id: it.text()?,
        source: it.text()?,
        ty: it.text()?,
        content_type: it.text()?,
    })
}

fn attempt<'a>(it: &mut Fields<'a>) -> Option<Attempt<'a>> {
    Some(Attempt {
        position: position(it)?,
        at: Timestamp(it.number()?),
        took_us: it.number()?,
        n: it.number()?.try_into().ok()?,
        is_to_sink: it.number()? != 0,
        status: Some(it.number()?.try_into().ok()?).filter(|it| *it != 0),
        next_in_ms: it.number()?.checked_sub(1),
        trigger: it.text()?,
        reason: it.text()?,
        detail: it.text()?,
    })
}

fn replied<'a>(it: &mut Fields<'a>) -> Option<Replied<'a>> {
    Some(Replied {
        position: position(it)?,
        at: Timestamp(it.number()?),
        first: position(it)?,
        events: it.number()?.try_into().ok()?,
        trigger: it.text()?,
    })
}

fn ended<'a>(it: &mut Fields<'a>) -> Option<Ended<'a>> {
    Some(Ended {
        position: position(it)?,
        at: Timestamp(it.number()?),
        end: match it.number()? {
            0 => End::DeadLettered,
            1 => End::Parked { retry_at: None },
            2 => End::Discarded,
            3 => End::Parked {
                retry_at: Some(Timestamp(it.number()?)),
            },
            _ => return None,
        },
        trigger: it.text()?,
        reason: it.text()?,
        detail: it.text()?,
    })
}

fn gap(it: &mut Fields<'_>) -> Option<Gap> {
    Some(Gap {
        from: Timestamp(it.number()?),
        to: Timestamp(it.number()?),
        records: it.number()?,
        cause: match it.number()? {
            0 => GapCause::LeftOut,
            1 => GapCause::Crash,
            2 => GapCause::Damage,
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests;
