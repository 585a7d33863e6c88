//! Going through the records of one segment, past whatever is damaged.
//!
//! A place holds a record if its header is valid there: marker, place, base and salt go into the
//! header's checksum. Where none is, the next valid header is looked for at every later place, which
//! looks at each byte once. Whoever asks decides what an invalid stretch means; here nobody knows.

use std::io;
use std::ops::Range;

use super::super::files::{OpenFile, read_full_at};
use super::blocks::{Unreadable, read_past_bad};
use super::format::{
    ALIGNMENT, Identity, IndexEntry, RECORD_HEADER_BYTES, RECORDS_AT, RecordHeader, crc,
};

/// A walk through a segment from some record on.
#[derive(Debug)]
pub(super) struct Scan {
    identity: Identity,
    window: Window,
    position: u64,
    /// The lowest number that the next record can have.
    ordinal: u32,
    /// Whether it must be that number, or records are missing. Not so behind a filler.
    is_exact: bool,
}

/// Where a walk stood.
#[derive(Debug)]
pub(super) struct Mark {
    position: u64,
    ordinal: u32,
    is_exact: bool,
}

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole record. Its payload is [`Scan::payload`] until the next step.
    Record {
        header: RecordHeader,
        position: u64,
        payload: Range<usize>,
    },
    /// A stretch that recovery has closed.
    Filler { header: RecordHeader, position: u64 },
    /// These bytes are not what was written, and these numbers are missing.
    Invalid {
        bytes: Range<u64>,
        ordinals: Range<u32>,
    },
    /// From here to the limit there is no record.
    Nothing { from: u64 },
}

impl Scan {
    pub(super) fn new(identity: Identity, chunk_bytes: usize) -> Self {
        Scan {
            identity,
            window: Window::new(chunk_bytes),
            position: RECORDS_AT,
            ordinal: 0,
            is_exact: true,
        }
    }

    /// Goes on at a place where a record with this number begins, or will.
    pub(super) fn go_to(&mut self, place: IndexEntry) {
        self.skip_to(u64::from(place.position), u64::from(place.ordinal));
    }

    /// Goes on at a place that nothing is known of but the number of the next record there.
    pub(super) fn skip_to(&mut self, position: u64, ordinal: u64) {
        self.position = position;
        self.ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
        self.is_exact = true;
    }

    /// Takes what the device cannot read for damage from now on.
    pub(super) fn pass_over_unreadable(&mut self) {
        self.window.passes_over = true;
    }

    /// Takes no more of it for damage.
    pub(super) fn stop_at_unreadable(&mut self) {
        self.window.passes_over = false;
        self.forget_unreadable();
    }

    /// What was passed over so far has been looked at.
    pub(super) fn forget_unreadable(&mut self) {
        self.window.unreadable = Unreadable::default();
    }

    /// Where it stands, to come back to.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            position: self.position,
            ordinal: self.ordinal,
            is_exact: self.is_exact,
        }
    }

    /// Comes back to where it stood, and forgets all that was read since.
    pub(super) fn go_back(&mut self, mark: &Mark) {
        self.position = mark.position;
        self.ordinal = mark.ordinal;
        self.is_exact = mark.is_exact;
        self.window.buffer.clear();
        self.forget_unreadable();
    }

    /// Where bytes were passed over that the device cannot read.
    pub(super) fn unreadable(&self) -> &Unreadable {
        &self.window.unreadable
    }

    /// The number of the next record, or less.
    pub(super) fn ordinal(&self) -> u32 {
        self.ordinal
    }

    pub(super) fn payload(&self, range: Range<usize>) -> &[u8] {
        &self.window.buffer[range]
    }

    /// What is next among the bytes before `limit`. Asked again after [`Found::Nothing`], with a
    /// higher limit, it looks at the same place.
    pub(super) fn next(&mut self, file: &dyn OpenFile, limit: u64) -> io::Result<Found> {
        let position = self.position;
        let Some(header) = self.header_at(file, position, limit)? else {
            return self.resume(file, limit);
        };
        if self.is_exact && header.ordinal > self.ordinal {
            return Ok(self.missing(position..position, header.ordinal));
        }
        let end = position + header.record_bytes();
        if header.is_filler {
            self.position = end;
            self.is_exact = false;
            return Ok(Found::Filler { header, position });
        }

        let from = position + RECORD_HEADER_BYTES as u64;
        let payload = self
            .window
            .view(file, from..from + u64::from(header.payload_bytes), limit)?
            .filter(|it| crc(&[&self.window.buffer[it.clone()]]) == header.payload_crc);
        // Only now: where the payload cannot be read, asking again must ask for the same record.
        self.position = end;
        let ordinals = header.ordinal..header.ordinal + 1;
        self.ordinal = ordinals.end;
        self.is_exact = true;
        Ok(match payload {
            Some(payload) => Found::Record {
                header,
                position,
                payload,
            },
            None => Found::Invalid {
                bytes: position..self.position,
                ordinals,
            },
        })
    }

    /// The next valid header behind an invalid place, if there is one.
    fn resume(&mut self, file: &dyn OpenFile, limit: u64) -> io::Result<Found> {
        let from = self.position;
        let mut position = from;
        while let Some(found) = self
            .window
            .find(file, position, self.identity.marker, limit)?
        {
            if let Some(header) = self.header_at(file, found, limit)? {
                self.position = found;
                return Ok(self.missing(from..found, header.ordinal));
            }
            position = found + ALIGNMENT;
        }
        Ok(Found::Nothing { from })
    }

    /// Invalid bytes up to a record with this number.
    fn missing(&mut self, bytes: Range<u64>, ordinal: u32) -> Found {
        let first = if self.is_exact { self.ordinal } else { ordinal };
        self.ordinal = ordinal;
        self.is_exact = true;
        let ordinals = first..ordinal;
        Found::Invalid { bytes, ordinals }
    }

    /// The header at `position`, if it is valid, its record ends before the limit, and its number
    /// can stand there.
    fn header_at(
        &mut self,
        file: &dyn OpenFile,
        position: u64,
        limit: u64,
    ) -> io::Result<Option<RecordHeader>> {
        let end = position + RECORD_HEADER_BYTES as u64;
        let Some(range) = self.window.view(file, position..end, limit)? else {
            return Ok(None);
        };
        let bytes = self.window.buffer[range].first_chunk();
        let header = bytes.and_then(|it| RecordHeader::decode(it, &self.identity, position));
        Ok(header.filter(|it| it.ordinal >= self.ordinal && position + it.record_bytes() <= limit))
    }
}

