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
mod ring;
mod story;
mod telling;

use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::{Clock, ParkReason, Position, Timestamp};
use sluicegate_dispatcher::sender::Purpose;
use sluicegate_dispatcher::{AttemptReport, Ending};
use sluicegate_event::Event;
use sluicegate_resources::ObjectName;

use self::disk::{Disk, Place};
pub use self::found::Found;
pub use self::record::{
    Accepted, Attempt, End, Ended, Gap, GapCause, Judged, Mark, Record, Replied, What,
};
pub use self::recorder::{Judging, Recorder};
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

    fn record(&self, mark: Mark, what: &What<'_>, now: Timestamp) {
        match &self.store {
            Store::Memory(ring) => {
                ring.push(mark, what, now);
                self.telling.holds(ring.size_bytes());
            }
            Store::Disk(disk) => {
                if !disk.push(mark, what, now) {
                    self.telling.left_out(1);
                }
            }
        }
    }

    /// Records that an event was stored.
    pub fn accepted(&self, event: &Event, stored: &Stored) {
        let now = self.clock.now();
        let accepted = Accepted {
            position: stored.position,
            at: now,
            took_us: micros(stored.took),
            id: event.id(),
            source: event.source(),
            ty: event.ty(),
            content_type: event.data_content_type().unwrap_or_default(),
            data_bytes: event.data().as_bytes().len() as u64,
            is_reply: stored.is_reply,
            judged: stored.judged,
        };
        self.record(mark_of(event), &What::Accepted(accepted), now);
    }

    /// Records a send.
    pub fn attempt(&self, trigger: &str, event: &Event, attempt: &AttemptReport<'_>) {
        let now = self.clock.now();
        let attempt = Attempt {
            position: attempt.position,
            trigger,
            at: now,
            took_us: micros(attempt.duration),
            n: attempt.attempt,
            is_to_sink: match attempt.purpose {
                Purpose::Deliver => false,
                Purpose::DeadLetter => true,
            },
            status: attempt.status,
            reason: attempt.reason.label(),
            detail: attempt.detail,
            next_in_ms: attempt
                .next
                .map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX)),
        };
        self.record(mark_of(event), &What::Attempt(attempt), now);
    }

    /// Records that an answer held events, which are stored.
    pub fn replied(&self, trigger: &str, cause: &Event, at: Position, replies: &[Position]) {
        let Some(first) = replies.first() else { return };
        let now = self.clock.now();
        let replied = Replied {
            position: at,
            trigger,
            at: now,
            first: *first,
            events: u32::try_from(replies.len()).unwrap_or(u32::MAX),
        };
        self.record(mark_of(cause), &What::Replied(replied), now);
    }

    /// Records how a trigger came to be done with an event, unless its attempt says so.
    pub fn ended(&self, trigger: &str, event: &Event, position: Position, ending: &Ending<'_>) {
        let (end, reason): (End, &ParkReason) = match ending {
            Ending::Delivered { .. } => return,
            Ending::DeadLettered { reason, .. } => (End::DeadLettered, reason),
            Ending::Parked {
                reason, retry_at, ..
            } => (
                End::Parked {
                    retry_at: *retry_at,
                },
                reason,
            ),
            Ending::Discarded(reason) => (End::Discarded, reason),
        };
        let now = self.clock.now();
        let ended = Ended {
            position,
            trigger,
            at: now,
            end,
            reason: reason.kind,
            detail: &reason.detail,
        };
        self.record(mark_of(event), &What::Ended(ended), now);
    }
}

/// How an event was stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// Where it stands.
    pub position: Position,
    /// How long the store took.
    pub took: Duration,
    /// Whether it is a reply.
    pub is_reply: bool,
    /// How many triggers wanted it, if that was heard.
    pub judged: Option<Judged>,
}

fn mark_of(event: &Event) -> Mark {
    Mark::of(event.id(), event.source())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
