//! Counts per event, for as long as a worker lives.
//!
//! An entry goes when the event is done with. What ends an event elsewhere (an operator discards
//! it, a full store takes it) is not heard of here, so a tally that is full also lets go of what
//! was not counted for an hour.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_channels::Position;
use tokio::time::Instant;

/// Longer than a dead-letter sink is left alone. An event that is forgotten too early begins anew.
const KEPT: Duration = Duration::from_secs(3_600);

/// A full tally looks for old entries this often at most.
const SWEPT_EVERY: Duration = Duration::from_secs(60);

/// How often something happened to an event. Bounded: one that finds no room is not counted.
#[derive(Debug)]
pub(crate) struct Tally {
    entries: Mutex<Entries>,
    positions_max: usize,
}

#[derive(Debug, Default)]
struct Entries {
    counts: HashMap<Position, Count>,
    swept_at: Option<Instant>,
}

#[derive(Debug)]
struct Count {
    times: u32,
    last_at: Instant,
}

impl Entries {
    fn sweep(&mut self, now: Instant) {
        let is_due = |at: Instant| now.duration_since(at) >= SWEPT_EVERY;
        if self.swept_at.is_none_or(is_due) {
            self.swept_at = Some(now);
            self.counts
                .retain(|_, count| now.duration_since(count.last_at) < KEPT);
        }
    }
}

impl Tally {
    pub(crate) fn bounded(positions_max: usize) -> Self {
        Tally {
            entries: Mutex::default(),
            positions_max,
        }
    }

    /// Counts once more, and gives the count; none when there is no room.
    pub(crate) fn add(&self, position: Position) -> Option<u32> {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        let is_known = entries.counts.contains_key(&position);
        if !is_known && entries.counts.len() >= self.positions_max {
            entries.sweep(now);
            if entries.counts.len() >= self.positions_max {
                return None;
            }
        }
        let fresh = Count {
            times: 0,
            last_at: now,
        };
        let count = entries.counts.entry(position).or_insert(fresh);
        count.times = count.times.saturating_add(1);
        count.last_at = now;
        Some(count.times)
    }

    pub(crate) fn forget(&self, position: Position) {
        let counts = &mut self.entries.lock().counts;
        // The usual case costs no hash.
        if !counts.is_empty() {
            counts.remove(&position);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().counts.len()
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
            [1, 1, 2].map(|offset| tally.add(at(offset))),
            [Some(1), Some(2), Some(1)]
        );
        tally.forget(at(1));
        assert_eq!(tally.add(at(1)), Some(1));
    }

    #[test]
    fn what_finds_no_room_is_not_counted() {
        let tally = Tally::bounded(1);
        tally.add(at(1));
        assert_eq!(tally.add(at(2)), None);
        assert_eq!(tally.add(at(1)), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_tally_lets_go_of_what_was_not_counted_for_an_hour() {
        let tally = Tally::bounded(2);
        tally.add(at(1));
        tokio::time::advance(KEPT / 2).await;
        tally.add(at(2));
        assert_eq!(tally.add(at(3)), None);
        tokio::time::advance(KEPT / 2).await;
        assert_eq!(tally.add(at(3)), Some(1));
        assert_eq!(tally.add(at(2)), Some(2));
        assert_eq!(tally.add(at(1)), None);
    }
}
