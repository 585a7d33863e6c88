//! What falls due is handed out by a consumer of its own for each subscription, which is made once there
//! is an entry. Here it is pulled, and each entry is given its event.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::asking::Which;
use super::entry::{self, Body, Entry};
use super::index::Place;
use super::kept::{Kept, READS_MAX};
use super::link::LinkError;
use super::names::{self, KeptSubject};
use super::pulling::{Delivered, Ended, Pull};
use super::state::{Due, PullEnd, Reply};
use super::steps::Step;
use crate::StoreError;
use crate::reading::SubscriptionId;

/// After which silence the server hands an entry to another process.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// How many entries may be out at once.
const OUT_MAX: i64 = 8_192;
/// How long the server may take.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Before a pull is said to be over that could not begin: whoever asks, asks again at once.
const PAUSE: Duration = Duration::from_millis(500);
/// What could not be read now is handed out again after that time.
const UNREAD_WAIT: Duration = Duration::from_secs(1);
/// And what a later program wrote.
const UNKNOWN_WAIT: Duration = Duration::from_secs(30);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Dues {
    kept: Arc<Kept>,
    /// The subscriptions whose consumer is there.
    made: Mutex<HashSet<u64>>,
}

/// A pull, as the state asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct DuePull {
    pub(super) id: SubscriptionId,
    pub(super) number: u64,
    pub(super) pull: u64,
    pub(super) items: usize,
}

/// What a message of the consumer turned out to be.
enum Read {
    Due(Box<Due>),
    /// Nothing that is due any more.
    Over,
    /// It is due, and its event is gone.
    Lost {
        position: u64,
        sequence: u64,
    },
    /// It has to be handed out again later.
    Later(Duration),
}

impl Dues {
    pub(super) fn new(kept: Arc<Kept>) -> Self {
        Dues {
            kept,
            made: Mutex::default(),
        }
    }

    /// Pulls entries and gives them to the state, and says when the pull is over.
    pub(super) async fn pull(&self, asked: DuePull) {
        match self.made(asked.number).await {
            Ok(()) => self.hand_over(asked).await,
            Err(error) => {
                tracing::debug!(%error, number = asked.number, "what is due cannot be pulled");
                sleep(PAUSE).await;
            }
        }
        self.kept
            .shared
            .apply(|state, _| state.pull_ended(asked.id, asked.pull, PullEnd::Done));
    }

    /// The subscription is gone, and its consumer with it.
    pub(super) fn forget(&self, number: u64) {
        self.made.lock().remove(&number);
    }

    async fn made(&self, number: u64) -> Result<(), StoreError> {
        if !self.made.lock().contains(&number) {
            self.make(number).await?;
            self.made.lock().insert(number);
        }
        Ok(())
    }

    /// Makes the consumer, or finds that it is there.
    async fn make(&self, number: u64) -> Result<(), StoreError> {
        let config = pull::Config {
            durable_name: Some(names::due_consumer(number)),
            filter_subject: self.kept.names.all_due(number),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: OUT_MAX,
            ..pull::Config::default()
        };
        let context = self.kept.link.jetstream();
        let stream = self.kept.names.kept_stream();
        let make = Box::pin(context.create_consumer_on_stream(config, stream));
        let deadline = Instant::now() + ANSWER_WAIT;
        let made = self.kept.link.within(deadline, make).await;
        made.map_err(not_asked)?
            .map(drop)
            .map_err(|error| StoreError(error.to_string()))
    }

