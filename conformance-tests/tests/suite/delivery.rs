//! Retry, backoff, timeout and inheritance, measured by the subscriber's clock.
//!
//! Lower bounds of waits are exact: an early attempt is a fault. Upper bounds leave room for a
//! machine that does other things as well.

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::subscriber::{Answer, Received, Script};
use tokio::time::Instant;

use crate::scene::{PATIENCE, Scene, ids, one_attempt_then};

const SLACK: Duration = Duration::from_secs(5);

fn retries(count: u32) -> Value {
    json!({"retry": count, "backoffPolicy": "linear", "backoffDelay": "PT0.01S"})
}

fn with_sink(mut delivery: Value, sink: &str) -> Value {
    delivery["deadLetterSink"] = json!({"uri": sink});
    delivery
}

fn waits(received: &[Received]) -> Vec<Duration> {
    received
        .windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .collect()
}

/// One trigger of a case: its delivery, how often its subscriber fails, and what must come of it.
struct Case {
    delivery: Value,
    failures: usize,
    sends: usize,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Delivered,
    OwnSink,
    BrokerSink,
    Parked,
}

/// Runs two triggers on one broker. The sinks are paths of the same subscriber.
async fn matrix(name: &str, broker: impl Fn(&str) -> Value, cases: impl Fn(&str) -> [Case; 2]) {
    let scene = Scene::new(name).await;
    let broker_sink = scene.subscriber.url("/broker-sink");
    let own_sink = scene.subscriber.url("/own-sink");
    let mut scene = scene.broker(broker(&broker_sink));
    let cases = cases(&own_sink);
    for (trigger, case) in ["one", "two"].iter().zip(&cases) {
        scene.subscriber.script(
            &format!("/{trigger}"),
            Script::fail_first(case.failures, 500),
        );
        scene = scene.trigger(trigger, json!({"delivery": case.delivery}));
    }
    let scene = scene.start().await;
    scene.accept(&scene.event("1")).await;
    let triggers = scene.quiet(1).await;
    let count = |end: End| cases.iter().filter(|case| case.end == end).count();
    for (trigger, case) in ["one", "two"].iter().zip(&cases) {
        assert_eq!(
            scene.received(trigger).len(),
            case.sends,
            "sends of {name}/{trigger}"
        );
        let status = triggers
            .iter()
            .find(|status| status.name == *trigger)
            .expect("it is ready");
        let books = status.books;
        let ended = match case.end {
            End::Delivered => books.delivered,
            End::OwnSink | End::BrokerSink => books.dead_lettered,
            End::Parked => books.parked,
        };
        assert_eq!(
            ended, 1,
            "{name}/{trigger}: {:?} expected, {books:?}",
            case.end
        );
    }
    assert_eq!(scene.received("broker-sink").len(), count(End::BrokerSink));
    assert_eq!(scene.received("own-sink").len(), count(End::OwnSink));
}

fn case(delivery: Value, failures: usize, sends: usize, end: End) -> Case {
    Case {
        delivery,
        failures,
        sends,
        end,
    }
}

/// RK-4 (a): nothing configured.
#[tokio::test]
async fn without_any_policy_events_are_delivered() {
    matrix(
        "rk4a",
        |_| json!({}),
        |_| {
            [
                case(json!({}), 0, 1, End::Delivered),
                case(json!({}), 0, 1, End::Delivered),
            ]
        },
    )
    .await;
}

/// RK-4 (b), CP-57: the broker retries three times and has a sink; three failures are delivered,
/// four are dead.
#[tokio::test]
async fn a_trigger_without_delivery_uses_that_of_the_broker() {
    matrix(
        "rk4b",
        |sink| with_sink(retries(3), sink),
        |_| {
            [
                case(json!({}), 3, 4, End::Delivered),
                case(json!({}), 4, 4, End::BrokerSink),
            ]
        },
    )
    .await;
}

/// RK-4 (c), CP-61, G7: a trigger's own retries count; without a sink the event is parked where
/// others would drop it.
#[tokio::test]
async fn a_trigger_with_retries_of_its_own_uses_them() {
    matrix(
        "rk4c",
        |_| json!({"retry": 0}),
        |own| {
            [
                case(with_sink(retries(3), own), 3, 4, End::Delivered),
                case(retries(1), 5, 2, End::Parked),
            ]
        },
    )
    .await;
}

/// RK-4 (d), T4: three retries of the trigger stand in the place of the broker's one, and the
/// broker's sink is still the sink.
#[tokio::test]
async fn retries_of_a_trigger_override_and_the_sink_of_the_broker_stays() {
    matrix(
        "rk4d",
        |sink| with_sink(retries(1), sink),
        |_| {
            [
                case(retries(3), 3, 4, End::Delivered),
                case(retries(3), 5, 4, End::BrokerSink),
            ]
        },
    )
    .await;
}

