//! What has to be kept before it takes effect: deferrals that are moved aside, parked events, and
//! what operators do to dead letters.
//!
//! Each waits here for the thread that keeps; the event stays as it was until then. So nothing is
//! ever shown that a crash could undo, and nobody waits for a disk while holding the state.

mod still_there;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::super::kept::{KeptKey, KeptOp, KeptState};
use super::State;
use super::held::Ticket;
use super::saving::Saves;
use crate::reading::{LeaseId, SubscriptionId};
use crate::{ParkReason, StoreError, Timestamp};

/// When what could not be moved comes up at the earliest: not at once, for the disk is likely full.
const NOT_KEPT_WAIT: Duration = Duration::from_secs(1);
/// And what could not be parked, which is then sent once more than it should be.
const NOT_PARKED_WAIT: Duration = Duration::from_secs(30);

/// Something to be kept, and what then happens.
#[derive(Debug)]
pub(in super::super) struct ToKeep {
    pub(in super::super) op: KeptOp,
    then: Then,
    answer: Option<Answer>,
}

type Answer = oneshot::Sender<Result<bool, StoreError>>;

#[derive(Debug)]
enum Then {
    /// A lease ends: the event waits until then.
    Move {
        lease: LeaseId,
        until: Timestamp,
        sends: u32,
    },
    /// A lease ends: the event is a dead letter.
    Park {
        lease: LeaseId,
        kind: &'static str,
        sends: u32,
        at: Timestamp,
        retry_at: Option<Timestamp>,
    },
    /// A dead letter is pending again.
    Redrive {
        id: SubscriptionId,
        offset: u64,
        at: Timestamp,
    },
    /// A dead letter is done with, counted by that reason.
    Discard {
        id: SubscriptionId,
        offset: u64,
        by: &'static str,
    },
}

impl ToKeep {
    fn key(&self) -> (SubscriptionId, u64) {
        match self.then {
            Then::Move { lease, .. } | Then::Park { lease, .. } => {
                (lease.subscription, lease.offset)
            }
            Then::Redrive { id, offset, .. } | Then::Discard { id, offset, .. } => (id, offset),
        }
    }

    /// Whether it takes something away, which progress must not need any more by then.
    pub(in super::super) fn ends(&self) -> bool {
        match self.then {
            Then::Discard { .. } => true,
            Then::Move { .. } | Then::Park { .. } | Then::Redrive { .. } => false,
        }
    }
}

impl State {
    /// Begins to move a leased event aside. What it gives is answered when it is.
    pub(in super::super) fn begin_move(
        &mut self,
        lease: LeaseId,
        until: Timestamp,
        sends: u32,
        answer: Answer,
    ) {
        let state = KeptState::Moved {
            due_ms: until.signed_millis(),
            sends,
        };
        let then = Then::Move {
            lease,
            until,
            sends,
        };
        self.begin_ending(lease, state, then, answer);
    }

    /// Begins to park a leased event.
    pub(in super::super) fn begin_park(
        &mut self,
        lease: LeaseId,
        reason: ParkReason,
        sends: u32,
        retry_at: Option<Timestamp>,
        now: Timestamp,
        answer: Answer,
    ) {
        let Some(subscribed) = self.subscribed(lease.subscription) else {
            return say(Some(answer), Ok(true));
        };
        let retry_at = subscribed.exhausted.sink_at(reason.kind, retry_at, now);
        let known = subscribed.queues.parked.get(&lease.offset);
        let parked_at = known.map_or(now, |known| known.parked_at);
        let then = Then::Park {
            lease,
            kind: reason.kind,
            sends,
            at: parked_at,
            retry_at,
        };
        let state = KeptState::Parked {
            reason,
            sends,
            parked_at_ms: parked_at.signed_millis(),
            retry_at_ms: retry_at.map(Timestamp::signed_millis),
        };
        self.begin_ending(lease, state, then, answer);
    }

    fn begin_ending(&mut self, lease: LeaseId, state: KeptState, then: Then, answer: Answer) {
        let Some(subscribed) = self.subscribed(lease.subscription) else {
            return say(Some(answer), Ok(true));
        };
        let Some(ticket) = subscribed.queues.leased_ticket(lease.offset, lease.token) else {
            return say(Some(answer), Ok(true));
        };
        let held = ticket.place.held.as_ref();
        let op = KeptOp::Put {
            key: KeptKey {
                subscription: subscribed.number,
                offset: lease.offset,
            },
            event: held.map(|held| Arc::clone(&held.event)),
            accepted_at_ms: ticket.place.accepted_at.signed_millis(),
            redriven_at_ms: ticket.redriven_at.signed_millis(),
            state,
        };
        self.will_keep(op, then, answer);
    }

