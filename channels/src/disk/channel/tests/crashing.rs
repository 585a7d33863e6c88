//! Kills and power cuts: what was acknowledged and not settled is handed out, however often.

use std::collections::BTreeSet;
use std::time::Duration;

use super::support::{Bench, ids, reason, rest, settle, take};
use crate::{Channel, Settled, Start};

const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_accepted_just_before_a_power_cut_reaches_an_idle_subscription() {
    let mut bench = Bench::new(1);
    drop(bench.open("a").await);
    drop(bench.open("b").await);
    for cycle in 0..5 {
        bench.append("all", cycle..cycle + 1).await;
        bench.crash();
        for name in ["a", "b"] {
            let mut reader = bench.open(name).await;
            let leases = take(&mut reader, 1).await;
            assert_eq!(ids(&leases), [cycle], "{name}");
            settle(leases);
            assert!(bench.books(name).balance());
        }
        bench.saved().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_paused_parked_moved_redriven_or_replayed_is_so_after_any_crash() {
    let mut bench = Bench::new(2);
    let mut reader = bench.open("a").await;
    let positions = bench.append("a", 0..8).await;
    let mut leases = take(&mut reader, 8).await.into_iter();
    let mut lease = || leases.next().expect("there are eight");
    let due = bench.after(LONG);
    lease().defer(due, 3).await.expect("it is moved");
    lease().park(reason(), 4, None).await.expect("it is parked");
    lease().park(reason(), 5, None).await.expect("it is parked");
    let short = bench.after(Duration::from_secs(20));
    lease().defer(short, 2).await.expect("it waits");
    lease().settle(Settled::Delivered);
    lease().settle(Settled::Delivered);
    let out = (lease(), lease());
    let key = |at: usize| crate::DeadLetterKey {
        subscription: "a".into(),
        position: positions[at],
    };
    assert_eq!(bench.channel.redrive(&key(1)).await, Ok(true));
    bench.saved().await;
    let replayed = bench.channel.replay("a", &positions).await;
    let replayed = replayed.expect("it is known");
    assert_eq!((replayed.given, replayed.unfinished), (2, 6));
    bench.channel.pause("a", true).await;
    drop((reader, out));
    for cycle in 0..4 {
        bench.crash();
        let status = bench.status("a");
        assert!(status.paused, "cycle {cycle}");
        assert!(status.books.balance(), "{:?}", status.books);
        assert_eq!((status.books.parked, status.books.pending), (1, 7));
        assert_eq!((status.books.delivered, status.books.replayed), (2, 2));
        let letters = bench.channel.dead_letters(None, None, 9).await;
        assert_eq!(letters.len(), 1);
        assert_eq!(
            (letters[0].key.position, letters[0].sends),
            (positions[2], 5)
        );
        assert_eq!(letters[0].reason, reason());
    }
    let mut reader = bench.open("a").await;
    bench.channel.pause("a", false).await;
    let mut leases = take(&mut reader, 6).await;
    leases.sort_by_key(|it| it.position);
    assert_eq!(ids(&leases), [1, 3, 4, 5, 6, 7]);
    let sends: Vec<_> = leases.iter().map(|it| it.sends).collect();
    assert_eq!(sends[..4], [0, 2, 0, 0]);
    assert_eq!(bench.status("a").next_due_at, Some(due));
    settle(leases);
    assert!(rest(&mut reader).await.is_empty());
    assert_eq!(bench.books("a").pending, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_stays_deleted_and_what_is_not_opened_keeps_its_backlog() {
    let mut bench = Bench::new(3);
    drop((
        bench.open("a").await,
        bench.open("b").await,
        bench.open("c").await,
    ));
    bench.append("all", 0..20).await;
    let status = bench.channel.delete("b").await.expect("it is known");
    assert_eq!(status.books.cancelled, 20);
    for cycle in 0..3 {
        bench.crash();
        let mut reader = bench.open("a").await;
        bench.append("all", 20 + cycle..21 + cycle).await;
        settle(take(&mut reader, if cycle == 0 { 21 } else { 1 }).await);
        bench.saved().await;
        let statuses = bench.channel.describe().subscriptions;
        let names: Vec<_> = statuses.iter().map(|it| it.name.to_string()).collect();
        assert_eq!(names, ["a", "c"], "cycle {cycle}");
        assert_eq!(statuses[1].books.pending, 21 + cycle as u64);
        assert!(statuses.iter().all(|it| it.books.balance()));
    }
    let mut reader = bench.open("c").await;
    let leases = take(&mut reader, 23).await;
    assert_eq!(ids(&leases), (0..23).collect::<Vec<_>>());
    let mut anew = bench.open_at("b", Start::Earliest).await;
    assert_eq!(take(&mut anew, 23).await.len(), 23);
}

/// Sought while nobody had it open, it must still be given what comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_moved_to_the_tail_before_it_is_opened_gets_what_comes_after() {
    let mut bench = Bench::new(4);
    drop(bench.open("a").await);
    bench.append("a", 0..3).await;
    bench.crash();
    bench
        .channel
        .seek("a", Start::Latest)
        .await
        .expect("it is known");
    bench.append("a", 3..5).await;
    let mut reader = bench.open("a").await;
    assert_eq!(ids(&take(&mut reader, 2).await), [3, 4]);
    let books = bench.books("a");
    assert_eq!((books.discarded, books.accepted), (3, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_crash_under_load_loses_an_event_or_repeats_more_than_it_may() {
    let mut bench = Bench::new(5);
    drop(bench.open("a").await);
    let mut rng = fastrand::Rng::with_seed(5);
    let mut accepted = BTreeSet::new();
    let mut settled = BTreeSet::new();
    let mut next_id = 0;
    for cycle in 0..25 {
        let mut reader = bench.open("a").await;
        let count = rng.usize(1..300);
        let mut repeated = 0;
        let mut out = Vec::new();
        for _ in 0..count {
            bench.append("a", next_id..next_id + 1).await;
            accepted.insert(next_id);
            next_id += 1;
            if rng.bool() {
                for lease in take(&mut reader, 1).await {
                    let id = ids(std::slice::from_ref(&lease))[0];
                    match rng.u32(..8) {
                        0 => out.push(lease),
                        1 => lease.defer(bench.clock.now(), 1).await.expect("it waits"),
                        2 => drop(lease),
                        _ => {
                            repeated += usize::from(!settled.insert(id));
                            lease.settle(Settled::Delivered);
                        }
                    }
                }
            }
        }
        assert!(repeated <= 128, "cycle {cycle}: {repeated} came once more");
        let books = bench.books("a");
        assert!(books.balance(), "cycle {cycle}: {books:?}");
        drop(reader);
        bench.crash();
        drop(out);
        let books = bench.books("a");
        assert!(books.balance(), "cycle {cycle}: {books:?}");
    }
    let mut reader = bench.open("a").await;
    while accepted.len() > settled.len() {
        let leases = take(&mut reader, 1).await;
        settled.extend(ids(&leases));
        settle(leases);
    }
    let repeated = rest(&mut reader).await;
    assert!(ids(&repeated).iter().all(|id| settled.contains(id)));
}
