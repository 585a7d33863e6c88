//! What is on the disk becomes a state.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::super::super::{Counts, State};
use super::Stores;
use crate::Timestamp;
use crate::disk::kept::{Kept, KeptOptions};
use crate::disk::log::SegmentInfo;
use crate::disk::progress::{Progress, ProgressOptions};
use crate::disk::simulated::SimulatedDisk;

pub(super) fn open(
    disk: &SimulatedDisk,
    segments: &[Range<u64>],
    tail: u64,
    buffer_bytes: u64,
    now: Timestamp,
) -> (State, Stores) {
    let files = || Arc::new(disk.clone());
    let options = ProgressOptions {
        segment_bytes: 64 << 10,
        ..ProgressOptions::default()
    };
    let opened = Progress::open(files(), Path::new("/progress"), options);
    let (progress, recovered) = opened.expect("it can be opened");
    let is_known = |number| recovered.standings.iter().any(|it| it.number == number);
    let options = KeptOptions {
        segment_bytes: 64 << 10,
        ..KeptOptions::default()
    };
    let opened = Kept::open(files(), Path::new("/kept"), options, &is_known);
    let (kept, entries, _) = opened.expect("it can be opened");
    let infos: Vec<_> = segments.iter().map(segment).collect();
    let counts = Counts::new(&infos, &[], recovered.floor, tail);
    let mut state = State::new(counts, tail, recovered.next_number, buffer_bytes);
    for standing in &recovered.standings {
        state.restore(standing, now);
    }
    for entry in &entries {
        state.restore_kept(entry);
    }
    state.restored();
    (state, Stores { progress, kept })
}

fn segment(offsets: &Range<u64>) -> SegmentInfo {
    SegmentInfo {
        base: offsets.start,
        end: offsets.end,
        records: offsets.end - offsets.start,
        size_bytes: 1,
        used_bytes: 0,
        timestamps_ms: None,
        is_sealed: true,
        damage: Vec::new(),
    }
}
