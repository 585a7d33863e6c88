//! The records of the progress log, version 1.
//!
//! Each begins with the version, `01`, and its kind. Numbers and texts are those of
//! [`compact`](super::super::compact); what has another version is refused, never taken for damage.
//!
//! | Kind | What follows |
//! |---|---|
//! | `01` standing | number; head (bit 0: idle, bit 1: paused, the others are 0); name as text; began; reads on from; delivered, dead-lettered, cancelled, expired, replayed, undecided; how many reasons events were discarded for, each as text and number; how many exceptions, each as what its offset is above the one before (the first above 0), sends, and when it was redriven, signed |
//! | `02` deleted | number |
//! | `03` floor | offset; count; the numbers of all that are not idle, rising |
//! | `04` snapshot | the next number; the numbers of all standings, rising, which follow |
//!
//! A floor says who is *not* idle, so that one whose record was lost to damage is not
//! taken for idle still, and moved on past what it has not finished.

use std::collections::BTreeSet;

use super::super::compact::{Input, Malformed, put_number, put_rising, put_signed, put_text};
use super::standing::{Exception, Floor, Standing, Tally};

const VERSION: u8 = 1;

mod kind {
    pub(super) const STANDING: u8 = 1;
    pub(super) const DELETED: u8 = 2;
    pub(super) const FLOOR: u8 = 3;
    pub(super) const SNAPSHOT: u8 = 4;
}

mod head {
    pub(super) const IDLE: u8 = 1;
    pub(super) const PAUSED: u8 = 1 << 1;
}

/// The least that an exception takes up.
const EXCEPTION_BYTES_MIN: usize = 3;
/// The least that a reason takes up.
const REASON_BYTES_MIN: usize = 2;

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Standing(Standing),
    Deleted(u64),
    Floor { floor: Floor, busy: Vec<u64> },
    Snapshot { next_number: u64, numbers: Vec<u64> },
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRecord {
    Version(u8),
    Malformed(Malformed),
}

impl From<Malformed> for NoRecord {
    fn from(malformed: Malformed) -> Self {
        NoRecord::Malformed(malformed)
    }
}

/// A standing, which must be without [`Standing::fault`].
pub(super) fn standing(it: &Standing) -> Vec<u8> {
    let mut out = begun(kind::STANDING);
    put_number(&mut out, it.number);
    let idle = if it.is_idle { head::IDLE } else { 0 };
    let paused = if it.is_paused { head::PAUSED } else { 0 };
    out.push(idle | paused);
    put_text(&mut out, &it.name);
    put_number(&mut out, it.began);
    put_number(&mut out, it.reads_on_from);
    put_tally(&mut out, &it.tally);
    put_number(&mut out, it.exceptions.len() as u64);
    let mut before = 0;
    for exception in &it.exceptions {
        put_number(&mut out, exception.offset - before);
        put_number(&mut out, u64::from(exception.sends));
        put_signed(&mut out, exception.redriven_at_ms);
        before = exception.offset;
    }
    out
}

pub(super) fn deleted(number: u64) -> Vec<u8> {
    let mut out = begun(kind::DELETED);
    put_number(&mut out, number);
    out
}

pub(super) fn floor(floor: Floor, busy: &BTreeSet<u64>) -> Vec<u8> {
    let mut out = begun(kind::FLOOR);
    put_number(&mut out, floor.offset);
    put_number(&mut out, floor.count);
    put_rising(&mut out, busy.iter().copied());
    out
}

/// What a snapshot begins with. `numbers` must rise.
pub(super) fn snapshot(next_number: u64, numbers: impl ExactSizeIterator<Item = u64>) -> Vec<u8> {
    let mut out = begun(kind::SNAPSHOT);
    put_number(&mut out, next_number);
    put_rising(&mut out, numbers);
    out
}

fn begun(kind: u8) -> Vec<u8> {
    vec![VERSION, kind]
}

fn put_tally(out: &mut Vec<u8>, tally: &Tally) {
    for count in [
        tally.delivered,
        tally.dead_lettered,
        tally.cancelled,
        tally.expired,
        tally.replayed,
        tally.undecided,
    ] {
        put_number(out, count);
    }
    put_number(out, tally.discarded_by.len() as u64);
    for (reason, count) in &tally.discarded_by {
        put_text(out, reason);
        put_number(out, *count);
    }
}

/// Reads a record, all of it.
pub(super) fn decode(bytes: &[u8]) -> Result<Record, NoRecord> {
    let mut input = Input::new(bytes);
    match input.byte()? {
        VERSION => {}
        version => return Err(NoRecord::Version(version)),
    }
    let record = match input.byte()? {
        kind::STANDING => Record::Standing(read_standing(&mut input)?),
        kind::DELETED => Record::Deleted(input.number()?),
        kind::FLOOR => Record::Floor {
            floor: Floor {
                offset: input.number()?,
                count: input.number()?,
            },
            busy: input.rising()?,
        },
        kind::SNAPSHOT => Record::Snapshot {
            next_number: input.number()?,
            numbers: input.rising()?,
        },
        _ => return Err(Malformed("its kind is unknown").into()),
    };
    input.end()?;
    Ok(record)
}

fn read_standing(input: &mut Input<'_>) -> Result<Standing, Malformed> {
    let number = input.number()?;
    let bits = input.byte()?;
    if bits & !(head::IDLE | head::PAUSED) != 0 {
        return Err(Malformed("the head has a bit that means nothing"));
    }
    // Each part is read where it stands here.
    let standing = Standing {
        number,
        is_idle: bits & head::IDLE != 0,
        is_paused: bits & head::PAUSED != 0,
        name: input.text()?.into(),
        began: input.number()?,
        reads_on_from: input.number()?,
        tally: read_tally(input)?,
        exceptions: read_exceptions(input)?,
    };
    match standing.fault() {
        None => Ok(standing),
        Some(fault) => Err(Malformed(fault)),
    }
}

fn read_tally(input: &mut Input<'_>) -> Result<Tally, Malformed> {
    let mut tally = Tally {
        delivered: input.number()?,
        dead_lettered: input.number()?,
        cancelled: input.number()?,
        expired: input.number()?,
        replayed: input.number()?,
        undecided: input.number()?,
        discarded_by: Vec::new(),
    };
    for _ in 0..input.count(REASON_BYTES_MIN)? {
        let reason = input.text()?.into();
        tally.discarded_by.push((reason, input.number()?));
    }
    Ok(tally)
}

fn read_exceptions(input: &mut Input<'_>) -> Result<Vec<Exception>, Malformed> {
    let count = input.count(EXCEPTION_BYTES_MIN)?;
    let mut exceptions: Vec<Exception> = Vec::with_capacity(count);
    for _ in 0..count {
        exceptions.push(Exception {
            offset: input.above(exceptions.last().map(|it| it.offset))?,
            sends: input.short_number()?,
            redriven_at_ms: input.signed()?,
        });
    }
    Ok(exceptions)
}
