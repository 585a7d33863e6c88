//! A power cut at any moment: what was answered is there. And that these tests could tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::super::{Appender, AppenderOptions};
use super::support::{Gated, found, prepared, soon, start};
use crate::Admission;
use crate::disk::log::DamageKind;
use crate::disk::simulated::SimulatedDisk;

/// Appends until one is refused, and tells which event stands where.
async fn produce(appender: Arc<Appender>, producer: usize) -> BTreeMap<u64, String> {
    let mut answered = BTreeMap::new();
    for at in 0..2_000_usize {
        let ids: Vec<String> = (0..1 + at % 3)
            .map(|it| format!("{producer}.{at}.{it}"))
            .collect();
        let batch: Vec<&str> = ids.iter().map(String::as_str).collect();
        let batch = prepared(&batch, 200);
        let Ok(positions) = soon(appender.append(batch, Admission::Ingress)).await else {
            break;
        };
        answered.extend(positions.iter().map(|it| it.offset).zip(ids));
    }
    answered
}

/// What a power cut has left.
#[derive(Debug, Default)]
struct Left {
    /// Answered events that are not there.
    lost: usize,
    /// Appends that are there in part.
    split: usize,
    /// Damage to what had been synced.
    damaged: usize,
}

/// Six producers until the power is cut at some sync. An event that stands elsewhere than was
/// answered fails at once.
async fn left(files: Gated, seed: u64) -> Left {
    let disk = files.disk.clone();
    files.cut_at_sync(3 + seed);
    let bench = start(files, AppenderOptions::default());
    let mut producers = JoinSet::new();
    for producer in 0..6 {
        producers.spawn(produce(Arc::clone(&bench.appender), producer));
    }
    let mut answered = BTreeMap::new();
    while let Some(told) = producers.join_next().await {
        answered.extend(told.expect("a producer ends"));
    }
    assert!(bench.files.is_cut(), "the run went on long enough");
    drop(bench.appender.close());

    let (found, damage) = found(&disk);
    for (offset, id) in &answered {
        let there = found.get(offset);
        assert!(there.is_none_or(|it| it == id), "seed {seed}: {offset}");
    }
    // Of the last write, which nobody was told of, a part may be there.
    let damaged = damage.iter().filter(|it| it.kind != DamageKind::LastWrite);
    Left {
        lost: answered.keys().filter(|it| !found.contains_key(it)).count(),
        split: split(&found),
        damaged: damaged.count(),
    }
}

fn split(found: &BTreeMap<u64, String>) -> usize {
    let mut appends: BTreeMap<&str, usize> = BTreeMap::new();
    for id in found.values() {
        let (append, _) = id.rsplit_once('.').expect("an id has three parts");
        *appends.entry(append).or_default() += 1;
    }
    let is_split = |(append, events): &(&str, usize)| {
        let (_, at) = append.rsplit_once('.').expect("an id has three parts");
        let at: usize = at.parse().expect("it is a number");
        *events != 1 + at % 3
    };
    appends.into_iter().filter(is_split).count()
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_power_cut_and_no_append_in_part() {
    for seed in 0..60 {
        let files = Gated::new(SimulatedDisk::new(seed));
        let left = left(files, seed).await;
        let is_sound = left.lost == 0 && left.split == 0 && left.damaged == 0;
        assert!(is_sound, "seed {seed}: {left:?}");
    }
}

#[tokio::test]
async fn a_disk_that_says_it_has_synced_and_has_not_loses_events() {
    let mut lost = 0;
    for seed in 0..20 {
        let files = Gated::lying(SimulatedDisk::new(seed));
        lost += left(files, seed).await.lost;
    }
    assert!(lost > 0, "the test above proves nothing");
}
