//! Damage: opening never fails for it, nothing unfinished is taken for finished, and what is lost
//! is reported.

use std::sync::Arc;

use super::super::{Change, Floor, Progress, Recovered, Standing, format};
use super::support::{DIR, busy, floor, idle, name, open, put, segments, write};
use crate::disk::log::{Batch, Log, LogOptions};
use crate::disk::simulated::SimulatedDisk;

/// A folder of two generations, and what was written at last.
struct Scene {
    disk: SimulatedDisk,
    floor: Floor,
    standings: Vec<Standing>,
}

/// Subscriptions that come to an end of their work, take up more, are paused, made and deleted,
/// while the floor moves. Each only ever goes forward.
fn scene(is_closed: bool) -> Scene {
    let disk = SimulatedDisk::new(3);
    let (mut progress, _) = open(&disk);
    let first = (0..4).map(|it| put(idle(it, 0))).collect();
    write(&mut progress, None, first);
    for round in 0..60_u64 {
        let at = 100 * round;
        let worker = round % 4;
        write(
            &mut progress,
            None,
            vec![put(busy(worker, at + 50, &[at + 10, at + 20]))],
        );
        let mut changes = Vec::new();
        match round % 5 {
            // It has not come to its end when the floor moves, and again later.
            0 => changes.push(put(busy(worker, at + 70, &[at + 20]))),
            1 => changes.extend([put(idle(10 + round, at)), put(idle(worker, at + 60))]),
            2 => changes.extend([Change::Delete(10 + round - 1), put(idle(worker, at + 60))]),
            _ => changes.push(put(idle(worker, at + 60))),
        }
        write(&mut progress, Some(floor(at + 60)), changes);
    }
    let standings = progress.state.standings.values();
    let floor = progress.floor();
    let raised = standings.map(|it| Standing {
        reads_on_from: it.stands_at(floor),
        ..it.clone()
    });
    let standings = raised.collect();
    assert!(segments(&disk).len() > 1, "there are two generations");
    if is_closed {
        progress.close().expect("nothing fails");
    }
    Scene {
        disk,
        floor,
        standings,
    }
}

impl Scene {
    /// Nobody stands further than it does at last: what is unfinished at last is unfinished.
    /// Says whether all is as it was written.
    fn check(&self, recovered: &Recovered, what: &str) -> bool {
        assert!(recovered.floor.offset <= self.floor.offset, "{what}");
        for found in &recovered.standings {
            let Some(last) = self.standings.iter().find(|it| it.number == found.number) else {
                continue;
            };
            assert!(
                found.reads_on_from <= last.reads_on_from,
                "{what}: {found:?}"
            );
            for unfinished in &last.exceptions {
                let is_kept = unfinished.offset >= found.reads_on_from
                    || found
                        .exceptions
                        .iter()
                        .any(|it| it.offset == unfinished.offset);
                assert!(is_kept, "{what}: {found:?} has lost {unfinished:?}");
            }
        }
        for last in &self.standings {
            let is_known = recovered
                .standings
                .iter()
                .any(|it| it.number == last.number);
            let is_reported = recovered.missing.contains(&last.number)
                || !recovered.recovery.damage.is_empty()
                || recovered.recovery.torn_bytes > 0;
            assert!(is_known || is_reported, "{what}: {last:?} is lost");
        }
        let highest = self.standings.iter().map(|it| it.number).max();
        assert!(
            highest.is_none_or(|it| recovered.next_number > it),
            "{what}"
        );
        recovered.standings == self.standings && recovered.floor == self.floor
    }
}

