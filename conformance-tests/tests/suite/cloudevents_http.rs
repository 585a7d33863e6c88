//! The HTTP binding at the door: every event that must pass does, and nothing else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sluicegate_conformance::client::{Connection, Request};
use sluicegate_conformance::corpus::{self, Malformed, Valid};
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::{Server, Setup, seed};
use sluicegate_conformance::http1::Message;
use sluicegate_conformance::subscriber::Received;

use crate::scene::{Load, PATIENCE, Scene, ids};

const GENERATED: usize = 250;

/// RK-6, DP-1 to DP-7, HB-2 to HB-16, JF-1 to JF-10, CE-1 to CE-13, CP-49, RK-12, RK-14, I1 (guard):
/// over 300 events arrive with equal attributes and the same bytes, as they came, as JSON and as
/// binary.
#[tokio::test]
async fn every_valid_event_arrives_as_it_was_sent_in_every_format() {
    let scene = Scene::new("valid")
        .await
        .broker(json!({}))
        .trigger("as-received", json!({}))
        .trigger("json", json!({"delivery": {"format": "json"}}))
        .trigger("binary", json!({"delivery": {"format": "binary"}}))
        .start()
        .await;
    let mut cases = corpus::handwritten(&scene.path());
    cases.extend(corpus::generated(&scene.path(), seed(), GENERATED));
    assert!(cases.len() >= 300);
    let load = Load::of(&scene, &["as-received"]);
    let mut sender = load.connect().await;
    for case in &cases {
        let sent = sender.exchange(&case.request, &[&case.event]).await;
        let answer = sent.expect("it answers");
        assert_eq!(answer.status(), Some(202), "{}: {answer:?}", case.name);
    }
    for (trigger, format) in [
        ("as-received", None),
        ("json", Some(Mode::Structured)),
        ("binary", Some(Mode::Binary)),
    ] {
        let arrived = scene.await_count(trigger, cases.len()).await;
        let faults = compare(&cases, &arrived, format);
        assert!(
            faults.is_empty(),
            "{trigger}, seed {}:\n{}",
            seed(),
            faults.join("\n")
        );
    }
    load.judge(cases.len() as u64).await;
}

fn compare(cases: &[Valid], arrived: &[Received], format: Option<Mode>) -> Vec<String> {
    let mut by_id: HashMap<String, Vec<(Mode, Event)>> = HashMap::new();
    for request in arrived {
        let event = request.event();
        let id = event.get("id").to_owned();
        by_id.entry(id).or_default().push((request.mode(), event));
    }
    let mut faults = Vec::new();
    for case in cases {
        let mode = format.unwrap_or(case.mode);
        match by_id.remove(case.event.get("id")).as_deref() {
            Some([(arrived_in, event)]) if *arrived_in == mode => {
                if let Err(why) = case.compare(event, mode) {
                    faults.push(format!("{}: {why}", case.name));
                }
            }
            other => faults.push(format!("{}: once in {mode:?}, came {other:?}", case.name)),
        }
    }
    faults.extend(by_id.keys().map(|id| format!("{id} was never sent")));
    faults
}

/// HB-3, HB-16, HB-17, JF-1: a batch's members arrive one by one, each as it stood in the batch.
#[tokio::test]
async fn the_members_of_a_batch_arrive_one_by_one() {
    let scene = Scene::new("batch")
        .await
        .broker(json!({}))
        .trigger("all", json!({}))
        .start()
        .await;
    let members = corpus::batch_members(seed(), 200);
    let json: Vec<&str> = members.iter().map(|(_, json)| json.as_str()).collect();
    let request = batch(&scene, &format!("[{}]", json.join(" ,\n")));
    let load = Load::on(&scene);
    let events: Vec<&Event> = members.iter().map(|(event, _)| event).collect();
    let sent = load.connect().await.exchange(&request, &events).await;
    let answer = sent.expect("it answers");
    assert_eq!(answer.status(), Some(202), "{answer:?}");
    load.judge(members.len() as u64).await;
    let arrived = scene.await_count("all", members.len()).await;
    let mut arrived: Vec<Event> = arrived.iter().map(Received::event).collect();
    let mut sent: Vec<Event> = members.into_iter().map(|(event, _)| event).collect();
    arrived.sort_by(|a, b| a.attributes.cmp(&b.attributes));
    sent.sort_by(|a, b| a.attributes.cmp(&b.attributes));
    assert_eq!(arrived, sent, "seed {}", seed());
}

