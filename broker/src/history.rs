//! The history of a broker's events: what was stored, sent, answered and ended, so that everyone can
//! ask what became of an event.
//!
//! ```text
//!   channel (recorder) ─┐                      ┌─ disk    log/ in the data folder, a thread of its own
//!   observers ──────────┴─► History ──records──┤
//!                              ▲               └─ ring    blocks in memory, where there is no folder
//!                    explain ──┘ find(id)
//! ```
//!
//! What it promises: recording costs a lock and a copy, waits for nothing, and fails nobody's event.
//! It is bounded in bytes and age. What finds no room is left out, counted, and told with the
//! stories that it may belong to. Nothing of the broker depends on what is here: all of it may be
//! deleted.
//!
//! What it leaves out: data of events; triggers that did not want an event, which are found out anew
//! from the filters in force while the channel still has it; and delivery as a record of its own,
//! since an attempt that was taken says it.

mod disk;
mod found;
mod queue;
mod record;
mod recorder;
mod recording;
mod ring;
mod story;
mod telling;

use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::{Clock, Timestamp};
use sluicegate_resources::ObjectName;

use self::disk::{Disk, Place};
pub use self::found::Found;
pub use self::record::{
    Accepted, Attempt, Command, Commanded, Deleted, End, Ended, Gap, GapCause, Judged, Letter,
    Mark, Record, Replied, What,
};
pub use self::recorder::{Judging, Recorder};
pub use self::recording::Stored;
use self::ring::Ring;
pub use self::story::{Told, tell};
use self::telling::Telling;
use crate::disposable::SpareFolder;
use crate::metrics::history::HistoryHandles;

/// How histories are kept: `history` in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Whether there are any. Default true.
    pub is_enabled: bool,
    /// What each may take on the disk; in memory at most 16 MiB. Default 256 MiB.
    pub bytes_max: u64,
    /// How old a record may be. Default 7 days.
    pub age_max: Duration,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        HistoryOptions {
            is_enabled: true,
            bytes_max: 256 << 20,
            age_max: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

impl HistoryOptions {
    /// Files come and go one at a time, so there are some; but a broker that hardly has events
    /// should not take much.
    fn segment_bytes(&self) -> u64 {
        (self.bytes_max / 128).clamp(64 << 10, 8 << 20)
    }
}

/// The history of one broker. See the [module](self).
#[derive(Debug)]
pub struct History {
    clock: Clock,
    telling: Telling,
    store: Store,
}

#[derive(Debug)]
enum Store {
    Memory(Ring),
    Disk(Disk),
}

impl History {
    /// Opens the history that is kept in `folder`, or begins one in memory where there is none. What
    /// there is in it is looked at in a thread of its own.
    pub fn open(
        broker: &ObjectName,
        options: &HistoryOptions,
        folder: Option<SpareFolder>,
        clock: Clock,
        metrics: HistoryHandles,
    ) -> Self {
        let telling = Telling::new(broker.clone(), metrics);
        let in_memory = || Store::Memory(Ring::new(options.bytes_max, options.age_max));
        let store = match folder {
            None => in_memory(),
            Some(folder) => {
                let place = Place {
                    folder,
                    options: options.clone(),
                    clock,
                };
                Disk::start(place, telling.clone()).map_or_else(
                    |error| {
                        tracing::error!(%broker, %error, "the history is kept in memory: no thread");
                        in_memory()
                    },
                    Store::Disk,
                )
            }
        };
        History {
            clock,
            telling,
            store,
        }
    }

    /// Whether it is kept in memory, and ends with the process.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.store, Store::Memory(_))
    }

    /// Records about the events with this id, oldest first. Blocks while what was recorded last is
    /// being written, for 2 s at most.
    pub fn find(&self, id: &str) -> Found {
        let id = record::hash(id);
        match &self.store {
            Store::Memory(ring) => ring.find(id, self.clock.now()),
            Store::Disk(disk) => disk.find(id),
        }
    }

    /// The time that its records go by.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How many records were left out since the start.
    pub fn left_out(&self) -> u64 {
        self.telling.left_out_so_far()
    }

    /// What was set aside or damaged since the start, as sentences.
    pub fn notes(&self) -> Vec<String> {
        self.telling.notes()
    }

    /// Writes what is to be written, and ends. Blocking, for 1 s at most, however many there are.
    pub fn close_all(histories: &[Arc<History>]) {
        let disks = histories.iter().filter_map(|it| match &it.store {
            Store::Memory(_) => None,
            Store::Disk(disk) => Some(disk),
        });
        disk::close(disks.collect());
    }
}

#[cfg(test)]
mod tests;
