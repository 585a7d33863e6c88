//! Rot and cuts at thousands of places: nothing altered or invented is read, and everything that is
//! undamaged is.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::DamageKind;
use super::support::{DIR, Read, open, put, read, segment};
use crate::disk::simulated::SimulatedDisk;

const FLIPS: usize = 2_000;

/// A log of some segments, and where in its files each record lies.
struct Scene {
    disk: SimulatedDisk,
    records: BTreeMap<u64, Vec<u8>>,
    places: BTreeMap<u64, (u64, Range<usize>)>,
}

fn scene(is_closed: bool) -> Scene {
    let disk = SimulatedDisk::new(0);
    let (mut log, _) = open(&disk);
    let mut rng = fastrand::Rng::with_seed(2);
    let mut places = BTreeMap::new();
    let mut end = (u64::MAX, 0);
    for _ in 0..60 {
        let length = rng.usize(0..600);
        let offset = put(&mut log, length);
        let base = log.segments().last().expect("it is there").base;
        if end.0 != base {
            end = (base, 4_096);
        }
        let place = end.1..end.1 + 32 + length.next_multiple_of(8);
        end.1 = place.end;
        places.insert(offset, (base, place));
    }
    assert!(log.segments().len() > 4, "there are some segments");
    let records = read(&log.readers(), 0).records.into_iter().collect();
    if is_closed {
        log.close().expect("it is sealed");
    }
    Scene {
        disk,
        records,
        places,
    }
}

impl Scene {
    /// Everything that is read is as it was appended, and every record is there but those whose
    /// bytes were touched. Says how many are not.
    fn check(
        &self,
        found: &Read,
        touched: impl Fn(u64, &Range<usize>) -> bool,
        what: &str,
    ) -> usize {
        let there: BTreeMap<u64, Vec<u8>> = found.records.iter().cloned().collect();
        for (offset, payload) in &there {
            assert_eq!(self.records.get(offset), Some(payload), "{what}: {offset}");
        }
        let lost = self.records.keys().filter(|it| !there.contains_key(it));
        lost.map(|offset| {
            let (base, place) = &self.places[offset];
            assert!(touched(*base, place), "{what}: undamaged {offset} is lost");
        })
        .count()
    }
}

#[test]
fn a_flipped_bit_costs_the_record_it_is_in_and_is_reported() {
    let mut rng = fastrand::Rng::with_seed(6);
    let mut records_lost = 0;
    for is_closed in [true, false] {
        let scene = scene(is_closed);
        let names = scene.disk.names(DIR.as_ref());
        let names: Vec<_> = names
            .into_iter()
            .filter(|it| it.ends_with(".log"))
            .collect();
        let last = *scene.records.keys().last().expect("there are records");
        for flip in 0..FLIPS / 2 {
            let disk = scene.disk.copy();
            let name = &names[flip % names.len()];
            let base: u64 = name
                .trim_end_matches(".log")
                .parse()
                .expect("it is a number");
            let mut at = 0;
            disk.tamper(&segment(base), |bytes| {
                // The places of records rather than the room behind them.
                let end = 4_096 + rng.usize(1..bytes.len() - 4_096);
                at = rng.usize(..end);
                bytes[at] ^= 1 << rng.u32(..8);
            });
            let what = format!("closed: {is_closed}, byte {at} of {name}");
            let (log, recovery) = open(&disk);
            let found = read(&log.readers(), 0);
            let touched = |in_base, place: &Range<usize>| in_base == base && place.contains(&at);
            let lost = scene.check(&found, touched, &what);
            records_lost += lost;
            assert!(lost <= 1, "{what}: {lost} records");
            // The very last write of a log that was not closed may have been torn.
            let is_last = !is_closed && touched(scene.places[&last].0, &scene.places[&last].1);
            let is_reported = !recovery.damage.is_empty() || !found.damage.is_empty();
            assert!(
                lost == 0 || is_reported || is_last,
                "{what} is not reported"
            );
        }
    }
    assert!(records_lost > FLIPS / 10, "only {records_lost} were hit");
}

#[test]
fn a_cut_anywhere_in_the_last_three_records_costs_what_is_cut() {
    for is_closed in [true, false] {
        let scene = scene(is_closed);
        let places: Vec<_> = scene.places.values().collect();
        let (base, from) = {
            let (base, place) = places[places.len() - 3];
            (*base, place.start)
        };
        let to = places[places.len() - 1].1.end;
        assert!(from < to, "they are in one segment");
        for length in from..to {
            let disk = scene.disk.copy();
            disk.tamper(&segment(base), |bytes| bytes.truncate(length));
            let what = format!("closed: {is_closed}, {length} bytes");
            let (mut log, recovery) = open(&disk);
            let found = read(&log.readers(), 0);
            let touched = |it, place: &Range<usize>| it == base && place.end > length;
            assert!(scene.check(&found, touched, &what) > 0, "{what}");
            let kinds: Vec<_> = recovery.damage.iter().map(|it| it.kind).collect();
            assert_eq!(kinds, [DamageKind::CutOff], "{what}");
            let last = scene.records.last_key_value().expect("there are records");
            assert!(
                put(&mut log, 10) > *last.0,
                "{what}: an offset is given twice"
            );
        }
    }
}

#[test]
fn many_flipped_bits_cost_no_more_than_what_they_hit() {
    let scene = scene(true);
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let disk = scene.disk.copy();
        let mut hits: Vec<(u64, usize)> = Vec::new();
        let bases: std::collections::BTreeSet<u64> = scene.places.values().map(|it| it.0).collect();
        for base in bases {
            disk.tamper(&segment(base), |bytes| {
                for _ in 0..rng.usize(..10) {
                    let at = rng.usize(4_096..bytes.len());
                    bytes[at] ^= 1 << rng.u32(..8);
                    hits.push((base, at));
                }
            });
        }
        let (log, _) = open(&disk);
        let found = read(&log.readers(), 0);
        let touched = |base, place: &Range<usize>| {
            hits.iter()
                .any(|hit| hit.0 == base && place.contains(&hit.1))
        };
        scene.check(&found, touched, &format!("seed {seed}"));
    }
}
