//! Bad sectors in the way of opening: whatever cannot be read is set aside and reported, and all else
//! is there.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{DamageKind, Item, Log, LogOptions, Recovery};
use super::support::{self, DIR, FIRST, payload, put, read, segment};
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

/// What a record holds, and what it takes up: eight of them lie in three blocks, with the footer.
const LENGTH: usize = 1_000;
const RECORD: u64 = 32 + 1_000;
const BLOCK: u64 = 4_096;

/// Three segments of eight records.
struct Scene {
    disk: SimulatedDisk,
    /// Each record, and the base of the segment that it is in.
    records: BTreeMap<u64, (u64, Vec<u8>)>,
    bases: Vec<u64>,
}

fn open(disk: &SimulatedDisk) -> (Log, Recovery) {
    let options = LogOptions {
        segment_bytes: 32 << 10,
        ..support::options()
    };
    let opened = Log::open(Arc::new(disk.clone()), Path::new(DIR), options);
    opened.unwrap_or_else(|error| panic!("{error}"))
}

fn scene(is_closed: bool) -> Scene {
    let disk = SimulatedDisk::new(7);
    let (mut log, _) = open(&disk);
    let mut records = BTreeMap::new();
    for part in 0..3 {
        if part > 0 {
            log.roll(0).expect("there is room");
        }
        for _ in 0..8 {
            let offset = put(&mut log, LENGTH);
            let base = log.segments().last().expect("there is one").base;
            records.insert(offset, (base, payload(offset, LENGTH)));
        }
    }
    let bases: Vec<u64> = log.segments().iter().map(|it| it.base).collect();
    assert_eq!(bases.len(), 3);
    if is_closed {
        log.close().expect("nothing fails");
    }
    Scene {
        disk,
        records,
        bases,
    }
}

impl Scene {
    fn file(&self, at: usize) -> PathBuf {
        segment(self.bases[at])
    }

    /// Where the records of a segment end, which is where its footer begins.
    fn records_end(&self) -> u64 {
        FIRST as u64 + 8 * RECORD
    }

    /// Opens it three times over, with a new record each time. What is read is as it was appended; says
    /// which of the old offsets are not read, and the kinds of damage that the first opening told of.
    fn openings(&self, disk: &SimulatedDisk, what: &str) -> (Vec<u64>, Vec<DamageKind>) {
        let mut told = None;
        let mut lost = Vec::new();
        let mut highest = *self.records.keys().last().expect("there are records");
        let mut added = BTreeMap::new();
        for opening in 0..3 {
            let what = format!("{what}, opening {opening}");
            let (mut log, recovery) = open(disk);
            assert!(
                recovery.next > highest,
                "{what}: {} is given twice",
                recovery.next
            );
            let found = passing_over(&log);
            for (offset, payload) in &found {
                let known = self
                    .records
                    .get(offset)
                    .map(|it| &it.1)
                    .or(added.get(offset));
                assert_eq!(known, Some(payload), "{what}: {offset}");
            }
            for offset in added.keys() {
                assert!(found.contains_key(offset), "{what}: {offset} is gone");
            }
            let kinds = recovery.damage.iter().map(|it| it.kind).collect();
            let gone = self.records.keys().filter(|it| !found.contains_key(it));
            let gone: Vec<u64> = gone.copied().collect();
            if told.is_none() {
                told = Some(kinds);
                lost = gone;
            } else {
                assert_eq!(gone, lost, "{what}");
            }
            highest = put(&mut log, LENGTH);
            added.insert(highest, payload(highest, LENGTH));
        }
        (lost, told.unwrap_or_default())
    }

    /// The records of a segment of which something lies in this block.
    fn in_block(&self, at: usize, block: &Range<u64>) -> Vec<u64> {
        let touches = |nth: u64| {
            let start = FIRST as u64 + nth * RECORD;
            start < block.end && block.start < start + RECORD
        };
        let offsets = (0..).zip(self.of_segment(at));
        let hit = offsets.filter(|(nth, _)| touches(*nth));
        hit.map(|(_, offset)| offset).collect()
    }

