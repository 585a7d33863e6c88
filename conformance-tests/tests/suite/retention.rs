//! What is kept of settled events, seen from outside: they go by size, and nothing goes that somebody
//! has not had.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::Event;
use sluicegate_conformance::harness::{Server, Setup, scratch_folder};
use tokio::time::{Instant, sleep};

use crate::history::told;
use crate::operations::{begin, ended};
use crate::scene::{PATIENCE, Scene, ids};

/// Eight events fill a file.
const DATA_BYTES: usize = 7 << 10;
const SETTLED: usize = 40;
const HELD: usize = 30;

const SETTINGS: &str = "defaultChannel: {disk: {segmentBytes: 64Ki, reserveBytes: 0, \
                        minFreeBytes: 0, minFreePercent: 0}}\n";

fn numbered(kind: &str, number: usize) -> Event {
    let id = format!("{kind}-{number:02}");
    Event::new(&id, "/retention", "retention.kept").with_data("text/plain", "x".repeat(DATA_BYTES))
}

fn all_ids(kind: &str, count: usize) -> Vec<String> {
    (0..count).map(|it| format!("{kind}-{it:02}")).collect()
}

/// Whether the channel still has the event.
async fn is_retained(scene: &Scene, id: &str) -> bool {
    told(scene, id).await["events"][0]["retained"] == json!(true)
}

async fn command(scene: &Scene, verb: &str, trigger: &str) {
    let named = json!({"namespace": scene.namespace, "trigger": trigger});
    let request = Request::post(&format!("/api/v1/triggers:{verb}"))
        .header("Content-Type", "application/json")
        .body(named.to_string());
    let answer = scene.server.admin().send(request).await;
    assert_eq!(answer.expect("it answers").status(), Some(200));
}

/// What a replay of everything sends to the trigger again.
async fn replayed(scene: &Scene, trigger: &str) -> Vec<String> {
    let before = scene.received(trigger).len();
    let replay = json!({"replay": {"namespace": scene.namespace, "broker": "broker",
        "triggers": [trigger]}});
    let ended: Value = ended(&scene.server, &begin(scene, replay).await).await;
    assert_eq!(ended["state"], "done", "{ended}");
    let sent = ended["progress"]["done"].as_u64().expect("a number");
    let sent = usize::try_from(sent).expect("there are few");
    let received = scene.await_count(trigger, before + sent).await;
    ids(&received[before..])
}

/// G1: by size the oldest go, and only what everybody is through with; another broker's stay.
#[tokio::test]
async fn what_is_settled_goes_by_size_and_what_somebody_has_not_had_stays() {
    let data = scratch_folder("retention").expect("tests have a folder of their own");
    let mut setup = Setup::new().settings(SETTINGS);
    setup.arguments = vec!["--data".to_owned(), data.display().to_string()];
    let server = Arc::new(Server::start(setup).await);
    let beside = Scene::on(Arc::clone(&server), "beside").await;
    let beside = beside.broker(json!({})).trigger("keen", json!({}));
    let beside = beside.start().await;
    let scene = Scene::on(Arc::clone(&server), "retention").await;
    let disk = json!({"segmentBytes": "64Ki", "reserveBytes": 0, "minFreeBytes": 0,
        "minFreePercent": 0});
    let bounded = json!({"channel": {"disk": disk}, "retention": {"maxBytes": "128Ki"}});
    let scene = scene.configured_broker(bounded);
    let scene = scene.trigger("keen", json!({})).trigger("held", json!({}));
    let scene = scene.start().await;

    for number in 0..SETTLED {
        scene.accept(&numbered("settled", number)).await;
        beside.accept(&numbered("settled", number)).await;
    }
    scene.quiet(SETTLED as u64).await;
    beside.quiet(SETTLED as u64).await;
    command(&scene, "pause", "held").await;
    for number in 0..HELD {
        scene.accept(&numbered("held", number)).await;
    }
    scene.await_count("keen", SETTLED + HELD).await;

    // What is sealed and settled goes; the file in which the first of the others stands is needed.
    let began = Instant::now();
    while is_retained(&scene, "settled-24").await {
        assert!(began.elapsed() < PATIENCE, "what is settled stays");
        sleep(Duration::from_millis(50)).await;
    }
    let retained = replayed(&scene, "keen").await;
    let held = all_ids("held", HELD);
    assert!(!retained.contains(&"settled-00".to_owned()), "{retained:?}");
    assert_eq!(retained[..HELD], held, "nothing of them is gone");
    assert!(retained.len() < HELD + SETTLED / 2, "{retained:?}");
    assert_eq!(
        replayed(&beside, "keen").await,
        all_ids("settled", SETTLED),
        "nothing bounds the other broker"
    );

    command(&scene, "resume", "held").await;
    let received = scene.await_count("held", SETTLED + HELD).await;
    assert_eq!(ids(&received[SETTLED..]), held);
    std::fs::remove_dir_all(data).ok();
}
