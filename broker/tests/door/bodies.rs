//! Answers to requests whose body is not read, or not what it says.

use sluicegate::server::ServerOptions;

use crate::client::PATIENCE;
use crate::server::{TestServer, short_options};

/// A reset may overtake the answer on some systems, and makes senders give up before they read it.
#[tokio::test]
async fn a_sender_that_is_refused_early_sees_the_answer_and_no_reset() {
    let options = ServerOptions {
        linger_timeout: PATIENCE,
        ..short_options()
    };
    let server = TestServer::start(options).await;
    let mut client = server.client().await;
    let head = "POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\n";
    client.send(head).await;
    assert_eq!(client.answer().await.status, 413);
    for part in 0..5 {
        assert!(
            client.send(vec![b'.'; 4_000]).await,
            "reset before part {part}"
        );
    }
    client.finish().await;
    client.closed_in_order().await;
}

#[tokio::test]
async fn nothing_is_read_to_speak_of_after_a_refusal() {
    let server = TestServer::start(short_options()).await;
    let mut client = server.client().await;
    let head = "POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n";
    client.send(head).await;
    let mut sent_bytes = 0;
    let part = vec![b'.'; 64 << 10];
    while client.send(&part).await {
        sent_bytes += part.len();
    }
    // The buffers of both kernels take a few megabytes.
    assert!(sent_bytes < 32 << 20, "{sent_bytes}");
}

#[tokio::test]
async fn a_refusal_spares_a_sender_that_waits_for_100_continue() {
    let server = TestServer::start(short_options()).await;
    let waiting = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let answer = server.client().await.last_answer(waiting("/unread")).await;
    assert_eq!(answer.status, 413);

    let mut client = server.client().await;
    client.send(waiting("/")).await;
    assert_eq!(client.answer().await.status, 100);
    client.send("hello").await;
    assert_eq!(client.answer().await.body, "5");
}

#[tokio::test]
async fn a_body_shorter_than_its_length_is_refused() {
    let server = TestServer::start(short_options()).await;
    let mut client = server.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nabc")
        .await;
    client.finish().await;
    let said = String::from_utf8(client.closed().await).unwrap();
    assert!(
        said.is_empty() || said.starts_with("HTTP/1.1 400 "),
        "{said}"
    );
}

#[tokio::test]
async fn what_follows_a_body_longer_than_its_length_is_a_bad_request() {
    let server = TestServer::start(short_options()).await;
    let mut client = server.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabcdef {}\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.body, "3");
    assert_eq!(client.last_answer("").await.status, 400);
}
