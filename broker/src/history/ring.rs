//! A history in memory: blocks of records, of which the oldest make room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_channels::Timestamp;

use super::found::Found;
use super::record::{Mark, What};

/// What a history in memory takes at most, whatever the settings allow on a disk.
pub(super) const BYTES_MAX: u64 = 16 << 20;
/// Records come and go by blocks of about this size.
const BLOCK_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Ring {
    bytes_max: u64,
    age_max: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    full: VecDeque<Block>,
    full_bytes: u64,
    /// The block that takes records, and when its first and its last were made.
    open: Vec<u8>,
    open_since: Timestamp,
    open_until: Timestamp,
}

#[derive(Clone, Debug)]
struct Block {
    since: Timestamp,
    until: Timestamp,
    records: Arc<[u8]>,
}

impl Ring {
    pub(super) fn new(bytes_max: u64, age_max: Duration) -> Self {
        Ring {
            bytes_max: bytes_max.min(BYTES_MAX),
            age_max,
            state: Mutex::default(),
        }
    }

    pub(super) fn push(&self, mark: Mark, what: &What<'_>, now: Timestamp) {
        let mut state = self.state.lock();
        if state.open.is_empty() {
            state.open_since = now;
        }
        state.open_until = now;
        what.encode(mark, &mut state.open);
        if state.open.len() >= BLOCK_BYTES {
            state.seal();
            self.expire(&mut state, now);
        }
    }

    /// The records about events of this id, oldest first.
    pub(super) fn find(&self, id: u64, now: Timestamp) -> Found {
        let blocks: Vec<Block> = {
            let mut state = self.state.lock();
            if state.open_since + self.age_max < now {
                state.seal();
            }
            self.expire(&mut state, now);
            let open = (!state.open.is_empty()).then(|| Block {
                since: state.open_since,
                until: state.open_until,
                records: state.open.as_slice().into(),
            });
            state.full.iter().cloned().chain(open).collect()
        };
        let mut found = Found {
            since: blocks.first().map(|it| it.since),
            ..Found::default()
        };
        for block in blocks {
            found.take(&block.records, id);
        }
        found
    }

    /// What it takes now.
    pub(super) fn size_bytes(&self) -> u64 {
        let state = self.state.lock();
        state.full_bytes + state.open.len() as u64
    }

    fn expire(&self, state: &mut State, now: Timestamp) {
        while let Some(oldest) = state.full.front() {
            let is_old = oldest.until + self.age_max < now;
            if state.full_bytes <= self.bytes_max && !is_old {
                return;
            }
            state.full_bytes -= oldest.records.len() as u64;
            state.full.pop_front();
        }
    }
}

impl State {
    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let records: Arc<[u8]> = self.open.as_slice().into();
        self.open.clear();
        self.full_bytes += records.len() as u64;
        self.full.push_back(Block {
            since: self.open_since,
            until: self.open_until,
            records,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{End, Ended};
    use super::*;

    fn ended(offset: u64) -> What<'static> {
        What::Ended(Ended {
            position: sluicegate_channels::Position {
                partition: 0,
                offset,
            },
            trigger: "billing",
            at: Timestamp(0),
            end: End::Discarded,
            reason: "shed",
            detail: "",
        })
    }

    #[test]
    fn the_oldest_records_make_room() {
        let ring = Ring::new(256 << 10, Duration::MAX);
        for n in 0..20_000_u64 {
            ring.push(Mark::of(&n.to_string(), "/test"), &ended(n), Timestamp(n));
        }
        let find = |n: u64| ring.find(Mark::of(&n.to_string(), "").id, Timestamp(20_000));
        assert!(ring.size_bytes() <= (256 << 10) + 2 * BLOCK_BYTES as u64);
        assert_eq!(find(19_999).records().count(), 1);
        assert_eq!(find(0).records().count(), 0);
        assert!(find(0).since.unwrap() > Timestamp(10_000));
    }

    #[test]
    fn what_is_old_is_gone_though_there_is_room() {
        let ring = Ring::new(BYTES_MAX, Duration::from_secs(60));
        let mark = Mark::of("1", "/test");
        ring.push(mark, &ended(1), Timestamp(1_000));
        assert_eq!(ring.find(mark.id, Timestamp(61_000)).records().count(), 1);
        let late = ring.find(mark.id, Timestamp(61_001));
        assert_eq!((late.records().count(), late.since), (0, None));
    }
}
