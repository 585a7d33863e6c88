use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::api::{List, Trigger, VERSION, Version};

/// A server that answers each connection with `answer` and remembers what it was asked.
async fn scripted(head: &str, body: &str) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let answer = format!(
        "HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    scripted_text(answer).await
}

async fn scripted_text(answer: String) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let length = stream.read(&mut asked).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        asked.truncate(length);
        String::from_utf8(asked).unwrap()
    });
    (address, asked)
}

fn client_of(address: SocketAddr, prefix: &str) -> AdminClient {
    AdminClient::new(&format!("http://{address}{prefix}").parse().unwrap()).unwrap()
}

#[tokio::test]
async fn json_is_asked_for_below_the_prefix() {
    let (address, asked) = scripted("200 OK", "{\"version\":\"0.1.0\"}").await;
    let version: Version = client_of(address, "/behind/").get(VERSION).await.unwrap();
    assert_eq!(version.version, "0.1.0");
    let asked = asked.await.unwrap();
    assert!(
        asked.starts_with("GET /behind/version HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(
        asked
            .to_ascii_lowercase()
            .contains(&format!("host: {address}")),
        "{asked}"
    );
}

#[tokio::test]
async fn problems_keep_their_detail_and_hint_and_choose_the_exit_code() {
    for (head, body, exit, message, next) in [
        (
            "404 Not Found",
            r#"{"title":"t","detail":"no a/b","hint":"do c"}"#,
            Exit::Failed,
            "no a/b",
            "do c",
        ),
        (
            "403 Forbidden",
            "",
            Exit::Refused,
            "403 Forbidden",
            "ask whoever runs the server",
        ),
        (
            "200 OK",
            "<html>",
            Exit::Failed,
            "something else than sluicegate's JSON",
            "--server",
        ),
        (
            "302 Found\r\nlocation: http://127.0.0.1:1/",
            "",
            Exit::Failed,
            "302 Found",
            "check the URL",
        ),
    ] {
        let (address, _asked) = scripted(head, body).await;
        let failure = client_of(address, "")
            .get::<List<Trigger>>("/x")
            .await
            .unwrap_err();
        assert_eq!(failure.exit(), exit, "{head}");
        assert!(failure.message().unwrap().contains(message), "{failure}");
        assert!(failure.next().unwrap().contains(next), "{failure}");
    }
}

#[tokio::test]
async fn nobody_listening_is_unreachable_and_says_how_to_go_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = client_of(address, "")
        .get::<Version>(VERSION)
        .await
        .unwrap_err();
    assert_eq!(failure.exit(), Exit::Unreachable);
    assert!(
        failure.message().unwrap().ends_with("connection refused"),
        "{failure}"
    );
    assert!(
        failure.next().unwrap().contains("sluicegate dev"),
        "{failure}"
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failed_exchange() {
    let (address, _asked) =
        scripted_text("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"version\":".to_owned())
            .await;
    let failure = client_of(address, "")
        .get::<Version>(VERSION)
        .await
        .unwrap_err();
    assert_eq!(failure.exit(), Exit::Unreachable);
    assert!(
        failure.message().unwrap().contains("broke off"),
        "{failure}"
    );
}
