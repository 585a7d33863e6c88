//! The ledger's process: takes lines from loopback, writes them down, judges when asked.
//!
//! Blocking on purpose: a thread a connection, one lock around history and log. What is written is
//! synced before a judgement, and whenever a connection's buffer runs empty.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use super::history::History;
use super::judgement::Judgement;
use super::record::{Figures, Line, Record};

/// The most that one line may hold.
const LINE_BYTES_MAX: usize = 1 << 20;
/// The most records that one ledger takes; past it a connection is refused, which fails its test.
const RECORDS_MAX: u64 = 20_000_000;

/// Why the ledger's process cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Its log or its socket failed.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A line of its log is no record.
    #[error("line {number} of the log is no record: {source}")]
    BadLog {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Judges what a log holds.
///
/// # Errors
///
/// When it cannot be read.
pub fn judge_log(log: &Path) -> Result<Judgement, ServiceError> {
    Ok(replay(log)?.0.judge(&[]))
}

/// Goes on with `log`, or begins it, and serves connections until the process ends.
///
/// # Errors
///
/// When the log cannot be read or written.
pub fn serve(listener: &TcpListener, log: &Path) -> Result<(), ServiceError> {
    let (history, records) = if log.exists() {
        replay(log)?
    } else {
        Default::default()
    };
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(failed_to(format!("open {}", log.display())))?;
    let book = Arc::new(Mutex::new(Book {
        history,
        records,
        log: BufWriter::new(file),
    }));
    loop {
        let (stream, _) = listener
            .accept()
            .map_err(failed_to("accept a connection"))?;
        let book = Arc::clone(&book);
        // A connection that fails is closed; its client sees that and fails its test.
        thread::spawn(move || converse(&stream, &book));
    }
}

struct Book {
    history: History,
    records: u64,
    log: BufWriter<File>,
}

impl Book {
    fn write_down(&mut self, record: Record, line: &str) -> io::Result<()> {
        if self.records == RECORDS_MAX {
            return Err(io::Error::other("the ledger is full"));
        }
        self.records += 1;
        self.log.write_all(line.as_bytes())?;
        self.history.record(record);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.log.flush()?;
        self.log.get_ref().sync_data()
    }
}

fn converse(stream: &TcpStream, book: &Mutex<Book>) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(256 << 10, stream);
    let mut line = String::new();
    loop {
        line.clear();
        if io::Read::take(&mut reader, LINE_BYTES_MAX as u64).read_line(&mut line)? == 0 {
            return book.lock().sync();
        }
        match serde_json::from_str(&line)? {
            Line::Record(record) => book.lock().write_down(record, &line)?,
            Line::Judge { judge } => answer(stream, book, &judge)?,
        }
        if reader.buffer().is_empty() {
            book.lock().sync()?;
        }
    }
}

fn answer(mut stream: &TcpStream, book: &Mutex<Book>, figures: &[Figures]) -> io::Result<()> {
    let judgement = {
        let mut book = book.lock();
        book.sync()?;
        book.history.judge(figures)
    };
    let mut line = serde_json::to_string(&judgement)?;
    line.push('\n');
    stream.write_all(line.as_bytes())
}

fn replay(log: &Path) -> Result<(History, u64), ServiceError> {
    let file = File::open(log).map_err(failed_to(format!("open {}", log.display())))?;
    let mut history = History::new();
    let mut records = 0;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(failed_to(format!("read {}", log.display())))?;
        let record = serde_json::from_str(&line).map_err(|source| ServiceError::BadLog {
            number: index + 1,
            source,
        })?;
        history.record(record);
        records += 1;
    }
    Ok((history, records))
}

fn failed_to(what: impl Into<String>) -> impl FnOnce(io::Error) -> ServiceError {
    move |source| ServiceError::Io {
        what: what.into(),
        source,
    }
}
