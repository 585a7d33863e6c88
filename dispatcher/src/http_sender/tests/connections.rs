//! Connections: kept, refused, given up.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::peer::{AMPLE, BRIEF, Peer, send_within, sender, transmission};
use crate::{Failure, HttpSender, HttpSenderOptions, Reason, Sender};

async fn send_to(url: &str) -> Failure {
    sender().send(transmission(url)).await.unwrap_err()
}

#[tokio::test]
async fn a_connection_serves_one_attempt_after_another() {
    for answer in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 500 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        let peer = Peer::saying(answer).await;
        let sender = sender();
        for _ in 0..5 {
            sender.send(transmission(&peer.url)).await.unwrap();
        }
        assert_eq!(
            (peer.requests().len(), peer.connections()),
            (5, 1),
            "{answer}"
        );
    }
}

/// Nothing of the request has left, so it may go over another connection, and the attempt has not failed.
#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    let (answered, shut) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (is_answered, is_shut) = (Arc::clone(&answered), Arc::clone(&shut));
    let peer = Peer::start(move |mut connection| {
        let (answered, shut) = (Arc::clone(&is_answered), Arc::clone(&is_shut));
        async move {
            connection.request().await;
            connection.write(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            answered.notified().await;
            connection.shut().await;
            shut.notify_one();
            connection.closed().await;
        }
    })
    .await;
    let bystander = Peer::saying("HTTP/1.1 204 No Content\r\n\r\n").await;
    let sender = sender();
    sender.send(transmission(&peer.url)).await.unwrap();
    // A connection that is closed at once is not kept at all.
    answered.notify_one();
    shut.notified().await;
    // By the time that these are answered the end of the connection has arrived, and nobody has
    // looked at it yet.
    for _ in 0..3 {
        sender.send(transmission(&bystander.url)).await.unwrap();
    }
    sender.send(transmission(&peer.url)).await.unwrap();
    assert_eq!((peer.requests().len(), peer.connections()), (2, 2));
}

/// The receiver may have acted on it: whether it comes again is for the retries of the trigger to say.
#[tokio::test]
async fn what_was_read_on_a_used_connection_is_not_sent_again() {
    let peer = Peer::start(|mut connection| async move {
        connection.request().await;
        connection.write(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        connection.request().await;
    })
    .await;
    let sender = sender();
    sender.send(transmission(&peer.url)).await.unwrap();
    let failure = sender.send(transmission(&peer.url)).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Reset, "{failure:?}");
    assert_eq!((peer.requests().len(), peer.connections()), (2, 1));
}

