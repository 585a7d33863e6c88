//! P30 to P38: what operators do.

use std::time::Duration;

use tokio::time::timeout;

use super::support::{Bench, MANY, event, events, ids, reason, settle_all, spec};
use super::{Bounds, Fixture};
use crate::{
    Admission, AppendError, Books, DeadLetter, DeadLetterKey, SeekError, Settled, Start,
    SubscribeError, Subscription, SubscriptionKey,
};

/// Parks the next `count` events for good.
async fn park(bench: &Bench<'_>, end: &mut Box<dyn Subscription>, count: usize) {
    for lease in bench.next_count(end, count).await {
        let parked = lease.park(reason("exhausted"), 5, None).await;
        parked.expect("it is parked");
    }
}

pub(super) async fn p30_a_pause_holds_everything_and_loses_nothing(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let channel = &bench.opened.channel;
    let mut end = bench.subscribe("a", 1).await;
    bench.append(events("a", 0..2)).await;
    let out = bench.one(&mut end).await;
    channel.pause("a", true).await;
    channel.pause("nobody", true).await;
    bench.append(events("a", 2..4)).await;
    bench.assert_nothing_comes(&mut end).await;
    assert!(bench.status("a").paused);
    let pending = Books {
        accepted: 4,
        pending: 4,
        ..Books::default()
    };
    bench.expect_books("a", pending).await;
    out.settle(Settled::Delivered);

    // Resuming wakes whoever waits.
    let ((), leases) = tokio::join!(
        async {
            tokio::task::yield_now().await;
            channel.pause("a", false).await;
        },
        bench.next_count(&mut end, 3),
    );
    assert_eq!(ids(&leases), ["1", "2", "3"]);
}

