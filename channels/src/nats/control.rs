//! Who subscribes, as all processes of a broker agree on it, and what became of their events: the
//! messages of the control stream.
//!
//! Of a subject the newest message stands, and a change is published with the sequence that it is a
//! change of, so that of two processes one is told to look again. Each process reads all of it
//! ([`Control::watch`]) and what it changes itself it knows from the answer; whichever comes first, its
//! [`Audience`] hears of each subject in the order of its messages, and of none twice.
//!
//! ```text
//!   record.rs      the record of a subscription
//!   tally.rs       how its events ended; adding.rs adds to that
//!   known.rs       what the audience has heard
//!   watching.rs    how the stream is read
//! ```

mod adding;
mod known;
pub mod record;
pub mod tally;
mod watching;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use self::adding::Unresolved;
use self::known::{Known, Said};
use self::record::{Record, Recorded};
use self::tally::Tally;
use super::asking::{AskError, Which};
use super::link::Link;
use super::names::Names;
use super::publishing::PublishError;
use super::steps::Outgoing;
use crate::SubscriptionStatus;

/// How long a change may take, tries together.
const CHANGE_WAIT: Duration = Duration::from_secs(10);
/// How often what others change meanwhile is looked at again.
const TRIES: usize = 16;

/// Who is told what stands. Told in the order in which it was stored, by whoever heard of it first; must
/// not block and must not call the [`Control`].
pub trait Audience: Send + Sync {
    /// A subscription is there, or stands otherwise than before.
    fn recorded(&self, record: &Record);

    /// A subscription has been deleted. Gives how it stood in the end, where it was known.
    fn deleted(&self, name: &str) -> Option<SubscriptionStatus>;

    /// What became of the events of the subscription of that number, all told.
    fn tallied(&self, number: u64, stands: Tally);

    /// The same, after what [`Control::tally`] was given has been added to it.
    fn added(&self, number: u64, stands: Tally);
}

/// See the [module](self).
pub struct Control {
    link: Link,
    names: Arc<Names>,
    audience: Arc<dyn Audience>,
    known: Mutex<Known>,
    is_whole: watch::Sender<bool>,
    unresolved: Mutex<HashMap<u64, Unresolved>>,
}

/// A subscription that has been deleted.
#[derive(Debug)]
pub struct Removed {
    /// As it was recorded.
    pub record: Record,
    /// How it stood, where this process had heard of it.
    pub status: Option<SubscriptionStatus>,
}

/// What stands at a subject.
#[derive(Debug)]
struct Standing {
    /// The sequence of its message; 0 without one.
    sequence: u64,
    /// The record, where there is a subscription.
    record: Option<Record>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Control {
    /// What is asked and told by `link` of the broker of these names.
    pub fn new(link: Link, names: Arc<Names>, audience: Arc<dyn Audience>) -> Self {
        Control {
            link,
            names,
            audience,
            known: Mutex::default(),
            is_whole: watch::Sender::new(false),
            unresolved: Mutex::default(),
        }
    }

    // ---- records ----

    /// The record of that name as it stands now, whatever was heard of it.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn record(&self, name: &str) -> Result<Option<Record>, AskError> {
        let deadline = Instant::now() + CHANGE_WAIT;
        Ok(self.standing(name, deadline).await?.record)
    }

    /// Changes a record, and gives it as it stands then; none where there is no such subscription.
    /// `change` is asked anew of what another process made of it meanwhile.
    ///
    /// # Errors
    ///
    /// When nobody knows whether it was stored; the audience hears of it if it was.
    pub async fn change(
        &self,
        name: &str,
        mut change: impl FnMut(&mut Record) + Send,
    ) -> Result<Option<Record>, AskError> {
        let deadline = Instant::now() + CHANGE_WAIT;
        for _ in 0..TRIES {
            let standing = self.standing(name, deadline).await?;
            let Some(found) = standing.record else {
                return Ok(None);
            };
            let mut record = found.clone();
            change(&mut record);
            if record == found {
                self.announce_record(&record, standing.sequence);
                return Ok(Some(record));
            }
            if self.put_record(&record, standing.sequence).await? {
                return Ok(Some(record));
            }
        }
        Err(AskError::Busy(name.to_owned()))
    }

    /// Has a new record stored. False where there is one of that name by now.
    ///
    /// # Errors
    ///
    /// When nobody knows whether it was stored.
    pub async fn introduce(&self, record: &Record) -> Result<bool, AskError> {
        let deadline = Instant::now() + CHANGE_WAIT;
        for _ in 0..TRIES {
            let standing = self.standing(&record.name, deadline).await?;
            if standing.record.is_some() {
                return Ok(false);
            }
            if self.put_record(record, standing.sequence).await? {
                return Ok(true);
            }
        }
        Err(AskError::Busy(record.name.to_string()))
    }

