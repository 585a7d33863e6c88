//! Hears what a trigger's worker does, and tells metrics, log, watchers and the history.
//!
//! The way of a healthy event costs a few atomic additions. Failures are logged when they begin, and
//! then at most every [`LOG_EVERY`], with a count of what was left out: a subscriber that is down
//! for a day writes a line, not a flood.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_channels::{Clock, ParkReason, Position, Timestamp};
use sluicegate_dispatcher::sender::{Purpose, Reason};
use sluicegate_dispatcher::{AttemptReport, BreakerReport, Ending, Observer, ReplyReport};
use sluicegate_event::Event;
use sluicegate_resources::ObjectName;
use tokio::time::Instant;

use crate::api::{Delivering, Time, WatchAttempt, WatchedState};
use crate::history::History;
use crate::metrics::delivery::DeliveryHandles;
use crate::watch_list::WatchList;

mod memory;

pub use memory::LOG_EVERY;
pub(crate) use memory::words;
use memory::{LastAttempt, LogGate};

/// Why a trigger does not deliver while its breaker is open.
pub(crate) const REFUSING: &str = "SubscriberRefusing";

/// The observer of one trigger.
#[derive(Debug)]
pub struct TriggerObserver {
    trigger: ObjectName,
    broker: String,
    metrics: DeliveryHandles,
    watches: Arc<WatchList>,
    clock: Clock,
    history: Option<Arc<History>>,
    last: LastAttempt,
    /// When the next probe is due, in milliseconds of the clock; 0 while the breaker is closed.
    probe_at_ms: AtomicU64,
    gates: Gates,
}

impl TriggerObserver {
    /// An observer that has heard nothing yet.
    pub fn new(
        trigger: ObjectName,
        broker: String,
        metrics: DeliveryHandles,
        watches: Arc<WatchList>,
        clock: Clock,
        history: Option<Arc<History>>,
    ) -> Self {
        let last = LastAttempt::default();
        let gates = Gates::default();
        TriggerObserver {
            trigger,
            broker,
            metrics,
            watches,
            clock,
            history,
            last,
            probe_at_ms: AtomicU64::new(0),
            gates,
        }
    }

    /// Whether the subscriber takes what it is sent, judged by the last attempt.
    pub fn delivering(&self) -> Delivering {
        let reason = self.is_breaker_open().then(|| REFUSING.to_owned());
        Delivering {
            reason,
            ..self.last.read()
        }
    }

    /// Whether nobody answers, so that events wait and only probes are sent.
    pub fn is_breaker_open(&self) -> bool {
        self.probe_at().is_some()
    }

    /// When the next probe is due, while nobody answers.
    pub fn probe_at(&self) -> Option<Timestamp> {
        let at = self.probe_at_ms.load(Ordering::Relaxed);
        (at > 0).then_some(Timestamp(at))
    }

    /// Counts an event once, however often its sink is tried.
    fn count_dead_letter(&self, reason: &ParkReason, is_first: bool) {
        if is_first {
            self.metrics.dead_letter(reason.kind);
        }
    }

    fn watch_ending(&self, event: &Event, ending: &Ending<'_>) {
        if !self.watches.is_watched(event) {
            return;
        }
        let state = match ending {
            Ending::Delivered { .. } => WatchedState::Delivered,
            Ending::DeadLettered { .. } => WatchedState::DeadLettered,
            Ending::Parked {
                retry_at: Some(at), ..
            } => return self.watches.note_sink_retry(event, &self.trigger, *at),
            Ending::Parked { retry_at: None, .. } => WatchedState::Parked,
            Ending::Discarded(_) => WatchedState::Discarded,
        };
        self.watches.note(event, &self.trigger, Some(state), None);
    }

    fn watch_attempt(&self, event: &Event, attempt: &AttemptReport<'_>) {
        if !self.watches.is_watched(event) {
            return;
        }
        match attempt.purpose {
            Purpose::Deliver => {}
            Purpose::DeadLetter => return,
        }
        // What follows the last attempt is told by the end of the lease.
        let state = attempt.next.map(|_| WatchedState::Retrying);
        let began = Timestamp(self.clock.now().0.saturating_sub(millis(attempt.duration)));
        let taken = attempt.reason == Reason::Ok;
        let report = WatchAttempt {
            n: attempt.attempt,
            at: Time(began),
            code: attempt.status,
            reason: (!taken).then(|| words(attempt.reason).to_owned()),
            detail: (!attempt.detail.is_empty()).then(|| attempt.detail.to_owned()),
            url: attempt.target.uri.to_string(),
            duration_ms: millis(attempt.duration),
            next_in_ms: None,
        };
        self.watches
            .note(event, &self.trigger, state, Some((report, attempt.next)));
    }

