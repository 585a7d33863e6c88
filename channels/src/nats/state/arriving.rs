//! What a server hands out, and what is done with it when it does so again.
//!
//! | an event of the first stream | |
//! |---|---|
//! | of a consumer that was left | nothing: that one is gone |
//! | not wanted | acknowledged |
//! | held already | the new way to acknowledge it |
//! | kept apart | acknowledged: whoever kept it could not say so |
//! | settled here before | acknowledged: the server did not hear of it |
//! | else | held, and handed out |
//!
//! What comes for the second time goes before what is fresh, as it had its turn.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_event::Event;

use super::State;
use super::answers::{MessageId, Verdict};
use super::held::{Held, Reply, Source, ticket};
use super::subscribed::Subscribed;
use super::todo::{Consumer, ToDo};
use crate::Timestamp;
use crate::nats::control::tally::Tally;
use crate::nats::entry::{Entry, EntryState, Kept};
use crate::nats::index::Place;
use crate::nats::names::KeptSubject;
use crate::queues::Why;

/// An event that a consumer of the first stream handed out.
#[derive(Debug)]
pub(in crate::nats) struct Arrival {
    /// Whose consumer.
    pub(in crate::nats) number: u64,
    /// And which of its consumers.
    pub(in crate::nats) epoch: u64,
    /// Which pull brought it.
    pub(in crate::nats) pull: u64,
    /// Its sequence.
    pub(in crate::nats) position: u64,
    /// How often it was handed out, this time included.
    pub(in crate::nats) times: u64,
    /// Where to acknowledge it.
    pub(in crate::nats) reply: Reply,
    /// What a process of ours published it under; none where another client did.
    pub(in crate::nats) id: Option<MessageId>,
    /// When the server stored it.
    pub(in crate::nats) accepted_at: Timestamp,
    /// The event.
    pub(in crate::nats) event: Arc<Event>,
}

/// An entry that was handed out because it is due.
#[derive(Debug)]
pub(in crate::nats) struct Due {
    /// Whose entry.
    pub(in crate::nats) number: u64,
    /// Which pull brought it.
    pub(in crate::nats) pull: u64,
    /// The event's place in the first stream.
    pub(in crate::nats) position: u64,
    /// The entry's place in its stream.
    pub(in crate::nats) sequence: u64,
    /// Where to acknowledge it.
    pub(in crate::nats) reply: Reply,
    /// The entry, whole.
    pub(in crate::nats) entry: Entry,
    /// The event.
    pub(in crate::nats) event: Arc<Event>,
}

/// So many parked events wait here for their sink; the server keeps the others back for a while.
const FOR_SINK_MAX: usize = 1_024;
/// For so long.
const SINK_WAIT: Duration = Duration::from_secs(30);
/// What comes while its position is held as something else waits so long.
const OTHER_WAIT: Duration = Duration::from_secs(10);

impl State {
    /// An event was handed out. It is given back where the matcher has to be asked of it first
    /// ([`Self::verdict`], [`Self::learn`]).
    pub(in crate::nats) fn arrived(
        &mut self,
        arrival: Arrival,
        now: Timestamp,
    ) -> Result<(), Box<Arrival>> {
        let number = arrival.number;
        let Some(subscribed) = self.numbered(number) else {
            return Ok(());
        };
        if subscribed.epoch != arrival.epoch {
            return Ok(());
        }
        let verdict = self.verdict(number, arrival.position, arrival.id.as_ref());
        let Some(verdict) = verdict else {
            return Err(Box::new(arrival));
        };
        self.highest = self.highest.max(arrival.position);
        let is_kept = self.is_kept_apart(number, arrival.position);
        let is_closed = self.closed;
        let Some(subscribed) = self.numbered(number) else {
            return Ok(());
        };
        let size_bytes = arrival.event.size_bytes() as u64;
        subscribed.pulls.brought(arrival.pull, size_bytes);
        subscribed.was_handed_out(arrival.position);
        let reply = arrival.reply.clone();
        let to_do = match verdict {
            Verdict::Unwanted => Some(ToDo::Acknowledge(reply)),
            Verdict::Undecided => {
                if arrival.id.is_none() && arrival.times == 1 {
                    subscribed.ended.undecided += 1;
                }
                Some(ToDo::Acknowledge(reply))
            }
            Verdict::Wanted if subscribed.held.contains_key(&arrival.position) => {
                subscribed.comes_again(arrival.position, &reply, true, now)
            }
            Verdict::Wanted if is_kept || subscribed.has_settled(&arrival) => {
                Some(ToDo::Acknowledge(reply))
            }
            Verdict::Wanted if is_closed => Some(ToDo::HandBack {
                reply,
                after: Duration::ZERO,
            }),
            Verdict::Wanted => {
                if arrival.times == 1 && arrival.position <= subscribed.again_to {
                    subscribed.ended.replayed += 1;
                }
                subscribed.hold(arrival, now);
                None
            }
        };
        self.to_do.extend(to_do);
        self.wake(number);
        Ok(())
    }

    /// A message was handed out that is no event: it has expired.
    pub(in crate::nats) fn was_unreadable(&mut self, number: u64, pull: u64, reply: Reply) {
        if let Some(subscribed) = self.numbered(number) {
            subscribed.ended.expired += 1;
            subscribed.pulls.brought(pull, 0);
            self.to_do.push(ToDo::Acknowledge(reply));
        }
    }

