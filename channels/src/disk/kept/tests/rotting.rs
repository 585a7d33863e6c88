//! What rots while the store is open: what can be read is, and what is lost ends as lost.

use std::path::Path;
use std::sync::Arc;

use tracing::Level;

use super::super::{Kept, KeptOp, KeptOptions, KeptState};
use super::support::{
    DIR, NOW, apply, event, has_event, keep, key, keys, moved, open, parked, put, reason, segments,
};
use crate::disk::log::DamageKind;
use crate::disk::patience::{Advice, Patience};
use crate::disk::simulated::{Call, Effect, SimulatedDisk};
use crate::telemetry::logged;

/// Flips a bit of the first place in the oldest segment that holds this.
fn damage(disk: &SimulatedDisk, text: &[u8]) {
    let oldest = segments(disk).remove(0);
    disk.tamper(&oldest, |bytes| {
        let at = bytes.windows(text.len()).position(|it| it == text);
        bytes[at.expect("it is there")] ^= 1;
    });
}

#[test]
fn a_lost_event_is_told_by_the_entry_and_can_be_given_again() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    keep(&mut kept, 1, 10);
    keep(&mut kept, 1, 11);
    kept.close().expect("it is sealed");
    damage(&disk, b"/kept\x04test");
    let (mut kept, entries, recovery) = open(&disk);
    assert_eq!(recovery.damage[0].kind, DamageKind::Records);
    assert_eq!(keys(&entries), [(1, 10), (1, 11)]);
    assert_eq!(
        (entries[0].size_bytes, entries[1].size_bytes > 0),
        (0, true)
    );
    assert!(!has_event(&kept, 10, 100) && has_event(&kept, 11, 100));

    // Without the event it goes on as it is; with it, it is whole again.
    apply(&mut kept, &[put(key(1, 10), None, parked())]);
    assert!(!has_event(&kept, 10, 100));
    apply(
        &mut kept,
        &[put(key(2, 10), Some(event(10, 100)), parked())],
    );
    assert!(has_event(&kept, 10, 100));
    apply(&mut kept, &[KeptOp::End(key(2, 10))]);
    drop(kept);
    let (kept, entries, _) = open(&disk);
    assert_eq!(keys(&entries), [(1, 10), (1, 11)]);
    assert!(has_event(&kept, 10, 100));
}

#[test]
fn what_lies_near_a_bad_sector_is_read_all_the_same() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    let puts = [0, 1, 2].map(|it| put(key(1, it), Some(event(it, 9_000)), moved(NOW)));
    apply(&mut kept, &puts);
    disk.break_reads(&segments(&disk)[0], 8_192..8_704);
    let error = kept.reader().event(0).expect_err("it is not lost yet");
    let advice = error.advice(&mut Patience::default(), || true);
    assert_eq!(advice, Advice::TryAgain, "{error}");
    assert!(has_event(&kept, 1, 9_000) && has_event(&kept, 2, 9_000));
}

/// A reader that cannot open a file knows nothing of what is in it.
#[test]
fn what_cannot_be_read_for_another_reason_is_no_damage() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    keep(&mut kept, 1, 0);
    disk.fail(Some(Call::Open), 1, Effect::NoSpace);
    let error = kept.reader().event(0).expect_err("the file is not open");
    let advice = error.advice(&mut Patience::default(), || true);
    assert_eq!(advice, Advice::GiveUp, "{error}");
    assert!(has_event(&kept, 0, 100));
}

#[test]
fn what_rots_while_the_store_is_open_does_not_stop_a_compaction() {
    let check = |text: &[u8], is_event: bool| {
        let disk = SimulatedDisk::new(1);
        let (mut kept, ..) = open(&disk);
        let first = put(key(2, 1_000), Some(event(1_000, 50)), parked());
        apply(&mut kept, &[first]);
        keep(&mut kept, 1, 1_001);
        for offset in 0..200 {
            keep(&mut kept, 1, offset);
            apply(&mut kept, &[KeptOp::End(key(1, offset))]);
        }
        damage(&disk, text);
        while kept.compact(NOW).expect("there is room") {}
        assert!(segments(&disk).len() <= 2);
        let why = kept.reader().reason(key(2, 1_000)).expect("it can be read");
        let kind = why.as_ref().map(|it| it.kind);
        drop(kept);

        let (kept, entries, recovery) = open(&disk);
        assert_eq!(recovery.damage, []);
        assert_eq!(keys(&entries), [(1, 1_001), (2, 1_000)]);
        assert!(has_event(&kept, 1_001, 100));
        assert_eq!(has_event(&kept, 1_000, 50), !is_event);
        if is_event {
            assert_eq!(why, Some(reason()));
        } else {
            assert_eq!(kind, Some("unknown"));
            let sends = 0;
            let expected = KeptState::Parked {
                reason: "unknown",
                sends,
                parked_at_ms: NOW,
                retry_at_ms: None,
            };
            assert_eq!(entries[1].state, expected);
        }
    };
    check(b"no such order", false);
    check(&[b'x'; 40], true);
}

