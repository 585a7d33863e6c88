//! Room comes back, and nothing goes with it.

use super::super::{Kept, KeptOp, KeptState};
use super::support::{
    NOW, apply, event, has_event, keep, key, keys, open, parked, put, reason, segments,
};
use crate::disk::simulated::SimulatedDisk;

/// Takes steps until there is none left, and says how many there were.
fn compact(kept: &mut Kept) -> usize {
    let mut steps = 0;
    while kept.compact(NOW).unwrap_or_else(|error| panic!("{error}")) {
        steps += 1;
        assert!(steps < 1_000, "compaction comes to an end");
    }
    steps
}

#[test]
fn an_empty_store_has_nothing_to_give_back() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    assert_eq!(compact(&mut kept), 0);
    keep(&mut kept, 1, 10);
    apply(&mut kept, &[KeptOp::End(key(1, 10))]);
    assert_eq!(compact(&mut kept), 0, "the newest segment stays");
}

#[test]
fn a_store_that_lives_is_left_alone() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    for offset in 0..100 {
        keep(&mut kept, 1, offset);
    }
    for offset in (0..100).step_by(3) {
        apply(&mut kept, &[KeptOp::End(key(1, offset))]);
    }
    let before = segments(&disk);
    assert_eq!(compact(&mut kept), 0);
    assert_eq!(segments(&disk), before);
}

#[test]
fn segments_of_which_nothing_lives_go_at_once() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    for offset in 0..200 {
        keep(&mut kept, 1, offset);
    }
    let before = segments(&disk).len();
    assert!(before > 5, "there are {before} segments");
    apply(&mut kept, &[KeptOp::EndAll { subscription: 1 }]);
    compact(&mut kept);
    assert_eq!(segments(&disk).len(), 1);
    drop(kept);
    assert_eq!(keys(&open(&disk).1), []);
}

#[test]
fn what_lives_in_the_oldest_segment_moves_to_the_end() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    let first = put(key(2, 1_000), Some(event(1_000, 50)), parked());
    apply(&mut kept, &[first]);
    for offset in 0..200 {
        keep(&mut kept, 1, offset);
        apply(&mut kept, &[KeptOp::End(key(1, offset))]);
    }
    let oldest = segments(&disk).remove(0);
    let reader = kept.reader();
    assert!(compact(&mut kept) > 1);
    assert!(!segments(&disk).contains(&oldest));
    assert!(segments(&disk).len() <= 2);

    assert!(has_event(&kept, 1_000, 50));
    let why = || reader.reason(key(2, 1_000)).expect("it can be read");
    assert_eq!(why(), Some(reason()), "a reader of before finds it too");
    drop(kept);
    let (kept, entries, recovery) = open(&disk);
    assert_eq!(keys(&entries), [(2, 1_000)]);
    assert!(matches!(
        entries[0].state,
        KeptState::Parked { sends: 4, .. }
    ));
    assert_eq!(recovery.damage, []);
    assert!(has_event(&kept, 1_000, 50));
}

#[test]
fn an_end_never_goes_before_the_entry_it_ended() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    for offset in 0..200 {
        keep(&mut kept, 1, offset);
        keep(&mut kept, 2, offset);
    }
    apply(&mut kept, &[KeptOp::EndAll { subscription: 2 }]);
    for offset in 0..190 {
        apply(&mut kept, &[KeptOp::End(key(1, offset))]);
    }
    let expected: Vec<_> = (190..200).map(|it| (1, it)).collect();
    loop {
        // After each step, as if the process had ended there.
        let (copy, entries, _) = open(&disk.copy());
        assert_eq!(keys(&entries), expected);
        assert!((190..200).all(|it| has_event(&copy, it, 100)));
        if !kept.compact(NOW).expect("there is room") {
            break;
        }
    }
}
