//! Pausing a trigger by command, and by its manifest.

use serde_json::{Value, json};
use sluicegate_conformance::client::Request;
use sluicegate_conformance::http1::Message;

use crate::scene::{Load, Scene, ids};

async fn post(scene: &Scene, verb: &str, trigger: &str) -> Message {
    let named = json!({"namespace": scene.namespace, "trigger": trigger});
    let request = Request::post(&format!("/api/v1/triggers:{verb}"))
        .header("Content-Type", "application/json")
        .body(named.to_string());
    let answer = scene.server.admin().send(request).await;
    answer.expect("it answers")
}

fn json_of(answer: &Message) -> Value {
    serde_json::from_slice(&answer.body).expect("the admin API answers in JSON")
}

/// G0: a pause loses nothing, settles nothing and holds up nobody else.
#[tokio::test]
async fn a_paused_trigger_gets_everything_once_it_is_resumed() {
    let scene = Scene::new("pause").await.broker(json!({}));
    let scene = scene.trigger("held", json!({})).trigger("other", json!({}));
    let scene = scene.start().await;
    let paused = post(&scene, "pause", "held").await;
    assert_eq!(paused.status(), Some(200));
    assert_eq!(json_of(&paused)["pausedBy"], json!(["command"]));
    for id in ["1", "2", "3"] {
        scene.accept(&scene.event(id)).await;
    }
    assert_eq!(ids(&scene.await_count("other", 3).await), ["1", "2", "3"]);
    let books = scene
        .await_books("held", "three waiting", |books| books.pending == 3)
        .await;
    assert_eq!(books.states(), books.accepted, "{books:?}");
    assert!(scene.received("held").is_empty());
    let resumed = post(&scene, "resume", "held").await;
    assert_eq!(json_of(&resumed)["paused"], json!(false));
    assert_eq!(ids(&scene.await_count("held", 3).await), ["1", "2", "3"]);
    scene.quiet(3).await;
}

/// A manifest is the truth: no command ends what it says.
#[tokio::test]
async fn a_command_does_not_resume_what_a_manifest_pauses() {
    let scene = Scene::new("paused").await.broker(json!({}));
    let annotations = json!({"sluicegate.dev/paused": "true"});
    let scene = scene.annotated_trigger("held", annotations, json!({}));
    let mut scene = scene.start().await;
    scene.accept(&scene.event("1")).await;
    let refused = post(&scene, "resume", "held").await;
    assert_eq!(refused.status(), Some(409));
    let detail = json_of(&refused)["detail"].to_string();
    assert!(detail.contains(&scene.file()), "{detail}");
    assert!(scene.received("held").is_empty());
    scene.edit_trigger("held", json!({}));
    assert_eq!(ids(&scene.await_count("held", 1).await), ["1"]);
}

/// G0: pausing and resuming under load loses nothing, doubles nothing and keeps the books.
#[tokio::test]
async fn pausing_under_load_loses_and_doubles_nothing() {
    const EVENTS: u64 = 400;
    let scene = Scene::new("pause-load").await.broker(json!({}));
    let scene = scene.trigger("held", json!({})).trigger("other", json!({}));
    let scene = scene.start().await;
    let load = Load::on(&scene);
    let mut sender = load.connect().await;
    for number in 0..EVENTS {
        match number % 40 {
            10 => drop(post(&scene, "pause", "held").await),
            30 => drop(post(&scene, "resume", "held").await),
            _ => {}
        }
        sender.accept(&scene.event(&number.to_string())).await;
    }
    load.judge(EVENTS).await.assert_clean(EVENTS);
}
