//! Heads that are too large (row O3) or mean two things (row I2), and connections that go on.

use crate::server::{TestServer, short_options};

/// A POST whose header section has these lines besides `Host`, and this after it.
fn post(lines: &str, rest: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: test\r\n{lines}\r\n{rest}")
}

#[tokio::test]
async fn a_head_past_its_limits_is_refused_and_the_connection_closed() {
    let server = TestServer::start(short_options()).await;
    let lines = |count: usize| "a: b\r\n".repeat(count);
    for (name, request, expected) in [
        ("201 lines", post(&lines(200), ""), &[431][..]),
        (
            "65 KiB",
            post(&format!("a: {}\r\n", "b".repeat(1_000)).repeat(66), ""),
            &[431],
        ),
        (
            "a line of 1 MiB",
            post(&format!("a: {}\r\n", "b".repeat(1 << 20)), ""),
            &[431],
        ),
        ("a target of 9 KiB", get(&"u".repeat(9 << 10)), &[414]),
        (
            "a query of 9 KiB",
            get(&format!("?{}", "u".repeat(9 << 10))),
            &[414],
        ),
        ("a target of 1 MiB", get(&"u".repeat(1 << 20)), &[414, 431]),
    ] {
        let answer = server.client().await.last_answer(request).await;
        assert!(expected.contains(&answer.status), "{name}: {answer:?}");
    }
}

fn get(target: &str) -> String {
    format!("GET /{target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

#[tokio::test]
async fn a_head_at_its_limits_is_taken() {
    let server = TestServer::start(short_options()).await;
    for (name, request) in [
        ("200 lines", post(&"a: b\r\n".repeat(199), "")),
        (
            "60 KiB",
            post(&format!("a: {}\r\n", "b".repeat(1_000)).repeat(60), ""),
        ),
        ("a target of 8 KiB", get(&"u".repeat((8 << 10) - 1))),
    ] {
        let mut client = server.client().await;
        client.send(request).await;
        assert_eq!(client.answer().await.status, 200, "{name}");
    }
}

/// What two readers could understand differently. Behind each head comes a request that must not be
/// answered as a second one.
#[tokio::test]
async fn a_message_that_could_mean_two_things_is_refused_and_the_connection_closed() {
    let server = TestServer::start(short_options()).await;
    const SECOND: &str = "GET /second HTTP/1.1\r\nHost: test\r\n\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (name, head, body) in [
        (
            "two lengths",
            "Content-Length: 3\r\nContent-Length: 4\r\n",
            "abc",
        ),
        ("a list of lengths", "Content-Length: 3, 3\r\n", "abc"),
        ("a length with a sign", "Content-Length: +3\r\n", "abc"),
        ("a negative length", "Content-Length: -3\r\n", "abc"),
        ("a hexadecimal length", "Content-Length: 0x3\r\n", "abc"),
        ("an empty length", "Content-Length: \r\n", ""),
        (
            "a length of 20 digits",
            "Content-Length: 99999999999999999999\r\n",
            "abc",
        ),
        ("a space before the colon", "Content-Length : 3\r\n", "abc"),
        (
            "a folded line",
            "A: b\r\n c\r\nContent-Length: 3\r\n",
            "abc",
        ),
        ("a line without a colon", "Content-Length\r\n", "abc"),
        (
            "a NUL in a value",
            "A: b\0c\r\nContent-Length: 3\r\n",
            "abc",
        ),
        (
            "a bare CR in a value",
            "A: b\rc\r\nContent-Length: 3\r\n",
            "abc",
        ),
        (
            "chunked twice",
            "Transfer-Encoding: chunked, chunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "two codings",
            "Transfer-Encoding: gzip, chunked\r\n",
            "0\r\n\r\n",
        ),
        ("two coding lines", &chunked.repeat(2), "0\r\n\r\n"),
        (
            "chunked not last",
            "Transfer-Encoding: chunked, gzip\r\n",
            "0\r\n\r\n",
        ),
        (
            "a quoted coding",
            "Transfer-Encoding: \"chunked\"\r\n",
            "0\r\n\r\n",
        ),
        (
            "an unknown coding",
            "Transfer-Encoding: xchunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "a coding with a tab",
            "Transfer-Encoding: \x0bchunked\r\n",
            "0\r\n\r\n",
        ),
        ("two hosts", "Host: other\r\nContent-Length: 3\r\n", "abc"),
        (
            "a chunk size with a sign",
            chunked,
            "+3\r\nabc\r\n0\r\n\r\n",
        ),
        (
            "a chunk size with a prefix",
            chunked,
            "0x3\r\nabc\r\n0\r\n\r\n",
        ),
        (
            "a chunk size of 17 digits",
            chunked,
            "10000000000000003\r\nabc\r\n0\r\n\r\n",
        ),
        (
            "a chunk longer than its size",
            chunked,
            "3\r\nabcd\r\n0\r\n\r\n",
        ),
        ("a chunk without a size", chunked, "\r\nabc\r\n0\r\n\r\n"),
        (
            "a chunk size with a bare LF",
            chunked,
            "3\nabc\r\n0\r\n\r\n",
        ),
    ] {
        let request = format!("{}{SECOND}", post(head, body));
        let answer = server.client().await.last_answer(request).await;
        assert!([400, 431].contains(&answer.status), "{name}: {answer:?}");
    }
}

/// RFC 9112, 6.1: the chunks count, and nothing behind them is taken for a request.
#[tokio::test]
async fn a_length_beside_chunks_is_ignored_and_the_connection_closed() {
    let server = TestServer::start(short_options()).await;
    for head in [
        "Content-Length: 30\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 30\r\n",
    ] {
        let body = "3\r\nabc\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: test\r\n\r\n";
        let answer = server.client().await.last_answer(post(head, body)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "3"));
    }
}

