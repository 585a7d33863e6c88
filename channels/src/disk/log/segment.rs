//! A segment as the owner of the log and its readers share it.

use parking_lot::Mutex;

use super::format::{Identity, IndexEntry, RECORDS_AT, SegmentHeader};
use super::report::{Damage, SegmentInfo};

/// How many damaged places of a segment are kept to be shown.
const DAMAGE_MAX: usize = 1_000;

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: u64,
    pub(super) continues_from: u64,
    pub(super) identity: Identity,
    state: Mutex<State>,
}

/// What changes about a segment.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Up to where its file holds synced records.
    pub(super) readable: u64,
    /// The offset behind the last of them.
    pub(super) end: u64,
    pub(super) records: u64,
    pub(super) size_bytes: u64,
    pub(super) timestamps_ms: Option<(i64, i64)>,
    /// It takes no more records.
    pub(super) is_sealed: bool,
    /// It is no longer part of the log, whatever its file holds.
    pub(super) is_removed: bool,
    /// Without a header: one damage, and nothing to be read.
    pub(super) is_unreadable: bool,
    /// Records that should stand between the segment before and this one.
    pub(super) missing_before: Option<Damage>,
    /// Whether the index stands in the footer, at `readable`. Else it is here.
    pub(super) has_footer: bool,
    pub(super) index: Vec<IndexEntry>,
    pub(super) damage: Vec<Damage>,
}

impl State {
    /// What a new segment begins with.
    pub(super) fn empty(header: &SegmentHeader) -> Self {
        State {
            readable: RECORDS_AT,
            end: header.base,
            size_bytes: header.capacity,
            ..State::default()
        }
    }
}

impl Segment {
    pub(super) fn new(header: &SegmentHeader, state: State) -> Self {
        Segment {
            base: header.base,
            continues_from: header.continues_from,
            identity: header.identity(),
            state: Mutex::new(state),
        }
    }

    /// Looks at or changes the state, which nobody holds for longer than that takes.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock())
    }

    /// Keeps a damage that a reader has found, and says whether it is news. A reader that has begun within
    /// a damaged place finds a part of it, which is not counted once more. Where there are too many places to
    /// be kept, the last of them becomes a stretch in which all may be lost.
    pub(super) fn note_damage(&self, damage: &Damage) -> bool {
        self.with(|state| {
            if state.damage.iter().any(|known| known.covers(damage)) {
                return false;
            }
            let mut whole = damage.clone();
            state.damage.retain(|known| !whole.take_in(known));
            if state.damage.len() < DAMAGE_MAX {
                state.damage.push(whole);
            } else if let Some(last) = state.damage.last_mut() {
                last.reach(&whole);
            }
            true
        })
    }

    pub(super) fn info(&self) -> SegmentInfo {
        self.with(|state| SegmentInfo {
            base: self.base,
            end: state.end,
            records: state.records,
            size_bytes: state.size_bytes,
            used_bytes: state.readable.saturating_sub(RECORDS_AT),
            timestamps_ms: state.timestamps_ms,
            is_sealed: state.is_sealed,
            damage: state.damage.clone(),
        })
    }
}
