//! SIGTERM: nothing accepted is lost, nobody is reset, and the end comes in time (G14, L1).

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::http::PATIENCE;
use crate::program::{Folder, Server, broker, trigger};
use crate::subscriber::Subscriber;

const HANGS: Duration = Duration::from_secs(3_600);

async fn start(settings: &str, subscriber: &Subscriber) -> (Folder, Server) {
    let folder = Folder::new(settings);
    folder.write_manifest(
        "a.yaml",
        &(broker("orders") + &trigger("a", &subscriber.url)),
    );
    let server = Server::start(&folder).await;
    (folder, server)
}

#[tokio::test]
async fn sigterm_delivers_what_was_accepted_and_answers_what_has_begun() {
    let subscriber = Subscriber::start(200, Duration::from_millis(300)).await;
    let (_folder, mut server) = start("", &subscriber).await;
    let mut ids: Vec<String> = (10..40).map(|id| id.to_string()).collect();
    for id in &ids {
        assert_eq!(server.send(id).await, 202);
    }
    // A request whose body is on its way while the server is told to stop.
    let mut slow = TcpStream::connect(server.door).await.unwrap();
    let head = "POST /shop/orders HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\
        ce-specversion: 1.0\r\nce-id: slow\r\nce-source: /test\r\nce-type: t\r\n\r\nda";
    slow.write_all(head.as_bytes()).await.unwrap();
    subscriber.was_sent(30).await;
    assert!(subscriber.answered().len() < 30, "some are still in flight");

    let begun = Instant::now();
    server.signal("TERM").await;
    server.logged("sluicegate.stop: draining", 0).await;
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, &*ready.body), (503, "not ready\n"));
    slow.write_all(b"ta").await.unwrap();
    let mut answer = String::new();
    let read = timeout(PATIENCE, slow.read_to_string(&mut answer)).await;
    read.expect("no end").expect("reset");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert!(
        TcpStream::connect(server.door).await.is_err(),
        "the door is shut"
    );

    assert_eq!(server.ended().await.code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    ids.push("slow".to_owned());
    assert_eq!(subscriber.answered(), ids, "each once");
}

#[tokio::test]
async fn a_subscriber_that_hangs_does_not_hold_up_the_end_beyond_the_grace() {
    let subscriber = Subscriber::start(200, HANGS).await;
    let (_folder, mut server) = start("shutdown: {grace: PT1S}\n", &subscriber).await;
    assert_eq!(server.send("1").await, 202);
    subscriber.was_sent(1).await;
    let begun = Instant::now();
    server.signal("TERM").await;
    assert_eq!(server.ended().await.code(), Some(0));
    let took = begun.elapsed();
    assert!((1..5).contains(&took.as_secs()), "{took:?}");
    let told = server
        .logged("events that were not delivered are lost", 0)
        .await;
    assert_eq!(told["events"], 1);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let subscriber = Subscriber::start(200, HANGS).await;
    let (_folder, mut server) = start("", &subscriber).await;
    assert_eq!(server.send("1").await, 202);
    subscriber.was_sent(1).await;
    server.signal("TERM").await;
    server.logged("sluicegate.stop: draining", 0).await;
    let begun = Instant::now();
    server.signal("TERM").await;
    assert_eq!(server.ended().await.code(), Some(130));
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn the_lame_duck_serves_on_while_it_is_not_ready() {
    let subscriber = Subscriber::start(200, Duration::ZERO).await;
    let (_folder, mut server) = start("shutdown: {lameDuck: PT2S}\n", &subscriber).await;
    let begun = Instant::now();
    server.signal("TERM").await;
    server.logged("sluicegate.stop: draining", 0).await;
    assert_eq!(server.get("/readyz").await.status, 503);
    assert_eq!(server.send("1").await, 202);
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(
        (2..5).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(subscriber.answered(), ["1"]);
}

#[tokio::test]
async fn an_idle_server_ends_at_once() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new("");
        let mut server = Server::start(&folder).await;
        let begun = Instant::now();
        server.signal(signal).await;
        assert_eq!(server.ended().await.code(), Some(0), "{signal}");
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
    }
}