    /// An entry was handed out with its event.
    pub(in crate::nats) fn fell_due(&mut self, due: Due, now: Timestamp) {
        let Due {
            number, position, ..
        } = due;
        let reply = due.reply.clone();
        let is_standing = self.note_due(number, position, due.sequence, &due.entry);
        let is_closed = self.closed;
        let Some(subscribed) = self.numbered(number) else {
            return;
        };
        let size_bytes = due.event.size_bytes() as u64;
        subscribed.pulls.brought(due.pull, size_bytes);
        let to_do = if !is_standing {
            Some(ToDo::Acknowledge(reply))
        } else if subscribed.held.contains_key(&position) {
            subscribed.comes_again(position, &reply, false, now)
        } else if is_closed {
            let after = Duration::ZERO;
            Some(ToDo::HandBack { reply, after })
        } else if due.entry.is_parked() && subscribed.queues.parked.len() >= FOR_SINK_MAX {
            let after = SINK_WAIT;
            Some(ToDo::HandBack { reply, after })
        } else {
            subscribed.hold_due(due, now);
            None
        };
        self.to_do.extend(to_do);
        self.wake(number);
    }

    /// What a consumer of what is due handed out has ended since.
    pub(in crate::nats) fn was_over(&mut self, number: u64, pull: u64, reply: Reply) {
        if let Some(subscribed) = self.numbered(number) {
            subscribed.pulls.brought(pull, 0);
        }
        self.to_do.push(ToDo::Acknowledge(reply));
    }

    /// What a consumer of what is due handed out cannot be dealt with now.
    pub(in crate::nats) fn is_for_later(
        &mut self,
        number: u64,
        pull: u64,
        reply: Reply,
        after: Duration,
    ) {
        if let Some(subscribed) = self.numbered(number) {
            subscribed.pulls.brought(pull, 0);
        }
        self.to_do.push(ToDo::HandBack { reply, after });
    }

    /// The event of an entry is gone, and so the entry has been ended.
    pub(in crate::nats) fn has_expired(&mut self, number: u64) {
        let expired = Tally {
            expired: 1,
            ..Tally::default()
        };
        self.count(number, expired);
    }

    /// Says whether the entry stands, as due, with that sequence.
    fn note_due(&mut self, number: u64, position: u64, sequence: u64, entry: &Entry) -> bool {
        if !self.by_number.contains_key(&number) {
            return false;
        }
        let subject = KeptSubject::Due { number, position };
        self.note(subject, sequence, Some(Kept::Entry(entry.without_data())));
        let standing = self.index.get(number, position);
        standing.is_some_and(|it| it.place == Place::Due && it.sequence == sequence)
    }
}

impl Subscribed {
    fn hold(&mut self, arrival: Arrival, now: Timestamp) {
        let position = arrival.position;
        let at_once = Timestamp::default();
        let ticket = ticket(position, &arrival.event, 0, at_once);
        let newest = self.queues.fresh.back().map(|ticket| ticket.offset);
        if arrival.times > 1 || newest.is_some_and(|newest| newest >= position) {
            self.queues.put_again(ticket, false, Why::Returned, at_once);
        } else {
            self.queues.push_fresh(ticket);
        }
        let held = Held {
            event: arrival.event,
            accepted_at: arrival.accepted_at,
            reply: arrival.reply,
            source: Source::Events,
            progressed_at: now,
            is_stepping: false,
        };
        self.held.insert(position, held);
    }

    fn hold_due(&mut self, due: Due, now: Timestamp) {
        let entry = due.entry;
        let redriven_at = entry.age_since;
        let ticket = ticket(due.position, &due.event, entry.sends, redriven_at);
        match &entry.state {
            EntryState::Moved { due, .. } => {
                self.queues.put_again(ticket, false, Why::Redriven, *due);
            }
            EntryState::Parked { reason, at, .. } => {
                self.queues.park(ticket, reason.clone(), *at, Some(now));
            }
        }
        let held = Held {
            event: due.event,
            accepted_at: entry.accepted_at,
            reply: due.reply,
            source: Source::Due {
                sequence: due.sequence,
                entry: Arc::new(entry),
            },
            progressed_at: now,
            is_stepping: false,
        };
        self.held.insert(due.position, held);
    }

    /// What is held was handed out once more, or the same position as something else.
    fn comes_again(
        &mut self,
        position: u64,
        reply: &Reply,
        is_of_events: bool,
        now: Timestamp,
    ) -> Option<ToDo> {
        let held = self.held.get_mut(&position)?;
        if held.is_of_events() == is_of_events {
            held.reply = reply.clone();
            held.progressed_at = now;
            return None;
        }
        Some(ToDo::HandBack {
            reply: reply.clone(),
            after: OTHER_WAIT,
        })
    }

    /// Whether it was settled here and the server has not heard of it.
    fn has_settled(&self, arrival: &Arrival) -> bool {
        arrival.times > 1 && self.settled.contains(&arrival.position)
    }
}

impl Entry {
    pub(super) fn is_parked(&self) -> bool {
        match self.state {
            EntryState::Parked { .. } => true,
            EntryState::Moved { .. } => false,
        }
    }

    /// As an index has it.
    pub(super) fn without_data(&self) -> Entry {
        let mut entry = self.clone();
        if let EntryState::Parked { reason, .. } = &mut entry.state {
            reason.data = bytes::Bytes::new();
        }
        entry
    }
}

impl Consumer {
    /// What it hands out counts towards.
    pub(super) fn is_events(self) -> bool {
        match self {
            Consumer::Events => true,
            Consumer::Due => false,
        }
    }
}
