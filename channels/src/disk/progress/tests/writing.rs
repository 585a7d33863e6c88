//! Writing, reading back, and what is needed.

use std::sync::Arc;

use super::super::{Change, Exception, Progress, ProgressOptions, Standing};
use super::support::{DIR, busy, floor, idle, open, put, try_open, write};
use crate::disk::files::Files;
use crate::disk::log::{Batch, Log, LogError, LogOptions};
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

#[test]
fn what_was_written_is_there_after_a_power_cut() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, recovered) = open(&disk);
    assert_eq!((recovered.next_number, recovered.floor), (0, floor(0)));
    let first = vec![
        put(idle(0, 0)),
        put(idle(1, 10)),
        put(busy(2, 90, &[4])),
        put(busy(3, 90, &[4])),
    ];
    write(&mut progress, None, first);
    let second = vec![put(busy(3, 20, &[])), Change::Delete(2)];
    write(&mut progress, Some(floor(50)), second);
    disk.crash();

    let (progress, recovered) = open(&disk);
    let expected = [idle(0, 50), idle(1, 50), busy(3, 20, &[])];
    assert_eq!(recovered.standings, expected);
    assert_eq!((recovered.next_number, recovered.floor), (4, floor(50)));
    assert!(!recovered.recovery.was_closed);
    assert_eq!(recovered.recovery.damage, []);
    assert_eq!((recovered.missing, recovered.outdated), (vec![], vec![]));
    assert_eq!(progress.standing(3), Some(&busy(3, 20, &[])));
    assert_eq!(progress.standing(2), None);
    assert_eq!(progress.floor(), floor(50));
}

#[test]
fn a_closed_log_is_found_closed() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(&mut progress, Some(floor(9)), vec![put(idle(0, 0))]);
    progress.close().expect("nothing fails");
    disk.crash();
    let (_, recovered) = open(&disk);
    assert!(recovered.recovery.was_closed);
    assert_eq!(recovered.standings, [idle(0, 9)]);
}

#[test]
fn a_write_is_one_write_and_one_sync_and_nothing_to_write_is_none() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(&mut progress, Some(floor(9)), vec![put(idle(0, 0))]);
    let calls = disk.calls();
    let changes = vec![put(busy(0, 20, &[3])), put(idle(1, 8)), Change::Delete(7)];
    write(&mut progress, Some(floor(12)), changes);
    assert_eq!(disk.calls() - calls, 2);

    write(&mut progress, None, vec![]);
    write(&mut progress, Some(floor(12)), vec![]);
    assert_eq!(disk.calls() - calls, 2, "there was nothing to write");
}

#[test]
fn an_idle_one_moves_with_the_floor_and_never_back() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(
        &mut progress,
        None,
        vec![put(idle(0, 70)), put(busy(1, 10, &[]))],
    );
    let stands_at = |progress: &Progress| {
        [0, 1].map(|it| {
            let standing = progress.standing(it).expect("it is there");
            standing.stands_at(progress.floor())
        })
    };
    assert_eq!(stands_at(&progress), [70, 10]);
    write(&mut progress, Some(floor(60)), vec![]);
    assert_eq!(stands_at(&progress), [70, 10]);
    write(&mut progress, Some(floor(90)), vec![]);
    assert_eq!(stands_at(&progress), [90, 10]);
    drop(progress);
    let (progress, _) = open(&disk);
    assert_eq!(stands_at(&progress), [90, 10]);
}

#[test]
fn no_number_is_given_twice_also_after_deletions_and_snapshots() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(
        &mut progress,
        None,
        vec![put(idle(41, 0)), Change::Delete(41)],
    );
    for round in 0..300 {
        write(&mut progress, None, vec![put(busy(3, round, &[]))]);
    }
    assert!(progress.log.segments().first().expect("it is there").base > 0);
    drop(progress);
    assert_eq!(open(&disk).1.next_number, 42);
    write(&mut open(&disk).0, None, vec![Change::Delete(99)]);
    assert_eq!(open(&disk).1.next_number, 100);
}

#[test]
fn a_segment_is_needed_by_who_reads_on_below_its_end_or_has_an_exception_in_it() {
    let cases = [
        (vec![], false, "nobody, and the floor is at its end"),
        (vec![idle(0, 0)], false, "an idle one is at the floor"),
        (vec![busy(0, 200, &[])], false, "at its end"),
        (vec![busy(0, 199, &[])], true, "at its last"),
        (vec![busy(0, 100, &[])], true, "at its first"),
        (vec![busy(0, 20, &[])], true, "below"),
        (vec![busy(0, 300, &[99])], false, "an exception below"),
        (
            vec![busy(0, 300, &[100])],
            true,
            "an exception at its first",
        ),
        (vec![busy(0, 300, &[5, 199, 250])], true, "one at its last"),
        (vec![busy(0, 300, &[200])], false, "one at its end"),
        (vec![busy(0, 300, &[5, 250])], false, "around it"),
        (
            vec![idle(0, 9), busy(1, 400, &[]), busy(2, 150, &[])],
            true,
            "one of many",
        ),
    ];
    for (standings, expected, what) in cases {
        let disk = SimulatedDisk::new(1);
        let (mut progress, _) = open(&disk);
        let changes = standings.into_iter().map(put).collect();
        write(&mut progress, Some(floor(200)), changes);
        assert_eq!(progress.needs(100..200), expected, "{what}");
        drop(progress);
        assert_eq!(open(&disk).0.needs(100..200), expected, "{what}, opened");
    }
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    assert!(progress.needs(0..1), "the floor itself is needed");
    write(&mut progress, Some(floor(150)), vec![]);
    assert!(progress.needs(100..200) && !progress.needs(50..150));
}

