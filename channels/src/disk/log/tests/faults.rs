//! Every call of one run fails once, in every way, and the run ends in a defined state.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{Item, Log, LogError};
use super::support::{batch, open, payload, put, read, segment, try_open};
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

/// What a run may count on: what was synced, and what it tried and does not know of.
#[derive(Default)]
struct Told {
    synced: BTreeMap<u64, Vec<u8>>,
    unknown: BTreeMap<u64, Vec<u8>>,
    removed_to: u64,
}

/// A fixed run of 80 appends over several segments: each is synced, some segments are removed, and
/// what fails for want of room or for once is tried again as a broker's next producer would.
fn run(disk: &SimulatedDisk) -> Result<Told, (Told, LogError)> {
    let mut told = Told::default();
    match steps(disk, &mut told) {
        Ok(()) => Ok(told),
        Err(error) => Err((told, error)),
    }
}

fn steps(disk: &SimulatedDisk, told: &mut Told) -> Result<(), LogError> {
    let (mut log, _) = try_open(Arc::new(disk.clone()))?;
    for at in 0..80 {
        append(&mut log, told)?;
        drop(log.prepare());
        if at == 40 {
            let bases: Vec<u64> = log.segments().iter().map(|it| it.base).collect();
            for (base, next) in bases.iter().zip(&bases[1..]).take(2) {
                // What a removal that failed leaves is found out by the check.
                let removed = log.remove_segment(*base);
                told.removed_to = *next;
                removed?;
            }
        }
    }
    log.close()
}

fn append(log: &mut Log, told: &mut Told) -> Result<(), LogError> {
    let offset = log.next_offset();
    let payload = payload(offset, 300);
    match log.append(&mut batch(&[&payload])) {
        Ok(_) => {}
        // The log is as it was: the next try must succeed, and nothing of this one be seen.
        Err(LogError::NoSpace { .. } | LogError::Io { .. }) => {
            log.append(&mut batch(&[&payload]))?;
        }
        Err(error) => {
            told.unknown.insert(offset, payload);
            return Err(error);
        }
    }
    match log.sync() {
        Ok(_) => {
            told.synced.insert(offset, payload);
            Ok(())
        }
        Err(error) => {
            told.unknown.insert(offset, payload);
            Err(error)
        }
    }
}

/// What was told is there, nothing else is, and the log goes on.
fn check(disk: &SimulatedDisk, told: &Told, what: &str) {
    let (mut log, recovery) = open(disk);
    assert_eq!(recovery.damage, [], "{what}");
    let found = read(&log.readers(), 0);
    assert_eq!(found.damage, [], "{what}");
    let found: BTreeMap<_, _> = found.records.into_iter().collect();
    for (offset, payload) in told.synced.range(told.removed_to..) {
        assert_eq!(found.get(offset), Some(payload), "{what}: {offset}");
    }
    for (offset, payload) in &found {
        let known = told.synced.get(offset).or(told.unknown.get(offset));
        assert_eq!(known, Some(payload), "{what}: {offset} was not appended");
    }
    let last = told.synced.keys().chain(told.unknown.keys()).max();
    let next = put(&mut log, 10);
    let is_given = told.synced.last_key_value().is_some_and(|it| next <= *it.0);
    assert!(!is_given, "{what}: {next} was given before {last:?}");
}

#[test]
fn whichever_call_fails_nothing_synced_is_lost() {
    let calm = SimulatedDisk::new(0);
    let told = run(&calm).map_err(|it| it.1).expect("nothing fails");
    let calls = calm.calls();
    assert!(calls > 200, "the run makes only {calls} calls");
    check(&calm, &told, "without a fault");

    let mut ended_early = 0;
    for effect in [
        Effect::NoSpace,
        Effect::Broken,
        Effect::Interrupted,
        Effect::Short,
    ] {
        for nth in 1..=calls {
            for crashes in [false, true] {
                let what = format!("{effect:?} at call {nth}, power cut: {crashes}");
                let disk = SimulatedDisk::new(nth);
                disk.fail(None, nth, effect);
                let told = run(&disk).unwrap_or_else(|(told, error)| {
                    ended_early += 1;
                    assert_ne!(effect, Effect::Short, "{what}: {error}");
                    told
                });
                disk.fail_no_more();
                if crashes {
                    disk.crash();
                }
                check(&disk, &told, &what);
                assert_eq!(disk.faults(), 1, "{what}");
            }
        }
    }
    assert!(
        ended_early > 300,
        "only {ended_early} runs were ended by it"
    );
}

