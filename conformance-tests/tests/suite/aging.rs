//! What waits for too long, and what lies in the dead-letter store for too long.

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::Mode;
use sluicegate_conformance::http1::Message;
use sluicegate_conformance::subscriber::Answer;
use tokio::time::{Instant, sleep};

use crate::scene::{PATIENCE, Scene, ids, metrics};

/// From one look at the dead letters to the next, and a little.
const LOOK: Duration = Duration::from_secs(16);

/// A broker on the channel that the suite runs on, where it says.
async fn scene(name: &str, config: Value) -> Scene {
    let channel = match std::env::var("SLUICEGATE_TEST_CHANNEL").as_deref() {
        Ok("disk") => {
            json!({"disk": {"segmentBytes": "1Mi", "reserveBytes": 0, "minFreeBytes": 0, "minFreePercent": 0}})
        }
        _ => json!({"memory": {}}),
    };
    let mut config = config;
    config["channel"] = channel;
    Scene::new(name).await.configured_broker(config)
}

async fn letters(scene: &Scene) -> Vec<Value> {
    let path = format!("/api/v1/dead-letters?namespace={}", scene.namespace);
    let answer = scene.server.admin().send(Request::get(&path)).await;
    let answer = answer.expect("it answers");
    let page: Value = serde_json::from_slice(&answer.body).expect("it is JSON");
    page["items"].as_array().cloned().unwrap_or_default()
}

async fn end(scene: &Scene, verb: &str, letter: &Value) -> Message {
    let named = json!({
        "namespace": letter["namespace"],
        "trigger": letter["trigger"],
        "position": letter["position"],
    });
    let request = Request::post(&format!("/api/v1/dead-letters:{verb}"))
        .header("Content-Type", "application/json")
        .body(named.to_string());
    let answer = scene.server.admin().send(request).await;
    answer.expect("it answers")
}

/// Sends until the answer has that status, and gives it.
async fn until(scene: &Scene, status: u16, within: Duration) -> Message {
    let deadline = Instant::now() + within;
    loop {
        let answer = scene.send(&scene.event("later"), Mode::Binary).await;
        if answer.status() == Some(status) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        sleep(Duration::from_millis(500)).await;
    }
}

/// G6: what is pending for longer than it may be is parked with that reason, and a pause stops the
/// time.
#[tokio::test]
async fn what_is_pending_for_too_long_is_parked_and_a_pause_stops_the_time() {
    let config = json!({"limits": {"maxPendingAge": "PT2S"}});
    let scene = scene("pending", config).await;
    let patient = json!({"delivery": {"retry": 1_000, "backoffDelay": "PT0.2S"}});
    let paused = json!({"sluicegate.dev/paused": "true"});
    let mut scene = scene
        .trigger("down", patient.clone())
        .annotated_trigger("held", paused, patient.clone())
        .start()
        .await;
    scene.subscriber.script("/down", Answer::status(500));
    scene.accept(&scene.event("1")).await;
    scene
        .await_books("down", "one parked", |books| books.parked == 1)
        .await;
    let letter = letters(&scene).await.remove(0);
    assert_eq!(letter["reason"]["kind"], "overdue", "{letter}");
    let detail = letter["reason"]["detail"].to_string();
    assert!(detail.contains("longer than PT2S"), "{detail}");
    let sends = scene.received("down").len();
    assert!(sends > 2, "it was tried for as long: {sends}");

    // Older than it may be by far, and yet it has its time from the pause's end on.
    let books = scene
        .await_books("held", "one waiting", |books| books.pending == 1)
        .await;
    assert_eq!(books.parked, 0);
    scene.edit_trigger("held", patient);
    assert_eq!(ids(&scene.await_count("held", 1).await), ["1"]);
}

/// G6: letters that lie for too long keep new events out, with the way out in the answer.
#[tokio::test]
async fn letters_that_lie_for_too_long_keep_new_events_out_until_someone_acts() {
    let config = json!({"deadLetters": {"maxAge": "PT1S"}});
    let scene = scene("unattended", config).await;
    let scene = scene.trigger("bad", json!({})).start().await;
    scene.subscriber.script("/bad", Answer::status(400));
    scene.accept(&scene.event("1")).await;
    scene
        .await_books("bad", "one parked", |books| books.parked == 1)
        .await;
    let refused = until(&scene, 507, LOOK + PATIENCE).await;
    let body = String::from_utf8_lossy(&refused.body).into_owned();
    let trigger = format!("{}/bad", scene.namespace);
    for part in [
        "W055",
        &format!("of trigger {trigger}"),
        "longer than PT1S",
        &format!("sluicegate dead redrive --trigger {trigger}"),
    ] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
    assert!(refused.headers.get("Retry-After").is_some());
    let admin = scene.server.admin();
    let brokers = admin.get("/api/v1/brokers").await.expect("it answers");
    let brokers = String::from_utf8_lossy(&brokers.body).into_owned();
    assert!(brokers.contains("DeadLettersTooOld"), "{brokers}");
    let labels = [("namespace", &*scene.namespace), ("trigger", "bad")];
    let too_old = metrics(&scene.server).await;
    let too_old = too_old.values("sluicegate_dead_letters_too_old", &labels);
    assert!(too_old[0] > 0, "{too_old:?}");

    // Whatever is done with them will do.
    scene.subscriber.script("/bad", Answer::status(200));
    let mut all = letters(&scene).await.into_iter();
    let first = all.next().expect("there is one");
    assert_eq!(end(&scene, "redrive", &first).await.status(), Some(200));
    for letter in all {
        assert_eq!(end(&scene, "discard", &letter).await.status(), Some(200));
    }
    until(&scene, 202, PATIENCE).await;
}

/// G6: where it is asked for they are discarded instead, and counted so.
#[tokio::test]
async fn letters_that_lie_for_too_long_are_discarded_where_that_is_asked_for() {
    let config = json!({"deadLetters": {"maxAge": "PT1S", "whenExpired": "discard"}});
    let scene = scene("discarding", config).await;
    let scene = scene.trigger("bad", json!({})).start().await;
    scene.subscriber.script("/bad", Answer::status(400));
    scene.accept(&scene.event("1")).await;
    scene
        .await_books("bad", "one discarded", |books| books.discarded == 1)
        .await;
    assert!(letters(&scene).await.is_empty());
    let labels = [("namespace", &*scene.namespace), ("reason", "age")];
    let discarded = metrics(&scene.server).await;
    let discarded = discarded.values("sluicegate_discarded_events_total", &labels);
    assert_eq!(discarded, [1]);
    until(&scene, 202, PATIENCE).await;
}
