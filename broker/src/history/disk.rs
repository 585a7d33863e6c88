//! A history on disk: a log of blocks of records, written by a thread of its own.
//!
//! ```text
//!   producers ──► queue ──► thread ──► log/     blocks of up to 64 KiB, synced once a second
//!                              └─────► index/   about one entry for each 64 KiB: which ids are there
//!                                        ▲
//!                     explain ───────────┘ reads what is synced; asks for a sync first
//! ```
//!
//! All of it is disposable. A log that cannot be opened is *set aside*: renamed, so that someone can
//! look at it, and a new one begun. Damage within a log is read past. An index that is damaged or
//! missing is made anew out of the log, and until then all of the log is read. What cannot be written is
//! left out and counted, and nothing is written while the disk has hardly more room than a channel
//! keeps free. Nothing here ever makes an event wait.

mod ids;
mod index;
mod indexing;
mod keeping;

use std::iter;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_channels::disk::log::{Item, Readers};
use sluicegate_channels::{Clock, Timestamp};
use tokio::time::Instant;

use self::index::Index;
use self::keeping::Keeping;
use super::found::Found;
use super::queue::Queue;
use super::record::{Gap, GapCause, Mark, What};
use super::{HistoryOptions, Telling};
use crate::disposable::SpareFolder;

/// How long a reader waits for the latest records to be written.
const WRITTEN_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long the end waits for the thread.
const END_WAIT_MAX: Duration = Duration::from_secs(1);
/// All of a log.
const WHOLE: Range<u64> = 0..u64::MAX;
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
    /// None while it is made anew.
    index: Option<Index>,
    /// What stands in the log from here on is not in the index.
    indexed_to: u64,
    /// Somebody found the index to be damaged.
    is_index_damaged: bool,
}

/// Where and how a history is kept.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) folder: SpareFolder,
    pub(super) options: HistoryOptions,
    pub(super) clock: Clock,
}

impl Place {
    fn log_dir(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn index_dir(&self) -> PathBuf {
        self.folder.path().join("index")
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

    /// Notes that records are missing that were to be made now.
    pub(super) fn leave_out(&self, records: u64, now: Timestamp) {
        self.shared.queue.leave_out(records, now, now);
    }

    /// The records about events of this id, oldest first. Blocking.
    pub(super) fn find(&self, id: u64) -> Found {
        let mut found = Found {
            is_behind: !self.shared.queue.await_written(WRITTEN_WAIT_MAX),
            ..Found::default()
        };
        let (readers, index, indexed_to) = {
            let shelf = self.shared.shelf.lock();
            found.since = shelf.since;
            (shelf.readers.clone(), shelf.index.clone(), shelf.indexed_to)
        };
        if let Some(readers) = readers {
            for place in self.places(index.as_ref(), id, indexed_to) {
                read(&readers, place, id, &mut found);
            }
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

impl Disk {
    /// Where in the log records about an id may be: all of it where the index does not say.
    fn places(&self, index: Option<&Index>, id: u64, indexed_to: u64) -> Vec<Range<u64>> {
        let places = match index.map(|index| index.places_of(id)) {
            Some(Ok(places)) => places,
            Some(Err(damaged)) => {
                tracing::warn!(%damaged, "the whole history is looked through, without its index");
                self.shared.shelf.lock().is_index_damaged = true;
                return vec![WHOLE];
            }
            None => return vec![WHOLE],
        };
        // What was entered since is read as if it were not.
        let before = places
            .into_iter()
            .map(|it| it.start..it.end.min(indexed_to));
        let before = before.filter(|it| !it.is_empty());
        before.chain(iter::once(indexed_to..u64::MAX)).collect()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

/// Looks through a part of the log.
fn read(readers: &Readers, place: Range<u64>, id: u64, found: &mut Found) {
    let mut reader = readers.reader(place.start);
    while reader.position() < place.end {
        match reader.read() {
            Ok(Some(Item::Record(record))) if record.offset >= place.end => return,
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
