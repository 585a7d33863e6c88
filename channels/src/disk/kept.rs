//! What is kept of events that a subscription is not done with, and that progress does not wait
//! for: deferrals that were moved out of its way, and parked events, whole, with their state.
//!
//! # Promises
//!
//! 1. What [`Kept::apply`] answered for is there after any number of crashes, all of its operations
//!    or, unanswered, none. A later entry for the same subscription and offset takes the place of
//!    the earlier.
//! 2. An event is stored once, however many subscriptions keep it.
//! 3. Without room nothing is lost or changed, and the same can be asked again.
//! 4. Room comes back: [`Kept::compact`] works in small steps, and no crash in any of them costs an
//!    entry.
//! 5. Damage costs what it hit. An entry whose event is lost is still there, and its event is
//!    `None`; an entry that is lost itself stands in the damage that opening reports. An end that
//!    is lost brings its entry back, so the event is handed out once more.
//! 6. In memory an entry with an event of its own takes some 76 bytes, and one that shares its event
//!    half of that; neither events nor reasons are held.
//!
//! # How
//!
//! ```text
//!   kept.rs         this: what is put, ended and listed
//!   plan.rs         operations as records, and what they change once they are durable
//!   index.rs        where everything live stands, shared with readers
//!   reader.rs       events and reasons, by key
//!   replay.rs       opening: the log read from its beginning
//!   compaction.rs   what lives in the oldest segment moves to the end
//!   record.rs       every byte of a record
//! ```
//!
//! Everything is one record in a [log](super::log): an event, an entry, the end of an entry, or of
//! all of a subscription. The last record for a key counts. Segments are removed from the oldest
//! on, so an end never goes before the entry that it ended.
//!
//! What is deliberately absent: threads, time, when compaction is due to run, and what a due entry
//! is handed to.

mod compaction;
mod error;
mod index;
mod plan;
mod reader;
mod record;
mod replay;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use sluicegate_event::{Event, stored};

use self::compaction::Compacting;
pub use self::error::{KeptError, KeptReadError};
use self::index::Index;
use self::plan::Plan;
pub use self::reader::KeptReader;
use super::files::Files;
use super::log::{Batch, Log, LogError, LogOptions, Poison, Readers, Recovery};
use crate::{ParkReason, telemetry};

/// How large a batch is whose memory is kept for the next.
const BATCH_BYTES_KEPT: usize = 1 << 20;

/// Names an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeptKey {
    /// The subscription's number, which is never given twice.
    pub subscription: u64,
    /// The event's offset in the log of events.
    pub offset: u64,
}

/// Why an entry is kept. `R` is what is said of the reason: all of it where it is written, its kind
/// where entries are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptState<R = ParkReason> {
    /// It comes up again.
    Moved {
        /// When, in milliseconds since the Unix epoch.
        due_ms: i64,
        /// Sends so far.
        sends: u32,
    },
    /// It was given up on.
    Parked {
        /// Why. Its texts are cut to what a [record](self) takes: 8 KiB each, 768 bytes of data.
        reason: R,
        /// Sends before that.
        sends: u32,
        /// When it was first parked, in milliseconds since the Unix epoch.
        parked_at_ms: i64,
        /// When its dead-letter sink is tried again.
        retry_at_ms: Option<i64>,
    },
}

/// An entry as it is listed when the store is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEntry {
    /// Its name.
    pub key: KeptKey,
    /// Why it is kept, with the kind of the reason; `"unknown"` for one that this program does not
    /// have.
    pub state: KeptState<&'static str>,
    /// When the channel first accepted the event, in milliseconds since the Unix epoch.
    pub accepted_at_ms: i64,
    /// When it was last redriven; 0 for never.
    pub redriven_at_ms: i64,
    /// How long the event is as it is stored; 0 if it is lost.
    pub size_bytes: u64,
}

/// What is done to the store.
#[derive(Clone, Debug)]
pub enum KeptOp {
    /// Keeps an event for a subscription, in place of what was kept under the key before.
    Put {
        /// Its name.
        key: KeptKey,
        /// The event. It may be left out when any entry keeps the event of this offset; it is
        /// stored only when none does.
        event: Option<Arc<Event>>,
        /// When the channel first accepted it, in milliseconds since the Unix epoch.
        accepted_at_ms: i64,
        /// When it was last redriven; 0 for never.
        redriven_at_ms: i64,
        /// Why it is kept.
        state: KeptState,
    },
    /// Ends an entry. It need not be there.
    End(KeptKey),
    /// Ends every entry of a subscription.
    EndAll {
        /// Its number.
        subscription: u64,
    },
}

impl KeptOp {
    /// About how much it writes, so that whoever has much to do can do it in parts.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let event = match self {
            KeptOp::Put { event, .. } => event.as_deref(),
            KeptOp::End(_) | KeptOp::EndAll { .. } => None,
        };
        event.map_or(0, stored::encoded_len) + 512
    }
}

/// How the store is kept.
#[derive(Clone, Debug)]
pub struct KeptOptions {
    /// How long a segment's file is; see [`LogOptions::segment_bytes`]. What is free within the
    /// newest one cannot be had for anything else. Default 16 MiB.
    pub segment_bytes: u64,
    /// See [`LogOptions::salts`].
    pub salts: fastrand::Rng,
}

impl Default for KeptOptions {
    fn default() -> Self {
        KeptOptions {
            segment_bytes: 16 << 20,
            salts: LogOptions::default().salts,
        }
    }
}

