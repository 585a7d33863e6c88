//! The channel on disk from outside: what is accepted outlives the process, a disk without room
//! refuses and says so, and a folder has one owner. What faults do to it stands with the drivers.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::{Server, Setup, scratch_folder};
use sluicegate_conformance::subscriber::{Answer, Subscriber};

use crate::scene::{PATIENCE, await_verbose, ids, metrics};

/// A channel that takes events on whatever disk the tests run on, and little of its room.
const SMALL: &str = "defaultChannel: {disk: {segmentBytes: 1Mi, reserveBytes: 0, minFreeBytes: 0, \
                     minFreePercent: 0}}\n";

const BROKER: &str = "apiVersion: eventing.knative.dev/v1\nkind: Broker\n\
                      metadata: {name: orders, namespace: disk}\n";

/// A server on `data`, which outlives it.
fn on(data: &Path, settings: &str) -> Setup {
    let mut setup = Setup::new().settings(settings);
    setup.arguments = vec!["--data".to_owned(), data.display().to_string()];
    setup
}

fn trigger(name: &str, subscriber: &Subscriber) -> String {
    format!(
        "apiVersion: eventing.knative.dev/v1\nkind: Trigger\n\
         metadata: {{name: {name}, namespace: disk}}\n\
         spec:\n  broker: orders\n  subscriber: {{uri: {}}}\n",
        subscriber.url(&format!("/{name}"))
    )
}

fn event(id: &str) -> Event {
    Event::new(id, "/disk", "disk.kept")
}

