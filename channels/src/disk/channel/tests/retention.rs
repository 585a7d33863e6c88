//! What nobody needs goes, and nothing else.

use std::time::Duration;

use super::super::DiskOptions;
use super::support::{Bench, ids, rest, settle, small, take};
use crate::{Channel, Start};

fn short_lived() -> DiskOptions {
    DiskOptions {
        retention_bytes: Some(40 << 10),
        ..small()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_off_for_days_holds_up_neither_segments_nor_the_cursor() {
    let mut bench = Bench::with(1, short_lived());
    let mut reader = bench.open("a").await;
    let days = bench.after(Duration::from_secs(3 * 24 * 3_600));
    bench.append("a", 0..100).await;
    for (sends, lease) in (1..).zip(take(&mut reader, 100).await) {
        lease.defer(days, sends).await.expect("it is moved");
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
    let status = bench.status("a");
    assert_eq!((status.deferred, status.next_due_at), (100, Some(days)));
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