fn batch(scene: &Scene, body: &str) -> Request {
    Request::post(&scene.path())
        .header("Content-Type", "application/cloudevents-batch+json")
        .body(body.to_owned())
}

/// HB-17, G1: an empty batch is nothing to store; a batch with a bad member is refused whole, and
/// the answer says which.
#[tokio::test]
async fn a_batch_is_taken_whole_or_not_at_all() {
    let scene = Scene::new("whole")
        .await
        .broker(json!({}))
        .trigger("all", json!({}))
        .start()
        .await;
    assert_eq!(
        scene.send_request(&batch(&scene, "[]")).await.status(),
        Some(202)
    );
    let good = String::from_utf8_lossy(&scene.event("good").to_json()).into_owned();
    let bad = r#"{"specversion":"1.0","id":"bad","source":"/s"}"#;
    let answer = scene
        .send_request(&batch(&scene, &format!("[{good},{bad}]")))
        .await;
    assert_eq!(answer.status(), Some(400));
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(said.contains('1') && said.contains("type"), "{said}");
    scene.accept(&scene.event("after")).await;
    assert_eq!(scene.quiet_books("all", 1).await.accepted, 1);
    assert_eq!(ids(&scene.received("all")), ["after"]);
}

/// I1, G13, ES-1, WH-7, DP-11, CE-2 to CE-11, HB-5, HB-13, JF-2 to JF-8: each malformed message is
/// refused with exactly the status it must be, the answer names what is wrong, none is stored, and
/// the server goes on.
#[tokio::test]
async fn every_malformed_message_is_refused_with_exactly_its_status() {
    // A server of its own, so that its log is about these requests alone.
    let server = Arc::new(Server::start(Setup::new()).await);
    let scene = Scene::on(server, "malformed").await.broker(json!({}));
    let scene = scene.trigger("all", json!({})).start().await;
    let lines_before = scene.server.log().lines().count();
    let cases = corpus::malformed(&scene.path());
    let mut faults = Vec::new();
    for case in &cases {
        if let Err(why) = check_refusal(&scene, case).await {
            faults.push(format!("{}: {why}", case.name));
        }
    }
    assert!(scene.server.is_running(), "it ended");
    assert!(
        faults.is_empty(),
        "{} of {}:\n{}",
        faults.len(),
        cases.len(),
        faults.join("\n")
    );

    scene.accept(&scene.event("valid")).await;
    assert_eq!(
        scene.quiet_books("all", 1).await.accepted,
        1,
        "something was stored"
    );
    let log = scene.server.log();
    let lines: Vec<&str> = log.lines().skip(lines_before).collect();
    assert!(
        lines.len() <= cases.len() + 1,
        "more than a line each: {}",
        lines.len()
    );
    assert!(
        lines.iter().all(|line| line.len() <= 2048),
        "a line of more than 2 KiB"
    );
}

async fn check_refusal(scene: &Scene, case: &Malformed) -> Result<(), String> {
    let mut connection = Connection::open(scene.server.ingress())
        .await
        .map_err(|error| error.to_string())?;
    let answer = connection
        .exchange(&case.bytes)
        .await
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    if answer.status() != Some(case.status) {
        return Err(format!("{:?} for {}: {said}", answer.status(), case.status));
    }
    // What is no HTTP, or a head too long to be read, is answered by whoever reads HTTP, before
    // anything knows of problems.
    if case.status == 431 && answer.body.is_empty() {
        return Ok(());
    }
    if case.closes {
        let closed = connection.await_close(Duration::from_secs(5)).await;
        return closed.map_err(|error| format!("not closed: {error}"));
    }
    check_problem(&answer, case).map_err(|why| format!("{why}: {said}"))
}

