//! How many events are worked on at a time.

use std::time::Duration;

use sluicegate_resources::RetryLimit;

use super::bench::{Bench, Reaction, Setup, target};
use crate::Purpose;

const HOUR: Duration = Duration::from_secs(3_600);

async fn post_many(bench: &Bench, count: usize) {
    let ids: Vec<_> = (0..count).map(|n| n.to_string()).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    bench.post(&ids).await;
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_a_time_than_the_window_allows_and_no_fewer() {
    for window in [1, 3, 64] {
        let setup = Setup::new(|plan| plan.in_flight_max = window.try_into().unwrap());
        let bench = setup
            .start(|_| Reaction::After(Duration::from_millis(10), 200))
            .await;
        post_many(&bench, 300).await;
        bench.pass(HOUR).await;
        assert_eq!(bench.books().delivered, 300);
        let most = u32::try_from(bench.running().1).unwrap();
        assert_eq!(most, window);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_a_time_than_the_bytes_allow_but_always_one() {
    for (events_worth, expected) in [(0, 1), (1, 1), (5, 5)] {
        let mut setup = Setup::new(|_| {});
        setup.in_flight_bytes_max = events_worth * super::bench::event("0", "order").size_bytes();
        let bench = setup
            .start(|_| Reaction::After(Duration::from_millis(10), 200))
            .await;
        post_many(&bench, 10).await;
        bench.pass(HOUR).await;
        assert_eq!(bench.books().delivered, 10);
        assert_eq!(
            bench.running().1,
            expected,
            "room for {events_worth} events"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_that_hang_hold_their_own_places_only() {
    // G10: three of four places hang for ever; everything else goes through the fourth.
    let setup = Setup::new(|plan| plan.in_flight_max = 4.try_into().unwrap());
    let bench = setup
        .start(|sent| match sent.event.id() {
            "0" | "1" | "2" => Reaction::Hang,
            _ => Reaction::Answer(200),
        })
        .await;
    post_many(&bench, 100).await;
    bench.pass(Duration::from_secs(1)).await;
    assert_eq!((bench.books().delivered, bench.running().0), (97, 3));
}

#[tokio::test(start_paused = true)]
async fn an_edit_widens_and_narrows_the_window() {
    let setup = Setup::new(|plan| plan.in_flight_max = 2.try_into().unwrap());
    let second = Duration::from_secs(1);
    let bench = setup.start(move |_| Reaction::After(second, 200)).await;
    post_many(&bench, 100).await;
    bench.pass(second / 2).await;
    assert_eq!(bench.running().0, 2);

    bench.edit(|plan| plan.in_flight_max = 10.try_into().unwrap());
    bench.pass(second / 10).await;
    assert_eq!(bench.running().0, 10);

    bench.edit(|plan| plan.in_flight_max = 1.try_into().unwrap());
    bench.pass(second * 2).await;
    assert_eq!(bench.running().0, 1);
    bench.pass(HOUR).await;
    assert_eq!(bench.books().delivered, 100);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_holds_a_quarter_of_the_window_and_delays_no_delivery() {
    for (window, share) in [(2, 1), (8, 2), (64, 16)] {
        let setup = Setup::new(|plan| {
            plan.in_flight_max = window.try_into().unwrap();
            plan.delivery.limit = RetryLimit::Count(0);
            plan.dead_letter = Some(target("http://sink/dead"));
        });
        let bench = setup
            .start(|sent| match (sent.purpose, sent.event.id()) {
                (Purpose::DeadLetter, _) => Reaction::Hang,
                (Purpose::Deliver, id) if id.parse::<u32>().unwrap() < 1_000 => {
                    Reaction::Answer(500)
                }
                (Purpose::Deliver, _) => Reaction::After(Duration::from_millis(10), 200),
            })
            .await;
        post_many(&bench, 1_200).await;
        bench.pass(Duration::from_secs(10)).await;
        assert_eq!(bench.books().delivered, 200, "a window of {window}");
        let at_the_sink = bench.sent_for(Purpose::DeadLetter);
        assert_eq!(at_the_sink.len(), share, "a window of {window}");
        assert_eq!(bench.books().dead_lettered, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_place_at_a_slow_sink_gets_there_in_its_turn() {
    let setup = Setup::new(|plan| {
        plan.in_flight_max = 8.try_into().unwrap();
        plan.delivery.limit = RetryLimit::Count(0);
        plan.dead_letter = Some(target("http://sink/dead"));
    });
    let bench = setup
        .start(|sent| match sent.purpose {
            Purpose::Deliver => Reaction::Answer(500),
            Purpose::DeadLetter => Reaction::After(Duration::from_secs(1), 202),
        })
        .await;
    post_many(&bench, 100).await;
    bench.pass(Duration::from_secs(60)).await;
    assert_eq!(
        (bench.books().dead_lettered, bench.books().parked),
        (100, 0)
    );
    assert_eq!(bench.sent_for(Purpose::DeadLetter).len(), 100);
}
