//! Changes into the log: a joined batch and a sync, or several where it is much.
//!
//! The order makes parts safe: a standing stands for itself, and the floor comes with the last part. So
//! a crash in between leaves some standings newer than others, and nobody further than it was written.

use std::io;
use std::path::Path;

use super::super::log::{Batch, LogError};
use super::{Change, Floor, Progress, format};

/// How much memory the batch keeps between writes.
const BATCH_BYTES_KEPT: usize = 1 << 20;

impl Progress {
    /// Makes the changes, in their order, and moves the floor, with one sync. With nothing to change
    /// nothing is written. The floor must never be below the one there is.
    ///
    /// More than [`part_bytes`](super::ProgressOptions::part_bytes) is written in parts, each synced,
    /// and the floor with the last.
    ///
    /// Now and then this also makes a snapshot, which takes longer.
    ///
    /// # Errors
    ///
    /// [`LogError::NoSpace`] and [`LogError::Io`]: nothing is changed by the part that failed nor by
    /// those after it, and the same may be asked again; the latter also for a standing that contradicts
    /// itself or is larger than 16 MiB. [`LogError::Poisoned`]: what is durable of it is found out when
    /// it is opened anew.
    pub fn write(
        &mut self,
        floor: Option<Floor>,
        changes: Vec<Change>,
        now_ms: i64,
    ) -> Result<(), LogError> {
        let floor = floor.filter(|it| *it != self.state.floor);
        if floor.is_none() && changes.is_empty() {
            return Ok(());
        }
        // Whatever can be refused is, before anything is written.
        let records = self.records(&changes)?;
        self.batch.clear();
        let mut part = Vec::new();
        for (change, record) in changes.into_iter().zip(records) {
            if !part.is_empty() && !self.has_room_for(&record) {
                self.commit(std::mem::take(&mut part))?;
            }
            self.add(&record, now_ms)?;
            part.push(change);
        }
        if let Some(floor) = floor {
            let record = format::floor(floor, &self.state.busy_after(&part));
            self.add(&record, now_ms)?;
        }
        self.commit(part)?;
        self.state.floor = floor.unwrap_or(self.state.floor);
        self.refresh(now_ms);
        if self.batch.size_bytes() > BATCH_BYTES_KEPT {
            self.batch = Batch::new();
        }
        Ok(())
    }

    /// Whether this is the last that is durable of its subscription. After a write that has failed it
    /// says which of its parts are stored.
    #[must_use]
    pub fn holds(&self, change: &Change) -> bool {
        match change {
            Change::Put(standing) => self.state.standings.get(&standing.number) == Some(standing),
            Change::Delete(number) => !self.state.standings.contains_key(number),
        }
    }

    fn records(&self, changes: &[Change]) -> Result<Vec<Vec<u8>>, LogError> {
        let encode = |change: &Change| {
            let record = match change {
                Change::Put(standing) => {
                    if let Some(fault) = standing.fault() {
                        let fault = format!("standing {} is not valid: {fault}", standing.number);
                        return Err(refused(&self.dir, fault));
                    }
                    format::standing(standing)
                }
                Change::Delete(number) => format::deleted(*number),
            };
            let checked = Batch::check(record.len());
            checked.map_err(|it| refused(&self.dir, it.to_string()))?;
            Ok(record)
        };
        changes.iter().map(encode).collect()
    }

    /// Makes the part durable that is in the batch.
    fn commit(&mut self, part: Vec<Change>) -> Result<(), LogError> {
        self.log.append(&mut self.batch)?;
        self.log.sync()?;
        self.generations.written_bytes += self.batch.size_bytes() as u64;
        self.batch.clear();
        part.into_iter().for_each(|it| self.state.apply(it));
        Ok(())
    }

    /// Whether the record still belongs in this part.
    pub(super) fn has_room_for(&self, record: &[u8]) -> bool {
        let with_it = self.batch.size_bytes() + Batch::record_bytes(record.len());
        self.batch.is_empty() || with_it <= self.part_bytes
    }

    /// Puts a record into the batch, joined with those before it.
    pub(super) fn add(&mut self, record: &[u8], now_ms: i64) -> Result<(), LogError> {
        let added = self.batch.push_joined(now_ms, &[record]);
        added.map_err(|it| refused(&self.dir, it.to_string()))
    }
}

fn refused(dir: &Path, why: String) -> LogError {
    LogError::Io {
        what: "write progress in",
        path: dir.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidInput, why),
    }
}
