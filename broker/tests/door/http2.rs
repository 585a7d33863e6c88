//! Cleartext HTTP/2 with prior knowledge, on the same port.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{Builder, SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Client, PATIENCE};
use crate::door::TestDoor;
use crate::server::{TestServer, short_options};

struct Connection {
    requests: SendRequest<Full<Bytes>>,
    task: JoinHandle<Result<(), hyper::Error>>,
}

async fn connect(client: Client) -> Connection {
    let stream = client.into_stream();
    let (requests, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    Connection {
        requests,
        task: tokio::spawn(connection),
    }
}

fn post(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let uri = format!("http://test{path}");
    Request::post(uri).body(Full::new(body.into())).unwrap()
}

#[tokio::test]
async fn requests_are_served_at_once_on_one_connection() {
    let server = TestServer::start(short_options()).await;
    let mut connection = connect(server.client().await).await;
    let hanging = connection.requests.send_request(post("/hang", ""));
    server.signals.begun.notified().await;
    for _ in 0..3 {
        let response = connection
            .requests
            .send_request(post("/", "hello"))
            .await
            .unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "5");
    }
    server.signals.go_on.notify_one();
    assert_eq!(hanging.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = TestServer::start(short_options()).await;
    let mut connection = connect(server.client().await).await;
    connection
        .requests
        .send_request(post("/", ""))
        .await
        .unwrap();
    let ended = timeout(PATIENCE, connection.task).await;
    ended.expect("an idle connection stays open").unwrap().ok();
}

#[tokio::test]
async fn a_peer_that_grants_no_window_is_closed_on_time() {
    let server = TestServer::start(short_options()).await;
    let stream = TokioIo::new(server.client().await.into_stream());
    let (mut requests, connection) = Builder::new(TokioExecutor::new())
        .initial_stream_window_size(0)
        .handshake(stream)
        .await
        .unwrap();
    let task = tokio::spawn(connection);
    let answer = requests.send_request(post("/", "hello")).await.unwrap();
    let ended = timeout(PATIENCE, task).await;
    drop(ended.expect("an answer that nobody reads keeps its connection"));
    drop(answer);
}

#[tokio::test]
async fn heads_have_the_same_limits() {
    let server = TestServer::start(short_options()).await;
    let mut connection = connect(server.client().await).await;
    let long = format!("/{}", "u".repeat(9 << 10));
    let response = connection
        .requests
        .send_request(post(&long, ""))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::URI_TOO_LONG);

    let mut many = post("/", "");
    for index in 0..201 {
        let name = http::HeaderName::try_from(format!("a{index}")).unwrap();
        many.headers_mut()
            .insert(name, http::HeaderValue::from_static("b"));
    }
    let response = connection.requests.send_request(many).await.unwrap();
    assert_eq!(
        response.status(),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );

    let mut large = post("/", "");
    let value = http::HeaderValue::try_from("b".repeat(65 << 10)).unwrap();
    large.headers_mut().insert("a", value);
    match connection.requests.send_request(large).await {
        Ok(response) => assert_eq!(
            response.status(),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        ),
        Err(error) => assert!(!error.is_timeout(), "{error}"),
    }
}

#[tokio::test]
async fn shutdown_lets_streams_under_way_finish() {
    let mut server = TestServer::start(short_options()).await;
    let mut connection = connect(server.client().await).await;
    let hanging = connection.requests.send_request(post("/hang", ""));
    server.signals.begun.notified().await;
    server.stop();
    server.signals.go_on.notify_one();
    assert_eq!(hanging.await.unwrap().status(), StatusCode::OK);
    drop(connection);
    let served = timeout(Duration::from_secs(15), server.served()).await;
    assert_eq!(served.unwrap().cut_off, 0);
}

#[tokio::test]
async fn the_door_answers_on_http2_as_on_http1() {
    let door = TestDoor::plain().await;
    let mut connection = connect(door.client().await).await;
    let mut event = post("/shop/orders", "hello");
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/test"),
        ("ce-type", "test.made"),
    ] {
        let value = http::HeaderValue::from_static(value);
        event.headers_mut().insert(name, value);
    }
    let response = connection.requests.send_request(event).await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(door.accepted.take_one().id(), "1");

    let large = Request::post("http://test/shop/orders")
        .body(Full::new(vec![b'.'; 2 << 20].into()))
        .unwrap();
    let response = connection.requests.send_request(large).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let response = connection
        .requests
        .send_request(post("/shop/orders", "{}"))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}