/// Some bytes of a file, read in large pieces.
#[derive(Debug)]
struct Window {
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    start: u64,
    chunk_bytes: usize,
    /// Whether blocks that cannot be read are taken for zeros.
    passes_over: bool,
    unreadable: Unreadable,
}

impl Window {
    fn new(chunk_bytes: usize) -> Self {
        Window {
            buffer: Vec::new(),
            start: 0,
            chunk_bytes,
            passes_over: false,
            unreadable: Unreadable::default(),
        }
    }

    /// Where in the buffer these bytes of the file are. `None` if the limit or the file's end
    /// comes before theirs.
    fn view(
        &mut self,
        file: &dyn OpenFile,
        bytes: Range<u64>,
        limit: u64,
    ) -> io::Result<Option<Range<usize>>> {
        if bytes.end > limit {
            return Ok(None);
        }
        if bytes.start < self.start || bytes.end > self.start + self.buffer.len() as u64 {
            let wanted = length_of(&bytes).max(self.chunk_bytes);
            self.fill(file, bytes.start, wanted, limit)?;
        }
        let from = length_of(&(self.start..bytes.start));
        let range = from..from + length_of(&bytes);
        Ok((range.end <= self.buffer.len()).then_some(range))
    }

    /// The first place from `position` on, before the limit, that holds the marker.
    fn find(
        &mut self,
        file: &dyn OpenFile,
        mut position: u64,
        marker: u32,
        limit: u64,
    ) -> io::Result<Option<u64>> {
        loop {
            let Some(first) = self.view(file, position..position + ALIGNMENT, limit)? else {
                return Ok(None);
            };
            let bytes = &self.buffer[first.start..];
            let marker = marker.to_le_bytes();
            let mut places = (position..).step_by(8).zip(bytes.chunks_exact(8));
            if let Some((place, _)) = places.find(|(_, it)| it.starts_with(&marker)) {
                return Ok(Some(place));
            }
            position += bytes.len() as u64 / ALIGNMENT * ALIGNMENT;
        }
    }

    fn fill(
        &mut self,
        file: &dyn OpenFile,
        position: u64,
        wanted: usize,
        limit: u64,
    ) -> io::Result<()> {
        let length = wanted.min(length_of(&(position..limit)));
        self.start = position;
        self.buffer.resize(length, 0);
        let read = if self.passes_over {
            read_past_bad(file, &mut self.buffer, position, &mut self.unreadable)
        } else {
            read_full_at(file, &mut self.buffer, position)
        };
        // What could not be read must not pass for what was there.
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        read.map(drop)
    }
}

/// How long a stretch of a segment is. It fits: a segment is shorter than 4 GiB.
fn length_of(bytes: &Range<u64>) -> usize {
    usize::try_from(bytes.end.saturating_sub(bytes.start)).unwrap_or(usize::MAX)
}
