//! Appending, syncing and reading while nothing fails.

use std::sync::Arc;

use super::super::{Batch, Item, Log, LogError, LogOptions, SegmentInfo};
use super::support::{batch, open, options, put, read, try_open};
use crate::disk::simulated::{Call, SimulatedDisk};

#[test]
fn records_come_back_as_they_were_appended() {
    let (mut log, _) = open(&SimulatedDisk::new(0));
    let mut records = Batch::new();
    records
        .push(-1, &[b"in", b"", b" parts"])
        .expect("it is small");
    records.push_joined(i64::MAX, &[]).expect("it is small");
    records.push(3, &[&[0; 5_000]]).expect("it is small");
    assert_eq!(log.append(&mut records).expect("there is room"), 0..3);
    assert_eq!(log.sync().expect("it is synced"), 3);

    let mut reader = log.readers().reader(0);
    let expected = [(-1, &b"in parts"[..]), (i64::MAX, b""), (3, &[0; 5_000])];
    for (offset, (timestamp_ms, payload)) in expected.into_iter().enumerate() {
        let Some(Item::Record(record)) = reader.read().expect("it can be read") else {
            panic!("record {offset} is there");
        };
        assert_eq!(record.offset, offset as u64);
        assert_eq!(
            (record.timestamp_ms, record.payload),
            (timestamp_ms, payload)
        );
    }
    assert_eq!(reader.read().expect("it can be read"), None);
}

#[test]
fn a_reader_sees_a_record_once_it_is_synced_and_goes_on_from_there() {
    let (mut log, _) = open(&SimulatedDisk::new(0));
    let mut reader = log.readers().reader(0);
    assert_eq!(reader.read().expect("it can be read"), None, "an empty log");
    for offset in 0..100 {
        log.append(&mut batch(&[&[1; 200]])).expect("there is room");
        let early = reader.read().expect("it can be read");
        // Beginning a segment syncs the one before, but not the new one.
        assert_eq!(early, None, "record {offset} is not synced");
        log.sync().expect("it is synced");
        let found = reader.read().expect("it can be read");
        assert!(matches!(found, Some(Item::Record(it)) if it.offset == offset));
        assert_eq!(reader.position(), offset + 1);
    }
    assert!(log.segments().len() > 3, "the reader has crossed segments");
}

#[test]
fn a_reader_begins_at_any_offset() {
    let disk = SimulatedDisk::new(0);
    let sizes = LogOptions {
        segment_bytes: 1 << 20,
        ..options()
    };
    let opened = Log::open(Arc::new(disk.clone()), super::support::DIR.as_ref(), sizes);
    let (mut log, _) = opened.expect("an empty log opens");
    for _ in 0..3_000 {
        put(&mut log, 1_000);
    }
    assert!(log.segments().len() > 2, "some are sealed");
    for from in (0..3_000).step_by(61) {
        let calls = disk.calls();
        let mut reader = log.readers().reader(from);
        let found = reader.read().expect("it can be read");
        assert!(matches!(found, Some(Item::Record(it)) if it.offset == from));
        assert!(disk.calls() - calls <= 3, "the index leads near {from}");
    }
    assert_eq!(read(&log.readers(), 3_000).records, []);
}

#[test]
fn a_batch_is_one_write_and_a_sync_is_one_sync() {
    let disk = SimulatedDisk::new(0);
    let (mut log, _) = open(&disk);
    put(&mut log, 10);
    let calls = disk.calls();
    let payloads = vec![&[1; 10][..]; 50];
    log.append(&mut batch(&payloads)).expect("there is room");
    assert_eq!(disk.calls(), calls + 1);
    log.sync().expect("it is synced");
    assert_eq!(disk.calls(), calls + 2);
    log.sync().expect("there is nothing to sync");
    log.append(&mut Batch::new())
        .expect("there is nothing to do");
    assert_eq!(disk.calls(), calls + 2);
}

#[test]
fn room_for_the_next_segment_is_made_before_it_is_needed() {
    let disk = SimulatedDisk::new(0);
    let (mut log, _) = open(&disk);
    log.prepare().expect("there is room");
    assert_eq!(disk.names(super::support::DIR.as_ref()), ["lock", "spare"]);
    disk.fail(
        Some(Call::Allocate),
        1,
        crate::disk::simulated::Effect::NoSpace,
    );
    let mut appended = 0;
    while log.segments().len() < 2 {
        put(&mut log, 100);
        appended += 1;
        if appended == 10 {
            let refused = log.prepare();
            assert!(refused.is_ok(), "less than half is used");
        }
        if appended == 20 {
            let refused = log.prepare();
            assert!(
                matches!(refused, Err(LogError::NoSpace { .. })),
                "{refused:?}"
            );
            log.prepare().expect("there is room again");
        }
    }
    assert_eq!(disk.faults(), 1, "the second segment needed no room");
}

