//! Counts of durations in buckets whose width grows with the value: the relative error is at most
//! 1/64 over the whole range, and the memory is fixed.

use std::time::Duration;

use serde::Serialize;

/// Buckets in each doubling: 2^6.
const STEPS_LOG2: u32 = 6;
const STEPS: u64 = 1 << STEPS_LOG2;
const BUCKETS: usize = (64 - STEPS_LOG2 as usize + 1) << STEPS_LOG2;

/// A histogram of durations, to the nanosecond below 64 ns.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max: Duration,
}

/// The usual figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Summary {
    /// How many durations.
    pub count: u64,
    /// The median, in microseconds.
    pub p50_us: f64,
    /// The 99th percentile, in microseconds.
    pub p99_us: f64,
    /// The 99.9th percentile, in microseconds.
    pub p999_us: f64,
    /// The longest, in microseconds; exact.
    pub max_us: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            counts: vec![0; BUCKETS],
            count: 0,
            max: Duration::ZERO,
        }
    }
}

impl Histogram {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(duration);
    }

    /// Counts all that another one has counted.
    pub fn add(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The smallest duration that `percent` of all do not exceed, rounded up to its bucket's end;
    /// zero when nothing was counted.
    pub fn percentile(&self, percent: f64) -> Duration {
        let mut below = 0;
        for (index, count) in self.counts.iter().enumerate() {
            below += count;
            #[expect(clippy::cast_precision_loss, reason = "a percentile is a fraction")]
            if below > 0 && below as f64 >= self.count as f64 * percent / 100.0 {
                return Duration::from_nanos(end(index)).min(self.max);
            }
        }
        self.max
    }

    /// The usual figures.
    pub fn summary(&self) -> Summary {
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        Summary {
            count: self.count,
            p50_us: micros(self.percentile(50.0)),
            p99_us: micros(self.percentile(99.0)),
            p999_us: micros(self.percentile(99.9)),
            max_us: micros(self.max),
        }
    }
}

fn bucket(nanos: u64) -> usize {
    let doublings = (64 - nanos.leading_zeros()).saturating_sub(STEPS_LOG2 + 1);
    let step = nanos >> doublings;
    let index = u64::from(doublings) * STEPS + step;
    usize::try_from(index).unwrap_or(BUCKETS - 1)
}

/// The largest value of a bucket.
fn end(index: usize) -> u64 {
    let index = index as u64;
    let doublings = (index / STEPS).saturating_sub(1);
    let step = index - doublings * STEPS;
    // The last bucket ends with the type.
    u64::try_from(((u128::from(step) + 1) << doublings) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_end_and_not_the_next_value() {
        for nanos in
            (0..4_096).chain([1 << 20, (1 << 20) + 12_345, 1 << 40, u64::MAX - 1, u64::MAX])
        {
            let index = bucket(nanos);
            let end = end(index);
            assert!(
                end >= nanos && bucket(end) == index,
                "{nanos} in {index}, end {end}"
            );
            assert!(
                end - nanos <= nanos / STEPS,
                "{nanos}: end {end} is too far"
            );
            if end < u64::MAX {
                assert_eq!(bucket(end + 1), index + 1, "{nanos}");
            }
        }
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut sorted: Vec<u64> = (0..10_000).map(|n| random.u64(1..2 << (n % 40))).collect();
        let mut histogram = Histogram::new();
        sorted
            .iter()
            .for_each(|&nanos| histogram.record(Duration::from_nanos(nanos)));
        sorted.sort_unstable();
        for (percent, index) in [(50.0, 4_999), (99.0, 9_899), (99.9, 9_989), (100.0, 9_999)] {
            let exact = sorted[index];
            let found = u64::try_from(histogram.percentile(percent).as_nanos()).unwrap();
            assert!(
                found >= exact && found - exact <= exact / STEPS,
                "{percent}: {found} for {exact}"
            );
        }
    }

    #[test]
    fn an_empty_histogram_has_zeroes() {
        assert_eq!(Histogram::new().percentile(99.0), Duration::ZERO);
        assert_eq!(Histogram::new().summary().count, 0);
    }
}
