use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::http1::Reader;

const PATIENCE: Duration = Duration::from_secs(5);

async fn post(subscriber: &Subscriber, path: &str) -> (u16, Bytes) {
    let mut stream = TcpStream::connect(subscriber.address()).await.unwrap();
    let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = Reader::new(stream).response().await.unwrap().unwrap();
    (answer.status().unwrap(), answer.body)
}

async fn post_raw(subscriber: &Subscriber, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(subscriber.address()).await.unwrap();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn answers_follow_the_script_of_their_path() {
    let subscriber = Subscriber::start().await.unwrap();
    let script = Script::fail_first(2, 503).then_always(Answer::status(200).body("ok"));
    subscriber.script("/a", script);
    let mut seen = Vec::new();
    for path in ["/a", "/b", "/a?q=1", "/a", "/a"] {
        seen.push(post(&subscriber, path).await.0);
    }
    assert_eq!(seen, [503, 202, 503, 200, 200]);
}

#[tokio::test]
async fn requests_are_recorded_as_they_stood_on_the_wire() {
    let subscriber = Subscriber::start().await.unwrap();
    post(&subscriber, "/a?q=1").await;
    let received = subscriber.await_count("/a", 1, PATIENCE).await;
    assert_eq!(received[0].method, "POST");
    assert_eq!(received[0].target, "/a?q=1");
    assert_eq!(received[0].headers.iter().next(), Some(("Host", &b"x"[..])));
    assert_eq!(&received[0].body[..], b"hi");
    assert_eq!(received[0].answered, Some(202));
}

#[tokio::test]
async fn impolite_answers_go_onto_the_wire_as_told() {
    let subscriber = Subscriber::start().await.unwrap();
    subscriber.script("/close", Answer::close());
    subscriber.script("/raw", Answer::raw("garbage\r\n"));
    subscriber.script("/drip", Answer::drip("ab", "cd", Duration::from_millis(1)));
    assert_eq!(post_raw(&subscriber, "/close").await, b"");
    assert_eq!(post_raw(&subscriber, "/raw").await, b"garbage\r\n");
    assert_eq!(post_raw(&subscriber, "/drip").await, b"abcd");
}

#[tokio::test]
async fn a_hanging_answer_lasts_until_the_peer_leaves() {
    let subscriber = Subscriber::start().await.unwrap();
    subscriber.script("/hang", Answer::hang());
    let waited = tokio::time::timeout(Duration::from_millis(100), post_raw(&subscriber, "/hang"));
    assert!(waited.await.is_err());
    assert_eq!(subscriber.received("/hang")[0].answered, None);
}

#[tokio::test]
async fn a_reply_is_an_event_that_reads_back() {
    let subscriber = Subscriber::start().await.unwrap();
    let event = Event::new("1", "/s", "t").with_data("text/plain", "héllo");
    subscriber.script("/binary", Answer::reply(&event));
    subscriber.script("/structured", Answer::structured_reply(&event));
    for path in ["/binary", "/structured"] {
        let mut stream = TcpStream::connect(subscriber.address()).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let answer = Reader::new(stream).response().await.unwrap().unwrap();
        assert_eq!(
            Event::read(&answer.headers, &answer.body).unwrap().1,
            event,
            "{path}"
        );
    }
}

#[tokio::test]
#[should_panic(expected = "1 requests awaited on /never")]
async fn awaiting_what_never_comes_fails_and_says_what_was_awaited() {
    let subscriber = Subscriber::start().await.unwrap();
    subscriber
        .await_count("/never", 1, Duration::from_millis(10))
        .await;
}
