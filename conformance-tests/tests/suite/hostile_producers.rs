//! Producers that misbehave (rows O2, O3, O5): each connection ends in its time, while a healthy
//! producer goes on opening connections and being served.

use std::time::Duration;

use serde_json::json;
use sluicegate_conformance::client::{Connection, Request};
use sluicegate_conformance::event::Mode;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::scene::Scene;

mod habits;
mod peer;
mod stalling;

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