#[test]
fn what_is_needed_goes_by_what_is_durable() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(&mut progress, Some(floor(500)), vec![put(busy(0, 10, &[]))]);
    disk.fail(Some(Call::Sync), 1, Effect::Broken);
    let failed = progress.write(None, vec![put(busy(0, 500, &[]))], 0);
    assert!(matches!(failed, Err(LogError::Poisoned(_))), "{failed:?}");
    assert!(progress.needs(0..100), "the sync has failed");
    assert_eq!(progress.standing(0), Some(&busy(0, 10, &[])));
    assert!(progress.poison().is_some());

    let calls = disk.calls();
    let again = progress.write(Some(floor(600)), vec![Change::Delete(0)], 0);
    assert!(matches!(again, Err(LogError::Poisoned(_))), "{again:?}");
    assert_eq!(disk.calls(), calls, "nothing more is written");
    assert!(matches!(progress.close(), Err(LogError::Poisoned(_))));
}

#[test]
fn a_standing_that_contradicts_itself_or_is_too_large_is_refused_and_changes_nothing() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(&mut progress, None, vec![put(idle(0, 5))]);
    let too_many = (0..3_000_000).map(|offset| Exception {
        offset: offset * 300,
        sends: u32::MAX,
        redriven_at_ms: 0,
    });
    let too_large = Standing {
        exceptions: too_many.collect(),
        ..busy(3, 3_000_000_000, &[])
    };
    let cases = [
        (busy(3, 10, &[4, 4]), "its exceptions do not rise"),
        (busy(3, 10, &[5, 4]), "its exceptions do not rise"),
        (
            Standing {
                is_idle: true,
                ..busy(3, 10, &[4])
            },
            "it is idle and has exceptions",
        ),
        (too_large, "records are at most 16777216 bytes"),
    ];
    for (standing, why) in cases {
        let calls = disk.calls();
        let changes = vec![put(idle(0, 6)), put(standing)];
        let refused = progress.write(Some(floor(9)), changes, 0);
        let refused = refused.expect_err("it is not valid").to_string();
        assert!(
            refused.starts_with("cannot write progress in /progress: "),
            "{refused}"
        );
        assert!(refused.ends_with(why), "{refused}");
        assert_eq!(disk.calls(), calls, "{why}");
        assert_eq!(progress.standing(0), Some(&idle(0, 5)));
    }
    write(&mut progress, None, vec![put(idle(0, 7))]);
    assert_eq!(open_again(progress, &disk), [idle(0, 7)]);
}

fn open_again(progress: Progress, disk: &SimulatedDisk) -> Vec<Standing> {
    drop(progress);
    open(disk).1.standings
}

#[test]
fn it_is_open_once() {
    let disk = SimulatedDisk::new(1);
    let (progress, _) = open(&disk);
    let refused = try_open(&disk).expect_err("it is open").to_string();
    assert_eq!(refused, "the log in /progress is in use");
    drop(progress);
    open(&disk);
}

#[test]
fn what_a_later_version_wrote_is_refused_and_left_alone() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(&mut progress, None, vec![put(idle(0, 5))]);
    progress.close().expect("nothing fails");

    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let (mut log, _) =
        Log::open(files, DIR.as_ref(), LogOptions::default()).expect("nothing fails");
    let mut batch = Batch::new();
    batch.push(0, &[&[2, 1, 7]]).expect("it is small");
    log.append(&mut batch).expect("nothing fails");
    log.close().expect("nothing fails");
    for _ in 0..2 {
        let refused = try_open(&disk).expect_err("it is of another version");
        assert_eq!(
            refused.to_string(),
            "cannot read the standing of a subscription in version 2, at offset 1 of the progress \
             log: this program reads version 1; run the one that wrote it, or a later one"
        );
    }
}

#[test]
fn it_works_on_a_real_disk() {
    let dir = std::env::temp_dir().join(format!("sluicegate-progress-{}", std::process::id()));
    let open = || {
        let files = Arc::new(crate::disk::files::Disk);
        let opened = Progress::open(files, &dir, ProgressOptions::default());
        opened.unwrap_or_else(|error| panic!("{error}"))
    };
    let (mut progress, _) = open();
    write(
        &mut progress,
        Some(floor(9)),
        vec![put(idle(0, 0)), put(busy(1, 7, &[3]))],
    );
    drop(progress);
    let (progress, recovered) = open();
    assert_eq!(recovered.standings, [idle(0, 9), busy(1, 7, &[3])]);
    progress.close().expect("nothing fails");
    std::fs::remove_dir_all(dir).expect("it was made");
}
