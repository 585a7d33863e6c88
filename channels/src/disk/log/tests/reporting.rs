//! What is damaged is reported with its bytes and offsets, and all else is read.

use std::path::Path;
use std::sync::Arc;

use super::super::{Damage, DamageKind, Given, Item, Log};
use super::support::{DIR, FIRST, RECORD, batch, four, open, put, read, segment};
use crate::LostEvents;
use crate::disk::simulated::SimulatedDisk;

#[test]
fn damage_below_the_last_write_is_reported_and_everything_behind_it_is_read() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    disk.tamper(&segment(2), |bytes| bytes[FIRST + 3] ^= 1);
    let damage = Damage {
        kind: DamageKind::Records,
        segment: 2,
        bytes: FIRST as u64..(FIRST + RECORD) as u64,
        offsets: 2..3,
        given: Given::All,
    };
    for opening in 0..3 {
        let (log, recovery) = open(&disk);
        assert_eq!(
            recovery.damage,
            std::slice::from_ref(&damage),
            "opening {opening}"
        );
        let found = read(&log.readers(), 0);
        assert_eq!(found.offsets(), [0, 1, 3]);
        assert_eq!(found.damage, std::slice::from_ref(&damage));
    }
}

#[test]
fn what_is_missing_at_the_end_of_an_older_segment_is_reported() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    disk.tamper(&segment(0), |bytes| bytes.truncate(FIRST + RECORD + 9));
    let damage = Damage {
        kind: DamageKind::Records,
        segment: 0,
        bytes: (FIRST + RECORD) as u64..(FIRST + RECORD + 9) as u64,
        offsets: 1..2,
        given: Given::All,
    };
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.damage, std::slice::from_ref(&damage));
    let found = read(&log.readers(), 0);
    assert_eq!(
        (found.offsets(), found.damage),
        (vec![0, 2, 3], vec![damage])
    );
}

#[test]
fn a_newest_segment_that_was_cut_is_reported() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    let length = FIRST + RECORD;
    disk.tamper(&segment(2), |bytes| bytes.truncate(length));
    let (log, recovery) = open(&disk);
    let damage = Damage {
        kind: DamageKind::CutOff,
        segment: 2,
        bytes: length as u64..8 << 10,
        offsets: 3..258,
        given: Given::Unknown,
    };
    assert_eq!(recovery.damage, [damage]);
    assert_eq!(recovery.next, 258);
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 1, 2]);
}

#[test]
fn a_missing_segment_is_reported_and_passed_over() {
    let disk = SimulatedDisk::new(0);
    let mut log = four(&disk);
    log.roll(0).expect("there is room");
    put(&mut log, 100);
    drop(log);
    let files: &dyn crate::disk::files::Files = &disk;
    files.remove(&segment(2)).expect("it is there");
    let damage = Damage {
        kind: DamageKind::SegmentMissing,
        segment: 2,
        bytes: 0..0,
        offsets: 2..4,
        given: Given::AtMost,
    };
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.damage, std::slice::from_ref(&damage));
    let found = read(&log.readers(), 0);
    assert_eq!(
        (found.offsets(), found.damage),
        (vec![0, 1, 4], vec![damage])
    );
}

#[test]
fn one_copy_of_a_header_is_enough_and_without_both_the_segment_is_reported() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    disk.tamper(&segment(0), |bytes| bytes[17] ^= 1);
    let (log, recovery) = open(&disk);
    let damage = Damage {
        kind: DamageKind::HeaderCopy,
        segment: 0,
        bytes: 0..64,
        offsets: 0..0,
        given: Given::All,
    };
    assert_eq!(recovery.damage, [damage]);
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 1, 2, 3]);
    drop(log);

    disk.tamper(&segment(0), |bytes| bytes[2_048 + 17] ^= 1);
    let (log, recovery) = open(&disk);
    let damage = Damage {
        kind: DamageKind::Header,
        segment: 0,
        bytes: 0..(FIRST + 2 * RECORD + 72 + 8 + 8) as u64,
        offsets: 0..2,
        given: Given::All,
    };
    assert_eq!(recovery.damage, std::slice::from_ref(&damage));
    let found = read(&log.readers(), 0);
    assert_eq!((found.offsets(), found.damage), (vec![2, 3], vec![damage]));
}

#[test]
fn positions_never_go_back_even_if_the_newest_segment_cannot_be_read() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    disk.tamper(&segment(2), |bytes| bytes[..FIRST].fill(0));
    let (mut log, recovery) = open(&disk);
    assert_eq!(recovery.next, 2 + 256);
    assert_eq!(recovery.damage[0].offsets, 2..258);
    assert_eq!(recovery.damage[0].lost(), LostEvents::unknown());
    assert_eq!(put(&mut log, 100), 258);
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 1, 258]);
    drop(log);
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.damage.len(), 1, "it stays known");
    assert_eq!(recovery.damage[0].lost(), LostEvents::unknown());
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 1, 258]);
}

