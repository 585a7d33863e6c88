//! P20 to P24: how leases end.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::time::sleep;

use super::support::{Bench, event, events, ids, reason, settle_all, spec};
use super::{Bounds, Fixture};
use crate::{
    Admission, Books, Exhausted, LeasePurpose, Settled, SubscriptionKey, SubscriptionSpec,
};

/// A wait that is short for a real server and long enough to be seen.
const WAIT: Duration = Duration::from_millis(800);

pub(super) async fn p20_a_settled_event_is_not_handed_out_again(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    bench.append(events("a", 0..3)).await;
    let endings = [
        Settled::Delivered,
        Settled::DeadLettered,
        Settled::Discarded,
    ];
    let leases = bench.next_count(&mut end, 3).await;
    for (lease, how) in leases.into_iter().zip(endings) {
        lease.settle(how);
    }
    bench.assert_nothing_comes(&mut end).await;
    drop(end);
    let mut end = bench.open_end(spec("a", 1)).await;
    bench.assert_nothing_comes(&mut end).await;
    let books = Books {
        accepted: 3,
        delivered: 1,
        dead_lettered: 1,
        discarded: 1,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
    assert_eq!(bench.status("a").discarded_by, [("lease", 1)]);
}

pub(super) async fn p21_a_deferred_event_waits_apart_until_it_is_due(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    bench.matcher.want("a", SubscriptionKey(1));
    let deferred_max = NonZeroUsize::new(2).expect("not zero");
    let mut end = bench
        .open_end(SubscriptionSpec {
            deferred_max,
            ..spec("a", 1)
        })
        .await;
    bench.append(events("a", 0..4)).await;
    let due = bench.after(WAIT);
    for sends in [1, 7] {
        let lease = bench.one(&mut end).await;
        lease.defer(due, sends).await.expect("it is deferred");
        if sends == 1 {
            let behind = bench.one(&mut end).await;
            assert_eq!(behind.event.id(), "1", "it goes on with the events behind");
            behind.settle(Settled::Delivered);
            assert!(!bench.status("a").stalled);
        }
    }
    let status = bench.status("a");
    assert_eq!((status.deferred, status.stalled), (2, true));
    assert_eq!(status.next_due_at, Some(due));
    bench.assert_nothing_comes(&mut end).await;

    let again = bench.next_count(&mut end, 3).await;
    assert!(bench.opened.clock.now() >= due, "not before it is due");
    let mut sends: Vec<_> = again
        .iter()
        .map(|lease| (lease.event.id().to_owned(), lease.sends))
        .collect();
    sends.sort();
    let expected = [("0", 1), ("2", 7), ("3", 0)].map(|(id, sends)| (id.to_owned(), sends));
    assert_eq!(sends, expected);
    assert!(
        again
            .iter()
            .all(|lease| lease.purpose == LeasePurpose::Deliver)
    );
    settle_all(again);
    assert_eq!(bench.status("a").next_due_at, None);
}

pub(super) async fn p22_a_parked_event_is_a_dead_letter_once(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    let position = bench.append(vec![event("a", 0)]).await[0];
    let lease = bench.one(&mut end).await;
    let accepted_at = lease.accepted_at;
    lease
        .park(reason("refused"), 1, None)
        .await
        .expect("it is parked");
    bench.assert_nothing_comes(&mut end).await;

    let letters = bench.dead_letters("a").await;
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!(*letter.event, event("a", 0));
    assert_eq!(letter.reason, reason("refused"));
    assert_eq!(
        (&*letter.key.subscription, letter.key.position),
        ("a", position)
    );
    assert_eq!((letter.accepted_at, letter.retry_at), (accepted_at, None));
    assert_eq!(letter.sends, 1, "the count it was parked with");
    assert!(letter.parked_at >= accepted_at);
    let parked_at = letter.parked_at;

    // Parked once more, by way of a redrive: a new letter in the same place.
    let redriven = bench.opened.channel.redrive(&letter.key).await;
    assert_eq!(redriven, Ok(true));
    let lease = bench.one(&mut end).await;
    lease
        .park(reason("exhausted"), 1, None)
        .await
        .expect("it is parked");
    let letters = bench.dead_letters("a").await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].reason.kind, "exhausted");
    assert!(letters[0].parked_at >= parked_at);
    let books = Books {
        accepted: 1,
        parked: 1,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
}

