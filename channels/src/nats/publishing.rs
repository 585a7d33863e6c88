//! Messages on their way into a stream: one by one, or several as one batch that is stored whole or not
//! at all, and what a server's refusal means to whoever appends.
//!
//! Each message has an id, by which the server knows it again. So what was not answered is sent once
//! more, and of a batch that turns out to be there the positions are asked for by the id of its last
//! message.

mod refusals;

use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};

use self::refusals::{Answer, Judged};
use super::link::{Link, LinkError};
use super::message;
use super::options::NatsOptions;
use super::steps::Outgoing;
use crate::AppendError;

/// How long the first try waits for its answer.
const TRY_WAIT: Duration = Duration::from_secs(2);
/// Before a refusal is met again that passes by itself.
const PAUSE: Duration = Duration::from_millis(100);
/// How many batches are under way at once: a stream has room for 50 from all processes.
const BATCHES_MAX: usize = 16;
/// How many messages a batch may have.
pub const BATCH_MESSAGES_MAX: usize = 1_000;

/// By which a server knows a message again.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";
const EXPECTED_LAST_ID: &str = "Nats-Expected-Last-Msg-Id";
/// How a server refuses what expects another last id.
const WRONG_LAST_ID: u64 = 10_070;
const BATCH_ID: &str = "Nats-Batch-Id";
const BATCH_SEQUENCE: &str = "Nats-Batch-Sequence";
const BATCH_COMMIT: &str = "Nats-Batch-Commit";

/// Why messages were not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// One expects what is not so: another was first. Nothing was stored.
    #[error("the stream has changed meanwhile")]
    NotAsExpected,
    /// As an append is told.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// What publishing needs beside the connection.
#[derive(Debug)]
pub(super) struct Publishing {
    batches: Semaphore,
    wait: Duration,
    pub(super) retry_after: Duration,
}

impl Publishing {
    pub(super) fn new(options: &NatsOptions) -> Self {
        Publishing {
            batches: Semaphore::new(BATCHES_MAX),
            wait: options.append_wait,
            retry_after: options.retry_after,
        }
    }
}

impl Link {
    /// Stores the messages, several as one batch, and gives the position of each. A message without an
    /// id is given one.
    ///
    /// # Errors
    ///
    /// When they were refused, or nobody knows whether they were stored, which is
    /// [`AppendError::Unreachable`]: see `docs/decisions/0016-nats-channel.md` for the table.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it unknown whether they were stored; they are stored whole or not at
    /// all.
    pub async fn publish(&self, mut messages: Vec<Outgoing>) -> Result<Vec<u64>, PublishError> {
        let deadline = Instant::now() + self.publishing().wait;
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        if messages.len() > BATCH_MESSAGES_MAX {
            return Err(refusals::too_many(messages.len()).into());
        }
        for message in &mut messages {
            if message.headers.get(MESSAGE_ID).is_none() {
                message.headers.insert(MESSAGE_ID, self.fresh_id());
            }
        }
        Box::pin(self.store(&messages, deadline)).await
    }

    async fn store(
        &self,
        messages: &[Outgoing],
        deadline: Instant,
    ) -> Result<Vec<u64>, PublishError> {
        let _room = match messages {
            [_] => None,
            _ => Some(self.room_for_a_batch(deadline).await?),
        };
        let first = self.send(messages, deadline.min(Instant::now() + TRY_WAIT));
        let first = self.judge(first.await, messages);
        let pause = match first {
            Judged::Stored { last } => return Ok(positions(last, messages.len())),
            Judged::Refused(error) => return Err(error),
            Judged::Duplicate => return self.find(messages, deadline, self.unknown()).await,
            Judged::Passing(_) => PAUSE,
            Judged::Unknown(_) => Duration::ZERO,
        };
        let may_be_there = pause.is_zero();
        sleep_until(deadline.min(Instant::now() + pause)).await;
        let second = self.send(messages, deadline).await;
        match self.judge(second, messages) {
            Judged::Stored { last } => Ok(positions(last, messages.len())),
            Judged::Duplicate => self.find(messages, deadline, self.unknown()).await,
            // It may be our own first try that changed what is expected.
            Judged::Refused(PublishError::NotAsExpected) if may_be_there => {
                self.find(messages, deadline, PublishError::NotAsExpected)
                    .await
            }
            Judged::Refused(error) | Judged::Passing(error) | Judged::Unknown(error) => Err(error),
        }
    }

