//! A log on a simulated disk, and reading all of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{Batch, Damage, Item, Log, LogError, LogOptions, Readers, Recovery};
use crate::disk::files::Files;
use crate::disk::simulated::SimulatedDisk;

pub(super) const DIR: &str = "/log";

/// The smallest segments there are, so that a few records fill one.
pub(super) fn options() -> LogOptions {
    LogOptions {
        segment_bytes: 8 << 10,
        reads_all: false,
        salts: fastrand::Rng::with_seed(1),
    }
}

pub(super) fn try_open(files: Arc<dyn Files>) -> Result<(Log, Recovery), LogError> {
    Log::open(files, Path::new(DIR), options())
}

pub(super) fn open(disk: &SimulatedDisk) -> (Log, Recovery) {
    let files = Arc::new(disk.clone());
    try_open(files).unwrap_or_else(|error| panic!("{error}"))
}

/// A batch of records that each stand for themselves.
pub(super) fn batch(payloads: &[&[u8]]) -> Batch {
    let mut batch = Batch::new();
    for payload in payloads {
        batch.push(7, &[payload]).expect("it is small");
    }
    batch
}

/// Appends and syncs one record of `length` bytes, which are told apart by their offset.
pub(super) fn put(log: &mut Log, length: usize) -> u64 {
    let payload = payload(log.next_offset(), length);
    let offsets = log.append(&mut batch(&[&payload]));
    let offsets = offsets.unwrap_or_else(|error| panic!("{error}"));
    log.sync().unwrap_or_else(|error| panic!("{error}"));
    offsets.start
}

pub(super) fn payload(offset: u64, length: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(offset);
    (0..length).map(|_| rng.u8(..)).collect()
}

/// Everything a reader from `from` on comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) records: Vec<(u64, Vec<u8>)>,
    pub(super) damage: Vec<Damage>,
}

impl Read {
    pub(super) fn offsets(&self) -> Vec<u64> {
        self.records.iter().map(|(offset, _)| *offset).collect()
    }
}

pub(super) fn read(readers: &Readers, from: u64) -> Read {
    let mut reader = readers.reader(from);
    let mut all = Read::default();
    loop {
        let position = reader.position();
        match reader.read().unwrap_or_else(|error| panic!("{error}")) {
            None => return all,
            Some(Item::Record(record)) => {
                assert!(record.offset >= position, "offsets rise");
                let payload = record.payload.to_vec();
                all.records.push((record.offset, payload));
            }
            Some(Item::Damaged(damage)) => all.damage.push(damage),
        }
        assert!(all.damage.len() < 10_000, "a reader comes to an end");
    }
}

/// The file of a segment.
pub(super) fn segment(base: u64) -> PathBuf {
    Path::new(DIR).join(format!("{base:020}.log"))
}

/// A log with four records of 100 bytes, the first segment rolled after two.
pub(super) fn four(disk: &SimulatedDisk) -> Log {
    let (mut log, _) = open(disk);
    put(&mut log, 100);
    put(&mut log, 100);
    log.roll(0).expect("there is room");
    put(&mut log, 100);
    put(&mut log, 100);
    log
}

/// The length of such a record with its header.
pub(super) const RECORD: usize = 32 + 104;
/// Where the first of them is.
pub(super) const FIRST: usize = 4_096;
