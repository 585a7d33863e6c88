//! An append-only log of byte records in segments.
//!
//! It knows nothing of what the records mean. One owner appends and syncs; any number of readers,
//! in any thread, see what was synced.
//!
//! # Promises
//!
//! 1. What was synced is read back, byte for byte, after any number of crashes.
//! 2. Nothing is ever read that was not appended: every record carries a checksum that binds it to
//!    its segment, its place and its offset.
//! 3. Offsets rise. None is given twice, also after a crash, a torn tail, a lost file or a removed
//!    segment. They may leave gaps.
//! 4. What a crash leaves of a write that was not synced is kept where it is whole, for it may have
//!    been, and is durable before it is seen. Records that were [joined](Batch::push_joined) are
//!    kept together or not at all.
//! 5. Damage to what was synced is found, reported with its bytes and offsets, left as it is, and
//!    read past: every undamaged record behind it is still there.
//! 6. Without room nothing happens: an append that was refused for it has left nothing behind.
//! 7. After a failed sync, or a write that failed for another reason than room, the log is
//!    *poisoned*: nobody knows what the system holds and what the disk does, so nothing more is
//!    written, and nothing that failed is tried again. What was synced can still be read.
//!
//! # How
//!
//! ```text
//!   log.rs         this: append and sync; rolling.rs, removal.rs: segments come and go
//!   batch.rs       records laid out as they will stand, so that a batch is one write
//!   active.rs      the segment that takes records
//!   segment.rs     a segment as readers see it; shared.rs all of them
//!   reader.rs      reading on from an offset; scan.rs past whatever is damaged, blocks.rs unreadable
//!   recovery.rs    what opening finds and mends
//!   removed.rs     which records were removed rather than lost; shared.rs marks what readers found damaged
//!   format.rs      every byte on disk
//! ```
//!
//! A segment is appended to by the process that made it and by no other: opening seals what the
//! last one left and goes on in a new segment, made at the first append. So no torn tail is ever
//! written over, and a restart costs one file. After an unclean end the new segment begins at an
//! offset that the old one cannot have reached: 32 bytes is the least a record takes, so a segment
//! of 64 MiB leaves a gap of at most two million, of the 18 quintillion that there are.
//!
//! Room is taken ahead, a whole segment at a time ([`Log::prepare`]): writing into it needs no new
//! blocks, so its sync is faster and a full disk is met between segments, not within a batch. A
//! segment ends with a footer that says what is in it, so opening reads footers and one segment.
//!
//! What is deliberately absent: threads, time, retention, compression, and trying again.

mod active;
mod batch;
mod blocks;
mod error;
mod format;
mod options;
mod reader;
mod recovery;
mod removal;
mod removed;
mod report;
mod rolling;
mod scan;
mod segment;
mod shared;
mod spare;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use self::active::{Active, WriteError};
pub use self::batch::{Batch, TooLarge};
pub use self::error::{LogError, Poison, ReadError};
use self::format::names;
pub(crate) use self::format::names::segment_path;
pub use self::format::{BATCH_BYTES_MAX, PAYLOAD_BYTES_MAX};
pub use self::options::LogOptions;
pub use self::reader::{Item, Reader, Readers, Record};
use self::recovery::recover;
use self::removed::Removed;
pub use self::report::{Damage, DamageKind, Given, Recovery, SegmentInfo};
use self::shared::Shared;
use self::spare::Spare;
use super::files::{Files, OpenFile, OpenMode, Space};

/// The writing end of a log. See the [module](self).
///
/// ```
/// use std::sync::Arc;
///
/// use sluicegate_channels::disk::files::Disk;
/// use sluicegate_channels::disk::log::{Batch, Item, Log, LogOptions};
///
/// # let dir = std::env::temp_dir().join(format!("log-example-{}", std::process::id()));
/// let (mut log, recovery) = Log::open(Arc::new(Disk), &dir, LogOptions::default())?;
/// assert!(recovery.damage.is_empty());
///
/// let mut batch = Batch::new();
/// batch.push(1_700_000_000_000, &[b"hello"])?;
/// let offsets = log.append(&mut batch)?;
/// log.sync()?;
///
/// let mut reader = log.readers().reader(offsets.start);
/// let Some(Item::Record(record)) = reader.read()? else {
///     panic!("what was synced can be read");
/// };
/// assert_eq!((record.offset, record.payload), (offsets.start, &b"hello"[..]));
/// log.close()?;
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    options: LogOptions,
    active: Option<Active>,
    spare: Option<Spare>,
    /// What a new segment may be given.
    room_bytes: u64,
    removed: Removed,
    /// The offset of the next record.
    next: u64,
    /// The offset behind the last record there was.
    continues_from: u64,
    poison: Option<Poison>,
    /// Held, and let go with the log.
    _lock: Box<dyn OpenFile>,
}