    async fn room_for_a_batch(
        &self,
        deadline: Instant,
    ) -> Result<tokio::sync::SemaphorePermit<'_>, AppendError> {
        let room = timeout_at(deadline, self.publishing().batches.acquire()).await;
        match room {
            Ok(Ok(room)) => Ok(room),
            // It is never closed.
            Ok(Err(_)) | Err(_) => Err(self.unreachable("other batches have not been answered")),
        }
    }

    /// Sends them, the last one or the only one with a wish for an answer.
    async fn send(&self, messages: &[Outgoing], until: Instant) -> Result<Answer, LinkError> {
        // Sizes are those of the server that is connected.
        self.wait_until_up(until).await?;
        let messages = match messages {
            [one] => vec![one.clone()],
            several => in_a_batch(several, &self.fresh_id()),
        };
        for message in &messages {
            let size_bytes = message::size_bytes(&message.headers, &message.payload);
            let max_bytes = self.message_bytes_max();
            if size_bytes > max_bytes {
                return Err(LinkError::TooLarge {
                    size_bytes,
                    max_bytes,
                });
            }
        }
        let mut last = None;
        for message in messages {
            if let Some(Outgoing {
                subject,
                headers,
                payload,
            }) = last.replace(message)
            {
                let client = self.client();
                let sent = client.publish_with_headers(subject, headers, payload);
                let sent = timeout_at(until, sent).await;
                sent.map_err(|_| LinkError::NoAnswer)?
                    .map_err(|_| LinkError::Lost)?;
            }
        }
        let Some(last) = last else {
            return Err(LinkError::NoAnswer);
        };
        let answer = self.request(&last.subject, last.headers, last.payload, until);
        Ok(Answer::read(&answer.await?.payload))
    }

    /// The positions of messages that may be there already: the id of the last one is sent alone,
    /// expecting what cannot be, so that it is found to be known or refused. `otherwise` is what is
    /// said of messages that are not there.
    async fn find(
        &self,
        messages: &[Outgoing],
        deadline: Instant,
        otherwise: PublishError,
    ) -> Result<Vec<u64>, PublishError> {
        let ids = messages.last().map(|last| {
            let mut headers = HeaderMap::new();
            if let Some(id) = last.headers.get(MESSAGE_ID) {
                headers.insert(MESSAGE_ID, id.as_str());
            }
            // Of all expectations the one that is looked at after ids are.
            headers.insert(EXPECTED_LAST_ID, "none");
            Outgoing {
                subject: last.subject.clone(),
                headers,
                payload: Bytes::new(),
            }
        });
        let ids: Vec<Outgoing> = ids.into_iter().collect();
        match self.send(&ids, deadline).await {
            Ok(Answer::Stored {
                last,
                is_duplicate: true,
            }) => Ok(positions(last, messages.len())),
            Ok(Answer::Refused {
                code: WRONG_LAST_ID,
                ..
            }) => Err(otherwise),
            Ok(Answer::Stored { .. } | Answer::Refused { .. } | Answer::Unread) | Err(_) => {
                Err(self.unknown())
            }
        }
    }

    fn unknown(&self) -> PublishError {
        let why = "it may be stored, and its position is not known";
        self.unreachable(why).into()
    }

    fn unreachable(&self, why: &str) -> AppendError {
        AppendError::Unreachable {
            retry_after: self.publishing().retry_after,
            why: why.into(),
        }
    }
}

/// Messages of a batch stand side by side.
fn positions(last: u64, count: usize) -> Vec<u64> {
    let before = u64::try_from(count).map_or(0, |count| last.saturating_sub(count));
    (before + 1..=last).collect()
}

fn in_a_batch(messages: &[Outgoing], id: &str) -> Vec<Outgoing> {
    let count = messages.len();
    let numbered = messages.iter().cloned().zip(1..);
    let marked = numbered.map(|(mut message, number)| {
        message.headers.insert(BATCH_ID, id);
        message.headers.insert(BATCH_SEQUENCE, number.to_string());
        if number == count {
            message.headers.insert(BATCH_COMMIT, "1");
        }
        message
    });
    marked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_stands_side_by_side_and_its_last_message_ends_it() {
        assert_eq!(positions(9, 1), [9]);
        assert_eq!(positions(9, 3), [7, 8, 9]);
        let message = Outgoing {
            subject: "s".to_owned(),
            headers: HeaderMap::new(),
            payload: Bytes::new(),
        };
        let batch = in_a_batch(&[message.clone(), message.clone(), message], "id");
        let said = |name: &str| -> Vec<Option<&str>> {
            let each = batch.iter().map(|it| it.headers.get(name));
            each.map(|value| value.map(|it| it.as_str())).collect()
        };
        assert_eq!(said(BATCH_ID), [Some("id"); 3]);
        assert_eq!(said(BATCH_SEQUENCE), [Some("1"), Some("2"), Some("3")]);
        assert_eq!(said(BATCH_COMMIT), [None, None, Some("1")]);
    }
}