/// RK-4 (e): a trigger's sink goes before the broker's.
#[tokio::test]
async fn each_trigger_uses_its_own_sink_before_that_of_the_broker() {
    matrix(
        "rk4e",
        |sink| with_sink(retries(1), sink),
        |own| {
            [
                case(with_sink(retries(3), own), 4, 4, End::OwnSink),
                case(json!({}), 4, 2, End::BrokerSink),
            ]
        },
    )
    .await;
}

/// T1, T3: linear waits are delay x 1, x 2, x 3, and never shorter.
#[tokio::test]
async fn linear_waits_grow_by_the_delay() {
    let scene = Scene::new("linear").await.broker(json!({
        "retry": 3, "backoffPolicy": "linear", "backoffDelay": "PT0.2S",
    }));
    let scene = scene.trigger("all", json!({})).start().await;
    scene.subscriber.script("/all", Script::fail_first(3, 503));
    scene.accept(&scene.event("1")).await;
    check_waits(&waits(&scene.await_count("all", 4).await), &[200, 400, 600]);
}

/// T2: exponential waits are the delay, then double, up to `backoffMax`.
#[tokio::test]
async fn exponential_waits_double_up_to_their_maximum() {
    let scene = Scene::new("exponential").await.broker(json!({
        "retry": 4, "backoffPolicy": "exponential", "backoffDelay": "PT0.2S", "backoffMax": "PT0.5S",
    }));
    let scene = scene.trigger("all", json!({})).start().await;
    scene.subscriber.script("/all", Script::fail_first(4, 500));
    scene.accept(&scene.event("1")).await;
    check_waits(
        &waits(&scene.await_count("all", 5).await),
        &[200, 400, 500, 500],
    );
}

/// T3: retries without a policy wait 0.2 s and double: no hot loop.
#[tokio::test]
async fn retries_without_a_policy_still_wait() {
    let scene = Scene::new("hot").await.broker(json!({"retry": 3}));
    let scene = scene.trigger("all", json!({})).start().await;
    scene.subscriber.script("/all", Script::fail_first(3, 500));
    scene.accept(&scene.event("1")).await;
    check_waits(&waits(&scene.await_count("all", 4).await), &[200, 400, 800]);
}

/// RK-10: a subscriber that is down for its first five requests, and one that fails in a Fibonacci
/// pattern, get every event in the end.
#[tokio::test]
async fn events_arrive_in_the_end_however_the_subscriber_fails() {
    let delivery = json!({"retry": 8, "backoffPolicy": "linear", "backoffDelay": "PT0.02S"});
    let scene = Scene::new("redelivery")
        .await
        .broker(delivery)
        .trigger("first-five", json!({}))
        .trigger("fibonacci", json!({}))
        .start()
        .await;
    scene
        .subscriber
        .script("/first-five", Script::fail_first(5, 503));
    let fibonacci = Script::decided_by(|_, earlier| {
        let is_fibonacci = [1, 2, 3, 5, 8, 13, 21, 34].contains(&(earlier.len() + 1));
        if is_fibonacci {
            Answer::close()
        } else {
            Answer::status(200)
        }
    });
    scene.subscriber.script("/fibonacci", fibonacci);
    for id in 0..10 {
        scene.accept(&scene.event(&id.to_string())).await;
    }
    for trigger in scene.quiet(10).await {
        assert_eq!(trigger.books.delivered, 10, "{}", trigger.name);
        let taken: Vec<Received> = scene
            .received(&trigger.name)
            .into_iter()
            .filter(|request| request.answered.is_some_and(|status| status < 300))
            .collect();
        assert_eq!(ids(&taken).len(), 10, "{}", trigger.name);
    }
}

/// RK-16: a subscriber slower than `timeout` is a failure; its sink gets the event once.
#[tokio::test]
async fn an_attempt_ends_with_its_timeout() {
    let scene = Scene::new("timeout").await;
    let sink = scene.subscriber.url("/sink");
    let mut delivery = one_attempt_then(&sink);
    delivery["timeout"] = json!("PT0.5S");
    let scene = scene
        .broker(delivery)
        .trigger("slow", json!({}))
        .start()
        .await;
    scene.subscriber.script("/slow", Answer::hang());
    let started = Instant::now();
    scene.accept(&scene.event("1")).await;
    let letter = scene.await_count("sink", 1).await.remove(0);
    let took = letter.at - started;
    assert!(took >= Duration::from_millis(500), "{took:?}");
    assert!(
        took <= Duration::from_millis(500) + Duration::from_secs(1) + SLACK,
        "{took:?}"
    );
    scene.quiet(1).await;
    assert_eq!(
        (scene.received("slow").len(), scene.received("sink").len()),
        (1, 1)
    );
}

