//! Subscribers that misbehave (row S2): each attempt ends in time, holds little memory, and is a
//! failure; while a well-behaved one beside them goes on and its replies count.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::event::Event;
use sluicegate_conformance::harness::{Server, Setup};
use sluicegate_conformance::subscriber::{Answer, Script};
use tokio::time::Instant;

use crate::scene::{Scene, one_attempt_then};

const TIMEOUT: Duration = Duration::from_secs(2);
/// What the machine may add to a second of grace.
const SLACK: Duration = Duration::from_secs(4);

fn hostile() -> Vec<(&'static str, Answer)> {
    let drop = Duration::from_secs(1);
    let ok = "HTTP/1.1 200 OK\r\n";
    let headers: String = (0..10_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let event = "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n";
    let giant = format!("{ok}{event}Content-Length: 10737418240\r\n\r\n");
    vec![
        ("hangs", Answer::hang()),
        (
            "drips-its-status",
            Answer::drip("HTTP/1.1 2", "00 OK\r\n\r\n".repeat(20), drop),
        ),
        (
            "drips-its-headers",
            Answer::drip(ok, "x-a: b\r\n".repeat(20), drop),
        ),
        (
            "drips-a-reply",
            Answer::drip(
                format!("{ok}{event}Content-Length: 100\r\n\r\n"),
                "x".repeat(100),
                drop,
            ),
        ),
        (
            "endless-headers",
            Answer::endless(ok, "x-a: b\r\n".repeat(1_000)),
        ),
        (
            "endless-status",
            Answer::endless("HTTP/1.1 200 ", "O".repeat(8_192)),
        ),
        (
            "endless-reply",
            Answer::endless(
                format!("{ok}{event}Transfer-Encoding: chunked\r\n\r\n"),
                format!("10000\r\n{}\r\n", "x".repeat(65_536)),
            ),
        ),
        ("giant-reply", Answer::endless(giant, "x".repeat(65_536))),
        (
            "ten-thousand-headers",
            Answer::raw(format!("{ok}{headers}\r\n")),
        ),
        (
            "a-header-of-a-megabyte",
            Answer::raw(format!("{ok}x: {}\r\n\r\n", "y".repeat(1 << 20))),
        ),
        (
            "a-flood-of-interims",
            Answer::endless("", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)),
        ),
        ("garbage", Answer::raw("\u{1}\u{2}\u{3} garbage\r\n\r\n")),
        ("closes", Answer::close()),
        ("closes-in-its-headers", Answer::raw(format!("{ok}x-a: "))),
        (
            "closes-in-a-reply",
            Answer::raw(format!("{ok}{event}Content-Length: 9\r\n\r\nhalf")),
        ),
    ]
}

/// S2, S1, G10, DP-20: every misbehaviour is a failed attempt that ends by the timeout, and memory
/// does not grow with what they send.
#[tokio::test]
async fn each_misbehaviour_is_a_failure_that_ends_in_time() {
    let server = Arc::new(Server::start(Setup::new()).await);
    let scene = Scene::on(server, "hostile").await;
    let sink = scene.subscriber.url("/sink");
    let mut delivery = one_attempt_then(&sink);
    delivery["timeout"] = json!("PT2S");
    let mut scene = scene
        .broker(delivery)
        .trigger(
            "good",
            json!({"filters": [{"exact": {"type": "conformance"}}]}),
        )
        .trigger("replies", wants("answer"));
    let hostile = hostile();
    for (name, answer) in &hostile {
        scene.subscriber.script(&format!("/{name}"), answer.clone());
        scene = scene.trigger(name, wants("conformance"));
    }
    let scene = scene.start().await;
    let reply = Event::new("reply", "/answers", "answer");
    scene
        .subscriber
        .script("/good", Script::always(Answer::reply(&reply)));
    let before = resident_kib(scene.server.pid());

    let started = Instant::now();
    scene.accept(&scene.event("1")).await;
    scene.await_count("good", 1).await;
    scene.await_count("replies", 1).await;
    let healthy = started.elapsed();
    let letters = scene.await_count("sink", hostile.len()).await;
    let last = letters
        .iter()
        .map(|letter| letter.at)
        .max()
        .expect("there are some");

    assert!(
        healthy < TIMEOUT,
        "the good one waited for the bad ones: {healthy:?}"
    );
    assert!(
        last - started <= TIMEOUT + Duration::from_secs(1) + SLACK,
        "{:?}",
        last - started
    );
    for (name, _) in &hostile {
        assert_eq!(scene.received(name).len(), 1, "{name}");
    }
    for trigger in scene.quiet(2).await {
        let expected = u64::from(hostile.iter().any(|(name, _)| *name == trigger.name));
        assert_eq!(trigger.books.dead_lettered, expected, "{}", trigger.name);
    }
    // 256 KiB an attempt, the event limit for each that begins a reply, and what a process grows
    // by for connections and code that it uses for the first time.
    let grown = resident_kib(scene.server.pid()).saturating_sub(before);
    assert!(grown <= 48 << 10, "grew by {grown} KiB");
}

fn wants(ty: &str) -> Value {
    json!({"filters": [{"exact": {"type": ty}}]})
}

/// S2: a body that never ends after a success is read no further than its bound, and counts as no
/// answer.
#[tokio::test]
async fn an_endless_body_that_is_no_event_does_not_hold_its_attempt() {
    let scene = Scene::new("endless").await;
    let sink = scene.subscriber.url("/sink");
    let mut delivery = one_attempt_then(&sink);
    delivery["timeout"] = json!("PT2S");
    let scene = scene
        .broker(delivery)
        .trigger("all", json!({}))
        .start()
        .await;
    let answer = Answer::endless(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
        format!("10000\r\n{}\r\n", "x".repeat(65_536)),
    );
    scene.subscriber.script("/all", answer);
    let started = Instant::now();
    scene.accept(&scene.event("1")).await;
    let books = scene.quiet_books("all", 1).await;
    assert_eq!((books.delivered, books.dead_lettered), (0, 1), "{books:?}");
    assert!(started.elapsed() <= TIMEOUT + Duration::from_secs(1) + SLACK);
}

/// The memory of a process that is really in use, in KiB.
fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs on Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("a number of KiB")
}
