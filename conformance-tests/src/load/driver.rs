//! The connections that send.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::histogram::{Histogram, Summary};
use super::pace::{Rate, pace};
use crate::http1::Reader;

/// How long one exchange may take before it counts as failed.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);

/// How much to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So many events.
    Events(u64),
    /// For so long.
    Lasting(Duration),
}

/// What to send, where, and how.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server.
    pub to: SocketAddr,
    /// The value of `Host`.
    pub host: String,
    /// The path, which begins with a slash.
    pub path: String,
    /// How fast.
    pub rate: Rate,
    /// How much.
    pub extent: Extent,
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// Bytes of data in each event.
    pub payload_bytes: usize,
    /// The events' type.
    pub event_type: String,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Sends that were begun.
    pub sent: u64,
    /// Sends answered with 202 (any 2xx, for servers that are no brokers).
    pub accepted: u64,
    /// Answers by status, and failures by what the system said.
    pub answers: BTreeMap<String, u64>,
    /// How long it took.
    pub seconds: f64,
    /// Accepted sends a second.
    pub accepted_per_second: f64,
    /// From the intended send time to the answer, of accepted sends.
    pub latency: Summary,
}

/// What a run's connections share.
struct Run {
    load: Load,
    start: Instant,
    permits: Arc<Semaphore>,
    next: AtomicU64,
    count: u64,
}

/// One connection's part of the report.
#[derive(Default)]
struct Tally {
    sent: u64,
    accepted: u64,
    answers: BTreeMap<String, u64>,
    latency: Histogram,
}

/// Sends the load; `started` is told the moment from which the schedule counts.
pub async fn run(load: Load, started: impl FnOnce(Instant)) -> Report {
    let count = match (load.extent, load.rate) {
        (Extent::Events(count), _) => count,
        (Extent::Lasting(time), Rate::PerSecond(rate)) => events_in(time, rate),
        (Extent::Lasting(_), Rate::Max) => u64::MAX,
    };
    let permits = Arc::new(Semaphore::new(0));
    let start = Instant::now();
    started(start);
    let run = Arc::new(Run {
        start,
        permits,
        next: AtomicU64::new(0),
        count,
        load,
    });
    start_pacing(&run);
    let mut connections = JoinSet::new();
    for _ in 0..run.load.connections {
        connections.spawn(send_many(Arc::clone(&run)));
    }
    let tallies = connections.join_all().await;
    run.permits.close();
    report(tallies, start.elapsed())
}

fn events_in(time: Duration, rate: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "both factors are positive, and a part of an event is not sent"
    )]
    let count = (time.as_secs_f64() * rate) as u64;
    count
}

fn start_pacing(run: &Arc<Run>) {
    if let Rate::PerSecond(rate) = run.load.rate {
        let (permits, count, start) = (Arc::clone(&run.permits), run.count, run.start);
        thread::spawn(move || pace(rate, count, start, &permits));
    }
}

async fn send_many(run: Arc<Run>) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    let mut request = Vec::new();
    while let Some((number, due)) = run.next_send().await {
        run.write_request(number, &mut request);
        tally.sent += 1;
        let exchange = exchange(&mut connection, run.load.to, &request);
        let outcome = match timeout(EXCHANGE_TIMEOUT, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer")),
        };
        match outcome {
            Ok(status) => {
                if (200..300).contains(&status) {
                    tally.accepted += 1;
                    tally.latency.record(due.elapsed());
                }
                *tally.answers.entry(status.to_string()).or_default() += 1;
            }
            Err(error) => {
                connection = None;
                *tally.answers.entry(error.kind().to_string()).or_default() += 1;
            }
        }
    }
    tally
}

impl Run {
    /// The next send's number and the moment from which its latency counts.
    async fn next_send(&self) -> Option<(u64, Instant)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= self.count {
            return None;
        }
        match (self.load.rate.due(number), self.load.extent) {
            (Some(due), _) => {
                // Never closed before every connection has ended.
                self.permits.acquire().await.ok()?.forget();
                Some((number, self.start + due))
            }
            (None, Extent::Lasting(time)) if self.start.elapsed() >= time => None,
            (None, _) => Some((number, Instant::now())),
        }
    }

    fn write_request(&self, number: u64, request: &mut Vec<u8>) {
        let Load {
            host,
            path,
            payload_bytes,
            event_type,
            ..
        } = &self.load;
        request.clear();
        request.extend_from_slice(
            format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\n\
                 ce-specversion: 1.0\r\nce-id: load-{number}\r\nce-source: /load\r\n\
                 ce-type: {event_type}\r\nContent-Length: {payload_bytes}\r\n\r\n"
            )
            .as_bytes(),
        );
        request.resize(request.len() + payload_bytes, b'x');
    }
}

/// The number in an event's id, as [`Run::write_request`] wrote it.
pub(super) fn number_in_id(id: &str) -> Option<u64> {
    id.strip_prefix("load-")?.parse().ok()
}

/// A kept-alive connection's halves.
type Connection = (Reader<OwnedReadHalf>, OwnedWriteHalf);

async fn exchange(
    connection: &mut Option<Connection>,
    to: SocketAddr,
    request: &[u8],
) -> io::Result<u16> {
    if connection.is_none() {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        *connection = Some((Reader::new(read), write));
    }
    let Some((reader, write)) = connection else {
        return Err(io::Error::other("no connection"));
    };
    write.write_all(request).await?;
    let answer = reader.response().await?;
    let answer = answer.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let closes = answer
        .headers
        .get("connection")
        .is_some_and(|value| value == "close");
    let status = answer
        .status()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    if closes {
        *connection = None;
    }
    Ok(status)
}

fn report(tallies: Vec<Tally>, elapsed: Duration) -> Report {
    let mut sum = Tally::default();
    for tally in tallies {
        sum.sent += tally.sent;
        sum.accepted += tally.accepted;
        for (answer, count) in tally.answers {
            *sum.answers.entry(answer).or_default() += count;
        }
        sum.latency.add(&tally.latency);
    }
    let seconds = elapsed.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate is a fraction")]
    let accepted_per_second = sum.accepted as f64 / seconds;
    Report {
        sent: sum.sent,
        accepted: sum.accepted,
        answers: sum.answers,
        seconds,
        accepted_per_second,
        latency: sum.latency.summary(),
    }
}

#[cfg(test)]
mod tests;
