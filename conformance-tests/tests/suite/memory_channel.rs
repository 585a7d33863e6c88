//! The memory channel from outside: subscribers do not hold one another up, a full store pushes
//! back or sheds as configured, and the books always balance.

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::http1::Message;
use sluicegate_conformance::ledger::Term;
use sluicegate_conformance::subscriber::{Answer, Script};
use tokio::time::Instant;

use crate::scene::{Load, PATIENCE, Scene};

fn wants(ty: &str) -> Value {
    json!({"filters": [{"exact": {"type": ty}}]})
}

fn with_memory(settings: Value) -> Value {
    json!({"channel": {"memory": settings}})
}

fn event(id: usize, ty: &str) -> Event {
    Event::new(&format!("{ty}-{id}"), "/memory", ty).with_data("text/plain", "x".repeat(100))
}

/// Sends until it is refused or has sent `most`; gives how many were accepted and the refusal.
async fn fill(load: &Load, ty: &str, most: usize) -> (usize, Option<Message>) {
    let mut sender = load.connect().await;
    for sent in 0..most {
        let answer = sender.send(&event(sent, ty), Mode::Binary).await;
        if answer.status() != Some(202) {
            return (sent, Some(answer));
        }
    }
    (most, None)
}

/// G10, S1: a subscriber that accepts and never answers does not move the others.
#[tokio::test]
async fn one_hanging_subscriber_does_not_move_the_others() {
    let delivery = json!({"timeout": "PT60S"});
    let scene = Scene::new("hanging")
        .await
        .broker(delivery)
        .trigger("hangs", json!({}));
    let mut scene = scene;
    for number in 0..4 {
        scene = scene.trigger(&format!("healthy{number}"), json!({}));
    }
    let scene = scene.start().await;
    scene.subscriber.script("/hangs", Answer::hang());
    let load = Load::on(&scene).leaving("hangs", &[Term::Pending]);
    let started = Instant::now();
    let (sent, refusal) = fill(&load, "t", 500).await;
    assert_eq!((sent, refusal), (500, None));
    for number in 0..4 {
        scene.await_count(&format!("healthy{number}"), 500).await;
    }
    // Had any of them waited for an attempt of the hanging one, it would have been for a minute.
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
    let judgement = load.judge(500).await;
    assert_eq!((judgement.delivered, judgement.left), (2_000, 500));
    let hanging = scene.received("hangs").len();
    assert!(
        hanging <= 64,
        "{hanging} at a time are more than the window"
    );
}

/// G10: a thousand events that always fail do not delay the healthy ones behind them.
#[tokio::test]
async fn events_that_wait_for_a_retry_hold_no_place() {
    let delivery = json!({"retry": 5, "backoffPolicy": "linear", "backoffDelay": "PT60S"});
    let scene = Scene::new("poison")
        .await
        .broker(delivery)
        .trigger("all", json!({}))
        .start()
        .await;
    let script = Script::decided_by(|received, _| {
        let is_poison = received.event().get("type") == "poison";
        Answer::status(if is_poison { 500 } else { 202 })
    });
    scene.subscriber.script("/all", script);
    let load = Load::on(&scene).leaving("all", &[Term::Pending]);
    fill(&load, "poison", 1_000).await;
    let (healthy, _) = fill(&load, "healthy", 50).await;
    let arrived = |received: &[sluicegate_conformance::subscriber::Received]| {
        received
            .iter()
            .filter(|request| request.answered == Some(202))
            .count()
            == healthy
    };
    scene
        .subscriber
        .await_where("/all", PATIENCE, "the healthy ones", arrived)
        .await;
    let judgement = load.judge(1_050).await;
    assert_eq!((judgement.delivered, judgement.left), (50, 1_000));
}

/// G12: one slow trigger alone brings 503 with Retry-After, nothing is discarded, and
/// what was accepted is delivered once the subscriber is back.
#[tokio::test]
async fn a_slow_trigger_alone_pushes_back_and_loses_nothing() {
    let scene = Scene::new("slow")
        .await
        .configured_broker(with_memory(json!({"maxEvents": 100})));
    let slow = json!({"delivery": {
        "retry": 1000, "backoffPolicy": "linear", "backoffDelay": "PT0.1S", "backoffMax": "PT0.1S",
    }});
    let scene = scene.trigger("slow", slow).start().await;
    scene.subscriber.script("/slow", Answer::status(503));
    let load = Load::on(&scene);
    let (accepted, refusal) = fill(&load, "t", 200).await;
    let refusal = refusal.expect("a store of 100 events cannot take 200");
    assert_eq!(refusal.status(), Some(503), "{refusal:?}");
    assert!(
        refusal
            .headers
            .get("retry-after")
            .is_some_and(|wait| wait.parse::<u64>().is_ok())
    );
    assert!(
        (75..=85).contains(&accepted),
        "{accepted} of 100 were taken, 80 % is for ingress"
    );

    scene.subscriber.script("/slow", Answer::status(202));
    load.judge(accepted as u64).await;
    load.connect().await.accept(&event(1_000, "t")).await;
    load.judge(accepted as u64 + 1).await;
}

