//! How many events there were before an offset.
//!
//! Offsets have gaps where the process ended uncleanly, and books count events. Within a stretch of
//! segments without a gap a count is a subtraction; there are about as many stretches as there were
//! crashes. Records that damage has taken count: they were accepted. Those that were removed do not,
//! wherever they stood.

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
    /// From the segments there are, those that are missing though nobody removed them, and one
    /// count that was stored. `tail` is the offset behind all.
    pub(in super::super) fn new(
        segments: &[SegmentInfo],
        missing: &[Range<u64>],
        floor: Floor,
        tail: u64,
    ) -> Self {
        let mut counts = Counts {
            stretches: Vec::new(),
        };
        let there = segments.iter().map(|segment| segment.base..segment.end);
        let mut offsets: Vec<_> = there.chain(missing.iter().cloned()).collect();
        offsets.sort_by_key(|it| it.start);
        for offsets in offsets {
            let end = counts.stretches.last().map_or(0, |last| last.offsets.end);
            if offsets.end > end {
                counts.add(offsets.start.max(end)..offsets.end);
            }
        }
        if counts.stretches.is_empty() {
            counts.stretches.push(Stretch {
                offsets: tail..tail,
                count: 0,
            });
        }
        let before_floor = counts.at(floor.offset);
        for stretch in &mut counts.stretches {
            // Less only where the first that there were are gone without a word.
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

    /// Forgets events that were removed. Counts of the others stay.
    pub(in super::super) fn forget(&mut self, removed: &Range<u64>) {
        let stretches = std::mem::take(&mut self.stretches);
        let newest = stretches.len() - 1;
        for (at, stretch) in stretches.into_iter().enumerate() {
            let Range { start, end } = stretch.offsets;
            let after = removed.end.clamp(start, end);
            let before = start..removed.start.clamp(start, after);
            if !before.is_empty() {
                self.stretches.push(Stretch {
                    offsets: before,
                    count: stretch.count,
                });
            }
            // The newest says where the count goes on, however little of it is left.
            if after < end || at == newest {
                self.stretches.push(Stretch {
                    offsets: after..end,
                    count: stretch.count + after - start,
                });
            }
        }
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

    /// How many events lie at these offsets, but for those that are forgotten.
    pub(in super::super) fn between(&self, offsets: &Range<u64>) -> u64 {
        let from = self
            .stretches
            .partition_point(|stretch| stretch.offsets.end <= offsets.start);
        let inside = self.stretches[from..].iter().map(|stretch| {
            let end = stretch.offsets.end.min(offsets.end);
            end.saturating_sub(stretch.offsets.start.max(offsets.start))
        });
        inside.sum()
    }

    /// Whether there is an event at this offset, or was one that damage has taken.
    pub(in super::super) fn has(&self, offset: u64) -> bool {
        self.between(&(offset..offset.saturating_add(1))) > 0
    }

    /// The first offset from here on at which there is an event; `tail` if there is none.
    pub(in super::super) fn next_from(&self, offset: u64, tail: u64) -> u64 {
        let behind = self
            .stretches
            .partition_point(|stretch| stretch.offsets.end <= offset);
        let next = self.stretches.get(behind);
        next.map_or(tail, |it| it.offsets.start.max(offset))
            .min(tail)
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
            used_bytes: 0,
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
        let mut counts = Counts::new(&segments, &[], floor, 110);
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
        counts.forget(&(0..22));
        assert_eq!(
            (counts.first(), counts.at(0), counts.at(25)),
            (22, 1_002, 1_005)
        );
        counts.forget(&(22..60));
        assert_eq!((counts.first(), counts.at(100)), (100, 1_005));
    }

    #[test]
    fn what_was_removed_in_the_middle_is_not_there_any_more() {
        let segments = [segment(0..10), segment(10..20), segment(20..30)];
        let mut counts = Counts::new(&segments, &[], Floor::default(), 30);
        counts.forget(&(10..20));
        assert!(counts.has(9) && !counts.has(10) && !counts.has(19) && counts.has(20));
        assert_eq!(
            (counts.between(&(5..25)), counts.between(&(0..99))),
            (10, 20)
        );
        assert_eq!((counts.at(10), counts.at(20), counts.at(30)), (10, 20, 30));
        assert_eq!(
            (counts.next_from(12, 30), counts.next_from(30, 30)),
            (20, 30)
        );
        counts.forget(&(0..10));
        counts.forget(&(20..30));
        assert_eq!(
            (counts.first(), counts.at(30), counts.has(29)),
            (30, 30, false)
        );
        assert!(!counts.has(u64::MAX));
    }

    #[test]
    fn a_segment_that_is_gone_without_a_word_was_accepted() {
        let segments = [segment(0..10), segment(20..25), segment(30..35)];
        let floor = Floor {
            offset: 5,
            count: 5,
        };
        let counts = Counts::new(&segments, &[10..20, 25..30], floor, 35);
        assert_eq!((counts.at(35), counts.between(&(8..22))), (35, 14));
    }

    #[test]
    fn an_empty_log_goes_on_from_what_was_stored() {
        let floor = Floor {
            offset: 7,
            count: 5,
        };
        let mut counts = Counts::new(&[], &[], floor, 7);
        assert_eq!(counts.at(7), 5);
        counts.add(7..9);
        assert_eq!(counts.at(9), 7);
    }

    #[test]
    fn removing_the_end_of_the_newest_stretch_leaves_its_count() {
        let segments = [segment(0..10), segment(10..20)];
        let mut counts = Counts::new(&segments, &[], Floor::default(), 20);
        counts.forget(&(10..20));
        assert_eq!((counts.at(10), counts.at(20)), (10, 20));
        assert_eq!(counts.between(&(0..20)), 10);
        counts.add(20..25);
        assert_eq!((counts.at(25), counts.between(&(0..25))), (25, 15));
    }
}
