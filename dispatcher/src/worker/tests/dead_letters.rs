//! Where an event goes that is given up on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluicegate_channels::Channel;
use sluicegate_resources::{BackoffPolicy, RetryLimit};

use super::bench::{Reaction, Setup, assert_waits, event, target};
use crate::{Plan, Purpose, Reason};

const HOUR: Duration = Duration::from_secs(3_600);

fn with_sink(plan: &mut Plan) {
    plan.delivery.limit = RetryLimit::Count(1);
    plan.dead_letter = Some(target("http://sink/dead"));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_the_event_and_says_where_and_why_it_died() {
    // RK-11, T10: the last answer counts, the data is raw and then encoded.
    let long = "x".repeat(2_000).leak();
    for (reaction, code, data) in [
        (
            Reaction::Body(422, "no such order"),
            "422",
            Some("no such order"),
        ),
        (Reaction::Answer(422), "422", None),
        (Reaction::Body(500, long), "500", long.get(..768)),
        (Reaction::Refuse, "500", Some("connection refused (send 2)")),
    ] {
        let bench = Setup::new(with_sink)
            .start(move |sent| match sent.purpose {
                Purpose::Deliver => reaction.clone(),
                Purpose::DeadLetter => Reaction::Answer(202),
            })
            .await;
        bench.post(&["a"]).await;
        bench.pass(HOUR).await;

        let dead = bench.sent_for(Purpose::DeadLetter);
        assert_eq!(dead.len(), 1, "exactly one dead letter for {code}");
        let dead = &dead[0];
        assert_eq!(dead.transmission.target, target("http://sink/dead"));
        assert_eq!((dead.id(), dead.attribute("type")), ("a", Some("order")));
        assert_eq!(
            dead.attribute("knativeerrordest"),
            Some("http://billing/events")
        );
        assert_eq!(dead.attribute("knativeerrorcode"), Some(code));
        let encoded = data.map(|data| STANDARD.encode(data));
        assert_eq!(dead.attribute("knativeerrordata"), encoded.as_deref());
        assert!(encoded.is_none_or(|encoded| encoded.len() <= 1_024));
        assert_eq!(bench.books().dead_lettered, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_without_a_sink_is_parked_and_stays() {
    let setup = Setup::new(|plan| plan.delivery.limit = RetryLimit::Count(1));
    let bench = setup.start(|_| Reaction::Body(500, "broken")).await;
    bench.post(&["a"]).await;
    bench.pass(24 * HOUR).await;
    assert_eq!(bench.sent().len(), 2);
    let parked = bench.parked().await;
    let letter = &parked[0];
    assert_eq!((parked.len(), letter.sends, letter.retry_at), (1, 2, None));
    assert_eq!(
        (letter.reason.kind, letter.reason.code),
        ("exhausted", Some(500))
    );
    assert_eq!(&*letter.reason.data, b"broken");
    assert_eq!(letter.reason.dest.as_deref(), Some("http://billing/events"));
    assert_eq!(bench.heard().endings, ["a parked exhausted"]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_down_is_tried_until_it_is_up_and_the_subscriber_is_left_alone() {
    // G7, CP-63.
    let is_up = Arc::new(AtomicBool::new(false));
    let sink_is_up = Arc::clone(&is_up);
    let bench = Setup::new(with_sink)
        .start(move |sent| match sent.purpose {
            Purpose::Deliver => Reaction::Body(500, "broken"),
            Purpose::DeadLetter if sink_is_up.load(Ordering::Relaxed) => Reaction::Answer(200),
            Purpose::DeadLetter => Reaction::Answer(404),
        })
        .await;
    bench.post(&["a"]).await;
    bench.pass(24 * HOUR).await;
    assert_eq!((bench.books().parked, bench.books().pending), (1, 0));
    let endings = bench.heard().endings.clone();
    assert_eq!(endings[0], "a parked exhausted");
    let others = &endings[1..];
    assert!(!others.is_empty() && others.iter().all(|it| it == "a parked exhausted again"));
    let tries = bench.sent_for(Purpose::DeadLetter);
    let (last, before) = (&tries[tries.len() - 1], &tries[tries.len() - 2]);
    let wait = last.at - before.at;
    assert!(
        wait >= Duration::from_secs(600) && wait <= Duration::from_secs(661),
        "{wait:?}"
    );
    // Doubling from 1 s to 600 s takes ten tries; after that, one in ten minutes.
    assert!((140..170).contains(&tries.len()), "{} tries", tries.len());

    is_up.store(true, Ordering::Relaxed);
    bench.pass(HOUR).await;
    assert_eq!((bench.books().dead_lettered, bench.books().parked), (1, 0));
    assert_eq!(bench.sent_for(Purpose::Deliver).len(), 2);
    let delivered = bench.sent_for(Purpose::DeadLetter);
    let last = delivered.last().unwrap();
    assert_eq!(
        last.attribute("knativeerrordata"),
        Some(&*STANDARD.encode("broken"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_taken_away_leaves_its_letters_parked() {
    let bench = Setup::new(with_sink).start(|_| Reaction::Answer(500)).await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    bench.edit(|plan| plan.dead_letter = None);
    bench.pass(HOUR).await;
    let sends = bench.sent().len();
    bench.pass(24 * HOUR).await;
    assert_eq!(bench.sent().len(), sends);
    let parked = bench.parked().await;
    assert_eq!((parked.len(), parked[0].retry_at), (1, None));
    assert_eq!(parked[0].reason.kind, "exhausted");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_reaches_the_sink_without_a_retry() {
    let bench = Setup::new(with_sink)
        .start(|sent| match sent.purpose {
            Purpose::Deliver => Reaction::Answer(403),
            Purpose::DeadLetter => Reaction::Answer(200),
        })
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!(bench.sent().len(), 2);
    assert_eq!(bench.heard().endings, ["a dead-lettered refused"]);
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_sink_is_no_reply() {
    let bench = Setup::new(with_sink)
        .start(|sent| match sent.purpose {
            Purpose::Deliver => Reaction::Answer(403),
            Purpose::DeadLetter => Reaction::Reply(200, vec![event("r", "order.reply")]),
        })
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!(
        (bench.books().accepted, bench.books().dead_lettered),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_loop_found_by_another_broker_is_parked_and_not_sent_on() {
    let bench = Setup::new(with_sink).start(|_| Reaction::Loop).await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    assert_eq!(bench.sent().len(), 1);
    assert_eq!(bench.parked().await[0].reason.kind, "loop");
    assert_eq!(bench.heard().attempts[0].1, Reason::Loop);
}

#[tokio::test(start_paused = true)]
async fn a_redriven_letter_is_delivered_with_a_fresh_count() {
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let setup = Setup::new(|plan| plan.delivery.limit = RetryLimit::Count(1));
    let bench = setup
        .start(move |_| match mended.load(Ordering::Relaxed) {
            true => Reaction::Answer(200),
            false => Reaction::Answer(500),
        })
        .await;
    bench.post(&["a"]).await;
    bench.pass(HOUR).await;
    is_mended.store(true, Ordering::Relaxed);
    let key = bench.parked().await[0].key.clone();
    assert_eq!(bench.channel.redrive(&key).await, Ok(true));
    bench.pass(HOUR).await;
    let numbers: Vec<_> = bench
        .sent()
        .iter()
        .map(|sent| sent.transmission.attempt)
        .collect();
    assert_eq!(numbers, [1, 2, 1]);
    assert_eq!(bench.books().delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_sink_is_never_hammered_whatever_the_backoff() {
    let second = Duration::from_secs(1);
    for (policy, delay, max, waits_ms) in [
        (
            BackoffPolicy::Linear,
            Duration::ZERO,
            HOUR,
            [1_000, 2_000, 4_000, 8_000],
        ),
        (
            BackoffPolicy::Exponential,
            3 * second,
            7 * second,
            [3_000, 6_000, 7_000, 7_000],
        ),
        (
            BackoffPolicy::Linear,
            second / 100,
            second / 100,
            [1_000, 1_000, 1_000, 1_000],
        ),
        (
            BackoffPolicy::Linear,
            HOUR,
            HOUR,
            [600_000, 600_000, 600_000, 600_000],
        ),
    ] {
        let setup = Setup::new(|plan| {
            with_sink(plan);
            plan.delivery.limit = RetryLimit::Count(0);
            plan.delivery.backoff_policy = policy;
            plan.delivery.backoff_delay = delay;
            plan.delivery.backoff_max = max;
        });
        let bench = setup.start(|_| Reaction::Answer(500)).await;
        bench.post(&["a"]).await;
        bench.pass(HOUR).await;
        let tries = bench.sent_for(Purpose::DeadLetter);
        assert_waits(&tries[..5], &waits_ms);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_finds_a_loop_is_not_tried_again() {
    let setup = Setup::new(with_sink);
    let bench = setup
        .start(|sent| match sent.purpose {
            Purpose::Deliver => Reaction::Answer(403),
            Purpose::DeadLetter => Reaction::Loop,
        })
        .await;
    bench.post(&["a"]).await;
    bench.pass(24 * HOUR).await;
    assert_eq!(bench.sent_for(Purpose::DeadLetter).len(), 1);
    let letter = &bench.parked().await[0];
    assert_eq!((letter.reason.kind, letter.retry_at), ("loop", None));
    assert!(letter.reason.detail.contains("refused"), "{letter:?}");
    assert_eq!(letter.reason.dest.as_deref(), Some("http://sink/dead"));
}

#[tokio::test(start_paused = true)]
async fn the_age_of_a_redriven_letter_counts_from_then() {
    let setup = Setup::new(|plan| plan.delivery.limit = RetryLimit::Age(72 * HOUR));
    let bench = setup.start(|_| Reaction::Answer(500)).await;
    bench.post(&["a"]).await;
    bench.pass(80 * HOUR).await;
    let sends = bench.sent().len();
    let key = bench.parked().await[0].key.clone();
    assert_eq!(bench.channel.redrive(&key).await, Ok(true));
    bench.pass(70 * HOUR).await;
    assert!(bench.parked().await.is_empty(), "it has a whole schedule");
    bench.pass(10 * HOUR).await;
    assert_eq!(bench.parked().await.len(), 1);
    assert!(bench.sent().len() > sends + sends / 2);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_added_gets_what_lies_parked() {
    let setup = Setup::new(|plan| plan.delivery.limit = RetryLimit::Count(0));
    let bench = setup
        .start(|sent| match sent.purpose {
            Purpose::Deliver => Reaction::Answer(500),
            Purpose::DeadLetter => Reaction::Answer(202),
        })
        .await;
    bench.post(&["a", "b"]).await;
    bench.pass(HOUR).await;
    assert_eq!(bench.books().parked, 2);
    bench.edit(with_sink);
    let hand_over = sluicegate_channels::Exhausted::HandOver;
    bench
        .channel
        .set_exhausted(super::bench::NAME, hand_over)
        .await;
    bench.pass(HOUR).await;
    assert_eq!((bench.books().dead_lettered, bench.books().parked), (2, 0));
    assert_eq!(bench.sent_for(Purpose::DeadLetter).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_sink_is_that_of_the_plan_when_an_event_is_given_up_on() {
    for before in [None, Some("http://old/")] {
        let setup = Setup::new(|plan| {
            plan.delivery.limit = RetryLimit::Count(0);
            plan.dead_letter = before.map(target);
        });
        let bench = setup
            .start(|sent| match sent.purpose {
                Purpose::Deliver => Reaction::After(Duration::from_secs(2), 500),
                Purpose::DeadLetter => Reaction::Answer(202),
            })
            .await;
        bench.post(&["a"]).await;
        bench.pass(Duration::from_secs(1)).await;
        bench.edit(|plan| plan.dead_letter = Some(target("http://new/")));
        bench.pass(Duration::from_secs(2)).await;
        let dead = bench.sent_for(Purpose::DeadLetter);
        assert_eq!(dead.len(), 1, "{before:?}");
        assert_eq!(dead[0].transmission.target, target("http://new/"));
        assert_eq!(bench.books().dead_lettered, 1);
    }
}
