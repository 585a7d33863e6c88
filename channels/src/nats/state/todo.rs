//! What transitions leave to be done with a server.

use std::time::Duration;

use tokio::sync::oneshot;

use super::held::Reply;
use super::stepping::Then;
use crate::StoreError;
use crate::nats::steps::Step;
use crate::reading::SubscriptionId;

/// Something to be done with a server, by whoever holds the connection.
#[derive(Debug)]
pub(in crate::nats) enum ToDo {
    /// The server need not hand this out again.
    Acknowledge(Reply),
    /// It is still being dealt with.
    InProgress(Reply),
    /// The server is to hand it out again, after that time.
    HandBack {
        /// Of what.
        reply: Reply,
        /// How long it is to wait.
        after: Duration,
    },
    /// A step is to be stored. Whoever does it notes its messages and then says what came of it:
    /// [`State::stepped`](super::State::stepped).
    Step(Box<ToStep>),
    /// Events are to be pulled. Whoever does it says when the pull is over:
    /// [`State::pull_ended`](super::State::pull_ended).
    Pull {
        /// For whom.
        id: SubscriptionId,
        /// Stands for the subscription at the server.
        number: u64,
        /// And for the place where it reads.
        epoch: u64,
        /// From which of its consumers.
        consumer: Consumer,
        /// Tells this pull from others.
        pull: u64,
        /// At most so many.
        items: usize,
        /// And so many bytes of them, where there is a bound.
        bytes: Option<u64>,
    },
    /// What ended is to be added to what stands:
    /// [`State::take_tally`](super::State::take_tally).
    Tally {
        /// Of which subscription.
        number: u64,
    },
}

/// One of the consumers of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::nats) enum Consumer {
    /// Of the first stream.
    Events,
    /// Of the entries that are due.
    Due,
}

/// A step to be stored.
#[derive(Debug)]
pub(in crate::nats) struct ToStep {
    /// The subscription's.
    pub(in crate::nats) number: u64,
    /// The event's.
    pub(in crate::nats) position: u64,
    /// What is to be stored.
    pub(in crate::nats) step: Step,
    pub(super) then: Then,
    pub(super) answer: Option<Answer>,
    /// Nobody knows whether it was stored when it was tried before.
    pub(super) was_tried: bool,
}

/// Says to whoever waits for it whether it was stored, and false where there was nothing to do.
pub(super) type Answer = oneshot::Sender<Result<bool, StoreError>>;

/// Whoever asked may be gone.
pub(super) fn say(answer: Option<Answer>, result: Result<bool, StoreError>) {
    if let Some(answer) = answer {
        drop(answer.send(result));
    }
}
