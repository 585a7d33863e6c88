//! What a worker tells of its doings: each attempt, each ending, each reply.
//!
//! Metrics, logs and whoever watches are the observer's business. There is one observer per
//! trigger, so that it can resolve its metric handles once; calls are made on the way of every
//! event and must not block.

use std::time::Duration;

use sluicegate_channels::{ParkReason, Position, Timestamp};
use sluicegate_event::Event;

use crate::plan::Target;
use crate::sender::{Purpose, Reason};

/// Hears what happens to the events of one trigger. Every method does nothing unless overridden.
pub trait Observer: Send + Sync {
    /// One send ended, to the subscriber or to the dead-letter sink.
    fn attempt_ended(&self, event: &Event, attempt: &AttemptReport<'_>) {
        let _ = (event, attempt);
    }

    /// A lease came to its end. Not called for a deferral, which [`Observer::attempt_ended`] tells
    /// as its next wait.
    fn lease_ended(&self, event: &Event, position: Position, ending: &Ending<'_>) {
        let _ = (event, position, ending);
    }

    /// A subscriber's answer held something besides its status.
    fn replied(&self, cause: &Event, reply: &ReplyReport<'_>) {
        let _ = (cause, reply);
    }

    /// The breaker before the subscriber opened or closed.
    fn breaker_changed(&self, change: &BreakerReport<'_>) {
        let _ = change;
    }

    /// How many leases the worker holds now, and how many bytes their events take.
    fn in_flight_changed(&self, leases: usize, event_bytes: usize) {
        let _ = (leases, event_bytes);
    }

    /// The channel could not store how a lease ended; the event is handed out again.
    fn store_failed(&self, event: &Event, detail: &str) {
        let _ = (event, detail);
    }
}

/// Hears and says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}

/// One send, as it ended.
#[derive(Clone, Debug)]
pub struct AttemptReport<'a> {
    /// Where the event stands in the channel.
    pub position: Position,
    /// To the subscriber, or to the dead-letter sink.
    pub purpose: Purpose,
    /// Where to.
    pub target: &'a Target,
    /// Which send, from 1; for the dead-letter sink, which try of it.
    pub attempt: u32,
    /// The status, when there was one.
    pub status: Option<u16>,
    /// How it ended, in a word.
    pub reason: Reason,
    /// How it ended, in a sentence; empty when all is well.
    pub detail: &'a str,
    /// From the first to the last byte.
    pub duration: Duration,
    /// When it is tried again, from now; none when it is not.
    pub next: Option<Duration>,
}

/// What became of the breaker before a subscriber.
#[derive(Clone, Copy, Debug)]
pub enum BreakerReport<'a> {
    /// It opened: nobody answers, and until somebody does there are only probes.
    Opened {
        /// Where nobody answers.
        target: &'a Target,
        /// From one probe to the next.
        probe_every: Duration,
        /// When the first is due, from now.
        probe_in: Duration,
    },
    /// A probe begins, and nobody has answered yet.
    Probed {
        /// When the next is due, from now, unless somebody answers.
        probe_in: Duration,
    },
    /// Somebody answers again.
    Closed {
        /// Where.
        target: &'a Target,
        /// Since it opened.
        after: Duration,
    },
    /// It was open, and an edit of the trigger ended it.
    Replaced,
}

/// How a lease came to its end.
#[derive(Clone, Debug)]
pub enum Ending<'a> {
    /// The subscriber took the event.
    Delivered {
        /// From acceptance to the end of the attempt.
        end_to_end: Duration,
    },
    /// The dead-letter sink took it.
    DeadLettered {
        /// Why it was given up on.
        reason: &'a ParkReason,
        /// Whether it is given up on now, not at an earlier ending.
        is_first: bool,
    },
    /// It lies in the dead-letter store.
    Parked {
        /// Why.
        reason: &'a ParkReason,
        /// When the dead-letter sink is tried again, if there is one.
        retry_at: Option<Timestamp>,
        /// Whether it is given up on now, not at an earlier ending.
        is_first: bool,
    },
    /// Ended unseen: a bounded store had no room for it and the dead-letter sink did not take it.
    Discarded(&'a ParkReason),
}

/// What a subscriber's answer held.
#[derive(Clone, Debug)]
pub enum ReplyReport<'a> {
    /// Events, and they are stored.
    Accepted {
        /// Where the event stands that they answer.
        cause: Position,
        /// Where each of them stands.
        positions: &'a [Position],
    },
    /// Something that says it is an event and cannot be taken, or that the channel did not store.
    Rejected {
        /// One sentence.
        detail: &'a str,
    },
    /// Events that had no hops left.
    Loop {
        /// Which types follow one another.
        detail: &'a str,
    },
    /// An event in a 202 answer, which is never a reply.
    Ignored202,
    /// A body that is no event, in a 2xx answer.
    NotAnEvent,
}
