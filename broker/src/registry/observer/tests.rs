use std::time::UNIX_EPOCH;

use sluicegate_channels::Position;
use sluicegate_dispatcher::Target;

use super::*;
use crate::api::{DeliveringState, WatchedTrigger};
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::watch_list::Judged;

/// An observer of `shop/a`, and a watch on an event.
struct Bench {
    observer: TriggerObserver,
    watches: Arc<WatchList>,
    token: String,
    event: Event,
    target: Target,
}

impl Bench {
    fn new() -> Self {
        let clock = Clock::anchored_at(UNIX_EPOCH + Duration::from_secs(1_000));
        let metrics = Metrics::new(Arc::new(Registry::new(clock)));
        let watches = Arc::new(WatchList::new(clock));
        let trigger = ObjectName {
            namespace: "shop".to_owned(),
            name: "a".to_owned(),
        };
        let handles = metrics.delivery.handles(&trigger);
        let token = watches.begin("1".to_owned(), "/test".to_owned());
        let event = Event::builder("1", "/test", "t").build().unwrap();
        let judged = Judged {
            triggers_total: 1,
            wanted: vec![(trigger.clone(), None)],
            ..Judged::default()
        };
        watches.accepted(&event, &trigger, judged);
        Bench {
            observer: TriggerObserver::new(
                trigger,
                "orders".to_owned(),
                handles,
                Arc::clone(&watches),
                clock,
                None,
            ),
            watches,
            token,
            event,
            target: Target {
                uri: "http://a/".parse().unwrap(),
            },
        }
    }

    fn attempt(&self, purpose: Purpose, status: u16, next: Option<Duration>) {
        let reason = match status {
            200..=299 => Reason::Ok,
            _ => Reason::Http,
        };
        self.attempt_for(purpose, status, reason, next);
    }

    fn attempt_for(&self, purpose: Purpose, status: u16, reason: Reason, next: Option<Duration>) {
        let report = AttemptReport {
            position: POSITION,
            purpose,
            target: &self.target,
            attempt: 1,
            status: Some(status),
            reason,
            detail: "",
            duration: Duration::from_millis(5),
            next,
        };
        self.observer.attempt_ended(&self.event, &report);
    }

    fn watched(&self) -> WatchedTrigger {
        self.watches.report(&self.token).unwrap().triggers[0].clone()
    }
}

const POSITION: Position = Position {
    partition: 0,
    offset: 0,
};

const SOON: Option<Duration> = Some(Duration::from_secs(2));

#[tokio::test(start_paused = true)]
async fn only_a_failure_that_another_attempt_follows_is_retried() {
    let bench = Bench::new();
    bench.attempt(Purpose::Deliver, 503, None);
    assert_eq!(bench.watched().state, WatchedState::Matched, "the last one");
    bench.attempt(Purpose::Deliver, 503, SOON);
    let watched = bench.watched();
    assert_eq!(watched.state, WatchedState::Retrying);
    assert_eq!(watched.attempts.len(), 2);
    assert_eq!(watched.attempts[1].next_in_ms, Some(2_000));
    assert_eq!(watched.attempts[1].reason.as_deref(), Some("error status"));
    bench.attempt(Purpose::Deliver, 200, None);
    let ending = Ending::Delivered {
        end_to_end: Duration::ZERO,
    };
    bench.observer.lease_ended(&bench.event, POSITION, &ending);
    assert_eq!(bench.watched().state, WatchedState::Delivered);
}

