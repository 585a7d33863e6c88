//! Snapshots, and what they let go.

use super::super::{Change, Progress};
use super::support::{busy, floor, idle, open, put, segments, write};
use crate::disk::simulated::SimulatedDisk;

fn size_bytes(disk: &SimulatedDisk) -> usize {
    let lengths = segments(disk).into_iter().map(|it| {
        let contents = disk.contents(&it);
        contents.map_or(0, |it| it.len())
    });
    lengths.sum()
}

#[test]
fn what_is_stale_is_removed_and_nothing_else() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    let still = busy(7, 20, &[3, 9]);
    write(
        &mut progress,
        Some(floor(2)),
        vec![put(still.clone()), put(idle(8, 1))],
    );
    write(
        &mut progress,
        None,
        vec![put(idle(9, 0)), Change::Delete(8)],
    );
    let mut most = 0;
    for round in 0..2_000 {
        write(&mut progress, None, vec![put(busy(5, round, &[]))]);
        most = most.max(size_bytes(&disk));
    }
    // Two generations, each of half a segment and what the segments begin with.
    assert!(most <= 32 << 10, "{most} bytes");
    let expected = [busy(5, 1_999, &[]), still, idle(9, 2)];
    drop(progress);
    disk.crash();
    let (_, recovered) = open(&disk);
    assert_eq!(recovered.standings, expected);
    assert_eq!((recovered.floor, recovered.next_number), (floor(2), 10));
    assert_eq!(recovered.recovery.damage, []);
}

#[test]
fn a_snapshot_that_is_larger_than_a_segment_has_one_of_its_own() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    let all: Vec<_> = (0..500).map(|it| busy(it, 1_000 + it, &[it])).collect();
    write(&mut progress, None, all.iter().cloned().map(put).collect());
    let live = size_bytes(&disk);
    assert!(live > 30 << 10, "{live} bytes are more than a segment");
    let mut most = 0;
    let mut snapshots = 0;
    let mut from = 0;
    for round in 0..5_000 {
        write(&mut progress, None, vec![put(busy(3, 2_000 + round, &[]))]);
        most = most.max(size_bytes(&disk));
        let first = progress.log.segments().first().map_or(0, |it| it.base);
        snapshots += u64::from(first > from);
        from = first;
    }
    assert!(snapshots > 2, "only {snapshots} snapshots");
    // Half of such a small segment holds no records.
    assert!(most < 12 * live, "{most} bytes of {live} that live");
    drop(progress);
    let (_, recovered) = open(&disk);
    let mut expected = all;
    expected[3] = busy(3, 6_999, &[]);
    assert_eq!(recovered.standings, expected);
}

#[test]
fn many_starts_leave_few_segments() {
    let disk = SimulatedDisk::new(1);
    for start in 0..200 {
        let (mut progress, recovered) = open(&disk);
        assert_eq!(recovered.recovery.damage, []);
        write(&mut progress, None, vec![put(busy(0, start, &[]))]);
        if start % 2 == 0 {
            progress.close().expect("nothing fails");
        } else {
            disk.crash();
        }
        let found = segments(&disk).len();
        assert!(found <= 40, "{found} segments after {start} starts");
    }
    assert_eq!(open(&disk).1.standings, [busy(0, 199, &[])]);
}

#[test]
fn idle_ones_are_not_written_when_the_floor_moves() {
    let disk = SimulatedDisk::new(1);
    let (mut progress, _) = open(&disk);
    let all = (0..30).map(|it| put(idle(it, 0))).collect();
    write(&mut progress, None, all);
    let written = |progress: &Progress| progress.generations.written_bytes;
    let before = written(&progress);
    write(&mut progress, Some(floor(10_000)), vec![]);
    assert_eq!(written(&progress) - before, 40, "one record");
    drop(progress);
    let (_, recovered) = open(&disk);
    assert!(
        recovered
            .standings
            .iter()
            .all(|it| it.reads_on_from == 10_000)
    );
}
