//! P1 to P7: what comes in.

use std::collections::HashSet;

use super::support::{Bench, event, events, ids, items, settle_all, spec};
use super::{Bounds, Fixture};
use crate::{Admission, AppendError, Books, Exhausted, LeasePurpose, Settled, SubscriptionKey};

/// A store of that many events, and as many bytes as they could need.
fn small(events_max: u64) -> Bounds {
    Bounds {
        events_max,
        bytes_max: 64 << 20,
        sheds: false,
    }
}

pub(super) async fn p01_append_answers_once_the_events_are_stored(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let end = bench.subscribe("a", 1).await;
    bench.append(events("a", 0..3)).await;
    let pending = Books {
        accepted: 3,
        pending: 3,
        ..Books::default()
    };
    assert_eq!(bench.books("a"), pending, "at once, not soon");
    drop(end);
    if let Some(bench) = bench.reopened().await {
        let mut end = bench.open_end(spec("a", 1)).await;
        let leases = bench.next_count(&mut end, 3).await;
        assert_eq!(ids(&leases), ["0", "1", "2"]);
    }
}

pub(super) async fn p02_a_batch_is_stored_whole_or_not_at_all(fixture: &dyn Fixture) {
    let bench = Bench::with(fixture, small(100)).await;
    let mut end = bench.subscribe("a", 1).await;
    let positions = bench.append(events("a", 0..60)).await;
    assert_eq!(positions.len(), 60);
    assert_eq!(bench.append(Vec::new()).await, []);
    if fixture.capabilities().bounded {
        let before = bench.books("a");
        let too_much = bench.try_append(events("a", 60..90), Admission::Ingress);
        assert!(matches!(too_much.await, Err(AppendError::Full { .. })));
        let beyond_all = bench.try_append(events("a", 60..300), Admission::Internal);
        assert!(matches!(
            beyond_all.await,
            Err(AppendError::TooMany { .. } | AppendError::TooLarge { .. })
        ));
        assert_eq!(bench.books("a"), before);
    }
    let leases = bench.next_count(&mut end, 60).await;
    assert_eq!(ids(&leases)[59], "59");
    bench.assert_nothing_comes(&mut end).await;
}

pub(super) async fn p03_positions_never_go_back_and_are_never_given_twice(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    let mut given = Vec::new();
    for round in 0..5 {
        given.extend(bench.append(events("a", round * 4..round * 4 + 4)).await);
        given.extend(bench.append(vec![event("unwanted", round)]).await);
        settle_all(bench.next_count(&mut end, 4).await);
    }
    let distinct: HashSet<_> = given.iter().collect();
    assert_eq!(distinct.len(), 25);
    for pair in given.windows(2) {
        assert!(pair[0].partition != pair[1].partition || pair[0] < pair[1]);
    }
}

pub(super) async fn p04_the_matcher_is_asked_once_per_event(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut ends = Vec::new();
    for key in 0..20 {
        bench.matcher.want("all", SubscriptionKey(key));
        ends.push(bench.open_end(spec(&format!("s{key}"), key)).await);
    }
    let before = bench.matcher.asked();
    bench.append(events("all", 0..10)).await;
    for end in &mut ends {
        settle_all(bench.next_count(end, 10).await);
    }
    assert_eq!(bench.matcher.asked() - before, 10);
}

pub(super) async fn p05_ingress_may_use_four_fifths_and_replies_all(fixture: &dyn Fixture) {
    if !fixture.capabilities().bounded {
        return;
    }
    for bounds in [
        small(50),
        Bounds {
            events_max: 10_000,
            bytes_max: 256 << 10,
            sheds: false,
        },
    ] {
        let bench = Bench::with(fixture, bounds).await;
        let _end = bench.subscribe("a", 1).await;
        let by_ingress = bench.fill("a", 0, Admission::Ingress).await;
        let held = bench.opened.channel.describe();
        assert!(held.events * 5 <= bounds.events_max * 4, "{held:?}");
        assert!(held.bytes * 5 <= bounds.bytes_max * 4, "{held:?}");
        let by_replies = bench.fill("a", by_ingress, Admission::Internal).await;
        let held = bench.opened.channel.describe();
        assert!(held.events <= bounds.events_max && held.bytes <= bounds.bytes_max);
        // A fifth of the whole is a fourth of what ingress had; one less for rounding.
        assert!(
            by_replies + 1 >= by_ingress / 4,
            "{by_replies} after {by_ingress}"
        );
        assert_eq!(bench.fill("a", 0, Admission::Ingress).await, 0);
    }
}

pub(super) async fn p06_a_full_store_refuses_and_forgets_nothing(fixture: &dyn Fixture) {
    if !fixture.capabilities().bounded {
        return;
    }
    let bench = Bench::with(fixture, small(50)).await;
    let mut end = bench.subscribe("a", 1).await;
    let count = bench.fill("a", 0, Admission::Ingress).await;
    let before = bench.books("a");
    assert_eq!(bench.fill("a", count, Admission::Ingress).await, 0);
    assert_eq!(bench.books("a"), before, "a refusal changes nothing");
    let leases = bench.next_count(&mut end, count).await;
    let expected: Vec<String> = (0..count).map(|id| id.to_string()).collect();
    assert_eq!(ids(&leases), expected);
}

pub(super) async fn p07_a_full_store_takes_from_the_one_that_holds_most(fixture: &dyn Fixture) {
    if !fixture.capabilities().sheds {
        return;
    }
    let sheds = Bounds {
        sheds: true,
        ..small(100)
    };
    let bench = Bench::with(fixture, sheds).await;
    let mut dead = bench.subscribe("dead", 1).await;
    assert_eq!(
        bench.fill("dead", 0, Admission::Ingress).await,
        80,
        "alone: refused"
    );

    let mut healthy = bench.subscribe("healthy", 2).await;
    bench.append(events("healthy", 0..5)).await;
    settle_all(bench.next_count(&mut healthy, 5).await);
    let status = bench.status("dead");
    assert_eq!(status.discarded_by, [("shed", 5)]);
    assert_eq!((status.books.discarded, status.books.pending), (5, 75));

    let channel = &bench.opened.channel;
    channel.set_exhausted("dead", Exhausted::HandOver).await;
    bench.append(events("healthy", 5..13)).await;
    assert_eq!(
        bench.books("dead").discarded,
        5,
        "handed over, not discarded"
    );
    let mut purposes = Vec::new();
    for lease in bench.next(&mut dead, items(6)).await {
        purposes.push(lease.event.id().to_owned());
        match &lease.purpose {
            LeasePurpose::DeadLetter(reason) => {
                assert_eq!(reason.kind, "shed");
                lease.settle(Settled::DeadLettered);
            }
            LeasePurpose::Deliver => lease.settle(Settled::Delivered),
        }
    }
    for taken in ["5", "6", "7"] {
        assert!(
            purposes.iter().any(|id| id == taken),
            "{taken} of {purposes:?}"
        );
    }
    let books = bench.books("dead");
    assert_eq!(
        (books.dead_lettered, books.delivered, books.discarded),
        (3, 3, 5)
    );
    assert!(books.balance());

    // Two that are behind alike: neither holds less than half as much as the other.
    let even = Bench::with(fixture, sheds).await;
    let _one = even.open_end(spec("one", 1)).await;
    let _two = even.open_end(spec("two", 2)).await;
    even.matcher.want("both", SubscriptionKey(1));
    even.matcher.want("both", SubscriptionKey(2));
    assert_eq!(even.fill("both", 0, Admission::Ingress).await, 80);
    assert_eq!(even.books("one").discarded + even.books("two").discarded, 0);
}
