//! A client that sends exactly the bytes it is given.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long any single wait of a test may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The header section in lower case, without the status line.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found == name).then(|| value.trim())
        })
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = timeout(PATIENCE, TcpStream::connect(address))
            .await
            .expect("connecting takes too long")
            .expect("cannot connect");
        stream.set_nodelay(true).unwrap();
        Client {
            stream,
            unread: Vec::new(),
        }
    }

    /// Sends `bytes`; a peer that has closed meanwhile is no error.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        timeout(PATIENCE, self.stream.write_all(bytes.as_ref()))
            .await
            .expect("the server does not read")
            .is_ok()
    }

    /// Shuts the sending side.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Reads the next answer, without interim ones.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> impl Future<Output = Answer> {
        let answer = timeout(PATIENCE, self.try_answer());
        async {
            answer
                .await
                .expect("no answer")
                .expect("closed without an answer")
        }
    }

    /// The next answer, or none when the connection is closed.
    pub(crate) async fn try_answer(&mut self) -> Option<Answer> {
        loop {
            if let Some((answer, length)) = parse(&self.unread) {
                self.unread.drain(..length);
                return Some(answer);
            }
            match self.stream.read_buf(&mut self.unread).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Waits until the server closes; gives what came before that.
    pub(crate) async fn closed(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.unread);
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut rest));
        // A reset closes too.
        drop(read.await.expect("the server keeps the connection open"));
        rest
    }

    /// Waits until the server closes, which it must do without a reset.
    pub(crate) async fn closed_in_order(&mut self) {
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut self.unread));
        let read = read.await.expect("the server keeps the connection open");
        read.expect("the server cut the connection");
    }

    /// Sends `bytes` and gives the answer, which must be the last on the connection.
    pub(crate) async fn last_answer(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.send(bytes).await;
        let answer = self.answer().await;
        let rest = self.closed().await;
        assert_eq!(String::from_utf8_lossy(&rest), "", "after {answer:?}");
        answer
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

/// The first answer in `bytes` and its length, once it is complete.
fn parse(bytes: &[u8]) -> Option<(Answer, usize)> {
    let head_length = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..head_length]).to_lowercase();
    let (status_line, head) = head.split_once("\r\n")?;
    let status = status_line.split(' ').nth(1)?.parse().ok()?;
    let mut answer = Answer {
        status,
        head: head.to_owned(),
        body: String::new(),
    };
    let body_length = answer
        .header("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let length = head_length + body_length;
    let body = bytes.get(head_length..length)?;
    answer.body = String::from_utf8_lossy(body).into_owned();
    Some((answer, length))
}
