//! When to leave a subscriber alone, and how to come back to it (G6).
//!
//! ```text
//!            10 failures in a row, of 10 events          any answer
//!  closed ─────────────────────────────────────► open ─────────────► ramp ──► closed
//!                                                 ▲  one probe        │ 1, 2, 4, … at a time
//!                                                 │  every 30 s       │
//!                                                 └───────────────────┘ 10 in a row again
//! ```
//!
//! Only what says that nobody is there counts as a failure: no answer, and 503. Every other answer
//! proves that somebody is, so that events which a healthy subscriber refuses never open it. A
//! failure while it ramps halves the window; it takes ten in a row to open again, so that a few
//! events which time out wherever they are sent don't keep a trigger at one probe in 30 s.
//!
//! **The rule about retry counts.** The breaker stands before triggers that give up by age, and
//! before no other. A count is law: it must be used up within a bounded time, which an event that
//! waits for one probe in 30 s behind others can't do; and a count already bounds what a
//! subscriber that is down is sent. Age is what makes waiting free, and waiting without an end is
//! what makes a storm of retries. So the breaker delays no event that a count ends, and such an
//! event reaches its dead letter on its own schedule.
//!
//! **One breaker per trigger**, for its destination, begun anew when that is edited. Two triggers
//! with one destination share nothing: the timeout and the events of one must not hold back the
//! other, and what sharing would save is a probe in 30 s.
//!
//! Plain data: the caller hands in the time and the jittered wait, and does what it is told.

use std::time::Duration;

use sluicegate_channels::Position;
use tokio::time::Instant;

/// Failures in a row, each of another event, that open a breaker.
pub const FAILURES: usize = 10;

/// The wait between two probes unless it is set, without jitter.
pub const PROBE_EVERY: Duration = Duration::from_secs(30);

/// What a send says about whether anybody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// An answer other than 503.
    Alive,
    /// No answer, or 503.
    Absent,
}

/// How many may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// As many as the trigger's own window holds.
    Full,
    /// So many at a time.
    Window(u32),
    /// One, as a probe.
    Probe,
    /// None until then.
    NotBefore(Instant),
}

/// What a sign made of the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// From here on there are only probes.
    Opened,
    /// Somebody is there again, after this long; the ramp begins.
    Closed {
        /// Since it opened.
        after: Duration,
    },
}

/// The breaker of one trigger.
///
/// ```
/// use std::time::Duration;
/// use sluicegate_channels::Position;
/// use sluicegate_dispatcher::breaker::{Allowance, Breaker, Change, Sign};
/// use tokio::time::Instant;
///
/// let mut breaker = Breaker::default();
/// let (now, wait) = (Instant::now(), Duration::from_secs(31));
/// let mut changes = (0..10).filter_map(|offset| {
///     let event = Position { partition: 0, offset };
///     breaker.hear(Sign::Absent, event, 64, now, wait)
/// });
/// assert_eq!(changes.next(), Some(Change::Opened));
/// drop(changes);
/// assert_eq!(breaker.allowance(now), Allowance::NotBefore(now + wait));
/// assert_eq!(breaker.allowance(now + wait), Allowance::Probe);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    state: State,
    /// The events of the failures since the last answer; at most [`FAILURES`].
    failed: Vec<Position>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Closed,
    Open {
        since: Instant,
        probe_at: Instant,
    },
    Ramp {
        window: u32,
        answered: u32,
    },
}

impl Breaker {
    /// How many may be sent at `now`.
    pub fn allowance(&self, now: Instant) -> Allowance {
        match self.state {
            State::Closed => Allowance::Full,
            State::Ramp { window, .. } => Allowance::Window(window),
            State::Open { probe_at, .. } if probe_at <= now => Allowance::Probe,
            State::Open { probe_at, .. } => Allowance::NotBefore(probe_at),
        }
    }

    /// When the next probe is due, while it is open.
    pub fn probe_at(&self) -> Option<Instant> {
        match self.state {
            State::Open { probe_at, .. } => Some(probe_at),
            State::Closed | State::Ramp { .. } => None,
        }
    }

    /// Takes down that a send begins; while it is open, the next one is due `probe_in` later,
    /// whatever becomes of this one: a probe that hangs must not keep the next from its time.
    pub fn sent(&mut self, now: Instant, probe_in: Duration) {
        if let State::Open { probe_at, .. } = &mut self.state {
            *probe_at = now + probe_in;
        }
    }

    /// Takes down what a send of `event` said. `full` is the trigger's own window, where the ramp
    /// ends; `probe_in` is when to probe first should this open it.
    pub fn hear(
        &mut self,
        sign: Sign,
        event: Position,
        full: u32,
        now: Instant,
        probe_in: Duration,
    ) -> Option<Change> {
        match sign {
            Sign::Alive => self.alive(full, now),
            Sign::Absent => self.absent(event, now, probe_in),
        }
    }

    fn alive(&mut self, full: u32, now: Instant) -> Option<Change> {
        self.failed.clear();
        let (ramp, change) = match self.state {
            State::Closed => return None,
            State::Open { since, .. } => {
                let after = now.saturating_duration_since(since);
                ((1, 0), Some(Change::Closed { after }))
            }
            State::Ramp { window, answered } if answered + 1 >= window => {
                ((window.saturating_mul(2), 0), None)
            }
            State::Ramp { window, answered } => ((window, answered + 1), None),
        };
        self.state = match ramp {
            (window, _) if window >= full => State::Closed,
            (window, answered) => State::Ramp { window, answered },
        };
        change
    }

    fn absent(&mut self, event: Position, now: Instant, probe_in: Duration) -> Option<Change> {
        match &mut self.state {
            State::Open { .. } => return None,
            State::Ramp { window, answered } => {
                *window = (*window / 2).max(1);
                *answered = 0;
            }
            State::Closed => {}
        }
        if !self.failed.contains(&event) {
            self.failed.push(event);
        }
        if self.failed.len() < FAILURES {
            return None;
        }
        self.failed.clear();
        self.state = State::Open {
            since: now,
            probe_at: now + probe_in,
        };
        Some(Change::Opened)
    }
}

#[cfg(test)]
mod tests;
