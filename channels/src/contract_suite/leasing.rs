//! P10 to P17: subscribing and leasing.

use std::num::NonZeroUsize;
use std::time::Duration;

use sluicegate_event::Event;
use tokio::time::timeout;

use super::Fixture;
use super::support::{Bench, MANY, event, event_of, events, ids, items, reason, settle_all, spec};
use crate::{
    Books, Lease, LeasePurpose, NextLimit, Settled, Start, SubscribeError, SubscriptionKey,
    SubscriptionSpec,
};

pub(super) async fn p10_what_is_accepted_after_subscribing_arrives(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    bench.append(vec![event("a", "before")]).await;
    let mut end = bench.subscribe("a", 1).await;
    bench.append(events("a", 0..3)).await;
    let out = bench.next_count(&mut end, 3).await;
    assert_eq!(ids(&out), ["0", "1", "2"]);
    bench.assert_nothing_comes(&mut end).await;

    // One that starts with the past has what is still held, and then what comes.
    bench.append(events("a", 3..5)).await;
    let second = SubscriptionKey(2);
    bench.matcher.want("a", second);
    let start = Start::Earliest;
    let mut past = bench
        .open_end(SubscriptionSpec {
            start,
            ..spec("past", 2)
        })
        .await;
    bench.append(vec![event("a", 5)]).await;
    let mut leases = bench.next(&mut past, MANY).await;
    while leases.last().is_some_and(|last| last.event.id() != "5") {
        leases.extend(bench.next(&mut past, MANY).await);
    }
    assert!(ids(&leases).ends_with(&["3".into(), "4".into(), "5".into()]));
    assert!(bench.books("past").balance());
    drop(out);
}

pub(super) async fn p11_each_event_is_handed_out_once_at_a_time_in_order_and_within_the_limits(
    fixture: &dyn Fixture,
) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    let sizes = [100, 100, 50_000, 100];
    let batch = sizes
        .iter()
        .enumerate()
        .map(|(id, size)| event_of("a", id, *size));
    bench.append(batch.collect()).await;
    let limit = |items_max: usize, bytes_max| NextLimit {
        items_max: NonZeroUsize::new(items_max).expect("not zero"),
        bytes_max,
        dead_letters_max: usize::MAX,
    };
    let first = bench.next(&mut end, limit(1, 10_000)).await;
    assert_eq!(ids(&first), ["0"], "no more than one item");
    let second = bench.next(&mut end, limit(9, 10_000)).await;
    assert_eq!(ids(&second), ["1"], "the next is past the bytes");
    let third = bench.next(&mut end, limit(9, 10_000)).await;
    assert_eq!(ids(&third), ["2"], "one is handed out whatever its size");
    let fourth = bench.next(&mut end, limit(9, 10_000)).await;
    assert_eq!(ids(&fourth), ["3"]);
    bench.assert_nothing_comes(&mut end).await;

    // Those that come up again and fresh ones take turns; what was handed back goes first.
    let at_once = bench.opened.clock.now();
    for lease in [second, third, fourth].into_iter().flatten() {
        lease.defer(at_once, 1).await.expect("it is deferred");
    }
    drop(first);
    bench.append(events("a", 4..7)).await;
    bench.until_read("a").await;
    let all = ids(&bench.next_count(&mut end, 7).await);
    assert_eq!(all[0], "0");
    let of = |wanted: [&str; 3]| -> Vec<usize> {
        let place = |id: &&str| all.iter().position(|known| known == id);
        wanted.iter().filter_map(place).collect()
    };
    let (again, fresh) = (of(["1", "2", "3"]), of(["4", "5", "6"]));
    assert!(again.is_sorted() && fresh.is_sorted(), "{all:?}");
    assert!(
        again[0] <= 2 && fresh[0] <= 2,
        "neither waits for the other: {all:?}"
    );
}

