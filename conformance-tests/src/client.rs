//! A client that sends exactly what it is given: proper requests, and bytes that are none.
//!
//! HTTP/1.1 on a plain socket, one request at a time. A deadline ends every exchange.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::event::{Event, Mode};
use crate::http1::{Headers, Message, Reader};

/// How long an exchange may take: far more than any answer should.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it will stand on the wire.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Headers,
    body: Bytes,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, target: &str) -> Self {
        Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    /// A POST.
    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// A GET.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST that carries `event`.
    pub fn event(target: &str, event: &Event, mode: Mode) -> Self {
        match mode {
            Mode::Binary => Request {
                headers: event.to_binary(),
                body: event.data.clone().unwrap_or_default(),
                ..Self::post(target)
            },
            Mode::Structured => Self::post(target)
                .header("Content-Type", "application/cloudevents+json")
                .body(event.to_json()),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(name, value.as_ref());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets `Host` unless it is given.
    #[must_use]
    pub fn with_host(self, host: &str) -> Self {
        if self.headers.get("host").is_some() {
            self
        } else {
            self.header("Host", host)
        }
    }

    /// The request's bytes. `Host` and `Content-Length` are added unless they are given.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        if self.headers.get("host").is_none() {
            line("Host", b"localhost");
        }
        for (name, value) in self.headers.iter() {
            line(name, value);
        }
        let framed = ["content-length", "transfer-encoding"]
            .iter()
            .any(|name| self.headers.get(name).is_some());
        if !framed && (self.method == "POST" || !self.body.is_empty()) {
            line("Content-Length", self.body.len().to_string().as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it on a connection of its own.
    ///
    /// # Errors
    ///
    /// When there is no whole answer within [`PATIENCE`].
    pub async fn send(&self, to: SocketAddr) -> io::Result<Message> {
        Connection::open(to).await?.send(self).await
    }
}

/// A kept-alive connection.
#[derive(Debug)]
pub struct Connection {
    reader: Reader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nothing listens there.
    pub async fn open(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        Ok(Connection {
            reader: Reader::new(read),
            write,
        })
    }

    /// Sends a request and reads its answer, past informational ones.
    ///
    /// # Errors
    ///
    /// When there is no whole answer within [`PATIENCE`].
    pub async fn send(&mut self, request: &Request) -> io::Result<Message> {
        self.exchange(&request.to_bytes()).await
    }

    /// Writes bytes, whatever they are, and reads the answer.
    ///
    /// # Errors
    ///
    /// As [`Connection::send`].
    pub async fn exchange(&mut self, bytes: &[u8]) -> io::Result<Message> {
        match timeout(PATIENCE, self.exchange_patiently(bytes)).await {
            Ok(answer) => answer,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
        }
    }

    async fn exchange_patiently(&mut self, bytes: &[u8]) -> io::Result<Message> {
        // A server that refuses early may close before it has read everything: the answer counts,
        // not the write.
        let written = self.write.write_all(bytes).await;
        loop {
            match self.reader.response().await {
                Ok(Some(answer)) if matches!(answer.status(), Some(100..=199)) => {}
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => {
                    written?;
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no answer"));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the server closes the connection, reading on meanwhile.
    ///
    /// # Errors
    ///
    /// When it has not within `patience`, or sends another answer instead.
    pub async fn await_close(&mut self, patience: Duration) -> io::Result<()> {
        match timeout(patience, self.reader.response()).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(answer))) => Err(io::Error::other(format!("another answer: {answer:?}"))),
            // A reset closes as well as an end does.
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "still open")),
        }
    }
}

/// Writes `bytes` on a connection of their own and reads the answer.
///
/// # Errors
///
/// When there is no whole answer within [`PATIENCE`].
pub async fn exchange(to: SocketAddr, bytes: &[u8]) -> io::Result<Message> {
    Connection::open(to).await?.exchange(bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscriber::{Answer, Script, Subscriber};

    #[tokio::test]
    async fn what_is_sent_arrives_and_the_connection_is_kept() {
        let subscriber = Subscriber::start().await.unwrap();
        let answers = [Answer::status(201).body("a"), Answer::status(204)];
        subscriber.script("/x", Script::first(answers));
        let event = Event::new("1", "/s", "t").with_data("text/plain", "hi");
        let mut connection = Connection::open(subscriber.address()).await.unwrap();
        let mut statuses = Vec::new();
        for mode in [Mode::Binary, Mode::Structured, Mode::Binary] {
            let answer = connection
                .send(&Request::event("/x", &event, mode))
                .await
                .unwrap();
            statuses.push(answer.status());
        }
        assert_eq!(statuses, [Some(201), Some(204), Some(202)]);
        for received in subscriber.received("/x") {
            assert_eq!(received.event(), event);
        }
    }

    #[tokio::test]
    async fn informational_answers_are_passed_over_and_no_answer_is_an_error() {
        let subscriber = Subscriber::start().await.unwrap();
        let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        subscriber.script("/early", Answer::raw(early));
        subscriber.script("/none", Answer::close());
        let send = |path: &'static str| {
            let request = Request::post(path);
            let address = subscriber.address();
            async move { request.send(address).await }
        };
        assert_eq!(send("/early").await.unwrap().status(), Some(200));
        assert!(send("/none").await.is_err());
    }
}
