//! Damage that readers come upon: who is told, how often, and how much is counted.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::{Damage, Log, LogOptions};
use super::support::{self, DIR, FIRST, batch, four, open, read, segment};
use crate::LostEvents;
use crate::disk::simulated::SimulatedDisk;
use crate::telemetry::logged;

#[test]
fn whoever_asked_for_it_is_told_of_damage_once_and_nobody_else_is() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    disk.tamper(&segment(0), |bytes| bytes[FIRST + 40] ^= 1);
    let lines = logged(|| {
        let (log, _) = open(&disk);
        assert_eq!(read(&log.readers(), 0).damage.len(), 1);
    });
    assert_eq!(lines, [], "the log does not know what it costs");

    let told = Arc::new(Mutex::new(Vec::new()));
    let to_tell = Arc::clone(&told);
    // An opening that finds the mark knows of the damage, and tells of it itself.
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.damage.len(), 1);
    disk.tamper(&segment(2), |bytes| bytes[FIRST + 40] ^= 1);
    let readers = log.readers().telling(move |file, damage| {
        to_tell
            .lock()
            .push((file.to_owned(), damage.offsets.clone()));
    });
    for _ in 0..3 {
        assert_eq!(read(&readers, 0).damage.len(), 2);
    }
    assert_eq!(*told.lock(), [(segment(2), 2..3)]);
}

#[test]
fn more_damaged_places_than_are_kept_are_all_told_and_counted() {
    const RECORDS: usize = 2_400;
    let disk = SimulatedDisk::new(0);
    let options = LogOptions {
        segment_bytes: 256 << 10,
        ..support::options()
    };
    let opened = Log::open(Arc::new(disk.clone()), Path::new(DIR), options);
    let (mut log, _) = opened.expect("it opens");
    let payloads = [&[1; 32][..]; RECORDS];
    log.append(&mut batch(&payloads)).expect("there is room");
    log.roll(0).expect("there is room");
    disk.tamper(&segment(0), |bytes| {
        for record in (0..RECORDS).step_by(2) {
            bytes[FIRST + record * 64 + 40] ^= 1;
        }
    });
    let told = Arc::new(Mutex::new(0));
    let to_tell = Arc::clone(&told);
    let readers = log.readers().telling(move |_, _| *to_tell.lock() += 1);
    for _ in 0..2 {
        let all = read(&readers, 0);
        assert_eq!((all.records.len(), all.damage.len()), (1_200, 1_200));
        assert_eq!(*told.lock(), 1_200, "each is told once");
        let known = &log.segments()[0].damage;
        assert_eq!(known.len(), 1_000);
        let lost: LostEvents = known.iter().map(Damage::lost).sum();
        // 999 of one record each, and a stretch from the thousandth to the last.
        assert_eq!((lost.at_least, lost.at_most), (999, Some(999 + 401)));
    }
}
