//! Damage that readers find after the opening: counted once, and found again by the next opening.

use std::sync::Arc;

use super::super::{DamageKind, Log, LogOptions};
use super::support::{DIR, FIRST, RECORD, four, open, options, put, read, segment};
use crate::LostEvents;
use crate::disk::simulated::SimulatedDisk;

/// The names of files that say where damage was found.
fn marks(disk: &SimulatedDisk) -> Vec<String> {
    let names = disk.names(std::path::Path::new(DIR)).into_iter();
    names.filter(|it| it.ends_with(".bad")).collect()
}

fn lost(log: &Log) -> LostEvents {
    let segments = log.segments();
    segments
        .iter()
        .flat_map(|it| &it.damage)
        .map(super::super::Damage::lost)
        .sum()
}

#[test]
fn damage_behind_a_whole_footer_is_found_by_a_reader_and_by_each_opening_after_it() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    let whole = disk.contents(&segment(0)).expect("it is there");
    disk.tamper(&segment(0), |bytes| bytes[FIRST + 3] ^= 1);
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.damage, [], "the footer says nothing of it");
    for _ in 0..2 {
        assert_eq!(read(&log.readers(), 0).offsets(), [1, 2, 3]);
        assert_eq!(lost(&log), LostEvents::exactly(1));
    }
    drop(log);
    for _ in 0..2 {
        let (log, recovery) = open(&disk);
        let found: Vec<_> = recovery
            .damage
            .iter()
            .map(|it| (it.kind, it.offsets.clone()))
            .collect();
        assert_eq!(found, [(DamageKind::Records, 0..1)]);
        assert_eq!(read(&log.readers(), 0).offsets(), [1, 2, 3]);
        assert_eq!(lost(&log), LostEvents::exactly(1));
        assert_eq!(marks(&disk).len(), 1);
    }
    disk.tamper(&segment(0), |bytes| *bytes = whole);
    let (log, recovery) = open(&disk);
    assert_eq!(
        (recovery.damage, lost(&log)),
        (Vec::new(), LostEvents::default())
    );
    assert_eq!(marks(&disk), [""; 0], "it was put back from a copy");
}

#[test]
fn a_segment_that_is_removed_takes_its_mark_with_it() {
    let disk = SimulatedDisk::new(0);
    let mut log = four(&disk);
    disk.tamper(&segment(0), |bytes| bytes[FIRST + 3] ^= 1);
    assert_eq!(read(&log.readers(), 0).offsets(), [1, 2, 3]);
    assert_eq!(marks(&disk).len(), 1);
    log.remove_segment(0).expect("it can be removed");
    assert_eq!(marks(&disk), [""; 0]);
}

/// Readers begin at places that the index knows, which may lie within what is damaged.
#[test]
fn parts_of_a_damaged_place_are_not_counted_beside_the_whole() {
    let disk = SimulatedDisk::new(0);
    let segment_bytes = 1 << 20;
    let options = || LogOptions {
        segment_bytes,
        ..options()
    };
    let files = || Arc::new(disk.clone());
    let (mut log, _) = Log::open(files(), DIR.as_ref(), options()).expect("it opens");
    for _ in 0..40 {
        put(&mut log, 10_000);
    }
    log.roll(0).expect("there is room");
    put(&mut log, 100);
    let bytes = FIRST + 2 * RECORD..FIRST + 300_000;
    disk.tamper(&segment(0), |it| it[bytes].fill(0xA5));
    let mut found = Vec::new();
    for from in [25, 20, 10, 0, 15, 28] {
        read(&log.readers(), from);
        found.push(lost(&log));
    }
    assert!(found.is_sorted_by_key(|it| it.at_least), "{found:?}");
    assert_eq!(found[3..], [found[3]; 3], "{found:?}");
    let gone = 41 - read(&log.readers(), 0).offsets().len() as u64;
    assert_eq!(found[3], LostEvents::exactly(gone));
}
