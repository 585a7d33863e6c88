//! Keeps the index of a history in step with its log, and makes it anew where it is of no use.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::Timestamp;
use sluicegate_channels::disk::log::{Item, Log};

use super::index::{Growing, Index, Span};
use super::{Place, Shared, records_of};
use crate::disposable::{Damaged, set_aside};
use crate::metrics::history::Part;

/// Spans entered at a time while an index is made.
const SPANS_AT_ONCE: usize = 64;
/// An index that cannot be made is tried again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

pub(super) struct Indexing {
    dir: PathBuf,
    shared: Arc<Shared>,
    index: Option<Index>,
    again_at: Timestamp,
    growing: Growing,
    /// Spans that are full, of which the log may not be synced yet.
    full: Vec<Span>,
    /// The index is of a log that is no more.
    is_stale: bool,
}

impl Indexing {
    pub(super) fn new(place: &Place, shared: Arc<Shared>) -> Self {
        Indexing {
            dir: place.index_dir(),
            shared,
            index: None,
            again_at: Timestamp::default(),
            growing: Growing::default(),
            full: Vec::new(),
            is_stale: false,
        }
    }

    /// Opens the index and enters what it lacks of the log.
    pub(super) fn open(&mut self, log: &Log, now: Timestamp) {
        self.pause();
        let made = self.make(log).or_else(|damaged| {
            self.set_aside(&damaged, now);
            self.make(log)
        });
        match made {
            Ok(index) => self.index = Some(index),
            Err(error) => {
                tracing::warn!(
                    index = %self.dir.display(),
                    "the history has no index, and is looked through whole: {error}"
                );
                self.again_at = now + AGAIN_AFTER;
            }
        }
        self.show(log);
    }

    fn make(&mut self, log: &Log) -> Result<Index, Damaged> {
        (self.growing, self.full) = (Growing::default(), Vec::new());
        let index = Index::open(&self.dir)?;
        let is_ahead = index.end()? > log.next_offset();
        if is_ahead || self.is_stale {
            index.forget_below(u64::MAX)?;
            self.is_stale = false;
        }
        index.forget_below(oldest(log))?;
        // Those that tell of damage, if there are any yet.
        let readers = self.shared.shelf.lock().readers.clone();
        let readers = readers.unwrap_or_else(|| log.readers());
        let mut reader = readers.reader(index.end()?);
        while let Ok(Some(item)) = reader.read() {
            let Item::Record(record) = item else { continue };
            if let Some(records) = records_of(record.payload) {
                self.full.extend(self.growing.add(record.offset, records));
            }
            if self.full.len() >= SPANS_AT_ONCE {
                index.enter(&std::mem::take(&mut self.full))?;
            }
        }
        index.enter(&std::mem::take(&mut self.full))?;
        Ok(index)
    }

    /// Notes a block that was appended to the log.
    pub(super) fn add(&mut self, offset: u64, records: &[u8]) {
        if self.index.is_some() {
            self.full.extend(self.growing.add(offset, records));
        }
    }

    /// Enters what is full, now that the log is synced.
    pub(super) fn enter(&mut self, log: &Log, now: Timestamp) {
        let is_damaged = std::mem::take(&mut self.shared.shelf.lock().is_index_damaged);
        let entered = match &self.index {
            _ if is_damaged => Err(Damaged::new("it holds what makes no sense")),
            None if now >= self.again_at => return self.open(log, now),
            None => return,
            Some(_) if self.full.is_empty() => Ok(()),
            Some(index) => index.enter(&std::mem::take(&mut self.full)),
        };
        match entered {
            Ok(()) => self.show(log),
            Err(damaged) => self.replace(&damaged, log, now),
        }
    }

    /// Forgets what was removed from the log.
    pub(super) fn forget_removed(&mut self, log: &Log, now: Timestamp) {
        let forgotten = self.index.as_ref().map(|it| it.forget_below(oldest(log)));
        if let Some(Err(damaged)) = forgotten {
            self.replace(&damaged, log, now);
        }
    }

    /// The log is another one from now on.
    pub(super) fn forget_all(&mut self) {
        self.pause();
        self.is_stale = true;
    }

    /// There is no log for now.
    pub(super) fn pause(&mut self) {
        self.index = None;
        self.shared.shelf.lock().index = None;
    }

    fn replace(&mut self, damaged: &Damaged, log: &Log, now: Timestamp) {
        self.pause();
        self.set_aside(damaged, now);
        self.open(log, now);
    }

    fn set_aside(&self, damaged: &Damaged, now: Timestamp) {
        match set_aside(&self.dir, now) {
            Ok(aside) => self.shared.telling.set_aside(Part::Index, &aside, damaged),
            Err(failure) => tracing::warn!(
                index = %self.dir.display(), %damaged, %failure, "the index cannot be set aside"
            ),
        }
    }

    /// Lets everyone use the index.
    fn show(&self, log: &Log) {
        let first_full = self.full.first().map(Span::start);
        let unentered = first_full.or_else(|| self.growing.start());
        let mut shelf = self.shared.shelf.lock();
        shelf.indexed_to = unentered.unwrap_or_else(|| log.next_offset());
        shelf.index = self.index.clone();
    }
}

/// The first offset that the log may have.
fn oldest(log: &Log) -> u64 {
    log.segments().first().map_or(0, |segment| segment.base)
}
