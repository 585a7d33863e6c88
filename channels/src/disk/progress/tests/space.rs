//! A full disk: nothing is lost, and it goes on once there is room.

use super::super::{Change, Progress};
use super::support::{SEGMENT_BYTES, busy, idle, open, put, segments, write};
use crate::disk::log::LogError;
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

fn used(disk: &SimulatedDisk) -> u64 {
    let contents = segments(disk)
        .into_iter()
        .filter_map(|it| disk.contents(&it));
    contents.map(|it| it.len() as u64).sum()
}

fn generation(progress: &Progress) -> u64 {
    progress.generations.written_bytes
}

#[test]
fn a_write_without_room_changes_nothing_and_may_be_asked_again() {
    for seed in 0..50 {
        let disk = SimulatedDisk::new(seed);
        let (mut progress, _) = open(&disk);
        write(&mut progress, None, vec![put(idle(0, 5)), put(idle(1, 5))]);
        let changes = vec![
            put(busy(0, 9, &[7])),
            put(busy(2, 9, &[])),
            Change::Delete(1),
        ];
        disk.fail(Some(Call::Write), 1, Effect::NoSpace);
        let refused = progress.write(None, changes.clone(), 0);
        assert!(
            matches!(refused, Err(LogError::NoSpace { .. })),
            "{refused:?}"
        );
        assert_eq!(progress.standing(0), Some(&idle(0, 5)));
        assert_eq!((progress.standing(2), progress.poison()), (None, None));

        if seed % 2 == 0 {
            write(&mut progress, None, changes);
        }
        disk.crash();
        drop(progress);
        let expected = if seed % 2 == 0 {
            vec![busy(0, 9, &[7]), busy(2, 9, &[])]
        } else {
            vec![idle(0, 5), idle(1, 5)]
        };
        assert_eq!(open(&disk).1.standings, expected, "seed {seed}");
    }
}

#[test]
fn a_snapshot_without_room_stops_no_write_that_has_room() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(&mut progress, None, vec![put(idle(0, 5))]);
    disk.limit(Some(used(&disk)));
    // A segment begins with 4 KiB that hold no records, and ends with a few that say what it holds.
    let room = SEGMENT_BYTES - (4 << 10);
    let mut round = 0;
    let refused = loop {
        round += 1;
        match progress.write(None, vec![put(busy(1, round, &[]))], 0) {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, LogError::NoSpace { .. }), "{refused}");
    assert!(progress.generations.has_failed, "a snapshot was due");
    assert!(generation(&progress) > room - 300, "its segment is used up");
    assert_eq!(progress.standing(1), Some(&busy(1, round - 1, &[])));

    disk.limit(None);
    while generation(&progress) > room / 2 {
        write(&mut progress, None, vec![put(busy(1, round, &[]))]);
        round += 1;
    }
    assert_eq!(progress.poison(), None);
    drop(progress);
    disk.crash();
    let expected = [idle(0, 5), busy(1, round - 1, &[])];
    assert_eq!(open(&disk).1.standings, expected, "a snapshot was made");
}

#[test]
fn a_full_disk_can_be_opened_and_closed_again_and_again() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    let expected = [idle(0, 5), busy(1, 9, &[2])];
    write(
        &mut progress,
        None,
        expected.iter().cloned().map(put).collect(),
    );
    drop(progress);
    disk.limit(Some(used(&disk)));
    for round in 0..20 {
        let (mut progress, recovered) = open(&disk);
        assert_eq!(recovered.standings, expected, "round {round}");
        assert_eq!(recovered.recovery.damage, [], "round {round}");
        let refused = progress.write(None, vec![Change::Delete(0)], 0);
        assert!(
            matches!(refused, Err(LogError::NoSpace { .. })),
            "{refused:?}"
        );
        if round % 2 == 0 {
            progress.close().expect("that needs no room");
        } else {
            disk.crash();
        }
    }
    disk.limit(None);
    write(&mut open(&disk).0, None, vec![Change::Delete(0)]);
    assert_eq!(open(&disk).1.standings, [busy(1, 9, &[2])]);
}
