//! Manifests change while the server runs: object by object, in time, and never half (G16, L3, L4).

use std::time::Duration;

use tokio::time::Instant;

use crate::http::eventually;
use crate::program::{Folder, Server, broker, trigger};
use crate::subscriber::Subscriber;

#[tokio::test]
async fn a_good_change_takes_effect_within_two_seconds_and_a_bad_one_never() {
    let (first, second) = (
        Subscriber::start(200, Duration::ZERO).await,
        Subscriber::start(200, Duration::ZERO).await,
    );
    let folder = Folder::new("");
    let with = |url: &str| broker("orders") + &trigger("a", url);
    folder.write_manifest("a.yaml", &with(&first.url));
    let server = Server::start(&folder).await;
    let uid = server.trigger("a", |_| true).await["uid"].clone();

    let from = server.log_length();
    let bad = with(&second.url).replace("retry: 0", "retry: soon");
    folder.write_manifest("a.yaml", &bad);
    let told = server.logged("sluicegate.reload", from).await;
    assert_eq!(
        (&told["valid"], &told["changed"]),
        (&false.into(), &false.into())
    );
    let metrics = server.get("/metrics").await.body;
    assert!(
        metrics.contains("sluicegate_config_last_reload_success 0\n"),
        "{metrics}"
    );
    let ready = server.get("/readyz?verbose").await;
    assert_eq!(ready.status, 200);
    assert!(
        ready.body.contains("the last valid version stays in force"),
        "{}",
        ready.body
    );
    assert_eq!(server.send("1").await, 202);
    first.was_sent(1).await;

    let (from, written) = (server.log_length(), Instant::now());
    folder.write_manifest("a.yaml", &with(&second.url));
    let told = server.logged("sluicegate.reload", from).await;
    assert_eq!(
        (&told["valid"], &told["changed"]),
        (&true.into(), &true.into())
    );
    assert!(
        written.elapsed() < Duration::from_secs(2),
        "{:?}",
        written.elapsed()
    );
    assert_eq!(server.send("2").await, 202);
    second.was_sent(1).await;
    assert_eq!(
        (first.begun(), second.begun()),
        (vec!["1".into()], vec!["2".into()])
    );
    assert_eq!(
        server.trigger("a", |_| true).await["uid"],
        uid,
        "edited in place"
    );
    let metrics = server.get("/metrics").await.body;
    assert!(
        metrics.contains("sluicegate_config_last_reload_success 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_deleted_trigger_is_sent_nothing_after_a_second() {
    let subscriber = Subscriber::start(200, Duration::ZERO).await;
    let folder = Folder::new("");
    folder.write_manifest("a.yaml", &broker("orders"));
    folder.write_manifest("b.yaml", &trigger("b", &subscriber.url));
    let server = Server::start(&folder).await;
    assert_eq!(server.send("1").await, 202);
    subscriber.was_sent(1).await;
    let removed = Instant::now();
    folder.remove_manifest("b.yaml");
    eventually(async || {
        let triggers = server.get("/api/v1/triggers").await.json();
        triggers["items"]
            .as_array()
            .unwrap()
            .is_empty()
            .then_some(())
    })
    .await;
    // Half a second until it counts as deleted, and what the machine takes.
    assert!(
        removed.elapsed() < Duration::from_secs(2),
        "{:?}",
        removed.elapsed()
    );
    assert_eq!(server.send("2").await, 202);
    let metrics = server.get("/metrics").await.body;
    let line = "sluicegate_delivery_events_total{namespace=\"shop\",trigger=\"b\",\
        result=\"delivered\"} 1";
    assert!(
        metrics.lines().any(|it| it == line),
        "its books are remembered: {metrics}"
    );
    assert_eq!(subscriber.begun(), ["1"]);
}

#[tokio::test]
async fn sighup_looks_again_and_says_so_even_when_nothing_changed() {
    let folder = Folder::new("");
    folder.write_manifest("a.yaml", &broker("orders"));
    let server = Server::start(&folder).await;
    let from = server.log_length();
    server.signal("HUP").await;
    let told = server.logged("sluicegate.reload", from).await;
    assert_eq!(told["changed"], false);
    assert_eq!(server.get("/readyz").await.status, 200, "it runs on");
}

#[tokio::test]
async fn a_folder_that_is_replaced_is_followed() {
    let folder = Folder::new("");
    folder.write_manifest("a.yaml", &broker("orders"));
    let server = Server::start(&folder).await;
    let manifests = folder.0.join("manifests");
    for round in 0..3 {
        let name = format!("round{round}");
        std::fs::rename(&manifests, folder.0.join(format!("old{round}"))).unwrap();
        std::fs::create_dir(&manifests).unwrap();
        folder.write_manifest("a.yaml", &(broker("orders") + &broker(&name)));
        eventually(async || {
            let brokers = server.get("/api/v1/brokers").await.body;
            brokers.contains(&name).then_some(())
        })
        .await;
    }
    assert_eq!(server.send("1").await, 202, "orders was never missed");
}

#[tokio::test]
async fn edits_while_events_flow_lose_none_and_double_none() {
    let subscriber = Subscriber::start(200, Duration::ZERO).await;
    let folder = Folder::new("");
    let with = |timeout: u32| {
        let kept = trigger("kept", &subscriber.url);
        let edited = kept.replace("retry: 0", &format!("retry: 0, timeout: PT{timeout}S"));
        broker("orders") + &edited
    };
    folder.write_manifest("a.yaml", &with(1));
    let server = Server::start(&folder).await;
    let mut ids = Vec::new();
    for round in 2..12 {
        folder.write_manifest("a.yaml", &with(round));
        for number in 0..20 {
            let id = format!("{round:02}-{number:02}");
            assert_eq!(server.send(&id).await, 202);
            ids.push(id);
        }
    }
    let is_last = |it: &serde_json::Value| it["delivery"]["timeoutMs"] == 11_000;
    server.trigger("kept", is_last).await;
    server
        .trigger("kept", |it| it["books"]["delivered"] == ids.len())
        .await;
    assert_eq!(subscriber.answered(), ids);
}
