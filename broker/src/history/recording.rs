//! What is recorded, and when: a method for each thing that can happen to an event.

use std::time::Duration;

use sluicegate_channels::{ParkReason, Position, Timestamp};
use sluicegate_dispatcher::sender::Purpose;
use sluicegate_dispatcher::{AttemptReport, Ending};
use sluicegate_event::Event;

use super::record::{
    Accepted, Attempt, Commanded, Deleted, End, Ended, Judged, Mark, Replied, What,
};
use super::{History, Store};

impl History {
    fn record(&self, mark: Mark, what: &What<'_>, now: Timestamp) {
        match &self.store {
            Store::Memory(ring) => {
                ring.push(mark, what, now);
                self.telling.holds(ring.size_bytes());
            }
            Store::Disk(disk) => {
                if !disk.push(mark, what, now) {
                    self.telling.left_out(1);
                }
            }
        }
    }

    /// Notes that so many records are missing from here on.
    pub(super) fn leave_out(&self, records: u64) {
        self.telling.left_out(records);
        if let Store::Disk(disk) = &self.store {
            disk.leave_out(records, self.clock.now());
        }
    }

    /// Records that a command was carried out on the event that has this mark.
    pub fn commanded(&self, mark: Mark, commanded: Commanded<'_>) {
        self.record(mark, &What::Commanded(commanded), self.clock.now());
    }

    /// Records that a trigger was deleted, and how many events it was not through with: one record for
    /// all of them.
    pub fn deleted(&self, trigger: &str, cancelled: u64) {
        let now = self.clock.now();
        let deleted = Deleted {
            trigger,
            at: now,
            cancelled,
        };
        self.record(Mark::NONE, &What::Deleted(deleted), now);
    }

    /// Records that an event was stored.
    pub fn accepted(&self, event: &Event, stored: &Stored) {
        let now = self.clock.now();
        let accepted = Accepted {
            position: stored.position,
            at: stored.accepted_at,
            took_us: micros(stored.took),
            id: event.id(),
            source: event.source(),
            ty: event.ty(),
            content_type: event.data_content_type().unwrap_or_default(),
            data_bytes: event.data().as_bytes().len() as u64,
            is_reply: stored.is_reply,
            judged: stored.judged,
        };
        self.record(Mark::of_event(event), &What::Accepted(accepted), now);
    }

    /// Records a send.
    pub fn attempt(&self, trigger: &str, event: &Event, attempt: &AttemptReport<'_>) {
        let now = self.clock.now();
        let attempt = Attempt {
            position: attempt.position,
            trigger,
            at: now,
            took_us: micros(attempt.duration),
            n: attempt.attempt,
            is_to_sink: match attempt.purpose {
                Purpose::Deliver => false,
                Purpose::DeadLetter => true,
            },
            status: attempt.status,
            reason: attempt.reason.label(),
            detail: attempt.detail,
            next_in_ms: attempt
                .next
                .map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX)),
        };
        self.record(Mark::of_event(event), &What::Attempt(attempt), now);
    }

    /// Records that an answer held events, which are stored.
    pub fn replied(&self, trigger: &str, cause: &Event, at: Position, replies: &[Position]) {
        let Some(first) = replies.first() else { return };
        let now = self.clock.now();
        let replied = Replied {
            position: at,
            trigger,
            at: now,
            first: *first,
            events: u32::try_from(replies.len()).unwrap_or(u32::MAX),
        };
        self.record(Mark::of_event(cause), &What::Replied(replied), now);
    }

    /// Records how a trigger came to be done with an event, unless its attempt says so.
    pub fn ended(&self, trigger: &str, event: &Event, position: Position, ending: &Ending<'_>) {
        let (end, reason): (End, &ParkReason) = match ending {
            Ending::Delivered { .. } => return,
            Ending::DeadLettered { reason, .. } => (End::DeadLettered, reason),
            Ending::Parked {
                reason, retry_at, ..
            } => (
                End::Parked {
                    retry_at: *retry_at,
                },
                reason,
            ),
            Ending::Discarded(reason) => (End::Discarded, reason),
        };
        let now = self.clock.now();
        let ended = Ended {
            position,
            trigger,
            at: now,
            end,
            reason: reason.kind,
            detail: &reason.detail,
        };
        self.record(Mark::of_event(event), &What::Ended(ended), now);
    }
}

/// How an event was stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// Where it stands.
    pub position: Position,
    /// When it was given to the store.
    pub accepted_at: Timestamp,
    /// How long the store took.
    pub took: Duration,
    /// Whether it is a reply.
    pub is_reply: bool,
    /// How many triggers wanted it, if that was heard.
    pub judged: Option<Judged>,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
