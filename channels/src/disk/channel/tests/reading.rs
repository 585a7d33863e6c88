//! Those who are behind, beside those who are not.

use std::time::Duration;

use super::super::DiskOptions;
use super::support::{Bench, ids, settle, small, take};
use crate::{Channel, Start};

/// Several times as much as may be in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_beyond_the_buffer_stays_on_the_disk_and_arrives_in_order() {
    let buffer_bytes = 64 << 10;
    let options = DiskOptions {
        buffer_bytes,
        ..small()
    };
    let bench = Bench::with(1, options);
    let mut readers = Vec::new();
    for name in ["a", "b", "c"] {
        readers.push(bench.open(name).await);
    }
    for id in 0..600 {
        bench
            .try_append("all", id, 900)
            .await
            .expect("it is stored");
    }
    let used = || bench.channel.shared.state.lock().held_bytes();
    let mut most = used();
    let mut seen = vec![Vec::new(); 3];
    while seen.iter().any(|it| it.len() < 600) {
        for (reader, seen) in readers.iter_mut().zip(&mut seen) {
            if seen.len() < 600 {
                let leases = take(reader, 1).await;
                seen.extend(ids(&leases));
                settle(leases);
                most = most.max(used());
            }
        }
    }
    // What one sweep reads may come on top for a moment.
    assert!(
        most <= buffer_bytes + (1 << 20),
        "{most} bytes were in memory"
    );
    for seen in seen {
        assert_eq!(seen, (0..600).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_far_behind_reads_from_its_own_place_and_holds_up_nobody() {
    let mut bench = Bench::new(2);
    drop((bench.open("slow").await, bench.open("quick").await));
    bench.append("slow", 0..3_000).await;
    bench.crash();
    let mut quick = bench.open("quick").await;
    let mut slow = bench.open("slow").await;
    let mut got = 0;
    for id in 3_000..3_100 {
        bench.append("all", id..id + 1).await;
        let leases = take(&mut quick, 1).await;
        assert_eq!(ids(&leases), [id]);
        settle(leases);
        let leases = take(&mut slow, 20).await;
        assert_eq!(ids(&leases), (got..got + 20).collect::<Vec<_>>());
        got += 20;
        settle(leases);
    }
    assert_eq!(bench.status("slow").books.pending, 1_100);
    settle(take(&mut slow, 1_100).await);
    assert_eq!(bench.books("slow").pending, 0);
}

/// The reader waits before there is anything, and while nothing of what is read is for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_waits_while_it_is_behind_is_woken_by_the_one_event_for_it() {
    let mut bench = Bench::new(3);
    drop(bench.open("a").await);
    bench.append("nobody", 0..2_500).await;
    bench.append("a", 2_500..2_501).await;
    bench.crash();
    let mut reader = bench.open("a").await;
    assert_eq!(ids(&take(&mut reader, 1).await), [2_500]);
    assert_eq!(bench.status("a").unread, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_begins_where_it_says_and_goes_back_and_forth() {
    let bench = Bench::new(4);
    let positions = bench.append("a", 0..10).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let then = bench.clock.now();
    bench.append("a", 10..20).await;
    let all: Vec<_> = (0..20).collect();
    let mut earliest = bench.open_at("a", Start::Earliest).await;
    let leases = take(&mut earliest, 20).await;
    assert_eq!(ids(&leases), all);
    settle(leases);
    let cases = [
        (Start::Time(then), 10),
        (Start::At(positions[7]), 7),
        (Start::Earliest, 0),
        (Start::Time(bench.after(Duration::from_secs(9))), 20),
    ];
    for (to, first) in cases {
        bench.channel.seek("a", to).await.expect("it is known");
        let leases = take(&mut earliest, 20 - first).await;
        assert_eq!(ids(&leases), all[first..], "{to:?}");
        settle(leases);
        let books = bench.books("a");
        assert!(books.balance() && books.pending == 0, "{books:?}");
    }
    assert_eq!(bench.books("a").delivered, 20 + 10 + 13 + 20);
}
