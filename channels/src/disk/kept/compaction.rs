//! Giving room back: what lives in the oldest segment is written anew at the end, and the segment
//! removed.
//!
//! Only the oldest: an end that stands in it ended nothing that is still in the log, so it may go.
//! What was written anew stands twice until the segment is removed, and either serves, so a crash
//! costs nothing but doing it again.

use std::ops::Range;

use super::super::log::{Item, LogError, ReadError, Reader};
use super::super::patience::{Advice, Patience};
use super::index::Index;
use super::plan::{Change, Plan, Records};
use super::record::{self, Entry, Reason, Record};
use super::{Kept, KeptKey, KeptState};
use crate::telemetry;

/// The most that one step writes, but for a last record that is longer.
const WRITTEN_BYTES_MAX: usize = 1 << 20;
/// The most that one step reads, likewise.
const READ_BYTES_MAX: usize = 8 << 20;
/// The most entries that one step writes anew because their records are lost.
const LOST_MAX: usize = 4_096;

/// How far the oldest segment has been gone through.
#[derive(Debug, Default)]
pub(super) struct Compacting {
    base: u64,
    /// The offset to read on from.
    next: u64,
    /// With steps that failed there.
    patience: Patience,
    /// Whether what cannot be read there is taken for damage.
    passes_over: bool,
}

impl Kept {
    /// Takes one step to give room back, and says whether there was one to take; then there may be
    /// more. A step writes about a mebibyte at most, reads 8, and syncs once. There is something to
    /// do while less than half of what is written lives, or nothing in the oldest segment does; of
    /// the newest segment nothing is given back.
    ///
    /// # Errors
    ///
    /// [`LogError::NoSpace`], [`LogError::Io`]: nothing is lost or changed, and the step can be
    /// tried again. What cannot be read is taken for damage after a few tries.
    /// [`LogError::Poisoned`]: nothing more can be done until the store is opened anew.
    pub fn compact(&mut self, now_ms: i64) -> Result<bool, LogError> {
        let index = self.index.read();
        let (Some((segment, oldest)), total) = (index.oldest(), index.total()) else {
            return Ok(false);
        };
        drop(index);
        if oldest.live_bytes == 0 {
            self.log.remove_segment(segment.start)?;
            self.index.write().end_segment(segment.start);
            return Ok(true);
        }
        if total.live_bytes.saturating_mul(2) >= total.all_bytes {
            return Ok(false);
        }
        if self.compacting.base != segment.start || self.compacting.next < segment.start {
            self.compacting = Compacting {
                base: segment.start,
                next: segment.start,
                ..Compacting::default()
            };
        }
        if self.compacting.next < segment.end {
            self.move_some(segment.end, now_ms)?;
        } else {
            self.replace_lost(&segment, now_ms)?;
        }
        Ok(true)
    }

    /// Writes some of what lives in the oldest segment anew.
    fn move_some(&mut self, end: u64, now_ms: i64) -> Result<(), LogError> {
        let mut reader = self.readers().reader(self.compacting.next);
        self.batch.clear();
        let index = self.index.read();
        let mut records = Records::new(&mut self.batch, now_ms);
        let passes_over = self.compacting.passes_over;
        let next = collect(&mut reader, passes_over, end, &index, &mut records);
        let plan = records.plan;
        drop(index);
        let compacting = &mut self.compacting;
        let next = next.map_err(|error| {
            let answers = || reader.device_answers();
            let advice = compacting.patience.failed_on(&error.source, answers);
            compacting.passes_over = advice == Advice::PassOver;
            in_log(error)
        })?;
        self.write_anew(&plan)?;
        self.compacting.next = next;
        self.compacting.passes_over = false;
        self.compacting.patience.succeeded();
        Ok(())
    }

    /// What still lives in a segment that was gone through is what could not be read there. Events
    /// are lost then. Entries are not, but nobody knows any more why they were kept: they are parked,
    /// for people to see.
    fn replace_lost(&mut self, segment: &Range<u64>, now_ms: i64) -> Result<(), LogError> {
        let (mut keys, events) = self.index.read().standing_at(segment);
        keys.truncate(LOST_MAX);
        self.batch.clear();
        let mut records = Records::new(&mut self.batch, now_ms);
        for key in keys {
            let entry = lost(key, now_ms);
            let put = |out: &mut Vec<u8>| record::put_entry(&entry, out);
            // They are so small and few that they fit.
            drop(records.add(Change::Entry(key), put));
        }
        let plan = records.plan;
        self.write_anew(&plan)?;
        telemetry::kept_lost(&self.dir, segment.start, plan.changes.len(), events.len());
        let mut index = self.index.write();
        for offset in events {
            index.lose_event(offset);
        }
        Ok(())
    }

    fn write_anew(&mut self, plan: &Plan) -> Result<(), LogError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let offsets = self.write()?;
        self.index.write().change(plan, offsets.start);
        Ok(())
    }
}

/// An entry of which only the name is left.
fn lost(key: KeptKey, now_ms: i64) -> Entry<'static> {
    Entry {
        key,
        accepted_at_ms: now_ms,
        redriven_at_ms: 0,
        state: KeptState::Parked {
            reason: Reason::lost(),
            sends: 0,
            parked_at_ms: now_ms,
            retry_at_ms: None,
        },
    }
}

/// Lays out what lives as it was, as far as one step goes, and says where the next goes on. Only what it
/// begins with may be passed over.
fn collect(
    reader: &mut Reader,
    passes_over: bool,
    end: u64,
    index: &Index,
    records: &mut Records<'_>,
) -> Result<u64, ReadError> {
    let (mut read_bytes, mut written_bytes) = (0, 0);
    let from = reader.position();
    while read_bytes < READ_BYTES_MAX && written_bytes < WRITTEN_BYTES_MAX {
        let at = reader.position();
        if passes_over && at == from {
            reader.pass_over();
        }
        let record = match reader.read() {
            Ok(Some(Item::Record(record))) if record.offset < end => record,
            Ok(Some(Item::Damaged(damage))) if damage.offsets.end < end => continue,
            Ok(Some(_) | None) => return Ok(end),
            // What stands before it is written; the next step begins there, with all its tries.
            Err(_) if at > from => return Ok(at),
            Err(error) => return Err(error),
        };
        read_bytes += record.payload.len();
        let Some(change) = living(record.payload, record.offset, index) else {
            continue;
        };
        written_bytes += record.payload.len();
        let put = |out: &mut Vec<u8>| out.extend_from_slice(record.payload);
        // It was a record of a log, and the bound of a step is far below that of a batch.
        drop(records.add(change, put));
    }
    Ok(reader.position())
}

/// What a record keeps alive, if it stands where that is to be found.
fn living(payload: &[u8], at: u64, index: &Index) -> Option<Change> {
    let (place, change) = match Record::decode(payload).ok()? {
        Record::Event { offset, .. } => (index.event(offset), Change::Event { offset }),
        Record::Entry(entry) => (index.entry(entry.key), Change::Entry(entry.key)),
        Record::End(_) | Record::EndAll { .. } => return None,
    };
    (place?.at == at).then_some(change)
}

fn in_log(error: ReadError) -> LogError {
    LogError::Io {
        what: "read",
        path: error.path,
        source: error.source,
    }
}
