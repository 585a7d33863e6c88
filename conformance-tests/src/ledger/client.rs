//! A test's handle on the ledger's process.
//!
//! Records go through one bounded queue to one thread with one connection, so they reach the
//! process in the order in which they were made. A record that does not fit is never dropped
//! quietly: the next judgement fails.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tokio::sync::oneshot;

use super::judgement::Judgement;
use super::record::{Figures, Key, Line, Record};
use crate::artefact;
use crate::event::{Event, Mode};
use crate::harness::scratch_folder;

/// Records on their way to the process.
const QUEUE_RECORDS_MAX: usize = 100_000;

/// The ledger's process; it ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Ledger {
    process: Arc<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// The process ends when this closes, so it cannot outlive the test's.
    _stdin: Option<ChildStdin>,
    commands: SyncSender<Order>,
    overflowed: AtomicBool,
    log: PathBuf,
}

/// What came to a subscriber: an event, or why it is none.
type Arrival = Result<(Mode, Event), String>;

enum Order {
    Record(Record),
    Judge(Vec<Figures>, oneshot::Sender<io::Result<Judgement>>),
}

impl Ledger {
    /// Starts the program `ledger` of this build, or the one that `SLUICEGATE_LEDGER_BIN` names,
    /// with a log in a folder of its own.
    ///
    /// # Errors
    ///
    /// When the program is missing or does not start.
    pub fn start() -> io::Result<Self> {
        let program =
            artefact::program("ledger", "sluicegate-conformance", "SLUICEGATE_LEDGER_BIN")?;
        let log = scratch_folder("ledger")?.join("ledger.log");
        let mut child = Command::new(program)
            .arg("serve")
            .arg(&log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no standard output"))?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address)?;
        let stream = TcpStream::connect(address.trim())?;
        let (commands, queue) = sync_channel(QUEUE_RECORDS_MAX);
        thread::spawn(move || forward(&stream, &queue));
        let overflowed = AtomicBool::new(false);
        let process = Process {
            child,
            _stdin: stdin,
            commands,
            overflowed,
            log,
        };
        Ok(Ledger {
            process: Arc::new(process),
        })
    }

    /// Where the log is.
    pub fn log(&self) -> &PathBuf {
        &self.process.log
    }

    /// An event is about to be sent to `broker`, and these triggers must get it.
    pub fn intent(&self, broker: &str, event: &Event, expected: &[&str]) {
        self.record(Record::Intent {
            key: Key::of(event),
            broker: broker.to_owned(),
            digest: event.digest(),
            expected: expected.iter().map(|&trigger| trigger.to_owned()).collect(),
            optional: Vec::new(),
        });
    }

    /// The broker answered the send of `event`.
    pub fn answer(&self, event: &Event, status: u16) {
        self.record(Record::Answer {
            key: Key::of(event),
            status,
        });
    }

    /// The broker shows `event` in its dead-letter store.
    pub fn parked(&self, trigger: &str, event: &Event) {
        let (key, digest) = (Key::of(event), original(event).digest());
        self.record(Record::Parked {
            trigger: trigger.to_owned(),
            key,
            digest,
        });
    }

    pub(crate) fn delivery(&self, trigger: &str, event: Arrival, status: Option<u16>) {
        self.arrived(trigger, event, |trigger, event| Record::Delivery {
            trigger,
            key: Key::of(&event),
            digest: event.digest(),
            status,
        });
    }

    pub(crate) fn dead_letter(&self, trigger: &str, event: Arrival, status: Option<u16>) {
        self.arrived(trigger, event, |trigger, event| Record::DeadLetter {
            trigger,
            key: Key::of(&event),
            digest: original(&event).digest(),
            status,
        });
    }

    /// Records what came for a trigger, as `of_event` says where it is an event.
    fn arrived(
        &self,
        trigger: &str,
        event: Arrival,
        of_event: impl FnOnce(String, Event) -> Record,
    ) {
        let trigger = trigger.to_owned();
        self.record(match event {
            Ok((_, event)) => of_event(trigger, event),
            Err(why) => Record::Garbage { trigger, why },
        });
    }

    /// Writes one record down. Never waits.
    pub fn record(&self, record: Record) {
        if self
            .process
            .commands
            .try_send(Order::Record(record))
            .is_err()
        {
            self.process.overflowed.store(true, Ordering::Relaxed);
        }
    }

    /// The judgement on all that was recorded before this call.
    ///
    /// # Errors
    ///
    /// When the process has gone, or a record could not be taken.
    pub async fn judge(&self, figures: Vec<Figures>) -> io::Result<Judgement> {
        let (reply, judgement) = oneshot::channel();
        let gone = || io::Error::other("the ledger's process has gone");
        // A full queue makes `send` wait, which a test's runtime must not.
        let commands = self.process.commands.clone();
        tokio::task::spawn_blocking(move || {
            commands.send(Order::Judge(figures, reply)).map_err(drop)
        })
        .await?
        .map_err(|()| gone())?;
        let judgement = judgement.await.map_err(|_| gone())??;
        if self.process.overflowed.load(Ordering::Relaxed) {
            return Err(io::Error::other(
                "records came faster than the ledger could take them",
            ));
        }
        Ok(judgement)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill, and nothing wrong.
        self.child.kill().ok();
        self.child.wait().ok();
        if let Some(folder) = self.log.parent().filter(|_| !thread::panicking()) {
            fs::remove_dir_all(folder).ok();
        }
    }
}

/// Takes commands until the last handle is gone or the process is; then the queue closes, and
/// whoever waits for a judgement is told.
fn forward(stream: &TcpStream, queue: &Receiver<Order>) -> io::Result<()> {
    let mut writer = io::BufWriter::with_capacity(64 << 10, stream);
    let mut reader = BufReader::new(stream);
    while let Ok(first) = queue.recv() {
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Order::Record(record) => write_line(&mut writer, &Line::Record(record))?,
                Order::Judge(judge, reply) => {
                    write_line(&mut writer, &Line::Judge { judge })?;
                    writer.flush()?;
                    let mut line = String::new();
                    let judgement = reader
                        .read_line(&mut line)
                        .and_then(|_| serde_json::from_str(&line).map_err(io::Error::from));
                    // Nobody waits any more when the test was cut off.
                    reply.send(judgement).ok();
                }
            }
            next = queue.try_recv().ok();
        }
        writer.flush()?;
    }
    Ok(())
}

fn write_line(writer: &mut impl Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *writer, line)?;
    writer.write_all(b"\n")
}

fn original(event: &Event) -> Event {
    event.clone().without_dead_letter_reasons()
}
