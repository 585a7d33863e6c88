//! What opening a log finds after each way of ending.

use std::sync::Arc;

use super::super::{Batch, DamageKind, LogError, Recovery};
use super::support::{FIRST, RECORD, batch, four, open, put, read, segment, try_open};
use crate::disk::files::Files;
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

#[test]
fn a_new_directory_is_an_empty_log() {
    let disk = SimulatedDisk::new(0);
    let (log, recovery) = open(&disk);
    let expected = Recovery {
        was_closed: true,
        ..Recovery::default()
    };
    assert_eq!(recovery, expected);
    assert_eq!((log.next_offset(), log.segments()), (0, vec![]));
}

#[test]
fn a_closed_log_goes_on_with_the_next_offset() {
    let disk = SimulatedDisk::new(0);
    four(&disk).close().expect("it is sealed");
    let (mut log, recovery) = open(&disk);
    let expected = Recovery {
        segments: 2,
        records: 4,
        next: 4,
        was_closed: true,
        torn_bytes: 0,
        damage: Vec::new(),
    };
    assert_eq!(recovery, expected);
    assert_eq!(put(&mut log, 100), 4);
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 1, 2, 3, 4]);
}

#[test]
fn after_a_kill_offsets_go_on_where_no_record_can_have_been() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    let (mut log, recovery) = open(&disk);
    assert!(!recovery.was_closed);
    // The segment of 8 KiB that begins at 2 can hold 256 records at most.
    assert_eq!(recovery.next, 2 + 256);
    assert_eq!((recovery.records, recovery.damage), (4, vec![]));
    assert_eq!(put(&mut log, 100), 258);
    drop(log);
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.damage, [], "the gap is no damage");
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 1, 2, 3, 258]);
}

#[test]
fn it_goes_on_where_it_is_told_to_and_never_before() {
    let disk = SimulatedDisk::new(0);
    four(&disk).close().expect("it is sealed");
    disk.remove(&segment(2)).expect("it is there");
    let (mut log, recovery) = open(&disk);
    assert_eq!(recovery.next, 2, "nothing says that there was another");
    for (at_least, expected) in [(4, 4), (3, 4)] {
        log.begin_at_least(at_least);
        assert_eq!(log.next_offset(), expected);
    }
    assert_eq!(put(&mut log, 100), 4);
    log.begin_at_least(90);
    assert_eq!(put(&mut log, 100), 5, "a segment was begun");
    disk.crash();
    drop(log);
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.damage, [], "the gap is no damage");
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 1, 4, 5]);
}

#[test]
fn a_torn_tail_is_cut_and_never_comes_back() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    let path = segment(2);
    disk.tamper(&path, |bytes| bytes[FIRST + RECORD + 50] ^= 1);
    let (log, recovery) = open(&disk);
    assert_eq!((recovery.records, recovery.damage), (3, vec![]));
    assert_eq!(
        recovery.torn_bytes,
        32 + 100,
        "the last record without its padding"
    );
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 1, 2]);
    drop(log);
    // Were the bit set right again, the record would be whole.
    disk.tamper(&path, |bytes| {
        assert!(bytes.len() < FIRST + 2 * RECORD, "it is cut off");
    });
    let (log, _) = open(&disk);
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 1, 2]);
}

#[test]
fn records_that_were_joined_are_kept_together_or_not_at_all() {
    // What of the last write is damaged: record 2, 3, 4 or 5, of which 3 and 4 belong together.
    let cases: [(u64, &[u64]); 4] = [
        (2, &[0, 1, 3, 4, 5]),
        (3, &[0, 1, 2, 5]),
        (4, &[0, 1, 2, 5]),
        (5, &[0, 1, 2, 3, 4]),
    ];
    for (damaged, expected) in cases {
        for header in [true, false] {
            let disk = SimulatedDisk::new(0);
            let (mut log, _) = open(&disk);
            put(&mut log, 100);
            put(&mut log, 100);
            let mut last = Batch::new();
            for joined in [false, false, true, false] {
                let added = if joined {
                    last.push_joined(0, &[&[1; 100]])
                } else {
                    last.push(0, &[&[1; 100]])
                };
                added.expect("it is small");
            }
            log.append(&mut last).expect("there is room");
            drop(log);
            let at = FIRST + RECORD * usize::try_from(damaged).expect("it is small");
            let place = if header { at + 20 } else { at + 60 };
            disk.tamper(&segment(0), |bytes| bytes[place] ^= 1);

            let (log, recovery) = open(&disk);
            let found = read(&log.readers(), 0);
            assert_eq!(found.offsets(), expected, "{damaged}, header {header}");
            assert_eq!(found.damage, [], "its place is passed over");
            let kinds: Vec<_> = recovery.damage.iter().map(|it| it.kind).collect();
            let in_the_middle = damaged != 5;
            let lost = [DamageKind::LastWrite];
            assert_eq!(kinds, &lost[..usize::from(in_the_middle)], "{damaged}");
            drop(log);
            let (log, recovery) = open(&disk);
            assert_eq!(recovery.damage, [], "it is said once");
            assert_eq!(read(&log.readers(), 0).offsets(), expected);
        }
    }
}

