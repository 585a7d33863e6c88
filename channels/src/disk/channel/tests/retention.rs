//! What nobody needs goes, and nothing else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::DiskOptions;
use super::support::{Bench, PATIENCE, ids, rest, settle, small, take};
use crate::disk::kept::{Kept, KeptOptions, KeptState};
use crate::{Channel, Start};

fn short_lived() -> DiskOptions {
    DiskOptions {
        retention_bytes: Some(40 << 10),
        ..small()
    }
}

/// What is kept of deferred events: offset, when each is due, and how often it was sent.
fn kept(bench: &Bench) -> Vec<(u64, i64, u32)> {
    let files = Arc::new(bench.disk.copy());
    let options = KeptOptions::default();
    let opened = Kept::open(files, Path::new("/broker/kept"), options, &|_| true);
    let (_, entries, _) = opened.expect("it opens");
    let deferred = entries.into_iter().filter_map(|it| match it.state {
        KeptState::Moved { due_ms, sends } => Some((it.key.offset, due_ms, sends)),
        KeptState::Parked { .. } => None,
    });
    deferred.collect()
}

/// The offsets of the events that there are.
async fn retained(bench: &Bench) -> Vec<u64> {
    let page = bench.channel.retained(Start::Earliest, 1_000).await;
    let events = page.expect("it can be read").events;
    events.iter().map(|it| it.position.offset).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_off_for_days_holds_up_neither_segments_nor_the_cursor() {
    let mut bench = Bench::with(1, short_lived());
    let mut reader = bench.open("a").await;
    let days = bench.after(Duration::from_secs(3 * 24 * 3_600));
    bench.append("a", 0..100).await;
    // Each has a number of sends and a time of its own, and later ones are due earlier.
    let mut put_off = Vec::new();
    for (sends, lease) in (1..).zip(take(&mut reader, 100).await) {
        let due = days + Duration::from_secs(60 * u64::from(101 - sends));
        put_off.push((lease.position.offset, due.signed_millis(), sends));
        lease.defer(due, sends).await.expect("it is moved");
    }
    for id in 100..600 {
        bench.append("a", id..id + 1).await;
        settle(take(&mut reader, 1).await);
    }
    bench
        .until("the segments are gone", || {
            let disk = bench.channel.describe().disk;
            disk.is_some_and(|it| it.segments <= 4)
        })
        .await;
    let page = bench
        .channel
        .retained(Start::Earliest, 9)
        .await
        .expect("it is there");
    assert!(page.events[0].position.offset >= 100);
    bench.saved().await;
    bench.crash();
    assert_eq!(kept(&bench), put_off);
    let status = bench.status("a");
    let earliest = days + Duration::from_secs(60);
    assert_eq!((status.deferred, status.next_due_at), (100, Some(earliest)));
    let books = status.books;
    assert_eq!(
        (books.pending, books.delivered, books.expired),
        (100, 500, 0)
    );
    let mut reader = bench.open("a").await;
    assert!(rest(&mut reader).await.is_empty());
    // What was removed is gone for good, and said to be.
    let positions: Vec<_> = (100..103).map(crate::reading::position).collect();
    let replayed = bench
        .channel
        .replay("a", &positions)
        .await
        .expect("it is known");
    assert_eq!((replayed.gone, replayed.given), (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_has_to_read_stays_however_much_there_is() {
    let mut bench = Bench::with(2, short_lived());
    drop(bench.open("a").await);
    let mut other = bench.open("other").await;
    for id in 0..600 {
        bench.append("all", id..id + 1).await;
        settle(take(&mut other, 1).await);
    }
    // Long enough for whatever would be removed to be.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    bench.crash();
    let mut reader = bench.open("a").await;
    let leases = take(&mut reader, 600).await;
    assert_eq!(ids(&leases), (0..600).collect::<Vec<_>>());
    assert_eq!(bench.books("a").expired, 0);
}

/// A segment that is quiet is ended by its age, and removed by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_settled_goes_by_its_age_and_what_is_not_never_does() {
    let options = DiskOptions {
        retention_age: Some(Duration::from_secs(1)),
        ..small()
    };
    let mut bench = Bench::with(3, options);
    let mut other = bench.open("other").await;
    bench.append("other", 0..20).await;
    settle(take(&mut other, 20).await);
    let deadline = Instant::now() + PATIENCE;
    while !retained(&bench).await.is_empty() {
        assert!(Instant::now() < deadline, "what is settled goes");
        sleep(Duration::from_millis(20)).await;
    }
    drop(bench.open("a").await);
    let unsettled = bench.append("a", 20..40).await;
    let expected: Vec<u64> = unsettled.iter().map(|it| it.offset).collect();
    // For longer than anything is retained, what somebody has to read is there, and after a crash too.
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(retained(&bench).await, expected);
    bench.crash();
    let mut reader = bench.open("a").await;
    let leases = take(&mut reader, 20).await;
    assert_eq!(ids(&leases), (20..40).collect::<Vec<_>>());
    assert_eq!(bench.books("a").expired, 0);
    settle(leases);
    let deadline = Instant::now() + PATIENCE;
    while !retained(&bench).await.is_empty() {
        assert!(Instant::now() < deadline, "now it goes too");
        sleep(Duration::from_millis(20)).await;
    }
}
