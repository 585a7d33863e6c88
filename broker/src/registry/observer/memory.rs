//! What an observer remembers of a trigger: how its last attempt ended, and when it last logged.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sluicegate_dispatcher::sender::Reason;
use tokio::time::Instant;

use crate::api::{Delivering, DeliveringState};

/// A failing subscriber is logged at most this often.
pub const LOG_EVERY: Duration = Duration::from_secs(10);

/// A reason in the words that a person would use.
pub(crate) fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::Ok => "taken",
        Reason::Http => "error status",
        Reason::Timeout => "timeout",
        Reason::Refused => "connection refused",
        Reason::Tls => "TLS failed",
        Reason::Dns => "host not found",
        Reason::Reset => "connection lost",
        Reason::Protocol => "not HTTP",
        Reason::Reply => "reply not usable",
        Reason::Loop => "loop",
        Reason::Panic => "internal fault",
    }
}

/// How the last attempt ended, in one atomic number: 0 when there was none, else the status in the
/// low 16 bits and the reason's place above them, plus one.
#[derive(Debug, Default)]
pub(super) struct LastAttempt(AtomicU64);

impl LastAttempt {
    pub(super) fn write(&self, status: Option<u16>, reason: Reason) {
        let place = Reason::ALL
            .iter()
            .position(|it| *it == reason)
            .unwrap_or_default() as u64;
        self.0.store(
            ((place + 1) << 16) | u64::from(status.unwrap_or(0)),
            Ordering::Relaxed,
        );
    }

    pub(super) fn read(&self) -> Delivering {
        let packed = self.0.load(Ordering::Relaxed);
        let status = packed & 0xffff;
        let reason = usize::try_from(packed >> 16)
            .ok()
            .and_then(|place| Reason::ALL.get(place.wrapping_sub(1)));
        let (state, detail) = match reason {
            None => (DeliveringState::Idle, None),
            Some(Reason::Ok) => (DeliveringState::Yes, None),
            Some(Reason::Http) => (DeliveringState::No, Some(status.to_string())),
            Some(reason) => (DeliveringState::No, Some(words(*reason).to_owned())),
        };
        Delivering {
            state,
            reason: None,
            detail,
        }
    }
}

/// Lets a line through at most every [`LOG_EVERY`] and counts the others.
#[derive(Debug, Default)]
pub(super) struct LogGate {
    opens_at: Option<Instant>,
    suppressed: u64,
}

impl LogGate {
    pub(super) fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.opens_at.is_some_and(|opens_at| now < opens_at) {
            self.suppressed += 1;
            return None;
        }
        self.opens_at = Some(now + LOG_EVERY);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_is_told_in_words() {
        let last = LastAttempt::default();
        assert_eq!(last.read().state, DeliveringState::Idle);
        last.write(Some(503), Reason::Http);
        assert_eq!(last.read().detail.as_deref(), Some("503"));
        last.write(None, Reason::Timeout);
        assert_eq!(last.read().detail.as_deref(), Some("timeout"));
        last.write(Some(200), Reason::Loop);
        assert_eq!(last.read().detail.as_deref(), Some("loop"));
        last.write(Some(200), Reason::Ok);
        assert_eq!(last.read().state, DeliveringState::Yes);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_failures_is_one_line_and_a_count() {
        let mut gate = LogGate::default();
        assert_eq!(gate.admit(Instant::now()), Some(0));
        for _ in 0..40 {
            assert_eq!(gate.admit(Instant::now()), None);
        }
        tokio::time::advance(LOG_EVERY).await;
        assert_eq!(gate.admit(Instant::now()), Some(40));
    }
}
