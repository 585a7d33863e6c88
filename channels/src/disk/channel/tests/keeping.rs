//! What is kept and what is saved: how little is written, and what of it takes effect.

use std::time::Duration;

use super::support::{Bench, ids, reason, rest, settle, take};
use crate::{Channel, DeadLetterKey, Settled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_subscriptions_write_nothing_while_events_pass() {
    let bench = Bench::new(1);
    let mut idle = Vec::new();
    for number in 0..1_000 {
        idle.push(bench.open(&format!("idle-{number}")).await);
    }
    let mut busy = bench.open("busy").await;
    let floors = || bench.channel.shared.state.lock().pressing();
    bench.append("nobody", 0..5).await;
    bench.saved().await;
    // The first segment has moved the floor once that is a while ago.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    bench.saved().await;
    let before = bench.files("progress");
    bench.append("nobody", 5..25).await;
    bench
        .until("it is quiet", || {
            floors() == crate::disk::state::Pressing::Nothing
        })
        .await;
    let is_same = bench.files("progress") == before;
    assert!(
        is_same,
        "something was written of those who have nothing to do"
    );
    // One who is not idle costs one record.
    bench.append("busy", 25..26).await;
    settle(take(&mut busy, 1).await);
    bench.saved().await;
    let changed = changed_bytes(&before, &bench.files("progress"));
    assert!(
        (1..2_000).contains(&changed),
        "{changed} bytes were written"
    );
    drop(idle);
}

type Files = std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>;

fn changed_bytes(before: &Files, after: &Files) -> usize {
    let changed = after.iter().map(|(path, bytes)| {
        let before = before.get(path).map(Vec::as_slice).unwrap_or_default();
        let changed = bytes.iter().enumerate();
        changed
            .filter(|(at, byte)| before.get(*at).copied().unwrap_or(0) != **byte)
            .count()
    });
    changed.sum()
}

/// Whoever asks first has it, and the other is told that there is nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_and_a_discard_at_once_lose_nothing() {
    let mut bench = Bench::new(2);
    let mut reader = bench.open("a").await;
    let positions = bench.append("a", 0..40).await;
    for lease in take(&mut reader, 40).await {
        lease.park(reason(), 1, None).await.expect("it is parked");
    }
    let mut redriven = Vec::new();
    for (id, position) in positions.iter().enumerate() {
        let key = DeadLetterKey {
            subscription: "a".into(),
            position: *position,
        };
        let both = tokio::join!(bench.channel.redrive(&key), bench.channel.discard(&key));
        match both {
            (Ok(true), Ok(false)) => redriven.push(id),
            (Ok(false), Ok(true)) => {}
            both => panic!("{both:?}"),
        }
    }
    let books = bench.books("a");
    assert_eq!((books.parked, books.pending), (0, redriven.len() as u64));
    bench.saved().await;
    bench.crash();
    let mut reader = bench.open("a").await;
    let mut leases = take(&mut reader, redriven.len()).await;
    leases.sort_by_key(|it| it.position);
    assert_eq!(ids(&leases), redriven);
    settle(leases);
    assert!(rest(&mut reader).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_event_can_be_parked_and_a_parked_one_moved_and_both_end() {
    let mut bench = Bench::new(3);
    let mut reader = bench.open("a").await;
    bench.append("a", 0..1).await;
    let lease = take(&mut reader, 1).await.remove(0);
    // Kept, because it is long, and due at once for whoever comes back.
    let soon = bench.after(Duration::from_secs(31));
    lease.defer(soon, 1).await.expect("it is moved");
    assert_eq!(bench.books("a").pending, 1);
    bench.crash();
    let mut reader = bench.open("a").await;
    let sought = bench.channel.seek("a", crate::Start::Latest).await;
    assert_eq!(sought, Ok(()));
    assert_eq!(bench.books("a").discarded, 1);
    bench.saved().await;
    let position = crate::reading::position(0);
    let replayed = bench.channel.replay("a", &[position]).await.expect("known");
    assert_eq!(replayed.given, 1);
    let lease = take(&mut reader, 1).await.remove(0);
    lease
        .park(reason(), 2, Some(bench.clock.now()))
        .await
        .expect("it is parked");
    bench.saved().await;
    bench.crash();
    assert_eq!(
        bench.books("a").parked,
        1,
        "the end of the first took the second"
    );
    let mut reader = bench.open("a").await;
    let lease = take(&mut reader, 1).await.remove(0);
    lease.settle(Settled::DeadLettered);
    bench.saved().await;
    bench.crash();
    let books = bench.books("a");
    assert!(books.balance());
    assert_eq!(
        (books.dead_lettered, books.parked, books.pending),
        (1, 0, 0)
    );
}
