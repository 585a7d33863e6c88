//! What has waited for longer than anything may (G6).

use std::time::Duration;

use sluicegate_channels::Channel as _;
use sluicegate_resources::RetryLimit;

use super::bench::{NAME, Reaction, Setup, target};
use crate::Purpose;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A retry count that takes far longer than the week that an event may be pending.
fn patient() -> Setup {
    Setup::new(|plan| {
        plan.delivery.limit = RetryLimit::Count(1_000_000);
        plan.pending_max = Some(7 * DAY);
    })
}

#[tokio::test(start_paused = true)]
async fn what_is_pending_for_a_week_is_parked_whatever_its_retries() {
    let bench = patient().start(|_| Reaction::Answer(500)).await;
    bench.post(&["1"]).await;
    bench.pass(7 * DAY - Duration::from_secs(1)).await;
    assert_eq!((bench.books().pending, bench.books().parked), (1, 0));
    // To the second, though its waits are ten minutes by now.
    let sends = bench.sent().len();
    bench.pass(Duration::from_secs(2)).await;
    assert_eq!((bench.books().pending, bench.books().parked), (0, 1));
    assert_eq!(bench.sent().len(), sends, "without another send");
    let letter = &bench.parked().await[0];
    assert_eq!(letter.reason.kind, "overdue");
    assert!(letter.reason.detail.contains("longer than P7D"));
    assert_eq!(letter.sends as usize, sends);
    assert_eq!(bench.heard().endings, ["1 parked overdue"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_overdue_goes_to_the_sink_where_there_is_one() {
    let mut setup = patient();
    setup.plan.dead_letter = Some(target("http://sink/dead"));
    let bench = setup
        .start(|sent| match sent.purpose {
            Purpose::Deliver => Reaction::Answer(500),
            Purpose::DeadLetter => Reaction::Answer(202),
        })
        .await;
    bench.post(&["1"]).await;
    bench.pass(7 * DAY + HOUR).await;
    assert_eq!(bench.books().dead_lettered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_backlog_that_a_slow_subscriber_never_gets_to_is_parked() {
    let mut setup = patient();
    setup.plan.in_flight_max = std::num::NonZeroU32::MIN;
    let bench = setup.start(|_| Reaction::After(DAY, 200)).await;
    let ids: Vec<String> = (0..100).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    bench.post(&ids).await;
    bench.pass(8 * DAY).await;
    let books = bench.books();
    assert!((7..=8).contains(&books.delivered), "{books:?}");
    assert_eq!(books.delivered + books.parked, 100, "{books:?}");
}

#[tokio::test(start_paused = true)]
async fn no_limit_means_none() {
    let mut setup = patient();
    setup.plan.pending_max = None;
    let bench = setup.start(|_| Reaction::Answer(500)).await;
    bench.post(&["1"]).await;
    bench.pass(30 * DAY).await;
    assert_eq!((bench.books().pending, bench.books().parked), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_a_trigger_is_not_served_does_not_count() {
    let bench = patient().start(|_| Reaction::Answer(500)).await;
    bench.post(&["1"]).await;
    bench.pass(DAY).await;
    // By a command, by its manifest, and by a subscriber that is not known for a while.
    bench.channel.pause(NAME, true).await;
    bench.pass(10 * DAY).await;
    bench.channel.pause(NAME, false).await;
    bench.pass(6 * DAY).await;
    bench.edit(|plan| plan.paused = true);
    bench.pass(10 * DAY).await;
    bench.edit(|plan| plan.paused = false);
    bench.pass(6 * DAY).await;
    bench.edit(|plan| plan.subscriber = None);
    bench.pass(10 * DAY).await;
    bench.edit(|plan| plan.subscriber = Some(target("http://billing/events")));
    bench.pass(7 * DAY - HOUR).await;
    assert_eq!((bench.books().pending, bench.books().parked), (1, 0));
    bench.pass(2 * HOUR).await;
    assert_eq!((bench.books().pending, bench.books().parked), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_looks_old_when_a_worker_begins_has_an_hour_to_be_delivered() {
    // As after a restart with a clock that was wrong before, or is now (G19).
    let mut setup = patient();
    setup.accepted_before_the_worker = (100, 10 * 365 * DAY);
    let down_for = HOUR - Duration::from_secs(700);
    let began = std::sync::OnceLock::new();
    let bench = setup
        .start(move |_| {
            let began = began.get_or_init(tokio::time::Instant::now);
            match began.elapsed() < down_for {
                true => Reaction::Answer(500),
                false => Reaction::Answer(200),
            }
        })
        .await;
    bench.pass(HOUR).await;
    let books = bench.books();
    assert_eq!((books.delivered, books.parked), (100, 0), "{books:?}");

    let mut setup = patient();
    setup.accepted_before_the_worker = (100, 10 * 365 * DAY);
    let bench = setup.start(|_| Reaction::Answer(500)).await;
    bench.pass(HOUR - Duration::from_secs(1)).await;
    assert_eq!(bench.books().parked, 0);
    bench.pass(Duration::from_secs(2)).await;
    assert_eq!(bench.books().parked, 100, "nothing of it is lost");
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_retries_by_age_leaves_the_same_hour() {
    let mut by_age = Setup::new(|plan| plan.delivery.limit = RetryLimit::Age(3 * DAY));
    by_age.accepted_before_the_worker = (100, 100 * DAY);
    let began = std::sync::OnceLock::new();
    let bench = by_age
        .start(move |_| {
            let began = began.get_or_init(tokio::time::Instant::now);
            match began.elapsed() < HOUR / 2 {
                true => Reaction::Answer(500),
                false => Reaction::Answer(200),
            }
        })
        .await;
    bench.pass(HOUR).await;
    let books = bench.books();
    assert_eq!((books.delivered, books.parked), (100, 0), "{books:?}");

    let mut by_age = Setup::new(|plan| plan.delivery.limit = RetryLimit::Age(3 * DAY));
    by_age.accepted_before_the_worker = (100, 100 * DAY);
    let bench = by_age.start(|_| Reaction::Answer(500)).await;
    bench.pass(HOUR - Duration::from_secs(1)).await;
    assert_eq!(bench.books().parked, 0);
    bench.pass(HOUR).await;
    assert_eq!(bench.books().parked, 100);
    assert_eq!(bench.parked().await[0].reason.kind, "exhausted");
}
