//! `sluicegate explain EVENT-ID`: what became of an event, as the server remembers it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::event::Event;
use sluicegate_conformance::harness::{Server, Setup, scratch_folder};
use sluicegate_conformance::subscriber::{Answer, Script};
use tokio::time::{Instant, sleep};

use crate::command::{Done, sluicegate};
use crate::scene::{PATIENCE, Scene, metrics};

/// What the server tells of an id, with what narrows it.
async fn stories(server: &Server, query: &str) -> Value {
    let path = format!("/api/v1/events/{query}");
    let answer = server.admin().get(&path).await.expect("it answers");
    assert_eq!(answer.status(), Some(200), "{path}");
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// What the scene's broker tells of an id.
pub(crate) async fn told(scene: &Scene, id: &str) -> Value {
    let query = format!("{id}?broker={}%2Fbroker", scene.namespace);
    stories(&scene.server, &query).await
}

/// The story of the trigger, once it stands so.
pub(crate) async fn await_state(scene: &Scene, id: &str, trigger: &str, state: &str) -> Value {
    let began = Instant::now();
    loop {
        let told = told(scene, id).await;
        let triggers = told["events"][0]["triggers"].as_array().cloned();
        let mut triggers = triggers.unwrap_or_default().into_iter();
        let found = triggers.find(|it| it["name"] == trigger);
        if let Some(found) = found.filter(|it| it["state"] == state) {
            return found;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{trigger} is not {state}: {told}"
        );
        sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn explain(server: &Server, words: &[&str]) -> Done {
    let admin = format!("http://{}", server.admin().0);
    let mut all = vec!["explain", "--server", &admin];
    all.extend(words);
    sluicegate(&all, "")
}

/// Each end of the way is told, with the attempts before it.
#[tokio::test]
async fn every_end_of_an_event_is_told_with_its_attempts() {
    let scene = Scene::new("told").await;
    let sink = scene.subscriber.url("/sink");
    let retries = json!({"retry": 2, "backoffPolicy": "linear", "backoffDelay": "PT0.05S"});
    let with_sink = json!({"retry": 0, "deadLetterSink": {"uri": sink}});
    let scene = scene
        .broker(json!({}))
        .trigger("taken", json!({"delivery": retries.clone()}))
        .trigger("parked", json!({"delivery": retries}))
        .trigger("buried", json!({"delivery": with_sink}))
        .trigger(
            "waits",
            json!({"delivery": {"retry": 9, "backoffDelay": "PT1M"}}),
        )
        .trigger("other", json!({"filters": [{"exact": {"type": "other"}}]}))
        .start()
        .await;
    scene
        .subscriber
        .script("/taken", Script::fail_first(2, 503));
    for path in ["/parked", "/buried", "/waits"] {
        scene.subscriber.script(path, Answer::status(500));
    }
    scene.accept(&scene.event("e1")).await;

    let taken = await_state(&scene, "e1", "taken", "delivered").await;
    let codes = taken["attempts"].as_array().expect("a list").iter();
    let codes: Vec<_> = codes
        .map(|it| (it["n"].clone(), it["code"].clone()))
        .collect();
    assert_eq!(
        codes,
        [
            (json!(1), json!(503)),
            (json!(2), json!(503)),
            (json!(3), json!(202))
        ]
    );
    let parked = await_state(&scene, "e1", "parked", "parked").await;
    assert_eq!(parked["reason"], "exhausted");
    assert_eq!(parked["attempts"].as_array().map(Vec::len), Some(3));
    // The story and the dead letter are one event: each has the channel's times.
    let letters = format!("/api/v1/dead-letters?namespace={}", scene.namespace);
    let letters = scene.server.admin().get(&letters).await;
    let letters = letters.expect("it answers").body;
    let letters: Value = serde_json::from_slice(&letters).expect("JSON");
    let letter = &letters["items"][0];
    let accepted_at = told(&scene, "e1").await["events"][0]["acceptedAt"].clone();
    assert_eq!(
        (&accepted_at, &parked["since"]),
        (&letter["acceptedAt"], &letter["parkedAt"]),
        "{letters}"
    );
    assert!(accepted_at.is_string(), "{letters}");
    let buried = await_state(&scene, "e1", "buried", "deadLettered").await;
    assert_eq!(buried["attempts"][1]["toSink"], true);
    let waits = await_state(&scene, "e1", "waits", "retrying").await;
    assert!(waits["nextAt"].is_string(), "{waits}");

    let told = told(&scene, "e1").await;
    let event = &told["events"][0];
    assert_eq!(
        (&event["matched"], &event["retained"]),
        (&json!(4), &json!(true))
    );
    let other = &event["triggers"][1];
    assert_eq!(
        (&other["name"], &other["decision"]),
        (&json!("other"), &json!("noMatch"))
    );
    assert!(
        other["filter"][0]["text"]
            .as_str()
            .is_some_and(|it| it.contains("exact type"))
    );
}

#[tokio::test]
async fn a_reply_is_told_with_its_cause_and_by_itself() {
    let reply = Event::new("answer", "/answers", "answer");
    let scene = Scene::new("replied").await.broker(json!({}));
    let scene = scene
        .trigger("asks", json!({"filters": [{"exact": {"type": "ask"}}]}))
        .trigger(
            "hold",
            json!({"delivery": {"retry": 9, "backoffDelay": "PT1M"}}),
        );
    let scene = scene.start().await;
    scene.subscriber.script("/asks", Answer::reply(&reply));
    scene.subscriber.script("/hold", Answer::status(500));
    scene.accept(&Event::new("question", "/asks", "ask")).await;
    let asks = await_state(&scene, "question", "asks", "delivered").await;
    assert_eq!(asks["replies"][0]["events"], 1);
    await_state(&scene, "answer", "hold", "retrying").await;
    let answer = told(&scene, "answer").await;
    assert_eq!(answer["events"][0]["reply"], true);
    assert_eq!(answer["events"][0]["source"], "/answers");
    assert_eq!(
        answer["events"][0]["position"],
        asks["replies"][0]["position"]
    );
}

#[tokio::test]
async fn the_command_tells_the_story_and_what_it_does_not_know() {
    let scene = Scene::new("command").await.broker(json!({}));
    let scene = scene.trigger("billing", json!({})).start().await;
    for source in ["/one", "/two"] {
        scene
            .accept(&Event::new("same", source, "order.paid"))
            .await;
    }
    scene.await_count("billing", 2).await;
    await_state(&scene, "same", "billing", "delivered").await;
    let broker = format!("{}/broker", scene.namespace);

    let both = explain(&scene.server, &["same", "--broker", &broker]);
    assert_eq!(both.code, Some(0), "{}", both.talk);
    for source in ["/one", "/two"] {
        let line = format!("event    order.paid  from {source}  id same  at ");
        assert!(both.out.contains(&line), "{}", both.out);
    }
    assert!(both.out.contains("  202  "), "{}", both.out);

    let words = [
        "same", "--broker", &*broker, "--source", "/two", "-o", "json",
    ];
    let one: Value = serde_json::from_str(&explain(&scene.server, &words).out).expect("JSON");
    assert_eq!(one["events"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["events"][0]["source"], "/two");

    let none = explain(&scene.server, &["never sent", "--broker", &broker]);
    assert_eq!(none.code, Some(1));
    assert!(
        none.talk.contains("no history knows of an event"),
        "{}",
        none.talk
    );
    assert!(
        none.talk
            .contains(&format!("that of {broker} reaches back to 20")),
        "{}",
        none.talk
    );
    let nowhere = explain(&scene.server, &["same", "--broker", "no/where"]);
    assert_eq!(nowhere.code, Some(1));
    assert!(
        nowhere.talk.contains("there is no broker no/where"),
        "{}",
        nowhere.talk
    );
}

/// A server with one broker and one trigger, whose data stays in `folder`.
async fn server_in(folder: &std::path::Path, more: &str) -> (Arc<Server>, Scene) {
    let settings = format!("data: {}\n{more}", folder.display());
    let server = Arc::new(Server::start(Setup::new().settings(&settings)).await);
    let scene = Scene::on(Arc::clone(&server), "kept").await;
    (server, scene)
}

#[tokio::test]
async fn a_story_outlives_the_server() {
    let folder = scratch_folder("history").expect("tests have a folder of their own");
    let (first, scene) = server_in(&folder, "").await;
    let scene = scene
        .broker(json!({}))
        .trigger("billing", json!({}))
        .start()
        .await;
    scene.accept(&scene.event("e1")).await;
    await_state(&scene, "e1", "billing", "delivered").await;
    first.kill();
    while first.is_running() {
        sleep(Duration::from_millis(5)).await;
    }
    let (_second, again) = server_in(&folder, "").await;
    let again = again.in_namespace(&scene.namespace).broker(json!({}));
    let again = again.start().await;
    // Half a second after the start it counts as deleted, not only as missing.
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut story = told(&again, "e1").await;
    while story["events"][0]["triggers"][0]["exists"] == true && Instant::now() < deadline {
        sleep(Duration::from_millis(50)).await;
        story = told(&again, "e1").await;
    }
    let billing = &story["events"][0]["triggers"][0];
    assert_eq!(billing["state"], "delivered", "{story}");
    assert_eq!(billing["exists"], false, "its manifest is gone: {story}");
    let gaps = &story["histories"][0]["gaps"];
    assert_eq!(
        gaps[0]["cause"], "crash",
        "the last moment may be missing: {story}"
    );
}

/// Whatever is done to its files, the broker serves and the history goes on.
#[tokio::test]
async fn a_history_that_is_damaged_is_replaced_and_no_event_is_affected() {
    let folder = scratch_folder("damaged").expect("tests have a folder of their own");
    let name = "damaged-00000001";
    let dir = folder.join("brokers").join(name).join("broker/history");
    std::fs::create_dir_all(&dir).expect("the folder was just made");
    std::fs::write(dir.join("log"), "no folder at all").expect("the folder was just made");
    let (server, scene) = server_in(&folder, "").await;
    let scene = scene.in_namespace(name).broker(json!({}));
    let scene = scene.trigger("billing", json!({})).start().await;
    scene.accept(&scene.event("e1")).await;
    scene.await_count("billing", 1).await;
    await_state(&scene, "e1", "billing", "delivered").await;
    let story = told(&scene, "e1").await;
    let notes = story["histories"][0]["notes"].to_string();
    assert!(notes.contains("set aside"), "{story}");
    assert_eq!(server.log().matches("is set aside").count(), 1);
    let labels = [("namespace", name), ("broker", "broker"), ("part", "log")];
    let damaged = metrics(&server).await;
    assert_eq!(
        damaged.values("sluicegate_history_damaged_total", &labels),
        [1]
    );
}

#[tokio::test]
async fn a_history_that_is_turned_off_says_so() {
    let setup = Setup::new().settings("history: {enabled: false}\n");
    let scene = Scene::on(Arc::new(Server::start(setup).await), "off").await;
    let scene = scene
        .broker(json!({}))
        .trigger("billing", json!({}))
        .start()
        .await;
    scene.accept(&scene.event("e1")).await;
    scene.await_count("billing", 1).await;
    let story = told(&scene, "e1").await;
    assert_eq!(story["events"], json!([]));
    assert_eq!(story["histories"][0]["enabled"], false);
    let done = explain(&scene.server, &["e1"]);
    assert!(
        done.talk.contains("`history.enabled` is false"),
        "{}",
        done.talk
    );
}
