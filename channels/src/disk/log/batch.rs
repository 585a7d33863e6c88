//! Records on their way into the log.

use super::format::{
    BATCH_BYTES_MAX, INDEX_EVERY_BYTES, Identity, IndexEntry, PAYLOAD_BYTES_MAX,
    RECORD_HEADER_BYTES, RecordHeader, padded,
};

/// Records that are appended together, already laid out as they will stand in the file: appending
/// them is one write. It keeps its memory when it is cleared, so whoever appends again and again
/// keeps one.
///
/// ```
/// use sluicegate_channels::disk::log::Batch;
///
/// let mut batch = Batch::new();
/// batch.push(1_700_000_000_000, &[b"one part", b", another"])?;
/// batch.push(1_700_000_000_001, &[b"first of two"])?;
/// batch.push_joined(1_700_000_000_001, &[b"second of two"])?;
/// assert_eq!(batch.len(), 3);
/// # Ok::<(), sluicegate_channels::disk::log::TooLarge>(())
/// ```
#[derive(Debug, Default)]
pub struct Batch {
    /// Records with headers that are whole but for what only the segment knows.
    bytes: Vec<u8>,
    headers: Vec<RecordHeader>,
}

/// A record is larger than a log takes, or a batch has become so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of {payload_bytes} bytes cannot be added: {limit} are at most {bytes_max} bytes")]
pub struct TooLarge {
    /// How long the record is.
    pub payload_bytes: usize,
    limit: &'static str,
    bytes_max: usize,
}

/// What a segment has to know about a batch once it is written.
pub(super) struct Stamped {
    pub(super) index: Vec<IndexEntry>,
    pub(super) earliest_ms: i64,
    pub(super) latest_ms: i64,
}