#[tokio::test(start_paused = true)]
async fn the_dead_letter_sink_tells_nothing_about_the_subscriber() {
    let bench = Bench::new();
    bench.attempt(Purpose::Deliver, 400, None);
    bench.attempt(Purpose::DeadLetter, 200, None);
    assert_eq!(bench.observer.delivering().state, DeliveringState::No);
    assert_eq!(bench.observer.delivering().detail.as_deref(), Some("400"));
    assert_eq!(bench.watched().attempts.len(), 1);
    let reason = ParkReason {
        kind: "refused",
        detail: "".into(),
        dest: None,
        code: Some(400),
        data: bytes::Bytes::new(),
    };
    let ending = Ending::DeadLettered {
        reason: &reason,
        is_first: true,
    };
    bench.observer.lease_ended(&bench.event, POSITION, &ending);
    assert_eq!(bench.watched().state, WatchedState::DeadLettered);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_not_settled_while_its_sink_is_tried_again() {
    let bench = Bench::new();
    let reason = ParkReason {
        kind: "refused",
        detail: "".into(),
        dest: None,
        code: Some(400),
        data: bytes::Bytes::new(),
    };
    let parked = |retry_at| Ending::Parked {
        reason: &reason,
        retry_at,
        is_first: true,
    };
    let is_settled = || bench.watches.report(&bench.token).unwrap().settled;
    let retry_at = Timestamp(1_004_000);
    bench
        .observer
        .lease_ended(&bench.event, POSITION, &parked(Some(retry_at)));
    let watched = bench.watched();
    assert_eq!(watched.state, WatchedState::Parked);
    assert_eq!(watched.sink_retry_in_ms, Some(4_000));
    assert!(!is_settled());
    bench
        .observer
        .lease_ended(&bench.event, POSITION, &parked(None));
    assert_eq!(bench.watched().sink_retry_in_ms, None);
    assert!(is_settled());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_watches_leaves_no_trace_in_the_watches() {
    let mut bench = Bench::new();
    bench.event = Event::builder("2", "/test", "t").build().unwrap();
    bench.attempt(Purpose::Deliver, 503, SOON);
    assert!(bench.watched().attempts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_is_shown_until_somebody_answers_or_the_trigger_is_edited() {
    let bench = Bench::new();
    let target = &bench.target;
    let after = Duration::from_secs(60);
    let opened = BreakerReport::Opened {
        target,
        probe_every: after,
        probe_in: SOON.unwrap_or_default(),
    };
    let probed = BreakerReport::Probed { probe_in: after };
    for (change, reason) in [
        (opened, Some("SubscriberRefusing")),
        (probed, Some("SubscriberRefusing")),
        (BreakerReport::Closed { target, after }, None),
        (opened, Some("SubscriberRefusing")),
        (BreakerReport::Replaced, None),
    ] {
        bench.attempt(Purpose::Deliver, 503, SOON);
        bench.observer.breaker_changed(&change);
        let delivering = bench.observer.delivering();
        assert_eq!(delivering.reason.as_deref(), reason);
        assert_eq!(delivering.detail.as_deref(), Some("503"));
        assert_eq!(bench.observer.is_breaker_open(), reason.is_some());
        let probe_in = match change {
            BreakerReport::Opened { probe_in, .. } | BreakerReport::Probed { probe_in } => {
                Some(probe_in)
            }
            BreakerReport::Closed { .. } | BreakerReport::Replaced => None,
        };
        let probe_at = probe_in.map(|it| bench.observer.clock.now() + it);
        assert_eq!(bench.observer.probe_at(), probe_at);
    }
}

/// Keeps the code and the count of what was left out of each line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(String, u64)>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().push((line.code, line.suppressed));
    }
}

#[derive(Default)]
struct Line {
    code: String,
    suppressed: u64,
}

impl tracing::field::Visit for Line {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        if field.name() == "code" {
            value.clone_into(&mut self.code);
        }
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        if field.name() == "suppressed" {
            self.suppressed = value;
        }
    }

    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
}

#[tokio::test(start_paused = true)]
async fn a_loop_is_shown_and_told_by_one_line_in_ten_seconds_beside_other_failures() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let bench = Bench::new();
    let lines = Lines::default();
    let logs = tracing_subscriber::registry().with(lines.clone());
    let _logging = tracing::subscriber::set_default(logs);
    let a_loop = || {
        let reply = ReplyReport::Loop { detail: "" };
        bench.observer.replied(&bench.event, &reply);
        bench.attempt_for(Purpose::Deliver, 200, Reason::Loop, None);
    };
    for _ in 0..40 {
        a_loop();
    }
    let delivering = bench.observer.delivering();
    assert_eq!(delivering.state, DeliveringState::No);
    assert_eq!(delivering.detail.as_deref(), Some("loop"));
    bench.attempt(Purpose::Deliver, 503, SOON);
    tokio::time::advance(LOG_EVERY).await;
    a_loop();
    let told = std::mem::take(&mut *lines.0.lock());
    let expected = [("W021", 0), ("W020", 0), ("W021", 39)];
    assert_eq!(told, expected.map(|(code, count)| (code.to_owned(), count)));
}
