//! Records out of bytes, which are not trusted.

use sluicegate_channels::{Position, Timestamp};

use super::bytes::Fields;
use super::{
    ACCEPTED, ATTEMPT, Accepted, Attempt, COMMANDED, Command, Commanded, DELETED, Deleted, ENDED,
    End, Ended, GAP, Gap, GapCause, HEADER_BYTES, Judged, Letter, Mark, REPLIED, Record, Replied,
    What,
};

/// A record that has not been looked into.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Raw<'a> {
    pub(in super::super) mark: Mark,
    pub(in super::super) bytes: &'a [u8],
}

impl<'a> Raw<'a> {
    fn kind(&self) -> u8 {
        self.bytes[2]
    }

    /// Whether it may matter to any event, whatever its id.
    pub(in super::super) fn is_of_all(&self) -> bool {
        matches!(self.kind(), GAP | DELETED)
    }

    /// What it says; none when it is not as one is written.
    pub(in super::super) fn decode(&self) -> Option<Record<'a>> {
        let mut fields = Fields::new(&self.bytes[HEADER_BYTES..]);
        let it = &mut fields;
        let what = match self.kind() {
            ACCEPTED => What::Accepted(accepted(it)?),
            ATTEMPT => What::Attempt(attempt(it)?),
            REPLIED => What::Replied(replied(it)?),
            ENDED => What::Ended(ended(it)?),
            COMMANDED => What::Commanded(commanded(it)?),
            DELETED => What::Deleted(deleted(it)?),
            GAP => What::Gap(gap(it)?),
            _ => return None,
        };
        let mark = self.mark;
        Some(Record { mark, what })
    }
}

/// The records that stand in `bytes` one behind the other, up to what is none.
pub(in super::super) fn split(mut bytes: &[u8]) -> impl Iterator<Item = Raw<'_>> {
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

fn commanded<'a>(it: &mut Fields<'a>) -> Option<Commanded<'a>> {
    Some(Commanded {
        position: position(it)?,
        at: Timestamp(it.number()?),
        command: match it.number()? {
            0 => Command::Redrive,
            1 => Command::Discard,
            2 => Command::Replay,
            _ => return None,
        },
        trigger: it.text()?,
        operation: it.text()?,
        letter: letter(it),
    })
}

/// Earlier versions wrote none.
fn letter<'a>(it: &mut Fields<'a>) -> Option<Letter<'a>> {
    Some(Letter {
        parked_at: Timestamp(it.number()?),
        reason: it.text()?,
    })
}

fn deleted<'a>(it: &mut Fields<'a>) -> Option<Deleted<'a>> {
    Some(Deleted {
        at: Timestamp(it.number()?),
        cancelled: it.number()?,
        trigger: it.text()?,
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
