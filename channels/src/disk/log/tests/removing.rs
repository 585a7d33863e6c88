//! Removed segments: their records are gone, and nobody takes that for damage.

use super::super::{Item, Log, LogError};
use super::support::{DIR, batch, open, put, read, segment};
use crate::disk::files::Files;
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

/// Five segments with one record each.
fn five(disk: &SimulatedDisk) -> Log {
    let (mut log, _) = open(disk);
    for at in 0..5 {
        if at > 0 {
            log.roll(0).expect("there is room");
        }
        put(&mut log, 100);
    }
    log
}

fn names(disk: &SimulatedDisk) -> Vec<String> {
    let names = disk.names(DIR.as_ref()).into_iter();
    names.filter(|it| it.ends_with(".removed")).collect()
}

fn removed(from: u64, to: u64) -> String {
    format!("{from:020}-{to:020}.removed")
}

#[test]
fn any_segment_but_the_newest_can_be_removed() {
    let orders: [&[u64]; 4] = [&[0], &[2], &[1, 3], &[0, 2, 1, 3]];
    for order in orders {
        for crashes in [false, true] {
            let disk = SimulatedDisk::new(5);
            let mut log = five(&disk);
            for base in order {
                log.remove_segment(*base).expect("it can be removed");
            }
            let left: Vec<u64> = (0..5).filter(|it| !order.contains(it)).collect();
            assert_eq!(read(&log.readers(), 0).offsets(), left);
            if crashes {
                disk.crash();
            }
            drop(log);
            let (mut log, recovery) = open(&disk);
            assert_eq!(recovery.damage, [], "{order:?}");
            let found = read(&log.readers(), 0);
            assert_eq!((found.offsets(), found.damage), (left, vec![]), "{order:?}");
            assert!(put(&mut log, 10) > 4);
        }
    }
}

#[test]
fn the_newest_segment_and_unknown_ones_are_not_removed() {
    let disk = SimulatedDisk::new(0);
    let mut log = five(&disk);
    for base in [4, 7] {
        let refused = log.remove_segment(base);
        assert!(matches!(refused, Err(LogError::NotRemovable(it)) if it == base));
    }
    assert_eq!(read(&log.readers(), 0).records.len(), 5);
}

#[test]
fn neighbours_are_named_together() {
    let disk = SimulatedDisk::new(0);
    let mut log = five(&disk);
    log.remove_segment(0).expect("it can be removed");
    log.remove_segment(2).expect("it can be removed");
    assert_eq!(names(&disk), [removed(0, 1), removed(2, 3)]);
    log.remove_segment(1).expect("it can be removed");
    assert_eq!(names(&disk), [removed(0, 3)]);
    log.remove_segment(3).expect("it can be removed");
    assert_eq!(names(&disk), [removed(0, 4)]);
    let contents = disk.contents(&std::path::Path::new(DIR).join(removed(0, 4)));
    assert_eq!(contents.as_deref(), Some(&[][..]), "the room is given back");
}

#[test]
fn all_may_go_and_positions_go_on() {
    let disk = SimulatedDisk::new(0);
    let mut log = five(&disk);
    log.roll(0).expect("there is room");
    for base in 0..5 {
        log.remove_segment(base).expect("it can be removed");
    }
    drop(log);
    let (mut log, recovery) = open(&disk);
    assert_eq!((recovery.records, recovery.damage), (0, vec![]));
    let next = put(&mut log, 10);
    assert!(next >= 5, "{next}");
}

#[test]
fn a_reader_in_a_segment_that_is_removed_goes_on_behind_it() {
    let disk = SimulatedDisk::new(0);
    let mut log = five(&disk);
    let mut before = log.readers().reader(1);
    let mut inside = log.readers().reader(1);
    let found = inside.read().expect("it can be read");
    assert!(matches!(found, Some(Item::Record(it)) if it.offset == 1));
    log.remove_segment(1).expect("it can be removed");
    log.remove_segment(2).expect("it can be removed");
    for reader in [&mut before, &mut inside] {
        let found = reader.read().expect("it can be read");
        assert!(
            matches!(found, Some(Item::Record(it)) if it.offset == 3),
            "{found:?}"
        );
    }
}

#[test]
fn a_reader_does_not_take_what_was_removed_under_its_hands_for_damage() {
    // More than a reader reads at a time, so that it goes back to the file.
    let disk = SimulatedDisk::new(0);
    let (mut log, _) = open(&disk);
    let large = vec![1; 200 << 10];
    let payloads = [&large[..]; 4];
    log.append(&mut batch(&payloads)).expect("there is room");
    log.sync().expect("it is synced");
    let mut reader = log.readers().reader(0);
    assert!(matches!(reader.read(), Ok(Some(Item::Record(it))) if it.offset == 0));
    log.roll(0).expect("there is room");
    put(&mut log, 10);
    log.remove_segment(0).expect("it can be removed");
    loop {
        let found = reader.read().expect("it can be read");
        match found {
            Some(Item::Record(record)) if record.offset == 4 => break,
            Some(Item::Record(record)) => assert_eq!(record.payload, large),
            Some(Item::Damaged(damage)) => panic!("{damage:?}"),
            None => panic!("the last record is there"),
        }
    }
}

#[test]
fn a_removal_that_failed_leaves_the_segment() {
    let disk = SimulatedDisk::new(0);
    let mut log = five(&disk);
    disk.fail(Some(Call::Rename), 1, Effect::Broken);
    let refused = log.remove_segment(2);
    assert!(matches!(refused, Err(LogError::Io { .. })), "{refused:?}");
    assert_eq!(read(&log.readers(), 0).records.len(), 5);
    log.remove_segment(2).expect("it can be removed");

    disk.fail(Some(Call::SyncDir), 1, Effect::Broken);
    let refused = log.remove_segment(3);
    assert!(matches!(refused, Err(LogError::Poisoned(_))), "{refused:?}");
}

#[test]
fn what_was_removed_is_told_from_what_is_lost() {
    let disk = SimulatedDisk::new(0);
    let mut log = five(&disk);
    log.remove_segment(2).expect("it can be removed");
    drop(log);
    disk.remove(&segment(1)).expect("it is there");
    let (log, recovery) = open(&disk);
    let lost = recovery
        .damage
        .iter()
        .map(|it| (it.offsets.start, it.offsets.end));
    assert_eq!(lost.collect::<Vec<_>>(), [(1, 2)]);
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 3, 4]);
}