pub(super) async fn p12_a_dropped_lease_is_handed_out_again_with_its_sends(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    bench.append(events("a", 0..2)).await;
    let first = bench.one(&mut end).await;
    assert_eq!((first.event.id(), first.sends), ("0", 0));
    let accepted_at = first.accepted_at;
    first
        .defer(bench.opened.clock.now(), 3)
        .await
        .expect("it is deferred");
    bench.append(events("a", 2..4)).await;
    for _ in 0..3 {
        let all = bench.next_count(&mut end, 4).await;
        let again = all.iter().find(|lease| lease.event.id() == "0");
        let again = again.expect("the dropped lease is handed out again");
        assert_eq!((again.sends, again.accepted_at), (3, accepted_at));
        drop(all);
    }

    // Also when it is dropped by a task that is thrown away while somebody waits.
    let all = bench.next_count(&mut end, 4).await;
    let (leased, waited) = tokio::join!(
        async {
            tokio::task::yield_now().await;
            drop(all);
        },
        bench.next(&mut end, items(1)),
    );
    let () = leased;
    assert_eq!(waited.len(), 1);
    drop(waited);
    settle_all(bench.next_count(&mut end, 4).await);
    let books = Books {
        accepted: 4,
        delivered: 4,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
}

pub(super) async fn p13_a_dropped_next_loses_nothing(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    for round in 0..20 {
        // Dropped while it waits; the event comes afterwards.
        let waiting = timeout(Duration::from_millis(1), end.next(items(1))).await;
        assert!(waiting.is_err());
        bench.append(vec![event("a", round)]).await;
        // Dropped before its first poll, while something is ready.
        drop(end.next(MANY));
        let lease = bench.one(&mut end).await;
        assert_eq!(lease.event.id(), round.to_string());
        lease.settle(Settled::Delivered);
    }
}

pub(super) async fn p14_events_come_out_as_they_went_in(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    let all_bytes: Vec<u8> = (0..=255).collect();
    let appended = [
        event("a", "bare"),
        Event::builder("full", "/suite", "a")
            .attribute("subject", "Euro € \"quoted\" 100%")
            .attribute("time", "2018-04-05T17:31:00.100+07:00")
            .attribute("dataschema", "http://schema.example/v1")
            .attribute("comexample", "kept as it is ")
            .data("application/x-everything; a=b", all_bytes)
            .build()
            .expect("the suite's events are valid"),
        event_of("a", "empty", 0),
        event_of("a", "large", 60_000),
    ];
    bench.append(appended.to_vec()).await;
    let leases = bench.next_count(&mut end, appended.len()).await;
    for (lease, appended) in leases.iter().zip(&appended) {
        assert_eq!(*lease.event, *appended);
        assert_eq!(lease.event.data(), appended.data());
        assert!(lease.event.attributes().eq(appended.attributes()));
    }
}

pub(super) async fn p15_a_subscription_that_does_not_read_delays_no_other(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let idle = bench.subscribe("idle", 1).await;
    let mut stuck = bench.subscribe("stuck", 2).await;
    let mut healthy = bench.subscribe("healthy", 3).await;
    for key in [1, 2, 3] {
        bench.matcher.want("all", SubscriptionKey(key));
    }
    bench.append(events("all", 0..500)).await;
    let held_back = bench.next(&mut stuck, items(64)).await;
    let got = bench.next_count(&mut healthy, 500).await;
    assert_eq!(ids(&got)[499], "499");
    settle_all(got);
    bench.append(events("healthy", 500..510)).await;
    assert_eq!(ids(&bench.next_count(&mut healthy, 10).await)[0], "500");
    assert_eq!(bench.books("idle").pending, 500);
    assert_eq!(bench.books("stuck").pending, 500);
    drop((idle, held_back));
}

pub(super) async fn p16_subscribing_again_continues(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    bench.append(events("a", 0..3)).await;
    let out = bench.one(&mut end).await;

    let again = bench.opened.channel.subscribe(spec("a", 1)).await;
    let refused = again.err();
    assert_eq!(refused, Some(SubscribeError::AlreadyOpen("a".into())));

    drop(end);
    bench.append(events("a", 3..5)).await;
    let mut end = bench.open_end(spec("a", 1)).await;
    let leases = bench.next_count(&mut end, 4).await;
    assert_eq!(ids(&leases), ["1", "2", "3", "4"], "the first is still out");
    settle_all(leases);
    out.settle(Settled::Delivered);
    let books = Books {
        accepted: 5,
        delivered: 5,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
}

pub(super) async fn p17_what_is_for_the_sink_is_limited_apart(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    bench.append(events("a", 0..4)).await;
    let at_once = bench.opened.clock.now();
    for lease in bench.next_count(&mut end, 4).await {
        let parked = lease.park(reason("exhausted"), 1, Some(at_once)).await;
        parked.expect("it is parked");
    }
    let none = NextLimit {
        dead_letters_max: 0,
        ..MANY
    };
    let nothing = timeout(fixture.quiet(), end.next(none)).await;
    assert!(nothing.is_err(), "only the sink's are ready");
    bench.append(events("a", 4..7)).await;
    // A store may have to fetch them, and then hands out what it has.
    let mut fresh = Vec::new();
    while fresh.len() < 3 {
        fresh.extend(bench.next(&mut end, none).await);
    }
    assert_eq!(ids(&fresh), ["4", "5", "6"]);
    settle_all(fresh);

    let mut for_sink = Vec::new();
    while for_sink.len() < 2 {
        let limit = NextLimit {
            dead_letters_max: 2 - for_sink.len(),
            ..MANY
        };
        for_sink.extend(bench.next(&mut end, limit).await);
    }
    assert_eq!(ids(&for_sink), ["0", "1"]);
    let is_for_sink = |lease: &Lease| matches!(lease.purpose, LeasePurpose::DeadLetter(_));
    assert!(for_sink.iter().all(is_for_sink));
    assert_eq!(ids(&bench.next_count(&mut end, 2).await), ["2", "3"]);
}
