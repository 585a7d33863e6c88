//! What is kept apart, as it is stored: steps are done here, and what came of them is noted.
//!
//! An event that no entry needs any more is deleted by whoever ended the last one. Others may have
//! written it again meanwhile, so it is deleted by its sequence, and not before the index is known to
//! be whole up to there: see [`Kept::sweep`]. What a process leaves behind that ends before, another
//! deletes once it reads the stream from the beginning.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use sluicegate_event::Event;
use tokio::sync::Semaphore;
use tokio::time::Instant;

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
/// How long the server may take to delete one.
const DELETE_WAIT: Duration = Duration::from_secs(2);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) link: Link,
    pub(super) names: Arc<Names>,
    pub(super) shared: Arc<Shared>,
    turns: Semaphore,
    unneeded: Mutex<Unneeded>,
}

/// Events that may not be needed any more.
#[derive(Debug, Default)]
struct Unneeded {
    positions: BTreeSet<u64>,
    /// The index knows of every entry that any message up to here was needed by.
    known_to: u64,
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

    // ---- what is not needed any more ----

    /// The stream has been read up to there, and at that moment nothing was behind it. From the
    /// beginning: then all events are looked at that are kept.
    pub(super) fn is_known_to(&self, sequence: u64, is_from_beginning: bool) {
        let bodies = self.shared.apply(|state, _| match is_from_beginning {
            true => state.index().bodies().collect(),
            false => Vec::new(),
        });
        let mut unneeded = self.unneeded.lock();
        unneeded.known_to = sequence.max(unneeded.known_to);
        unneeded.positions.extend(bodies);
    }

    /// A subscription was deleted with its entries.
    pub(super) fn look_at_all(&self) {
        self.is_known_to(0, true);
    }

    /// Deletes events that no entry needs any more. An event that was stored behind what is known to be
    /// read waits: the entry that needs it may not have been read. One that is read as unneeded later
    /// stays so, since with a new entry it is stored again.
    pub(super) async fn sweep(&self) {
        let (positions, known_to) = {
            let mut unneeded = self.unneeded.lock();
            (std::mem::take(&mut unneeded.positions), unneeded.known_to)
        };
        if positions.is_empty() {
            return;
        }
        let mut later = BTreeSet::new();
        let unneeded: Vec<(u64, u64)> = self.shared.apply(|state, _| {
            let each = positions.into_iter().filter_map(|position| {
                let sequence = state.index().unneeded_body(position)?;
                if sequence > known_to {
                    later.insert(position);
                    return None;
                }
                Some((position, sequence))
            });
            each.collect()
        });
        let deleting = stream::iter(unneeded).map(|(position, sequence)| async move {
            let is_gone = self.delete(sequence).await;
            (position, sequence, is_gone)
        });
        let deleted: Vec<_> = deleting.buffer_unordered(READS_MAX).collect().await;
        for (position, sequence, is_gone) in deleted {
            if is_gone {
                self.shared.apply(|state, _| {
                    if state.index().body(position) == Some(sequence) {
                        state.forget_body(position);
                    }
                });
            } else {
                later.insert(position);
            }
        }
        self.unneeded.lock().positions.append(&mut later);
    }

    /// False where it has to be tried again. One that is not there is gone.
    async fn delete(&self, sequence: u64) -> bool {
        const NO_MESSAGE: u64 = 10_043;
        const NO_MESSAGE_FOUND: u64 = 10_037;
        let subject = format!("$JS.API.STREAM.MSG.DELETE.{}", self.names.kept_stream());
        let asked = serde_json::json!({ "seq": sequence, "no_erase": true }).to_string();
        let deadline = Instant::now() + DELETE_WAIT;
        let answer = self
            .link
            .request(&subject, HeaderMap::new(), asked.into(), deadline);
        let Ok(answer) = answer.await else {
            return false;
        };
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap_or_default();
        let code = answer["error"]["err_code"].as_u64();
        answer["success"].as_bool() == Some(true)
            || matches!(code, Some(NO_MESSAGE | NO_MESSAGE_FOUND))
    }
}