#[test]
fn a_gap_after_an_unclean_end_is_not_missing_where_the_segment_behind_it_is() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    let (mut log, _) = open(&disk);
    assert_eq!(put(&mut log, 100), 258);
    put(&mut log, 100);
    log.roll(0).expect("there is room");
    put(&mut log, 100);
    drop(log);
    let files: &dyn crate::disk::files::Files = &disk;
    files.remove(&segment(258)).expect("it is there");
    for opening in 0..2 {
        let (log, recovery) = open(&disk);
        assert_eq!(recovery.damage.len(), 1, "opening {opening}");
        assert_eq!(recovery.damage[0].offsets, 258..260, "opening {opening}");
        assert_eq!(recovery.damage[0].lost(), LostEvents::at_most(2));
        assert_eq!(read(&log.readers(), 0).offsets(), [0, 1, 2, 3, 260]);
    }
}

#[test]
fn a_record_is_not_read_at_another_place_or_from_another_segment() {
    // Both segments have their records at the same places, with the same lengths.
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    let other = disk.contents(&segment(0)).expect("it is there");
    let (first, second) = (FIRST..FIRST + RECORD, FIRST + RECORD..FIRST + 2 * RECORD);
    disk.tamper(&segment(2), |bytes| {
        let copy = bytes[first.clone()].to_vec();
        bytes[second.clone()].copy_from_slice(&copy);
        bytes[first.clone()].copy_from_slice(&other[first]);
    });
    let (log, _) = open(&disk);
    assert_eq!(read(&log.readers(), 0).offsets(), [0, 1]);
}

#[test]
fn a_payload_that_looks_like_a_record_is_never_one() {
    // What a payload can hold is at best a record of another segment, since nobody who writes
    // payloads knows the salt of this one.
    let stolen = SimulatedDisk::new(0);
    drop(four(&stolen));
    let bytes = stolen.contents(&segment(0)).expect("it is there");
    let forged = &bytes[FIRST..FIRST + 2 * RECORD];

    let disk = SimulatedDisk::new(0);
    let options = super::super::LogOptions {
        salts: fastrand::Rng::with_seed(99),
        ..super::support::options()
    };
    let opened = Log::open(Arc::new(disk.clone()), Path::new(DIR), options);
    let (mut log, _) = opened.expect("an empty log opens");
    log.append(&mut batch(&[forged, b"real"]))
        .expect("there is room");
    log.sync().expect("it is synced");
    put(&mut log, 10);
    drop(log);
    disk.tamper(&segment(0), |bytes| bytes[FIRST] ^= 1);
    let (log, _) = open(&disk);
    assert_eq!(read(&log.readers(), 0).offsets(), [1, 2]);
}

#[test]
fn reading_all_finds_damage_that_footers_do_not_show() {
    let disk = SimulatedDisk::new(0);
    drop(four(&disk));
    disk.tamper(&segment(0), |bytes| bytes[FIRST + 40] ^= 1);
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.damage, []);
    assert_eq!(read(&log.readers(), 0).damage.len(), 1, "a reader finds it");
    assert_eq!(log.segments()[0].damage.len(), 1, "and then it is known");
    drop(log);
    let options = super::super::LogOptions {
        reads_all: true,
        ..super::support::options()
    };
    let opened = Log::open(Arc::new(disk.clone()), Path::new(DIR), options);
    let (_, recovery) = opened.expect("it opens");
    assert_eq!(recovery.damage.len(), 1);
}

#[test]
fn bad_sectors_stop_a_reader_until_it_is_told_to_pass_over_them() {
    let payload = vec![1; 1_000];
    let payloads = [&payload[..]; 100];
    // The block at 40,960 holds records 35 to 39; the footer and its index lie behind the records.
    let footer = 4_096 + 100 * 1_032;
    for (bytes, lost, why) in [
        (40_960..40_961, 35..40, "a block among the records"),
        (footer..footer + 1, 0..0, "the index"),
    ] {
        for from in [0, 20] {
            let disk = SimulatedDisk::new(0);
            let (mut log, _) = open(&disk);
            log.append(&mut batch(&payloads)).expect("there is room");
            log.roll(0).expect("there is room");
            put(&mut log, 10);
            disk.break_reads(&segment(0), bytes.clone());

            let mut reader = log.readers().reader(from);
            let (mut offsets, mut damage, mut refusals) = (Vec::new(), Vec::new(), 0);
            loop {
                match reader.read() {
                    Ok(Some(Item::Record(record))) => offsets.push(record.offset),
                    Ok(Some(Item::Damaged(it))) => damage.extend(it.offsets),
                    Ok(None) => break,
                    Err(_) => {
                        refusals += 1;
                        assert!(refusals < 10, "{why}: it is passed over");
                        assert!(reader.read().is_err(), "{why}: it stays where it is");
                        reader.pass_over();
                    }
                }
            }
            assert_eq!(damage, lost.clone().collect::<Vec<_>>(), "{why}");
            let expected: Vec<u64> = (from..101).filter(|it| !lost.contains(it)).collect();
            assert_eq!(offsets, expected, "{why}");
        }
    }
}