/// T28, T4: the delivery in effect is shown, with everything that was inherited or defaulted.
#[tokio::test]
async fn the_delivery_in_effect_is_shown() {
    let scene = Scene::new("effect").await;
    let sink = scene.subscriber.url("/sink");
    let broker = json!({
        "retry": 2, "backoffPolicy": "linear", "backoffDelay": "PT1S", "timeout": "PT3S",
        "retryAfterMax": "PT7S", "backoffMax": "PT5S", "deadLetterSink": {"uri": sink},
    });
    let scene = scene
        .broker(broker)
        .trigger("inherits", json!({}))
        .trigger("own", json!({"delivery": {"retry": 9}}))
        .start()
        .await;
    let triggers = scene
        .server
        .admin()
        .triggers(&scene.namespace)
        .await
        .expect("it answers");
    let find = |name: &str| {
        triggers
            .iter()
            .find(|trigger| trigger.name == name)
            .expect("ready")
    };
    let inherits = &find("inherits").delivery;
    for (key, value) in [
        ("retries", json!(2)),
        ("backoffPolicy", json!("linear")),
        ("backoffDelayMs", json!(1_000)),
        ("backoffMaxMs", json!(5_000)),
        ("timeoutMs", json!(3_000)),
        ("retryAfterMaxMs", json!(7_000)),
    ] {
        assert_eq!(inherits.get(key), Some(&value), "{key} in {inherits}");
    }
    let own = &find("own").delivery;
    assert_eq!(own.get("retries"), Some(&json!(9)));
    assert_eq!(
        own.get("backoffDelayMs"),
        Some(&json!(200)),
        "the group is replaced whole: {own}"
    );
    assert_eq!(
        find("own").dead_letter_sink_uri.as_deref(),
        Some(sink.as_str())
    );
}

/// T21, CP-20: a trigger that is edited keeps its place, and what waits goes to the new address.
#[tokio::test]
async fn editing_a_trigger_keeps_its_events() {
    let delivery = json!({"retry": 1000, "backoffPolicy": "linear", "backoffDelay": "PT0.05S",
        "backoffMax": "PT0.05S"});
    let scene = Scene::new("edit")
        .await
        .broker(delivery)
        .trigger("old", json!({}))
        .start()
        .await;
    scene.subscriber.script("/old", Answer::status(503));
    let mut scene = scene;
    for id in ["1", "2", "3"] {
        scene.accept(&scene.event(id)).await;
    }
    scene.await_count("old", 3).await;
    let before = scene
        .server
        .admin()
        .triggers(&scene.namespace)
        .await
        .expect("it answers");
    let uri = scene.subscriber.url("/new");
    scene.edit_trigger("old", json!({"subscriber": {"uri": uri}}));
    scene.await_count("new", 3).await;
    let after = scene.quiet(3).await;
    assert_eq!(ids(&scene.received("new")), ["1", "2", "3"]);
    assert_eq!(after[0].uid, before[0].uid);
    assert_eq!(after[0].books.delivered, 3);
}

/// L4: a trigger that is removed gets nothing more within a second.
#[tokio::test]
async fn a_removed_trigger_stops_within_a_second() {
    let delivery = json!({"retry": 10_000, "backoffPolicy": "linear", "backoffDelay": "PT0.02S",
        "backoffMax": "PT0.02S"});
    let scene = Scene::new("remove")
        .await
        .broker(delivery)
        .trigger("gone", json!({}));
    let mut scene = scene.trigger("stays", json!({})).start().await;
    scene.subscriber.script("/gone", Answer::status(503));
    scene.accept(&scene.event("before")).await;
    scene.await_count("gone", 5).await;
    let removed = Instant::now();
    scene.remove_trigger("gone");
    let is_gone = |triggers: &[sluicegate_conformance::harness::TriggerStatus]| {
        triggers.iter().all(|trigger| trigger.name != "gone")
    };
    let admin = scene.server.admin();
    admin
        .await_triggers(&scene.namespace, PATIENCE, "the trigger gone", is_gone)
        .await;
    scene.accept(&scene.event("after")).await;
    scene.quiet(2).await;
    // It would have been tried again dozens of times by then.
    tokio::time::sleep_until(removed + Duration::from_secs(2)).await;
    let late: Vec<Received> = scene
        .received("gone")
        .into_iter()
        .filter(|request| request.at > removed + Duration::from_secs(1))
        .collect();
    assert!(
        late.is_empty(),
        "{} requests too late: {late:#?}",
        late.len()
    );
    assert_eq!(ids(&scene.received("stays")), ["after", "before"]);
}

fn check_waits(waits: &[Duration], least_ms: &[u64]) {
    assert_eq!(waits.len(), least_ms.len());
    for (wait, least) in waits
        .iter()
        .zip(least_ms.iter().map(|&ms| Duration::from_millis(ms)))
    {
        let most = least + SLACK;
        assert!(
            *wait >= least && *wait <= most,
            "{waits:?} for {least_ms:?} ms"
        );
    }
}
