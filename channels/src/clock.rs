//! Time as the stores see it: a wall clock read once, then monotonic.
//!
//! Ages and due times must survive a jump of the system's clock, and tests run on paused time. So a
//! [`Clock`] is anchored to the wall once and moves with tokio's monotonic clock from there.
//! What it leaves out: civil time, zones, leap seconds; those belong to whoever shows a time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Milliseconds since the Unix epoch, as a [`Clock`] tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time from `earlier` to this one; zero when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// As formats with signed milliseconds have it: what lies before the epoch is the epoch.
    pub fn from_signed_millis(millis: i64) -> Self {
        Timestamp(u64::try_from(millis).unwrap_or(0))
    }

    /// As formats with signed milliseconds have it: what they cannot say is their latest.
    pub fn signed_millis(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, rhs: Duration) -> Timestamp {
        let millis = u64::try_from(rhs.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(millis))
    }
}

/// A wall clock that never jumps: anchored once, monotonic from then on. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Timestamp,
    anchor: Instant,
}

impl Clock {
    /// Anchors a clock at `wall`, which the caller read just now.
    pub fn anchored_at(wall: SystemTime) -> Self {
        let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock {
            wall: Timestamp::default() + since_epoch,
            anchor: Instant::now(),
        }
    }

    /// When it was anchored.
    pub fn began(&self) -> Timestamp {
        self.wall
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.wall + self.anchor.elapsed()
    }

    /// The monotonic instant at which this clock will show `at`; now when that has passed.
    pub fn instant_of(&self, at: Timestamp) -> Instant {
        Instant::now() + at.since(self.now())
    }
}
