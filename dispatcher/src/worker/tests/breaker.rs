//! A subscriber that is down, and its return (G6, S3).

use std::time::Duration;

use sluicegate_resources::RetryLimit;

use super::bench::{Bench, Reaction, Sent, Setup, target};
use crate::Purpose;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The default policy of a trigger without a dead-letter sink.
fn by_age() -> Setup {
    Setup::new(|plan| {
        plan.delivery.limit = RetryLimit::Age(72 * HOUR);
        plan.delivery.backoff_delay = Duration::from_secs(1);
    })
}

async fn post_many(bench: &Bench, count: usize) {
    let ids: Vec<_> = (0..count).map(|n| n.to_string()).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    bench.post(&ids).await;
}

/// Down in one of its ways until `until`, then up, taking 10 ms for each event.
fn down_until(
    until: Duration,
    down: Reaction,
) -> impl Fn(&crate::Transmission) -> Reaction + Send + Sync {
    let began = tokio::time::Instant::now();
    move |_| match began.elapsed() < until {
        true => down.clone(),
        false => Reaction::After(Duration::from_millis(10), 200),
    }
}

fn after(sent: &[Sent], at: Duration) -> Vec<Duration> {
    let after = sent.iter().filter(|sent| sent.at >= at);
    after.map(|sent| sent.at - at).collect()
}

