//! What the consumers of the first stream hand out, given to the state, with what the matcher says of it.

use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use crate::answers::Answers;
use crate::nats::publishing::MESSAGE_ID;
use crate::nats::pulling::{Delivered, Ended, Pull};
use crate::nats::state::{Arrival, PullEnd, Reply};
use crate::nats::{message, names};
use crate::reading::SubscriptionId;

/// How often the matcher is asked of an event while subscriptions come and go.
const ASKS_MAX: usize = 4;

/// An events' pull, as the state asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventsPull {
    pub(super) id: SubscriptionId,
    pub(super) number: u64,
    pub(super) epoch: u64,
    pub(super) pull: u64,
    pub(super) items: usize,
    pub(super) bytes: Option<u64>,
}

impl Inner {
    /// Pulls events and gives them to the state, and says when the pull is over.
    pub(super) async fn pull_events(&self, asked: EventsPull) {
        let consumer = names::consumer(asked.number, asked.epoch);
        let pull = Pull {
            stream: self.names.events_stream(),
            consumer: &consumer,
            items: asked.items,
            bytes: asked.bytes,
        };
        let pulling = self
            .link
            .pull(&pull, |delivered| self.arrived(asked, delivered));
        let end = match pulling.await {
            Ended::TooLarge => PullEnd::TooLarge,
            Ended::Done | Ended::Gone | Ended::Interrupted => PullEnd::Done,
        };
        self.shared
            .apply(|state, _| state.pull_ended(asked.id, asked.pull, end));
    }

    fn arrived(&self, asked: EventsPull, delivered: Delivered) {
        let reply = Reply(delivered.reply);
        let headers = delivered.message.headers.as_ref();
        let id = headers.and_then(|headers| headers.get(MESSAGE_ID));
        let id = id.map(|id| Arc::from(id.as_str()));
        let event = match message::read(headers, delivered.message.payload.clone()) {
            Ok(event) => event,
            Err(error) => {
                let position = delivered.sequence;
                tracing::error!(position, %error, "a message in NATS is no event, and has expired");
                self.shared.apply(|state, _| {
                    state.was_unreadable(asked.number, asked.pull, reply);
                });
                return;
            }
        };
        let mut arrival = Arrival {
            number: asked.number,
            epoch: asked.epoch,
            pull: asked.pull,
            position: delivered.sequence,
            times: delivered.times,
            reply,
            id,
            accepted_at: delivered.stored_at,
            event: Arc::new(event),
        };
        for _ in 0..ASKS_MAX {
            let arrived = self.shared.apply(|state, now| {
                let keys_epoch = state.keys_epoch();
                state
                    .arrived(arrival, now)
                    .map_err(|arrival| (arrival, keys_epoch))
            });
            let Err((back, keys_epoch)) = arrived else {
                return;
            };
            let answers = Answers::of(&back.event, &*self.matcher);
            self.shared
                .apply(|state, _| state.learn(back.position, answers, keys_epoch));
            arrival = *back;
        }
        // The server hands it out again.
        self.shared.apply(|state, _| {
            let again = Duration::from_secs(1);
            state.is_for_later(arrival.number, arrival.pull, arrival.reply, again);
        });
    }
}
