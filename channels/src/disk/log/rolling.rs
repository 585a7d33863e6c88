//! Beginning and ending segments.

use std::sync::Arc;

use super::Log;
use super::active::Active;
use super::error::LogError;
use super::format::{SegmentHeader, names};
use super::spare::Spare;

/// What a segment is given where there is little room, unless its first batch needs more.
const SEGMENT_BYTES_LEAST: u64 = 256 << 10;

impl Log {
    /// From now on a new segment is given this much at most, rounded up to 256 KiB or what its first
    /// batch needs; for whoever has to leave room free. Without this it is what the options say.
    pub fn limit_room(&mut self, room_bytes: u64) {
        self.room_bytes = room_bytes;
    }

    /// Whether a batch of this size needs room that it has not been given yet.
    #[must_use]
    pub fn needs_room_for(&self, batch_bytes: u64) -> bool {
        let active = self.active.as_ref();
        let is_given = active.is_some_and(|it| it.has_room_for(batch_bytes));
        !is_given && self.spare.is_none()
    }

    /// Makes room for the next segment once the present one is half full, unless there is less than a
    /// whole one needs, and says whether it did. An append that needs a new segment does this itself,
    /// and its producers wait for it; so call this when nobody waits. It costs nothing when there is
    /// nothing to do.
    ///
    /// # Errors
    ///
    /// [`LogError::NoSpace`], [`LogError::Io`]: there is no room now, which an append may find too.
    /// The log is as it was.
    pub fn prepare(&mut self) -> Result<bool, LogError> {
        self.check()?;
        let is_due = self.active.as_ref().is_none_or(Active::is_half_full);
        let is_allowed = self.options.segment_bytes <= self.room_bytes;
        let makes = is_due && is_allowed && self.spare.is_none();
        if makes {
            self.spare = Some(Spare::make(&self.shared, self.options.segment_bytes)?);
        }
        Ok(makes)
    }

    /// How long the file of a segment that begins with such a batch is to be.
    fn capacity_of_next(&self, batch_bytes: u64) -> u64 {
        let room = self.room_bytes.max(SEGMENT_BYTES_LEAST) / 8 * 8;
        let usual = self.options.segment_bytes.min(room);
        Active::capacity_for(batch_bytes).max(usual)
    }

    /// Ends the present segment, syncing it, and begins another, so that the one before can be
    /// removed. `now_ms` is kept as the time it was made.
    ///
    /// # Errors
    ///
    /// As [`Log::append`].
    pub fn roll(&mut self, now_ms: i64) -> Result<(), LogError> {
        self.check()?;
        self.begin_segment(0, now_ms)
    }

    /// Syncs and seals. Opening the log is then quick and finds nothing to mend; dropping it
    /// without closing is safe all the same.
    ///
    /// # Errors
    ///
    /// [`LogError::Poisoned`]: what was appended since the last sync may be lost.
    pub fn close(mut self) -> Result<(), LogError> {
        self.check()?;
        self.seal()
    }

    fn seal(&mut self) -> Result<(), LogError> {
        let Some(active) = self.active.take() else {
            return Ok(());
        };
        let path = self.shared.path(active.segment().base);
        let sealed = active.seal();
        sealed.map_err(|it| self.poisoned("seal", &path, &it))
    }

    /// Seals the present segment and begins one with room for a batch of this size. Whatever can
    /// fail for want of room comes before anything is changed.
    pub(super) fn begin_segment(
        &mut self,
        batch_bytes: u64,
        created_ms: i64,
    ) -> Result<(), LogError> {
        let capacity = self.capacity_of_next(batch_bytes);
        let spare = match self.spare.take().filter(|it| it.capacity >= capacity) {
            Some(spare) => spare,
            None => Spare::make(&self.shared, capacity)?,
        };
        let header = SegmentHeader {
            base: self.next,
            continues_from: self.continues_from,
            salt: self.options.salts.u64(..),
            capacity: spare.capacity,
            created_ms,
        };
        spare.write_header(&self.shared, &header)?;
        let path = self.shared.dir.join(names::SPARE);
        if let Err(error) = spare.file.sync() {
            return Err(self.poisoned("sync", &path, &error));
        }
        self.seal()?;

        let segment_path = self.shared.path(header.base);
        if let Err(error) = self.shared.files.rename(&path, &segment_path) {
            return Err(LogError::harmless("name", &segment_path, error));
        }
        if let Err(error) = self.shared.files.sync_dir(&self.shared.dir) {
            return Err(self.poisoned("sync", &self.shared.dir.clone(), &error));
        }
        let active = Active::new(header, spare.file);
        self.shared.insert(Arc::clone(active.segment()));
        self.active = Some(active);
        Ok(())
    }
}
