//! HTTP/1.1 messages as they stand on the wire: names in the case and order they came in, values as
//! bytes. Reads what a peer sent without judging it, so that tests can; writes whatever it is told.
//!
//! What is left out: pipelining, trailers, upgrades, and tolerance for a framing that is not
//! `Content-Length`, `chunked` or the end of the connection.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The most that a start line and its header section may hold.
const HEAD_BYTES_MAX: usize = 1 << 20;
/// The most that a body may hold.
const BODY_BYTES_MAX: usize = 64 << 20;

/// A header section in its order and spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// The first value of `name`, in any case, as text; bytes that are no UTF-8 read as U+FFFD.
    pub fn get(&self, name: &str) -> Option<String> {
        self.all(name)
            .next()
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// Each value of `name`, in any case.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// Each line as it came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Adds a line at the end.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The start line without its end.
    pub start: String,
    /// The header section.
    pub headers: Headers,
    /// The body, its transfer coding undone.
    pub body: Bytes,
}

impl Message {
    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
    }

    /// The method and the target of a request.
    pub fn request_line(&self) -> (&str, &str) {
        let mut words = self.start.split(' ');
        (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        )
    }
}

/// How a body without length ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unframed {
    /// There is none: the rule for requests.
    Nothing,
    /// With the connection: the rule for responses.
    ToTheEnd,
}

/// Reads one message after another from a connection.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// A reader of `source`.
    pub fn new(source: R) -> Self {
        Reader {
            source,
            buffer: BytesMut::with_capacity(8 << 10),
        }
    }

    /// The connection; what was read of it and not used is lost.
    pub fn into_source(self) -> R {
        self.source
    }

    /// The next request; `None` when the peer closed between two.
    ///
    /// # Errors
    ///
    /// When the connection fails, ends in the middle, or holds no HTTP/1.1.
    pub async fn request(&mut self) -> io::Result<Option<Message>> {
        self.message(Unframed::Nothing).await
    }

    /// The next response, informational ones included; `None` when the peer closed without one.
    ///
    /// # Errors
    ///
    /// As [`Reader::request`].
    pub async fn response(&mut self) -> io::Result<Option<Message>> {
        self.message(Unframed::ToTheEnd).await
    }

    async fn message(&mut self, unframed: Unframed) -> io::Result<Option<Message>> {
        let Some(head) = self.head().await? else {
            return Ok(None);
        };
        let (start, headers) = parse_head(&head)?;
        let mut message = Message {
            start,
            headers,
            body: Bytes::new(),
        };
        let bodiless = matches!(message.status(), Some(100..=199 | 204 | 304));
        if !bodiless {
            message.body = self.body(&message.headers, unframed).await?;
        }
        Ok(Some(message))
    }

    async fn body(&mut self, headers: &Headers, unframed: Unframed) -> io::Result<Bytes> {
        if headers
            .get("transfer-encoding")
            .is_some_and(|coding| coding.contains("chunked"))
        {
            return self.chunked().await;
        }
        match headers.get("content-length") {
            Some(length) => {
                let length = length
                    .trim()
                    .parse()
                    .map_err(|_| bad(format!("length {length:?}")))?;
                self.exactly(length).await
            }
            None if unframed == Unframed::ToTheEnd => self.rest().await,
            None => Ok(Bytes::new()),
        }
    }

    /// Everything up to the empty line, without it.
    async fn head(&mut self) -> io::Result<Option<Bytes>> {
        let mut searched = 0;
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n", searched) {
                let head = self.buffer.split_to(at + 4).freeze();
                return Ok(Some(head.slice(..at)));
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(bad("header section too long"));
            }
            if self.more().await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(cut("in the headers"))
                };
            }
        }
    }

    async fn chunked(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let line = self.line().await?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length =
                usize::from_str_radix(digits, 16).map_err(|_| bad(format!("chunk {line:?}")))?;
            if length == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(body.freeze());
            }
            if body.len() + length > BODY_BYTES_MAX {
                return Err(bad("body too long"));
            }
            body.extend_from_slice(&self.exactly(length).await?);
            self.line().await?;
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n", 0) {
                let line = self.buffer.split_to(at + 2);
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(bad("line too long"));
            }
            if self.more().await? == 0 {
                return Err(cut("in a line"));
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Bytes> {
        if length > BODY_BYTES_MAX {
            return Err(bad("body too long"));
        }
        while self.buffer.len() < length {
            if self.more().await? == 0 {
                return Err(cut("in the body"));
            }
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn rest(&mut self) -> io::Result<Bytes> {
        while self.buffer.len() <= BODY_BYTES_MAX {
            if self.more().await? == 0 {
                return Ok(self.buffer.split().freeze());
            }
        }
        Err(bad("body too long"))
    }

    async fn more(&mut self) -> io::Result<usize> {
        self.buffer.reserve(8 << 10);
        self.source.read_buf(&mut self.buffer).await
    }
}

fn parse_head(head: &[u8]) -> io::Result<(String, Headers)> {
    let mut lines = head
        .split(|&byte| byte == b'\n')
        .map(|line| line.trim_ascii_end());
    let start = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut headers = Headers::default();
    for line in lines {
        let colon = line
            .iter()
            .position(|&byte| byte == b':')
            .ok_or_else(|| bad(format!("header line {:?}", String::from_utf8_lossy(line))))?;
        let (name, value) = line.split_at(colon);
        headers.push(String::from_utf8_lossy(name), value[1..].trim_ascii());
    }
    Ok((start, headers))
}

fn find(buffer: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    buffer
        .get(from..)?
        .windows(needle.len())
        .position(|window| window == needle)
        .map(|at| from + at)
}

fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

fn cut(place: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the connection ended {place}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &str) -> io::Result<Option<Message>> {
        let mut reader = Reader::new(text.as_bytes());
        if text.starts_with("HTTP/") {
            reader.response().await
        } else {
            reader.request().await
        }
    }

    #[tokio::test]
    async fn a_message_is_read_in_its_own_order_and_spelling() {
        let text = "POST /a HTTP/1.1\r\nCe-Id:  1 \r\nHOST: x\r\nce-id: 2\r\nContent-Length: 2\r\n\r\nhirest";
        let message = read(text).await.unwrap().unwrap();
        assert_eq!(message.request_line(), ("POST", "/a"));
        let names: Vec<&str> = message.headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Ce-Id", "HOST", "ce-id", "Content-Length"]);
        assert_eq!(
            message.headers.all("CE-ID").collect::<Vec<_>>(),
            [b"1", b"2"]
        );
        assert_eq!(&message.body[..], b"hi");
    }

    #[tokio::test]
    async fn bodies_end_by_length_by_chunks_or_with_the_connection() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "abc"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
                "abc",
            ),
            ("HTTP/1.1 200 OK\r\n\r\nabc", "abc"),
            ("HTTP/1.1 204 No Content\r\n\r\nabc", ""),
            ("POST / HTTP/1.1\r\n\r\nabc", ""),
        ] {
            let message = read(text).await.unwrap().unwrap();
            assert_eq!(&message.body[..], expected.as_bytes(), "{text:?}");
        }
    }

    #[tokio::test]
    async fn what_is_cut_short_or_no_http_is_an_error() {
        assert_eq!(read("").await.unwrap(), None);
        for text in [
            "POST / HTTP/1.1\r\nHost",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
            "POST / HTTP/1.1\r\nContent-Length: five\r\n\r\nabc",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "POST / HTTP/1.1\r\nno colon\r\n\r\n",
        ] {
            assert!(read(text).await.is_err(), "{text:?}");
        }
    }
}