#[test]
fn a_batch_larger_than_a_segment_gets_one_that_fits() {
    let disk = SimulatedDisk::new(0);
    let (mut log, _) = open(&disk);
    put(&mut log, 10);
    let large = vec![5; 3 << 20];
    log.append(&mut batch(&[&large, b"and more"]))
        .expect("there is room");
    put(&mut log, 10);
    let sizes: Vec<u64> = log.segments().iter().map(|it| it.size_bytes).collect();
    assert!(sizes.iter().any(|it| *it > 3 << 20), "{sizes:?}");
    log.close().expect("it is sealed");
    let (log, recovery) = open(&disk);
    assert!(
        recovery.was_closed && recovery.damage.is_empty(),
        "{recovery:?}"
    );
    let found = read(&log.readers(), 0);
    assert_eq!(found.offsets(), [0, 1, 2, 3]);
    assert_eq!(found.records[1].1, large);
}

#[test]
fn a_segment_takes_no_more_than_there_is_to_spare() {
    let disk = SimulatedDisk::new(0);
    let (least, spare) = (256 << 10, 400_000);
    for (room, expected) in [(0, least), (spare, spare), (u64::MAX, 1 << 20)] {
        let options = LogOptions {
            segment_bytes: 1 << 20,
            ..LogOptions::default()
        };
        let dir = format!("{}-{room}", super::support::DIR);
        let files = Arc::new(disk.clone());
        let (mut log, _) = Log::open(files, dir.as_ref(), options).expect("it can be opened");
        log.limit_room(room);
        assert!(log.needs_room_for(100));
        assert_eq!(log.prepare().expect("that is no error"), room == u64::MAX);
        put(&mut log, 100);
        assert!(!log.needs_room_for(100));
        assert_eq!(log.segments()[0].size_bytes, expected);
        log.append(&mut batch(&[&vec![5; 500_000]]))
            .expect("what is needed is taken");
    }
}

#[test]
fn segments_say_what_is_in_them() {
    let disk = SimulatedDisk::new(0);
    let (mut log, _) = open(&disk);
    for timestamp_ms in [30, 10, 20] {
        let mut records = Batch::new();
        records.push(timestamp_ms, &[b"."]).expect("it is small");
        log.append(&mut records).expect("there is room");
    }
    log.sync().expect("it is synced");
    log.roll(40).expect("there is room");
    let sealed = |is_closed| SegmentInfo {
        base: 0,
        end: 3,
        records: 3,
        size_bytes: 4_096 + 3 * 40 + 72 + 8 + 8,
        used_bytes: 3 * 40,
        timestamps_ms: Some((10, 30)),
        is_sealed: is_closed,
        damage: Vec::new(),
    };
    let empty = SegmentInfo {
        base: 3,
        end: 3,
        records: 0,
        size_bytes: 8 << 10,
        used_bytes: 0,
        timestamps_ms: None,
        is_sealed: false,
        damage: Vec::new(),
    };
    assert_eq!(log.segments(), [sealed(true), empty]);
    log.close().expect("it is sealed");
    let (log, _) = open(&disk);
    assert_eq!(log.segments()[0], sealed(true), "the same by its footer");
}

#[test]
fn a_log_is_open_once() {
    let disk = SimulatedDisk::new(0);
    let (log, _) = open(&disk);
    let again = try_open(Arc::new(disk.clone()));
    assert!(matches!(again, Err(LogError::InUse(_))));
    drop(log);
    open(&disk);
}

#[test]
fn the_size_of_segments_is_taken_within_bounds() {
    for (asked, expected) in [(0, 8 << 10), (10_001, 10_000), (u64::MAX, 1 << 30)] {
        let disk = SimulatedDisk::new(0);
        let sizes = LogOptions {
            segment_bytes: asked,
            ..options()
        };
        let opened = Log::open(Arc::new(disk), super::support::DIR.as_ref(), sizes);
        let (log, _) = opened.expect("an empty log opens");
        assert_eq!(log.options.segment_bytes, expected);
    }
}

#[test]
fn a_short_reader_reads_what_any_reader_reads() {
    let disk = SimulatedDisk::new(0);
    let (mut log, _) = open(&disk);
    for length in [0, 10, 3_000, 20_000, 100_000, 10, 17_000, 16 << 10, 5] {
        put(&mut log, length);
    }
    log.roll(0).expect("there is room");
    put(&mut log, 100);
    let readers = log.readers();
    for from in 0..11 {
        let (mut any, mut short) = (readers.reader(from), readers.short_reader(from));
        loop {
            let expected = any.read().expect("it can be read");
            assert_eq!(short.read().expect("it can be read"), expected);
            if expected.is_none() {
                break;
            }
        }
    }
}
