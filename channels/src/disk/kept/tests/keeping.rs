//! What is put is there, once, and what is ended is gone.

use std::sync::Arc;

use super::super::{KeptEntry, KeptOp, KeptState};
use super::support::{
    NOW, apply, event, has_event, keep, key, keys, moved, open, parked, put, reason, try_open,
};
use crate::disk::log::LogError;
use crate::disk::simulated::SimulatedDisk;

#[test]
fn what_is_put_is_there_after_a_crash() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, entries, _) = open(&disk);
    assert_eq!(entries, []);
    let parking = put(key(2, 10), None, parked());
    let first = put(key(1, 10), Some(event(10, 50)), moved(NOW + 60_000));
    apply(&mut kept, &[first, parking]);
    disk.crash();
    drop(kept);

    let (kept, entries, _) = open(&disk);
    let entry = |subscription, state| KeptEntry {
        key: key(subscription, 10),
        state,
        accepted_at_ms: NOW,
        redriven_at_ms: 0,
        size_bytes: sluicegate_event::stored::encoded_len(&event(10, 50)) as u64,
    };
    let expected = [
        entry(
            1,
            KeptState::Moved {
                due_ms: NOW + 60_000,
                sends: 3,
            },
        ),
        entry(
            2,
            KeptState::Parked {
                reason: "refused",
                sends: 4,
                parked_at_ms: NOW,
                retry_at_ms: Some(NOW + 1),
            },
        ),
    ];
    assert_eq!(entries, expected);
    assert!(has_event(&kept, 10, 50));
    let reader = kept.reader();
    let why = |subscription| {
        reader
            .reason(key(subscription, 10))
            .expect("it can be read")
    };
    assert_eq!((why(1), why(2), why(3)), (None, Some(reason()), None));
}

#[test]
fn a_later_entry_takes_the_place_of_the_earlier() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    keep(&mut kept, 1, 10);
    apply(&mut kept, &[put(key(1, 10), None, moved(NOW + 5))]);
    apply(&mut kept, &[put(key(1, 10), None, parked())]);
    assert_eq!(kept.entries(), 1);
    drop(kept);
    let (kept, entries, _) = open(&disk);
    assert_eq!(keys(&entries), [(1, 10)]);
    assert!(matches!(entries[0].state, KeptState::Parked { .. }));
    assert!(has_event(&kept, 10, 100));
}

#[test]
fn an_event_is_stored_once_and_lives_as_long_as_anyone_keeps_it() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    let put_for = |subscription| put(key(subscription, 10), Some(event(10, 3_000)), moved(NOW));
    let before = kept.index.read().total().all_bytes;
    apply(&mut kept, &[put_for(1), put_for(2)]);
    apply(&mut kept, &[put_for(3)]);
    let written = kept.index.read().total().all_bytes - before;
    assert!(
        (3_000..4_000).contains(&written),
        "{written} bytes were written"
    );

    apply(
        &mut kept,
        &[KeptOp::End(key(1, 10)), KeptOp::End(key(3, 10))],
    );
    assert!(has_event(&kept, 10, 3_000));
    apply(&mut kept, &[KeptOp::End(key(2, 10))]);
    assert!(!has_event(&kept, 10, 3_000));
    assert_eq!(kept.index.read().total().live_bytes, 0);
    drop(kept);
    assert_eq!(keys(&open(&disk).1), []);
}

#[test]
fn operations_of_one_call_are_done_in_their_order() {
    let check = |ops: &[KeptOp], expected: &[(u64, u64)]| {
        let disk = SimulatedDisk::new(1);
        let (mut kept, ..) = open(&disk);
        keep(&mut kept, 1, 10);
        apply(&mut kept, ops);
        assert_eq!(kept.entries(), expected.len() as u64, "{ops:?}");
        for (_, offset) in expected {
            assert!(has_event(&kept, *offset, 100), "{ops:?}");
        }
        drop(kept);
        let (kept, entries, _) = open(&disk);
        assert_eq!(keys(&entries), expected, "{ops:?}");
        for (_, offset) in expected {
            assert!(has_event(&kept, *offset, 100), "{ops:?}");
        }
    };
    let end = |subscription, offset| KeptOp::End(key(subscription, offset));
    let end_all = |subscription| KeptOp::EndAll { subscription };
    let put = |subscription, offset| {
        put(
            key(subscription, offset),
            Some(event(offset, 100)),
            moved(NOW),
        )
    };
    let again = |subscription| super::support::put(key(subscription, 10), None, moved(NOW));
    check(&[end(1, 10)], &[]);
    check(&[end(1, 11), end(2, 10)], &[(1, 10)]);
    check(&[end(1, 10), put(1, 10)], &[(1, 10)]);
    check(&[end(1, 10), again(1)], &[(1, 10)]);
    check(&[end(1, 10), again(2)], &[(2, 10)]);
    check(&[put(1, 11), put(2, 11), end_all(1)], &[(2, 11)]);
    check(&[put(2, 11), end_all(2)], &[(1, 10)]);
    check(&[put(2, 11), end(2, 11)], &[(1, 10)]);
    check(&[put(2, 11), end(2, 11), put(2, 11)], &[(1, 10), (2, 11)]);
    check(&[end_all(2), end_all(1), put(1, 10)], &[(1, 10)]);
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    keep(&mut kept, 1, 10);
    let calls = disk.calls();
    apply(&mut kept, &[]);
    apply(
        &mut kept,
        &[KeptOp::End(key(1, 11)), KeptOp::End(key(2, 10))],
    );
    apply(&mut kept, &[KeptOp::EndAll { subscription: 2 }]);
    assert_eq!(disk.calls(), calls);
}

#[test]
fn an_event_that_nobody_keeps_must_be_given() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    let ops = [
        put(key(1, 10), Some(event(10, 1)), moved(NOW)),
        put(key(1, 11), None, moved(NOW)),
    ];
    let error = kept.apply(&ops, NOW).expect_err("the second has no event");
    assert!(matches!(error, LogError::Io { .. }));
    assert_eq!(
        error.to_string(),
        "cannot keep what was given in /kept: the event at 11 is not kept, so subscription 1 \
         cannot keep it without giving it"
    );
    assert_eq!(kept.entries(), 0);
    apply(&mut kept, &ops[..1]);
    drop(kept);
    assert_eq!(keys(&open(&disk).1), [(1, 10)]);
}

#[test]
fn entries_of_unknown_subscriptions_are_ended() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    for (subscription, offset) in [(1, 10), (2, 10), (2, 11), (3, 12)] {
        keep(&mut kept, subscription, offset);
    }
    drop(kept);
    let opened = try_open(Arc::new(disk.clone()), &|it| it != 2);
    let (kept, entries, _) = opened.expect("it can be read");
    assert_eq!(keys(&entries), [(1, 10), (3, 12)]);
    assert!(has_event(&kept, 10, 100) && !has_event(&kept, 11, 100));
}
