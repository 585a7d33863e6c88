//! More than is written at once: it is written in parts, and no crash between them moves anybody too
//! far.

use super::super::{Change, Floor, Standing};
use super::support::{busy, floor, idle, open, open_in_parts, put, write};
use crate::disk::log::LogError;
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

const PART_BYTES: usize = 1 << 10;
const MANY: u64 = 100;

/// Everybody where it stood first, and then further, with some that have come to their end.
fn first() -> Vec<Standing> {
    (0..MANY).map(|it| busy(it, 5, &[3])).collect()
}

fn then() -> Vec<Standing> {
    let stands = |it: u64| match it % 3 {
        0 => idle(it, 1_000),
        _ => busy(it, 900, &[400, 500 + it]),
    };
    (0..MANY).map(stands).collect()
}

fn puts(standings: Vec<Standing>) -> Vec<Change> {
    standings.into_iter().map(put).collect()
}

#[test]
fn a_round_of_many_parts_is_stored_whole_and_the_floor_with_the_last() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open_in_parts(&disk, PART_BYTES);
    write(&mut progress, Some(floor(10)), puts(first()));
    let parts = progress.log.segments().len();
    assert!(parts > 1, "{MANY} standings are more than one part");
    write(&mut progress, Some(floor(1_000)), puts(then()));
    drop(progress);
    disk.crash();
    let (_, recovered) = open(&disk);
    assert_eq!(
        (recovered.standings, recovered.floor),
        (then(), floor(1_000))
    );
    assert!(recovered.missing.is_empty());
}

#[test]
fn a_change_that_is_larger_than_a_part_is_stored() {
    let disk = SimulatedDisk::new(2);
    let (mut progress, _) = open_in_parts(&disk, 64);
    let offsets: Vec<u64> = (0..2_000).map(|it| it * 1_000).collect();
    let large = busy(1, 3_000_000, &offsets);
    write(
        &mut progress,
        None,
        vec![put(large.clone()), put(idle(2, 0))],
    );
    drop(progress);
    assert_eq!(open(&disk).1.standings, [large, idle(2, 0)]);
}

#[test]
fn whichever_call_fails_between_two_parts_nobody_stands_further_than_was_written() {
    let run = |disk: &SimulatedDisk| -> (Result<(), LogError>, u64) {
        let (mut progress, _) = open_in_parts(disk, PART_BYTES);
        write(&mut progress, Some(floor(10)), puts(first()));
        let before = disk.calls();
        (progress.write(Some(floor(1_000)), puts(then()), 7), before)
    };
    let calm = SimulatedDisk::new(3);
    let (written, before) = run(&calm);
    written.expect("nothing fails");
    let calls = calm.calls() - before;
    assert!(calls > 10, "{calls} calls are not several parts");
    let mut halfway = 0;
    for effect in [Effect::Broken, Effect::NoSpace] {
        for nth in 1..=calls {
            let what = format!("{effect:?} at call {nth}");
            let disk = SimulatedDisk::new(nth);
            disk.fail(None, before + nth, effect);
            let (written, _) = run(&disk);
            disk.fail_no_more();
            disk.crash();
            let (mut progress, recovered) = open_in_parts(&disk, PART_BYTES);
            let found = &recovered.standings;
            assert_eq!(found.len() as u64, MANY, "{what}");
            let is_old = |it: &&Standing| first().contains(it);
            let is_new = |it: &&Standing| then().contains(it);
            let old = found.iter().filter(is_old).count() as u64;
            let new = found.iter().filter(is_new).count() as u64;
            assert_eq!(old + new, MANY, "{what}");
            halfway += u32::from(old > 0 && new > 0);
            let is_moved = recovered.floor == floor(1_000);
            assert!(!is_moved || old == 0, "{what}: the floor came before them");
            assert!(
                written.is_err() || is_moved,
                "{what}: it was said to be stored"
            );
            // The same may be asked again.
            write(&mut progress, Some(floor(1_000)), puts(then()));
            drop(progress);
            assert_eq!(open(&disk).1.standings, then(), "{what}");
        }
    }
    assert!(halfway > 0, "none was caught between two parts");
}

#[test]
fn a_snapshot_of_many_parts_takes_the_place_of_what_was_before_and_no_crash_costs_a_standing() {
    let rounds = |disk: &SimulatedDisk| -> Result<Floor, LogError> {
        let (mut progress, _) = open_in_parts(disk, PART_BYTES);
        let mut last = floor(0);
        for round in 0..40 {
            let at = 100 * round;
            let changes = puts((0..MANY).map(|it| busy(it, at + 50, &[at])).collect());
            progress.write(Some(floor(at)), changes, 7)?;
            last = floor(at);
        }
        Ok(last)
    };
    let calm = SimulatedDisk::new(4);
    let last = rounds(&calm).expect("nothing fails");
    let names = calm.names(super::support::DIR.as_ref());
    let bytes: usize = names
        .iter()
        .filter_map(|it| calm.contents(&std::path::Path::new(super::support::DIR).join(it)))
        .map(|it| it.len())
        .sum();
    assert!(
        bytes < 200 << 10,
        "{bytes} bytes are left: what is stale goes"
    );
    assert_eq!(open(&calm).1.floor, last);

    let syncs = calm.calls();
    for nth in (1..syncs / 8).step_by(7) {
        let disk = SimulatedDisk::new(nth);
        disk.fail(Some(Call::Sync), nth, Effect::Broken);
        if rounds(&disk).is_ok() {
            break;
        }
        disk.fail_no_more();
        disk.crash();
        let (_, recovered) = open(&disk);
        let stood = recovered.standings.len() as u64;
        let is_begun = recovered.floor.offset > 0;
        assert!(!is_begun || stood == MANY, "sync {nth}: {stood} are there");
        assert!(recovered.missing.is_empty(), "sync {nth}");
    }
}
