//! When an event is sent again, and when not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sluicegate_channels::Timestamp;
use sluicegate_resources::{BackoffPolicy, RetryLimit};

use super::bench::{Reaction, Setup, assert_waits, target};
use crate::{Reason, RetryAfter};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn an_event_that_is_taken_is_sent_once_and_settled() {
    let bench = Setup::new(|_| {}).start(|_| Reaction::Answer(200)).await;
    bench.post(&["a", "b"]).await;
    bench.pass(HOUR).await;
    assert_eq!(bench.sent().len(), 2);
    assert_eq!(bench.books().delivered, 2);
    assert_eq!(bench.heard().endings, ["a delivered", "b delivered"]);
}

#[tokio::test(start_paused = true)]
async fn retries_keep_to_their_schedule_and_end_with_their_count() {
    // CP-57, G5, T1, T2.
    for (policy, waits_ms) in [
        (BackoffPolicy::Exponential, [200, 400, 800, 1_600]),
        (BackoffPolicy::Linear, [200, 400, 600, 800]),
    ] {
        let setup = Setup::new(|plan| {
            plan.delivery.limit = RetryLimit::Count(4);
            plan.delivery.backoff_policy = policy;
        });
        let bench = setup.start(|_| Reaction::Answer(500)).await;
        bench.post(&["a"]).await;
        bench.pass(HOUR).await;
        assert_waits(&bench.sent(), &waits_ms);
        let numbers: Vec<_> = bench
            .sent()
            .iter()
            .map(|sent| sent.transmission.attempt)
            .collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        assert_eq!(bench.parked().await[0].reason.kind, "exhausted");
    }
}

