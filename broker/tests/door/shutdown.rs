//! Shutting down: what has begun is answered, what is idle closes at once (G14), and the caps.

use std::time::Duration;

use sluicegate::server::ServerOptions;
use tokio::time::{Instant, timeout};

use crate::client::PATIENCE;
use crate::server::{TestServer, short_options};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
const HANG: &str = "GET /hang HTTP/1.1\r\nHost: test\r\n\r\n";

#[tokio::test]
async fn shutdown_answers_what_has_begun_and_closes_what_is_idle_at_once() {
    let mut server = TestServer::start(ServerOptions::default()).await;
    let mut idle = server.client().await;
    idle.send(REQUEST).await;
    assert_eq!(idle.answer().await.status, 200);
    let mut silent = server.client().await;
    let mut busy = server.client().await;
    busy.send(HANG).await;
    server.signals.begun.notified().await;

    let begun = Instant::now();
    server.stop();
    assert_eq!(idle.closed().await, b"");
    assert_eq!(silent.closed().await, b"");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "far below any idle time"
    );

    let signals = server.signals.clone();
    let address = server.address;
    signals.go_on.notify_one();
    let answer = busy.last_answer("").await;
    assert_eq!(answer.body, "at last");
    assert_eq!(answer.header("connection"), Some("close"));
    drop(busy);
    let served = server.served().await;
    assert_eq!((served.accepted, served.cut_off), (3, 0));
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn shutdown_cuts_what_outlasts_the_drain_and_says_so() {
    let mut options = short_options();
    options.drain_timeout = Duration::from_millis(200);
    let mut server = TestServer::start(options).await;
    let mut client = server.client().await;
    client.send(HANG).await;
    server.signals.begun.notified().await;
    server.stop();
    assert_eq!(server.served().await.cut_off, 1);
    assert_eq!(client.closed().await, b"");
}

#[tokio::test]
async fn connections_past_the_cap_wait_until_one_closes() {
    let options = ServerOptions {
        connections_max: 1,
        ..ServerOptions::default()
    };
    let server = TestServer::start(options).await;
    let mut first = server.client().await;
    first.send(REQUEST).await;
    assert_eq!(first.answer().await.status, 200);
    let mut second = server.client().await;
    second.send(REQUEST).await;
    let early = timeout(Duration::from_millis(100), second.try_answer()).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    assert_eq!(second.answer().await.status, 200);
}

#[tokio::test]
async fn connections_past_the_cap_of_their_address_are_closed() {
    let options = ServerOptions {
        connections_per_peer_max: Some(2),
        ..ServerOptions::default()
    };
    let server = TestServer::start(options).await;
    let mut clients = [server.client().await, server.client().await];
    for client in &mut clients {
        client.send(REQUEST).await;
        assert_eq!(client.answer().await.status, 200);
    }
    assert_eq!(server.client().await.closed().await, b"");
    drop(clients);
    // A seat is free again as soon as the server has seen a close.
    let served = timeout(PATIENCE, async {
        loop {
            let mut client = server.client().await;
            client.send(REQUEST).await;
            if client.try_answer().await.is_some() {
                return;
            }
        }
    });
    served.await.expect("no seat was given back");
}