pub(super) async fn p23_a_parked_event_comes_back_for_its_sink(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    bench.append(vec![event("a", 0)]).await;
    let parked = Books {
        accepted: 1,
        parked: 1,
        ..Books::default()
    };
    let retry_at = bench.after(WAIT);
    let lease = bench.one(&mut end).await;
    lease
        .park(reason("exhausted"), 1, Some(retry_at))
        .await
        .expect("it is parked");
    let parked_at = bench.dead_letters("a").await[0].parked_at;
    bench.assert_nothing_comes(&mut end).await;

    let lease = bench.one(&mut end).await;
    assert!(bench.opened.clock.now() >= retry_at);
    assert_eq!(lease.purpose, LeasePurpose::DeadLetter(reason("exhausted")));
    bench.expect_books("a", parked).await;
    drop(lease);
    let lease = bench.one(&mut end).await;
    assert_eq!(lease.purpose, LeasePurpose::DeadLetter(reason("exhausted")));

    let later = bench.after(WAIT);
    lease
        .park(reason("refused"), 1, Some(later))
        .await
        .expect("it is parked again");
    let letters = bench.dead_letters("a").await;
    assert_eq!((letters.len(), letters[0].reason.kind), (1, "refused"));
    assert_eq!(
        (letters[0].retry_at, letters[0].parked_at),
        (Some(later), parked_at)
    );
    bench.expect_books("a", parked).await;

    let lease = bench.one(&mut end).await;
    lease.settle(Settled::DeadLettered);
    let books = Books {
        accepted: 1,
        dead_lettered: 1,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
    assert!(bench.dead_letters("a").await.is_empty());
    sleep(WAIT).await;
    bench.assert_nothing_comes(&mut end).await;
    what_lies_parked_reaches_a_sink_that_comes_later(fixture).await;
}

pub(super) async fn p24_a_full_store_drains(fixture: &dyn Fixture) {
    if !fixture.capabilities().bounded {
        return;
    }
    let bounds = Bounds {
        events_max: 40,
        ..Bounds::default()
    };
    let bench = Bench::with(fixture, bounds).await;
    let mut end = bench.subscribe("a", 1).await;
    let count = bench.fill("a", 0, Admission::Internal).await;
    let at_once = bench.opened.clock.now();
    let mut leases = bench.next_count(&mut end, count).await;
    for lease in leases.split_off(count / 2) {
        lease.defer(at_once, 1).await.expect("a full store defers");
    }
    for lease in leases {
        let parked = lease.park(reason("exhausted"), 1, None).await;
        parked.expect("a full store parks");
    }
    assert_eq!(bench.fill("a", count, Admission::Ingress).await, 0);

    settle_all(bench.next_count(&mut end, count - count / 2).await);
    for letter in bench.dead_letters("a").await {
        let discarded = bench.opened.channel.discard(&letter.key).await;
        assert_eq!(discarded, Ok(true));
    }
    assert_eq!(bench.books("a").pending + bench.books("a").parked, 0);
    bench.append(vec![event("a", "after")]).await;
    assert_eq!(ids(&bench.next_count(&mut end, 1).await), ["after"]);
}

async fn what_lies_parked_reaches_a_sink_that_comes_later(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let channel = &bench.opened.channel;
    let mut end = bench.subscribe("a", 1).await;
    let kinds = ["exhausted", "loop", "refused", "poison", "reply"];
    bench.append(events("a", 0..kinds.len() + 2)).await;
    let mut leases = bench.next_count(&mut end, kinds.len() + 2).await;
    let out = leases.split_off(kinds.len());
    for (lease, kind) in leases.into_iter().zip(kinds) {
        lease
            .park(reason(kind), 1, None)
            .await
            .expect("it is parked");
    }
    channel.set_exhausted("nobody", Exhausted::HandOver).await;
    channel.set_exhausted("a", Exhausted::Discard).await;
    bench.assert_nothing_comes(&mut end).await;

    // Whoever waits is woken.
    let ((), leases) = tokio::join!(
        async {
            tokio::task::yield_now().await;
            channel.set_exhausted("a", Exhausted::HandOver).await;
        },
        bench.next_count(&mut end, 3),
    );
    assert_eq!(ids(&leases), ["0", "2", "4"]);
    for (lease, kind) in leases.into_iter().zip(["exhausted", "refused", "reply"]) {
        assert_eq!(lease.purpose, LeasePurpose::DeadLetter(reason(kind)));
        lease.settle(Settled::DeadLettered);
    }
    channel.set_exhausted("a", Exhausted::HandOver).await;
    bench.assert_nothing_comes(&mut end).await;

    // What was out at that moment is not too late for it, whether or not its holder knows.
    for (lease, kind) in out.into_iter().zip(["exhausted", "loop"]) {
        lease
            .park(reason(kind), 1, None)
            .await
            .expect("it is parked");
    }
    let lease = bench.one(&mut end).await;
    assert_eq!(lease.purpose, LeasePurpose::DeadLetter(reason("exhausted")));
    lease.settle(Settled::DeadLettered);
    bench.assert_nothing_comes(&mut end).await;
    let books = Books {
        accepted: 7,
        dead_lettered: 4,
        parked: 3,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
}
