//! Reads the headers of all that is kept apart, from the beginning and then as it comes, into the
//! index of the state.
//!
//! The consumer is one that lives in the server's memory, wants no acknowledgements, and goes when
//! nobody pulls. Each of its messages has the next number, so one that is missing is noticed; then
//! another consumer goes on behind the last message that was read. Who ended is told of for ten
//! minutes only ([`entry`](super::entry)), so after five without a server all is read anew.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use super::index::Index;
use super::kept::Kept;
use super::link::LinkError;
use super::pulling::{Delivered, Ended, Pull};

/// How many messages are asked for at once.
const PULL_MESSAGES: usize = 2_000;
/// How long the server may take to make the consumer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Before another try.
const PAUSE: Duration = Duration::from_millis(250);
/// The consumer goes when nobody has pulled for so long.
const UNUSED_FOR: Duration = Duration::from_secs(120);
/// What was not heard of for so long is read anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Watch {
    kept: Arc<Kept>,
    /// Where reading goes on; none from the beginning.
    read_to: Option<u64>,
    /// At that time all was read that there was.
    current_at: Instant,
    is_read: watch::Sender<bool>,
}

/// Why it has to begin with another consumer.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("the server makes no consumer: {0}")]
    NotMade(String),
    #[error("a message is missing")]
    Gap,
    #[error("the consumer is gone")]
    Gone,
}

/// What has been read by one consumer.
#[derive(Debug)]
struct Reading {
    /// An index of its own while it reads from the beginning.
    anew: Option<Index>,
    /// How many messages came.
    count: u64,
}

impl Watch {
    /// A watch that has read nothing, and what tells whether it has read all there is.
    pub(super) fn new(kept: Arc<Kept>) -> (Self, watch::Receiver<bool>) {
        let (is_read, told) = watch::channel(false);
        let watch = Watch {
            kept,
            read_to: None,
            current_at: Instant::now(),
            is_read,
        };
        (watch, told)
    }

    /// Reads for ever.
    pub(super) async fn run(mut self) {
        loop {
            if self.read_to.is_some() && self.current_at.elapsed() > FORGOTTEN_AFTER {
                tracing::info!("what NATS keeps apart is read from the beginning");
                self.read_to = None;
            }
            if let Err(trouble) = self.follow().await {
                tracing::debug!(%trouble, "what NATS keeps apart is read by another consumer");
            }
            sleep(PAUSE).await;
        }
    }

    async fn follow(&mut self) -> Result<(), Trouble> {
        let stream = self.kept.names.kept_stream();
        let (consumer, pending) = self.make(&stream).await?;
        let mut reading = Reading {
            anew: self.read_to.is_none().then(Index::new),
            count: 0,
        };
        if pending == 0 {
            self.is_current(&mut reading);
        }
        loop {
            let pull = Pull {
                stream: &stream,
                consumer: &consumer,
                items: PULL_MESSAGES,
                bytes: None,
            };
            let before = reading.count;
            let is_missing = Notify::new();
            let kept = Arc::clone(&self.kept);
            let pulling = kept.link.pull(&pull, |delivered| {
                if !self.read(&mut reading, &delivered) {
                    is_missing.notify_one();
                }
            });
            let ended = tokio::select! {
                ended = pulling => ended,
                () = is_missing.notified() => return Err(Trouble::Gap),
            };
            match ended {
                Ended::Done if reading.count - before < PULL_MESSAGES as u64 => {
                    // Nothing came for a while.
                    self.is_current(&mut reading);
                }
                Ended::Done | Ended::TooLarge => {}
                Ended::Gone | Ended::Interrupted => return Err(Trouble::Gone),
            }
        }
    }

    /// Makes a consumer, and gives its name and how much is before it.
    async fn make(&self, stream: &str) -> Result<(String, u64), Trouble> {
        let deliver_policy = match self.read_to {
            None => DeliverPolicy::All,
            Some(read_to) => DeliverPolicy::ByStartSequence {
                start_sequence: read_to + 1,
            },
        };
        let config = pull::Config {
            deliver_policy,
            ack_policy: AckPolicy::None,
            headers_only: true,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: UNUSED_FOR,
            ..pull::Config::default()
        };
        let context = self.kept.link.jetstream();
        let make = Box::pin(context.create_consumer_on_stream(config, stream));
        let made = self.kept.link.within(Instant::now() + ANSWER_WAIT, make);
        let made = made
            .await?
            .map_err(|error| Trouble::NotMade(error.to_string()))?;
        let info = made.cached_info();
        Ok((info.name.clone(), info.num_pending))
    }

    /// False where a message before it is missing.
    fn read(&mut self, reading: &mut Reading, delivered: &Delivered) -> bool {
        if delivered.count != reading.count + 1 {
            return false;
        }
        reading.count += 1;
        let sequence = delivered.sequence;
        let none = HeaderMap::new();
        let message = &delivered.message;
        let headers = message.headers.as_ref().unwrap_or(&none);
        let said = self.kept.says(&message.subject, headers);
        match &mut reading.anew {
            Some(index) => {
                if let Some((subject, kept)) = said {
                    index.note(subject, sequence, kept);
                }
                index.read_to(sequence);
            }
            None => {
                self.kept.shared.apply(|state, _| {
                    if let Some((subject, kept)) = said {
                        state.note(subject, sequence, kept);
                    }
                    state.read_to(sequence);
                });
                self.read_to = Some(sequence);
            }
        }
        if delivered.pending == 0 {
            self.is_current(reading);
        }
        true
    }

    /// All has been read that there is.
    fn is_current(&mut self, reading: &mut Reading) {
        self.current_at = Instant::now();
        let is_from_beginning = reading.anew.is_some();
        if let Some(index) = reading.anew.take() {
            self.read_to = Some(index.has_read_to());
            self.kept
                .shared
                .apply(|state, _| state.replace_index(index));
        }
        let read_to = self.read_to.unwrap_or_default();
        self.kept.is_known_to(read_to, is_from_beginning);
        self.is_read.send_replace(true);
    }
}