fn check_problem(answer: &Message, case: &Malformed) -> Result<(), String> {
    let media_type = answer.headers.get("content-type").unwrap_or_default();
    if !media_type.starts_with("application/problem+json") {
        return Err(format!("answered with {media_type:?}"));
    }
    let problem: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    let text = |name: &str| {
        problem
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if problem.get("status") != Some(&json!(case.status)) || text("title").is_empty() {
        return Err("no status or no title".to_owned());
    }
    if case.status == 405
        && !answer
            .headers
            .get("allow")
            .unwrap_or_default()
            .contains("POST")
    {
        return Err("no Allow".to_owned());
    }
    let whole = format!("{} {}", text("detail"), text("hint"));
    match &case.names {
        Some(word) if !whole.contains(word.as_str()) => Err(format!("does not name {word}")),
        _ => Ok(()),
    }
}

/// I2, RFC 9112 6.1: a message that is framed twice is answered once, refused or read by its chunks,
/// and the connection ends: what follows on it is never taken for a request.
#[tokio::test]
async fn a_message_framed_twice_ends_its_connection() {
    let scene = Scene::new("framed")
        .await
        .broker(json!({}))
        .trigger("all", json!({}));
    let scene = scene.start().await;
    let smuggled = Request::event(&scene.path(), &scene.event("smuggled"), Mode::Binary).to_bytes();
    for framing in [
        ["Content-Length: 3", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 3"],
    ] {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nce-specversion: 1.0\r\nce-id: framed\r\n\
             ce-source: /s\r\nce-type: t\r\n{}\r\n{}\r\n\r\n0\r\n\r\n",
            scene.path(),
            framing[0],
            framing[1]
        );
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&smuggled);
        let mut connection = Connection::open(scene.server.ingress())
            .await
            .expect("it listens");
        let answer = connection.exchange(&bytes).await.expect("it answers");
        assert!(
            matches!(answer.status(), Some(202 | 400)),
            "{framing:?}: {answer:?}"
        );
        connection
            .await_close(Duration::from_secs(5))
            .await
            .expect("it closes");
    }
    scene.accept(&scene.event("after")).await;
    scene.quiet(1).await;
    assert!(!ids(&scene.await_count("all", 1).await).contains(&"smuggled".to_owned()));
}

/// RK-6, CE-3: both versions are taken, and neither becomes the other.
#[tokio::test]
async fn no_version_is_upgraded() {
    let scene = Scene::new("version")
        .await
        .broker(json!({}))
        .trigger("all", json!({}));
    let scene = scene.start().await;
    for (id, version) in [("old", "0.3"), ("new", "1.0")] {
        for mode in [Mode::Binary, Mode::Structured] {
            let event = scene.event(id).with("specversion", version);
            assert_eq!(scene.send(&event, mode).await.status(), Some(202));
        }
    }
    for request in scene.await_count("all", 4).await {
        let event = request.event();
        let expected = if event.get("id") == "old" {
            "0.3"
        } else {
            "1.0"
        };
        assert_eq!(event.get("specversion"), expected);
    }
}

/// HB-15: where a structured event repeats its attributes as headers, the payload wins.
#[tokio::test]
async fn the_payload_wins_over_headers_beside_it() {
    let scene = Scene::new("payload")
        .await
        .broker(json!({}))
        .trigger("all", json!({}));
    let scene = scene.start().await;
    let event = scene.event("payload");
    let request = Request::event(&scene.path(), &event, Mode::Structured)
        .header("ce-specversion", "1.0")
        .header("ce-id", "header")
        .header("ce-extra", "header");
    assert_eq!(scene.send_request(&request).await.status(), Some(202));
    assert_eq!(scene.await_count("all", 1).await[0].event(), event);
}

/// A slash behind the path and a query behind that change nothing.
#[tokio::test]
async fn a_trailing_slash_and_a_query_are_tolerated() {
    let scene = Scene::new("path")
        .await
        .broker(json!({}))
        .trigger("all", json!({}))
        .start()
        .await;
    for (id, suffix) in [("1", "/"), ("2", "?a=b"), ("3", "/?a=/b/c")] {
        let path = format!("{}{suffix}", scene.path());
        scene.server.accept(&path, &scene.event(id)).await;
    }
    assert_eq!(ids(&scene.await_count("all", 3).await), ["1", "2", "3"]);
}