/// G10: two dead subscribers with disjoint filters beside a healthy one neither stop it nor
/// make ingress refuse; what is taken from them goes to their sink or is counted.
#[tokio::test]
async fn dead_subscribers_do_not_stop_a_healthy_one() {
    let scene = Scene::new("dead")
        .await
        .configured_broker(with_memory(json!({"maxEvents": 200})));
    let sink = scene.subscriber.url("/sink");
    let dead = |ty: &str, sink: Option<&str>| {
        let mut spec = wants(ty);
        spec["delivery"] =
            json!({"retry": 1000, "backoffPolicy": "linear", "backoffDelay": "PT1S"});
        if let Some(sink) = sink {
            spec["delivery"]["deadLetterSink"] = json!({"uri": sink});
        }
        spec
    };
    let scene = scene
        .trigger("healthy", json!({}))
        .trigger("dead-a", dead("a", None))
        .trigger("dead-b", dead("b", Some(&sink)))
        .start()
        .await;
    for name in ["/dead-a", "/dead-b"] {
        scene.subscriber.script(name, Answer::close());
    }
    let load = Load::on(&scene)
        .wanting("dead-a", "a")
        .leaving("dead-a", &[Term::Pending, Term::Parked, Term::Discarded])
        .wanting("dead-b", "b")
        // A sink that does not keep up has but a share of the store: what is past it is discarded.
        .leaving("dead-b", &[Term::Pending, Term::Discarded])
        .burying(&scene, "dead-b", "/sink");
    const EACH: usize = 500;
    for ty in ["a", "b"] {
        let mut sender = load.connect().await;
        for id in 0..EACH {
            let answer = sender.send(&event(id, ty), Mode::Binary).await;
            assert_eq!(answer.status(), Some(202), "event {id} of {ty}: {answer:?}");
            // The healthy one keeps up, as it would in life: the point is that the dead do not.
            if id % 50 == 49 {
                let due = id + 1 + if ty == "b" { EACH } else { 0 };
                scene.await_count("healthy", due).await;
            }
        }
    }
    let judgement = load.judge(2 * EACH as u64).await;
    assert_eq!(judgement.delivered, 2 * EACH as u64);
    assert!(judgement.dead_lettered > 0, "nothing shed into the sink");
    let a = scene.await_books("dead-a", "its books", |_| true).await;
    assert!(a.discarded > 0 && a.pending + a.parked <= 200, "{a:?}");
}

/// With `whenFull: refuse` nothing is ever taken from a trigger; senders are told.
#[tokio::test]
async fn a_store_that_may_not_shed_refuses() {
    let settings = json!({"maxEvents": 100, "whenFull": "refuse"});
    let scene = Scene::new("refuse")
        .await
        .configured_broker(with_memory(settings));
    let dead = json!({
        "filters": [{"exact": {"type": "t"}}],
        "delivery": {"retry": 100, "backoffPolicy": "linear", "backoffDelay": "PT60S"},
    });
    let scene = scene
        .trigger("healthy", json!({}))
        .trigger("dead", dead)
        .start()
        .await;
    scene.subscriber.script("/dead", Answer::close());
    let load = Load::on(&scene).leaving("dead", &[Term::Pending]);
    let (accepted, refusal) = fill(&load, "t", 200).await;
    assert_eq!(refusal.and_then(|answer| answer.status()), Some(503));
    scene.await_count("healthy", accepted).await;
    let judgement = load.judge(accepted as u64).await;
    assert_eq!(judgement.left, accepted as u64);
}

/// G11: a full store drains, and a store bounded in bytes is bounded in bytes.
#[tokio::test]
async fn a_store_full_of_bytes_refuses_and_drains() {
    let scene = Scene::new("bytes").await;
    let scene = scene.configured_broker(with_memory(json!({"maxBytes": 1_048_576})));
    let slow = json!({"delivery": {"retry": 1000, "backoffPolicy": "linear",
        "backoffDelay": "PT0.1S", "backoffMax": "PT0.1S"}});
    let scene = scene.trigger("slow", slow).start().await;
    scene.subscriber.script("/slow", Answer::status(503));
    let large = |id: usize| {
        Event::new(&id.to_string(), "/memory", "t").with_data("x/y", vec![b'x'; 64 << 10])
    };
    let load = Load::on(&scene);
    let mut sender = load.connect().await;
    let mut accepted = 0;
    let refusal = loop {
        let answer = sender.send(&large(accepted), Mode::Binary).await;
        if answer.status() != Some(202) {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 20, "20 x 64 KiB do not fit into 80 % of 1 MiB");
    };
    assert_eq!(refusal.status(), Some(503), "{refusal:?}");
    assert!(accepted >= 8, "only {accepted} x 64 KiB were taken");
    scene.subscriber.script("/slow", Answer::status(202));
    load.judge(accepted as u64).await;
    sender.accept(&large(1_000)).await;
}
