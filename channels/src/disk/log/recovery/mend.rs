//! Putting the newest segment in order, so that what it shows is durable and what it no longer
//! shows never comes back.
//!
//! What is read may come from the system's memory and be on no disk: the last process was killed,
//! or its sync failed and the system forgot what it could not write. So the last write is written
//! again, byte for byte, and synced, before anyone sees it. Then the segment is sealed. It never
//! takes another record: those go to a new segment, with another salt, beginning at an offset that
//! nothing in this one can have had.

use std::io;
use std::ops::Range;

use super::super::super::files::{OpenFile, is_broken, write_all_at};
use super::super::active::{finish, write_footer};
use super::super::blocks::{Unreadable, read_past_bad};
use super::super::format::{Footer, RECORD_HEADER_BYTES, RecordHeader, SegmentHeader, crc};
use super::super::report::{Damage, DamageKind, Given};
use super::super::segment::State;
use super::examine::{Examined, Tally};
use super::last_write::{Closed, Verdict, judge};

/// How much is written at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// The newest segment, in order.
pub(super) struct Mended {
    pub(super) tally: Tally,
    pub(super) last_write: Vec<Damage>,
    pub(super) torn_bytes: u64,
    /// The lowest offset that the next record may have.
    pub(super) next: u64,
    pub(super) was_closed: bool,
    pub(super) ending: Ending,
}

/// A footer that was written, if there was room.
pub(super) struct Ending {
    footer: Footer,
    footer_bytes: Option<u64>,
}

impl Ending {
    /// Ends the segment: nothing of it is written again.
    pub(super) fn finish(&self, state: &mut State, file: &dyn OpenFile) {
        finish(state, file, &self.footer, self.footer_bytes);
    }
}

/// Mends a segment of `length` bytes. Where a part of it cannot be read, the device may refuse to write
/// there too: then it stays as it is, unsealed, and is shown as far as it can be read.
pub(super) fn mend(
    file: &dyn OpenFile,
    header: &SegmentHeader,
    examined: Examined,
    length: u64,
) -> io::Result<Mended> {
    let Examined {
        settled: mut tally,
        last_write,
        synced,
        footer,
        unreadable,
    } = examined;
    let Verdict { kept, closed, cut } = judge(last_write, tally.ordinal);
    let before = tally.end;
    let damage = closed.iter().map(|closed| Damage {
        kind: DamageKind::LastWrite,
        segment: header.base,
        bytes: closed.bytes.clone(),
        offsets: header.offsets(&closed.ordinals),
        given: Given::AtMost,
    });
    let damage = damage.collect();
    kept.into_iter().for_each(|piece| tally.add(piece));

    let torn_bytes = match &footer {
        Some(_) => 0,
        None => end_of_bytes(file, tally.end, length)? - tally.end,
    };
    let next = footer.as_ref().map_or(header.offset_max(), |it| it.next);
    let was_closed = footer.is_some();
    let footer = new_footer(header, &tally, next);
    let order = Order {
        closed: &closed,
        before,
        cut,
        again: synced..tally.end,
        footer: &footer,
    };
    let footer_bytes = match order.make(file, header) {
        Err(error) if !unreadable.is_empty() && is_broken(&error) => None,
        made => made?,
    };
    Ok(Mended {
        tally,
        last_write: damage,
        torn_bytes,
        next,
        was_closed,
        ending: Ending {
            footer,
            footer_bytes,
        },
    })
}

/// What is to be written of a segment.
struct Order<'a> {
    closed: &'a [Closed],
    /// Up to where it was durable.
    before: u64,
    cut: Option<Range<u64>>,
    /// What is to be written again as it is.
    again: Range<u64>,
    footer: &'a Footer,
}

impl Order<'_> {
    /// Writes it, and says how long the footer is, if there was room for it.
    fn make(&self, file: &dyn OpenFile, header: &SegmentHeader) -> io::Result<Option<u64>> {
        for closed in self.closed {
            close(file, header, closed, self.before)?;
        }
        if let Some(cut) = &self.cut {
            zero(file, cut.start, cut.end - cut.start)?;
        }
        write_again(file, self.again.start, self.again.end)?;
        // The footer vouches for what stands before it, so that is durable first.
        file.sync()?;
        let footer_bytes = write_footer(file, self.footer, header)?;
        file.sync()?;
        Ok(footer_bytes)
    }
}

fn new_footer(header: &SegmentHeader, tally: &Tally, next: u64) -> Footer {
    let (earliest_ms, latest_ms) = tally.timestamps_ms.unwrap_or_default();
    Footer {
        records_end: tally.end,
        end: header.base + u64::from(tally.ordinal),
        next,
        records: tally.records,
        earliest_ms,
        latest_ms,
        damaged: u32::try_from(tally.invalid.len()).unwrap_or(u32::MAX),
        index: tally.index.clone(),
    }
}

/// Puts a filler over a stretch, so that nobody takes it for damage again, and zeros below it.
fn close(
    file: &dyn OpenFile,
    header: &SegmentHeader,
    closed: &Closed,
    synced: u64,
) -> io::Result<()> {
    let position = closed.bytes.start;
    let short = |it: u64| u32::try_from(it).expect("a segment is shorter than 4 GiB");
    let length = closed.bytes.end - position;
    let Some(payload) = length.checked_sub(RECORD_HEADER_BYTES as u64) else {
        return Ok(());
    };
    let filler = RecordHeader {
        payload_bytes: short(payload),
        has_more: false,
        is_joined: false,
        is_filler: true,
        ordinal: closed.ordinals.start,
        unsynced_bytes: short(position.saturating_sub(synced)),
        timestamp_ms: 0,
        payload_crc: crc(&[]),
    };
    zero(file, position + RECORD_HEADER_BYTES as u64, payload)?;
    let bytes = filler.encode(&header.identity(), position);
    write_all_at(file, &bytes, position).map_err(|it| it.error)
}

fn zero(file: &dyn OpenFile, from: u64, length: u64) -> io::Result<()> {
    let zeros = vec![0; CHUNK_BYTES];
    each_chunk(from, from + length, |at, length| {
        write_all_at(file, &zeros[..length], at).map_err(|it| it.error)
    })
}

/// Writes what is there once more, but for what cannot be read: of that nothing is shown.
fn write_again(file: &dyn OpenFile, from: u64, to: u64) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    each_chunk(from, to, |at, length| {
        let mut unreadable = Unreadable::default();
        let length = read_past_bad(file, &mut buffer[..length], at, &mut unreadable)?;
        for readable in unreadable.others(at..at + length as u64) {
            let place = |byte: u64| usize::try_from(byte - at).expect("it lies in the buffer");
            let bytes = &buffer[place(readable.start)..place(readable.end)];
            write_all_at(file, bytes, readable.start).map_err(|it| it.error)?;
        }
        Ok(())
    })
}

/// Where the last byte ends that is not zero, at or behind `from`.
fn end_of_bytes(file: &dyn OpenFile, from: u64, length: u64) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut end = from;
    let mut unreadable = Unreadable::default();
    each_chunk(from, length, |at, length| {
        let length = read_past_bad(file, &mut buffer[..length], at, &mut unreadable)?;
        if let Some(last) = buffer[..length].iter().rposition(|it| *it != 0) {
            end = at + last as u64 + 1;
        }
        Ok(())
    })?;
    Ok(end)
}

fn each_chunk(
    from: u64,
    to: u64,
    mut act: impl FnMut(u64, usize) -> io::Result<()>,
) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at).map_or(CHUNK_BYTES, |it| it.min(CHUNK_BYTES));
        act(at, length)?;
        at += length as u64;
    }
    Ok(())
}