/// G2: killed with an event that nobody took yet, in a folder that stays.
#[tokio::test]
async fn what_was_accepted_is_delivered_by_the_next_process() {
    let data = scratch_folder("data").expect("tests have a folder of their own");
    let subscriber = Subscriber::start().await.expect("loopback has free ports");
    subscriber.script("/late", Answer::status(503));
    let objects = format!("{BROKER}---\n{}", trigger("late", &subscriber));
    let setup = || on(&data, SMALL).manifest("orders.yaml", &*objects);
    let first = Server::start(setup()).await;
    for id in ["1", "2", "3"] {
        first.accept("/disk/orders", &event(id)).await;
    }
    first.kill();
    first.exit(PATIENCE).await;

    subscriber.script("/late", Answer::status(202));
    let second = Server::start(setup()).await;
    second.accept("/disk/orders", &event("4")).await;
    let has_all = |received: &[sluicegate_conformance::subscriber::Received]| {
        let taken = received.iter().filter(|it| it.answered == Some(202));
        let mut ids: Vec<_> = taken.map(|it| it.event().get("id").to_owned()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids == ["1", "2", "3", "4"]
    };
    subscriber
        .await_where("/late", PATIENCE, "all four events", has_all)
        .await;
    second.terminate();
    assert_eq!(second.exit(PATIENCE).await.code(), Some(0));
    std::fs::remove_dir_all(data).ok();
}

/// G16: what is wrong with a manifest hides no backlog, and costs none.
#[tokio::test]
async fn a_trigger_whose_manifest_is_invalid_at_a_start_is_listed_with_its_lag() {
    let data = scratch_folder("data").expect("tests have a folder of their own");
    let subscriber = Subscriber::start().await.expect("loopback has free ports");
    subscriber.script("/late", Answer::status(503));
    let late = trigger("late", &subscriber);
    let setup = |late: &str| {
        let setup = on(&data, SMALL).manifest("orders.yaml", BROKER);
        setup.manifest("late.yaml", late)
    };
    let first = Server::start(setup(&late)).await;
    for id in ["1", "2"] {
        first.accept("/disk/orders", &event(id)).await;
    }
    subscriber.await_count("/late", 1, PATIENCE).await;
    first.terminate();
    first.exit(PATIENCE).await;

    let wrong = late.replace("subscriber:", "subscribber:");
    let second = Server::start(setup(&wrong)).await;
    second.accept("/disk/orders", &event("3")).await;
    let listed = second
        .admin()
        .get("/api/v1/triggers")
        .await
        .expect("a list");
    let listed: serde_json::Value = serde_json::from_slice(&listed.body).expect("JSON");
    let row = &listed["items"][0];
    for (field, value) in [
        ("name", json!("late")),
        ("broker", json!("orders")),
        ("ready", json!(false)),
        ("reason", json!("ManifestInvalid")),
        ("lag", json!(3)),
    ] {
        assert_eq!(row[field], value, "{field} of {row}");
    }
    let message = row["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("late.yaml:") && message.contains("subscribber"),
        "{message}"
    );
    let told = format!("[-]trigger disk/late {message}");
    await_verbose(&second, |text| text.contains(&told)).await;
    let pending = [("trigger", "late"), ("state", "pending")];
    let values = metrics(&second).await;
    assert_eq!(values.values("sluicegate_trigger_events", &pending), [3]);
    let named = json!({"namespace": "disk", "trigger": "late"});
    let refused = post(&second, "/api/v1/triggers:pause", &named).await;
    let detail = refused["detail"].as_str().unwrap_or_default();
    assert!(
        detail.contains("not served") && detail.contains("subscribber"),
        "{refused}"
    );

    subscriber.script("/late", Answer::status(202));
    second.write_manifest("late.yaml", &late);
    let took = |received: &[sluicegate_conformance::subscriber::Received]| {
        let taken = received.iter().filter(|it| it.answered == Some(202));
        taken.count() == 3
    };
    subscriber
        .await_where("/late", PATIENCE, "all three events", took)
        .await;
    second.terminate();
    second.exit(PATIENCE).await;
    std::fs::remove_dir_all(data).ok();
}

async fn post(server: &Server, path: &str, body: &serde_json::Value) -> serde_json::Value {
    let request = Request::post(path)
        .header("Content-Type", "application/json")
        .body(body.to_string());
    let answer = server.admin().send(request).await.expect("it answers");
    serde_json::from_slice(&answer.body).expect("the admin API answers in JSON")
}

/// A trigger that was paused by command stays so, and what is settled can be replayed, in the next
/// process.
#[tokio::test]
async fn a_pause_by_command_and_what_is_settled_outlive_the_process() {
    let data = scratch_folder("data").expect("tests have a folder of their own");
    let subscriber = Subscriber::start().await.expect("loopback has free ports");
    let [held, quick] = ["held", "quick"].map(|name| trigger(name, &subscriber));
    let objects = format!("{BROKER}---\n{held}---\n{quick}");
    let setup = || on(&data, SMALL).manifest("orders.yaml", &*objects);
    let first = Server::start(setup()).await;
    let named = json!({"namespace": "disk", "trigger": "held"});
    let paused = post(&first, "/api/v1/triggers:pause", &named).await;
    assert_eq!(paused["paused"], true, "{paused}");
    for id in ["1", "2", "3"] {
        first.accept("/disk/orders", &event(id)).await;
    }
    subscriber.await_count("/quick", 3, PATIENCE).await;
    first.terminate();
    assert_eq!(first.exit(PATIENCE).await.code(), Some(0));

    let second = Server::start(setup()).await;
    let replay = json!({"replay": {"namespace": "disk", "broker": "orders"}});
    post(&second, "/api/v1/operations", &replay).await;
    let again = subscriber.await_count("/quick", 6, PATIENCE).await;
    assert_eq!(ids(&again), ["1", "1", "2", "2", "3", "3"]);
    assert!(subscriber.received("/held").is_empty(), "it is paused");
    let resumed = post(&second, "/api/v1/triggers:resume", &named).await;
    assert_eq!(resumed["paused"], false, "{resumed}");
    let late = subscriber.await_count("/held", 3, PATIENCE).await;
    assert_eq!(ids(&late), ["1", "2", "3"]);
    second.terminate();
    second.exit(PATIENCE).await;
    std::fs::remove_dir_all(data).ok();
}

/// G8: below the room that is kept free, senders are told so, and everyone who looks.
#[tokio::test]
async fn a_disk_without_room_is_507_and_shown() {
    let settings = SMALL.replace("minFreeBytes: 0", "minFreeBytes: 1Pi");
    let setup = Setup::new().settings(&settings);
    let server = Server::start(setup.manifest("orders.yaml", BROKER)).await;
    let answer = server.send("/disk/orders", &event("1"), Mode::Binary).await;
    assert_eq!(answer.status(), Some(507), "{answer:?}");
    let retry_after = answer.headers.get("retry-after");
    assert_eq!(retry_after.as_deref(), Some("5"), "{answer:?}");
    let problem = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(problem.contains("/e/W052"), "{problem}");

    let is_told = |text: &str| text.contains("[-]broker disk/orders The disk has less room");
    await_verbose(&server, is_told).await;
    let brokers = server.admin().get("/api/v1/brokers").await.expect("a list");
    let brokers: serde_json::Value = serde_json::from_slice(&brokers.body).expect("JSON");
    let broker = &brokers["items"][0];
    assert_eq!(broker["reason"], "DiskFull", "{broker}");
    assert_eq!(broker["durability"], "disk", "{broker}");
    assert_eq!(broker["disk"]["refuses"], "no_space", "{broker}");
    let refusing = [("broker", "orders"), ("reason", "no_space")];
    let values = metrics(&server).await;
    let values = values.values("sluicegate_store_refusing", &refusing);
    assert_eq!(values, [1]);
}

#[tokio::test]
async fn a_folder_in_use_is_named_and_refused_with_78() {
    let data = scratch_folder("data").expect("tests have a folder of their own");
    let _first = Server::start(on(&data, SMALL)).await;
    let second = Server::spawn(on(&data, SMALL)).expect("the binary is there");
    let status = second.exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(78), "{}", second.log());
    let log = second.log();
    assert!(log.contains(&data.display().to_string()), "{log}");
    assert!(log.contains("in use"), "{log}");
    std::fs::remove_dir_all(data).ok();
}

/// As where a supervisor starts the next process right behind a kill.
#[tokio::test]
async fn a_start_waits_for_a_process_that_is_being_killed_to_let_go_of_its_folder() {
    let data = scratch_folder("data").expect("tests have a folder of their own");
    let first = Server::start(on(&data, SMALL)).await;
    let second = Server::spawn(on(&data, SMALL)).expect("the binary is there");
    let says = async |word: &str| {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !second.log().contains(word) {
            assert!(
                second.is_running() && tokio::time::Instant::now() < deadline,
                "{word}: {}",
                second.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    says("waiting up to 3 s").await;
    first.kill();
    says("sluicegate.start").await;
    std::fs::remove_dir_all(data).ok();
}