#[test]
fn a_failed_sync_poisons_the_log_and_what_was_synced_can_still_be_read() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk);
    put(&mut log, 10);
    log.append(&mut batch(&[b"not acknowledged"]))
        .expect("it is written");
    disk.fail(Some(Call::Sync), 1, Effect::Broken);
    let refused = log.sync().expect_err("the sync failed").to_string();
    let path = segment(0);
    assert_eq!(
        refused,
        format!(
            "the log takes no more records until it is opened anew: \
             cannot sync {}: Input/output error (os error 5)",
            path.display()
        )
    );

    let calls = disk.calls();
    assert!(matches!(log.sync(), Err(LogError::Poisoned(_))));
    let again = log.append(&mut batch(&[b"more"]));
    assert!(matches!(again, Err(LogError::Poisoned(_))));
    assert!(matches!(log.roll(0), Err(LogError::Poisoned(_))));
    assert!(matches!(log.prepare(), Err(LogError::Poisoned(_))));
    assert!(matches!(log.remove_segment(0), Err(LogError::Poisoned(_))));
    assert_eq!(disk.calls(), calls, "nothing is tried on the file again");
    assert_eq!(read(&log.readers(), 0).offsets(), [0]);
    assert!(matches!(log.close(), Err(LogError::Poisoned(_))));
}

#[test]
fn what_a_failed_sync_left_in_memory_is_durable_before_it_is_seen() {
    // The next sync of the file succeeds without writing what the failed one has lost, while the
    // system goes on showing it. So a log that is opened after it must write it again.
    for seed in 0..50 {
        let disk = SimulatedDisk::new(seed);
        let (mut log, _) = open(&disk);
        put(&mut log, 10);
        log.append(&mut batch(&[b"perhaps"]))
            .expect("it is written");
        disk.fail(Some(Call::Sync), 1, Effect::Broken);
        log.sync().expect_err("the sync failed");
        drop(log);
        let (log, _) = open(&disk);
        let seen = read(&log.readers(), 0);
        assert_eq!(seen.offsets(), [0, 1], "the system still shows it");
        disk.crash();
        drop(log);
        let (log, _) = open(&disk);
        assert_eq!(read(&log.readers(), 0), seen, "seed {seed}");
    }
}

#[test]
fn an_append_without_room_leaves_nothing_behind() {
    for seed in 0..50 {
        let disk = SimulatedDisk::new(seed);
        let (mut log, _) = open(&disk);
        put(&mut log, 100);
        let payloads: Vec<Vec<u8>> = (0..8).map(|_| vec![1; 100]).collect();
        let payloads: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        disk.fail(Some(Call::Write), 1, Effect::NoSpace);
        let refused = log.append(&mut batch(&payloads));
        assert!(
            matches!(refused, Err(LogError::NoSpace { .. })),
            "{refused:?}"
        );

        // A record of the same length takes the place of the first refused one. Were the second
        // still there, it would now follow a valid record.
        if seed % 2 == 0 {
            assert_eq!(put(&mut log, 100), 1);
        }
        let expected = read(&log.readers(), 0);
        disk.crash();
        drop(log);
        let (log, _) = open(&disk);
        assert_eq!(read(&log.readers(), 0), expected, "seed {seed}");
    }
}

#[test]
fn a_full_disk_stops_appends_and_nothing_else_also_after_restarts() {
    let disk = SimulatedDisk::new(3);
    let (mut log, _) = open(&disk);
    disk.limit(Some(40 << 10));
    let mut synced = 0;
    while log.append(&mut batch(&[&[7; 500]])).is_ok() {
        log.sync().expect("what is written has room");
        synced += 1;
    }
    assert!(synced > 30, "most of the disk was used: {synced}");
    for restart in 0..5 {
        assert_eq!(read(&log.readers(), 0).records.len(), synced);
        drop(log);
        disk.crash();
        let (again, recovery) = open(&disk);
        assert_eq!(recovery.damage, [], "restart {restart}");
        log = again;
        // What sealing has given back takes a few more; then the disk is full again.
        while log.append(&mut batch(&[&[7; 500]])).is_ok() {
            log.sync().expect("what is written has room");
            synced += 1;
        }
    }

    // Room is made by removing, which needs none.
    let bases: Vec<u64> = log.segments().iter().map(|it| it.base).collect();
    for base in &bases[..2] {
        let removed = log.remove_segment(*base);
        removed.expect("removing needs no room");
    }
    log.append(&mut batch(&[&[7; 500]])).expect("there is room");
    log.sync().expect("what is written has room");
}

#[test]
fn a_reader_that_could_not_read_stays_where_it_is() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk);
    put(&mut log, 10);
    let mut reader = log.readers().reader(0);
    for call in [Call::Open, Call::Read] {
        disk.fail(Some(call), 1, Effect::Broken);
        let error = reader.read().expect_err("the call fails").to_string();
        assert!(error.starts_with("cannot read /log/"), "{error}");
    }
    let found = reader.read().expect("it is only once");
    assert!(matches!(found, Some(Item::Record(it)) if it.offset == 0));
}
