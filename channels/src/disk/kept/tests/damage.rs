//! What rot takes, it alone takes: everything else is there, and what is gone is told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::super::{Kept, KeptEntry, KeptError, KeptKey, KeptOp};
use super::support::{
    NOW, apply, event, has_event, keep, key, moved, open, parked, put, segments, try_open,
};
use crate::disk::log::{LogError, Recovery};
use crate::disk::simulated::SimulatedDisk;

const DATA_BYTES: usize = 100;

/// What was kept, and where its records stand.
struct Known {
    entries: BTreeMap<KeptKey, (KeptEntry, u64)>,
    events: BTreeMap<u64, u64>,
}

/// A store in some segments that was closed, and what is in it.
fn prepared() -> (SimulatedDisk, Known) {
    let disk = SimulatedDisk::new(1);
    let (mut kept, ..) = open(&disk);
    for offset in 0..30 {
        let put = |subscription, state| {
            let event = Some(event(offset, DATA_BYTES));
            put(key(subscription, offset), event, state)
        };
        apply(&mut kept, &[put(1, parked()), put(2, moved(NOW))]);
        if offset % 3 == 0 {
            apply(&mut kept, &[KeptOp::End(key(1, offset))]);
        }
    }
    kept.close().expect("it is sealed");
    let (kept, entries, recovery) = open(&disk);
    assert_eq!(recovery.damage, []);
    let index = kept.index.read();
    let entries = entries.into_iter().map(|it| {
        let place = index.entry(it.key).expect("it is listed");
        (it.key, (it, place.at))
    });
    let events = (0..30).map(|it| (it, index.event(it).expect("it is kept").at));
    let known = Known {
        entries: entries.collect(),
        events: events.collect(),
    };
    drop(index);
    (disk, known)
}

impl Known {
    /// What was not hit is there, and what was hit is told. Says how much that is.
    fn check(&self, opened: (Kept, Vec<KeptEntry>, Recovery), what: &str) -> usize {
        let (kept, entries, recovery) = opened;
        let is_hit = |at: u64| recovery.damage.iter().any(|it| it.offsets.contains(&at));
        let found: BTreeMap<_, _> = entries.into_iter().map(|it| (it.key, it)).collect();
        for (key, (expected, at)) in &self.entries {
            let Some(found) = found.get(key) else {
                assert!(is_hit(*at), "{what}: {key:?} is lost, and nobody says so");
                continue;
            };
            // An earlier one may have come back in its place, and its event may be lost.
            if !is_hit(*at) {
                assert_eq!(found.state, expected.state, "{what}");
            }
            let event_at = self.events[&key.offset];
            let has_event = has_event(&kept, key.offset, DATA_BYTES);
            assert!(
                has_event || is_hit(event_at),
                "{what}: the event of {key:?} is lost"
            );
            assert_eq!(has_event, found.size_bytes > 0, "{what}: {found:?}");
        }
        // An end that was hit brings its entry back, and nothing else comes from nowhere.
        for key in found.keys().filter(|it| !self.entries.contains_key(it)) {
            assert!(
                key.subscription == 1 && key.offset % 3 == 0,
                "{what}: {key:?}"
            );
            assert!(!recovery.damage.is_empty(), "{what}: {key:?} came back");
        }
        kept.index.read().audit().expect("it adds up");
        let lost_entries = self.entries.keys().filter(|it| !found.contains_key(it));
        let kept_events: BTreeSet<_> = found.keys().map(|it| it.offset).collect();
        let is_lost = |it: &&u64| !has_event(&kept, **it, DATA_BYTES);
        let lost_events = kept_events.iter().filter(is_lost);
        lost_entries.count() + lost_events.count()
    }
}

fn copies_of(disk: &SimulatedDisk) -> Vec<(PathBuf, usize)> {
    let files = segments(disk).into_iter();
    let files = files.map(|it| {
        let length = disk.contents(&it).map_or(0, |it| it.len());
        (it, length)
    });
    files.collect()
}

