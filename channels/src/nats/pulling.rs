//! What consumers hand out, asked for a few messages at a time, and what is said of it afterwards.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::{Message, jetstream};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::link::{Link, LinkError};
use crate::Timestamp;

/// For how long a server keeps a pull that it has nothing for.
const PULL_WAIT: Duration = Duration::from_secs(30);
/// How often it says meanwhile that it still knows of the pull.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A server that says nothing for so long does not know of it.
const SILENCE_MAX: Duration = Duration::from_secs(11);
/// How long a pull may take that is never without something to bring.
const PULL_MAX: Duration = Duration::from_secs(120);
/// A pull that brought nothing because something is wrong is not over at once, as whoever asks for it
/// asks again.
const PAUSE: Duration = Duration::from_millis(250);
/// How long what is said of messages may take to be sent.
const SAY_WAIT: Duration = Duration::from_secs(2);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Pull<'a> {
    /// The consumer's stream.
    pub stream: &'a str,
    /// Its name.
    pub consumer: &'a str,
    /// At most so many messages.
    pub items: usize,
    /// And so many bytes of them, as the server counts, where there is a bound.
    pub bytes: Option<u64>,
}

/// A message that was handed out.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Its place in the stream.
    pub sequence: u64,
    /// How often it was handed out, this time included.
    pub times: u64,
    /// How many the consumer has handed out by now, this one included.
    pub count: u64,
    /// How many it had left then.
    pub pending: u64,
    /// When the server stored it.
    pub stored_at: Timestamp,
    /// Where to say what becomes of it.
    pub reply: Arc<str>,
    /// The message.
    pub message: Message,
}

/// Why a pull is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It brought all that it asked for, or its time is up.
    Done,
    /// The next message alone is larger than it may bring.
    TooLarge,
    /// There is no such consumer, or nobody who leads it.
    Gone,
    /// The server is gone, or knows nothing of the pull.
    Interrupted,
}

/// What is said of a message that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// It need not be handed out again.
    Done,
    /// It is still being dealt with.
    InProgress,
    /// It is to be handed out again, after that time.
    Again(Duration),
}

impl Delivered {
    fn read(message: Message, context: &Context) -> Option<Self> {
        let reply: Arc<str> = message.reply.as_ref()?.as_str().into();
        let message = jetstream::Message {
            message,
            context: context.clone(),
        };
        let info = message.info().ok()?;
        let stored_ms = info.published.unix_timestamp_nanos() / 1_000_000;
        Some(Delivered {
            sequence: info.stream_sequence,
            times: u64::try_from(info.delivered).unwrap_or_default(),
            count: info.consumer_sequence,
            pending: info.pending,
            stored_at: Timestamp(u64::try_from(stored_ms).unwrap_or_default()),
            reply,
            message: message.message,
        })
    }
}

impl Link {
    /// Has `each` told of what the consumer hands out, until that is all that was asked for, or there
    /// has been nothing for 30 s.
    ///
    /// # Cancel safety
    ///
    /// What was handed out and not told of is handed out again once the server has waited for an
    /// answer.
    pub async fn pull(&self, pull: &Pull<'_>, mut each: impl FnMut(Delivered) + Send) -> Ended {
        let mut brought = 0;
        let deadline = Instant::now() + PULL_MAX;
        let pulling = self.within(deadline, self.bring(pull, &mut brought, &mut each));
        let ended = match Box::pin(pulling).await {
            Ok(ended) => ended,
            Err(LinkError::NoAnswer) => Ended::Done,
            Err(_) => Ended::Interrupted,
        };
        if matches!(ended, Ended::Gone | Ended::Interrupted) {
            self.inboxes().forget(pull.stream, pull.consumer);
        }
        if brought == 0 && matches!(ended, Ended::Gone | Ended::Interrupted) {
            sleep(PAUSE).await;
        }
        ended
    }

    async fn bring(
        &self,
        pull: &Pull<'_>,
        brought: &mut usize,
        each: &mut (impl FnMut(Delivered) + Send),
    ) -> Ended {
        let Pull {
            stream, consumer, ..
        } = pull;
        let client = self.client();
        let context = self.jetstream();
        let Ok(inbox) = self.inboxes().of(client, stream, consumer).await else {
            return Ended::Interrupted;
        };
        let mut messages = inbox.messages.lock().await;
        let mut asked = json!({
            "batch": pull.items,
            "expires": nanos(PULL_WAIT),
            "idle_heartbeat": nanos(HEARTBEAT),
        });
        if let Some(bytes) = pull.bytes {
            asked["max_bytes"] = bytes.into();
        }
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let payload = Bytes::from(asked.to_string());
        let sent = client
            .publish_with_reply(next, inbox.subject.clone(), payload)
            .await;
        if sent.is_err() {
            return Ended::Interrupted;
        }
        while *brought < pull.items {
            let Ok(Some(message)) = timeout(SILENCE_MAX, messages.next()).await else {
                return Ended::Interrupted;
            };
            if let Some(status) = message.status {
                let words = message.description.as_deref().unwrap_or_default();
                if let Some(ended) = ended(status.as_u16(), words, *brought) {
                    return ended;
                }
            } else if let Some(delivered) = Delivered::read(message, &context) {
                *brought += 1;
                each(delivered);
            }
        }
        Ended::Done
    }

    /// Says what becomes of messages, in that order. What does not reach the server is handed out
    /// again.
    pub async fn say(&self, all: impl IntoIterator<Item = (Arc<str>, Say)> + Send) {
        let client = self.client();
        for (reply, say) in all {
            let saying = client.publish(reply.to_string(), say.payload());
            let deadline = Instant::now() + SAY_WAIT;
            if let Err(error) = self.within(deadline, saying).await {
                tracing::debug!(%error, "what became of events was not said to NATS");
                return;
            }
        }
    }

    /// Waits until what was said has reached the server.
    pub async fn flush(&self, deadline: Instant) {
        // Whether it did is known by what is handed out again.
        drop(self.within(deadline, self.client().flush()).await);
    }
}

impl Say {
    fn payload(self) -> Bytes {
        match self {
            Say::Done => Bytes::from_static(b"+ACK"),
            Say::InProgress => Bytes::from_static(b"+WPI"),
            Say::Again(Duration::ZERO) => Bytes::from_static(b"-NAK"),
            Say::Again(after) => {
                let delay = json!({ "delay": nanos(after) });
                Bytes::from(format!("-NAK {delay}"))
            }
        }
    }
}

/// What a message without content says; none where the pull goes on.
fn ended(status: u16, words: &str, brought: usize) -> Option<Ended> {
    match status {
        100 => None,
        // Nothing has come for the time that was asked for.
        404 | 408 => Some(Ended::Done),
        409 if words.starts_with("Message Size Exceeds MaxBytes") => Some(match brought {
            0 => Ended::TooLarge,
            _ => Ended::Done,
        }),
        409 if words.starts_with("Batch Completed") => Some(Ended::Done),
        409 if words.starts_with("Consumer Deleted") => Some(Ended::Gone),
        503 => Some(Ended::Gone),
        _ => Some(Ended::Interrupted),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
