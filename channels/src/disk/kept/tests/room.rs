//! Without room, and with a disk that fails at any call: nothing is lost, and nothing changes that
//! was not answered for.

use super::super::{Kept, KeptEntry, KeptOp};
use super::support::{NOW, apply, event, has_event, keep, key, keys, moved, open, parked, put};
use crate::disk::log::LogError;
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

/// What all files of a disk take up.
fn used_bytes(disk: &SimulatedDisk) -> u64 {
    let files = super::support::segments(disk);
    let lengths = files
        .iter()
        .map(|it| disk.contents(it).map_or(0, |it| it.len() as u64));
    lengths.sum()
}

#[test]
fn an_apply_without_room_changes_nothing_and_can_be_tried_again() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    keep(&mut kept, 1, 0);
    disk.limit(Some(used_bytes(&disk)));
    let ops = |offset| {
        let event = Some(event(offset, 900));
        let again = put(key(1, 0), None, parked());
        [
            put(key(1, offset), event, moved(NOW)),
            again,
            KeptOp::EndAll { subscription: 2 },
        ]
    };
    let mut offset = 1;
    let error = loop {
        match kept.apply(&ops(offset), NOW) {
            Ok(()) => offset += 1,
            Err(error) => break error,
        }
        assert!(offset < 100, "the disk is full at some time");
    };
    assert!(matches!(error, LogError::NoSpace { .. }), "{error}");
    let expected: Vec<_> = (0..offset).map(|it| (1, it)).collect();
    let check = |kept: &Kept, entries: Option<&[KeptEntry]>| {
        assert_eq!(kept.entries(), offset);
        assert!(!has_event(kept, offset, 900));
        assert!((1..offset).all(|it| has_event(kept, it, 900)));
        assert!(entries.is_none_or(|it| keys(it) == expected));
    };
    check(&kept, None);
    let copy = disk.copy();
    copy.crash();
    let (copied, entries, _) = open(&copy);
    check(&copied, Some(&entries));

    assert!(
        kept.apply(&ops(offset), NOW).is_err(),
        "there is no room yet"
    );
    disk.limit(None);
    apply(&mut kept, &ops(offset));
    drop(kept);
    let (kept, entries, _) = open(&disk);
    assert_eq!(entries.len() as u64, offset + 1);
    assert!(has_event(&kept, offset, 900));
}

#[test]
fn a_full_disk_can_be_opened_and_read() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    keep(&mut kept, 1, 0);
    drop(kept);
    disk.limit(Some(0));
    let (kept, entries, _) = open(&disk);
    assert_eq!(keys(&entries), [(1, 0)]);
    assert!(has_event(&kept, 0, 100));
}

/// A store with a few entries that live and more that do not, in several segments.
fn mostly_dead(disk: &SimulatedDisk) -> Kept {
    let (mut kept, ..) = open(disk);
    for offset in 0..160 {
        let event = Some(event(offset, 100));
        let state = if offset % 40 == 0 {
            parked()
        } else {
            moved(NOW)
        };
        apply(&mut kept, &[put(key(1, offset), event, state)]);
        if offset % 20 != 0 {
            apply(&mut kept, &[KeptOp::End(key(1, offset))]);
        }
    }
    kept
}

fn check_mostly_dead(kept: &Kept, entries: &[KeptEntry]) {
    let expected: Vec<_> = (0..160).step_by(20).map(|it| (1, it)).collect();
    assert_eq!(keys(entries), expected);
    assert!((0..160).step_by(20).all(|it| has_event(kept, it, 100)));
}

#[test]
fn a_compaction_without_room_changes_nothing_and_goes_on_once_there_is() {
    let disk = SimulatedDisk::new(1);
    let mut kept = mostly_dead(&disk);
    disk.limit(Some(0));
    // What was allocated before can still be written to, so fill that first.
    while kept.apply(&[put(key(1, 0), None, moved(NOW))], NOW).is_ok() {}
    let refused = loop {
        match kept.compact(NOW) {
            Ok(has_more) => assert!(has_more, "there is nothing to compact"),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, LogError::NoSpace { .. }), "{refused}");
    assert_eq!(kept.entries(), 8);
    let copy = disk.copy();
    let (copied, entries, _) = open(&copy);
    check_mostly_dead(&copied, &entries);

    disk.limit(None);
    while kept.compact(NOW).expect("there is room") {}
    assert!(super::support::segments(&disk).len() <= 2);
    drop(kept);
    let (kept, entries, _) = open(&disk);
    check_mostly_dead(&kept, &entries);
}

#[test]
fn a_power_cut_at_any_call_of_a_compaction_costs_no_entry() {
    let prepared = SimulatedDisk::new(3);
    drop(mostly_dead(&prepared));
    let mut cuts = 0;
    for effect in [Effect::Broken, Effect::NoSpace, Effect::Short] {
        for nth in 1.. {
            let disk = prepared.copy();
            let (mut kept, ..) = open(&disk);
            disk.fail(None, nth, effect);
            while let Ok(true) = kept.compact(NOW) {}
            disk.crash();
            drop(kept);
            if disk.faults() == 0 {
                assert!(nth > 20, "only {nth} calls");
                break;
            }
            cuts += 1;
            let (mut kept, entries, recovery) = open(&disk);
            let lost = recovery.damage.iter().filter(|it| !it.offsets.is_empty());
            assert_eq!(lost.count(), 0, "{effect:?} at call {nth}");
            check_mostly_dead(&kept, &entries);
            while kept.compact(NOW).expect("nothing fails any more") {}
            drop(kept);
            let (kept, entries, _) = open(&disk);
            check_mostly_dead(&kept, &entries);
        }
    }
    assert!(cuts > 60, "only {cuts} power cuts");
}

#[test]
fn after_a_failed_sync_the_store_is_read_only_until_it_is_opened_anew() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    keep(&mut kept, 1, 0);
    disk.fail(Some(Call::Sync), 1, Effect::Broken);
    let ops = [
        put(key(1, 1), Some(event(1, 10)), moved(NOW)),
        KeptOp::End(key(1, 0)),
    ];
    let failed = kept.apply(&ops, NOW);
    assert!(matches!(failed, Err(LogError::Poisoned(_))), "{failed:?}");
    assert!(kept.poison().is_some());
    let refused = kept.apply(&[KeptOp::End(key(1, 0))], NOW);
    assert!(matches!(refused, Err(LogError::Poisoned(_))), "{refused:?}");
    assert_eq!(kept.entries(), 1);
    assert!(has_event(&kept, 0, 100) && !has_event(&kept, 1, 10));
    disk.crash();
    drop(kept);
    let (kept, entries, _) = open(&disk);
    assert!(kept.poison().is_none());
    assert!(
        [vec![(1, 0)], vec![(1, 1)]].contains(&keys(&entries)),
        "{entries:?}"
    );
}
