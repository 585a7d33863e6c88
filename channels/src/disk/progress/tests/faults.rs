//! Every call of one run fails once, in every way, and the run ends in a defined state.

use super::super::{Change, Floor, Standing};
use super::support::{busy, floor, idle, open, put, segments, try_open, write};
use crate::disk::log::LogError;
use crate::disk::simulated::{Effect, SimulatedDisk};

type Known = (Floor, Vec<Standing>);

const ROUNDS: u64 = 150;

/// The changes of a round, and all there is after it.
fn round(at: u64) -> (Option<Floor>, Vec<Change>) {
    let mover = put(busy(1, 10 * at + 9, &[10 * at]));
    match at {
        0 => (None, vec![put(idle(0, 0)), mover]),
        20 => (None, vec![mover, put(busy(2, 7, &[]))]),
        50 => (None, vec![mover, Change::Delete(2)]),
        _ if at.is_multiple_of(9) => (Some(floor(at)), vec![mover]),
        _ => (None, vec![mover]),
    }
}

fn after(at: u64) -> Known {
    let last_floor = if at < 9 { 0 } else { at - at % 9 };
    let mut standings = vec![idle(0, last_floor), busy(1, 10 * at + 9, &[10 * at])];
    if (20..50).contains(&at) {
        standings.push(busy(2, 7, &[]));
    }
    (floor(last_floor), standings)
}

/// How far a run came.
#[derive(Debug, Default)]
struct Told {
    /// The last round that was said to be done.
    done: Option<u64>,
    /// The one that nobody knows of.
    unknown: Option<u64>,
}

fn run(disk: &SimulatedDisk, told: &mut Told) -> Result<(), String> {
    let (mut progress, _) = try_open(disk).map_err(|it| it.to_string())?;
    for at in 0..ROUNDS {
        let (floor, changes) = round(at);
        let was_poisoned = progress.poison().is_some();
        let written = match progress.write(floor, changes.clone(), 0) {
            // Nothing was changed: the next try must succeed.
            Err(LogError::NoSpace { .. } | LogError::Io { .. }) => {
                progress.write(floor, changes, 0)
            }
            written => written,
        };
        if let Err(error) = written {
            told.unknown = (!was_poisoned).then_some(at);
            return Err(error.to_string());
        }
        told.done = Some(at);
    }
    progress.close().map_err(|it| it.to_string())
}

fn check(disk: &SimulatedDisk, told: &Told, what: &str) {
    let (mut progress, recovered) = open(disk);
    assert_eq!(recovered.recovery.damage, [], "{what}");
    assert_eq!(
        (recovered.missing, recovered.outdated),
        (vec![], vec![]),
        "{what}"
    );
    let found = (recovered.floor, recovered.standings);
    let nothing = || (floor(0), vec![]);
    let done = told.done.map_or_else(nothing, after);
    let may_be = told.unknown.map(after);
    assert!(
        found == done || Some(&found) == may_be.as_ref(),
        "{what}: {found:?} after {told:?}"
    );
    write(&mut progress, None, vec![put(idle(7, 5_000))]);
    drop(progress);
    let (_, recovered) = open(disk);
    assert_eq!(recovered.standings.last(), Some(&idle(7, 5_000)), "{what}");
}

#[test]
fn whichever_call_fails_what_was_written_is_there() {
    let calm = SimulatedDisk::new(0);
    let mut told = Told::default();
    run(&calm, &mut told).expect("nothing fails");
    let first = segments(&calm).into_iter().next().expect("there is one");
    assert!(
        !first.ends_with("00000000000000000000.log"),
        "a generation was removed"
    );
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
                let mut told = Told::default();
                if let Err(error) = run(&disk, &mut told) {
                    ended_early += 1;
                    assert_ne!(effect, Effect::Short, "{what}: {error}");
                }
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
