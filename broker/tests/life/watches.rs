//! Watches: begun before an event is sent, asked until it is settled.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::eventually;
use crate::program::{Folder, Server, broker, trigger};
use crate::subscriber::Subscriber;

async fn settled(server: &Server, token: &str) -> Value {
    let path = format!("/api/v1/watches/{token}");
    eventually(async || {
        let report = server.get(&path).await.json();
        (report["settled"] == true).then_some(report)
    })
    .await
}

async fn watch(server: &Server, id: &str) -> String {
    let asked = json!({"id": id, "source": "/test"});
    let begun = server.post("/api/v1/watches", &asked).await;
    begun.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_watch_tells_what_becomes_of_an_event() {
    let good = Subscriber::start(200, Duration::ZERO).await;
    let bad = Subscriber::start(400, Duration::ZERO).await;
    let folder = Folder::new("");
    let retried = trigger("c", &bad.url).replace("retry: 0", "retry: 1, backoffDelay: PT0.01S");
    let manifests = [
        broker("orders"),
        trigger("a", &good.url),
        trigger("b", &bad.url),
        retried,
        trigger("d", &good.url).replace("type: t", "type: other"),
        trigger("e", &good.url).replace(
            "filter: {attributes: {type: t}}",
            "filters: [{cesql: amount > 1}]",
        ),
    ];
    folder.write_manifest("a.yaml", &manifests.concat());
    let server = Server::start(&folder).await;
    let token = watch(&server, "1").await;
    let report = server.get(&format!("/api/v1/watches/{token}")).await.json();
    assert_eq!(
        (&report["seen"], &report["settled"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(server.send("1").await, 202);
    let report = settled(&server, &token).await;
    assert_eq!(report["broker"], "shop/orders");
    assert_eq!(report["triggersTotal"], 5);
    assert_eq!(report["failedTotal"], 1);
    assert_eq!(
        report["failed"],
        json!([{"namespace": "shop", "name": "e", "kind": "missingAttribute", "part": "amount"}])
    );
    let states: Vec<_> = report["triggers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        states,
        [("a", "delivered"), ("b", "parked"), ("c", "parked")]
    );
    assert_eq!(report["triggers"][0]["attempts"][0]["code"], 200);
    assert_eq!(report["triggers"][1]["attempts"][0]["code"], 400);
}

#[tokio::test]
async fn an_event_is_settled_when_its_sink_has_taken_it_however_late() {
    let bad = Subscriber::start(400, Duration::ZERO).await;
    let sink = Subscriber::start(503, Duration::ZERO).await;
    let folder = Folder::new("");
    let target = format!("deadLetterSink: {{uri: \"{}\"}}, retry: 0", sink.url);
    let manifests = broker("orders") + &trigger("a", &bad.url).replace("retry: 0", &target);
    folder.write_manifest("a.yaml", &manifests);
    let server = Server::start(&folder).await;
    let token = watch(&server, "1").await;
    assert_eq!(server.send("1").await, 202);
    let path = format!("/api/v1/watches/{token}");
    let report = eventually(async || {
        let report = server.get(&path).await.json();
        (report["triggers"][0]["state"] == "parked").then_some(report)
    })
    .await;
    assert_eq!(report["settled"], false, "{report}");
    assert!(report["triggers"][0]["sinkRetryInMs"].is_u64(), "{report}");
    sink.answer_with(200);
    let report = settled(&server, &token).await;
    assert_eq!(report["triggers"][0]["state"], "deadLettered");
    assert!(report["triggers"][0].get("sinkRetryInMs").is_none());
}

#[tokio::test]
async fn an_event_that_nobody_wants_is_settled_once_it_is_seen() {
    let folder = Folder::new("");
    folder.write_manifest("a.yaml", &broker("orders"));
    let server = Server::start(&folder).await;
    let token = watch(&server, "1").await;
    assert_eq!(server.send("1").await, 202);
    let report = settled(&server, &token).await;
    assert_eq!(
        (&report["seen"], &report["triggers"]),
        (&json!(true), &json!([]))
    );
}