    /// Begins to make a dead letter pending again; answers false when there is none.
    pub(in super::super) fn begin_redrive(
        &mut self,
        name: &str,
        offset: u64,
        now: Timestamp,
        answer: Answer,
    ) {
        let Some((id, key, parked_ticket)) = self.parked(name, offset) else {
            return say(Some(answer), Ok(false));
        };
        let op = KeptOp::Put {
            key,
            event: None,
            accepted_at_ms: parked_ticket.place.accepted_at.signed_millis(),
            redriven_at_ms: now.signed_millis(),
            state: KeptState::Moved {
                due_ms: now.signed_millis(),
                sends: 0,
            },
        };
        let at = now;
        self.will_keep(op, Then::Redrive { id, offset, at }, answer);
    }

    /// Begins to end a dead letter; answers false when there is none.
    pub(in super::super) fn begin_discard(
        &mut self,
        name: &str,
        offset: u64,
        by: &'static str,
        answer: Answer,
    ) {
        let Some((id, key, _)) = self.parked(name, offset) else {
            return say(Some(answer), Ok(false));
        };
        self.will_keep(KeptOp::End(key), Then::Discard { id, offset, by }, answer);
    }

    fn parked(&self, name: &str, offset: u64) -> Option<(SubscriptionId, KeptKey, Ticket)> {
        let id = self.id_of(name)?;
        let subscribed = self.subscriptions.get(id.place)?;
        let parked = subscribed.queues.parked.get(&offset)?;
        let key = KeptKey {
            subscription: subscribed.number,
            offset,
        };
        Some((id, key, parked.ticket.clone()))
    }

    fn will_keep(&mut self, op: KeptOp, then: Then, answer: Answer) {
        if self.keeps_no_more {
            return say(
                Some(answer),
                Err(StoreError("the channel is closed".to_owned())),
            );
        }
        self.to_keep.push(ToKeep {
            op,
            then,
            answer: Some(answer),
        });
        self.woken.keeper = true;
    }

    /// What is to be kept now. Of what is put for one event only the first: what comes of it decides
    /// whether there is anything left to do for the others.
    pub(in super::super) fn take_to_keep(&mut self) -> Vec<ToKeep> {
        let mut keys = HashSet::new();
        let is_first = |it: &ToKeep| it.ends() || keys.insert(it.key());
        let all = std::mem::take(&mut self.to_keep);
        let (taken, later) = all.into_iter().partition(is_first);
        self.to_keep = later;
        taken
    }

    /// Nothing is kept or stored any more; who waits for it is told.
    pub(in super::super) fn stop_keeping(&mut self, now: Timestamp) {
        self.keeps_no_more = true;
        self.refuse_all(&StoreError("the channel is closed".to_owned()), now);
    }

    /// Nobody can keep or store anything; who waits for it is told, and what is unsaved stays so.
    pub(in super::super) fn refuse_all(&mut self, error: &StoreError, now: Timestamp) {
        if self.saves == Saves::Well {
            self.saves = Saves::Badly;
            let all = self.subscriptions.iter_mut();
            let readers = all.filter_map(|subscribed| subscribed.waker.take());
            self.woken.readers.extend(readers);
        }
        let refused = Err(error.clone());
        for to_keep in std::mem::take(&mut self.to_keep) {
            self.kept(to_keep, &refused, now);
        }
        self.refuse_answers(error);
    }

    /// It is kept, or could not be.
    pub(in super::super) fn kept(
        &mut self,
        kept: ToKeep,
        result: &Result<(), StoreError>,
        now: Timestamp,
    ) {
        if let KeptOp::End(key) = kept.op {
            self.is_no_more_discarding(key);
        }
        let done = match (kept.then, result) {
            (
                Then::Move {
                    lease,
                    until,
                    sends,
                },
                Ok(()),
            ) => self.moved(lease, until, sends),
            (
                Then::Park {
                    lease,
                    kind,
                    sends,
                    at,
                    retry_at,
                },
                Ok(()),
            ) => self.park(lease, kind, sends, at, retry_at),
            (Then::Redrive { id, offset, at }, Ok(())) => self.redriven(id, offset, at),
            (Then::Discard { id, offset, by }, Ok(())) => self.discarded(id, offset, by),
            (
                Then::Move {
                    lease,
                    until,
                    sends,
                },
                Err(_),
            ) => self.not_kept(lease, until.max(now + NOT_KEPT_WAIT), sends),
            (Then::Park { lease, sends, .. }, Err(_)) => {
                self.not_kept(lease, now + NOT_PARKED_WAIT, sends)
            }
            (Then::Redrive { .. } | Then::Discard { .. }, Err(_)) => false,
        };
        say(kept.answer, result.clone().map(|()| done));
    }
}

/// Whoever asked may be gone.
fn say(answer: Option<Answer>, result: Result<bool, StoreError>) {
    if let Some(answer) = answer {
        drop(answer.send(result));
    }
}

#[cfg(test)]
mod tests;