    /// Has a subscription deleted; none where there is none.
    ///
    /// # Errors
    ///
    /// When nobody knows whether that was stored.
    pub async fn remove(&self, name: &str) -> Result<Option<Removed>, AskError> {
        let deadline = Instant::now() + CHANGE_WAIT;
        let subject = self.names.subscription(name);
        for _ in 0..TRIES {
            let standing = self.standing(name, deadline).await?;
            let Some(record) = standing.record else {
                return Ok(None);
            };
            // Known before it is gone, so that its end is told of.
            self.announce_record(&record, standing.sequence);
            let message = outgoing(subject.clone(), record::write_deleted());
            if let Some(sequence) = self.put(message, standing.sequence).await? {
                let status = self.announce(&subject, sequence, Said::Deleted);
                return Ok(Some(Removed { record, status }));
            }
        }
        Err(AskError::Busy(name.to_owned()))
    }

    /// A number that no subscription has had.
    ///
    /// # Errors
    ///
    /// When none can be had.
    pub async fn next_number(&self) -> Result<u64, AskError> {
        let deadline = Instant::now() + CHANGE_WAIT;
        let subject = self.names.last_number();
        for _ in 0..TRIES {
            let last = self.newest(&subject, deadline).await?;
            let (sequence, number) = match last {
                None => (0, 0),
                Some(message) => {
                    let text = String::from_utf8_lossy(&message.payload);
                    let number = text.parse::<u64>();
                    let unreadable = |error| AskError::unreadable(&subject, error);
                    (message.sequence, number.map_err(unreadable)?)
                }
            };
            let next = number + 1;
            let payload = Bytes::from(next.to_string());
            let message = outgoing(subject.clone(), (HeaderMap::new(), payload));
            if self.put(message, sequence).await?.is_some() {
                return Ok(next);
            }
        }
        Err(AskError::Busy(subject))
    }

    // ---- how ----

    async fn standing(&self, name: &str, deadline: Instant) -> Result<Standing, AskError> {
        let subject = self.names.subscription(name);
        let Some(message) = self.newest(&subject, deadline).await? else {
            return Ok(Standing {
                sequence: 0,
                record: None,
            });
        };
        let sequence = message.sequence;
        let recorded = record::read(&message.headers);
        match recorded.map_err(|error| AskError::unreadable(&subject, error))? {
            Recorded::Deleted => Ok(Standing {
                sequence,
                record: None,
            }),
            Recorded::Standing(record) if *record.name == *name => Ok(Standing {
                sequence,
                record: Some(record),
            }),
            Recorded::Standing(record) => Err(AskError::unreadable(
                &subject,
                format!("it is the record of {}", record.name),
            )),
        }
    }

    async fn newest(
        &self,
        subject: &str,
        deadline: Instant,
    ) -> Result<Option<StreamMessage>, AskError> {
        let stream = self.names.control_stream();
        let which = Which::NewestOf(subject);
        self.link.stored(&stream, which, deadline).await
    }

    async fn put_record(&self, record: &Record, instead_of: u64) -> Result<bool, AskError> {
        let subject = self.names.subscription(&record.name);
        let sequence = self.put(outgoing(subject, record.write()), instead_of);
        let Some(sequence) = sequence.await? else {
            return Ok(false);
        };
        self.announce_record(record, sequence);
        Ok(true)
    }

    /// The sequence that it has now; none where another was first.
    async fn put(&self, message: Outgoing, instead_of: u64) -> Result<Option<u64>, AskError> {
        match self.link.publish(vec![message.expecting(instead_of)]).await {
            Ok(sequences) => Ok(sequences.first().copied()),
            Err(PublishError::NotAsExpected) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn announce_record(&self, record: &Record, sequence: u64) {
        let subject = self.names.subscription(&record.name);
        self.announce(&subject, sequence, Said::Standing(record.clone()));
    }

    /// Tells the audience, unless it has heard of something later.
    fn announce(&self, subject: &str, sequence: u64, said: Said) -> Option<SubscriptionStatus> {
        let mut known = self.known.lock();
        known.tell(&*self.audience, subject, sequence, said)
    }
}

fn outgoing(subject: String, (headers, payload): (HeaderMap, Bytes)) -> Outgoing {
    Outgoing {
        subject,
        headers,
        payload,
    }
}
