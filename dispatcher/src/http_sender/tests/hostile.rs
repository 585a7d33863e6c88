//! Receivers that misbehave (S2): every attempt ends on time, and as a failure.

use std::time::Duration;

use super::peer::{AMPLE, BRIEF, Peer, send, send_within};
use crate::Reason;

/// The failure of an attempt that must not need its deadline to end.
async fn reason(peer: &Peer) -> Reason {
    let began = tokio::time::Instant::now();
    let failure = send(peer).await.unwrap_err();
    assert!(began.elapsed() < AMPLE, "{failure}");
    failure.reason
}

async fn droning(head: &'static str, chunk: &'static [u8], pause: Duration) -> Peer {
    Peer::start(move |connection| connection.drone(head.as_bytes(), chunk, pause)).await
}

const SLOW: Duration = Duration::from_millis(20);
const FAST: Duration = Duration::ZERO;

#[tokio::test]
async fn a_dripping_answer_ends_with_the_deadline() {
    for (head, chunk) in [
        ("HTTP/1.1 200 ", &b"O"[..]),
        ("HTTP/1.1 200 OK\r\nx: ", b"y"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n", b"x"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"1\r\nx\r\n",
        ),
        ("HTTP/1.1 202 OK\r\n\r\n", b"x"),
        (
            "HTTP/1.1 200 OK\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /\r\nce-type: t\r\n\r\n",
            b"x",
        ),
    ] {
        let peer = droning(head, chunk, SLOW).await;
        let failure = send_within(&peer, BRIEF).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Timeout, "{head}");
    }
}

#[tokio::test]
async fn an_endless_body_is_a_failure() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nconnection: close\r\n\r\n",
    ] {
        let peer = droning(head, &[b'x'; 4_096], FAST).await;
        assert_eq!(reason(&peer).await, Reason::Protocol, "{head}");
    }
}

#[tokio::test]
async fn an_endless_header_section_is_a_failure() {
    for chunk in [&b"x: y\r\n"[..], b"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"] {
        let peer = droning("HTTP/1.1 200 OK\r\nx: y", chunk, FAST).await;
        assert_eq!(reason(&peer).await, Reason::Protocol);
    }
}

#[tokio::test]
async fn ten_thousand_headers_are_a_failure_even_when_they_end() {
    let lines: String = (0..10_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let answer = format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n");
    assert_eq!(reason(&Peer::saying(answer).await).await, Reason::Protocol);
}

#[tokio::test]
async fn what_is_not_http_is_a_failure() {
    for garbage in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 99 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let failure = send(&Peer::hanging_up(garbage).await).await;
        let shown = String::from_utf8_lossy(garbage);
        assert!(failure.is_err(), "{shown:?} was taken as {failure:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failure() {
    for start in [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhalf",
        "HTTP/1.1 200 OK\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /\r\nce-type: t\r\ncontent-length: 9\r\n\r\nx",
    ] {
        let peer = Peer::hanging_up(start).await;
        assert_eq!(reason(&peer).await, Reason::Reset, "{start}");
    }
}

#[tokio::test]
async fn a_failure_status_counts_whatever_becomes_of_its_body() {
    let broken_off = Peer::hanging_up("HTTP/1.1 403 X\r\ncontent-length: 10\r\n\r\nno").await;
    let dripping = droning("HTTP/1.1 403 X\r\n\r\n", b"n", SLOW).await;
    let endless = droning("HTTP/1.1 403 X\r\n\r\n", &[b'n'; 4_096], FAST).await;
    for peer in [broken_off, dripping, endless] {
        let answer = send_within(&peer, BRIEF).await.unwrap();
        assert_eq!(answer.status, 403);
        assert!(answer.body_start.starts_with(b"n"));
    }
}

#[tokio::test]
async fn a_flood_of_interim_answers_is_cut_off_before_the_deadline() {
    let interim = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let peer = droning("", interim, FAST).await;
    assert_eq!(reason(&peer).await, Reason::Protocol);
}

#[tokio::test]
async fn an_interim_answer_before_the_real_one_is_passed_over() {
    let peer =
        Peer::saying("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await;
    assert_eq!(send(&peer).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_interim_answer_before_the_connection_ends_was_meant_as_the_answer() {
    // DP-15, S5.
    for status in [100, 102, 103, 150, 199] {
        let answer = format!("HTTP/1.1 {status} X\r\n\r\n");
        let hanging_up = Peer::hanging_up(answer.clone()).await;
        assert_eq!(send(&hanging_up).await.unwrap().status, status);
    }
}

#[tokio::test]
async fn an_interim_answer_that_nothing_follows_in_time_is_no_answer() {
    for status in [100, 102, 103] {
        let slow = Peer::saying(format!("HTTP/1.1 {status} X\r\n\r\n")).await;
        let failure = send_within(&slow, BRIEF).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Timeout, "{status}");
    }
}
