//! Progress on a simulated disk, and standings to write.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{
    Change, Exception, Floor, Progress, ProgressError, ProgressOptions, Recovered, Standing, Tally,
};
use crate::disk::simulated::SimulatedDisk;

pub(super) const DIR: &str = "/progress";

/// The smallest segments there are, so that a few writes fill one.
pub(super) const SEGMENT_BYTES: u64 = 8 << 10;

pub(super) fn options() -> ProgressOptions {
    ProgressOptions {
        segment_bytes: SEGMENT_BYTES,
        salts: fastrand::Rng::with_seed(1),
        ..ProgressOptions::default()
    }
}

pub(super) fn try_open(disk: &SimulatedDisk) -> Result<(Progress, Recovered), ProgressError> {
    Progress::open(Arc::new(disk.clone()), Path::new(DIR), options())
}

pub(super) fn open(disk: &SimulatedDisk) -> (Progress, Recovered) {
    try_open(disk).unwrap_or_else(|error| panic!("{error}"))
}

/// Opens it so that little is written at once.
pub(super) fn open_in_parts(disk: &SimulatedDisk, part_bytes: usize) -> (Progress, Recovered) {
    let options = ProgressOptions {
        part_bytes,
        ..options()
    };
    let opened = Progress::open(Arc::new(disk.clone()), Path::new(DIR), options);
    opened.unwrap_or_else(|error| panic!("{error}"))
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

pub(super) fn name(number: u64) -> Arc<str> {
    format!("default/trigger-{number}/uid").into()
}

pub(super) fn idle(number: u64, reads_on_from: u64) -> Standing {
    Standing {
        number,
        name: name(number),
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

/// The files that hold records, in order.
pub(super) fn segments(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let names = disk.names(Path::new(DIR)).into_iter();
    let segments = names.filter(|it| it.ends_with(".log"));
    segments.map(|it| Path::new(DIR).join(it)).collect()
}

/// A number of any size, small ones more often than by chance.
pub(super) fn any_number(rng: &mut fastrand::Rng) -> u64 {
    rng.u64(..) >> rng.u32(..64)
}

/// Any standing that is valid.
pub(super) fn any_standing(rng: &mut fastrand::Rng) -> Standing {
    let mut offsets: Vec<u64> = (0..rng.usize(..9)).map(|_| any_number(rng)).collect();
    offsets.sort_unstable();
    offsets.dedup();
    offsets.retain(|it| *it < u64::MAX);
    let is_idle = rng.bool();
    if is_idle {
        offsets.clear();
    }
    let least = offsets.last().map_or(0, |it| it + 1);
    let exception = |rng: &mut fastrand::Rng, offset| Exception {
        offset,
        sends: rng.u32(..) >> rng.u32(..32),
        redriven_at_ms: any_number(rng).cast_signed(),
    };
    let exceptions = offsets.into_iter().map(|it| exception(rng, it)).collect();
    let reason = |rng: &mut fastrand::Rng| (any_text(rng), any_number(rng));
    Standing {
        number: any_number(rng),
        name: any_text(rng),
        began: any_number(rng),
        reads_on_from: least.max(any_number(rng)),
        is_idle,
        exceptions,
        tally: Tally {
            delivered: any_number(rng),
            dead_lettered: any_number(rng),
            cancelled: any_number(rng),
            expired: any_number(rng),
            replayed: any_number(rng),
            undecided: any_number(rng),
            discarded_by: (0..rng.usize(..3)).map(|_| reason(rng)).collect(),
        },
        is_paused: rng.bool(),
    }
}

fn any_text(rng: &mut fastrand::Rng) -> Arc<str> {
    let text: String = (0..rng.usize(..20)).map(|_| rng.char(..)).collect();
    text.into()
}