/// Says when the client has closed a connection on which one request was answered and that was then
/// left alone, or shut.
async fn closing(is_shut: bool) -> (Peer, Arc<Notify>) {
    let closed = Arc::new(Notify::new());
    let is_closed = Arc::clone(&closed);
    let peer = Peer::start(move |mut connection| {
        let closed = Arc::clone(&is_closed);
        async move {
            connection.request().await;
            connection.write(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            if is_shut {
                connection.shut().await;
            }
            connection.closed().await;
            closed.notify_one();
        }
    })
    .await;
    (peer, closed)
}

#[tokio::test]
async fn an_idle_connection_is_let_go_when_its_receiver_closes_it_or_its_time_is_over() {
    for (is_shut, idle_timeout) in [(true, Duration::from_secs(50)), (false, BRIEF)] {
        let (peer, closed) = closing(is_shut).await;
        let options = HttpSenderOptions {
            idle_timeout,
            ..HttpSenderOptions::default()
        };
        let sender = HttpSender::new(options);
        sender.send(transmission(&peer.url)).await.unwrap();
        let closed = tokio::time::timeout(AMPLE, closed.notified()).await;
        assert!(closed.is_ok(), "kept, shut: {is_shut}");
    }
}

#[tokio::test]
async fn of_the_connections_that_ran_at_once_no_more_are_kept_than_may_be() {
    let peer = Peer::saying("HTTP/1.1 204 No Content\r\n\r\n").await;
    let options = HttpSenderOptions {
        idle_per_host_max: 2,
        ..HttpSenderOptions::default()
    };
    let sender = HttpSender::new(options);
    for connections in [4, 6] {
        let sends = (0..4).map(|_| sender.send(transmission(&peer.url)));
        let answers = futures_util::future::join_all(sends).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(peer.connections(), connections);
    }
}

#[tokio::test]
async fn of_the_connections_to_all_hosts_no_more_are_kept_than_may_be() {
    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
    let (first, second) = (Peer::saying(answer).await, Peer::saying(answer).await);
    let options = HttpSenderOptions {
        idle_max: 1,
        ..HttpSenderOptions::default()
    };
    let sender = HttpSender::new(options);
    for (peer, connections) in [(&first, 1), (&second, 1), (&second, 2), (&first, 1)] {
        sender.send(transmission(&peer.url)).await.unwrap();
        assert_eq!(peer.connections(), connections);
    }
}

/// What is let go makes room for others.
#[tokio::test]
async fn a_connection_that_is_let_go_no_longer_counts() {
    let (closing, closed) = closing(true).await;
    let other = Peer::saying("HTTP/1.1 204 No Content\r\n\r\n").await;
    let options = HttpSenderOptions {
        idle_max: 1,
        ..HttpSenderOptions::default()
    };
    let sender = HttpSender::new(options);
    sender.send(transmission(&closing.url)).await.unwrap();
    closed.notified().await;
    for _ in 0..2 {
        sender.send(transmission(&other.url)).await.unwrap();
    }
    assert_eq!(other.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_was_cut_off_costs_its_connection_and_no_more() {
    let page = "x".repeat(300_000);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{page}",
        page.len()
    );
    let peer = Peer::saying(answer).await;
    let sender = sender();
    for _ in 0..3 {
        sender.send(transmission(&peer.url)).await.unwrap();
    }
    assert_eq!(peer.connections(), 3);
}

#[tokio::test]
async fn a_port_where_nothing_listens_refuses() {
    // The port was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    drop(listener);
    let failure = send_to(&url).await;
    assert_eq!(failure.reason, Reason::Refused);
    assert_eq!(&*failure.detail, format!("connection refused by {url}"));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_apart() {
    let failure = send_to("http://no-such-host.invalid/").await;
    assert_eq!(failure.reason, Reason::Dns, "{failure:?}");
    assert!(failure.detail.contains("no-such-host.invalid"), "{failure}");
}

#[tokio::test]
async fn a_receiver_that_speaks_no_tls_is_told_apart() {
    let peer = Peer::start(|mut connection| async move {
        connection.write(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        connection.closed().await;
    })
    .await;
    let failure = send_to(&peer.url.replace("http:", "https:")).await;
    assert_eq!(failure.reason, Reason::Tls, "{failure:?}");
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_with_the_time_for_connecting() {
    let peer = Peer::start(|mut connection| async move { connection.closed().await }).await;
    let transmission = transmission(&peer.url.replace("http:", "https:"));
    let options = HttpSenderOptions {
        connect_timeout: BRIEF,
        ..HttpSenderOptions::default()
    };
    let failure = HttpSender::new(options)
        .send(transmission)
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Timeout);
    assert!(failure.detail.contains("no connection"), "{failure}");
}

#[tokio::test]
async fn silence_ends_with_the_deadline() {
    // S1.
    let peer = Peer::start(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let began = tokio::time::Instant::now();
    let failure = send_within(&peer, BRIEF).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Timeout);
    assert!(began.elapsed() >= BRIEF, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_dropped_send_closes_its_connection() {
    let (began, closed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, is_closed) = (Arc::clone(&began), Arc::clone(&closed));
    let peer = Peer::start(move |mut connection| {
        let (began, closed) = (Arc::clone(&has_begun), Arc::clone(&is_closed));
        async move {
            connection.request().await;
            began.notify_one();
            connection.closed().await;
            closed.notify_one();
        }
    })
    .await;
    let sender = sender();
    tokio::select! {
        answer = sender.send(transmission(&peer.url)) => panic!("{answer:?}"),
        () = began.notified() => {}
    }
    let closed = tokio::time::timeout(Duration::from_secs(5), closed.notified()).await;
    assert!(closed.is_ok(), "the connection stayed open");
}
