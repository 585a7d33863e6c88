//! What an event waits for is told by whoever is asked about it: `send`, and `explain`.

use std::path::Path;

use serde_json::json;
use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::Event;
use sluicegate_conformance::harness::{Server, Setup, scratch_folder};
use sluicegate_conformance::subscriber::Answer;

use crate::command::{Done, sluicegate};
use crate::history::{await_state, explain, told};
use crate::scene::{PATIENCE, Scene};

const BROKER: &str = "apiVersion: eventing.knative.dev/v1\nkind: Broker\n\
                      metadata: {name: orders, namespace: waits}\n";

/// A trigger that is to wait, on a server that keeps `data`.
fn on_disk(data: &Path, trigger: &str) -> Setup {
    let settings = "defaultChannel: {disk: {segmentBytes: 1Mi, reserveBytes: 0, minFreeBytes: 0, \
                    minFreePercent: 0}}\n";
    let mut setup = Setup::new().settings(settings);
    setup.arguments = vec!["--data".to_owned(), data.display().to_string()];
    let setup = setup.manifest("orders.yaml", BROKER);
    setup.manifest("late.yaml", trigger)
}

fn send(server: &Server, words: &[&str]) -> Done {
    let admin = format!("http://{}", server.admin().0);
    let mut all = vec!["send", "waits.kept", "--broker", "waits/orders"];
    all.extend(["--source", "/waits", "--server", &admin]);
    all.extend(words);
    sluicegate(&all, "")
}

/// G16: a trigger that is kept because its manifest is invalid is not denied.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_waits_for_a_trigger_with_an_invalid_manifest_says_so() {
    let data = scratch_folder("data").expect("tests have a folder of their own");
    let paused = "apiVersion: eventing.knative.dev/v1\nkind: Trigger\n\
                  metadata: {name: late, namespace: waits, annotations: {sluicegate.dev/paused: 'true'}}\n\
                  spec:\n  broker: orders\n  subscriber: {uri: 'http://127.0.0.1:9/'}\n";
    let first = Server::start(on_disk(&data, paused)).await;
    let before = Event::new("before", "/waits", "waits.kept");
    first.accept("/waits/orders", &before).await;
    first.terminate();
    first.exit(PATIENCE).await;

    let wrong = paused.replace("subscriber:", "subscribber:");
    let second = Server::start(on_disk(&data, &wrong)).await;
    let because = |text: &str| {
        let all = ["ManifestInvalid", "late.yaml:", "subscribber"];
        assert!(all.iter().all(|it| text.contains(it)), "{text}");
    };
    let waited = send(&second, &["--wait", "--id", "waited"]);
    assert_eq!(waited.code, Some(1), "{}", waited.talk);
    assert!(waited.out.contains("late"), "{}", waited.out);
    because(&waited.out);
    let sent = send(&second, &["--id", "sent"]);
    assert_eq!(sent.code, Some(0), "{}", sent.talk);
    assert!(sent.out.contains("kept for late"), "{}", sent.out);
    assert!(!sent.talk.contains("to route it"), "{}", sent.talk);
    because(&sent.out);
    for id in ["before", "waited", "sent"] {
        for words in [&[id][..], &[id, "--trigger", "late"]] {
            let done = explain(&second, words);
            assert_eq!(done.code, Some(0), "{words:?}: {}", done.talk);
            assert!(done.out.contains("trigger  late  ?"), "{}", done.out);
            because(&done.out);
        }
    }
    second.terminate();
    second.exit(PATIENCE).await;
    std::fs::remove_dir_all(data).ok();
}

