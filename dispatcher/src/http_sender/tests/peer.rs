//! A receiver that writes whatever bytes a test wants.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_event::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::{
    Answer, Failure, HttpSender, HttpSenderOptions, Purpose, Sender, Target, Transmission,
};

/// For attempts that are to end by themselves: longer than a loaded machine takes.
pub(super) const AMPLE: Duration = Duration::from_secs(20);

/// For attempts that are to end by their deadline: short enough to wait for.
pub(super) const BRIEF: Duration = Duration::from_millis(400);

/// Listens on a loopback port until dropped.
pub(super) struct Peer {
    pub(super) url: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Peer {
    /// Gives every connection to `serve`.
    pub(super) async fn start<F, S>(serve: S) -> Self
    where
        S: Fn(Connection) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (counted, read) = (Arc::clone(&connections), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let requests = Arc::clone(&read);
                tokio::spawn(serve(Connection { stream, requests }));
            }
        });
        Peer {
            url,
            connections,
            requests,
            task,
        }
    }

    /// Answers every request with these bytes, on connections that stay open.
    pub(super) async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::start(move |mut connection| {
            let answer = Arc::clone(&answer);
            async move {
                while connection.request().await {
                    connection.write(&answer).await;
                }
            }
        })
        .await
    }

    /// Answers the first request of a connection with these bytes and closes it.
    pub(super) async fn hanging_up(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::start(move |mut connection| {
            let answer = Arc::clone(&answer);
            async move {
                connection.request().await;
                connection.write(&answer).await;
            }
        })
        .await
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The heads of the requests so far, and after each its body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) struct Connection {
    stream: TcpStream,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Connection {
    /// Reads one request; false when the client has closed the connection.
    pub(super) async fn request(&mut self) -> bool {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.read_some(&mut bytes).await {
                return false;
            }
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
        let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        while bytes.len() < head_end + length {
            if !self.read_some(&mut bytes).await {
                return false;
            }
        }
        self.requests
            .lock()
            .push(String::from_utf8_lossy(&bytes).into_owned());
        true
    }

    async fn read_some(&mut self, bytes: &mut Vec<u8>) -> bool {
        matches!(self.stream.read_buf(bytes).await, Ok(read) if read > 0)
    }

    /// False when the client has closed the connection.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Closes this side of the connection.
    pub(super) async fn shut(&mut self) {
        drop(self.stream.shutdown().await);
    }

    /// Waits until the client has closed the connection.
    pub(super) async fn closed(&mut self) {
        let mut rest = [0; 1_024];
        while matches!(self.stream.read(&mut rest).await, Ok(read) if read > 0) {}
    }

    /// Answers `head`, then `chunk` again and again with `pause` in between, until the client has
    /// had enough.
    pub(super) async fn drone(mut self, head: &[u8], chunk: &[u8], pause: Duration) {
        self.request().await;
        self.write(head).await;
        while self.write(chunk).await {
            if pause.is_zero() {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// The value of a header in a request's text.
pub(super) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": "))
        .find_map(|(header, value)| header.eq_ignore_ascii_case(name).then_some(value))
}

pub(super) fn event() -> Event {
    Event::builder("42", "/shop", "order.created")
        .attribute("partitionkey", "customer-7")
        .attribute("knativebrokerttl", "17")
        .data("application/json", &br#"{"n": 1.50}"#[..])
        .build()
        .unwrap()
}

pub(super) fn transmission(url: &str) -> Transmission {
    Transmission {
        event: Arc::new(event()),
        target: Target {
            uri: url.parse().unwrap(),
        },
        purpose: Purpose::Deliver,
        namespace: http::HeaderValue::from_static("shop"),
        hops_left: 16,
        format: None,
        timeout: AMPLE,
        attempt: 1,
    }
}

pub(super) fn sender() -> HttpSender {
    HttpSender::new(HttpSenderOptions::default())
}

/// Sends once to `peer` with a client of its own, in ample time.
pub(super) async fn send(peer: &Peer) -> Result<Answer, Failure> {
    send_within(peer, AMPLE).await
}

/// Sends once to `peer`, and checks that the attempt ends by its deadline and a second (S2).
pub(super) async fn send_within(peer: &Peer, timeout: Duration) -> Result<Answer, Failure> {
    let mut transmission = transmission(&peer.url);
    transmission.timeout = timeout;
    let limit = timeout + Duration::from_secs(1);
    let outcome = tokio::time::timeout(limit, sender().send(transmission)).await;
    outcome.expect("an attempt ends by its deadline")
}
