//! What is kept apart, as it is stored: steps are done here, and what came of them is noted.
//! What no entry needs any more is deleted: see [`unneeded`].

mod unneeded;

use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use parking_lot::Mutex;
use sluicegate_event::Event;
use tokio::sync::Semaphore;

use self::unneeded::Unneeded;
use super::asking::{AskError, Which};
use super::entry::{self, Body, Entry};
use super::index::Place;
use super::link::Link;
use super::names::{KeptSubject, Names};
use super::publishing::PublishError;
use super::shared::Shared;
use super::state::ToStep;
use super::steps::{Outgoing, Step};
use super::stored;
use crate::StoreError;

/// How many steps are on their way at once. A server has room for 50 batches of all processes.
const STEPS_MAX: usize = 16;
/// How many messages are deleted at once, and how many events are read.
pub(super) const READS_MAX: usize = 16;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) link: Link,
    pub(super) names: Arc<Names>,
    pub(super) shared: Arc<Shared>,
    turns: Semaphore,
    unneeded: Mutex<Unneeded>,
}

/// What was said of an entry, ready to be noted.
type Said = Vec<(KeptSubject, Option<entry::Kept>)>;

impl Kept {
    pub(super) fn new(link: Link, names: Arc<Names>, shared: Arc<Shared>) -> Self {
        Kept {
            link,
            names,
            shared,
            turns: Semaphore::new(STEPS_MAX),
            unneeded: Mutex::default(),
        }
    }

    // ---- steps ----

    /// Does a step and notes what it stored; false where another was first, and then what stands
    /// instead has been noted.
    ///
    /// # Errors
    ///
    /// When nobody knows whether it was stored, or it was not.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it unknown whether it was stored.
    pub(super) async fn apply(
        &self,
        number: u64,
        position: u64,
        step: &Step,
    ) -> Result<bool, StoreError> {
        // It is never closed.
        let _turn = self.turns.acquire().await;
        let messages = step.messages(&self.names, number, position);
        let stored = self.store(messages).await;
        if let (Ok(true), Step::End { .. }) = (&stored, step) {
            self.unneeded.lock().positions.insert(position);
        }
        if stored == Ok(false) {
            let expected = step
                .expected()
                .map(|(place, sequence)| (place, sequence + 1));
            self.look(number, position, expected).await?;
        }
        stored
    }

    /// Puts entries, by position, where they are due already, all of them or none.
    ///
    /// # Errors
    ///
    /// As [`Kept::apply`].
    pub(super) async fn give(
        &self,
        number: u64,
        entries: Vec<(u64, Entry)>,
    ) -> Result<(), StoreError> {
        let _turn = self.turns.acquire().await;
        let messages = entries.into_iter().flat_map(|(position, entry)| {
            Step::Give { entry, from: None }.messages(&self.names, number, position)
        });
        self.store(messages.collect()).await.map(drop)
    }

    /// Does what a transition left to be done, and says what came of it.
    pub(super) async fn do_step(&self, step: ToStep) {
        let result = self.apply(step.number, step.position, &step.step).await;
        self.shared
            .apply(|state, now| state.stepped(step, result, now));
    }

    async fn store(&self, messages: Vec<Outgoing>) -> Result<bool, StoreError> {
        let said: Said = messages
            .iter()
            .filter_map(|it| self.says(&it.subject, &it.headers))
            .collect();
        match self.link.publish(messages).await {
            Ok(sequences) => {
                self.note(said.into_iter().zip(sequences));
                Ok(true)
            }
            Err(PublishError::NotAsExpected) => Ok(false),
            Err(PublishError::Append(error)) => Err(StoreError(error.to_string())),
        }
    }

    // ---- what is learnt ----

    /// What a message of the stream says of an entry, whether its payload came with it or not.
    pub(super) fn says(
        &self,
        subject: &str,
        headers: &HeaderMap,
    ) -> Option<(KeptSubject, Option<entry::Kept>)> {
        let subject = self.names.read_kept(subject)?;
        let said = match subject {
            KeptSubject::Body { .. } => None,
            KeptSubject::Waiting { .. } | KeptSubject::Due { .. } => {
                let said = entry::read(headers, Bytes::new());
                if let Err(error) = &said {
                    tracing::warn!(?subject, %error, "an entry cannot be read");
                }
                said.ok()
            }
        };
        Some((subject, said))
    }

    /// Under one lock, so that nobody sees an event without the entry that needs it.
    fn note(&self, said: impl IntoIterator<Item = ((KeptSubject, Option<entry::Kept>), u64)>) {
        self.shared.apply(|state, _| {
            for ((subject, kept), sequence) in said {
                state.note(subject, sequence, kept);
            }
        });
    }

    /// Notes how an entry stands with the server. Where nothing is left of what was known, it has
    /// ended, at the sequence of `gone` or later.
    async fn look(
        &self,
        number: u64,
        position: u64,
        gone: Option<(Place, u64)>,
    ) -> Result<(), StoreError> {
        let stream = self.names.kept_stream();
        let subjects = [
            (Place::Waiting, self.names.waiting(number, position)),
            (Place::Due, self.names.due(number, position)),
        ];
        for (place, subject) in subjects {
            let which = Which::NewestOf(&subject);
            let found = self.link.read_from_leader(&stream, which).await?;
            let said = match found {
                Some(found) => self
                    .says(&found.subject, &found.headers)
                    .map(|said| (said, found.sequence)),
                None => gone
                    .filter(|(of, _)| *of == place)
                    .and_then(|(_, sequence)| {
                        let subject = self.names.read_kept(&subject)?;
                        Some(((subject, Some(entry::Kept::Ended)), sequence))
                    }),
            };
            self.note(said);
        }
        Ok(())
    }

    // ---- what is read ----

    /// The event of an entry at that position; none where it is gone.
    ///
    /// # Errors
    ///
    /// When nobody knows.
    pub(super) async fn event(
        &self,
        position: u64,
        body: Body,
    ) -> Result<Option<Arc<Event>>, AskError> {
        let stored = match body {
            Body::Kept => {
                let stream = self.names.kept_stream();
                self.link
                    .read_newest(&stream, &self.names.body(position))
                    .await?
            }
            Body::Events => self.first_stream(position).await?,
        };
        let Some(stored) = stored else {
            return Ok(None);
        };
        let event = stored::event(&stored);
        if event.is_none() {
            tracing::error!(position, "an event that is kept apart cannot be read");
        }
        Ok(event.map(Arc::new))
    }

    /// The message of that position in the stream of events.
    ///
    /// # Errors
    ///
    /// When nobody knows.
    pub(super) async fn first_stream(
        &self,
        position: u64,
    ) -> Result<Option<StreamMessage>, AskError> {
        let stream = self.names.events_stream();
        self.link.read_at(stream, position).await
    }
}
