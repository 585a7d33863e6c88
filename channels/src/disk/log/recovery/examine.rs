//! Reading all of a segment, to find what is in it.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use super::super::super::files::{OpenFile, is_broken, read_full_at};
use super::super::blocks::Unreadable;
use super::super::format::{
    Footer, INDEX_EVERY_BYTES, Identity, IndexEntry, RECORDS_AT, RecordHeader,
};
use super::super::scan::{Found, Scan};

/// How much is read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// What a segment holds.
pub(super) struct Examined {
    /// What was durable for sure, and what is damaged there.
    pub(super) settled: Tally,
    /// What came after it: the last write. Nobody knows whether that was synced. Empty if the
    /// segment has a footer.
    pub(super) last_write: VecDeque<Piece>,
    /// Where the last write begins, as far as the records say; also with a footer.
    pub(super) synced: u64,
    pub(super) footer: Option<Footer>,
    /// What was passed over because the device cannot read it.
    pub(super) unreadable: Unreadable,
}

/// A sum over pieces.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) index: Vec<IndexEntry>,
    pub(super) timestamps_ms: Option<(i64, i64)>,
    /// Where the last piece ends.
    pub(super) end: u64,
    /// The number of the next record.
    pub(super) ordinal: u32,
    pub(super) invalid: Vec<(Range<u64>, Range<u32>)>,
}

/// A stretch of a segment. Together they leave nothing out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) bytes: Range<u64>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Record(RecordHeader),
    Filler,
    Invalid(Range<u32>),
}

impl Tally {
    fn new() -> Self {
        Tally {
            records: 0,
            index: Vec::new(),
            timestamps_ms: None,
            end: RECORDS_AT,
            ordinal: 0,
            invalid: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, piece: Piece) {
        self.end = piece.bytes.end;
        match piece.kind {
            Kind::Record(header) => self.add_record(&header, piece.bytes.start),
            Kind::Filler => {}
            Kind::Invalid(ordinals) => {
                self.ordinal = self.ordinal.max(ordinals.end);
                self.invalid.push((piece.bytes, ordinals));
            }
        }
    }

    fn add_record(&mut self, header: &RecordHeader, position: u64) {
        self.records += 1;
        self.ordinal = header.ordinal + 1;
        let timestamp = header.timestamp_ms;
        let (earliest, latest) = self.timestamps_ms.unwrap_or((timestamp, timestamp));
        self.timestamps_ms = Some((earliest.min(timestamp), latest.max(timestamp)));
        let last = self.index.last().map(|it| u64::from(it.position));
        if last.is_none_or(|last| position >= last + INDEX_EVERY_BYTES) {
            self.index.push(IndexEntry {
                ordinal: header.ordinal,
                position: u32::try_from(position).unwrap_or(u32::MAX),
            });
        }
    }
}

/// The footer at the end of a file of `length` bytes, if there is one. One that cannot be read is none
/// where that `passes_over` what cannot be.
pub(super) fn footer_at_end(
    file: &dyn OpenFile,
    identity: &Identity,
    length: u64,
    passes_over: bool,
) -> io::Result<Option<Footer>> {
    let mut locator = [0; 8];
    let Some(at) = length.checked_sub(locator.len() as u64) else {
        return Ok(None);
    };
    match read_full_at(file, &mut locator, at) {
        Err(error) if passes_over && is_broken(&error) => return Ok(None),
        read => read?,
    };
    match length.checked_sub(Footer::located(locator)) {
        Some(position) if position >= RECORDS_AT => {
            footer_at(file, identity, position, length, passes_over)
        }
        Some(_) | None => Ok(None),
    }
}

fn footer_at(
    file: &dyn OpenFile,
    identity: &Identity,
    position: u64,
    length: u64,
    passes_over: bool,
) -> io::Result<Option<Footer>> {
    match read_footer(file, identity, position, length) {
        Err(error) if passes_over && is_broken(&error) => Ok(None),
        found => found,
    }
}

fn read_footer(
    file: &dyn OpenFile,
    identity: &Identity,
    position: u64,
    length: u64,
) -> io::Result<Option<Footer>> {
    let mut start = [0; 8];
    let read = read_full_at(file, &mut start, position)?;
    if !Footer::begins(&start[..read]) {
        return Ok(None);
    }
    let longest = Footer::bytes_max(length).min(length - position);
    let mut bytes = vec![0; usize::try_from(longest).unwrap_or(0)];
    let read = read_full_at(file, &mut bytes, position)?;
    Ok(Footer::decode(&bytes[..read], identity, position))
}

/// Reads all records of a file of `length` bytes. A crash may come between a durable footer and
/// cutting the file behind it, so the footer may stand anywhere.
pub(super) fn examine(
    file: &dyn OpenFile,
    identity: &Identity,
    length: u64,
    passes_over: bool,
) -> io::Result<Examined> {
    let footer_at = |position| footer_at(file, identity, position, length, passes_over);
    let mut footer = footer_at_end(file, identity, length, passes_over)?;
    let limit = footer.as_ref().map_or(length, |it| it.records_end);
    let mut scan = Scan::new(*identity, CHUNK_BYTES);
    if passes_over {
        scan.pass_over_unreadable();
    }
    let mut found = Examined {
        settled: Tally::new(),
        last_write: VecDeque::new(),
        synced: RECORDS_AT,
        footer: None,
        unreadable: Unreadable::default(),
    };
    let rest = loop {
        let (bytes, kind, synced) = match scan.next(file, limit)? {
            Found::Record {
                header, position, ..
            } => (
                position..position + header.record_bytes(),
                Kind::Record(header),
                position - u64::from(header.unsynced_bytes),
            ),
            Found::Filler { header, position } => (
                position..position + header.record_bytes(),
                Kind::Filler,
                position - u64::from(header.unsynced_bytes),
            ),
            Found::Invalid { bytes, ordinals } => {
                // What is behind a footer is no part of the segment, whatever it looks like.
                let behind = footer_at(bytes.start)?;
                if footer.is_none() && behind.is_some() {
                    footer = behind;
                    break bytes.start;
                }
                (bytes, Kind::Invalid(ordinals), 0)
            }
            Found::Nothing { from } => break from,
        };
        found.last_write.push_back(Piece { bytes, kind });
        if synced > found.synced {
            found.synced = synced;
            found.settle(|it| it.bytes.start < synced);
        }
    };

    if footer.is_none() && rest < length {
        footer = footer_at(rest)?;
    }
    if let Some(footer) = &footer {
        if rest < footer.records_end {
            let end = u32::try_from(footer.end - identity.base).unwrap_or(u32::MAX);
            let ordinals = scan.ordinal().min(end)..end;
            let bytes = rest..footer.records_end;
            let kind = Kind::Invalid(ordinals);
            found.last_write.push_back(Piece { bytes, kind });
        }
        found.settle(|_| true);
    }
    found.footer = footer;
    found.unreadable = scan.unreadable().clone();
    Ok(found)
}

impl Examined {
    fn settle(&mut self, is_settled: impl Fn(&Piece) -> bool) {
        while let Some(piece) = self.last_write.pop_front_if(|it| is_settled(it)) {
            self.settled.add(piece);
        }
    }

    /// Everything, where the segment is known to have been synced.
    pub(super) fn all(mut self) -> Tally {
        self.settle(|_| true);
        self.settled
    }
}
