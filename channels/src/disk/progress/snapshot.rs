//! Writing everything anew now and then, so that what is stale can be removed.
//!
//! A snapshot is one joined batch at the start of a fresh segment, or several where it is large. With it there is a new
//! *generation*: the one before is kept until the next snapshot, so that a record of a snapshot that
//! is damaged falls back to an earlier one; those before that are removed.
//!
//! A snapshot is never needed for what was asked: without room for one, ordinary writes go on in
//! what room their segment has, and it is tried again after some more of them.

use super::super::log::{LogError, SegmentInfo};
use super::state::State;
use super::{Progress, format};
use crate::telemetry;

/// What the log adds to a record, and the least that one takes up.
pub(super) const RECORD_BYTES_MIN: u64 = 32;
/// What a segment begins with, which holds no records.
const SEGMENT_HEAD_BYTES: u64 = 4 << 10;
/// A snapshot is made once this many times its size was written since the last one began.
const STALE_TIMES: u64 = 3;
/// A snapshot is made when the log is opened with more segments of one generation than this: each
/// start of the process has made one, however little is in it.
const SEGMENTS_MAX: usize = 16;
/// What part of a segment is written before the next try to make a snapshot.
const TRY_AGAIN_PARTS: u64 = 16;

/// How many bytes of the log a record takes up.
pub(super) fn record_bytes(payload_bytes: usize) -> u64 {
    RECORD_BYTES_MIN + payload_bytes.next_multiple_of(8) as u64
}

/// Where the present generation begins, and how far it has gone.
#[derive(Debug, Default)]
pub(super) struct Generations {
    /// The offset of the latest snapshot's first record; 0 if there is none.
    pub(super) from: u64,
    /// What was written from there on.
    pub(super) written_bytes: u64,
    /// How much must be written before it is looked whether a snapshot is due.
    look_at_bytes: u64,
    /// Whether one is due, however little is stale.
    is_due: bool,
    pub(super) has_failed: bool,
}

impl Generations {
    /// The record at `offset` begins a snapshot.
    pub(super) fn begin(&mut self, offset: u64) {
        *self = Generations {
            from: offset,
            ..Generations::default()
        };
    }

    /// All was read. Behind damage a snapshot puts what is left where it is whole.
    pub(super) fn opened(&mut self, segments: &[SegmentInfo], is_damaged: bool) {
        let of_this = segments.iter().filter(|it| it.end > self.from);
        self.is_due = is_damaged || of_this.count() > SEGMENTS_MAX;
    }
}

impl Progress {
    /// Makes a snapshot if one is due. That it can't be made harms nobody.
    pub(super) fn refresh(&mut self, now_ms: i64) {
        let generations = &self.generations;
        let half = if generations.is_due {
            0
        } else {
            self.room_bytes() / 2
        };
        if generations.written_bytes < half.max(generations.look_at_bytes) {
            return;
        }
        if let Err(error) = self.snapshot(now_ms) {
            if !std::mem::replace(&mut self.generations.has_failed, true) {
                telemetry::no_snapshot(&error);
            }
            let part = self.room_bytes() / TRY_AGAIN_PARTS;
            let generations = &mut self.generations;
            generations.look_at_bytes = generations.written_bytes + part;
        }
    }

    /// What a segment has room for, but for the few bytes that it ends with.
    fn room_bytes(&self) -> u64 {
        self.segment_bytes.saturating_sub(SEGMENT_HEAD_BYTES)
    }

    fn snapshot(&mut self, now_ms: i64) -> Result<(), LogError> {
        let size_bytes = self.all().map(|it| record_bytes(it.len())).sum::<u64>();
        let stale_enough = size_bytes.saturating_mul(STALE_TIMES);
        if !self.generations.is_due && self.generations.written_bytes < stale_enough {
            self.generations.look_at_bytes = stale_enough;
            return Ok(());
        }

        // One that does not fit a common segment gets one of its own when it is appended.
        if size_bytes < self.room_bytes() / 2 {
            self.log.roll(now_ms)?;
        }
        let from = self.write_all(now_ms)?;
        let before = self.generations.from;
        self.generations.begin(from);
        self.generations.written_bytes = size_bytes;
        self.remove_before(before);
        Ok(())
    }

    /// Writes everything, and says where it begins. A crash between two parts costs nothing: what was
    /// there before is still there, and whoever is not written anew yet stands where it stood.
    fn write_all(&mut self, now_ms: i64) -> Result<u64, LogError> {
        self.batch.clear();
        let mut from = None;
        let state = std::mem::take(&mut self.state);
        let written = records(&state).try_for_each(|record| {
            if !self.has_room_for(&record) {
                self.write_part(&mut from)?;
            }
            self.add(&record, now_ms)
        });
        self.state = state;
        written?;
        self.write_part(&mut from)?;
        Ok(from.unwrap_or_default())
    }

    fn write_part(&mut self, from: &mut Option<u64>) -> Result<(), LogError> {
        let offsets = self.log.append(&mut self.batch)?;
        self.log.sync()?;
        from.get_or_insert(offsets.start);
        self.batch.clear();
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = Vec<u8>> {
        records(&self.state)
    }

    /// Removes the segments all of whose records lie before an offset, as far as that is possible
    /// now. What is left is removed the next time.
    fn remove_before(&mut self, offset: u64) {
        let segments = self.log.segments();
        for (segment, next) in segments.iter().zip(segments.iter().skip(1)) {
            if next.base > offset || self.log.remove_segment(segment.base).is_err() {
                break;
            }
        }
    }
}

/// All there is, as a snapshot has it.
fn records(state: &State) -> impl Iterator<Item = Vec<u8>> {
    let numbers = state.standings.keys().copied();
    let busy = state.busy_after(&[]);
    let begin = format::snapshot(state.next_number, numbers);
    let floor = format::floor(state.floor, &busy);
    let standings = state.standings.values().map(format::standing);
    [begin, floor].into_iter().chain(standings)
}