    async fn hand_over(&self, asked: DuePull) {
        let stream = self.kept.names.kept_stream();
        let consumer = names::due_consumer(asked.number);
        let pull = Pull {
            stream: &stream,
            consumer: &consumer,
            items: asked.items,
            bytes: None,
        };
        // No more come than were asked for, so there is always room.
        let (come, coming) = mpsc::channel(asked.items.max(1));
        let pulling = async {
            let ended = self
                .kept
                .link
                .pull(&pull, |delivered| drop(come.try_send(delivered)));
            let ended = ended.await;
            drop(come);
            ended
        };
        let giving = async {
            let messages = stream::unfold(coming, async |mut coming| {
                Some((coming.recv().await?, coming))
            });
            // In order, though several events are read at once.
            let read = messages
                .map(|delivered| self.read(asked, delivered))
                .buffered(READS_MAX);
            let mut read = Box::pin(read);
            while let Some((reply, read)) = read.next().await {
                self.give(asked, reply, read).await;
            }
        };
        let (ended, ()) = tokio::join!(pulling, giving);
        if ended == Ended::Gone {
            self.made.lock().remove(&asked.number);
        }
    }

    async fn read(&self, asked: DuePull, delivered: Delivered) -> (Reply, Read) {
        let reply = Reply(delivered.reply);
        let (sequence, message) = (delivered.sequence, delivered.message);
        let subject = self.kept.names.read_kept(&message.subject);
        let Some(KeptSubject::Due { number, position }) = subject else {
            return (reply, Read::Over);
        };
        let headers = message.headers.clone().unwrap_or_default();
        let entry = match entry::read(&headers, message.payload.clone()) {
            Ok(entry::Kept::Entry(entry)) => entry,
            Ok(entry::Kept::Ended | entry::Kept::Back) => return (reply, Read::Over),
            Err(error) => {
                tracing::warn!(position, %error, "an entry that is due cannot be read");
                return (reply, Read::Later(UNKNOWN_WAIT));
            }
        };
        let read = match self.kept.event(position, entry.body).await {
            Ok(Some(event)) => Read::Due(Box::new(Due {
                number,
                pull: asked.pull,
                position,
                sequence,
                reply: reply.clone(),
                entry,
                event,
            })),
            Ok(None) => {
                self.without_event(position, sequence, &entry, &message.subject)
                    .await
            }
            Err(_) => Read::Later(UNREAD_WAIT),
        };
        (reply, read)
    }

    /// An entry without its event: it has ended meanwhile, or its event is gone.
    async fn without_event(
        &self,
        position: u64,
        sequence: u64,
        entry: &Entry,
        subject: &str,
    ) -> Read {
        let stream = self.kept.names.kept_stream();
        let which = Which::NewestOf(subject);
        match self.kept.link.read_from_leader(&stream, which).await {
            Ok(Some(newest)) if newest.sequence == sequence => {}
            Ok(_) => return Read::Over,
            Err(_) => return Read::Later(UNREAD_WAIT),
        }
        match entry.body {
            Body::Events => tracing::info!(position, "a replayed event was taken by retention"),
            Body::Kept => tracing::error!(position, "the event of an entry is gone"),
        }
        Read::Lost { position, sequence }
    }

    async fn give(&self, asked: DuePull, reply: Reply, read: Read) {
        let shared = &self.kept.shared;
        match read {
            Read::Due(due) => shared.apply(|state, now| state.fell_due(*due, now)),
            Read::Over => {
                shared.apply(|state, _| state.was_over(asked.number, asked.pull, reply));
            }
            Read::Later(after) => {
                shared.apply(|state, _| state.is_for_later(asked.number, asked.pull, reply, after));
            }
            Read::Lost { position, sequence } => {
                let end = Step::End {
                    place: Place::Due,
                    sequence,
                };
                match self.kept.apply(asked.number, position, &end).await {
                    Ok(is_ours) => shared.apply(|state, _| {
                        if is_ours {
                            state.has_expired(asked.number);
                        }
                        state.was_over(asked.number, asked.pull, reply);
                    }),
                    Err(_) => shared.apply(|state, _| {
                        state.is_for_later(asked.number, asked.pull, reply, UNREAD_WAIT);
                    }),
                }
            }
        }
    }
}

fn not_asked(error: LinkError) -> StoreError {
    StoreError(error.to_string())
}