#[tokio::test(start_paused = true)]
async fn a_day_of_absence_costs_a_probe_every_thirty_seconds_and_no_event() {
    let timeout = Reaction::Fail(crate::Reason::Timeout);
    for down in [Reaction::Refuse, Reaction::Answer(503), timeout] {
        let bench = by_age().start(down_until(DAY, down.clone())).await;
        post_many(&bench, 1_000).await;
        bench.pass(DAY).await;
        let probes = bench.sent().len();
        assert!((2_600..=2_880 + 80).contains(&probes), "{probes} {down:?}");
        assert_eq!((bench.books().pending, bench.books().parked), (1_000, 0));

        bench.pass(2 * MINUTE).await;
        assert_eq!(bench.books().delivered, 1_000, "{down:?}");
        let returned = after(&bench.sent(), DAY);
        assert!(returned[0] <= MINUTE, "{:?}", returned[0]);
        assert_eq!(bench.heard().breaker, ["opened", "closed"]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_returns_is_met_by_one_then_two_then_four() {
    let bench = by_age().start(down_until(HOUR, Reaction::Refuse)).await;
    post_many(&bench, 1_000).await;
    bench.pass(HOUR + 2 * MINUTE).await;
    let returned = after(&bench.sent(), HOUR);
    // Each answer takes 10 ms and each step of the ramp as long: the sends of a step begin together.
    let steps: Vec<usize> = returned
        .chunk_by(|one, next| *next - *one < Duration::from_millis(5))
        .map(<[Duration]>::len)
        .collect();
    assert_eq!(steps[..8], [1, 1, 2, 4, 8, 16, 32, 64]);
    assert_eq!(bench.books().delivered, 1_000);
}

#[tokio::test(start_paused = true)]
async fn there_is_always_an_event_to_probe_with() {
    // Ten events only, whose own waits would be ten minutes by the time of the return.
    let bench = by_age().start(down_until(DAY, Reaction::Refuse)).await;
    post_many(&bench, 10).await;
    bench.pass(DAY).await;
    let sent = bench.sent();
    // Past the first minute, in which the ten of them opened it.
    let probes = sent.iter().filter(|sent| sent.at > MINUTE);
    let probes: Vec<Duration> = probes.map(|sent| sent.at).collect();
    let longest = probes.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest <= Some(Duration::from_secs(34)), "{longest:?}");
    // Each says when the next is due, and none comes before.
    let probed = bench.heard().probed.clone();
    assert!(probed.len() >= probes.len(), "{} told", probed.len());
    let mut pairs = probed.windows(2);
    assert!(pairs.all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
    bench.pass(MINUTE).await;
    assert!(bench.books().delivered >= 1);
    bench.pass(11 * MINUTE).await;
    assert_eq!(bench.books().delivered, 10);
}

#[tokio::test(start_paused = true)]
async fn probes_that_hang_take_no_place_of_the_ramp() {
    let began = tokio::time::Instant::now();
    let bench = by_age()
        .start(move |_| match began.elapsed() {
            past if past < MINUTE => Reaction::Refuse,
            past if past < 10 * MINUTE => Reaction::Hang,
            _ => Reaction::After(Duration::from_millis(10), 200),
        })
        .await;
    post_many(&bench, 500).await;
    bench.pass(10 * MINUTE).await;
    let hanging = bench.running().0;
    assert!((15..=20).contains(&hanging), "{hanging}");
    bench.pass(2 * MINUTE).await;
    assert_eq!(bench.running().0, hanging);
    assert_eq!(bench.books().delivered, 500 - hanging as u64);
}

#[tokio::test(start_paused = true)]
async fn age_goes_on_counting_and_what_is_too_old_is_parked_without_a_send() {
    let bench = by_age()
        .start(down_until(80 * HOUR, Reaction::Refuse))
        .await;
    post_many(&bench, 1_000).await;
    bench.pass(72 * HOUR - MINUTE).await;
    assert_eq!(bench.books().parked, 0);
    bench.pass(12 * MINUTE).await;
    let sent = bench.sent().len();
    assert_eq!(bench.books().parked, 1_000);
    assert!(sent <= 72 * 120 + 80, "{sent}");
    let parked = bench.parked().await;
    assert_eq!(parked[0].reason.kind, "exhausted");
    let sends = bench.sends_by_id();
    for letter in &parked {
        assert_eq!(letter.sends as usize, sends[letter.event.id()]);
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_are_refused_by_any_other_answer_never_open_it() {
    for status in [500, 429, 404, 502, 504] {
        let bench = by_age().start(move |_| Reaction::Answer(status)).await;
        post_many(&bench, 100).await;
        bench.pass(HOUR).await;
        assert!(bench.heard().breaker.is_empty(), "{status}");
    }
    // Nine events without an answer, however often they are tried.
    let bench = by_age().start(|_| Reaction::Refuse).await;
    post_many(&bench, 9).await;
    bench.pass(HOUR).await;
    assert!(bench.heard().breaker.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_retry_count_is_law_and_its_events_reach_the_sink_on_time() {
    let setup = Setup::new(|plan| {
        plan.delivery.limit = RetryLimit::Count(5);
        plan.dead_letter = Some(target("http://sink/dead"));
    });
    let bench = setup
        .start(|sent| match sent.purpose {
            Purpose::Deliver => Reaction::Refuse,
            Purpose::DeadLetter => Reaction::Answer(202),
        })
        .await;
    post_many(&bench, 1_000).await;
    // 0.2 s doubling five times is 6.2 s.
    bench.pass(2 * Duration::from_millis(6_200) + MINUTE).await;
    assert_eq!(bench.books().dead_lettered, 1_000);
    assert_eq!(bench.sent_for(Purpose::Deliver).len(), 6_000);
    assert!(bench.heard().breaker.is_empty());
}

#[tokio::test(start_paused = true)]
async fn retry_after_of_a_probe_is_honoured() {
    let asked = crate::RetryAfter::In(5 * MINUTE);
    let bench = by_age().start(move |_| Reaction::Busy(503, asked)).await;
    post_many(&bench, 10).await;
    bench.pass(5 * MINUTE - Duration::from_secs(1)).await;
    assert_eq!(bench.sent().len(), 10);
    bench.pass(MINUTE).await;
    assert!(bench.sent().len() > 10);
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_the_subscriber_begins_with_a_closed_breaker() {
    let bench = by_age()
        .start(|sent| match sent.target.uri.host() {
            Some("mended") => Reaction::Answer(200),
            _ => Reaction::Refuse,
        })
        .await;
    post_many(&bench, 200).await;
    bench.pass(Duration::from_secs(5)).await;
    assert_eq!(bench.heard().breaker, ["opened"]);
    bench.edit(|plan| plan.subscriber = Some(target("http://mended/")));
    bench.pass(Duration::from_secs(40)).await;
    assert_eq!(bench.books().delivered, 200);
    assert_eq!(bench.heard().breaker, ["opened", "replaced"]);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_is_no_other_trigger_s_business() {
    // The same destination, and another answer for each.
    let down = by_age().start(|_| Reaction::Refuse).await;
    let up = by_age().start(|_| Reaction::Answer(200)).await;
    post_many(&down, 100).await;
    down.pass(Duration::from_secs(5)).await;
    assert_eq!(down.heard().breaker, ["opened"]);
    post_many(&up, 1_000).await;
    up.pass(Duration::from_secs(1)).await;
    assert_eq!(up.books().delivered, 1_000);
    assert!(up.heard().breaker.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_flaps_is_sent_little_while_it_is_down() {
    // S12: five seconds up, five down.
    let began = tokio::time::Instant::now();
    let is_up = |at: Duration| at.as_secs() / 5 % 2 == 1;
    let bench = by_age()
        .start(move |_| match is_up(began.elapsed()) {
            true => Reaction::After(Duration::from_millis(100), 200),
            false => Reaction::After(Duration::from_millis(100), 503),
        })
        .await;
    post_many(&bench, 9_000).await;
    bench.pass(10 * MINUTE).await;
    let sent = bench.sent();
    let in_vain = sent.iter().filter(|sent| !is_up(sent.at)).count();
    // 60 times down: each time at most a window and ten more, most times a probe or none.
    assert!(in_vain <= 60 * 74, "{in_vain}");
    assert!(bench.books().delivered > 1_000, "{:?}", bench.books());
}
