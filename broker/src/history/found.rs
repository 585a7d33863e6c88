//! What a history knows of the events with one id.

use std::collections::VecDeque;

use sluicegate_channels::Timestamp;

use super::record::{Deleted, Gap, Record, What, split};

/// Records about one id are collected up to this size; an event that was tried for days may have
/// thousands.
const BYTES_MAX: usize = 4 << 20;
/// Gaps are told up to this many.
const GAPS_MAX: usize = 100;
/// Of deletions the latest are told, up to this many.
const DELETIONS_MAX: usize = 1_000;

/// A trigger was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deletion {
    pub(super) trigger: String,
    pub(super) at: Timestamp,
    pub(super) cancelled: u64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub(super) bytes: Vec<u8>,
    /// Where records are missing, whatever events they were about.
    pub gaps: Vec<Gap>,
    /// Triggers that were deleted, oldest first, whatever events they wanted.
    pub(super) deletions: VecDeque<Deletion>,
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
            if raw.is_of_all() {
                self.take_of_all(raw.decode());
            } else if raw.mark.id != id {
            } else if self.bytes.len() < BYTES_MAX {
                self.bytes.extend_from_slice(raw.bytes);
            } else {
                self.is_cut = true;
            }
        }
    }

    fn take_of_all(&mut self, record: Option<Record<'_>>) {
        match record.map(|it| it.what) {
            Some(What::Gap(gap)) => self.add_gap(gap),
            Some(What::Deleted(deleted)) => self.add_deletion(&deleted),
            Some(
                What::Accepted(_)
                | What::Attempt(_)
                | What::Replied(_)
                | What::Ended(_)
                | What::Commanded(_),
            )
            | None => {}
        }
    }

    fn add_deletion(&mut self, deleted: &Deleted<'_>) {
        if self.deletions.len() >= DELETIONS_MAX {
            self.deletions.pop_front();
            self.is_cut = true;
        }
        self.deletions.push_back(Deletion {
            trigger: deleted.trigger.to_owned(),
            at: deleted.at,
            cancelled: deleted.cancelled,
        });
    }

    /// Adds a gap that is not among the records.
    pub(super) fn add_gap(&mut self, gap: Gap) {
        if self.gaps.len() < GAPS_MAX {
            self.gaps.push(gap);
        }
    }

    /// When a trigger of that name was deleted last, if one was.
    pub fn deleted_at(&self, is_meant: impl Fn(&str) -> bool) -> Option<Timestamp> {
        let mut latest_first = self.deletions.iter().rev();
        latest_first
            .find(|it| is_meant(&it.trigger))
            .map(|it| it.at)
    }

    /// The records, in the order in which they were made.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        split(&self.bytes).filter_map(|raw| raw.decode())
    }
}
