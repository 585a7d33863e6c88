//! What servers are asked about streams and consumers, and what they answer. Answered by whoever leads
//! the stream, so that nothing is stale.

use async_nats::HeaderMap;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::RawMessageErrorKind;
use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use super::link::{Link, LinkError};
use super::publishing::PublishError;
use crate::StoreError;

/// Why there is no answer that says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// No server has answered; worth another try.
    #[error(transparent)]
    Unreachable(#[from] LinkError),
    /// The server refuses it.
    #[error("the server refuses {call}: {words} ({code})")]
    Refused {
        /// What was asked.
        call: String,
        /// The number of its error.
        code: u64,
        /// What the server says.
        words: String,
    },
    /// It says what cannot be understood here.
    #[error("the server answers {call} with what cannot be understood: {why}")]
    Unreadable {
        /// What was asked.
        call: String,
        /// Why not.
        why: String,
    },
    /// What was to be stored was not, or nobody knows.
    #[error(transparent)]
    Unstored(#[from] PublishError),
    /// Others change the same all the time.
    #[error("{0} is being changed by others")]
    Busy(String),
}

/// The number of the error when there is no such consumer.
const NO_CONSUMER: u64 = 10_014;
/// And when there is one of that name that is to stay as it is.
const ANOTHER_CONSUMER: [u64; 2] = [10_012, 10_148];

/// Which message of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which<'a> {
    /// The newest of that subject.
    NewestOf(&'a str),
    /// The one of that sequence.
    At(u64),
    /// The first of these subjects that has that sequence or a later one.
    From(u64, &'a str),
}

impl AskError {
    /// Whether what was asked about is not there.
    pub(super) fn is_no_consumer(&self) -> bool {
        matches!(self, AskError::Refused { code, .. } if *code == NO_CONSUMER)
    }

    /// Whether there is one already, which is another.
    pub(super) fn is_another_consumer(&self) -> bool {
        matches!(self, AskError::Refused { code, .. } if ANOTHER_CONSUMER.contains(code))
    }

    pub(super) fn unreadable(call: &str, why: impl std::fmt::Display) -> Self {
        AskError::Unreadable {
            call: call.to_owned(),
            why: why.to_string(),
        }
    }
}

impl From<AskError> for StoreError {
    fn from(error: AskError) -> Self {
        StoreError(error.to_string())
    }
}

impl Link {
    /// Asks for `call`, such as `STREAM.INFO.orders`, with `body` where there is one.
    ///
    /// # Errors
    ///
    /// When there is no answer, or a refusal.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it unknown whether it was asked.
    pub(super) async fn ask(
        &self,
        call: &str,
        body: &Value,
        deadline: Instant,
    ) -> Result<Value, AskError> {
        let payload = match body {
            Value::Null => Bytes::new(),
            body => Bytes::from(body.to_string()),
        };
        let subject = format!("$JS.API.{call}");
        let asked = self.request(&subject, HeaderMap::new(), payload, deadline);
        let answer = Box::pin(asked).await?;
        let answer: Value = serde_json::from_slice(&answer.payload)
            .map_err(|error| AskError::unreadable(call, error))?;
        match answer.get("error") {
            None => Ok(answer),
            Some(error) => Err(AskError::Refused {
                call: call.to_owned(),
                code: error["err_code"].as_u64().unwrap_or_default(),
                words: error["description"].as_str().unwrap_or_default().to_owned(),
            }),
        }
    }

    /// A message of a stream as it is stored; none where there is none.
    ///
    /// # Errors
    ///
    /// When there is no answer, or a refusal.
    pub(super) async fn stored(
        &self,
        stream: &str,
        which: Which<'_>,
        deadline: Instant,
    ) -> Result<Option<StreamMessage>, AskError> {
        let call = || format!("STREAM.MSG.GET.{stream}");
        let context = self.jetstream();
        let asking = async {
            let handle = context
                .get_stream_no_info(stream)
                .await
                .map_err(|error| AskError::unreadable(&call(), error))?;
            let builder = handle.raw_message_builder();
            let builder = match which {
                Which::NewestOf(subject) => builder.last_by_subject(subject),
                Which::At(sequence) => builder.sequence(sequence),
                Which::From(sequence, subjects) => {
                    builder.sequence(sequence).next_by_subject(subjects)
                }
            };
            let error = match builder.send().await {
                Ok(message) => return Ok(Some(message)),
                Err(error) => error,
            };
            match error.kind() {
                RawMessageErrorKind::NoMessageFound => Ok(None),
                RawMessageErrorKind::JetStream(error)
                    if error.error_code() == ErrorCode::NO_MESSAGE_FOUND =>
                {
                    Ok(None)
                }
                RawMessageErrorKind::JetStream(error) => Err(AskError::Refused {
                    call: call(),
                    code: error.error_code().0,
                    words: error.to_string(),
                }),
                RawMessageErrorKind::InvalidSubject => Err(AskError::unreadable(&call(), error)),
                RawMessageErrorKind::Other => Err(LinkError::NoAnswer.into()),
            }
        };
        Box::pin(self.within(deadline, asking)).await?
    }
}
