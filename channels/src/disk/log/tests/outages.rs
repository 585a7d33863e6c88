//! A device that is away for a while, while a log is opened and read: nothing of it is given up.

use std::path::Path;
use std::sync::Arc;

use super::super::{Item, Log, LogError, LogOptions, ReadError};
use super::support::{self, DIR, put};
use crate::disk::patience::{Advice, Patience};
use crate::disk::simulated::SimulatedDisk;

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

/// As for those who are behind, who wait for as long as it takes.
#[test]
fn a_device_that_is_away_while_a_reader_goes_on_costs_nothing_however_long() {
    let mut outages = 0;
    for nth in 1..=8 {
        for calls in 1..=CALLS_MAX {
            let (disk, offsets) = three_and_three(true);
            let (log, _) = support::open(&disk);
            disk.goes_away(nth, calls);
            let mut reader = log.readers().reader(0);
            let mut patience = Patience::default();
            let mut found = Vec::new();
            loop {
                let failed = match reader.read() {
                    Ok(None) => break,
                    Ok(Some(Item::Record(record))) => {
                        found.push(record.offset);
                        patience.succeeded();
                        continue;
                    }
                    Ok(Some(Item::Damaged(damage))) => panic!("{nth} {calls}: {damage:?}"),
                    Err(error) => error,
                };
                outages += 1;
                let advice = patience.failed_on(&failed.source, || reader.device_answers());
                assert_ne!(advice, Advice::GiveUp, "{nth} {calls}");
                if advice == Advice::PassOver {
                    reader.pass_over();
                }
            }
            assert_eq!(found, offsets, "away for {calls} calls from {nth} on");
        }
    }
    assert!(outages > 100, "readers meet them: {outages}");
}