/// The writing end. See the [module](self).
///
/// ```
/// use std::sync::Arc;
///
/// use sluicegate_channels::disk::files::Disk;
/// use sluicegate_channels::disk::kept::{Kept, KeptKey, KeptOp, KeptOptions, KeptState};
/// use sluicegate_event::Event;
///
/// # let dir = std::env::temp_dir().join(format!("kept-example-{}", std::process::id()));
/// let open = || Kept::open(Arc::new(Disk), &dir, KeptOptions::default(), &|_| true);
/// let (mut kept, entries, _) = open()?;
/// assert!(entries.is_empty());
///
/// let event = Arc::new(Event::builder("1", "/orders", "order.placed").build()?);
/// let key = KeptKey { subscription: 7, offset: 1_000 };
/// let put = KeptOp::Put {
///     key,
///     event: Some(Arc::clone(&event)),
///     accepted_at_ms: 1_700_000_000_000,
///     redriven_at_ms: 0,
///     state: KeptState::Moved { due_ms: 1_700_000_060_000, sends: 3 },
/// };
/// kept.apply(&[put], 1_700_000_000_500)?;
/// kept.close()?;
///
/// let (mut kept, entries, _) = open()?;
/// assert_eq!(entries[0].key, key);
/// assert_eq!(kept.reader().event(1_000)?.as_ref(), Some(&*event));
///
/// kept.apply(&[KeptOp::End(key)], 1_700_000_060_001)?;
/// assert_eq!(kept.reader().event(1_000)?, None);
/// # drop(kept);
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Kept {
    dir: PathBuf,
    log: Log,
    index: Arc<RwLock<Index>>,
    /// Kept for its memory.
    batch: Batch,
    compacting: Compacting,
}

impl Kept {
    /// Opens the store in `dir`, which is made if it is not there, and lists its entries in the
    /// order of their keys. Those of subscriptions that are not `known` are ended. All of the log
    /// is read; nothing is written but what a crash left to be mended, so a full disk is no
    /// hindrance.
    ///
    /// What cannot be read is in the [`Recovery`], and left as it is.
    ///
    /// # Errors
    ///
    /// [`KeptError`]. Nothing is lost by failing; it may be tried again.
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        options: KeptOptions,
        is_known: &dyn Fn(u64) -> bool,
    ) -> Result<(Self, Vec<KeptEntry>, Recovery), KeptError> {
        let options = LogOptions {
            segment_bytes: options.segment_bytes,
            reads_all: false,
            salts: options.salts,
        };
        let (log, mut recovery) = Log::open(files, dir, options)?;
        let (index, entries) = replay::replay(&log, is_known, &mut recovery)?;
        let kept = Kept {
            dir: dir.to_owned(),
            log,
            index: Arc::new(RwLock::new(index)),
            batch: Batch::new(),
            compacting: Compacting::default(),
        };
        Ok((kept, entries, recovery))
    }

    /// Does all of `ops`, in their order, durably, or nothing. What changes nothing writes nothing.
    /// What they write lies in one segment, which is made as large as that takes, so a few mebibytes
    /// at a time are best; see [`KeptOp::size_bytes`].
    ///
    /// # Errors
    ///
    /// [`LogError::NoSpace`] and [`LogError::Io`]: none of it is done and the store is as it was.
    /// The latter also for operations that can never be done: an event that is left out and not
    /// kept, or more than fits one write. [`LogError::Poisoned`]: nobody knows whether it is done;
    /// opening the store anew will tell.
    pub fn apply(&mut self, ops: &[KeptOp], now_ms: i64) -> Result<(), LogError> {
        self.batch.clear();
        let planned = Plan::of(ops, &self.index.read(), &mut self.batch, now_ms);
        let plan = planned.map_err(|it| it.in_log(&self.dir))?;
        if self.batch.is_empty() {
            return Ok(());
        }
        let offsets = self.write()?;
        self.index.write().change(&plan, offsets.start);
        if self.batch.size_bytes() > BATCH_BYTES_KEPT {
            self.batch = Batch::new();
        }
        Ok(())
    }

    /// What its files take up.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let segments = self.log.segments();
        segments.iter().map(|segment| segment.size_bytes).sum()
    }

    /// Reads events and reasons, from any thread.
    #[must_use]
    pub fn reader(&self) -> KeptReader {
        KeptReader::new(self.readers(), Arc::clone(&self.index))
    }

    /// How many entries there are.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.index.read().entries()
    }

    /// What has poisoned the store, if anything has: then it is only read until it is opened anew.
    #[must_use]
    pub fn poison(&self) -> Option<&Poison> {
        self.log.poison()
    }

    /// Ends in good order, so that opening has nothing to mend; dropping is safe all the same.
    ///
    /// # Errors
    ///
    /// [`LogError::Poisoned`]. Nothing that was answered for is lost.
    pub fn close(self) -> Result<(), LogError> {
        self.log.close()
    }

    /// Reads its log, and tells of damage there in words of its own.
    fn readers(&self) -> Readers {
        self.log.readers().telling(telemetry::kept_damaged)
    }

    /// Makes the batch durable, and says which offsets its records have.
    fn write(&mut self) -> Result<Range<u64>, LogError> {
        let offsets = self.log.append(&mut self.batch)?;
        self.log.sync()?;
        let mut index = self.index.write();
        for segment in self.log.segments() {
            index.begin_segment(segment.base);
        }
        Ok(offsets)
    }
}

#[cfg(test)]
mod tests;
