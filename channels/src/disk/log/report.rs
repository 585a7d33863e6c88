//! What a log says of itself: what opening it found, what is damaged, which segments there are.

use std::ops::Range;

use crate::LostEvents;

/// What opening a log found.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Segments that there are.
    pub segments: usize,
    /// Records in them that can be read, as far as this is known without reading all of them.
    pub records: u64,
    /// The offset that the next record will have, or more. Above every offset ever given.
    pub next: u64,
    /// Whether the log had been closed. If not, the newest segment was put in order.
    pub was_closed: bool,
    /// Bytes at the end of the newest segment that were no whole record and were cut: what was
    /// being written, and not acknowledged, when it ended.
    pub torn_bytes: u64,
    /// What is not as it was written, oldest first.
    pub damage: Vec<Damage>,
}

/// A place where records are missing, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// The base of the segment; with [`DamageKind::SegmentMissing`] the first missing offset.
    pub segment: u64,
    /// Which bytes of its file are not what was written. They are left as they are.
    pub bytes: Range<u64>,
    /// Which offsets are not to be had. Empty where nothing is lost.
    pub offsets: Range<u64>,
    /// How many of them records had.
    pub given: Given,
}

/// How many of some offsets records had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// All of them.
    All,
    /// All of them or fewer: after an unclean end some are left out, and what was being written then
    /// may never have been acknowledged.
    AtMost,
    /// Any number: they are all that the newest segment could have come to.
    Unknown,
}

impl Damage {
    /// How many records it has taken.
    #[must_use]
    pub fn lost(&self) -> LostEvents {
        let count = self.offsets.end.saturating_sub(self.offsets.start);
        match self.given {
            Given::All => LostEvents::exactly(count),
            Given::AtMost => LostEvents::at_most(count),
            Given::Unknown => LostEvents::unknown(),
        }
    }
}

impl Damage {
    /// Whether all that the other tells of is a part of this.
    pub(super) fn covers(&self, other: &Damage) -> bool {
        let lies_in = |inner: &Range<u64>, outer: &Range<u64>| {
            outer.start <= inner.start && inner.end <= outer.end
        };
        if other.offsets.is_empty() {
            self.kind == other.kind && lies_in(&other.bytes, &self.bytes)
        } else {
            lies_in(&other.offsets, &self.offsets)
        }
    }

    /// Becomes a stretch that reaches from one to the other, of which nobody knows how much is damaged.
    pub(super) fn reach(&mut self, other: &Damage) {
        self.join(other);
        self.given = match (self.given, other.given) {
            (Given::Unknown, _) | (_, Given::Unknown) => Given::Unknown,
            (Given::All | Given::AtMost, Given::All | Given::AtMost) => Given::AtMost,
        };
    }

    fn join(&mut self, other: &Damage) {
        let joined = |a: &Range<u64>, b: &Range<u64>| a.start.min(b.start)..a.end.max(b.end);
        self.offsets = joined(&self.offsets, &other.offsets);
        self.bytes = joined(&self.bytes, &other.bytes);
    }

    /// Becomes the whole of both, if they are of one kind and of some of the same records; says whether
    /// they are.
    pub(super) fn take_in(&mut self, other: &Damage) -> bool {
        let is_one = self.kind == other.kind
            && self.given == other.given
            && self.offsets.start < other.offsets.end
            && other.offsets.start < self.offsets.end;
        if is_one {
            self.join(other);
        }
        is_one
    }
}

/// What is wrong at a damaged place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// Bytes that had been synced are not what was written, or cannot be read and were
    /// [passed over](super::Reader::pass_over). What follows is intact.
    Records,
    /// Bytes in the middle of the very last write are not what was written, and records after them
    /// are. A power cut does this to what was never acknowledged; if the write had been synced,
    /// acknowledged records are gone. Their place is passed over from now on.
    LastWrite,
    /// The file ends earlier than it was made.
    CutOff,
    /// The device cannot read where the newest segment ends: records may have stood there, or only the
    /// footer.
    EndUnreadable,
    /// One of the two copies of a segment's header; the other serves.
    HeaderCopy,
    /// Both copies of a segment's header, without which no record in it can be told from chance.
    Header,
    /// A whole segment is not there and was not removed by the log.
    SegmentMissing,
}

/// A segment, as far as it is synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// The offset of its first record, and its name.
    pub base: u64,
    /// The offset behind its last record.
    pub end: u64,
    /// Records in it that can be read, as far as is known.
    pub records: u64,
    /// What it takes up, or was given, on the disk.
    pub size_bytes: u64,
    /// What its records take up, as far as they are synced.
    pub used_bytes: u64,
    /// The earliest and the latest timestamp of its records; `None` without records.
    pub timestamps_ms: Option<(i64, i64)>,
    /// Whether it takes no more records.
    pub is_sealed: bool,
    /// Damage found when the log was opened, and since then by readers.
    pub damage: Vec<Damage>,
}