#[test]
fn a_flipped_bit_anywhere_moves_nobody_forward_and_is_reported() {
    let mut rng = fastrand::Rng::with_seed(5);
    let (mut flips, mut felt) = (0, 0);
    for is_closed in [true, false] {
        let scene = scene(is_closed);
        assert!(scene.check(&open(&scene.disk.copy()).1, "undamaged"));
        for path in segments(&scene.disk) {
            let contents = scene.disk.contents(&path).expect("it is there");
            let end = contents.iter().rposition(|it| *it != 0).unwrap_or(0) + 64;
            for at in 0..end.min(contents.len()) {
                // The header's copies stand at the start and in the middle of the first 4 KiB; the rest
                // of them is zeros that nobody reads.
                if (64..2_048).contains(&at) || (2_112..4_096).contains(&at) {
                    continue;
                }
                let disk = scene.disk.copy();
                disk.tamper(&path, |bytes| bytes[at] ^= 1 << rng.u32(..8));
                let what = format!("closed: {is_closed}, byte {at} of {}", path.display());
                let (progress, recovered) = open(&disk);
                let is_whole = scene.check(&recovered, &what);
                let is_reported =
                    !recovered.recovery.damage.is_empty() || recovered.recovery.torn_bytes > 0;
                assert!(is_whole || is_reported, "{what} is not reported");
                flips += 1;
                felt += u32::from(!is_whole);
                if flips % 16 == 0 {
                    go_on(&scene, &disk, progress, &recovered, &what);
                }
            }
        }
    }
    println!("{flips} flips, {felt} of them felt");
    assert!(
        felt > 100 && felt < flips / 2,
        "{felt} of {flips} were felt"
    );
}

/// Writes one more change, and says where in the first file its record is.
fn place_of(disk: &SimulatedDisk, progress: &mut Progress, change: Change) -> usize {
    let path = &segments(disk)[0];
    let end = disk
        .contents(path)
        .and_then(|it| it.iter().rposition(|it| *it != 0));
    let end = end.expect("something was written before") + 1;
    write(progress, None, vec![change]);
    end.next_multiple_of(8)
}

fn damage(disk: &SimulatedDisk, at: usize) {
    // Behind the 32 bytes that the log puts before a record.
    disk.tamper(&segments(disk)[0], |bytes| bytes[at + 33] ^= 1);
}

/// What is left can be written to, and is as it was from then on.
fn go_on(
    scene: &Scene,
    disk: &SimulatedDisk,
    mut progress: Progress,
    recovered: &Recovered,
    what: &str,
) {
    let next = recovered.next_number;
    write(&mut progress, None, vec![put(idle(next, 5))]);
    drop(progress);
    disk.crash();
    let (_, again) = open(disk);
    scene.check(&again, what);
    let mut expected = recovered.standings.clone();
    expected.push(idle(next, recovered.floor.offset.max(5)));
    assert_eq!(again.standings, expected, "{what}");
}

#[test]
fn many_flipped_bits_move_nobody_forward() {
    let scene = scene(true);
    let mut missing = 0;
    let mut outdated = 0;
    for seed in 0..3_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let disk = scene.disk.copy();
        for path in segments(&disk) {
            disk.tamper(&path, |bytes| {
                for _ in 0..rng.usize(..80) {
                    let at = rng.usize(4_096..bytes.len());
                    bytes[at] ^= 1 << rng.u32(..8);
                }
            });
        }
        let (_, recovered) = open(&disk);
        scene.check(&recovered, &format!("seed {seed}"));
        missing += recovered.missing.len();
        outdated += recovered.outdated.len();
    }
    println!("{missing} missing, {outdated} outdated");
    assert!(
        missing > 0 && outdated > 0,
        "{missing} missing, {outdated} outdated"
    );
}

#[test]
fn a_missing_segment_moves_nobody_forward_and_is_reported() {
    for is_closed in [true, false] {
        let scene = scene(is_closed);
        let paths = segments(&scene.disk);
        for (at, path) in paths.iter().enumerate() {
            let disk = scene.disk.copy();
            disk.tamper(path, Vec::clear);
            let what = format!("closed: {is_closed}, segment {at} of {}", paths.len());
            let (_, recovered) = open(&disk);
            scene.check(&recovered, &what);
            assert_ne!(recovered.recovery.damage, [], "{what}");
        }
    }
}

#[test]
fn bad_sectors_cost_what_they_held() {
    let scene = scene(true);
    let path = segments(&scene.disk)
        .into_iter()
        .next()
        .expect("it is there");
    let disk = scene.disk.copy();
    disk.break_reads(&path, 4_608..5_120);
    let (mut progress, recovered) = open(&disk);
    scene.check(&recovered, "bad sectors");
    assert_ne!(recovered.recovery.damage, []);
    // What is left is written anew where it can be read.
    let from = progress.generations.from;
    write(&mut progress, None, vec![put(idle(500, 5))]);
    assert!(
        progress.generations.from > from,
        "there is a new generation"
    );
}

