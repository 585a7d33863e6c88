//! The format on disk, version 1. Numbers are little-endian, checksums CRC-32 (IEEE).
//!
//! A log is a directory:
//!
//! | Name | What it is |
//! |---|---|
//! | `{base}.log` | a segment; `base` is the offset of its first record, in 20 digits |
//! | `{from}-{to}.removed` | an empty file: the records from `from` up to `to` were removed |
//! | `spare` | room for the next segment; what it holds means nothing |
//! | `lock` | locked by whoever has the log open |
//!
//! A segment:
//!
//! | From byte | What |
//! |---|---|
//! | 0 | the header of the segment, 64 bytes, then zeros |
//! | 2,048 | the same again, then zeros: one flipped bit must not cost a segment |
//! | 4,096 | records, one after the other, each at a multiple of 8 |
//! | the end of the records | the footer, if the segment is sealed; else what room is left |
//!
//! Multiples of 8 cost 4 bytes a record and spare seven eighths of the places to try when a valid
//! record is looked for behind damage. Multiples of a sector would keep each record from sharing
//! one with another, but what shares a sector with a synced record is protected by its checksum
//! as it is, and padding would cost a fifth of the space at 1 KiB.
//!
//! See [`SegmentHeader`], [`RecordHeader`] and [`Footer`] for the fields. What
//! has another version is refused, never taken for damage.

pub(super) mod footer;
pub(super) mod names;
mod record;
mod segment_header;

pub(super) use self::footer::{Footer, INDEX_EVERY_BYTES, IndexEntry};
pub(super) use self::record::{RecordHeader, padded};
pub(super) use self::segment_header::{Decoded, SegmentHeader};

/// The version that is written, and the only one so far.
pub(super) const VERSION: u32 = 1;
/// Where the first record of a segment begins.
pub(super) const RECORDS_AT: u64 = 4_096;
/// The length of a record's header.
pub(super) const RECORD_HEADER_BYTES: usize = 32;
/// Every record begins at a multiple of this.
pub(super) const ALIGNMENT: u64 = 8;
/// The same as a length.
const ALIGNMENT_BYTES: usize = 8;
/// The most that one record may hold: 16 MiB.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// The most that one batch may hold, headers included: 256 MiB.
pub const BATCH_BYTES_MAX: usize = 256 << 20;

/// What makes the records of one segment its own: a random salt goes into every checksum, so that
/// bytes of another segment, or what a disk held before, never pass for records, and nobody who can
/// write a payload can write a record into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The offset of the first record.
    pub(super) base: u64,
    /// What each record begins with. Never zero.
    pub(super) marker: u32,
    seed: u32,
}

impl Identity {
    pub(super) fn new(base: u64, salt: u64) -> Self {
        let salt = salt.to_le_bytes();
        let [.., a, b, c, d] = salt;
        Identity {
            base,
            marker: u32::from_le_bytes([a | 1, b, c, d]),
            seed: crc(&[&salt, &base.to_le_bytes()]),
        }
    }

    /// The checksum of `bytes` at this place of this segment.
    fn crc(&self, position: u64, bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.seed);
        hasher.update(&position.to_le_bytes());
        hasher.update(bytes);
        hasher.finalize()
    }
}

/// The checksum of some parts, one after the other.
pub(super) fn crc(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// How many records a segment with room for `capacity` bytes can hold at most.
pub(super) fn records_max(capacity: u64) -> u64 {
    capacity / RECORD_HEADER_BYTES as u64
}

/// The fixed numbers in a header, read one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self
            .0
            .split_first_chunk::<N>()
            .expect("every header is as long as the sum of its fields");
        self.0 = rest;
        *taken
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.take())
    }
}
