//! Log lines: for people on a terminal, one JSON record a line everywhere else.
//!
//! Promises, whatever is logged:
//! - a line is one line, and in JSON one valid record with the keys `ts`, `level`, `code` when there
//!   is one, `msg`, then the event's own fields in the order they were given;
//! - a string is cut at [`STRING_BYTES_MAX`], and nothing in it can break a line, colour it or turn
//!   its direction ([`visible`]);
//! - logging never blocks: a standard error that nobody reads costs lines (counted, and said when
//!   it is read again), never the work of the thread that logs.
//!
//! `code` is a stable code such as `W020`, given as a field. What it leaves out: spans (lines carry
//! what they need themselves), files and rotation (whoever runs the program has those), and the
//! data of events, which callers never pass.

mod layer;
mod record;
mod text;
mod writer;

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

use layer::LogLayer;
use record::Style;
pub use text::{STRING_BYTES_MAX, Visible, visible};
pub use writer::LogGuard;
use writer::Writer;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise
    #[default]
    Auto,
    /// For people
    Human,
    /// One JSON record a line
    Json,
}

impl LogFormat {
    /// Whether this program's lines will be JSON records.
    pub fn is_json(self) -> bool {
        match self {
            LogFormat::Auto => !io::stderr().is_terminal(),
            LogFormat::Human => false,
            LogFormat::Json => true,
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The filter makes no sense.
    #[error("the log level {filter:?} is neither a level nor a list of TARGET=LEVEL: {why}")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        why: String,
    },
    /// The writing thread could not be started.
    #[error("cannot start the thread that writes the log: {0}")]
    Thread(io::Error),
    /// Someone set a logger up before.
    #[error("logging is already set up in this process")]
    AlreadySetUp,
}

/// Sets logging up for this process, panics included. `filter` is a level (`info`) or directives
/// (`info,sluicegate_dispatcher=debug`); `colour` matters for human lines only.
///
/// Keep the guard until the end: dropping it waits, for a bounded time, until what was logged is
/// written.
///
/// # Errors
///
/// See [`LogError`].
pub fn init(format: LogFormat, filter: &str, colour: bool) -> Result<LogGuard, LogError> {
    let style = if format.is_json() {
        Style::Json
    } else {
        Style::Human { colour }
    };
    let filter = parse_filter(filter)?;
    let (writer, guard) = Writer::start(io::stderr(), style).map_err(LogError::Thread)?;
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(LogLayer::new(writer, style));
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::AlreadySetUp)?;
    log_panics();
    Ok(guard)
}

/// What a filter that names no target may say.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

fn parse_filter(filter: &str) -> Result<EnvFilter, LogError> {
    // The parser takes a bare word for a target, all of it wanted: a misspelt level would log nothing.
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let words: Vec<&str> = filter.split(',').map(str::trim).collect();
    if let Some(word) = words
        .iter()
        .find(|word| !word.contains('=') && !is_level(word))
    {
        return Err(LogError::Filter {
            filter: filter.to_owned(),
            why: format!("{word:?} is none of {}", LEVELS.join(", ")),
        });
    }
    EnvFilter::builder()
        .parse(words.join(","))
        .map_err(|error| LogError::Filter {
            filter: filter.to_owned(),
            why: error.to_string(),
        })
}

/// A panic is a log line like any other; the default hook's two lines would be no JSON record.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let what = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, what, "a task panicked; this is a bug in sluicegate");
    }));
}

#[cfg(test)]
mod tests;
