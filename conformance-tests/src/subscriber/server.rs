//! The sockets of a subscriber.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::script::Manner;
use super::{Answer, Received, Shared};
use crate::http1::{Message, Reader};

/// Accepts until the task is aborted; its connections end with it.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Both are cancel safe: neither takes anything before it is ready.
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move { converse(stream, &shared).await });
                }
                // Out of descriptors, most likely: those that are open must end first.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers one connection's requests. An error is the peer's leaving, which is its own affair:
/// a test looks at what was received, and at what the broker made of the answer.
async fn converse(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut reader = Reader::new(read);
    while let Some(message) = reader.request().await? {
        let answer = arrive(message, shared);
        sleep(answer.delay).await;
        match answer.manner {
            Manner::Proper {
                status,
                headers,
                body,
            } => {
                write.write_all(&response(status, &headers, &body)).await?;
            }
            Manner::Hang => return linger(reader.into_source(), &write).await,
            Manner::Raw(bytes) => return write.write_all(&bytes).await,
            Manner::Drip {
                first,
                drops,
                interval,
                endless,
            } => {
                write.write_all(&first).await?;
                return drip(&mut write, &drops, interval, endless).await;
            }
        }
    }
    Ok(())
}

fn arrive(message: Message, shared: &Shared) -> Answer {
    let (method, target) = message.request_line();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let received = Received {
        at: Instant::now(),
        method: method.to_owned(),
        target: target.to_owned(),
        headers: message.headers,
        body: message.body,
        answered: None,
    };
    let answer = shared
        .paths
        .lock()
        .entry(path)
        .or_default()
        .arrive(received);
    shared.arrived.notify_waiters();
    answer
}

/// Holds the connection open until the peer closes it.
async fn linger(mut read: OwnedReadHalf, _write: &OwnedWriteHalf) -> io::Result<()> {
    let mut rest = [0; 1024];
    while read.read(&mut rest).await? > 0 {}
    Ok(())
}

async fn drip(
    write: &mut OwnedWriteHalf,
    drops: &[u8],
    interval: Duration,
    endless: bool,
) -> io::Result<()> {
    loop {
        if endless {
            write.write_all(drops).await?;
            continue;
        }
        for drop in drops {
            sleep(interval).await;
            write.write_all(&[*drop]).await?;
        }
        return Ok(());
    }
}

fn response(status: u16, headers: &[(String, Vec<u8>)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} Scripted\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    if !matches!(status, 100..=199 | 204 | 304) {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}
