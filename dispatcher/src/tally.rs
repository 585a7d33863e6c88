//! Counts per event, for as long as a worker lives.

use std::collections::HashMap;

use parking_lot::Mutex;
use sluicegate_channels::Position;

/// How often something happened to an event. Bounded: an event that finds no room counts as one to
/// which it has happened as often as can be.
#[derive(Debug)]
pub(crate) struct Tally {
    counts: Mutex<HashMap<Position, u32>>,
    positions_max: usize,
}

impl Tally {
    pub(crate) fn bounded(positions_max: usize) -> Self {
        Tally {
            counts: Mutex::default(),
            positions_max,
        }
    }

    /// Counts once more, and gives the count.
    pub(crate) fn add(&self, position: Position) -> u32 {
        let mut counts = self.counts.lock();
        if counts.len() >= self.positions_max && !counts.contains_key(&position) {
            return u32::MAX;
        }
        let count = counts.entry(position).or_default();
        *count = count.saturating_add(1);
        *count
    }

    pub(crate) fn forget(&self, position: Position) {
        self.counts.lock().remove(&position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> Position {
        Position {
            partition: 0,
            offset,
        }
    }

    #[test]
    fn each_position_is_counted_until_forgotten() {
        let tally = Tally::bounded(2);
        assert_eq!(
            [tally.add(at(1)), tally.add(at(1)), tally.add(at(2))],
            [1, 2, 1]
        );
        tally.forget(at(1));
        assert_eq!(tally.add(at(1)), 1);
    }

    #[test]
    fn what_finds_no_room_counts_as_the_worst() {
        let tally = Tally::bounded(1);
        tally.add(at(1));
        assert_eq!(tally.add(at(2)), u32::MAX);
        assert_eq!(tally.add(at(1)), 2);
    }
}
