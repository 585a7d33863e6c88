//! How many events there were before an offset.
//!
//! Offsets have gaps where the process ended uncleanly, and books count events. Within a stretch of
//! segments without a gap a count is a subtraction; there are about as many stretches as there were
//! crashes. Records that damage has taken count: they were accepted.

use std::ops::Range;

use super::super::log::SegmentInfo;
use super::super::progress::Floor;

/// Offsets without a gap, and how many events there were before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stretch {
    offsets: Range<u64>,
    count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Counts {
    /// Never empty.
    stretches: Vec<Stretch>,
}

impl Counts {
    /// From the segments there are and one count that was stored. `tail` is the offset behind all.
    pub(in super::super) fn new(segments: &[SegmentInfo], floor: Floor, tail: u64) -> Self {
        let mut counts = Counts {
            stretches: Vec::new(),
        };
        for segment in segments {
            counts.add(segment.base..segment.end);
        }
        if counts.stretches.is_empty() {
            counts.stretches.push(Stretch {
                offsets: tail..tail,
                count: 0,
            });
        }
        let before_floor = counts.at(floor.offset);
        for stretch in &mut counts.stretches {
            // Less only where segments before the floor are missing that should be there.
            stretch.count = (floor.count + stretch.count).saturating_sub(before_floor);
        }
        counts
    }

    /// More events were accepted at these offsets, which are above all before.
    pub(in super::super) fn add(&mut self, offsets: Range<u64>) {
        let end = self.stretches.last().map(|last| last.offsets.end);
        let count = end.map_or(0, |end| self.at(end));
        match self.stretches.last_mut() {
            Some(last) if last.offsets.end == offsets.start => last.offsets.end = offsets.end,
            _ => self.stretches.push(Stretch { offsets, count }),
        }
    }

    /// Forgets what lies below, which was removed. Counts of later offsets stay.
    pub(in super::super) fn forget_below(&mut self, offset: u64) {
        let keep_from = self
            .stretches
            .partition_point(|stretch| stretch.offsets.end <= offset)
            .min(self.stretches.len() - 1);
        self.stretches.drain(..keep_from);
        let first = &mut self.stretches[0];
        let cut = offset.clamp(first.offsets.start, first.offsets.end) - first.offsets.start;
        first.offsets.start += cut;
        first.count += cut;
    }

    /// How many events there were before this offset, of those that are not forgotten.
    pub(in super::super) fn at(&self, offset: u64) -> u64 {
        let behind = self
            .stretches
            .partition_point(|stretch| stretch.offsets.start <= offset);
        let Some(stretch) = behind.checked_sub(1).and_then(|at| self.stretches.get(at)) else {
            return self.stretches.first().map_or(0, |first| first.count);
        };
        stretch.count + offset.min(stretch.offsets.end) - stretch.offsets.start
    }

    /// How many events lie at these offsets.
    pub(in super::super) fn between(&self, offsets: &Range<u64>) -> u64 {
        self.at(offsets.end).saturating_sub(self.at(offsets.start))
    }

    /// Whether there is or was an event at this offset.
    pub(in super::super) fn has(&self, offset: u64) -> bool {
        self.at(offset + 1) > self.at(offset)
    }

    /// The first offset that is not forgotten.
    pub(in super::super) fn first(&self) -> u64 {
        self.stretches
            .first()
            .map_or(0, |first| first.offsets.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(offsets: Range<u64>) -> SegmentInfo {
        SegmentInfo {
            base: offsets.start,
            end: offsets.end,
            records: offsets.end - offsets.start,
            size_bytes: 0,
            timestamps_ms: None,
            is_sealed: true,
            damage: Vec::new(),
        }
    }

    #[test]
    fn gaps_do_not_count() {
        let segments = [segment(10..20), segment(20..25), segment(100..110)];
        let floor = Floor {
            offset: 20,
            count: 1_000,
        };
        let mut counts = Counts::new(&segments, floor, 110);
        let cases = [
            (0, 990),
            (10, 990),
            (20, 1_000),
            (25, 1_005),
            (60, 1_005),
            (100, 1_005),
            (105, 1_010),
            (110, 1_015),
            (999, 1_015),
        ];
        for (offset, count) in cases {
            assert_eq!(counts.at(offset), count, "at {offset}");
        }
        assert_eq!(counts.between(&(22..103)), 3 + 3);
        counts.add(200..210);
        assert_eq!((counts.at(200), counts.at(205)), (1_015, 1_020));
        assert!(counts.has(109) && !counts.has(110) && counts.has(209));
        counts.forget_below(22);
        assert_eq!(
            (counts.first(), counts.at(0), counts.at(25)),
            (22, 1_002, 1_005)
        );
        counts.forget_below(60);
        assert_eq!((counts.first(), counts.at(100)), (100, 1_005));
    }

    #[test]
    fn an_empty_log_goes_on_from_what_was_stored() {
        let floor = Floor {
            offset: 7,
            count: 5,
        };
        let mut counts = Counts::new(&[], floor, 7);
        assert_eq!(counts.at(7), 5);
        counts.add(7..9);
        assert_eq!(counts.at(9), 7);
    }
}
