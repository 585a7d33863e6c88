//! Half-open, silent and slow connections end on time (row O2), and nothing else does.

use std::time::Duration;

use tokio::time::{Instant, interval, timeout};

use crate::client::{Client, PATIENCE};
use crate::server::{TestServer, short_options};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";

/// Sends `bytes` once, then one more byte of `drip` every 50 ms, until the server closes.
/// Gives what the server said and how long it waited.
async fn wait_for_close(server: &TestServer, bytes: &[u8], drip: Option<u8>) -> (String, Duration) {
    let mut client = server.client().await;
    let begun = Instant::now();
    client.send(bytes).await;
    let said = match drip {
        None => client.closed().await,
        Some(byte) => dripped(client, byte).await,
    };
    (String::from_utf8_lossy(&said).into_owned(), begun.elapsed())
}

/// Sends `byte` again and again, and gives what came back until the close.
async fn dripped(client: Client, byte: u8) -> Vec<u8> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let (mut reading, mut writing) = client.into_stream().into_split();
    let drip = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            if writing.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    });
    let mut said = Vec::new();
    let read = timeout(PATIENCE, reading.read_to_end(&mut said)).await;
    drop(read.expect("the server keeps a dripping connection open"));
    drip.abort();
    said
}

#[tokio::test]
async fn a_connection_that_brings_no_request_is_closed_on_time() {
    let server = TestServer::start(short_options()).await;
    let shortest = short_options().header_timeout;
    for (name, bytes, drip) in [
        ("silent", &b""[..], None),
        ("partial request line", b"POST /a/b HT", None),
        (
            "partial head",
            b"POST /a/b HTTP/1.1\r\nHost: test\r\nA: b",
            None,
        ),
        (
            "dripping head",
            b"POST /a/b HTTP/1.1\r\nHost: test\r\nA: b",
            Some(b'c'),
        ),
        ("dripping request line", b"P", Some(b'P')),
        ("empty lines", b"", Some(b'\n')),
        ("partial preface", &PREFACE[..10], None),
        ("preface only", PREFACE, None),
    ] {
        let (said, waited) = wait_for_close(&server, bytes, drip).await;
        // HTTP/2 says its settings first.
        assert!(!said.contains("HTTP/1.1 2"), "{name}: {said}");
        assert!(waited >= shortest, "{name}: closed after {waited:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_idle_time_and_not_before() {
    let server = TestServer::start(short_options()).await;
    let mut client = server.client().await;
    client.send(REQUEST).await;
    assert_eq!(client.answer().await.status, 200);
    let begun = Instant::now();
    assert_eq!(client.closed().await, b"");
    let waited = begun.elapsed();
    assert!(waited >= short_options().header_timeout, "{waited:?}");
}

#[tokio::test]
async fn the_head_of_a_second_request_has_its_own_deadline() {
    let mut options = short_options();
    options.idle_timeout = PATIENCE * 2;
    let server = TestServer::start(options).await;
    let mut client = server.client().await;
    client.send(REQUEST).await;
    assert_eq!(client.answer().await.status, 200);
    client.send(&REQUEST[..9]).await;
    assert_eq!(client.closed().await, b"");
}

#[tokio::test]
async fn a_slow_body_is_answered_with_408_and_the_connection_closed() {
    let server = TestServer::start(short_options()).await;
    let head = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\nbegun";
    let chunked = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun";
    for (name, bytes, drip) in [
        ("stuck", &head[..], None),
        ("dripping", head, Some(b'.')),
        ("stuck chunk", chunked, None),
    ] {
        let (said, waited) = wait_for_close(&server, bytes, drip).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{name}: {said}");
        assert!(waited >= short_options().body_grace, "{name}: {waited:?}");
    }
}

#[tokio::test]
async fn a_body_that_keeps_up_the_rate_may_take_longer_than_the_grace() {
    let mut options = short_options();
    options.body_bytes_per_second_min = 100;
    let server = TestServer::start(options).await;
    let mut client = server.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n")
        .await;
    let mut ticks = interval(Duration::from_millis(50));
    for _ in 0..20 {
        ticks.tick().await;
        client.send([b'.'; 50]).await;
    }
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "1000"));
}

#[tokio::test]
async fn a_request_under_way_is_not_idle() {
    let server = TestServer::start(short_options()).await;
    let mut client = server.client().await;
    client
        .send("GET /hang HTTP/1.1\r\nHost: test\r\n\r\n")
        .await;
    server.signals.begun.notified().await;
    let idle_time = short_options().idle_timeout * 2;
    assert!(timeout(idle_time, client.try_answer()).await.is_err());
    server.signals.go_on.notify_one();
    assert_eq!(client.answer().await.body, "at last");
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_is_closed() {
    let mut server = TestServer::start(short_options()).await;
    let mut client = server.client().await;
    client
        .send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n")
        .await;
    // Only once the connection has ended can the drain end without cutting it off.
    let begun = Instant::now();
    let probe = server.client().await;
    server.stop();
    let served = server.served().await;
    assert_eq!(served.cut_off, 0);
    assert!(begun.elapsed() >= short_options().write_timeout);
    drop((client, probe));
}

#[tokio::test]
async fn healthy_clients_are_served_while_others_dawdle() {
    let server = TestServer::start(short_options()).await;
    let mut dawdlers = Vec::new();
    for bytes in [&b""[..], b"POST / HT", PREFACE].repeat(60) {
        let mut client = server.client().await;
        client.send(bytes).await;
        dawdlers.push(client);
    }
    for _ in 0..50 {
        let mut client = server.client().await;
        client.send(REQUEST).await;
        assert_eq!(client.answer().await.status, 200);
    }
    for mut client in dawdlers {
        client.closed().await;
    }
}
