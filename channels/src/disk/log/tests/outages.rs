//! A device that is away for a while, while a log is opened and read: nothing of it is given up.

use std::path::Path;
use std::sync::Arc;

use super::super::{Item, Log, LogError, LogOptions, ReadError, Readers};
use super::support::{self, DIR, put, segment};
use crate::disk::patience::{Advice, Patience};
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

/// How many calls in a row fail at most: more than any place is tried, and than passing it over takes.
const CALLS_MAX: u64 = 14;

/// Why it cannot be opened and read now.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Two segments of three records; after a crash, the newest has no footer.
fn three_and_three(is_closed: bool) -> (SimulatedDisk, Vec<u64>) {
    let disk = SimulatedDisk::new(7);
    let (mut log, _) = support::open(&disk);
    let mut offsets: Vec<u64> = (0..3).map(|_| put(&mut log, 100)).collect();
    log.roll(0).expect("there is room");
    offsets.extend((0..3).map(|_| put(&mut log, 100)));
    if is_closed {
        log.close().expect("nothing fails");
    } else {
        drop(log);
    }
    (disk, offsets)
}

/// Opens the log and reads all of it, as progress and what is kept are at an opening. Says what is
/// there, and how often damage was met.
fn open_and_read(disk: &SimulatedDisk, reads_all: bool) -> Result<(Vec<u64>, usize), Refused> {
    let options = LogOptions {
        reads_all,
        ..support::options()
    };
    let (log, recovery) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options)?;
    let mut damaged = recovery.damage.len();
    let mut reader = log.readers().reader(0);
    let mut patience = Patience::default();
    let mut offsets = Vec::new();
    loop {
        match reader.read() {
            Ok(None) => return Ok((offsets, damaged)),
            Ok(Some(Item::Record(record))) => offsets.push(record.offset),
            Ok(Some(Item::Damaged(_))) => damaged += 1,
            Err(error) => {
                reader.overcome(error, &mut patience)?;
                continue;
            }
        }
        patience.succeeded();
    }
}

#[test]
fn a_device_that_is_away_during_an_opening_costs_nothing_however_long() {
    let mut refused = 0;
    for (is_closed, reads_all) in [(true, false), (true, true), (false, false)] {
        let (disk, offsets) = three_and_three(is_closed);
        let calm = disk.copy();
        let before = calm.calls();
        open_and_read(&calm, reads_all).expect("nothing fails");
        for nth in 1..=calm.calls() - before {
            for calls in 1..=CALLS_MAX {
                let what = format!("closed: {is_closed}, away for {calls} calls from {nth} on");
                let disk = disk.copy();
                disk.goes_away(nth, calls);
                let found = (0..=calls).find_map(|_| match open_and_read(&disk, reads_all) {
                    Ok(found) => Some(found),
                    Err(_) => {
                        refused += 1;
                        None
                    }
                });
                assert_eq!(found, Some((offsets.clone(), 0)), "{what}");
            }
        }
    }
    assert!(refused > 0, "an outage outlasts an opening");
}

/// Reads on from the beginning as those who are behind do, who wait for as long as it takes, and says
/// what was read and what was lost.
fn read_on(readers: &Readers, is_short: bool, what: &str) -> (Vec<u64>, Vec<u64>) {
    let mut reader = match is_short {
        true => readers.short_reader(0),
        false => readers.reader(0),
    };
    let mut patience = Patience::default();
    let (mut found, mut lost) = (Vec::new(), Vec::new());
    loop {
        let failed = match reader.read() {
            Ok(None) => return (found, lost),
            Ok(Some(item)) => {
                match item {
                    Item::Record(record) => found.push(record.offset),
                    Item::Damaged(damage) => lost.extend(damage.offsets),
                }
                patience.succeeded();
                continue;
            }
            Err(error) => error,
        };
        let advice = patience.failed_on(&failed.source, || reader.device_answers());
        assert_ne!(advice, Advice::GiveUp, "{what}");
        if advice == Advice::PassOver {
            reader.pass_over();
        }
    }
}

#[test]
fn a_device_that_is_away_while_a_reader_goes_on_costs_nothing_however_long() {
    let mut outages = 0;
    for nth in 1..=8 {
        for calls in 1..=CALLS_MAX {
            let what = format!("away for {calls} calls from {nth} on");
            let (disk, offsets) = three_and_three(true);
            let (log, _) = support::open(&disk);
            disk.goes_away(nth, calls);
            let read = read_on(&log.readers(), false, &what);
            assert_eq!(read, (offsets, vec![]), "{what}");
            outages += disk.faults();
        }
    }
    assert!(outages > 100, "readers meet them: {outages}");
}

/// One closed segment of records of this many bytes each, in which a block is bad.
fn one_with_a_bad_block(record_bytes: usize) -> (SimulatedDisk, Log, Vec<u64>) {
    let disk = SimulatedDisk::new(7);
    let options = LogOptions {
        segment_bytes: 128 << 10,
        ..support::options()
    };
    let opened = Log::open(Arc::new(disk.clone()), Path::new(DIR), options);
    let (mut log, _) = opened.expect("it opens");
    let offsets = (0..100_000 / record_bytes).map(|_| put(&mut log, record_bytes));
    let offsets = offsets.collect();
    log.roll(0).expect("there is room");
    disk.break_reads(&segment(0), 40_960..40_961);
    (disk, log, offsets)
}

#[test]
fn a_device_that_goes_away_near_a_bad_sector_costs_what_lay_in_that_sector() {
    for record_bytes in [1_000, 7_000] {
        let (disk, log, offsets) = one_with_a_bad_block(record_bytes);
        let before = disk.calls();
        let (found, lost) = read_on(&log.readers(), true, "calm");
        let calls = disk.calls() - before;
        assert!((1..=5).contains(&lost.len()), "{lost:?}");
        assert_eq!(found.len() + lost.len(), offsets.len());
        for nth in 1..=calls {
            for away in 1..=CALLS_MAX {
                let what = format!("{record_bytes} bytes, away for {away} calls from {nth} on");
                let (disk, log, _) = one_with_a_bad_block(record_bytes);
                disk.goes_away(nth, away);
                let read = read_on(&log.readers(), true, &what);
                assert_eq!(read, (found.clone(), lost.clone()), "{what}");
            }
        }
    }
}

/// Nothing was tried of this segment: only that the system has no more files says that it cannot be opened.
#[test]
fn a_segment_that_cannot_be_opened_for_another_reason_is_not_passed_over() {
    let (disk, offsets) = three_and_three(true);
    let (log, _) = support::open(&disk);
    let mut reader = log.readers().reader(0);
    reader.pass_over();
    disk.fail(Some(Call::Open), 1, Effect::NoSpace);
    reader.read().expect_err("it cannot be opened");
    let read = read_on(&log.readers(), false, "then it can");
    assert_eq!(read, (offsets, vec![]));
}
