//! Single messages read back from a stream: from any server that has it, and where that one has not got
//! it, from the one that leads. So a server that lags takes nothing away.

use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{DirectGetBuilder, WithHeaders};
use sluicegate_event::Event;
use tokio::time::Instant;

use super::asking::{AskError, Which};
use super::link::Link;
use super::message;
use crate::Timestamp;

/// How long one reading may take.
const WAIT: Duration = Duration::from_secs(4);

impl Link {
    /// The message of that sequence, or none where the stream has none.
    ///
    /// # Errors
    ///
    /// When nobody knows.
    pub(super) async fn read_at(
        &self,
        stream: &str,
        sequence: u64,
    ) -> Result<Option<StreamMessage>, AskError> {
        let found = self.read_directly(stream, |builder| builder.sequence(sequence));
        match found.await? {
            Some(message) => Ok(Some(message)),
            None => self.read_from_leader(stream, Which::At(sequence)).await,
        }
    }

    /// The newest message of that subject, as far as the server knows that is asked, or none where the
    /// stream has none.
    ///
    /// # Errors
    ///
    /// When nobody knows.
    pub(super) async fn read_newest(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<StreamMessage>, AskError> {
        let found = self.read_directly(stream, |builder| builder.last_by_subject(subject));
        match found.await? {
            Some(message) => Ok(Some(message)),
            None => {
                self.read_from_leader(stream, Which::NewestOf(subject))
                    .await
            }
        }
    }

    /// None where the server that was asked does not give it: it may lag.
    async fn read_directly(
        &self,
        stream: &str,
        which: impl FnOnce(DirectGetBuilder<WithHeaders>) -> DirectGetBuilder<WithHeaders>,
    ) -> Result<Option<StreamMessage>, AskError> {
        let context = self.jetstream();
        let reading = Box::pin(async {
            let handle = context.get_stream_no_info(stream).await.ok()?;
            which(handle.direct_get_builder()).send().await.ok()
        });
        let read = self.within(Instant::now() + WAIT, reading).await?;
        Ok(read)
    }

    /// What the server says that knows best.
    ///
    /// # Errors
    ///
    /// When nobody knows.
    pub(super) async fn read_from_leader(
        &self,
        stream: &str,
        which: Which<'_>,
    ) -> Result<Option<StreamMessage>, AskError> {
        let deadline = Instant::now() + WAIT;
        self.stored(stream, which, deadline).await
    }
}

/// The event that a message is; none where it cannot be read.
pub(super) fn event(message: &StreamMessage) -> Option<Event> {
    message::read(Some(&message.headers), message.payload.clone()).ok()
}

/// When a server stored it.
pub(super) fn stored_at(message: &StreamMessage) -> Timestamp {
    let ms = message.time.unix_timestamp_nanos() / 1_000_000;
    Timestamp(u64::try_from(ms).unwrap_or_default())
}
