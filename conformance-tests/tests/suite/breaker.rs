//! A subscriber at which nobody answers, and its return (G6, rows S3 and S12), with probes that come
//! more often than by default.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sluicegate_conformance::harness::{Server, Setup};
use sluicegate_conformance::subscriber::{Answer, Received};
use tokio::time::{Instant, sleep};

use crate::scene::{PATIENCE, Scene, metrics};

const PROBE_EVERY: Duration = Duration::from_millis(500);

async fn scene(name: &str) -> Scene {
    let settings = "delivery: {probeInterval: PT0.5S}\n";
    let server = Server::start(Setup::new().settings(settings)).await;
    Scene::on(Arc::new(server), name).await.broker(json!({}))
}

/// Whether the metrics say that the breaker of a trigger is open.
async fn is_open(scene: &Scene, trigger: &str) -> bool {
    let labels = [("namespace", &*scene.namespace), ("trigger", trigger)];
    let metrics = metrics(&scene.server).await;
    metrics.values("sluicegate_delivery_breaker_open", &labels) == [1]
}

async fn await_open(scene: &Scene, trigger: &str) {
    let began = Instant::now();
    while !is_open(scene, trigger).await {
        assert!(began.elapsed() < PATIENCE, "the breaker stays closed");
        sleep(Duration::from_millis(5)).await;
    }
}

/// The reason that the admin API gives for a trigger that does not deliver.
async fn reason(scene: &Scene, trigger: &str) -> Value {
    let answer = scene.server.admin().get("/api/v1/triggers").await;
    let list: Value = serde_json::from_slice(&answer.expect("it answers").body).expect("JSON");
    let items = list["items"].as_array().expect("a list").iter();
    let mut named = items.filter(|item| item["name"] == trigger);
    named.next().expect("it is listed")["delivering"]["reason"].clone()
}

/// When the story of an event says that the next probe is due.
async fn next_probe(scene: &Scene, trigger: &str, id: &str) -> Timestamp {
    let story = crate::history::told(scene, id).await;
    let triggers = story["events"][0]["triggers"].as_array().expect("a list");
    let held = triggers.iter().find(|it| it["name"] == trigger);
    let held = held.expect("it is to get the event");
    assert_eq!(held["reason"], "SubscriberRefusing", "{held}");
    let next = held["nextAt"].as_str().expect("a time");
    next.parse().expect("it is RFC 3339")
}

/// The shortest wait between two sends after the first `count`.
fn shortest_wait(received: &[Received], count: usize) -> Option<Duration> {
    let waits = received[count..]
        .windows(2)
        .map(|pair| pair[1].at - pair[0].at);
    waits.min()
}

/// G6, S3, G10: while nobody answers there is a probe and no storm, nothing is given up on, and the
/// trigger beside it goes on; on the return everything is delivered.
#[tokio::test]
async fn who_is_down_is_probed_and_gets_everything_on_its_return() {
    let scene = scene("down").await;
    let scene = scene.trigger("down", json!({})).trigger("up", json!({}));
    let scene = scene.start().await;
    scene.subscriber.script("/down", Answer::status(503));
    for id in 0..50 {
        scene.accept(&scene.event(&id.to_string())).await;
    }
    await_open(&scene, "down").await;
    assert_eq!(reason(&scene, "down").await, "SubscriberRefusing");
    assert_eq!(reason(&scene, "up").await, Value::Null);
    assert!(scene.server.log().contains("W023"));
    next_probe(&scene, "down", "49").await;
    scene.await_count("up", 50).await;

    // Those that were under way when it opened have ended long before the second probe.
    let before = scene.received("down").len();
    let received = scene.await_count("down", before + 6).await;
    let shortest = shortest_wait(&received, before + 1).expect("several probes");
    // The subscriber's clock reads when a request has come whole, which may differ a little.
    assert!(shortest >= PROBE_EVERY.mul_f64(0.9), "{shortest:?}");
    // When the next is due is told anew with each: what was told when it opened is long past.
    let began = Instant::now();
    while next_probe(&scene, "down", "49").await <= Timestamp::now() {
        assert!(began.elapsed() < PATIENCE, "no probe says when the next is");
        sleep(Duration::from_millis(5)).await;
    }

    scene.subscriber.script("/down", Answer::status(200));
    let returned = Instant::now();
    for trigger in scene.quiet(50).await {
        assert_eq!(trigger.books.delivered, 50, "{}", trigger.name);
    }
    let mut received = scene.received("down").into_iter();
    let first = received.find(|it| it.answered == Some(200));
    let first = first.expect("all were taken").at;
    assert!(first - returned < 2 * PROBE_EVERY + Duration::from_secs(5));
    assert!(!is_open(&scene, "down").await);
    assert_eq!(reason(&scene, "down").await, Value::Null);
}

/// G6: an answer that refuses an event shows that somebody is there.
#[tokio::test]
async fn answers_that_refuse_events_do_not_open_it() {
    let scene = scene("poison").await;
    let scene = scene.trigger("poison", json!({})).start().await;
    scene.subscriber.script("/poison", Answer::status(500));
    for id in 0..20 {
        scene.accept(&scene.event(&id.to_string())).await;
    }
    // Each is sent a second time on its own schedule, which one probe after another would not do.
    let began = Instant::now();
    scene.await_count("poison", 40).await;
    assert!(began.elapsed() < 20 * PROBE_EVERY);
    assert!(!is_open(&scene, "poison").await);
}

/// G6: a retry count is law: nobody's absence keeps an event from its dead-letter sink.
#[tokio::test]
async fn a_retry_count_ends_at_the_sink_while_nobody_answers() {
    let scene = scene("law").await;
    let sink = scene.subscriber.url("/sink");
    let delivery = json!({"retry": 2, "backoffDelay": "PT0.1S", "deadLetterSink": {"uri": sink}});
    let scene = scene.trigger("law", json!({ "delivery": delivery }));
    let scene = scene.start().await;
    scene.subscriber.script("/law", Answer::close());
    for id in 0..30 {
        scene.accept(&scene.event(&id.to_string())).await;
    }
    let triggers = scene.quiet(30).await;
    assert_eq!(triggers[0].books.dead_lettered, 30);
    assert_eq!(scene.received("law").len(), 90);
    assert!(!is_open(&scene, "law").await);
}
