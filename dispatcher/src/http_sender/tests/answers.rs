//! What is made of well-behaved answers.

use std::time::Duration;

use super::peer::{Peer, send, sender, transmission};
use crate::sender::{BODY_START_BYTES_MAX, Content};
use crate::{Purpose, RetryAfter, Sender};

const EVENT_HEADERS: &str =
    "ce-specversion: 1.0\r\nce-id: r\r\nce-source: /billing\r\nce-type: order.billed\r\n";

fn with_body(head: &str, body: &str) -> String {
    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
}

fn only_event(content: &Content) -> &sluicegate_event::Event {
    match content {
        Content::Events(events) if events.len() == 1 => &events[0],
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_status_that_ends_an_exchange_is_told_as_it_is() {
    // S5; interim answers have tests of their own.
    for status in [
        101, 200, 204, 299, 300, 304, 400, 404, 429, 499, 500, 599, 600, 999,
    ] {
        let peer = Peer::hanging_up(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"));
        let answer = send(&peer.await).await.unwrap();
        assert_eq!((answer.status, &answer.content), (status, &Content::Empty));
    }
}

#[tokio::test]
async fn redirects_are_answers_and_are_not_followed() {
    // S7.
    let elsewhere = Peer::saying("HTTP/1.1 204 No Content\r\n\r\n").await;
    for status in 300..=308 {
        let location = &elsewhere.url;
        let head = format!("HTTP/1.1 {status} X\r\nlocation: {location}\r\n");
        let peer = Peer::saying(with_body(&head, "moved")).await;
        assert_eq!(send(&peer).await.unwrap().status, status);
        assert_eq!(peer.requests().len(), 1);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_event_in_the_answer_is_read() {
    let head = format!("HTTP/1.1 200 OK\r\n{EVENT_HEADERS}content-type: text/plain\r\n");
    let peer = Peer::saying(with_body(&head, "paid")).await;
    let answer = send(&peer).await.unwrap();
    let event = only_event(&answer.content);
    assert_eq!((event.id(), event.ty()), ("r", "order.billed"));
    assert_eq!(event.data_content_type(), Some("text/plain"));
}

#[tokio::test]
async fn an_event_without_data_is_an_event_too() {
    let peer = Peer::saying(format!("HTTP/1.1 204 No Content\r\n{EVENT_HEADERS}\r\n")).await;
    assert_eq!(only_event(&send(&peer).await.unwrap().content).id(), "r");
}

#[tokio::test]
async fn a_reply_of_many_packets_arrives_whole() {
    // RK-12, beyond its 36,000 bytes.
    let body = "x".repeat(900_000);
    let head = format!("HTTP/1.1 200 OK\r\n{EVENT_HEADERS}");
    let peer = Peer::saying(with_body(&head, &body)).await;
    let answer = send(&peer).await.unwrap();
    assert!(only_event(&answer.content).size_bytes() >= 900_000);
}

#[tokio::test]
async fn a_chunked_reply_is_read() {
    let answer = format!(
        "HTTP/1.1 200 OK\r\n{EVENT_HEADERS}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    );
    let peer = Peer::saying(answer).await;
    assert_eq!(&*send(&peer).await.unwrap().body_start, b"abcde");
}

#[tokio::test]
async fn a_structured_reply_and_a_batch_of_replies_are_read() {
    let event = r#"{"specversion":"1.0","id":"r","source":"/b","type":"t","data":"x"}"#;
    for (media_type, body, expected) in [
        ("application/cloudevents+json", event.to_owned(), 1),
        (
            "application/cloudevents-batch+json",
            format!("[{event},{event}]"),
            2,
        ),
        ("application/cloudevents-batch+json", "[]".to_owned(), 0),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\n");
        let peer = Peer::saying(with_body(&head, &body)).await;
        match send(&peer).await.unwrap().content {
            Content::Events(events) => assert_eq!(events.len(), expected, "{body}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_trace_of_an_answer_is_that_of_its_event() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let head = format!("HTTP/1.1 200 OK\r\n{EVENT_HEADERS}traceparent: {PARENT}\r\n");
    let peer = Peer::saying(with_body(&head, "paid")).await;
    let answer = send(&peer).await.unwrap();
    let trace = only_event(&answer.content).trace_context().unwrap();
    assert_eq!(trace.traceparent, PARENT);
}

#[tokio::test]
async fn an_event_counts_only_in_a_2xx_that_is_not_202_of_a_subscriber() {
    for (status, purpose) in [
        (202, Purpose::Deliver),
        (404, Purpose::Deliver),
        (500, Purpose::Deliver),
        (200, Purpose::DeadLetter),
    ] {
        let head = format!("HTTP/1.1 {status} X\r\n{EVENT_HEADERS}");
        let peer = Peer::saying(with_body(&head, "paid")).await;
        let mut transmission = transmission(&peer.url);
        transmission.purpose = purpose;
        let answer = sender().send(transmission).await.unwrap();
        assert_eq!(answer.content, Content::Unread, "{status} {purpose:?}");
        assert_eq!(&*answer.body_start, b"paid");
    }
}

#[tokio::test]
async fn an_event_that_is_none_says_what_is_wrong() {
    let cases = [
        (
            "ce-specversion: 1.0\r\nce-id: r\r\nce-source: /billing\r\n",
            "x",
            "type",
        ),
        (
            "ce-specversion: 7\r\nce-id: r\r\nce-source: /b\r\nce-type: t\r\n",
            "x",
            "specversion",
        ),
    ];
    for (headers, body, subject) in cases {
        let peer = Peer::saying(with_body(&format!("HTTP/1.1 200 OK\r\n{headers}"), body)).await;
        match send(&peer).await.unwrap().content {
            Content::Malformed(fault) => assert_eq!(&*fault.subject, subject),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_reply_larger_than_an_event_may_be_is_refused_and_not_read_to_its_end() {
    let head = format!("HTTP/1.1 200 OK\r\n{EVENT_HEADERS}content-length: 10737418240\r\n\r\n");
    let peer = Peer::start(move |connection| {
        let head = head.clone();
        async move {
            connection
                .drone(head.as_bytes(), &[b'x'; 8_192], Duration::ZERO)
                .await
        }
    })
    .await;
    let answer = send(&peer).await.unwrap();
    assert!(
        matches!(answer.content, Content::Malformed(_)),
        "{answer:?}"
    );
    assert_eq!(answer.body_start.len(), BODY_START_BYTES_MAX);
}

#[tokio::test]
async fn a_body_that_is_no_event_is_told_by_its_beginning() {
    let page = "<p>".repeat(1_000);
    for status in [200, 500] {
        let peer = Peer::saying(with_body(&format!("HTTP/1.1 {status} X\r\n"), &page)).await;
        let answer = send(&peer).await.unwrap();
        assert_eq!(
            (answer.status, &answer.content),
            (status, &Content::NotAnEvent)
        );
        assert_eq!(
            &*answer.body_start,
            &page.as_bytes()[..BODY_START_BYTES_MAX]
        );
    }
}

#[tokio::test]
async fn a_page_longer_than_is_read_is_cut_off_and_its_status_believed() {
    for status in [200, 404] {
        let page = "x".repeat(300_000);
        let peer = Peer::saying(with_body(&format!("HTTP/1.1 {status} X\r\n"), &page)).await;
        let answer = send(&peer).await.unwrap();
        assert_eq!(
            (answer.status, &answer.content),
            (status, &Content::NotAnEvent)
        );
    }
}

#[tokio::test]
async fn headers_that_the_table_asks_for_are_read() {
    let head = "HTTP/1.1 503 X\r\nretry-after: soon\r\nretry-after: 7\r\nretry-after: 9\r\n";
    let peer = Peer::saying(with_body(head, "")).await;
    let answer = send(&peer).await.unwrap();
    assert_eq!(
        answer.retry_after,
        Some(RetryAfter::In(Duration::from_secs(7)))
    );
    assert!(!answer.is_loop);

    let head = "HTTP/1.1 400 X\r\nSluicegate-Reason: loop\r\n";
    let peer = Peer::saying(with_body(head, "")).await;
    assert!(send(&peer).await.unwrap().is_loop);
}
