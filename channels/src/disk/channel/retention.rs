//! Which segments of events may go: those that nobody needs, once they are too old, too many, or in
//! the way of new events.
//!
//! What is needed goes by what is durable of everybody's progress, so a crash never finds removed
//! what it has to read again. Nothing that is needed is ever removed.

use std::ops::Range;
use std::time::Duration;

use super::super::log::SegmentInfo;
use super::super::space::Room;
use super::keeper::Keeper;
use crate::telemetry;

/// How many segments are removed at a time, so that producers do not wait for long.
const REMOVED_MAX: usize = 16;
/// So many segments at least are begun in the time that events are retained.
const ROLLS_PER_AGE: u128 = 8;

/// What segments are measured against.
#[derive(Clone, Copy, Debug)]
struct Limits {
    now_ms: i64,
    age: Option<Duration>,
    bytes: Option<u64>,
    /// There is too little room on the disk: what nobody needs goes first.
    is_short: bool,
}

impl Keeper {
    pub(super) fn remove_segments(&mut self) {
        let limits = {
            let options = self.shared.options.lock();
            Limits {
                now_ms: self.shared.clock.now().signed_millis(),
                age: options.retention_age,
                bytes: options.retention_bytes,
                is_short: self.shared.space.room() != Room::Enough,
            }
        };
        self.roll_what_is_old(limits);
        let segments = self.shared.appender().segments();
        let progress = &self.progress;
        let removable = removable(&segments, limits, |segment| {
            progress.needs(segment.base..segment.end)
        });
        if removable.is_empty() || self.shared.appender().is_broken() {
            return;
        }
        let unneeded = self
            .shared
            .apply(|state, _| state.forget_events(&removable));
        let bases: Vec<u64> = unneeded.iter().map(|it| it.start).collect();
        let removed = self
            .runtime
            .block_on(self.shared.appender().remove_segments(&bases));
        if let Err(error) = removed {
            telemetry::not_removed(&error);
        }
    }
}

impl Keeper {
    /// Ends the newest segment once what is in it is so old that it would otherwise hold for too long
    /// what comes before: what is quiet would never be removed.
    fn roll_what_is_old(&self, limits: Limits) {
        let appender = self.shared.appender();
        let newest = appender.segments().pop();
        let is_old = |segment: SegmentInfo| {
            let earliest_ms = segment.timestamps_ms.map(|(earliest, _)| earliest);
            let is_old = |age: Duration| {
                let age_ms = i64::try_from(age.as_millis() / ROLLS_PER_AGE).unwrap_or(i64::MAX);
                earliest_ms.is_some_and(|it| limits.now_ms.saturating_sub(it) > age_ms)
            };
            !segment.is_sealed && limits.age.is_some_and(is_old)
        };
        if limits.is_short || appender.is_broken() || !newest.is_some_and(is_old) {
            return;
        }
        let now_ms = limits.now_ms;
        let rolled = appender.with_log(move |log| log.roll(now_ms));
        match self.runtime.block_on(rolled) {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(error)) => telemetry::not_rolled(&error),
        }
    }
}

/// The segments to be removed, oldest first.
fn removable(
    segments: &[SegmentInfo],
    limits: Limits,
    is_needed: impl Fn(&SegmentInfo) -> bool,
) -> Vec<Range<u64>> {
    let mut bytes: u64 = segments.iter().map(|segment| segment.size_bytes).sum();
    let mut removable = Vec::new();
    let sealed = segments.iter().filter(|segment| segment.is_sealed);
    // The newest one is not removed even if it is sealed: it says where the log goes on.
    let newest = segments.last().map(|segment| segment.base);
    for segment in sealed.filter(|segment| Some(segment.base) != newest) {
        if removable.len() == REMOVED_MAX {
            break;
        }
        let is_past = limits.is_short
            || limits.bytes.is_some_and(|max| bytes > max)
            || limits
                .age
                .is_some_and(|max| is_older(segment, limits.now_ms, max));
        if is_past && !is_needed(segment) {
            bytes -= segment.size_bytes;
            removable.push(segment.base..segment.end);
        }
    }
    removable
}

fn is_older(segment: &SegmentInfo, now_ms: i64, age: Duration) -> bool {
    let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    match segment.timestamps_ms {
        Some((_, latest_ms)) => now_ms.saturating_sub(latest_ms) > age_ms,
        // Nothing in it is to be had.
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(base: u64, latest_ms: i64) -> SegmentInfo {
        SegmentInfo {
            base,
            end: base + 10,
            records: 10,
            size_bytes: 100,
            used_bytes: 80,
            timestamps_ms: Some((latest_ms - 5, latest_ms)),
            is_sealed: true,
            damage: Vec::new(),
        }
    }

    #[test]
    fn what_nobody_needs_goes_when_it_is_too_old_too_much_or_in_the_way() {
        let segments: Vec<_> = (0_u64..5)
            .map(|it| segment(it * 10, it as i64 * 1_000))
            .collect();
        let limits = |age_ms: Option<u64>, bytes, is_short| Limits {
            now_ms: 5_000,
            age: age_ms.map(Duration::from_millis),
            bytes,
            is_short,
        };
        let none: &[u64] = &[];
        let cases = [
            (limits(None, None, false), none, vec![]),
            (limits(Some(3_000), None, false), none, vec![0, 10]),
            (limits(Some(3_000), None, false), &[0], vec![10]),
            (limits(None, Some(500), false), none, vec![]),
            (limits(None, Some(250), false), none, vec![0, 10, 20]),
            (limits(None, Some(250), false), &[10], vec![0, 20, 30]),
            (limits(None, None, true), &[20], vec![0, 10, 30]),
            (limits(Some(0), Some(0), true), &[0, 10, 20, 30, 40], vec![]),
        ];
        for (limits, needed, expected) in cases {
            let found = removable(&segments, limits, |it| needed.contains(&it.base));
            let bases: Vec<u64> = found.iter().map(|it| it.start).collect();
            assert_eq!(bases, expected, "{limits:?}, needed: {needed:?}");
        }
    }
}
