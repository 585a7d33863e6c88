//! Removing segments.

use std::path::Path;
use std::sync::Arc;

use super::format::names::removed_path;
use super::recovery::empty;
use super::{Log, LogError};

impl Log {
    /// Removes a segment with all its records, wherever it lies, and gives its room back. Readers
    /// pass over what it held, also those that are in it. That it was removed is durable when this
    /// returns, so that nobody ever takes it for lost. It needs no room.
    ///
    /// # Errors
    ///
    /// [`LogError::NotRemovable`] for the newest segment and for what is none.
    /// [`LogError::Io`]: it is still there. [`LogError::Poisoned`]: it may come back, whole, when
    /// the log is opened again.
    pub fn remove_segment(&mut self, base: u64) -> Result<(), LogError> {
        self.check()?;
        let segment = self.shared.get(base);
        let (Some(segment), Some(after)) = (segment, self.shared.after(base)) else {
            return Err(LogError::NotRemovable(base));
        };
        let missing = segment.with(|it| it.missing_before.as_ref().map(|it| it.offsets.start));
        let start = missing.unwrap_or(segment.continues_from);
        let (range, replaced) = self.removed.joined(&(start..after.base));

        // Readers must know before its file changes, or they would take that for damage.
        self.shared.take(base);
        segment.with(|it| it.is_removed = true);
        let (from, to) = (
            self.shared.path(base),
            removed_path(&self.shared.dir, &range),
        );
        if let Err(error) = self.shared.files.rename(&from, &to) {
            segment.with(|it| it.is_removed = false);
            self.shared.insert(Arc::clone(&segment));
            return Err(LogError::harmless("remove", &from, error));
        }
        if let Err(error) = self.shared.files.sync_dir(&self.shared.dir) {
            return Err(self.poisoned("sync", &self.shared.dir.clone(), &error));
        }
        self.removed.add(range.clone());
        self.give_back(&to, &replaced);
        if segment.with(|it| !it.damage.is_empty()) {
            self.shared.unmark_damaged(base);
        }
        Ok(())
    }

    /// Frees what the segment took up, and the names that the new one stands for. What fails here
    /// is done when the log is opened again.
    fn give_back(&self, path: &Path, replaced: &[std::ops::Range<u64>]) {
        drop(empty(&self.shared, path));
        for range in replaced {
            let path = removed_path(&self.shared.dir, range);
            drop(self.shared.files.remove(&path));
        }
    }
}
