//! Events on their way into the first stream.
//!
//! The matcher is asked first, and its answers are known under the ids that the messages have: an event
//! may be handed out before its acknowledgement comes.

use std::sync::Arc;

use sluicegate_event::Event;

use super::Inner;
use crate::answers::Answers;
use crate::nats::publishing::{MESSAGE_ID, PublishError};
use crate::nats::state::MessageId;
use crate::nats::steps::Outgoing;
use crate::nats::{message, subjects};
use crate::reading::position;
use crate::{Admission, AppendError, Position};

/// An event that is ready to be published.
struct Prepared {
    id: MessageId,
    answers: Answers,
    message: Outgoing,
}

impl Inner {
    pub(super) async fn append(
        &self,
        batch: Vec<Event>,
        admission: Admission,
    ) -> Result<Vec<Position>, AppendError> {
        let (is_closed, keys_epoch) = self
            .shared
            .apply(|state, _| (state.is_closed(), state.keys_epoch()));
        if is_closed {
            return Err(AppendError::Closed);
        }
        if !self.readiness.is_ready() {
            return Err(self.unready());
        }
        let root = self.names.events();
        let prepared = batch.into_iter().map(|event| self.prepare(&root, &event));
        let prepared: Vec<Prepared> = prepared.collect();
        self.admit(&prepared, admission)?;
        let mut ids = Vec::with_capacity(prepared.len());
        let mut messages = Vec::with_capacity(prepared.len());
        self.shared.apply(|state, _| {
            for Prepared {
                id,
                answers,
                message,
            } in prepared
            {
                state.will_append(Arc::clone(&id), answers, keys_epoch);
                ids.push(id);
                messages.push(message);
            }
        });
        match self.link.publish(messages).await {
            Ok(positions) => {
                self.shared.apply(|state, _| {
                    for (id, position) in ids.iter().zip(&positions) {
                        state.appended(id, *position);
                    }
                });
                Ok(positions.into_iter().map(position).collect())
            }
            Err(error) => {
                let error = self.refused(error);
                if !may_be_stored(&error) {
                    self.shared
                        .apply(|state, _| ids.iter().for_each(|id| state.not_appended(id)));
                }
                Err(error)
            }
        }
    }

    fn prepare(&self, root: &str, event: &Event) -> Prepared {
        let answers = Answers::of(event, &*self.matcher);
        let (mut headers, payload) = message::write(event);
        let id: MessageId = self.link.fresh_id().into();
        headers.insert(MESSAGE_ID, &*id);
        let message = Outgoing {
            subject: subjects::of(root, event),
            headers,
            payload,
        };
        Prepared {
            id,
            answers,
            message,
        }
    }

    fn admit(&self, prepared: &[Prepared], admission: Admission) -> Result<(), AppendError> {
        let bytes = prepared.iter().map(|it| {
            let Outgoing {
                subject,
                headers,
                payload,
            } = &it.message;
            message::stored_bytes(subject, headers, payload)
        });
        let events = u64::try_from(prepared.len()).unwrap_or(u64::MAX);
        self.room.let_in(events, bytes.sum(), admission)
    }

    fn unready(&self) -> AppendError {
        AppendError::Unreachable {
            retry_after: self.options.retry_after,
            why: self.readiness.trouble().into(),
        }
    }

    fn refused(&self, error: PublishError) -> AppendError {
        match error {
            PublishError::Append(error) => error,
            // Events expect nothing.
            PublishError::NotAsExpected => AppendError::Unreachable {
                retry_after: self.options.retry_after,
                why: error.to_string().into(),
            },
        }
    }
}

fn may_be_stored(error: &AppendError) -> bool {
    matches!(
        error,
        AppendError::Unreachable { .. } | AppendError::Broken(_)
    )
}
