//! What a history knows of the events with one id.

use sluicegate_channels::Timestamp;

use super::record::{Gap, Record, What, split};

/// Records about one id are collected up to this size; an event that was tried for days may have
/// thousands.
const BYTES_MAX: usize = 4 << 20;
/// Gaps are told up to this many.
const GAPS_MAX: usize = 100;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub(super) bytes: Vec<u8>,
    /// Where records are missing, whatever events they were about.
    pub gaps: Vec<Gap>,
    /// Whether there are more records about this id than were collected.
    pub is_cut: bool,
    /// When the oldest record was made that the history still has, whatever it is about.
    pub since: Option<Timestamp>,
    /// Whether what was recorded last has not been looked through: it is still being written.
    pub is_behind: bool,
}

impl Found {
    /// Nothing, since nothing could be looked through.
    pub fn behind() -> Self {
        Found {
            is_behind: true,
            ..Found::default()
        }
    }

    /// Takes what is of use out of records that stand one behind the other.
    pub(super) fn take(&mut self, records: &[u8], id: u64) {
        for raw in split(records) {
            if raw.is_gap() {
                self.take_gap(raw.decode());
            } else if raw.mark.id != id {
            } else if self.bytes.len() < BYTES_MAX {
                self.bytes.extend_from_slice(raw.bytes);
            } else {
                self.is_cut = true;
            }
        }
    }

    fn take_gap(&mut self, record: Option<Record<'_>>) {
        let Some(Record {
            what: What::Gap(gap),
            ..
        }) = record
        else {
            return;
        };
        self.add_gap(gap);
    }

    /// Adds a gap that is not among the records.
    pub(super) fn add_gap(&mut self, gap: Gap) {
        if self.gaps.len() < GAPS_MAX {
            self.gaps.push(gap);
        }
    }

    /// The records, in the order in which they were made.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        split(&self.bytes).filter_map(|raw| raw.decode())
    }
}
