//! Producers that misbehave (rows O2, O3, O5): each connection ends in its time, while a healthy
//! producer goes on opening connections and being served.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sluicegate_conformance::client::{Connection, Request};
use sluicegate_conformance::event::Mode;
use sluicegate_conformance::harness::{Server, Setup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::scene::Scene;

/// Peers of each kind.
const EACH: usize = 50;
/// The deadlines of the server under test, shorter than its defaults, and what a busy machine may
/// add to them.
const SETTINGS: &str = "timeouts: {firstByte: PT1S, header: PT1S, idle: PT2S, bodyGrace: PT1S}\n";
const LATEST: Duration = Duration::from_secs(10);

/// What a peer sends at once, and what it goes on dripping, a byte each 200 ms.
type Habit = (&'static str, String, String);

fn habits(path: &str) -> Vec<Habit> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nce-specversion: 1.0\r\nce-id: hostile\r\n\
         ce-source: /s\r\nce-type: t\r\n"
    );
    vec![
        ("says nothing", String::new(), String::new()),
        (
            "stops in its first line",
            "POST /a".to_owned(),
            String::new(),
        ),
        ("stops in its headers", head.clone(), String::new()),
        (
            "drips its headers",
            head.clone(),
            format!("x-drip: {}", "y".repeat(1_000)),
        ),
        (
            "stops in its body",
            format!("{head}Content-Length: 1000\r\n\r\nhalf"),
            String::new(),
        ),
        (
            "drips its body",
            format!("{head}Content-Length: 1000\r\n\r\n"),
            "x".repeat(1_000),
        ),
        (
            "stops in a chunk",
            format!("{head}Transfer-Encoding: chunked\r\n\r\nff\r\nx"),
            String::new(),
        ),
        (
            "sends half a preface",
            "PRI * HTTP/2.0\r\n".to_owned(),
            String::new(),
        ),
        (
            "sends a preface alone",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            String::new(),
        ),
    ]
}

/// O2: peers that stall in every place are all let go in time, and none of their events is stored;
/// a healthy one opens a new connection for each of its events throughout.
#[tokio::test]
async fn stalling_peers_are_let_go_in_time() {
    let server = Arc::new(Server::start(Setup::new().settings(SETTINGS)).await);
    let scene = Scene::on(Arc::clone(&server), "stall")
        .await
        .broker(json!({}));
    let scene = scene.trigger("all", json!({})).start().await;
    let mut peers = JoinSet::new();
    for (name, first, drops) in habits(&scene.path()) {
        for _ in 0..EACH {
            let (first, drops) = (first.clone(), drops.clone());
            let address = server.ingress();
            peers.spawn(async move {
                let stream = TcpStream::connect(address).await.expect("it accepts");
                (name, misbehave(stream, &first, &drops).await)
            });
        }
    }
    let mut healthy = 0;
    let mut late = Vec::new();
    while !peers.is_empty() {
        tokio::select! {
            // Cancel safe: a peer that is not ready is not taken.
            Some(ended) = peers.join_next() => {
                let (name, took) = ended.expect("no peer panics");
                if took > LATEST {
                    late.push(format!("{name}: {took:?}"));
                }
            }
            () = sleep(Duration::from_millis(20)) => {
                let began = Instant::now();
                scene.accept(&scene.event(&format!("healthy-{healthy}"))).await;
                assert!(began.elapsed() < Duration::from_secs(2), "a healthy peer waited");
                healthy += 1;
            }
        }
    }
    assert!(late.is_empty(), "{late:#?}");
    assert!(healthy >= 10, "only {healthy} healthy events beside them");
    let books = scene.quiet_books("all", healthy).await;
    assert_eq!(books.accepted, healthy, "an unfinished event was stored");
}

/// Does as the habit says until the server closes; gives how long that took.
async fn misbehave(mut stream: TcpStream, first: &str, drops: &str) -> Duration {
    let began = Instant::now();
    let conversation = async {
        stream.write_all(first.as_bytes()).await?;
        let mut drops = drops.bytes();
        let mut answer = [0; 512];
        loop {
            match timeout(Duration::from_millis(200), stream.read(&mut answer)).await {
                Ok(Ok(0)) => return Ok(()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    if let Some(drop) = drops.next() {
                        stream.write_all(&[drop]).await?;
                    }
                }
            }
        }
    };
    // A reset ends the connection as well as a close does.
    match timeout(2 * LATEST, conversation).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => assert!(
            matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            ),
            "{error}"
        ),
        Err(_) => {}
    }
    began.elapsed()
}

/// O5: a body that is too long is refused before it has been read, by its declared length and by
/// what really comes.
#[tokio::test]
async fn a_body_past_the_limit_is_refused_early() {
    let scene = Scene::new("early").await.broker(json!({})).start().await;
    let event = Request::event(&scene.path(), &scene.event("1"), Mode::Binary);
    let declared = event
        .clone()
        .header("Content-Length", "10737418240")
        .to_bytes();
    let mut connection = Connection::open(scene.server.ingress())
        .await
        .expect("it listens");
    let answer = connection
        .exchange(&declared)
        .await
        .expect("it answers at once");
    assert_eq!(answer.status(), Some(413), "{answer:?}");

    let endless = event.header("Transfer-Encoding", "chunked").to_bytes();
    let mut stream = TcpStream::connect(scene.server.ingress())
        .await
        .expect("it listens");
    stream.write_all(&endless).await.expect("it reads");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    let mut sent = 0;
    let writing = async {
        while sent < 1 << 30 && stream.write_all(chunk.as_bytes()).await.is_ok() {
            sent += chunk.len();
        }
    };
    timeout(Duration::from_secs(20), writing)
        .await
        .expect("it stops reading and closes");
    // The limit, the socket buffers of both ends, and what was under way.
    assert!(
        sent < 16 << 20,
        "{sent} bytes were taken of a body without end"
    );
}

/// O5: a client that asks first is told before it sends its body.
#[tokio::test]
async fn expect_continue_is_refused_before_the_body() {
    let scene = Scene::new("expect").await.broker(json!({})).start().await;
    let request = Request::event(&scene.path(), &scene.event("1"), Mode::Binary)
        .header("Content-Length", "104857600")
        .header("Expect", "100-continue");
    let mut connection = Connection::open(scene.server.ingress())
        .await
        .expect("it listens");
    let answer = connection
        .exchange(&request.to_bytes())
        .await
        .expect("it answers");
    assert_eq!(answer.status(), Some(413), "{answer:?}");
}
