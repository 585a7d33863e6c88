//! A history on disk: a log of blocks of records, written by a thread of its own.
//!
//! ```text
//!   producers ──► queue ──► thread ──► log/     blocks of up to 64 KiB, synced once a second
//!                                        ▲
//!                     explain ───────────┘ reads what is synced; asks for a sync first
//! ```
//!
//! All of it is disposable. A log that cannot be opened is *set aside*: renamed, so that someone can
//! look at it, and a new one begun; only the latest that was set aside is kept. Damage within a log
//! is read past. What cannot be written is left out and counted. Nothing here ever makes an event
//! wait.

mod keeping;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_channels::disk::files::Files;
use sluicegate_channels::disk::log::{Item, Readers};
use sluicegate_channels::{Clock, Timestamp};
use tokio::time::Instant;

use self::keeping::Keeping;
use super::found::Found;
use super::queue::Queue;
use super::record::{Gap, GapCause, Mark, What};
use super::{HistoryOptions, Telling};

/// How long a reader waits for the latest records to be written.
const WRITTEN_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long the end waits for the thread.
const END_WAIT_MAX: Duration = Duration::from_secs(2);
/// The first byte of a block, which says how to read the rest.
const BLOCK_VERSION: u8 = 1;

#[derive(Debug)]
pub(super) struct Disk {
    shared: Arc<Shared>,
}

/// What the thread and its askers share.
#[derive(Debug)]
struct Shared {
    queue: Queue,
    shelf: Mutex<Shelf>,
    telling: Telling,
}

/// What can be read now.
#[derive(Debug, Default)]
struct Shelf {
    /// None while there is no log.
    readers: Option<Readers>,
    /// When the oldest record was made.
    since: Option<Timestamp>,
}

/// Where and how a history is kept.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) files: Arc<dyn Files>,
    pub(super) dir: PathBuf,
    pub(super) options: HistoryOptions,
    pub(super) clock: Clock,
}

impl Place {
    fn log_dir(&self) -> PathBuf {
        self.dir.join("log")
    }
}

impl Disk {
    /// Begins a thread that opens the log and writes to it; what is recorded meanwhile waits.
    ///
    /// # Errors
    ///
    /// When the system makes no more threads.
    pub(super) fn start(place: Place, telling: Telling) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Queue::default(),
            shelf: Mutex::default(),
            telling,
        });
        let keeping = Keeping::new(place, Arc::clone(&shared));
        std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || keeping.run())?;
        Ok(Disk { shared })
    }

    pub(super) fn push(&self, mark: Mark, what: &What<'_>, now: Timestamp) -> bool {
        self.shared.queue.push(mark, what, now)
    }

    /// The records about events of this id, oldest first. Blocking.
    pub(super) fn find(&self, id: u64) -> Found {
        let mut found = Found {
            is_behind: !self.shared.queue.await_written(WRITTEN_WAIT_MAX),
            ..Found::default()
        };
        let readers = {
            let shelf = self.shared.shelf.lock();
            found.since = shelf.since;
            shelf.readers.clone()
        };
        if let Some(readers) = readers {
            read_all(&readers, id, &mut found);
        }
        if let Some(gap) = self.shared.queue.open_gap() {
            found.add_gap(gap);
        }
        found
    }
}

/// Ends the threads, once all is written. Blocking, for a bounded time: a disk that hangs keeps
/// only its thread.
pub(super) fn close(disks: Vec<&Disk>) {
    for disk in &disks {
        disk.shared.queue.close();
    }
    let deadline = Instant::now() + END_WAIT_MAX;
    for disk in disks {
        let left = deadline.saturating_duration_since(Instant::now());
        disk.shared.queue.await_ended(left);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

/// Looks through the whole log.
fn read_all(readers: &Readers, id: u64, found: &mut Found) {
    let mut reader = readers.reader(0);
    loop {
        match reader.read() {
            Ok(Some(Item::Record(record))) => {
                if let Some(records) = records_of(record.payload) {
                    found.take(records, id);
                }
            }
            Ok(Some(Item::Damaged(_))) => found.add_gap(damage(found.since)),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "a part of the history cannot be read");
                found.add_gap(damage(found.since));
                return;
            }
        }
    }
}

/// The records of a block.
fn records_of(block: &[u8]) -> Option<&[u8]> {
    match block.split_first() {
        Some((&BLOCK_VERSION, records)) => Some(records),
        _ => None,
    }
}

/// Damage of which nobody knows which time it is about.
fn damage(since: Option<Timestamp>) -> Gap {
    Gap {
        from: since.unwrap_or_default(),
        to: Timestamp(u64::MAX),
        records: 0,
        cause: GapCause::Damage,
    }
}

/// Gives a folder another name, and removes what was set aside before.
fn set_aside(dir: &Path, now: Timestamp) -> std::io::Result<PathBuf> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{name}.damaged-");
    let parent = dir.parent().unwrap_or(Path::new("."));
    for entry in std::fs::read_dir(parent)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
    let aside = parent.join(format!("{prefix}{}", now.0));
    std::fs::rename(dir, &aside)?;
    Ok(aside)
}
