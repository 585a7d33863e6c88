//! Ends in good order, and what is dropped on the way.

use std::time::Duration;

use futures_util::FutureExt;

use super::support::{Bench, event, ids, reason, rest, settle, take};
use crate::{Admission, AppendError, Channel};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_end_repeats_nothing_and_loses_nothing() {
    let mut bench = Bench::new(1);
    for cycle in 0..4 {
        let mut reader = bench.open("a").await;
        let positions = bench.append("a", 0..100).await;
        assert_eq!(positions.len(), 100);
        settle(take(&mut reader, 60).await);
        let out = take(&mut reader, 5).await;
        bench.channel.shutdown().await;
        drop((reader, out));
        bench.crash();
        let mut reader = bench.open("a").await;
        let mut leases = take(&mut reader, 40).await;
        leases.sort_by_key(|it| it.position);
        assert_eq!(ids(&leases), (60..100).collect::<Vec<_>>(), "cycle {cycle}");
        settle(leases);
        assert!(rest(&mut reader).await.is_empty());
        let books = bench.books("a");
        assert_eq!(books.delivered, 100 * (cycle + 1));
        assert!(books.balance());
        bench.saved().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_end_everything_is_refused_and_nobody_waits() {
    let bench = Bench::new(2);
    let mut reader = bench.open("a").await;
    bench.append("a", 0..2).await;
    let mut leases = take(&mut reader, 2).await;
    bench.channel.shutdown().await;
    let parked = leases.remove(0).park(reason(), 1, None).await;
    assert!(parked.is_err(), "nobody keeps it any more");
    settle(leases);
    assert_eq!(bench.try_append("a", 3, 1).await, Err(AppendError::Closed));
    assert!(reader.next(super::support::items(1)).await.is_empty());
    let replayed = bench
        .channel
        .replay("a", &[crate::reading::position(0)])
        .await;
    assert!(replayed.is_err());
}

/// Begun in the call, so that nothing stays leased for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn futures_that_are_dropped_leave_nothing_in_between() {
    let bench = Bench::new(3);
    let mut reader = bench.open("a").await;
    bench.append("a", 0..2).await;
    let mut leases = take(&mut reader, 2).await;
    let long = bench.after(Duration::from_secs(3_600));
    drop(leases.remove(0).park(reason(), 1, None).now_or_never());
    drop(leases.remove(0).defer(long, 1).now_or_never());
    bench
        .until("one is parked and one moved", || {
            let status = bench.status("a");
            (status.books.parked, status.deferred, status.leased) == (1, 1, 0)
        })
        .await;
    for id in 10..60 {
        let events = vec![event("a", id, 10), event("a", id + 1_000, 10)];
        drop(
            bench
                .channel
                .append(events, Admission::Ingress)
                .now_or_never(),
        );
    }
    bench.append("a", 99..100).await;
    let found = ids(&rest(&mut reader).await);
    for id in 10..60 {
        assert_eq!(
            found.contains(&id),
            found.contains(&(id + 1_000)),
            "half of a batch"
        );
    }
    assert!(found.contains(&99));
}
