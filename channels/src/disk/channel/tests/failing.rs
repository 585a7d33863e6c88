//! Full disks, failed syncs and damage: nothing acknowledged is lost, and nothing spins.

use std::time::Duration;

use super::super::DiskOptions;
use super::support::{Bench, event, ids, reason, rest, settle, small, take};
use crate::disk::simulated::{Call, Effect};
use crate::{Admission, AppendError, Channel, LostEvents, Refuses, SeekError, Start};

fn with_reserve() -> DiskOptions {
    DiskOptions {
        free_bytes_min: 64 << 10,
        reserve_bytes: 256 << 10,
        ..small()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_events_and_settles_parks_and_opens_all_the_same() {
    let mut bench = Bench::with(1, with_reserve());
    bench.disk.limit(Some(1 << 20));
    let mut reader = bench.open("a").await;
    let mut accepted = 0;
    loop {
        match bench.try_append("a", accepted, 2_000).await {
            Ok(_) => accepted += 1,
            Err(AppendError::NoSpace { retry_after }) => {
                assert!(retry_after > Duration::ZERO);
                break;
            }
            Err(other) => panic!("{other}"),
        }
        assert!(accepted < 1_000, "it is never full");
    }
    assert!(accepted > 50, "{accepted} events");
    let refuses = || bench.channel.describe().disk.and_then(|it| it.refuses);
    bench
        .until("it says so", || refuses() == Some(Refuses::NoSpace))
        .await;
    // Another program takes what is left.
    let used = bench
        .disk
        .contents("/broker/reserve".as_ref())
        .map(|it| it.len());
    assert_eq!(used, Some(256 << 10));
    let free = bench.channel.describe().disk.map_or(0, |it| it.free_bytes);
    bench.disk.limit(Some((1 << 20) - free));
    let mut done = 0;
    for restart in 0..5 {
        for (at, lease) in take(&mut reader, 10).await.into_iter().enumerate() {
            if at == 0 {
                let parked = lease.park(reason(), 1, None).await;
                assert_eq!(parked, Ok(()), "restart {restart}");
            } else {
                settle(vec![lease]);
            }
        }
        done += 10;
        bench.saved().await;
        drop(reader);
        bench.crash();
        let books = bench.books("a");
        assert_eq!(books.pending, (accepted - done) as u64, "restart {restart}");
        assert_eq!(books.parked, restart + 1);
        reader = bench.open("a").await;
        // What the last process had taken ahead may be room for a few.
        match bench.try_append("a", accepted, 10).await {
            Ok(_) => accepted += 1,
            Err(AppendError::NoSpace { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    bench.disk.limit(None);
    let room = Duration::from_secs(5);
    let back = tokio::time::timeout(room, async {
        while bench.try_append("a", accepted, 10).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    back.await.expect("it takes events again");
    let leases = take(&mut reader, accepted - done + 1).await;
    assert_eq!(ids(&leases), (done..=accepted).collect::<Vec<_>>());
}

/// P35, P40: what is answered as failed has not happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seek_or_a_replay_that_cannot_be_stored_has_no_effect() {
    let mut bench = Bench::new(5);
    let mut reader = bench.open("a").await;
    let positions = bench.append("a", 0..10).await;
    settle(take(&mut reader, 5).await);
    bench.saved().await;
    let before = bench.books("a");
    assert_eq!((before.delivered, before.pending), (5, 5));
    for to in [Start::Latest, Start::Earliest, Start::At(positions[2])] {
        bench.disk.fail(Some(Call::Write), 1, Effect::NoSpace);
        let sought = bench.channel.seek("a", to).await;
        assert!(
            matches!(sought, Err(SeekError::Store(_))),
            "{to:?}: {sought:?}"
        );
        assert_eq!(bench.books("a"), before, "{to:?}");
    }
    bench.disk.fail(Some(Call::Write), 1, Effect::NoSpace);
    let replayed = bench.channel.replay("a", &positions[..3]).await;
    assert!(matches!(replayed, Err(SeekError::Store(_))), "{replayed:?}");
    assert_eq!(bench.books("a"), before);
    let leases = rest(&mut reader).await;
    assert_eq!(
        ids(&leases),
        (5..10).collect::<Vec<_>>(),
        "none is given again"
    );
    settle(leases);
    bench.saved().await;
    drop(reader);
    bench.crash();
    assert_eq!(bench.books("a").replayed, 0);

    let mut reader = bench.open("a").await;
    let replayed = bench.channel.replay("a", &positions[..3]).await;
    assert_eq!(replayed.map(|it| it.given), Ok(3));
    assert_eq!(ids(&take(&mut reader, 3).await), [0, 1, 2]);
    assert_eq!(
        bench.channel.seek("a", Start::At(positions[8])).await,
        Ok(())
    );
    bench.crash();
    let books = bench.books("a");
    assert!(books.balance(), "{books:?}");
    assert_eq!((books.replayed, books.pending), (5, 5), "{books:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_of_the_events_ends_appending_and_nothing_else() {
    let mut bench = Bench::new(2);
    let mut reader = bench.open("a").await;
    bench.append("a", 0..20).await;
    bench.saved().await;
    bench.disk.fail(Some(Call::Sync), 1, Effect::Broken);
    let refused = bench.try_append("a", 20, 10).await;
    assert!(
        matches!(refused, Err(AppendError::Broken(_))),
        "{refused:?}"
    );
    let refused = bench.try_append("a", 21, 10).await;
    assert!(
        matches!(refused, Err(AppendError::Broken(_))),
        "{refused:?}"
    );
    let mut leases = take(&mut reader, 20).await;
    let parked = leases.remove(0).park(reason(), 1, None).await;
    assert_eq!(parked, Ok(()));
    settle(leases);
    bench.saved().await;
    drop(reader);
    bench.crash();
    let books = bench.books("a");
    assert_eq!((books.delivered, books.parked), (19, 1));
    assert!(books.balance() && books.pending <= 1, "{books:?}");
    bench.append("a", 22..23).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_of_progress_is_told_and_asked_for_no_more() {
    let mut bench = Bench::new(3);
    let mut reader = bench.open("a").await;
    bench.append("a", 0..600).await;
    bench.saved().await;
    bench.disk.fail(Some(Call::Sync), 1, Effect::Broken);
    settle(take(&mut reader, 1).await);
    let refuses = || bench.channel.describe().disk.and_then(|it| it.refuses);
    bench
        .until("it says so", || {
            matches!(refuses(), Some(Refuses::Broken(_)))
        })
        .await;
    let refused = bench
        .channel
        .append(vec![event("a", 0, 1)], Admission::Ingress)
        .await;
    assert!(
        matches!(refused, Err(AppendError::Broken(_))),
        "{refused:?}"
    );
    // What is stored is delivered on, however little of that can be remembered.
    let mut leases = take(&mut reader, 599).await;
    let parked = leases.remove(0).park(reason(), 1, None).await;
    assert!(parked.is_err());
    settle(leases);
    let before = bench.disk.calls();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let calls = bench.disk.calls() - before;
    assert!(calls < 50, "{calls} calls in half a second");
    drop(reader);
    bench.crash();
    // What was being stored when it failed may be there, and nothing after it is.
    let books = bench.books("a");
    assert!(
        books.balance() && (599..=600).contains(&books.pending),
        "{books:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_in_the_middle_costs_what_it_hit_and_is_counted() {
    let mut bench = Bench::new(4);
    drop(bench.open("a").await);
    for id in 0..300 {
        bench.try_append("a", id, 200).await.expect("it is stored");
    }
    bench.saved().await;
    let files = bench.files("events");
    let mut segments = files.iter().filter(|(_, bytes)| bytes.len() > 8_192);
    let (path, _) = segments.nth(1).expect("there are several");
    bench
        .disk
        .tamper(path, |bytes| bytes[6_000..6_010].fill(0xff));
    bench.crash();
    let mut reader = bench.open("a").await;
    let mut seen = Vec::new();
    while seen.last() != Some(&299) {
        let leases = take(&mut reader, 1).await;
        seen.extend(ids(&leases));
        settle(leases);
    }
    let lost = 300 - seen.len() as u64;
    assert!((1..4).contains(&lost), "{lost} events are lost");
    assert!(seen.is_sorted());
    let books = bench.books("a");
    assert_eq!((books.expired, books.pending), (lost, 0));
    assert!(books.balance());
    let told = bench.channel.describe().disk.map(|it| it.lost_events);
    assert_eq!(told, Some(LostEvents::exactly(lost)));
    let page = bench
        .channel
        .retained(Start::Earliest, 1_000)
        .await
        .expect("it is there");
    assert_eq!((page.events.len(), page.lost), (seen.len(), lost));
}