#[test]
fn a_flipped_bit_costs_one_record_at_most() {
    let (disk, known) = prepared();
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut flips, mut lost) = (0, 0);
    for (path, length) in copies_of(&disk) {
        // The header of a segment has two copies, and there is little else before its records.
        let mut at = 0;
        while at < length {
            let copy = disk.copy();
            let bit = rng.u32(..8);
            copy.tamper(&path, |bytes| bytes[at] ^= 1 << bit);
            let what = format!("bit {bit} of byte {at} of {}", path.display());
            let lost_here = known.check(open(&copy), &what);
            assert!(lost_here <= 1, "{what} cost {lost_here} records");
            flips += 1;
            lost += lost_here;
            at += if at < 4_096 {
                rng.usize(1..64)
            } else {
                rng.usize(1..4)
            };
        }
    }
    println!("{flips} flips cost {lost} records");
    assert!(
        flips > 5_000 && lost > flips / 2,
        "{flips} flips cost {lost} records"
    );
}

#[test]
fn whatever_happens_to_a_file_costs_only_what_it_hit() {
    let (disk, known) = prepared();
    let files = copies_of(&disk);
    let check = |what: &str, change: &dyn Fn(&SimulatedDisk)| {
        let copy = disk.copy();
        change(&copy);
        known.check(open(&copy), what)
    };
    let mut rng = fastrand::Rng::with_seed(8);
    let mut lost = 0;
    for (path, length) in &files {
        for sector in (0..length / 512).map(|it| it * 512) {
            let place = format!("the sector at {sector} of {}", path.display());
            let end = (sector + 512).min(*length);
            lost += check(&format!("zeros in {place}"), &|disk| {
                disk.tamper(path, |bytes| bytes[sector..end].fill(0));
            });
            let noise: Vec<_> = (sector..end).map(|_| rng.u8(..)).collect();
            lost += check(&format!("noise in {place}"), &|disk| {
                disk.tamper(path, |bytes| bytes[sector..end].copy_from_slice(&noise));
            });
            lost += check(&format!("cut off at {place}"), &|disk| {
                disk.tamper(path, |bytes| bytes.truncate(sector));
            });
        }
    }
    assert!(lost > 500, "only {lost} records were hit");
}

/// `KEPT_SEED=n` begins there.
#[test]
fn a_store_with_any_damage_goes_on() {
    let seed = std::env::var("KEPT_SEED").ok();
    let seed = seed.and_then(|it| it.parse().ok()).unwrap_or(1);
    for seed in seed..seed + 500 {
        println!("KEPT_SEED={seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let disk = SimulatedDisk::new(seed);
        let (mut kept, ..) = open(&disk);
        for offset in 0..rng.u64(20..80) {
            keep(&mut kept, rng.u64(1..4), offset);
            let ended = key(rng.u64(1..4), rng.u64(..80));
            apply(&mut kept, &[KeptOp::End(ended)]);
        }
        drop(kept);
        for path in segments(&disk) {
            disk.tamper(&path, |bytes| {
                for _ in 0..rng.usize(..6) {
                    let at = rng.usize(..bytes.len());
                    bytes[at] = rng.u8(..);
                }
            });
        }
        let (mut kept, before, _) = open(&disk);
        keep(&mut kept, 9, 1_000);
        while kept.compact(NOW).expect("nothing fails") {}
        kept.index.read().audit().expect("it adds up");
        disk.crash();
        drop(kept);
        let (kept, after, _) = open(&disk);
        assert_eq!(after.split_last().map(|it| it.1), Some(&before[..]));
        assert!(has_event(&kept, 1_000, 100));
        for entry in after {
            assert_eq!(
                has_event(&kept, entry.key.offset, 100),
                entry.size_bytes > 0
            );
        }
    }
}

/// A log whose headers or whose newest segment cannot be read is not opened. The rest is passed over.
#[test]
fn a_bad_sector_costs_only_what_it_held() {
    let (disk, known) = prepared();
    let (mut opened, mut lost) = (0, 0);
    for (path, length) in copies_of(&disk) {
        for sector in (0..length as u64).step_by(512) {
            let copy = disk.copy();
            copy.break_reads(&path, sector..sector + 512);
            match try_open(Arc::new(copy), &|_| true) {
                Ok(found) => {
                    let what = format!("the sector at {sector} of {}", path.display());
                    opened += 1;
                    lost += known.check(found, &what);
                }
                Err(KeptError::Log(LogError::Io { .. })) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(
        opened > 5 && lost > 50,
        "{lost} records were hit at {opened} sectors"
    );
}