impl Log {
    /// Opens the log in `dir`, which is made if it is not there, mends what a crash has left, and
    /// says what it found. This reads the newest segment whole and a few kilobytes of the others.
    ///
    /// # Errors
    ///
    /// [`LogError::InUse`] if it is open already, [`LogError::Version`] if another version wrote
    /// it, [`LogError::Io`] or [`LogError::NoSpace`] if the file system fails. Nothing is lost by
    /// failing; it may be tried again.
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        options: LogOptions,
    ) -> Result<(Self, Recovery), LogError> {
        let made = files.create_dir(dir);
        made.map_err(|it| LogError::harmless("make", dir, it))?;
        let lock = take_lock(&*files, dir)?;
        let options = options.bounded();
        let shared = Arc::new(Shared::new(files, dir.to_owned()));
        let recovered = recover(&shared, options.segment_bytes, options.reads_all)?;
        let log = Log {
            shared,
            options,
            active: None,
            spare: None,
            room_bytes: u64::MAX,
            removed: recovered.removed,
            next: recovered.recovery.next,
            continues_from: recovered.continues_from,
            poison: None,
            _lock: lock,
        };
        Ok((log, recovered.recovery))
    }

    /// Writes the records and says which offsets they have. They are not durable before
    /// [`Log::sync`], and no reader sees them before. The batch keeps its records.
    ///
    /// # Errors
    ///
    /// [`LogError::NoSpace`] and [`LogError::Io`]: none of them is stored and the log is as it was.
    /// [`LogError::Poisoned`]: nobody knows whether they are stored, unless the log had been
    /// poisoned before.
    pub fn append(&mut self, batch: &mut Batch) -> Result<Range<u64>, LogError> {
        self.check()?;
        let offsets = self.next..self.next + batch.len() as u64;
        if batch.is_empty() {
            return Ok(offsets);
        }
        let batch_bytes = batch.size_bytes() as u64;
        let active = self.active.as_ref();
        if !active.is_some_and(|it| it.has_room_for(batch_bytes)) {
            self.begin_segment(batch_bytes, batch.first_timestamp_ms())?;
        }
        let active = self.active.as_mut();
        let active = active.expect("a segment was begun if there was none with room");
        let path = self.shared.path(active.segment().base);
        match active.write(batch) {
            Ok(()) => {}
            Err(WriteError::NoSpace(error)) => {
                return Err(LogError::harmless("records", &path, error));
            }
            Err(WriteError::Broken(error)) => return Err(self.poisoned("write", &path, &error)),
        }
        self.next = offsets.end;
        self.continues_from = offsets.end;
        Ok(offsets)
    }

    /// Makes all that was appended durable, lets readers see it, and says up to which offset that
    /// is. Without anything new it does nothing.
    ///
    /// # Errors
    ///
    /// [`LogError::Poisoned`]: what was appended since the last sync may be lost. It must not be
    /// acknowledged.
    pub fn sync(&mut self) -> Result<u64, LogError> {
        self.check()?;
        if let Some(active) = self.active.as_mut().filter(|it| it.has_unsynced())
            && let Err(error) = active.sync()
        {
            let path = self.shared.path(active.segment().base);
            return Err(self.poisoned("sync", &path, &error));
        }
        Ok(self.next)
    }

    /// The offset that the next record will have, or more.
    #[must_use]
    pub fn next_offset(&self) -> u64 {
        self.next
    }

    /// Gives no offset below this one from now on. For whoever has noted offsets elsewhere: where the
    /// newest segment's file is gone, nothing in the log says that there ever were any in it. Once
    /// a record was appended this does nothing.
    pub fn begin_at_least(&mut self, offset: u64) {
        if self.active.is_none() {
            self.next = self.next.max(offset);
        }
    }

    /// What has poisoned the log, if anything has.
    #[must_use]
    pub fn poison(&self) -> Option<&Poison> {
        self.poison.as_ref()
    }

    /// Makes readers of this log.
    #[must_use]
    pub fn readers(&self) -> Readers {
        let shared = Arc::clone(&self.shared);
        Readers { shared, tell: None }
    }

    /// All segments in order, as far as they are synced.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.shared.infos()
    }

    /// The offsets that were removed, apart from each other and in order. They have gaps, too.
    #[must_use]
    pub fn removed(&self) -> &[Range<u64>] {
        self.removed.ranges()
    }

    /// How much room there is where the log lies.
    ///
    /// # Errors
    ///
    /// [`LogError::Io`].
    pub fn space(&self) -> Result<Space, LogError> {
        let dir = &self.shared.dir;
        let found = self.shared.files.space(dir);
        found.map_err(|it| LogError::harmless("ask for the room in", dir, it))
    }

    fn check(&self) -> Result<(), LogError> {
        match &self.poison {
            Some(poison) => Err(LogError::Poisoned(poison.clone())),
            None => Ok(()),
        }
    }

    fn poisoned(&mut self, what: &str, path: &Path, error: &std::io::Error) -> LogError {
        let poison = Poison::new(what, path, error);
        self.poison = Some(poison.clone());
        LogError::Poisoned(poison)
    }
}

fn take_lock(files: &dyn Files, dir: &Path) -> Result<Box<dyn OpenFile>, LogError> {
    let path = dir.join(names::LOCK);
    let opened = files.open(&path, OpenMode::Create);
    let locked = opened.and_then(|file| Ok(file.try_lock()?.then_some(file)));
    match locked {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(LogError::InUse(dir.to_owned())),
        Err(error) => Err(LogError::harmless("lock", &path, error)),
    }
}
