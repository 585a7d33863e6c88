//! P39 and P40: what is retained, and handing it out once more.

use std::time::Duration;

use super::Fixture;
use super::support::{Bench, event, events, ids, settle_all};
use crate::{Books, Position, Replayed, SeekError, Start, SubscriptionKey};

const PAGES_MAX: usize = 20;

pub(super) async fn p39_what_is_retained_is_listed_in_pages(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let mut end = bench.subscribe("a", 1).await;
    let positions = bench.append(events("a", 0..7)).await;
    let out = bench.next_count(&mut end, 2).await;
    if fixture.capabilities().keeps_settled {
        settle_all(out);
    }
    let all: Vec<_> = (0..7).map(|id| id.to_string()).zip(positions).collect();
    for limit in [1, 3, 100] {
        assert_eq!(retained(&bench, Start::Earliest, limit).await, all);
        let behind = retained(&bench, Start::At(all[4].1), limit).await;
        assert_eq!(behind, all[4..]);
    }
    let later = bench.after(Duration::from_secs(60));
    for none in [Start::Latest, Start::Time(later)] {
        assert!(retained(&bench, none, 3).await.is_empty());
    }
}

async fn retained(bench: &Bench<'_>, from: Start, limit: usize) -> Vec<(String, Position)> {
    let mut from = from;
    let mut listed = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = bench.opened.channel.retained(from, limit).await;
        let page = page.expect("the store can be read");
        assert!(page.events.len() <= limit);
        let shown = page.events.iter();
        listed.extend(shown.map(|it| (it.event.id().to_owned(), it.position)));
        match page.next {
            Some(next) => from = Start::At(next),
            None => return listed,
        }
    }
    panic!("paging does not end");
}

pub(super) async fn p40_a_replayed_event_is_handed_out_once_more(fixture: &dyn Fixture) {
    let bench = Bench::new(fixture).await;
    let channel = &bench.opened.channel;
    let mut end = bench.subscribe("a", 1).await;
    // Somebody else leaves everything lying, so that a store that forgets what is settled has it.
    let _lying = bench.subscribe("b", 2).await;
    bench.matcher.want("a", SubscriptionKey(2));
    let positions = bench.append(events("a", 0..4)).await;
    settle_all(bench.next_count(&mut end, 3).await);
    let out = bench.one(&mut end).await;

    let replayed = channel.replay("a", &positions).await;
    let expected = Replayed {
        dealt_with: 4,
        given: 3,
        unfinished: 1,
        gone: 0,
        passed_over: vec![positions[3]],
    };
    assert_eq!(replayed, Ok(expected));
    let again = bench.next_count(&mut end, 3).await;
    assert_eq!(ids(&again), ["0", "1", "2"]);
    assert!(again.iter().all(|lease| lease.sends == 0));
    let books = |delivered, pending| Books {
        accepted: 4,
        replayed: 3,
        delivered,
        pending,
        ..Books::default()
    };
    bench.expect_books("a", books(3, 4)).await;
    settle_all(again);
    bench.expect_books("a", books(6, 1)).await;

    // The cursor stands where it stood.
    drop(out);
    assert_eq!(bench.one(&mut end).await.event.id(), "3");
    bench.append(vec![event("a", 4)]).await;

    let nobody = channel.replay("nobody", &positions).await;
    assert_eq!(nobody, Err(SeekError::Unknown("nobody".into())));
    let never = Position {
        offset: positions[3].offset + 1_000,
        ..positions[3]
    };
    let replayed = channel.replay("a", &[never]).await;
    let expected = Replayed {
        dealt_with: 1,
        gone: 1,
        passed_over: vec![never],
        ..Replayed::default()
    };
    assert_eq!(replayed, Ok(expected));
}