#[test]
fn one_whose_end_of_idleness_is_lost_stays_at_the_floor_before() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(
        &mut progress,
        Some(floor(100)),
        vec![put(idle(0, 0)), put(idle(1, 0))],
    );
    let at = place_of(&disk, &mut progress, put(busy(0, 180, &[150])));
    write(&mut progress, Some(floor(900)), vec![]);
    progress.close().expect("nothing fails");
    let undamaged = open(&disk.copy()).1.standings;
    assert_eq!(undamaged, [busy(0, 180, &[150]), idle(1, 900)]);

    damage(&disk, at);
    let (_, recovered) = open(&disk);
    assert_eq!(recovered.standings, [busy(0, 100, &[]), idle(1, 900)]);
    assert_eq!(recovered.outdated, [0]);
    assert_eq!(recovered.recovery.damage.len(), 1);
}

#[test]
fn of_two_with_one_name_the_later_is_left() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(&mut progress, None, vec![put(idle(0, 0))]);
    let at = place_of(&disk, &mut progress, Change::Delete(0));
    let again = Standing {
        name: name(0),
        ..idle(4, 9)
    };
    write(&mut progress, None, vec![put(again.clone())]);
    progress.close().expect("nothing fails");
    damage(&disk, at);
    let (_, recovered) = open(&disk);
    assert_eq!(recovered.standings, [again]);
    assert_eq!(recovered.recovery.damage.len(), 1);
}

#[test]
fn one_whose_deletion_is_lost_is_gone_with_the_next_snapshot() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(&mut progress, None, vec![put(idle(0, 0)), put(idle(1, 0))]);
    let at = place_of(&disk, &mut progress, Change::Delete(0));
    while progress.log.segments().len() < 2 {
        write(&mut progress, None, vec![put(idle(1, 0))]);
    }
    progress.close().expect("nothing fails");
    damage(&disk, at);
    let (_, recovered) = open(&disk);
    assert_eq!(recovered.standings, [idle(1, 0)]);
    assert_eq!(recovered.recovery.damage.len(), 1);
}

#[test]
fn a_number_whose_record_is_lost_is_not_given_again() {
    for is_closed in [true, false] {
        let disk = SimulatedDisk::new(1);
        let (mut progress, _) = open(&disk);
        write(&mut progress, None, vec![put(idle(0, 0))]);
        let at = place_of(&disk, &mut progress, put(idle(1, 0)));
        if is_closed {
            progress.close().expect("nothing fails");
        } else {
            drop(progress);
        }
        damage(&disk, at);
        let (_, recovered) = open(&disk);
        assert_eq!(recovered.standings, [idle(0, 0)]);
        assert!(recovered.next_number > 1, "closed: {is_closed}");
    }
}

#[test]
fn a_record_that_makes_no_sense_is_reported_and_read_past() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    write(&mut progress, None, vec![put(idle(0, 0))]);
    progress.close().expect("nothing fails");
    // The log finds nothing wrong with these.
    let files = Arc::new(disk.clone());
    let opened = Log::open(files, DIR.as_ref(), LogOptions::default());
    let (mut log, _) = opened.expect("nothing fails");
    let mut batch = Batch::new();
    for payload in [&[][..], &[1], &[1, 9], &format::deleted(0)[..2]] {
        batch.push(0, &[payload]).expect("it is small");
    }
    log.append(&mut batch).expect("nothing fails");
    log.close().expect("nothing fails");

    let (mut progress, recovered) = open(&disk);
    let damage = recovered.recovery.damage.into_iter().map(|it| it.offsets);
    assert_eq!(damage.collect::<Vec<_>>(), [1..2, 2..3, 3..4, 4..5]);
    assert_eq!(recovered.standings, [idle(0, 0)]);
    assert!(recovered.next_number >= 5, "each may have given one");
    write(&mut progress, None, vec![put(idle(7, 0))]);
    drop(progress);
    assert_eq!(open(&disk).1.standings, [idle(0, 0), idle(7, 0)]);
}
