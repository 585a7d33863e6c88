//! A lean subscriber for measurements: answers 202 to everything, counts, and measures how long
//! events took from the moment they were meant to be sent.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::driver::number_in_id;
use super::histogram::Histogram;
use super::pace::Rate;
use crate::http1::Reader;

const ANSWER: &[u8] = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

/// A listening sink; it stops when it is dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    seen: Arc<Seen>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: AtomicU64,
    schedule: Mutex<Option<(Rate, Instant)>>,
    latency: Mutex<Histogram>,
}

impl Sink {
    /// Listens on `address`.
    ///
    /// # Errors
    ///
    /// When it cannot be bound.
    pub async fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let server = tokio::spawn(serve(listener, Arc::clone(&seen)));
        Ok(Sink {
            address,
            seen,
            server,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests came.
    pub fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::Relaxed)
    }

    /// From now on, measures how long events of a run with this schedule took.
    pub fn measure(&self, rate: Rate, start: Instant) {
        *self.seen.schedule.lock() = Some((rate, start));
    }

    /// What was measured.
    pub fn latency(&self) -> Histogram {
        self.seen.latency.lock().clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, seen: Arc<Seen>) {
    loop {
        // A failed accept is the peer's or the system's affair of that moment; go on.
        if let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move { converse(stream, &seen).await });
        } else {
            tokio::task::yield_now().await;
        }
    }
}

async fn converse(stream: TcpStream, seen: &Seen) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut reader = Reader::new(read);
    while let Some(request) = reader.request().await? {
        seen.requests.fetch_add(1, Ordering::Relaxed);
        let schedule = *seen.schedule.lock();
        if let Some((rate, start)) = schedule
            && let Some(number) = request
                .headers
                .get("ce-id")
                .as_deref()
                .and_then(number_in_id)
            && let Some(due) = rate.due(number)
        {
            let latency = (start + due).elapsed();
            seen.latency.lock().record(latency);
        }
        write.write_all(ANSWER).await?;
    }
    Ok(())
}