    fn of_segment(&self, at: usize) -> Vec<u64> {
        let of_it = self.records.iter().filter(|it| it.1.0 == self.bases[at]);
        of_it.map(|(offset, _)| *offset).collect()
    }
}

/// All records, past whatever cannot be read.
fn passing_over(log: &Log) -> BTreeMap<u64, Vec<u8>> {
    let mut reader = log.readers().reader(0);
    let mut all = BTreeMap::new();
    let mut refusals = 0;
    loop {
        match reader.read() {
            Ok(None) => return all,
            Ok(Some(Item::Record(record))) => {
                all.insert(record.offset, record.payload.to_vec());
            }
            Ok(Some(Item::Damaged(_))) => {}
            Err(error) => {
                refusals += 1;
                assert!(refusals < 50, "{error}");
                reader.pass_over();
            }
        }
    }
}

#[test]
fn a_segment_whose_header_cannot_be_read_is_set_aside_and_the_others_are_delivered() {
    for is_closed in [true, false] {
        for at in 0..3 {
            let what = format!("closed: {is_closed}, segment {at}");
            let scene = scene(is_closed);
            scene.disk.break_reads(&scene.file(at), 0..4_096);
            let (lost, told) = scene.openings(&scene.disk, &what);
            assert_eq!(lost, scene.of_segment(at), "{what}");
            assert_eq!(told, [DamageKind::Header], "{what}");
        }
    }
}

#[test]
fn one_readable_copy_of_a_header_is_enough() {
    for bytes in [0..512, 2_048..2_560] {
        let scene = scene(false);
        scene.disk.break_reads(&scene.file(1), bytes);
        let (lost, told) = scene.openings(&scene.disk, "one copy");
        assert_eq!((lost, told), (vec![], vec![DamageKind::HeaderCopy]));
    }
}

#[test]
fn a_block_that_cannot_be_read_costs_the_records_that_lie_in_it() {
    for is_closed in [true, false] {
        for at in 0..3 {
            let blocks = scene(is_closed).records_end() / BLOCK;
            // The last of them holds the footer too.
            for block in 1..=blocks {
                let what = format!("closed: {is_closed}, segment {at}, block {block}");
                let scene = scene(is_closed);
                let bytes = block * BLOCK..(block + 1) * BLOCK;
                scene.disk.break_reads(&scene.file(at), bytes.clone());
                let (lost, told) = scene.openings(&scene.disk, &what);
                assert_eq!(lost, scene.in_block(at, &bytes), "{what}");
                // Footers show nothing of what lies before them; readers do.
                let is_silent = told.is_empty() && at < 2 && block < blocks;
                assert!(is_silent || !told.is_empty(), "{what} is not told");
            }
        }
    }
}

#[test]
fn what_the_device_cannot_read_for_a_moment_costs_nothing() {
    let calm = scene(false).disk.copy();
    let before = calm.calls();
    drop(open(&calm));
    let calls = calm.calls() - before;
    for nth in 1..=calls {
        let scene = scene(false);
        let disk = scene.disk.copy();
        disk.fail(Some(Call::Read), nth, Effect::Broken);
        let (lost, told) = scene.openings(&disk, &format!("read {nth}"));
        assert_eq!((lost, told), (vec![], vec![]), "read {nth}");
    }
}

#[test]
fn nothing_of_a_segment_that_cannot_be_read_at_all_is_in_the_way() {
    for is_closed in [true, false] {
        for at in 0..3 {
            let what = format!("closed: {is_closed}, segment {at}");
            let scene = scene(is_closed);
            scene.disk.break_reads(&scene.file(at), 0..u64::MAX);
            let (lost, _) = scene.openings(&scene.disk, &what);
            assert_eq!(lost, scene.of_segment(at), "{what}");
            assert!(!read(&open(&scene.disk).0.readers(), 0).records.is_empty());
        }
    }
}
