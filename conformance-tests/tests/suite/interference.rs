//! What operators did to an event is part of its story: commands, and triggers that they deleted.

use serde_json::{Value, json};
use sluicegate_conformance::client::Request;
use sluicegate_conformance::subscriber::Answer;

use crate::history::{await_state, explain, told};
use crate::operations::{begin, ended};
use crate::scene::Scene;

/// Begins an operation and waits for its end; gives its id.
async fn operate(scene: &Scene, request: Value) -> String {
    let operation = begin(scene, request).await;
    let done = ended(&scene.server, &operation).await;
    assert_eq!(done["state"], "done", "{done}");
    let id = operation["id"].as_str();
    id.expect("an operation has an id").to_owned()
}

/// What was commanded of the event with each trigger: what, and by which operation.
fn commands(trigger: &Value) -> Vec<(&str, &str)> {
    let commands = trigger["commands"].as_array().map(Vec::as_slice);
    commands
        .unwrap_or_default()
        .iter()
        .map(|it| {
            let word = |member: &str| it[member].as_str().unwrap_or("-");
            (word("what"), word("operation"))
        })
        .collect()
}

/// Redriven by filter, by name, replayed, and discarded in the end: each is told with who did it.
#[tokio::test]
async fn what_was_commanded_of_an_event_is_part_of_its_story() {
    let scene = Scene::new("commanded").await.broker(json!({"retry": 0}));
    let scene = scene.trigger("bad", json!({})).trigger("good", json!({}));
    let slow = json!({"delivery": {"retry": 9, "backoffDelay": "PT1M"}});
    let scene = scene.trigger("holds", slow).start().await;
    scene.subscriber.script("/bad", Answer::status(400));
    scene.subscriber.script("/holds", Answer::status(500));
    scene.accept(&scene.event("e1")).await;
    await_state(&scene, "e1", "bad", "parked").await;
    await_state(&scene, "e1", "good", "delivered").await;

    let letters = json!({"namespace": scene.namespace, "trigger": "bad"});
    let request = json!({"redrive": {"letters": letters}});
    let redrive = operate(&scene, request).await;
    scene.await_count("bad", 2).await;
    let parked = await_state(&scene, "e1", "bad", "parked").await;
    assert_eq!(commands(&parked), [("redriven", &*redrive)]);
    assert_eq!(parked["commands"][0]["reason"], "refused", "{parked}");

    let position = told(&scene, "e1").await["events"][0]["position"].clone();
    let letter = json!({"namespace": scene.namespace, "trigger": "bad", "position": position});
    let named = Request::post("/api/v1/dead-letters:redrive")
        .header("Content-Type", "application/json")
        .body(letter.to_string());
    let answer = scene.server.admin().send(named).await.expect("it answers");
    assert_eq!(answer.status(), Some(200));
    scene.await_count("bad", 3).await;
    await_state(&scene, "e1", "bad", "parked").await;

    let request = json!({"discard": {"letters": letters}});
    let discard = operate(&scene, request).await;
    let bad = await_state(&scene, "e1", "bad", "discarded").await;
    let expected = [
        ("redriven", &*redrive),
        ("redriven", "-"),
        ("discarded", &*discard),
    ];
    assert_eq!(commands(&bad), expected, "{bad}");

    let replay = json!({"replay": {"namespace": scene.namespace, "broker": "broker",
        "triggers": ["good", "holds"]}});
    let replay = operate(&scene, replay).await;
    scene.await_count("good", 2).await;
    let good = await_state(&scene, "e1", "good", "delivered").await;
    assert_eq!(commands(&good), [("replayed", &*replay)]);
    let holds = await_state(&scene, "e1", "holds", "retrying").await;
    assert_eq!(commands(&holds), [], "it has not had it yet: {holds}");

    let broker = format!("{}/broker", scene.namespace);
    let shown = explain(&scene.server, &["e1", "--broker", &broker]).out;
    for line in [
        format!("redriven by operation {redrive}, parked (refused) since "),
        "redriven by command, parked (refused) since ".to_owned(),
        format!("discarded by operation {discard}, parked (refused) since "),
        format!("replayed by operation {replay}\n"),
    ] {
        assert!(shown.contains(&line), "{line}: {shown}");
    }
}

/// A deletion is one record, and told with every event that it cost.
#[tokio::test]
async fn a_trigger_that_was_deleted_is_told_with_the_events_that_it_cost() {
    let slow = json!({"delivery": {"retry": 9, "backoffDelay": "PT1M"}});
    let scene = Scene::new("deleted").await.broker(json!({}));
    let scene = scene.trigger("tried", slow.clone()).trigger("stays", slow);
    let paused = json!({"sluicegate.dev/paused": "true"});
    let mut scene = scene
        .annotated_trigger("paused", paused, json!({}))
        .start()
        .await;
    for path in ["/tried", "/stays"] {
        scene.subscriber.script(path, Answer::status(500));
    }
    scene.accept(&scene.event("e1")).await;
    for trigger in ["tried", "stays"] {
        await_state(&scene, "e1", trigger, "retrying").await;
    }
    scene.remove_trigger("tried");
    scene.remove_trigger("paused");
    let tried = await_state(&scene, "e1", "tried", "cancelled").await;
    assert_eq!(tried["deletedAt"], tried["since"], "{tried}");
    await_state(&scene, "e1", "stays", "retrying").await;
    let story = told(&scene, "e1").await;
    let deletions = &story["events"][0]["deletions"];
    assert_eq!(
        (&deletions[0]["trigger"], &deletions[0]["cancelled"]),
        (&json!("paused"), &json!(1)),
        "{story}"
    );
    let broker = format!("{}/broker", scene.namespace);
    let shown = explain(&scene.server, &["e1", "--broker", &broker]).out;
    for line in [
        "cancelled: the trigger was deleted before it was through with it",
        "trigger  paused  deleted at ",
        "with 1 event that it was not through with",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

/// Who asks for something else is told that the event is known.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_trigger_and_another_source_do_not_hide_that_the_event_is_known() {
    let other = json!({"filters": [{"exact": {"type": "other"}}]});
    let slow = json!({"delivery": {"retry": 9, "backoffDelay": "PT1M"}});
    let scene = Scene::new("asked").await.broker(json!({}));
    let mut scene = scene.trigger("stays", slow).trigger("gone", other);
    scene = scene.start().await;
    scene.subscriber.script("/stays", Answer::status(500));
    scene.accept(&scene.event("asked-1")).await;
    await_state(&scene, "asked-1", "stays", "retrying").await;
    scene.remove_trigger("gone");
    let gone = format!("{}/gone", scene.namespace);
    let began = tokio::time::Instant::now();
    let told = loop {
        let told = explain(&scene.server, &["asked-1", "--trigger", &gone]);
        if told.code == Some(1) && told.talk.contains("deleted at") {
            break told;
        }
        assert!(began.elapsed() < crate::scene::PATIENCE, "{}", told.talk);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let wanted = format!("nothing is known of the event asked-1 and the trigger {gone}");
    assert!(told.talk.contains(&wanted), "{}", told.talk);
    let told = explain(&scene.server, &["asked-1", "--source", "/nowhere"]);
    assert_eq!(told.code, Some(1), "{}", told.talk);
    assert!(
        told.talk.contains("the id is known with the source"),
        "{}",
        told.talk
    );
}
