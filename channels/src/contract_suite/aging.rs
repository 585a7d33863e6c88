//! P41 and P42: from when the ages of events count, and dead letters that have lain for too long.

use std::time::Duration;

use super::Fixture;
use super::support::{Bench, MANY, events, ids, reason, spec};
use crate::{
    Books, DeadLetterKey, ParkedSince, Position, Start, SubscriptionKey, SubscriptionSpec,
};

/// Longer than a clock's grain.
const A_WHILE: Duration = Duration::from_millis(50);

pub(super) async fn p41_no_event_ages_while_nobody_could_have_had_it(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let channel = &bench.opened.channel;
    let mut end = bench.subscribe("a", 1).await;
    bench.append(events("a", 0..3)).await;
    let leases = bench.next_count(&mut end, 3).await;
    assert!(leases.iter().all(|it| it.age_since == it.accepted_at));
    drop(leases);
    tokio::time::sleep(A_WHILE).await;

    // Nothing was paused: the age goes on.
    channel.pause("a", false).await;
    let leases = bench.next_count(&mut end, 3).await;
    assert!(leases.iter().all(|it| it.age_since == it.accepted_at));
    drop(leases);

    channel.pause("a", true).await;
    tokio::time::sleep(A_WHILE).await;
    let resumed_at = bench.opened.clock.now();
    channel.pause("a", false).await;
    for lease in bench.next_count(&mut end, 3).await {
        assert!(lease.age_since >= resumed_at, "since it was resumed");
        assert!(lease.accepted_at < resumed_at);
    }

    tokio::time::sleep(A_WHILE).await;
    let began_at = bench.opened.clock.now();
    bench.matcher.want("a", SubscriptionKey(2));
    let from_the_first = SubscriptionSpec {
        start: Start::Earliest,
        ..spec("b", 2)
    };
    let mut late = bench.open_end(from_the_first).await;
    let leases = bench.next(&mut late, MANY).await;
    assert_eq!(ids(&leases)[0], "0");
    for lease in leases {
        assert!(lease.age_since >= began_at, "since it began");
        assert!(lease.accepted_at < began_at);
    }
}

pub(super) async fn p42_since_when_dead_letters_lie_is_listed_and_they_end_by_age(
    fixture: &dyn Fixture,
) {
    let bench = Bench::new(fixture).await;
    let channel = &bench.opened.channel;
    let mut end = bench.subscribe("a", 1).await;
    let positions = bench.append(events("a", 0..3)).await;
    // The last comes first, and the second again: its time goes on.
    let mut leases = bench.next_count(&mut end, 3).await;
    for which in [2, 1, 0] {
        let lease = leases.remove(which);
        let at_once = (which == 1).then(|| bench.opened.clock.now());
        let parked = lease.park(reason("loop"), 1, at_once).await;
        parked.expect("it is parked");
        tokio::time::sleep(A_WHILE).await;
    }
    let lying = |limit| in_pages(&bench, limit);
    let before = lying(100);
    let again = bench.one(&mut end).await;
    assert_eq!(again.position, positions[1]);
    again
        .park(reason("loop"), 1, None)
        .await
        .expect("it is parked");
    assert_eq!(lying(100), before);
    assert_eq!(lying(1), before);
    let listed: Vec<Position> = before.iter().map(|it| it.position).collect();
    assert_eq!(listed, positions);
    assert!(before[0].parked_at > before[1].parked_at);
    assert!(before[1].parked_at > before[2].parked_at);
    let letters = bench.dead_letters("a").await;
    assert!(
        letters
            .iter()
            .zip(&before)
            .all(|(it, at)| it.parked_at == at.parked_at)
    );
    assert!(channel.parked("nobody", None, 10).is_empty());

    let key = |which: usize| DeadLetterKey {
        subscription: "a".into(),
        position: positions[which],
    };
    assert_eq!(channel.discard_by_age(&key(1)).await, Ok(true));
    assert_eq!(channel.discard_by_age(&key(1)).await, Ok(false));
    assert_eq!(channel.discard(&key(0)).await, Ok(true));
    assert_eq!(lying(10), before[2..]);
    let books = Books {
        accepted: 3,
        parked: 1,
        discarded: 2,
        ..Books::default()
    };
    bench.expect_books("a", books).await;
    let mut by = bench.status("a").discarded_by;
    by.sort_unstable();
    assert_eq!(by, [("age", 1), ("operator", 1)]);
}

fn in_pages(bench: &Bench<'_>, limit: usize) -> Vec<ParkedSince> {
    let mut listed: Vec<ParkedSince> = Vec::new();
    loop {
        let after = listed.last().map(|it| it.position);
        let page = bench.opened.channel.parked("a", after, limit);
        assert!(page.len() <= limit);
        if page.is_empty() {
            return listed;
        }
        listed.extend(page);
    }
}
