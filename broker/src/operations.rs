//! Operations: what a command does to many events, for as long as it takes.
//!
//! Redriving or discarding dead letters that a filter chooses, and replaying retained events, may
//! take hours; so they run here and not in the request that asks for them. Whoever asks gets an id to
//! look at the progress with, and to cancel by.
//!
//! ```text
//!  POST ──► begin ──► a task: letters.rs or replay.rs, paced by pace.rs
//!  GET  ──► show  ◄── its progress
//!  DELETE ► cancel ─► it stops before its next step
//! ```
//!
//! What it promises: at most [`RUNNING_MAX`] run at a time, those that ended are kept for
//! [`KEPT_FOR`], and each reads the store page by page. Every step is one that the channel makes
//! whole, so nothing is lost wherever an operation ends: what it has done stays done, and the rest is
//! as it was. What it leaves out: going on after a restart. Whoever asks again for what was redriven
//! or discarded does the rest; a replay says from which position.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use parking_lot::Mutex;
use sluicegate_channels::{Clock, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::api::{Conduct, Operation, OperationKind, OperationProgress};

pub mod choice;
mod entry;
pub mod letters;
mod pace;
pub mod replay;

use entry::Entry;
pub use pace::{Halt, Halted};

/// Operations that run at a time.
pub const RUNNING_MAX: usize = 8;
/// How long one that has ended is kept.
pub const KEPT_FOR: Duration = Duration::from_secs(3_600);
/// How many that have ended are kept.
pub const KEPT_MAX: usize = 100;
/// How long their ends are waited for when the server stops.
const STOP_WAIT: Duration = Duration::from_millis(500);

/// What an operation tells of how far it is.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<OperationProgress>>);

impl Progress {
    /// Changes it.
    pub fn note<T>(&self, change: impl FnOnce(&mut OperationProgress) -> T) -> T {
        change(&mut self.0.lock())
    }

    /// As it stands.
    pub fn read(&self) -> OperationProgress {
        self.0.lock().clone()
    }
}

/// What is to be done.
#[derive(Debug)]
pub enum Work {
    /// With dead letters.
    Letters(letters::Letters),
    /// With retained events.
    Replay(replay::Replay),
}

/// Why an operation ended before everything was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Halted,
    /// The store, or something else, kept it from going on.
    Failed(String),
}

impl From<Halted> for Ended {
    fn from(_: Halted) -> Self {
        Ended::Halted
    }
}

impl Work {
    fn kind(&self) -> OperationKind {
        match self {
            Work::Letters(letters) => letters.kind(),
            Work::Replay(_) => OperationKind::Replay,
        }
    }

    fn what(&self) -> String {
        match self {
            Work::Letters(letters) => letters.to_string(),
            Work::Replay(replay) => replay.to_string(),
        }
    }

    fn conduct(&self) -> &Conduct {
        match self {
            Work::Letters(letters) => &letters.conduct,
            Work::Replay(replay) => &replay.conduct,
        }
    }

    /// `id` is what the histories of events name it by.
    async fn run(self, id: &str, progress: Progress, halt: Halt) -> Result<(), Ended> {
        match self {
            Work::Letters(letters) => letters.run(id, &progress, halt).await,
            Work::Replay(replay) => replay.run(id, &progress, halt).await,
        }
    }
}

/// Why none can be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    /// As many run as may.
    #[error("{RUNNING_MAX} operations run already")]
    TooMany,
    /// The server stops.
    #[error("the server is stopping")]
    Stopping,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first.
    entries: VecDeque<Arc<Entry>>,
    tasks: Vec<JoinHandle<()>>,
    is_stopping: bool,
}

/// All operations of the server.
#[derive(Debug)]
pub struct Operations {
    clock: Clock,
    state: Mutex<State>,
}

impl Operations {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Operations {
            clock,
            state: Mutex::default(),
        }
    }

    /// Begins one, and shows it. Needs a runtime of tokio.
    ///
    /// # Errors
    ///
    /// When too many run, or the server stops.
    pub fn begin(&self, work: Work) -> Result<Operation, NotBegun> {
        let mut state = self.state.lock();
        if state.is_stopping {
            return Err(NotBegun::Stopping);
        }
        let now = self.clock.now();
        state.forget(now);
        let is_running = |entry: &&Arc<Entry>| entry.ended_at().is_none();
        if state.entries.iter().filter(is_running).count() >= RUNNING_MAX {
            return Err(NotBegun::TooMany);
        }
        let (stopper, halt) = pace::halting();
        let entry = Arc::new(Entry {
            id: ulid::Ulid::new().to_string(),
            kind: work.kind(),
            what: work.what(),
            conduct: work.conduct().clone(),
            started_at: now,
            progress: Progress::default(),
            stopper,
            ended: Mutex::default(),
        });
        tracing::info!(
            operation = entry.id,
            kind = entry.kind.as_str(),
            what = entry.what,
            dry_run = entry.conduct.dry_run,
            "an operation begins, by command"
        );
        state.entries.push_back(Arc::clone(&entry));
        let shown = entry.show();
        let clock = self.clock;
        state.tasks.push(tokio::spawn(async move {
            let run = work.run(&entry.id, entry.progress.clone(), halt);
            // A panic ends this operation and nothing else, and is not taken for its success.
            let how = AssertUnwindSafe(run).catch_unwind().await;
            let how = how.unwrap_or_else(|_| Err(Ended::Failed("it panicked; see the log".into())));
            entry.end(clock.now(), how);
        }));
        Ok(shown)
    }

    /// All that run, and those that ended lately, oldest first.
    pub fn list(&self) -> Vec<Operation> {
        let mut state = self.state.lock();
        state.forget(self.clock.now());
        state.entries.iter().map(|entry| entry.show()).collect()
    }

    /// One.
    pub fn show(&self, id: &str) -> Option<Operation> {
        self.find(id).map(|entry| entry.show())
    }

    /// Tells one to end before its next step, and shows it. One that has ended stays as it is.
    pub fn cancel(&self, id: &str) -> Option<Operation> {
        let entry = self.find(id)?;
        entry.stopper.stop();
        Some(entry.show())
    }

    fn find(&self, id: &str) -> Option<Arc<Entry>> {
        let mut state = self.state.lock();
        state.forget(self.clock.now());
        let mut entries = state.entries.iter();
        entries.find(|entry| entry.id == id).cloned()
    }

    /// Ends all of them, and begins no more.
    pub async fn stop(&self) {
        let tasks = {
            let mut state = self.state.lock();
            state.is_stopping = true;
            state.entries.iter().for_each(|entry| entry.stopper.stop());
            std::mem::take(&mut state.tasks)
        };
        if timeout(STOP_WAIT, join_all(tasks)).await.is_err() {
            tracing::warn!("operations have not ended in time");
        }
    }
}

impl State {
    /// Forgets those that ended long ago, and the oldest of too many.
    fn forget(&mut self, now: Timestamp) {
        self.tasks.retain(|task| !task.is_finished());
        let ended = |entry: &Arc<Entry>| entry.ended_at();
        let mut over = self.entries.iter().filter_map(ended).count();
        self.entries.retain(|entry| {
            let Some(at) = entry.ended_at() else {
                return true;
            };
            let is_over = over > KEPT_MAX;
            over -= 1;
            !is_over && now.since(at) <= KEPT_FOR
        });
    }
}

#[cfg(test)]
mod tests;
