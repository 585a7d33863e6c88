//! Which records were removed, so that their absence is not taken for damage.
//!
//! A segment is removed by giving its file a name that says which offsets are gone, syncing the
//! directory, and cutting the file to nothing. That needs no room, not even for a name, so a full
//! disk can be relieved. Neighbouring ranges become one name, so there are never more of them than
//! segments.

use std::ops::Range;

/// Ranges of offsets, apart from each other and in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Removed(Vec<Range<u64>>);

impl Removed {
    /// Orders what the directory names. Ranges that lie in others, or touch them, as a crash may
    /// leave them, stand as they are in the directory: only what is returned is needed of them.
    pub(super) fn of(mut named: Vec<Range<u64>>) -> Self {
        named.sort_by_key(|it| (it.start, it.end));
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for range in named {
            match ranges.last_mut().filter(|last| range.start <= last.end) {
                Some(last) => last.end = last.end.max(range.end),
                None => ranges.push(range),
            }
        }
        Removed(ranges)
    }

    pub(super) fn ranges(&self) -> &[Range<u64>] {
        &self.0
    }

    pub(super) fn contains(&self, offset: u64) -> bool {
        self.0.iter().any(|it| it.contains(&offset))
    }

    /// The range that stands for this one and those it touches, and those of them that are then
    /// needed no more.
    pub(super) fn joined(&self, range: &Range<u64>) -> (Range<u64>, Vec<Range<u64>>) {
        let touches = |it: &&Range<u64>| it.start <= range.end && range.start <= it.end;
        let mut touched: Vec<_> = self.0.iter().filter(touches).cloned().collect();
        let start = touched.iter().map(|it| it.start).min();
        let end = touched.iter().map(|it| it.end).max();
        let joined = start.map_or(range.start, |it| it.min(range.start))
            ..end.map_or(range.end, |it| it.max(range.end));
        touched.retain(|it| *it != joined);
        (joined, touched)
    }

    pub(super) fn add(&mut self, range: Range<u64>) {
        let mut ranges = std::mem::take(&mut self.0);
        ranges.push(range);
        *self = Removed::of(ranges);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let check = |named: &[(u64, u64)], expected: &[(u64, u64)]| {
            let found = Removed::of(named.iter().map(|it| it.0..it.1).collect());
            let found: Vec<_> = found.0.iter().map(|it| (it.start, it.end)).collect();
            assert_eq!(found, expected, "{named:?}");
        };
        check(&[], &[]);
        check(&[(3, 5), (0, 2)], &[(0, 2), (3, 5)]);
        check(&[(0, 2), (2, 5)], &[(0, 5)]);
        check(&[(0, 9), (2, 5)], &[(0, 9)]);
        check(&[(0, 4), (2, 9), (20, 21)], &[(0, 9), (20, 21)]);
    }

    #[test]
    fn a_new_range_names_those_it_replaces() {
        let mut removed = Removed::of(vec![0..2, 4..6, 9..12]);
        assert_eq!(removed.joined(&(7..8)), (7..8, vec![]));
        assert_eq!(removed.joined(&(2..4)), (0..6, vec![0..2, 4..6]));
        assert_eq!(
            removed.joined(&(5..6)),
            (4..6, vec![]),
            "it is there already"
        );
        removed.add(2..4);
        assert_eq!(removed.ranges(), [0..6, 9..12]);
        assert!(removed.contains(3) && !removed.contains(6));
    }
}