pub(super) async fn p31_deleting_cancels_and_leases_end_without_effect(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let channel = &bench.opened.channel;
    let mut end = bench.subscribe("a", 1).await;
    bench.append(events("a", 0..7)).await;
    park(&bench, &mut end, 1).await;
    bench.one(&mut end).await.settle(Settled::Delivered);
    bench.one(&mut end).await.settle(Settled::Discarded);
    let deferred = bench.one(&mut end).await;
    let later = bench.after(Duration::from_secs(3_600));
    deferred.defer(later, 1).await.expect("it is deferred");
    let out = bench.next_count(&mut end, 2).await;

    let last = Books {
        accepted: 7,
        delivered: 1,
        discarded: 1,
        cancelled: 5,
        ..Books::default()
    };
    let status = channel.delete("a").await.expect("there is one");
    assert_eq!(status.books, last);
    assert_eq!(status.discarded_by, [("lease", 1)]);
    assert!(channel.delete("a").await.is_none());
    assert!(channel.describe().subscriptions.is_empty());
    let over = timeout(fixture.patience(), end.next(MANY)).await;
    assert!(over.expect("it does not wait").is_empty());

    // Made anew, it begins anew, and neither the old leases nor the old end touch it.
    let mut anew = bench.open_end(spec("a", 1)).await;
    bench.append(vec![event("a", 7)]).await;
    for lease in out {
        lease.settle(Settled::Delivered);
    }
    drop(end);
    assert_eq!(ids(&bench.next(&mut anew, MANY).await), ["7"]);
    let second = channel.subscribe(spec("a", 1)).await.err();
    assert_eq!(second, Some(SubscribeError::AlreadyOpen("a".into())));
    let books = Books {
        accepted: 1,
        pending: 1,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
}

pub(super) async fn p32_a_dead_letter_is_redriven_or_discarded(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let channel = &bench.opened.channel;
    let mut end = bench.subscribe("a", 1).await;
    bench.append(events("a", 0..2)).await;
    for lease in bench.next_count(&mut end, 2).await {
        let at_once = bench.opened.clock.now();
        assert_eq!(lease.age_since, lease.accepted_at);
        lease.defer(at_once, 5).await.expect("it is deferred");
    }
    park(&bench, &mut end, 2).await;
    let letters = bench.dead_letters("a").await;
    assert_eq!((letters[0].sends, letters[1].sends), (5, 5));
    let (first, second) = (&letters[0].key, &letters[1].key);

    tokio::time::sleep(Duration::from_millis(50)).await;
    let redriven_at = bench.opened.clock.now();
    assert_eq!(channel.redrive(first).await, Ok(true));
    assert_eq!(
        channel.redrive(first).await,
        Ok(false),
        "there is none any more"
    );
    assert_eq!(channel.discard(second).await, Ok(true));
    assert_eq!(channel.discard(second).await, Ok(false));
    let stranger = DeadLetterKey {
        subscription: "nobody".into(),
        ..first.clone()
    };
    assert_eq!(channel.redrive(&stranger).await, Ok(false));
    assert_eq!(channel.discard(&stranger).await, Ok(false));

    let lease = bench.one(&mut end).await;
    assert_eq!((lease.event.id(), lease.sends), ("0", 0));
    assert!(lease.age_since >= redriven_at, "its age counts anew");
    assert_eq!(lease.accepted_at, letters[0].accepted_at);
    let once_more = bench.opened.clock.now();
    lease.defer(once_more, 1).await.expect("it is deferred");
    let lease = bench.one(&mut end).await;
    assert!(lease.age_since >= redriven_at, "it stays so");
    lease.settle(Settled::Delivered);
    bench.assert_nothing_comes(&mut end).await;
    let books = Books {
        accepted: 2,
        delivered: 1,
        discarded: 1,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
    assert_eq!(bench.status("a").discarded_by, [("operator", 1)]);
}

pub(super) async fn p33_the_books_balance(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    let mut other = bench.subscribe("b", 2).await;
    bench.append(events("a", 0..9)).await;
    bench.append(events("b", 0..5)).await;
    bench.append(events("nobody's", 0..2)).await;
    bench.one(&mut end).await.settle(Settled::Delivered);
    bench.one(&mut end).await.settle(Settled::DeadLettered);
    bench.one(&mut end).await.settle(Settled::Discarded);
    park(&bench, &mut end, 2).await;
    let deferred = bench.one(&mut end).await;
    let later = bench.after(Duration::from_secs(3_600));
    deferred.defer(later, 1).await.expect("it is deferred");
    let out = bench.one(&mut end).await;
    settle_all(bench.next_count(&mut other, 5).await);

    let books = Books {
        accepted: 16,
        filtered: 7,
        delivered: 1,
        dead_lettered: 1,
        discarded: 1,
        parked: 2,
        pending: 4,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
    let status = bench.status("a");
    assert_eq!((status.waiting, status.deferred, status.leased), (2, 1, 1));
    assert_eq!(status.oldest_pending_accepted_at, Some(out.accepted_at));
    let other = Books {
        accepted: 16,
        filtered: 11,
        delivered: 5,
        ..Books::default()
    };
    bench.expect_books("b", other).await;
    let channel = bench.opened.channel.describe();
    assert_eq!(channel.appended, 16);
    assert!(channel.events >= 6 && channel.bytes > 0);
    assert!(channel.oldest_accepted_at <= Some(out.accepted_at));
}

pub(super) async fn p34_a_subscription_that_wants_nothing_holds_nothing(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("nothing", 1).await;
    bench.append(events("something", 0..100)).await;
    bench.matcher.want("something", SubscriptionKey(999));
    bench.append(events("something", 100..200)).await;
    bench.assert_nothing_comes(&mut end).await;
    let books = Books {
        accepted: 200,
        filtered: 200,
        ..Books::default()
    };
    bench.expect_books("nothing", books).await;
    let status = bench.status("nothing");
    assert_eq!((status.waiting, status.deferred, status.leased), (0, 0, 0));
    assert_eq!(status.oldest_pending_accepted_at, None);
}

pub(super) async fn p35_seeking_ends_what_waits_and_refuses_what_is_gone(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let channel = &bench.opened.channel;
    let mut end = bench.subscribe("a", 1).await;
    bench.append(events("a", 0..6)).await;
    park(&bench, &mut end, 1).await;
    let out = bench.one(&mut end).await;
    let deferred = bench.one(&mut end).await;
    let later = bench.after(Duration::from_secs(3_600));
    deferred.defer(later, 1).await.expect("it is deferred");

    assert_eq!(channel.seek("a", Start::Latest).await, Ok(()));
    let books = Books {
        accepted: 6,
        parked: 1,
        discarded: 4,
        pending: 1,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
    assert_eq!(bench.status("a").discarded_by, [("operator", 4)]);
    out.settle(Settled::Delivered);
    bench.assert_nothing_comes(&mut end).await;
    bench.append(vec![event("a", 6)]).await;
    assert_eq!(bench.one(&mut end).await.event.id(), "6");

    let unknown = channel.seek("nobody", Start::Latest).await;
    assert_eq!(unknown, Err(SeekError::Unknown("nobody".into())));
    if !fixture.capabilities().keeps_settled {
        let before = bench.books("a");
        for gone in [Start::Earliest, Start::Time(bench.opened.clock.now())] {
            assert_eq!(channel.seek("a", gone).await, Err(SeekError::NotRetained));
        }
        assert_eq!(bench.books("a"), before);
    }
}

pub(super) async fn p36_closing_refuses_and_wakes(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let channel = &bench.opened.channel;
    let mut end = bench.subscribe("a", 1).await;
    let mut waiting = bench.subscribe("b", 2).await;
    bench.append(events("a", 0..3)).await;
    let out = bench.next_count(&mut end, 2).await;
    let ((), over) = tokio::join!(
        async {
            tokio::task::yield_now().await;
            channel.close();
        },
        bench.next(&mut waiting, MANY),
    );
    assert!(over.is_empty());
    assert!(
        bench.next(&mut end, MANY).await.is_empty(),
        "nothing more is handed out"
    );
    let refused = bench
        .try_append(events("a", 3..4), Admission::Internal)
        .await;
    assert_eq!(refused, Err(AppendError::Closed));
    let refused = channel.subscribe(spec("c", 3)).await.err();
    assert_eq!(refused, Some(SubscribeError::Closed));
    settle_all(out);
    let books = Books {
        accepted: 3,
        delivered: 2,
        pending: 1,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
}

pub(super) async fn p37_dead_letters_are_listed_in_pages(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut first = bench.subscribe("a", 1).await;
    let mut second = bench.subscribe("b", 2).await;
    bench.matcher.want("both", SubscriptionKey(1));
    bench.matcher.want("both", SubscriptionKey(2));
    bench.append(events("both", 0..7)).await;
    park(&bench, &mut second, 7).await;
    park(&bench, &mut first, 7).await;

    for (name, count) in [(None, 14), (Some("a"), 7), (Some("nobody"), 0)] {
        for limit in [1, 3, 100] {
            let letters = all_pages(&bench, name, limit).await;
            assert_eq!(letters.len(), count, "{name:?} by {limit}");
            let places: Vec<_> = letters
                .iter()
                .map(|letter| (letter.key.position, letter.key.subscription.clone()))
                .collect();
            assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
        }
    }
}

async fn all_pages(bench: &Bench<'_>, name: Option<&str>, limit: usize) -> Vec<DeadLetter> {
    const PAGES_MAX: usize = 20;
    let mut letters: Vec<DeadLetter> = Vec::new();
    for _ in 0..PAGES_MAX {
        let after = letters.last().map(|letter| letter.key.clone());
        let page = bench.opened.channel.dead_letters(name, after, limit).await;
        assert!(page.len() <= limit);
        if page.is_empty() {
            return letters;
        }
        letters.extend(page);
    }
    panic!("paging does not end");
}

pub(super) async fn p38_what_cannot_be_decided_is_filtered_and_counted(fixture: &dyn Fixture) {
    let bench = Bench::with(
        fixture,
        Bounds {
            events_max: 10,
            ..Bounds::default()
        },
    )
    .await;
    let mut end = bench.subscribe("a", 1).await;
    let mut other = bench.subscribe("b", 2).await;
    bench.matcher.cannot_tell("b", SubscriptionKey(1));
    bench.matcher.cannot_tell("odd", SubscriptionKey(1));
    bench.matcher.cannot_tell("odd", SubscriptionKey(999));
    bench.append(events("a", 0..2)).await;
    bench.append(events("b", 0..3)).await;
    bench.append(events("odd", 0..4)).await;
    bench.append(events("nobody's", 0..1)).await;
    settle_all(bench.next_count(&mut end, 2).await);
    settle_all(bench.next_count(&mut other, 3).await);
    let told = |name| (bench.status(name).books, bench.status(name).undecided);
    let books = |delivered| Books {
        accepted: 10,
        filtered: 10 - delivered,
        delivered,
        ..Books::default()
    };
    bench.expect_books("a", books(2)).await;
    bench.expect_books("b", books(3)).await;
    assert_eq!((told("a").1, told("b").1), (7, 0));

    // What is not accepted is not counted.
    let channel = &bench.opened.channel;
    if fixture.capabilities().bounded {
        let refused = channel.append(events("b", 0..11), Admission::Ingress).await;
        assert!(refused.is_err());
        assert_eq!(told("a"), (books(2), 7));
    }
    let last = channel.delete("a").await.expect("there is one");
    assert_eq!(last.undecided, 7);
}