#[test]
fn a_segment_without_its_footer_is_read_whole() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    disk.tamper(&segment(0), |bytes| {
        let end = bytes.len();
        bytes[end - 20] ^= 1;
    });
    let (log, recovery) = open(&disk);
    assert_eq!((recovery.records, recovery.damage), (4, vec![]));
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 1, 2, 3]);
    assert_eq!(read(&log.readers(), 1).offsets(), [1, 2, 3]);
}

#[test]
fn another_version_is_refused_and_left_alone() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    disk.tamper(&segment(0), |bytes| {
        for at in [0, 2_048] {
            bytes[at + 8] = 2;
            let sum = crc32fast::hash(&bytes[at..at + 60]);
            bytes[at + 60..at + 64].copy_from_slice(&sum.to_le_bytes());
        }
    });
    let before = disk.contents(&segment(0));
    let refused = try_open(Arc::new(disk.clone())).expect_err("it is refused");
    assert!(matches!(refused, LogError::Version { found: 2, .. }));
    assert_eq!(
        refused.to_string(),
        format!(
            "{} has version 2 of the format, and only version 1 can be read",
            segment(0).display()
        )
    );
    assert_eq!(disk.contents(&segment(0)), before);
}

#[test]
fn opening_holds_few_files_open_however_many_segments_there_are() {
    let disk = SimulatedDisk::new(0);
    let (mut log, _) = open(&disk);
    for _ in 0..100 {
        put(&mut log, 4_000);
    }
    assert!(log.segments().len() > 90);
    drop(log);
    let disk = disk.copy();
    let (log, _) = open(&disk);
    assert_eq!(read(&log.readers(), 0).records.len(), 100);
    assert!(
        disk.open_files_max() <= 4,
        "{} files",
        disk.open_files_max()
    );
}

#[test]
fn what_stands_behind_a_footer_is_no_part_of_the_segment() {
    // A crash came between the durable footer and cutting the file behind it. There are zeros, or
    // whole records that were there before: the same ones, so that only the footer tells.
    let longer = SimulatedDisk::new(0);
    let (mut log, _) = open(&longer);
    for _ in 0..10 {
        put(&mut log, 100);
    }
    drop(log);
    let longer = longer.contents(&segment(0)).expect("it is there");
    let zeros = vec![0; longer.len()];
    for (what, behind) in [("zeros", zeros), ("records", longer)] {
        for is_newest in [true, false] {
            let disk = SimulatedDisk::new(0);
            let (mut log, _) = open(&disk);
            put(&mut log, 100);
            put(&mut log, 100);
            if !is_newest {
                log.roll(0).expect("there is room");
            }
            log.close().expect("it is sealed");
            disk.tamper(&segment(0), |bytes| {
                assert_eq!(bytes.len(), FIRST + 2 * RECORD + 88);
                bytes.extend_from_slice(&behind[bytes.len()..]);
            });
            let (log, recovery) = open(&disk);
            assert!(recovery.was_closed, "{what}, newest: {is_newest}");
            assert_eq!(recovery.damage, [], "{what}, newest: {is_newest}");
            assert_eq!((recovery.next, recovery.torn_bytes), (2, 0), "{what}");
            assert_eq!(read(&log.readers(), 0).offsets(), [0, 1], "{what}");
        }
    }
}

#[test]
fn mending_that_is_cut_short_is_begun_again() {
    let mut torn = 0;
    for seed in 0..300 {
        let disk = SimulatedDisk::new(seed);
        let (mut log, _) = open(&disk);
        put(&mut log, 100);
        let last = [&[1; 600][..], &[2; 600], &[3; 600]];
        log.append(&mut batch(&last)).expect("there is room");
        disk.crash();
        drop(log);
        // Both the sync of the records and that of the footer may fail, and then the power too.
        disk.fail(Some(Call::Sync), 1 + seed % 2, Effect::Broken);
        try_open(Arc::new(disk.clone())).expect_err("the sync failed");
        disk.crash();
        let (log, recovery) = open(&disk);
        for damage in &recovery.damage {
            assert_eq!(damage.kind, DamageKind::LastWrite, "seed {seed}");
        }
        let found = read(&log.readers(), 0);
        assert_eq!(
            (found.records[0].0, found.damage),
            (0, vec![]),
            "seed {seed}"
        );
        torn += u32::from(found.records.len() < 4);
    }
    assert!(torn > 50, "only {torn} were torn");
}
