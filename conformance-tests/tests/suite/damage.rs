//! Damage to stored events that is met while the server runs: told, counted once, and not forgotten.

use std::path::Path;

use serde_json::json;
use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::Event;
use sluicegate_conformance::harness::{Server, Setup, scratch_folder};

use crate::operations;
use crate::scene::{PATIENCE, metrics};

const BROKER: &str = "apiVersion: eventing.knative.dev/v1\nkind: Broker\n\
                      metadata: {name: orders, namespace: rot}\n";

async fn on(data: &Path) -> Server {
    let small = "defaultChannel: {disk: {minFreeBytes: 0, minFreePercent: 0, reserveBytes: 0}}\n";
    let mut setup = Setup::new().settings(small).manifest("orders.yaml", BROKER);
    setup.arguments = vec!["--data".to_owned(), data.display().to_string()];
    Server::start(setup).await
}

async fn end(server: Server) {
    server.terminate();
    assert_eq!(server.exit(PATIENCE).await.code(), Some(0));
}

async fn lost(server: &Server) -> Vec<u64> {
    let labels = [("namespace", "rot"), ("broker", "orders")];
    let metrics = metrics(server).await;
    metrics.values("sluicegate_store_lost_events", &labels)
}

fn told(server: &Server) -> usize {
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains("W026"));
    lines
        .filter(|line| line.contains(".log") && line.contains("check the disk"))
        .count()
}

/// A byte of the first event, in a file that no start reads whole any more.
#[tokio::test]
async fn damage_that_a_replay_comes_upon_is_told_once_and_found_again_by_the_next_start() {
    let data = scratch_folder("rot").expect("tests have a folder of their own");
    for id in ["1", "2"] {
        let server = on(&data).await;
        let event = Event::new(id, "/rot", "rot.kept");
        server.accept("/rot/orders", &event).await;
        end(server).await;
    }
    let events = data.join("brokers/rot/orders/events");
    let files = std::fs::read_dir(&events).expect("the broker has events");
    let files = files.filter_map(|it| Some(it.ok()?.path()));
    let first = files
        .filter(|it| it.extension().is_some_and(|it| it == "log"))
        .min();
    let first = first.expect("each start begins a file");
    let mut bytes = std::fs::read(&first).expect("it can be read");
    bytes[4_096 + 60] ^= 1;
    std::fs::write(&first, bytes).expect("it can be written");

    let server = on(&data).await;
    assert_eq!((lost(&server).await, told(&server)), (vec![0], 0));
    for _ in 0..2 {
        let replay = json!({"replay": {"namespace": "rot", "broker": "orders"}});
        let request = Request::post("/api/v1/operations")
            .header("Content-Type", "application/json")
            .body(replay.to_string());
        let answer = server.admin().send(request).await.expect("it answers");
        assert_eq!(answer.status(), Some(202), "{answer:?}");
        let operation =
            serde_json::from_slice(&answer.body).expect("the admin API answers in JSON");
        // A replay that has not read everything would not have met the damage a second time.
        let ended = operations::ended(&server, &operation).await;
        assert_eq!(ended["state"], "done", "{ended}");
        assert_eq!(lost(&server).await, [1], "{ended}");
    }
    assert_eq!(told(&server), 1, "{}", server.log());
    end(server).await;
    let server = on(&data).await;
    assert_eq!(
        (lost(&server).await, told(&server)),
        (vec![1], 1),
        "{}",
        server.log()
    );
    end(server).await;
    std::fs::remove_dir_all(data).ok();
}