#[test]
fn a_sector_that_cannot_be_read_stops_a_compaction_for_three_steps() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    apply(
        &mut kept,
        &[put(key(2, 1_000), Some(event(1_000, 50)), parked())],
    );
    for offset in 0..200 {
        keep(&mut kept, 1, offset);
        apply(&mut kept, &[KeptOp::End(key(1, offset))]);
    }
    disk.break_reads(&segments(&disk)[0], 4_096..4_608);
    assert!(kept.reader().event(1_000).is_err(), "it is not lost yet");
    for _ in 0..3 {
        assert!(kept.compact(NOW).is_err());
        assert_eq!(kept.entries(), 1);
    }
    while kept.compact(NOW).expect("it is passed over") {}
    assert_eq!((kept.entries(), segments(&disk).len()), (1, 1));
    assert!(!has_event(&kept, 1_000, 50), "now it is");
}

#[test]
fn damage_is_told_once_when_it_is_found_and_not_as_lost_events() {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    apply(
        &mut kept,
        &[put(key(2, 1_000), Some(event(1_000, 50)), parked())],
    );
    for offset in 0..200 {
        keep(&mut kept, 1, offset);
        apply(&mut kept, &[KeptOp::End(key(1, offset))]);
    }
    damage(&disk, &[b'x'; 40]);
    let lines = logged(|| {
        for _ in 0..3 {
            assert!(!has_event(&kept, 1_000, 50));
        }
        while kept.compact(NOW).expect("there is room") {}
    });
    let messages = |level| {
        let of_it = lines.iter().filter(move |it| it.0 == level);
        of_it.map(|it| it.1.as_str()).collect::<Vec<_>>()
    };
    let told = messages(Level::ERROR);
    assert!(
        told.len() == 1 && told[0].starts_with("deferred or parked events are damaged: an event")
    );
    // What it has cost in the end is told once all else is written anew.
    assert_eq!(messages(Level::WARN).len(), 1, "{lines:?}");
}

/// Nine entries, of which one lies in a bad sector of the oldest segment, and nothing lives around them.
fn nine_beside_a_bad_sector() -> (SimulatedDisk, Kept) {
    let disk = SimulatedDisk::new(1);
    let options = KeptOptions {
        segment_bytes: 32 << 10,
        salts: fastrand::Rng::with_seed(1),
    };
    let opened = Kept::open(Arc::new(disk.clone()), Path::new(DIR), options, &|_| true);
    let (mut kept, ..) = opened.expect("it opens");
    for offset in 1_000..1_009 {
        apply(
            &mut kept,
            &[put(key(2, offset), Some(event(offset, 2_000)), parked())],
        );
    }
    for offset in 0..200 {
        keep(&mut kept, 1, offset);
        apply(&mut kept, &[KeptOp::End(key(1, offset))]);
    }
    disk.break_reads(&segments(&disk)[0], 4_096..4_608);
    (disk, kept)
}

/// Compacts for as long as it takes, and says which events are left.
fn compacted(kept: &mut Kept, what: &str) -> Vec<u64> {
    let mut failures = 0;
    while kept.compact(NOW).unwrap_or_else(|_| {
        failures += 1;
        true
    }) {
        assert!(failures < 100, "{what}: it comes to an end");
    }
    assert_eq!(kept.entries(), 9, "{what}");
    let left = (1_000..1_009).filter(|it| has_event(kept, *it, 2_000));
    left.collect()
}

#[test]
fn a_device_that_is_away_during_a_compaction_costs_nothing_but_the_bad_sector() {
    let (disk, mut kept) = nine_beside_a_bad_sector();
    let before = disk.calls();
    let left = compacted(&mut kept, "calm");
    let calls = disk.calls() - before;
    assert!((1..9).contains(&left.len()), "{left:?}");
    // While it reads only: a write that fails poisons the store, of which other tests tell.
    let mut compared = 0;
    for nth in 1..=calls {
        for away in 1..=14 {
            let what = format!("away for {away} calls from {nth} on");
            let (disk, mut kept) = nine_beside_a_bad_sector();
            disk.goes_away(nth, away);
            while kept.poison().is_none() && kept.compact(NOW).unwrap_or(true) {}
            if kept.poison().is_none() {
                disk.fail_no_more();
                assert_eq!(compacted(&mut kept, &what), left, "{what}");
                compared += 1;
            }
        }
    }
    assert!(compared > 50, "{compared} outages");
}
