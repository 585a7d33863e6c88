//! Progress on a simulated disk, and standings to write.

use std::path::Path;
use std::sync::Arc;

use super::super::{
    Change, Exception, Floor, Progress, ProgressError, ProgressOptions, Recovered, Standing, Tally,
};
use crate::disk::simulated::SimulatedDisk;

pub(super) const DIR: &str = "/progress";

/// Small segments, so that a few writes fill one.
pub(super) const SEGMENT_BYTES: u64 = 16 << 10;

pub(super) fn try_open(disk: &SimulatedDisk) -> Result<(Progress, Recovered), ProgressError> {
    let options = ProgressOptions {
        segment_bytes: SEGMENT_BYTES,
        salts: fastrand::Rng::with_seed(1),
    };
    Progress::open(Arc::new(disk.clone()), Path::new(DIR), options)
}

pub(super) fn open(disk: &SimulatedDisk) -> (Progress, Recovered) {
    try_open(disk).unwrap_or_else(|error| panic!("{error}"))
}

/// Writes, which must succeed.
pub(super) fn write(progress: &mut Progress, floor: Option<Floor>, changes: Vec<Change>) {
    let written = progress.write(floor, changes, 7);
    written.unwrap_or_else(|error| panic!("{error}"));
}

pub(super) fn floor(offset: u64) -> Floor {
    let count = offset / 2;
    Floor { offset, count }
}

pub(super) fn idle(number: u64, reads_on_from: u64) -> Standing {
    Standing {
        number,
        name: format!("default/trigger-{number}/uid").into(),
        began: 3,
        reads_on_from,
        is_idle: true,
        exceptions: Vec::new(),
        tally: Tally::default(),
        is_paused: false,
    }
}

pub(super) fn busy(number: u64, reads_on_from: u64, exceptions: &[u64]) -> Standing {
    let exception = |offset: &u64| Exception {
        offset: *offset,
        sends: 2,
        redriven_at_ms: 0,
    };
    Standing {
        is_idle: false,
        exceptions: exceptions.iter().map(exception).collect(),
        ..idle(number, reads_on_from)
    }
}

pub(super) fn put(standing: Standing) -> Change {
    Change::Put(standing)
}
