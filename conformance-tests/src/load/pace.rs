//! When the n-th send is due.

use std::thread;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How fast to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// So many events a second, evenly spaced.
    PerSecond(f64),
    /// As fast as the connections allow; then latency counts from the send itself.
    Max,
}

impl Rate {
    /// How long after the start the n-th send is due, from 0; `None` without a schedule.
    pub fn due(self, n: u64) -> Option<Duration> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "good to 2^52 events")]
            Rate::PerSecond(rate) => Some(Duration::from_secs_f64(n as f64 / rate)),
            Rate::Max => None,
        }
    }
}

/// Adds a permit for each send as it falls due, until `count` are given or the semaphore closes.
///
/// A thread of its own: the runtime's timers are a millisecond coarse, which would be most of what
/// a fast server's latency shows.
pub(super) fn pace(rate: f64, count: u64, start: Instant, permits: &Semaphore) {
    let mut given = 0;
    while given < count && !permits.is_closed() {
        let due = due_by(rate, start.elapsed()).min(count);
        if due > given {
            permits.add_permits(usize::try_from(due - given).unwrap_or(Semaphore::MAX_PERMITS));
            given = due;
        } else if let Some(next) = Rate::PerSecond(rate).due(given) {
            #[expect(
                clippy::disallowed_methods,
                reason = "a thread of its own, no runtime's"
            )]
            thread::sleep(next.saturating_sub(start.elapsed()));
        }
    }
}

/// How many sends are due by then: the first is at once.
fn due_by(rate: f64, elapsed: Duration) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "both factors are positive, and the product is rounded down on purpose"
    )]
    let whole = (elapsed.as_secs_f64() * rate) as u64;
    whole + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_are_due_at_even_distances_from_the_start() {
        let rate = Rate::PerSecond(4.0);
        for (n, millis) in [(0, 0), (1, 250), (4, 1_000), (40_000, 10_000_000)] {
            assert_eq!(rate.due(n), Some(Duration::from_millis(millis)));
        }
        assert_eq!(Rate::Max.due(5), None);
        for (millis, due) in [(0, 1), (249, 1), (251, 2), (1_001, 5)] {
            assert_eq!(
                due_by(4.0, Duration::from_millis(millis)),
                due,
                "{millis} ms"
            );
        }
    }

    #[test]
    fn every_permit_is_given_and_none_too_early() {
        let permits = Semaphore::new(0);
        let start = Instant::now();
        pace(1_000.0, 50, start, &permits);
        assert_eq!(permits.available_permits(), 50);
        assert!(start.elapsed() >= Duration::from_millis(49));
    }
}
