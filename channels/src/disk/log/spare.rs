//! Room for a segment that is not needed yet.

use super::super::files::{OpenFile, OpenMode, write_all_at};
use super::error::LogError;
use super::format::{SegmentHeader, names};
use super::shared::Shared;

/// A file that has its room and not yet its name. What it holds means nothing, and whoever opens
/// the log throws it away.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) file: Box<dyn OpenFile>,
    pub(super) capacity: u64,
}

impl Spare {
    /// Makes one, in place of one that there may be.
    pub(super) fn make(shared: &Shared, capacity: u64) -> Result<Self, LogError> {
        let path = shared.dir.join(names::SPARE);
        let opened = shared.files.open(&path, OpenMode::Create);
        let made = opened.and_then(|file| {
            file.set_len(0)?;
            file.allocate(capacity)?;
            Ok(Spare { file, capacity })
        });
        made.map_err(|error| {
            discard(shared);
            LogError::harmless("a segment", &path, error)
        })
    }

    /// Writes what a segment begins with. A spare that cannot take it is thrown away.
    pub(super) fn write_header(
        &self,
        shared: &Shared,
        header: &SegmentHeader,
    ) -> Result<(), LogError> {
        let written = write_all_at(&*self.file, &header.encode(), 0);
        written.map_err(|failed| {
            discard(shared);
            let path = shared.dir.join(names::SPARE);
            LogError::harmless("a segment", &path, failed.error)
        })
    }
}

/// Gives the room back. If that fails too, the next spare is made of the same file.
fn discard(shared: &Shared) {
    drop(shared.files.remove(&shared.dir.join(names::SPARE)));
}
