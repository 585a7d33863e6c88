//! An event that is sent again within the window is taken and stored once (G3).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::{Server, Setup, scratch_folder};
use tokio::time::sleep;

use crate::command::sluicegate;
use crate::scene::{Scene, ids, metrics};

/// With a data folder on disk: only what outlives the server has a window that does.
async fn scene(name: &str, data: Option<&Path>) -> Scene {
    let data = data.map_or_else(String::new, |folder| {
        format!("data: {}\n{ON_DISK}", folder.display())
    });
    let settings = format!("ingress: {{deduplicate: {{window: PT10M}}}}\n{data}");
    let server = Server::start(Setup::new().settings(&settings)).await;
    Scene::on(Arc::new(server), name).await.broker(json!({}))
}

const ON_DISK: &str = "defaultChannel: {disk: {segmentBytes: 1Mi, reserveBytes: 0, minFreeBytes: 0, \
                       minFreePercent: 0}}\n";

async fn duplicates(scene: &Scene) -> Vec<u64> {
    let labels = [("namespace", &*scene.namespace), ("broker", "broker")];
    let metrics = metrics(&scene.server).await;
    metrics.values("sluicegate_ingress_duplicates_total", &labels)
}

#[tokio::test]
async fn an_event_that_is_sent_again_is_taken_and_stored_once() {
    let scene = scene("again", None).await.trigger("all", json!({}));
    let scene = scene.start().await;
    for _ in 0..3 {
        scene.accept(&scene.event("1")).await;
    }
    scene
        .accept(&Event::new("1", "/other", "conformance"))
        .await;
    let books = scene.quiet_books("all", 2).await;
    assert_eq!(books.accepted, 2);
    assert_eq!(ids(&scene.received("all")), ["1", "1"]);
    assert_eq!(duplicates(&scene).await, [2]);
}

#[tokio::test]
async fn a_batch_is_stored_without_what_was_stored_before() {
    let scene = scene("batch", None).await.trigger("all", json!({}));
    let scene = scene.start().await;
    scene.accept(&scene.event("1")).await;
    for _ in 0..2 {
        let members = ["1", "2", "2", "3"].map(|id| {
            json!({"specversion": "1.0", "id": id, "source": "/conformance", "type": "conformance"})
        });
        let request = Request::post(&scene.path())
            .header("Content-Type", "application/cloudevents-batch+json")
            .body(Value::from(members.to_vec()).to_string());
        assert_eq!(scene.send_request(&request).await.status(), Some(202));
    }
    assert_eq!(scene.quiet_books("all", 3).await.accepted, 3);
    assert_eq!(ids(&scene.received("all")), ["1", "2", "3"]);
}

/// The status stays what it was, so no producer has to know; who wants to can see it.
#[tokio::test]
async fn the_answer_says_how_many_were_duplicates_and_send_prints_it() {
    let scene = scene("told", None).await.trigger("all", json!({}));
    let scene = scene.start().await;
    let batch = |ids: &[&str]| {
        let members = ids.iter().map(|id| {
            json!({"specversion": "1.0", "id": id, "source": "/conformance", "type": "conformance"})
        });
        Request::post(&scene.path())
            .header("Content-Type", "application/cloudevents-batch+json")
            .body(Value::from(members.collect::<Vec<_>>()).to_string())
    };
    for (ids, told) in [
        (&["1"][..], None),
        (&["1"], Some("1")),
        (&["1", "2", "2", "3"], Some("2")),
        (&["4", "5"], None),
        (&[], None),
    ] {
        let answer = scene.send_request(&batch(ids)).await;
        assert_eq!(answer.status(), Some(202), "{ids:?}");
        let header = answer.headers.get("sluicegate-duplicates");
        assert_eq!(header.as_deref(), told, "{ids:?}");
    }
    let broker = format!("{}/broker", scene.namespace);
    let admin = format!("http://{}", scene.server.admin().0);
    let words = |more: &[&str]| {
        let first = [
            "send", "demo", "--id", "s1", "--source", "/me", "--broker", &broker,
        ];
        let words = first
            .iter()
            .copied()
            .chain(["--server", &*admin])
            .chain(more.iter().copied());
        sluicegate(&words.collect::<Vec<_>>(), "")
    };
    let first = words(&[]);
    assert!(!first.out.contains("duplicate"), "{}", first.out);
    for more in [&[][..], &["--wait=settled"]] {
        let again = words(more);
        assert_eq!(again.code, Some(0), "{}", again.talk);
        assert!(again.out.starts_with("202 accepted"), "{}", again.out);
        assert!(again.out.contains("   a duplicate\n"), "{}", again.out);
        let command = "sluicegate explain s1 --source /me";
        assert!(again.talk.contains(command), "{}", again.talk);
    }
}

/// G3: what was remembered a moment before is not lost with the process.
#[tokio::test]
async fn what_was_stored_just_before_a_kill_is_a_duplicate_after_it() {
    let folder = scratch_folder("killed-window").expect("tests have a folder of their own");
    let first = scene("killed", Some(&folder)).await;
    let first = first.trigger("all", json!({})).start().await;
    for id in 0..50 {
        first.accept(&first.event(&id.to_string())).await;
    }
    first.server.kill();
    while first.server.is_running() {
        sleep(Duration::from_millis(5)).await;
    }
    let again = scene("killed", Some(&folder)).await;
    let again = again.in_namespace(&first.namespace).broker(json!({}));
    let again = again.trigger("all", json!({})).start().await;
    for id in 0..51 {
        again.accept(&again.event(&id.to_string())).await;
    }
    assert_eq!(duplicates(&again).await, [50]);
}

#[tokio::test]
async fn of_many_at_once_one_is_stored_and_all_are_taken() {
    let scene = scene("at-once", None).await.trigger("all", json!({}));
    let scene = scene.start().await;
    let event = scene.event("1");
    let mut sending = Vec::new();
    for _ in 0..32 {
        let (server, path, event) = (Arc::clone(&scene.server), scene.path(), event.clone());
        sending.push(tokio::spawn(async move {
            server.send(&path, &event, Mode::Binary).await.status()
        }));
    }
    for sent in sending {
        assert_eq!(sent.await.expect("it does not panic"), Some(202));
    }
    assert_eq!(scene.quiet_books("all", 1).await.accepted, 1);
}

#[tokio::test]
async fn the_window_outlives_the_server() {
    let folder = scratch_folder("window").expect("tests have a folder of their own");
    let first = scene("outlives", Some(&folder)).await;
    let first = first.trigger("all", json!({})).start().await;
    first.accept(&first.event("1")).await;
    first.quiet_books("all", 1).await;
    first.server.terminate();
    while first.server.is_running() {
        sleep(Duration::from_millis(5)).await;
    }
    let again = scene("outlives", Some(&folder)).await;
    let again = again.in_namespace(&first.namespace).broker(json!({}));
    let again = again.trigger("all", json!({})).start().await;
    again.accept(&again.event("1")).await;
    again.accept(&again.event("2")).await;
    again.await_count("all", 1).await;
    assert_eq!(ids(&again.received("all")), ["2"]);
    assert_eq!(duplicates(&again).await, [1]);
}

#[tokio::test]
async fn without_the_setting_every_event_is_stored() {
    let scene = Scene::new("not-asked").await.broker(json!({}));
    let scene = scene.trigger("all", json!({})).start().await;
    for _ in 0..2 {
        scene.accept(&scene.event("1")).await;
    }
    assert_eq!(scene.quiet_books("all", 2).await.accepted, 2);
}