/// `/` means the only broker, or `default/default` where there are several.
#[tokio::test]
async fn the_root_means_the_only_broker_or_the_default_one() {
    let server = Arc::new(Server::start(Setup::new()).await);
    let only = Scene::on(Arc::clone(&server), "only")
        .await
        .broker(json!({}));
    let only = only.trigger("all", json!({})).start().await;
    server.accept("/", &only.event("to the only one")).await;
    only.await_count("all", 1).await;

    let other = Scene::on(Arc::clone(&server), "other")
        .await
        .broker(json!({}))
        .start()
        .await;
    let answer = server
        .send("/", &other.event("to none"), Mode::Binary)
        .await;
    assert_eq!(answer.status(), Some(404), "{answer:?}");

    let url = other.subscriber.url("/default");
    let yaml = format!(
        "apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {{name: default}}\n---\n\
         apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: {{name: all}}\n\
         spec: {{broker: default, subscriber: {{uri: \"{url}\"}}}}\n"
    );
    server
        .apply("default", "default.yaml", &yaml, &["all"])
        .await;
    server.accept("/", &other.event("to the default one")).await;
    other.await_count("default", 1).await;
}

/// DP-8 to DP-10, T19, WH-10 to WH-14: OPTIONS answers the webhook handshake and lists POST.
#[tokio::test]
async fn options_answers_the_webhook_handshake() {
    let scene = Scene::new("options").await.broker(json!({})).start().await;
    let request = Request::new("OPTIONS", &scene.path())
        .header("WebHook-Request-Origin", "eventemitter.example.com")
        .header("WebHook-Request-Rate", "120");
    let answer = scene.send_request(&request).await;
    assert_eq!(answer.status(), Some(200), "{answer:?}");
    let header = |name: &str| answer.headers.get(name).unwrap_or_default();
    assert!(header("allow").contains("POST"), "{answer:?}");
    let origin = header("webhook-allowed-origin");
    assert!(
        origin == "*" || origin == "eventemitter.example.com",
        "{origin}"
    );
    assert!(!header("webhook-allowed-rate").is_empty());
}

/// DP-2: a negotiation that is not understood is ignored.
#[tokio::test]
async fn an_upgrade_that_is_not_understood_is_ignored() {
    let scene = Scene::new("upgrade")
        .await
        .broker(json!({}))
        .trigger("all", json!({}));
    let scene = scene.start().await;
    let request = Request::event(&scene.path(), &scene.event("1"), Mode::Binary)
        .header("Upgrade", "example/1, foo/2")
        .header("Connection", "Upgrade");
    assert_eq!(scene.send_request(&request).await.status(), Some(202));
    scene.await_count("all", 1).await;
}

/// HB-19, I2 (guard): a connection carries one request after another, and one that waits for
/// `100 Continue` gets it.
#[tokio::test]
async fn a_connection_carries_many_requests() {
    let scene = Scene::new("keep")
        .await
        .broker(json!({}))
        .trigger("all", json!({}))
        .start()
        .await;
    let mut connection = Connection::open(scene.server.ingress())
        .await
        .expect("it listens");
    for id in 0..5 {
        let event = scene.event(&id.to_string()).with_data("text/plain", "x");
        let mut request = Request::event(&scene.path(), &event, Mode::Binary);
        if id == 3 {
            request = request.header("Expect", "100-continue");
        }
        let answer = connection
            .send(&request)
            .await
            .expect("the connection is kept");
        assert_eq!(answer.status(), Some(202));
    }
    scene.await_count("all", 5).await;
}

/// HB-19: the same over cleartext HTTP/2.
#[tokio::test]
async fn events_are_taken_over_cleartext_http2() {
    let scene = Scene::new("http2")
        .await
        .broker(json!({}))
        .trigger("all", json!({}))
        .start()
        .await;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    for id in ["1", "2"] {
        let request =
            http::Request::post(format!("http://{}{}", scene.server.ingress(), scene.path()))
                .header("ce-specversion", "1.0")
                .header("ce-id", id)
                .header("ce-source", "/http2")
                .header("ce-type", "t")
                .body(Full::new(Bytes::from_static(b"data")))
                .expect("the parts are valid");
        let answer = tokio::time::timeout(PATIENCE, client.request(request)).await;
        let answer = answer.expect("in time").expect("it speaks HTTP/2");
        assert_eq!(answer.version(), http::Version::HTTP_2);
        assert_eq!(answer.status(), 202);
        answer.into_body().collect().await.expect("the answer ends");
    }
    assert_eq!(ids(&scene.await_count("all", 2).await), ["1", "2"]);
}
