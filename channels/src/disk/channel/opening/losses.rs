//! How many events are missing of which no segment tells.
//!
//! Where a segment is gone, or the end of the newest one, offsets say little: after an unclean end they
//! have gaps. But each time the [floor](Floor) moved, progress noted how many events there had been
//! before it. So between two floors there must be as many as they differ, but for those that were
//! removed; what the segments lack of that is lost.

use std::iter::once;
use std::ops::Range;

use super::super::super::log::{Damage, DamageKind, SegmentInfo};
use super::super::super::progress::Floor;
use crate::LostEvents;

/// What is missing besides the damage that segments have themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Losses {
    /// Offsets that count as those of events that there were.
    pub(super) counted: Vec<Range<u64>>,
    /// Those of them that no reader comes to.
    pub(super) untold: Vec<Range<u64>>,
    pub(super) events: LostEvents,
}

/// What is known of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence<'a> {
    pub(super) segments: &'a [SegmentInfo],
    /// Damage that lies between segments.
    pub(super) missing: &'a [Damage],
    pub(super) removed: &'a [Range<u64>],
    pub(super) floors: &'a [Floor],
}

impl Losses {
    pub(super) fn find(evidence: Evidence<'_>) -> Self {
        let mut losses = Losses::default();
        let mut there: Vec<Range<u64>> =
            evidence.segments.iter().map(|it| it.base..it.end).collect();
        let is_sure = |it: &&Damage| it.kind != DamageKind::SegmentMissing;
        let sure = evidence.missing.iter().filter(is_sure);
        for damage in sure {
            there.push(damage.offsets.clone());
            losses.counted.push(damage.offsets.clone());
            losses.events += damage.lost();
        }
        there.retain(|it| !it.is_empty());
        there.sort_by_key(|it| it.start);

        let gone: Vec<&Damage> = evidence.missing.iter().filter(|it| !is_sure(it)).collect();
        let mut is_counted = vec![false; gone.len()];
        for (from, to) in stretches(evidence) {
            let offsets = from.offset..to.offset;
            let places = absent(&there, &offsets, to.count - from.count);
            for (damage, is_counted) in gone.iter().zip(&mut is_counted) {
                *is_counted |= lies_in(&damage.offsets, &offsets);
            }
            for place in places {
                let count = place.end - place.start;
                losses.events += match gone.iter().find(|it| lies_in(&place, &it.offsets)) {
                    Some(_) => LostEvents::exactly(count),
                    None => {
                        losses.untold.push(place.clone());
                        LostEvents::at_least(count)
                    }
                };
                losses.counted.push(place);
            }
        }
        for (damage, _) in gone.iter().zip(is_counted).filter(|(_, counted)| !counted) {
            losses.counted.push(damage.offsets.clone());
            losses.events += damage.lost();
        }
        losses
    }
}

/// Every two floors, one after the other, between which nothing was removed.
fn stretches(evidence: Evidence<'_>) -> impl Iterator<Item = (Floor, Floor)> {
    let floors = evidence.floors;
    let before = [Floor::default()].into_iter().chain(floors.iter().copied());
    before.zip(floors.iter().copied()).filter(|(from, to)| {
        let is_touched = |it: &Range<u64>| it.start < to.offset && from.offset < it.end;
        from.offset < to.offset
            && from.count <= to.count
            && !evidence.removed.iter().any(is_touched)
    })
}

/// So many events there were at these offsets; those that are not `there` stood where nothing is, for
/// all that is known at the first such places.
fn absent(there: &[Range<u64>], offsets: &Range<u64>, count: u64) -> Vec<Range<u64>> {
    let within = there.iter().filter_map(|it| {
        let part = it.start.max(offsets.start)..it.end.min(offsets.end);
        (!part.is_empty()).then_some(part)
    });
    let within: Vec<_> = within.collect();
    let present: u64 = within.iter().map(|it| it.end - it.start).sum();
    let mut left = count.saturating_sub(present);
    let mut places = Vec::new();
    let mut from = offsets.start;
    for next in within.into_iter().chain(once(offsets.end..offsets.end)) {
        let here = next.start.saturating_sub(from).min(left);
        if here > 0 {
            places.push(from..from + here);
            left -= here;
        }
        from = from.max(next.end);
    }
    places
}

fn lies_in(inner: &Range<u64>, outer: &Range<u64>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

#[cfg(test)]
mod tests {
    use super::super::super::super::log::Given;
    use super::*;

    type Pairs<'a> = &'a [(u64, u64)];

    fn ranges(pairs: Pairs<'_>) -> Vec<Range<u64>> {
        pairs.iter().map(|(start, end)| *start..*end).collect()
    }

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

    fn gone(offsets: Range<u64>) -> Damage {
        Damage {
            kind: DamageKind::SegmentMissing,
            segment: offsets.start,
            bytes: 0..0,
            offsets,
            given: Given::AtMost,
        }
    }

    fn floors(floors: Pairs<'_>) -> Vec<Floor> {
        let floor = |(offset, count): &(u64, u64)| Floor {
            offset: *offset,
            count: *count,
        };
        floors.iter().map(floor).collect()
    }

    #[test]
    fn what_is_lost_is_counted_as_precisely_as_floors_tell() {
        type Case<'a> = (
            &'a str,
            Pairs<'a>,
            Pairs<'a>,
            Pairs<'a>,
            LostEvents,
            Pairs<'a>,
        );
        let (zero, three) = (LostEvents::default(), LostEvents::exactly(3));
        let (at_least_3, at_most_40) = (LostEvents::at_least(3), LostEvents::at_most(40));
        let two: Pairs<'_> = &[(0, 10), (50, 60)];
        let between: Pairs<'_> = &[(10, 50)];
        let one: Pairs<'_> = &[(0, 10)];
        let cases: [Case<'_>; 6] = [
            ("nothing", two, &[], &[(5, 5), (55, 15)], zero, &[]),
            ("a segment", two, between, &[(5, 5), (55, 18)], three, &[]),
            (
                "of an unknown length",
                two,
                between,
                &[(5, 5)],
                at_most_40,
                &[],
            ),
            (
                "an end",
                two,
                &[],
                &[(5, 5), (55, 18)],
                at_least_3,
                &[(10, 13)],
            ),
            (
                "the newest",
                one,
                &[],
                &[(10, 10), (14, 13)],
                at_least_3,
                &[(10, 13)],
            ),
            ("nothing since a floor", one, &[], &[(10, 10)], zero, &[]),
        ];
        for (what, segments, missing, counted, lost, untold) in cases {
            let segments: Vec<_> = ranges(segments).into_iter().map(segment).collect();
            let missing: Vec<_> = ranges(missing).into_iter().map(gone).collect();
            let losses = Losses::find(Evidence {
                segments: &segments,
                missing: &missing,
                removed: &[],
                floors: &floors(counted),
            });
            assert_eq!(losses.events, lost, "{what}");
            assert_eq!(losses.untold, ranges(untold), "{what}");
        }
    }

    #[test]
    fn what_was_removed_is_not_missing() {
        let losses = Losses::find(Evidence {
            segments: &[segment(20..30)],
            missing: &[],
            removed: &ranges(&[(0, 20)]),
            floors: &floors(&[(10, 10), (30, 30)]),
        });
        assert_eq!(losses, Losses::default());
    }
}