#[tokio::test(start_paused = true)]
async fn no_retry_means_one_send() {
    let setup = Setup::new(|plan| plan.delivery.limit = RetryLimit::Count(0));
    let bench = setup.start(|_| Reaction::Answer(503)).await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!(bench.sent().len(), 1);
    assert_eq!(bench.books().parked, 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_retried_until_it_is_too_old() {
    let setup = Setup::new(|plan| {
        plan.delivery.limit = RetryLimit::Age(Duration::from_secs(100));
        plan.delivery.backoff_delay = Duration::from_secs(1);
        plan.delivery.backoff_max = Duration::from_secs(10);
    });
    let bench = setup.start(|_| Reaction::Refuse).await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    let last = bench.sent().last().unwrap().at;
    assert!(
        last >= Duration::from_secs(100) && last <= Duration::from_secs(111),
        "{last:?}"
    );
    assert_eq!(bench.parked().await[0].reason.kind, "exhausted");
}

#[tokio::test(start_paused = true)]
async fn what_the_table_refuses_is_not_sent_again() {
    for status in [100, 199, 300, 301, 308, 400, 401, 403, 410, 422, 499] {
        let bench = Setup::new(|_| {})
            .start(move |_| Reaction::Answer(status))
            .await;
        bench.post(&["a"]).await;
        bench.pass(HOUR).await;
        assert_eq!(bench.sent().len(), 1, "status {status}");
        let parked = bench.parked().await;
        assert_eq!(
            (parked[0].reason.kind, parked[0].reason.code),
            ("refused", Some(status))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_costs_nothing_but_time() {
    // RK-10.
    let bench = Setup::new(|_| {})
        .start(|sent| match sent.attempt {
            1 => Reaction::Refuse,
            2 => Reaction::Answer(429),
            _ => Reaction::Answer(204),
        })
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!(bench.books().delivered, 1);
    let heard: Vec<_> = bench
        .heard()
        .attempts
        .iter()
        .map(|a| (a.0, a.1, a.2, a.3.is_some()))
        .collect();
    assert_eq!(
        heard,
        [
            (1, Reason::Refused, None, true),
            (2, Reason::Http, Some(429), true),
            (3, Reason::Ok, Some(204), false),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_lengthens_a_wait_and_never_shortens_it() {
    // RK-17, S6.
    let seconds = |seconds| RetryAfter::In(Duration::from_secs(seconds));
    let clock_began_ms = 1_700_000_000_000;
    for (status, asked, max_s, expected_ms) in [
        (503, seconds(5), 600, 5_000),
        (429, seconds(5), 600, 5_000),
        (503, seconds(0), 600, 1_000),
        (503, seconds(1_000_000_000), 600, 600_000),
        (503, seconds(u64::MAX), 600, 600_000),
        (503, seconds(5), 0, 1_000),
        (503, seconds(5), 2, 2_000),
        (500, seconds(5), 600, 1_000),
        (503, RetryAfter::At(Timestamp(0)), 600, 1_000),
        (
            503,
            RetryAfter::At(Timestamp(clock_began_ms + 7_000)),
            600,
            7_000,
        ),
        (503, RetryAfter::At(Timestamp(u64::MAX)), 600, 600_000),
    ] {
        let setup = Setup::new(|plan| {
            plan.delivery.backoff_delay = Duration::from_secs(1);
            plan.delivery.retry_after_max = Duration::from_secs(max_s);
        });
        let bench = setup
            .start(move |sent| match sent.attempt {
                1 => Reaction::Busy(status, asked),
                _ => Reaction::Answer(200),
            })
            .await;
        bench.post(&["a"]).await;
        bench.pass(HOUR).await;
        assert_waits(&bench.sent(), &[expected_ms]);
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_zero_is_no_hot_loop_even_without_a_delay() {
    let setup = Setup::new(|plan| {
        plan.delivery.limit = RetryLimit::Age(HOUR);
        plan.delivery.backoff_delay = Duration::ZERO;
    });
    let bench = setup
        .start(|_| Reaction::Busy(503, RetryAfter::In(Duration::ZERO)))
        .await;
    bench.post(&["a"]).await;
    bench.pass(Duration::from_secs(60)).await;
    assert!(bench.sent().len() <= 60, "{} sends", bench.sent().len());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_event_holds_no_place_in_the_window() {
    // Three kinds of waiting are kept apart: 1,000 that always fail, one healthy behind them.
    let setup = Setup::new(|plan| {
        plan.delivery.limit = RetryLimit::Age(72 * HOUR);
        plan.in_flight_max = 4.try_into().unwrap();
    });
    let bench = setup
        .start(|sent| match sent.event.id() {
            "healthy" => Reaction::Answer(200),
            _ => Reaction::After(Duration::from_millis(1), 500),
        })
        .await;
    let poison: Vec<_> = (0..1_000).map(|n| format!("poison-{n}")).collect();
    let poison: Vec<_> = poison.iter().map(String::as_str).collect();
    bench.post(&poison).await;
    bench.post(&["healthy"]).await;
    bench.pass(Duration::from_secs(3)).await;
    assert_eq!(bench.books().delivered, 1);
    assert_eq!(bench.books().pending, 1_000);
}

#[tokio::test(start_paused = true)]
async fn an_edit_counts_from_the_next_attempt_on() {
    let setup = Setup::new(|plan| plan.delivery.backoff_delay = Duration::from_secs(10));
    let bench = setup
        .start(|sent| match sent.target.uri.host() {
            Some("mended") => Reaction::Answer(200),
            _ => Reaction::Answer(500),
        })
        .await;
    bench.post(&["a"]).await;
    bench.pass(Duration::from_secs(5)).await;
    bench.edit(|plan| plan.subscriber = Some(target("http://mended/")));
    bench.pass(HOUR).await;
    let hosts: Vec<_> = bench
        .sent()
        .iter()
        .map(|sent| sent.transmission.target.uri.host().unwrap().to_owned())
        .collect();
    assert_eq!(hosts, ["billing", "mended"]);
    assert_waits(&bench.sent(), &[10_000]);
    assert_eq!(bench.books().delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_attempted_while_the_subscriber_is_unresolved() {
    let bench = Setup::new(|plan| plan.subscriber = None)
        .start(|_| Reaction::Answer(200))
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!((bench.sent().len(), bench.books().pending), (0, 1));
    bench.edit(|plan| plan.subscriber = Some(target("http://billing/")));
    bench.pass(Duration::from_secs(1)).await;
    assert_eq!(bench.books().delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_paused_plan_takes_nothing_and_lets_what_it_sends_end() {
    let bench = Setup::new(|_| {})
        .start(|_| Reaction::After(Duration::from_secs(2), 200))
        .await;
    bench.post(&["a"]).await;
    bench.pass(Duration::from_secs(1)).await;
    bench.edit(|plan| plan.paused = true);
    bench.post(&["b"]).await;
    bench.pass(HOUR).await;
    assert_eq!((bench.sent().len(), bench.books().delivered), (1, 1));
    bench.edit(|plan| plan.paused = false);
    bench.pass(Duration::from_secs(3)).await;
    assert_eq!((bench.books().delivered, bench.books().pending), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_panics_three_times_is_parked_and_harms_no_other() {
    // G17.
    let setup = Setup::new(|plan| {
        plan.delivery.limit = RetryLimit::Count(10);
        plan.dead_letter = Some(target("http://sink/"));
    });
    let bench = setup
        .start(|sent| match sent.event.id() {
            "poison" => Reaction::Panic,
            _ => Reaction::Answer(200),
        })
        .await;
    bench.post(&["a", "poison", "b"]).await;
    bench.pass(HOUR).await;
    assert!(bench.is_working());
    assert_eq!(bench.sends_by_id()["poison"], 3);
    let parked = bench.parked().await;
    assert_eq!((parked.len(), parked[0].reason.kind), (1, "poison"));
    assert_eq!((bench.books().delivered, bench.books().parked), (2, 1));
    bench.post(&["c"]).await;
    bench.pass(HOUR).await;
    assert_eq!(bench.books().delivered, 3);
}

#[tokio::test(start_paused = true)]
async fn one_panic_is_a_failed_attempt() {
    let panics = AtomicU32::new(0);
    let bench = Setup::new(|_| {})
        .start(move |_| match panics.fetch_add(1, Ordering::Relaxed) {
            0 => Reaction::Panic,
            _ => Reaction::Answer(200),
        })
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_waits(&bench.sent(), &[200]);
    assert_eq!(bench.books().delivered, 1);
    assert_eq!(bench.heard().attempts[0].1, Reason::Panic);
}