/// Where a batch is to stand.
pub(super) struct Standing<'a> {
    pub(super) identity: &'a Identity,
    pub(super) position: u64,
    /// The number of the first record in its segment.
    pub(super) ordinal: u32,
    /// Up to where the segment is durable.
    pub(super) synced: u64,
    /// The place of the last entry of the index.
    pub(super) indexed: Option<u64>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record that stands for itself. Its payload is the `parts`, one after the other, at
    /// most 16 MiB in all; `timestamp_ms` is handed back as it is.
    ///
    /// # Errors
    ///
    /// [`TooLarge`], and nothing is added.
    pub fn push(&mut self, timestamp_ms: i64, parts: &[&[u8]]) -> Result<(), TooLarge> {
        self.add(timestamp_ms, parts, false)
    }

    /// Adds a record that belongs with the one before: after a crash both are there or neither.
    /// The first record of a batch stands for itself all the same.
    ///
    /// # Errors
    ///
    /// [`TooLarge`], and nothing is added: the record before now stands for itself.
    pub fn push_joined(&mut self, timestamp_ms: i64, parts: &[&[u8]]) -> Result<(), TooLarge> {
        self.add(timestamp_ms, parts, true)
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.headers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// How many bytes they will take up in the file.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes a record takes up in a file, whose payload is so long.
    #[must_use]
    pub fn record_bytes(payload_bytes: usize) -> usize {
        RECORD_HEADER_BYTES + padded(payload_bytes)
    }

    /// Whether a record may have a payload so long.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub fn check(payload_bytes: usize) -> Result<(), TooLarge> {
        if payload_bytes > PAYLOAD_BYTES_MAX {
            return Err(TooLarge {
                payload_bytes,
                limit: "records",
                bytes_max: PAYLOAD_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// Removes all records and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.headers.clear();
    }

    fn add(&mut self, timestamp_ms: i64, parts: &[&[u8]], joined: bool) -> Result<(), TooLarge> {
        let payload_bytes = parts.iter().map(|it| it.len()).sum();
        Self::check(payload_bytes)?;
        let start = self.bytes.len();
        let end = start + Self::record_bytes(payload_bytes);
        if end > BATCH_BYTES_MAX {
            return Err(TooLarge {
                payload_bytes,
                limit: "batches",
                bytes_max: BATCH_BYTES_MAX,
            });
        }

        let mut hasher = crc32fast::Hasher::new();
        self.bytes.resize(start + RECORD_HEADER_BYTES, 0);
        for part in parts {
            hasher.update(part);
            self.bytes.extend_from_slice(part);
        }
        self.bytes.resize(end, 0);

        let is_joined = joined && !self.headers.is_empty();
        if let Some(before) = self.headers.last_mut() {
            before.has_more = is_joined;
        }
        self.headers.push(RecordHeader {
            payload_bytes: u32::try_from(payload_bytes).expect("it is at most 16 MiB"),
            has_more: false,
            is_joined,
            is_filler: false,
            ordinal: 0,
            unsynced_bytes: 0,
            timestamp_ms,
            payload_crc: hasher.finalize(),
        });
        Ok(())
    }

    /// Writes what only the segment knows into the headers. It may be done again for another place.
    pub(super) fn stamp(&mut self, at: &Standing<'_>) -> Stamped {
        let mut stamped = Stamped {
            index: Vec::new(),
            earliest_ms: i64::MAX,
            latest_ms: i64::MIN,
        };
        let mut indexed = at.indexed;
        let (mut ordinal, mut position) = (at.ordinal, at.position);
        let mut bytes = self.bytes.as_mut_slice();
        let short = |it: u64| u32::try_from(it).expect("a segment is shorter than 4 GiB");
        for header in &mut self.headers {
            header.ordinal = ordinal;
            header.unsynced_bytes = short(position - at.synced);
            let record_bytes = Self::record_bytes(header.payload_bytes as usize);
            let (record, rest) = bytes.split_at_mut(record_bytes);
            record[..RECORD_HEADER_BYTES].copy_from_slice(&header.encode(at.identity, position));
            bytes = rest;

            if indexed.is_none_or(|last| position >= last + INDEX_EVERY_BYTES) {
                indexed = Some(position);
                let position = short(position);
                stamped.index.push(IndexEntry { ordinal, position });
            }
            stamped.earliest_ms = stamped.earliest_ms.min(header.timestamp_ms);
            stamped.latest_ms = stamped.latest_ms.max(header.timestamp_ms);
            ordinal += 1;
            position += header.record_bytes();
        }
        stamped
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn first_timestamp_ms(&self) -> i64 {
        self.headers.first().map_or(0, |it| it.timestamp_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_too_large_is_refused_and_nothing_is_added() {
        let mut batch = Batch::new();
        let largest = vec![1; PAYLOAD_BYTES_MAX];
        assert_eq!(batch.push(0, &[&largest]), Ok(()));
        let refused = batch.push(0, &[&largest, b"1"]).expect_err("it is larger");
        assert_eq!(
            refused.to_string(),
            "a record of 16777217 bytes cannot be added: records are at most 16777216 bytes"
        );
        assert_eq!(batch.len(), 1);
    }

    #[test]
    fn a_batch_is_bounded() {
        let mut batch = Batch::new();
        let part = vec![1; PAYLOAD_BYTES_MAX];
        let mut added = 0;
        while batch.push(0, &[&part]).is_ok() {
            added += 1;
        }
        assert_eq!(added, BATCH_BYTES_MAX / (PAYLOAD_BYTES_MAX + 32));
        batch.clear();
        assert!(batch.is_empty() && batch.size_bytes() == 0);
    }

    #[test]
    fn flags_join_a_record_with_the_one_before() {
        let mut batch = Batch::new();
        batch.push_joined(0, &[]).expect("it is small");
        batch.push_joined(0, &[]).expect("it is small");
        batch.push(0, &[]).expect("it is small");
        let flags: Vec<_> = batch
            .headers
            .iter()
            .map(|it| (it.is_joined, it.has_more))
            .collect();
        assert_eq!(flags, [(false, true), (true, false), (false, false)]);
    }
}
