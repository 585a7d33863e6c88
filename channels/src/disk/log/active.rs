//! The segment that takes records.

use std::io;
use std::sync::Arc;

use super::super::files::{OpenFile, is_no_space, write_all_at};
use super::batch::{Batch, Standing};
use super::format::{Footer, RECORDS_AT, SegmentHeader};
use super::segment::{Segment, State};

#[derive(Debug)]
pub(super) struct Active {
    header: SegmentHeader,
    file: Box<dyn OpenFile>,
    segment: Arc<Segment>,
    /// Where the next record goes.
    end: u64,
    /// Up to where the file is durable.
    synced: u64,
    /// The number of the next record.
    ordinal: u32,
    indexed: Option<u64>,
    timestamps_ms: Option<(i64, i64)>,
}

/// Why a batch is not in the segment.
pub(super) enum WriteError {
    /// There was no room. The segment is as it was.
    NoSpace(io::Error),
    /// Nobody knows what is in the file.
    Broken(io::Error),
}

impl Active {
    /// A segment whose file holds its header, synced, under its name.
    pub(super) fn new(header: SegmentHeader, file: Box<dyn OpenFile>) -> Self {
        let segment = Arc::new(Segment::new(&header, State::empty(&header)));
        Active {
            header,
            file,
            segment,
            end: RECORDS_AT,
            synced: RECORDS_AT,
            ordinal: 0,
            indexed: None,
            timestamps_ms: None,
        }
    }

    pub(super) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// How long a segment's file must be to take a batch of this size.
    pub(super) fn capacity_for(batch_bytes: u64) -> u64 {
        let records = RECORDS_AT + batch_bytes;
        // The footer's own length may ask for a few more entries of its index.
        (records + Footer::bytes_max(records) + 64).next_multiple_of(8)
    }

    pub(super) fn has_room_for(&self, batch_bytes: u64) -> bool {
        let footer = Footer::bytes_max(self.header.capacity);
        self.end + batch_bytes + footer <= self.header.capacity
    }

    pub(super) fn is_half_full(&self) -> bool {
        (self.end - RECORDS_AT) * 2 > self.header.capacity - RECORDS_AT
    }

    /// Writes a batch for which there is room, in one write. It is not synced by that.
    pub(super) fn write(&mut self, batch: &mut Batch) -> Result<(), WriteError> {
        let identity = self.header.identity();
        let stamped = batch.stamp(&Standing {
            identity: &identity,
            position: self.end,
            ordinal: self.ordinal,
            synced: self.synced,
            indexed: self.indexed,
        });
        if let Err(failed) = write_all_at(&*self.file, batch.bytes(), self.end) {
            return Err(self.undo(failed.written, failed.error));
        }
        self.end += batch.bytes().len() as u64;
        self.ordinal += u32::try_from(batch.len()).expect("a segment is shorter than 4 GiB");
        if let Some(last) = stamped.index.last() {
            self.indexed = Some(u64::from(last.position));
            self.segment
                .with(|state| state.index.extend(stamped.index.iter().copied()));
        }
        let (earliest, latest) = self
            .timestamps_ms
            .unwrap_or((stamped.earliest_ms, stamped.latest_ms));
        self.timestamps_ms = Some((
            earliest.min(stamped.earliest_ms),
            latest.max(stamped.latest_ms),
        ));
        Ok(())
    }

    /// Takes back what was written of a batch before the room ended: else a record of it that had
    /// become whole would come back after a crash, though its producer was told that it is not
    /// stored. What was written has room, so zeros can be written there.
    fn undo(&mut self, written: usize, error: io::Error) -> WriteError {
        if !is_no_space(&error) {
            return WriteError::Broken(error);
        }
        if written > 0 {
            let zeros = vec![0; written];
            let undone = write_all_at(&*self.file, &zeros, self.end).map_err(|it| it.error);
            if let Err(error) = undone.and_then(|()| self.sync()) {
                return WriteError::Broken(error);
            }
        }
        WriteError::NoSpace(error)
    }

    pub(super) fn has_unsynced(&self) -> bool {
        self.synced < self.end
    }

    /// Makes what was written durable, and lets readers see it.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()?;
        self.publish();
        Ok(())
    }

    fn publish(&mut self) {
        self.synced = self.end;
        let (readable, ordinal) = (self.end, u64::from(self.ordinal));
        let timestamps_ms = self.timestamps_ms;
        self.segment.with(|state| {
            state.readable = readable;
            state.records = ordinal;
            state.end = self.header.base + ordinal;
            state.timestamps_ms = timestamps_ms;
        });
    }

    /// Syncs all, ends the segment with a footer, and gives back the room it did not use.
    ///
    /// The footer vouches for the records before it, so they are durable before it is written.
    /// Without room for the footer it does without: the segment is then read whole when the log is
    /// opened, as if it had not been sealed. The file is cut only once the footer is durable, so
    /// that a file that is too short and has none was cut by someone else.
    pub(super) fn seal(mut self) -> io::Result<()> {
        if self.has_unsynced() {
            self.sync()?;
        }
        let end = self.header.base + u64::from(self.ordinal);
        let (earliest_ms, latest_ms) = self.timestamps_ms.unwrap_or_default();
        let footer = Footer {
            records_end: self.end,
            end,
            next: end,
            records: u64::from(self.ordinal),
            earliest_ms,
            latest_ms,
            damaged: 0,
            index: self.segment.with(|state| state.index.clone()),
        };
        let footer_bytes = write_footer(&*self.file, &footer, &self.header)?;
        self.file.sync()?;
        self.segment
            .with(|state| finish(state, &*self.file, &footer, footer_bytes));
        Ok(())
    }
}

/// Writes a footer behind the records and says how long it is; `None` if there is no room.
pub(super) fn write_footer(
    file: &dyn OpenFile,
    footer: &Footer,
    header: &SegmentHeader,
) -> io::Result<Option<u64>> {
    let bytes = footer.encode(&header.identity());
    match write_all_at(file, &bytes, footer.records_end) {
        Ok(()) => Ok(Some(bytes.len() as u64)),
        Err(failed) if is_no_space(&failed.error) => Ok(None),
        Err(failed) => Err(failed.error),
    }
}

/// Ends a segment whose footer is durable, if it has one: what is behind it is cut off.
pub(super) fn finish(
    state: &mut State,
    file: &dyn OpenFile,
    footer: &Footer,
    footer_bytes: Option<u64>,
) {
    state.is_sealed = true;
    let Some(footer_bytes) = footer_bytes else {
        return;
    };
    state.has_footer = true;
    state.index = Vec::new();
    let length = footer.records_end + footer_bytes;
    // If it cannot be cut, it is longer than it need be; its footer says where it ends.
    if file.set_len(length).is_ok() {
        state.size_bytes = length;
    }
}