#[tokio::test]
async fn a_request_without_a_host_is_refused() {
    let server = TestServer::start(short_options()).await;
    let mut client = server.client().await;
    let answer = client.last_answer("GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["type"], "https://sluicegate.dev/e/W049");
    // HTTP/1.0 had no such header.
    let answer = server
        .client()
        .await
        .last_answer("GET / HTTP/1.0\r\n\r\n")
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_connection_serves_requests_one_after_the_other_and_sent_at_once() {
    let server = TestServer::start(short_options()).await;
    let mut client = server.client().await;
    let numbered = |length: usize| {
        let lines = format!("Content-Length: {length}\r\n");
        post(&lines, &"x".repeat(length))
    };
    for length in 0..3 {
        client.send(numbered(length)).await;
        assert_eq!(client.answer().await.body, length.to_string());
    }
    let many: String = (0..50).map(numbered).collect();
    client.send(many).await;
    for length in 0..50 {
        assert_eq!(client.answer().await.body, length.to_string());
    }
}

#[tokio::test]
async fn what_is_valid_though_unusual_is_served_and_the_connection_kept() {
    let server = TestServer::start(short_options()).await;
    let mut client = server.client().await;
    let chunked = "Transfer-Encoding: Chunked\r\n";
    for (name, request, expected) in [
        (
            "chunks",
            post(chunked, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
            "5",
        ),
        (
            "a chunk extension",
            post(chunked, "3;name=value\r\nabc\r\n0\r\n\r\n"),
            "3",
        ),
        (
            "trailers",
            post(chunked, "3\r\nabc\r\n0\r\nA: b\r\n\r\n"),
            "3",
        ),
        (
            "leading zeros",
            post(chunked, "0003\r\nabc\r\n0\r\n\r\n"),
            "3",
        ),
        (
            "an upgrade not asked for",
            post("Upgrade: h2c\r\nConnection: upgrade\r\n", ""),
            "0",
        ),
        (
            "an absolute target",
            "GET http://test/ HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            "0",
        ),
        (
            "an empty line before",
            "\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n".into(),
            "0",
        ),
    ] {
        client.send(request).await;
        let answer = client.answer().await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, expected),
            "{name}"
        );
    }
}
