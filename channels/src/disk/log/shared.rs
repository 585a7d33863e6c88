//! What the owner of a log and its readers share: the segments, and where they are.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::files::{Files, OpenMode, is_no_space, write_all_at};
use super::format::names::{LOCK, damaged_path, segment_path};
use super::report::SegmentInfo;
use super::segment::Segment;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) files: Arc<dyn Files>,
    pub(super) dir: PathBuf,
    segments: Mutex<BTreeMap<u64, Arc<Segment>>>,
}

impl Shared {
    pub(super) fn new(files: Arc<dyn Files>, dir: PathBuf) -> Self {
        Shared {
            files,
            dir,
            segments: Mutex::default(),
        }
    }

    pub(super) fn path(&self, base: u64) -> PathBuf {
        segment_path(&self.dir, base)
    }

    /// Has the device do what the system's memory cannot do in its place: a byte of the lock's file,
    /// which nobody reads, is written and synced. Without room for it nothing is learned, which is taken
    /// for an answer: a full disk keeps no log from being opened.
    ///
    /// # Errors
    ///
    /// The system's: the device is away, and what cannot be read may well be there.
    pub(super) fn device_answers(&self) -> io::Result<()> {
        let file = self.files.open(&self.dir.join(LOCK), OpenMode::Write)?;
        let written = write_all_at(&*file, b"\n", 0).map_err(|it| it.error);
        match written.and_then(|()| file.sync()) {
            Err(error) if is_no_space(&error) => Ok(()),
            answered => answered,
        }
    }

    /// Leaves a name that has the next opening read this segment whole, as if its footer said that there is
    /// damage. Nothing is synced for it, which no reader may do: where the mark is lost to a power cut, the
    /// damage is found again by who reads there next. That holds as well where there is no room.
    pub(super) fn mark_damaged(&self, base: u64) {
        drop(
            self.files
                .open(&damaged_path(&self.dir, base), OpenMode::Create),
        );
    }

    /// Takes the mark away: the segment is gone, or whole again.
    pub(super) fn unmark_damaged(&self, base: u64) {
        drop(self.files.remove(&damaged_path(&self.dir, base)));
    }

    pub(super) fn insert(&self, segment: Arc<Segment>) {
        self.segments.lock().insert(segment.base, segment);
    }

    pub(super) fn get(&self, base: u64) -> Option<Arc<Segment>> {
        self.segments.lock().get(&base).cloned()
    }

    pub(super) fn take(&self, base: u64) {
        self.segments.lock().remove(&base);
    }

    /// The segment with the lowest base above `base`.
    pub(super) fn after(&self, base: u64) -> Option<Arc<Segment>> {
        let segments = self.segments.lock();
        let above = (std::ops::Bound::Excluded(base), std::ops::Bound::Unbounded);
        segments.range(above).next().map(|(_, it)| Arc::clone(it))
    }

    /// The segment that holds `offset`, or would, or else the next one that holds anything.
    pub(super) fn holding(&self, offset: u64) -> Option<Arc<Segment>> {
        let segments = self.segments.lock();
        let holds = |segment: &&Arc<Segment>| {
            segment.with(|it| !it.is_sealed || offset.max(segment.base) < it.end)
        };
        let mut before = segments.range(..=offset).rev().map(|(_, it)| it).take(1);
        let mut after = segments.range(offset..).map(|(_, it)| it);
        before.find(holds).or_else(|| after.find(holds)).cloned()
    }

    pub(super) fn infos(&self) -> Vec<SegmentInfo> {
        self.segments.lock().values().map(|it| it.info()).collect()
    }
}
