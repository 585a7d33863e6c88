//! Operations on many events: dead letters redriven and discarded by filter, retained events replayed.

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::client::Request;
use sluicegate_conformance::harness::Server;
use sluicegate_conformance::http1::Message;
use sluicegate_conformance::subscriber::{Answer, Script};
use tokio::time::{Instant, sleep};

use crate::scene::{Load, PATIENCE, Scene, ids};

async fn ask(server: &Server, request: Request) -> Message {
    let answer = server.admin().send(request).await;
    answer.expect("the admin listener answers")
}

fn json_of(answer: &Message) -> Value {
    serde_json::from_slice(&answer.body).expect("the admin API answers in JSON")
}

pub(crate) async fn begin(scene: &Scene, request: Value) -> Value {
    let request = Request::post("/api/v1/operations")
        .header("Content-Type", "application/json")
        .body(request.to_string());
    let answer = ask(&scene.server, request).await;
    let operation = json_of(&answer);
    assert_eq!(answer.status(), Some(202), "{operation}");
    operation
}

/// The operation once it has ended.
pub(crate) async fn ended(server: &Server, operation: &Value) -> Value {
    let id = operation["id"].as_str().expect("an operation has an id");
    let path = format!("/api/v1/operations/{id}");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shown = json_of(&ask(server, Request::get(&path)).await);
        if shown["state"] != "running" {
            return shown;
        }
        assert!(Instant::now() < deadline, "it does not end: {shown}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// S4, G7: every parked event is redriven by one call, and each of them arrives.
#[tokio::test]
async fn redriving_under_load_and_cancelling_it_loses_and_doubles_nothing() {
    const EVENTS: u64 = 300;
    let scene = Scene::new("redrive-load").await.broker(json!({"retry": 0}));
    let scene = scene.trigger("bad", json!({})).trigger("good", json!({}));
    let scene = scene.start().await;
    scene.subscriber.script("/bad", Answer::status(400));
    let load = Load::on(&scene);
    let mut sender = load.connect().await;
    for number in 0..EVENTS / 2 {
        sender.accept(&scene.event(&number.to_string())).await;
    }
    scene
        .await_books("bad", "half parked", |books| books.parked == EVENTS / 2)
        .await;
    scene.subscriber.script("/bad", Answer::status(200));
    let letters = json!({"namespace": scene.namespace});
    let redrive = |conduct: Value| json!({"redrive": {"letters": letters, "conduct": conduct}});
    let slow = begin(&scene, redrive(json!({"perSecond": 100}))).await;
    for number in EVENTS / 2..EVENTS {
        sender.accept(&scene.event(&number.to_string())).await;
    }
    let path = format!(
        "/api/v1/operations/{}",
        slow["id"].as_str().unwrap_or_default()
    );
    ask(&scene.server, Request::new("DELETE", &path)).await;
    let cancelled = ended(&scene.server, &slow).await;
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    let first = cancelled["progress"]["done"].as_u64().unwrap_or_default();
    let rest = ended(&scene.server, &begin(&scene, redrive(json!({}))).await).await;
    let second = rest["progress"]["done"].as_u64().unwrap_or_default();
    assert_eq!(first + second, EVENTS / 2, "{cancelled} {rest}");
    load.judge(EVENTS).await.assert_clean(EVENTS);
}

/// G0, G7: a filter discards what it chooses and nothing else, and a dry run nothing at all.
#[tokio::test]
async fn what_a_filter_chooses_is_discarded_and_nothing_else() {
    let scene = Scene::new("discard-some").await.broker(json!({"retry": 0}));
    let scene = scene.trigger("bad", json!({})).start().await;
    scene.subscriber.script("/bad", Script::fail_first(4, 400));
    for (id, region) in [("1", "eu"), ("2", "us"), ("3", "eu"), ("4", "us")] {
        scene.accept(&scene.event(id).with("region", region)).await;
    }
    let admin = scene.server.admin();
    admin.await_dead_letters(&scene.namespace, "bad", 4).await;
    let chosen = json!({"namespace": scene.namespace, "match": "region = 'eu'",
        "reasons": ["refused"], "since": "1h"});
    for (dry_run, left) in [(true, 4), (false, 2)] {
        let conduct = json!({"dryRun": dry_run});
        let discard = json!({"discard": {"letters": chosen, "conduct": conduct}});
        let operation = ended(&scene.server, &begin(&scene, discard).await).await;
        let progress = &operation["progress"];
        assert_eq!(
            (&progress["done"], &progress["skipped"]),
            (&json!(2), &json!(2))
        );
        let left = admin
            .await_dead_letters(&scene.namespace, "bad", left)
            .await;
        if !dry_run {
            let mut ids: Vec<&str> = left.iter().map(|it| it.event.id.as_str()).collect();
            ids.sort_unstable();
            assert_eq!(ids, ["2", "4"]);
        }
    }
    let books = scene.quiet_books("bad", 4).await;
    assert_eq!((books.discarded, books.parked), (2, 2), "{books:?}");
}

/// G0: a replay hands out what is retained once more, counts it, and passes over what is pending.
#[tokio::test]
async fn what_is_retained_is_replayed_to_those_whose_filters_take_it() {
    let scene = Scene::new("replay").await.broker(json!({}));
    let paused = json!({"sluicegate.dev/paused": "true"});
    let scene = scene
        .trigger("all", json!({}))
        .trigger("some", json!({"filters": [{"exact": {"region": "eu"}}]}))
        .annotated_trigger("held", paused, json!({}))
        .start()
        .await;
    for (id, region) in [("1", "eu"), ("2", "us"), ("3", "eu")] {
        scene.accept(&scene.event(id).with("region", region)).await;
    }
    scene.await_count("all", 3).await;
    scene.await_count("some", 2).await;
    for trigger in ["all", "some"] {
        scene
            .await_books(trigger, "nothing pending", |books| books.pending == 0)
            .await;
    }
    let replay = json!({"replay": {"namespace": scene.namespace, "broker": "broker",
        "events": {"match": "id <> '1'"}}});
    let operation = ended(&scene.server, &begin(&scene, replay).await).await;
    let progress = &operation["progress"];
    let counts = ["lookedAt", "done", "skipped", "unfinished", "gone"];
    let counts = counts.map(|count| progress[count].as_u64().unwrap_or_default());
    assert_eq!(counts, [3, 3, 1, 2, 0], "{operation}");
    assert_eq!(
        ids(&scene.await_count("all", 5).await),
        ["1", "2", "2", "3", "3"]
    );
    assert_eq!(ids(&scene.await_count("some", 3).await), ["1", "3", "3"]);
    let books = scene
        .await_books("all", "all delivered", |books| books.delivered == 5)
        .await;
    assert_eq!(
        (books.accepted, books.pending, books.parked),
        (3, 0, 0),
        "{books:?}"
    );
    assert!(scene.received("held").is_empty());
}

/// A new trigger begins where its manifest says: with what comes next, or with what is retained.
#[tokio::test]
async fn a_new_trigger_begins_where_its_manifest_says() {
    let held = json!({"sluicegate.dev/paused": "true"});
    let scene = Scene::new("start").await.broker(json!({}));
    // What waits for one is retained for all, on whatever channel.
    let scene = scene.annotated_trigger("held", held, json!({}));
    let scene = scene.start().await;
    for id in ["1", "2"] {
        scene.accept(&scene.event(id)).await;
    }
    let from = |start: &str| json!({"sluicegate.dev/start": start});
    let scene = scene
        .annotated_trigger("earliest", from("earliest"), json!({}))
        .annotated_trigger("time", from("2026-01-01T00:00:00Z"), json!({}))
        .annotated_trigger("latest", from("latest"), json!({}))
        .start()
        .await;
    scene.accept(&scene.event("3")).await;
    for (trigger, expected) in [
        ("earliest", &["1", "2", "3"][..]),
        ("time", &["1", "2", "3"]),
        ("latest", &["3"]),
    ] {
        let received = scene.await_count(trigger, expected.len()).await;
        assert_eq!(ids(&received), expected, "{trigger}");
    }
}