/// Nothing was sent yet, and that is not because of the filter.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_paused_trigger_says_who_paused_it() {
    let scene = Scene::new("held").await.broker(json!({}));
    let annotations = json!({"sluicegate.dev/paused": "true"});
    let scene = scene
        .annotated_trigger("written", annotations, json!({}))
        .trigger("commanded", json!({}))
        .trigger(
            "tried",
            json!({"delivery": {"retry": 9, "backoffDelay": "PT1M"}}),
        );
    let scene = scene.start().await;
    scene.subscriber.script("/tried", Answer::status(500));
    let pause = |name: &str| {
        let named = json!({"namespace": scene.namespace, "trigger": name});
        Request::post("/api/v1/triggers:pause")
            .header("Content-Type", "application/json")
            .body(named.to_string())
    };
    let admin = scene.server.admin();
    admin.send(pause("commanded")).await.expect("it answers");
    scene.accept(&scene.event("e1")).await;
    await_state(&scene, "e1", "tried", "retrying").await;
    admin.send(pause("tried")).await.expect("it answers");
    let story = told(&scene, "e1").await;
    for (name, state, because) in [
        ("written", "waiting", "sluicegate.dev/paused"),
        ("commanded", "waiting", "resume trigger"),
        ("tried", "retrying", "resume trigger"),
    ] {
        let trigger = await_state(&scene, "e1", name, state).await;
        assert_eq!(trigger["reason"], "Paused", "{story}");
        let detail = trigger["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(because), "{trigger}");
    }
    let broker = format!("{}/broker", scene.namespace);
    let shown = explain(&scene.server, &["e1", "--broker", &broker]);
    assert!(shown.out.contains("waits (Paused): "), "{}", shown.out);
}

/// What was stored before a trigger began is none that its filter turned away.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_from_before_a_trigger_began_says_so() {
    let scene = Scene::new("begun").await.broker(json!({}));
    // Retained for as long as somebody waits for it, in memory.
    let slow = json!({"delivery": {"retry": 9, "backoffDelay": "PT1M"}});
    let scene = scene.trigger("holds", slow).start().await;
    scene.subscriber.script("/holds", Answer::status(500));
    scene.accept(&scene.event("e1")).await;
    let start = |at: &str| json!({"sluicegate.dev/start": at});
    let scene = scene
        .annotated_trigger("later", start("2999-01-01T00:00:00Z"), json!({}))
        .annotated_trigger("latest", start("latest"), json!({}));
    scene.write();
    let broker = format!("{}/broker", scene.namespace);
    let began = tokio::time::Instant::now();
    let shown = loop {
        let shown = explain(&scene.server, &["e1", "--broker", &broker]);
        if shown.out.contains("trigger  latest") && shown.out.contains("trigger  later ") {
            break shown;
        }
        assert!(began.elapsed() < PATIENCE, "{}", shown.out);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let told = "and was not given this event";
    assert_eq!(shown.out.matches(told).count(), 2, "{}", shown.out);
    assert!(shown.out.contains("2999-01-01T00:00:00"), "{}", shown.out);
    assert!(!shown.out.contains("filter in force now"), "{}", shown.out);
}

/// What a manifest says of a start holds for a trigger that is new: edited later, it says nothing of what
/// the trigger was given.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_was_edited_denies_no_event_that_waits() {
    let scene = Scene::new("start-edited").await.broker(json!({}));
    let held = json!({"sluicegate.dev/paused": "true"});
    let scene = scene
        .annotated_trigger("holds", held, json!({}))
        .start()
        .await;
    scene.accept(&scene.event("e1")).await;
    let annotations = json!({"sluicegate.dev/paused": "true", "sluicegate.dev/start": "earliest"});
    let scene = scene.annotated_trigger("early", annotations, json!({}));
    let scene = scene.start().await;
    let edited = scene.yaml();
    assert!(edited.contains("\"earliest\""), "{edited}");
    let edited = edited.replace("\"earliest\"", "\"latest\"");
    scene.server.write_manifest(&scene.file(), &edited);
    let broker = format!("{}/broker", scene.namespace);
    let began = tokio::time::Instant::now();
    let words = ["e1", "--broker", &*broker];
    loop {
        let shown = explain(&scene.server, &words);
        if shown.out.contains("by what its manifest says now") {
            let waits = "the event waits for its turn";
            assert!(shown.out.contains(waits), "{}", shown.out);
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{} {}", shown.out, shown.talk);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let running = edited.replace("\"true\"", "\"false\"");
    scene.server.write_manifest(&scene.file(), &running);
    assert_eq!(scene.await_count("early", 1).await.len(), 1);
}