    fn log_failure(&self, event: &Event, attempt: &AttemptReport<'_>) {
        let is_loop = attempt.reason == Reason::Loop;
        let (gate, code) = match is_loop {
            true => (&self.gates.looped, "W021"),
            false => (&self.gates.failure, "W020"),
        };
        let Some(suppressed) = gate.lock().admit(Instant::now()) else {
            return;
        };
        let status = attempt
            .status
            .map_or_else(String::new, |status| status.to_string());
        tracing::warn!(
            code,
            namespace = self.trigger.namespace,
            broker = self.broker,
            trigger = self.trigger.name,
            event_id = event.id(),
            event_type = event.ty(),
            event_source = event.source(),
            attempt = attempt.attempt,
            reason = attempt.reason.label(),
            status,
            retry_in_s = attempt.next.map(|wait| wait.as_secs_f64()),
            url = %attempt.target.uri,
            suppressed,
            "{}: {}",
            match attempt.purpose {
                _ if is_loop => "an event goes round in a loop",
                Purpose::Deliver => "the subscriber did not take an event",
                Purpose::DeadLetter => "the dead-letter sink did not take an event",
            },
            if attempt.detail.is_empty() { attempt.reason.label() } else { attempt.detail },
        );
    }

    fn log_discarded(&self, event: &Event, reason: &ParkReason) {
        let Some(suppressed) = self.gates.discarded.lock().admit(Instant::now()) else {
            return;
        };
        tracing::warn!(
            namespace = self.trigger.namespace,
            trigger = self.trigger.name,
            event_id = event.id(),
            event_source = event.source(),
            reason = reason.kind,
            suppressed,
            "discarded: {}",
            reason.detail
        );
    }
}

/// One gate for each kind of line, so that a frequent one does not hide another.
#[derive(Debug, Default)]
struct Gates {
    failure: Mutex<LogGate>,
    discarded: Mutex<LogGate>,
    looped: Mutex<LogGate>,
}

impl Observer for TriggerObserver {
    fn attempt_ended(&self, event: &Event, attempt: &AttemptReport<'_>) {
        self.metrics
            .attempt(attempt.status, attempt.reason, attempt.duration);
        if attempt.purpose == Purpose::Deliver {
            self.last.write(attempt.status, attempt.reason);
        }
        if attempt.reason != Reason::Ok {
            self.log_failure(event, attempt);
        }
        self.watch_attempt(event, attempt);
        if let Some(history) = &self.history {
            history.attempt(&self.trigger.name, event, attempt);
        }
    }

    fn lease_ended(&self, event: &Event, position: Position, ending: &Ending<'_>) {
        match ending {
            Ending::Delivered { end_to_end } => self.metrics.delivered(*end_to_end),
            Ending::DeadLettered { reason, is_first } => self.count_dead_letter(reason, *is_first),
            Ending::Parked {
                reason,
                retry_at,
                is_first,
            } => {
                self.count_dead_letter(reason, *is_first);
                tracing::debug!(
                    namespace = self.trigger.namespace,
                    trigger = self.trigger.name,
                    event_id = event.id(),
                    reason = reason.kind,
                    has_sink = retry_at.is_some(),
                    "an event is in the dead-letter store"
                );
            }
            Ending::Discarded(reason) => self.log_discarded(event, reason),
        }
        self.watch_ending(event, ending);
        if let Some(history) = &self.history {
            history.ended(&self.trigger.name, event, position, ending);
        }
    }

    fn breaker_changed(&self, change: &BreakerReport<'_>) {
        let probe_at_ms = match change {
            BreakerReport::Opened { probe_in, .. } | BreakerReport::Probed { probe_in } => {
                (self.clock.now() + *probe_in).0.max(1)
            }
            BreakerReport::Closed { .. } | BreakerReport::Replaced => 0,
        };
        self.probe_at_ms.store(probe_at_ms, Ordering::Relaxed);
        let (namespace, trigger) = (&*self.trigger.namespace, &*self.trigger.name);
        match change {
            BreakerReport::Probed { .. } => {}
            BreakerReport::Opened {
                target,
                probe_every,
                ..
            } => tracing::warn!(
                code = "W023",
                namespace,
                broker = self.broker,
                trigger,
                url = %target.uri,
                last = self.last.read().detail,
                "nobody answers at the subscriber: events wait and none is lost, and one is sent as a \
                 probe every {} s; see whether it runs and can be reached from here",
                probe_every.as_secs_f64()
            ),
            BreakerReport::Closed { target, after } => tracing::info!(
                code = "W023",
                namespace,
                broker = self.broker,
                trigger,
                url = %target.uri,
                down_s = after.as_secs_f64(),
                "the subscriber answers again: what waited is sent, slowly at first"
            ),
            BreakerReport::Replaced => tracing::info!(
                namespace,
                broker = self.broker,
                trigger,
                "the trigger was edited: what waited is sent by what it says now"
            ),
        }
    }

    fn replied(&self, cause: &Event, reply: &ReplyReport<'_>) {
        self.metrics.reply(reply);
        match reply {
            ReplyReport::Rejected { detail } => tracing::debug!(
                namespace = self.trigger.namespace,
                trigger = self.trigger.name,
                event_id = cause.id(),
                "a reply was refused: {detail}"
            ),
            ReplyReport::Accepted {
                cause: at,
                positions,
            } => {
                if let Some(history) = &self.history {
                    history.replied(&self.trigger.name, cause, *at, positions);
                }
            }
            // A loop is told by the attempt that it ends.
            ReplyReport::Loop { .. } | ReplyReport::Ignored202 | ReplyReport::NotAnEvent => {}
        }
    }

    fn store_failed(&self, event: &Event, detail: &str) {
        tracing::error!(
            namespace = self.trigger.namespace,
            trigger = self.trigger.name,
            event_id = event.id(),
            "the channel could not store how a delivery ended; it will be repeated: {detail}"
        );
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
