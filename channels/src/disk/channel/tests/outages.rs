//! A device that is away for a while, beside a place that is bad for good.

use std::path::PathBuf;
use std::time::Duration;

use super::super::DiskOptions;
use super::support::{Bench, ids, rest, settle, small, take};

const EVENTS: usize = 600;
/// So that what is read at a time holds a hundred of them.
const DATA_BYTES: usize = 2_000;

/// A channel with one large segment of events for one subscription, which has had none of them.
async fn with_a_backlog(seed: u64) -> Bench {
    let options = DiskOptions {
        segment_bytes: 2 << 20,
        ..small()
    };
    let bench = Bench::with(seed, options);
    drop(bench.open("a").await);
    for id in 0..EVENTS {
        let appended = bench.try_append("a", id, DATA_BYTES).await;
        appended.expect("it is stored");
    }
    bench.saved().await;
    bench
}

fn segment(bench: &Bench) -> PathBuf {
    let mut files = bench.files("events").into_keys();
    let is_segment = |it: &PathBuf| it.extension().is_some_and(|it| it == "log");
    files.find(is_segment).expect("there is a segment")
}

/// A byte in the middle of an event.
fn place_of(bench: &Bench, id: usize) -> u64 {
    let used_bytes = bench.channel.shared.appender().segments()[0].used_bytes;
    let each = used_bytes / EVENTS as u64;
    4_096 + each * id as u64 + each / 2
}

/// Waits until the device has gone away, and lets it stay so for longer than a segment takes to be read.
async fn stays_away_for_a_while(bench: &Bench) {
    let is_away = || bench.disk.faults() > 0;
    bench.until("the device is away", is_away).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    bench.disk.fail_no_more();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_goes_away_behind_a_bad_sector_costs_those_who_are_behind_nothing_more() {
    let mut bench = with_a_backlog(1).await;
    bench.reopen();
    let (path, bad) = (segment(&bench), place_of(&bench, 50));
    bench.disk.break_reads(&path, bad..bad + 1);
    bench.disk.goes_away_at(&path, place_of(&bench, 450));
    let mut reader = bench.open("a").await;
    // The block that is bad holds parts of three events at most.
    let taking = take(&mut reader, EVENTS - 3);
    let (mut leases, ()) = tokio::join!(taking, stays_away_for_a_while(&bench));
    leases.extend(rest(&mut reader).await);
    let expired = bench.books("a").expired;
    assert!((1..=3).contains(&expired), "{expired} are lost");
    assert_eq!(leases.len() as u64 + expired, EVENTS as u64);
    settle(leases);
}

/// Single events that are due are read one after the other, by one reader where they are near.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_goes_away_while_what_is_due_is_read_costs_nothing() {
    let mut bench = with_a_backlog(2).await;
    let mut reader = bench.open("a").await;
    let due = bench.after(Duration::from_secs(3));
    for (id, lease) in take(&mut reader, EVENTS).await.into_iter().enumerate() {
        if id == 100 || id == 300 {
            lease.defer(due, 1).await.expect("it is put off");
        } else {
            settle(vec![lease]);
        }
    }
    bench.saved().await;
    drop(reader);
    bench.reopen();
    let (path, bad) = (segment(&bench), place_of(&bench, 104));
    bench.disk.break_reads(&path, bad..bad + 1);
    bench.disk.goes_away_at(&path, place_of(&bench, 300));
    let mut reader = bench.open("a").await;
    let taking = take(&mut reader, 2);
    let (leases, ()) = tokio::join!(taking, stays_away_for_a_while(&bench));
    assert_eq!(ids(&leases), [100, 300]);
    assert_eq!(bench.books("a").expired, 0);
    settle(leases);
}
