//! One peer with a bad habit, and the judgement of how its connection ended.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, interval, timeout};

use super::habits::{Habit, Then};

/// What row O2 allows beyond a limit.
const GRACE: Duration = Duration::from_secs(2);
/// How often a byte is dripped: more often than any deadline, and far below the least rate.
const DRIP: Duration = Duration::from_millis(500);
/// More than any refusal has.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// How a connection ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// From the opening.
    pub(super) open: Duration,
    /// From the peer's last deed but its drips: what the limit counts from.
    pub(super) stalled: Duration,
    /// The status of the last answer.
    pub(super) answer: Option<u16>,
}

impl Ended {
    /// What is wrong with it.
    pub(super) fn fault(&self, habit: &Habit) -> Option<String> {
        let is_early = self.open < habit.limit;
        let is_late = self.stalled > habit.limit + GRACE;
        let is_answered = self.answer == habit.answer;
        let (limit, answer) = (habit.limit, habit.answer);
        (is_early || is_late || !is_answered).then(|| {
            format!(
                "{}: due after {limit:?} with {answer:?}: {self:?}",
                habit.name
            )
        })
    }
}

/// Keeps to a habit until the server ends the connection.
pub(super) async fn misbehave(habit: &Habit, to: SocketAddr) -> Ended {
    let opened = Instant::now();
    let mut stream = connect(habit, to).await.expect("it accepts");
    let mut stalled = Instant::now();
    let conversation = async {
        match habit.then {
            Then::Floods => {
                flood(&mut stream, &habit.first, &mut stalled).await;
                None
            }
            Then::Stops | Then::GoesOn(_) | Then::Drips(_) | Then::Shuts => {
                last_status(&stall(&mut stream, habit, &mut stalled).await)
            }
        }
    };
    // Past its grace it is late, however late.
    let answer = timeout(habit.limit + 4 * GRACE, conversation).await;
    Ended {
        open: opened.elapsed(),
        stalled: stalled.elapsed(),
        answer: answer.unwrap_or(None),
    }
}

async fn connect(habit: &Habit, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if matches!(habit.then, Then::Floods) {
        socket.set_recv_buffer_size(4_096)?;
    }
    socket.connect(to).await
}

/// Writes and never reads, until the connection is reset.
async fn flood(stream: &mut TcpStream, bytes: &[u8], stalled: &mut Instant) {
    while stream.write(bytes).await.is_ok() {
        *stalled = Instant::now();
    }
}

/// Writes what the habit says, and gives what was said until the end.
async fn stall(stream: &mut TcpStream, habit: &Habit, stalled: &mut Instant) -> Vec<u8> {
    // A server that refuses early may close before it has read everything: the answer counts,
    // not the write.
    stream.write_all(&habit.first).await.ok();
    *stalled = Instant::now();
    let mut said = Vec::new();
    match habit.then {
        Then::GoesOn(next) => {
            stream.read_buf(&mut said).await.ok();
            stream.write_all(next.as_bytes()).await.ok();
            *stalled = Instant::now();
        }
        Then::Shuts => stream.shutdown().await.unwrap_or_default(),
        Then::Stops | Then::Drips(_) | Then::Floods => {}
    }
    let (reading, mut writing) = stream.split();
    let mut reading = reading.take(ANSWER_BYTES_MAX);
    let listening = async {
        // A reset ends a connection as well as a close does.
        reading.read_to_end(&mut said).await.ok();
    };
    let dripping = async {
        if let Then::Drips(byte) = habit.then {
            let mut ticks = interval(DRIP);
            while writing.write_all(&[byte]).await.is_ok() {
                ticks.tick().await;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = listening => {}
        () = dripping => {}
    }
    said
}

/// The status of the last HTTP/1.1 answer among these bytes.
fn last_status(said: &[u8]) -> Option<u16> {
    let said = String::from_utf8_lossy(said);
    let (_, last) = said.rsplit_once("HTTP/1.1 ")?;
    last.get(..3)?.parse().ok()
}
