//! Dead letters: listed, made pending again, discarded, and put on their way to a sink.
//!
//! The index says which there are; what is shown of each is read from the stream, where another process
//! may have changed it meanwhile.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use tokio::sync::oneshot;

use super::asking::AskError;
use super::entry::{self, Entry, EntryState};
use super::kept::{Kept, READS_MAX};
use super::state::Letter;
use crate::reading::{PARTITION, position};
use crate::{DeadLetter, DeadLetterKey, Exhausted, StoreError};

/// How often a letter is looked for anew that another process has changed.
const LOOKS_MAX: usize = 3;
/// How many letters of a list are read at once, whatever it is asked for.
const PAGE_LETTERS: usize = 256;

impl Kept {
    /// Up to `limit` dead letters, of one subscription or of all, from the place after `after`.
    pub(super) async fn letters(
        &self,
        name: Option<&str>,
        after: Option<DeadLetterKey>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let mut after = after;
        let mut listed = Vec::new();
        while listed.len() < limit {
            let most = PAGE_LETTERS.min(limit - listed.len());
            let page = self
                .shared
                .apply(|state, _| state.letters(name, after.as_ref(), most));
            let is_last = page.len() < most;
            if let Some(last) = page.last() {
                after = Some(key(last));
            }
            let read = stream::iter(page).map(|letter| self.letter(letter));
            let read: Vec<_> = read.buffered(READS_MAX).collect().await;
            for letter in read {
                // One that has ended meanwhile is none any more.
                listed.extend(letter?);
            }
            if is_last {
                break;
            }
        }
        Ok(listed)
    }

    /// Makes a dead letter pending again; false when there is none.
    ///
    /// # Errors
    ///
    /// When it could not be stored.
    pub(super) async fn redrive(&self, key: &DeadLetterKey) -> Result<bool, StoreError> {
        self.change(key, |kept, answer| {
            let name = &key.subscription;
            kept.shared.apply(|state, now| {
                state.begin_redrive(name, key.position.offset, now, answer);
            });
        })
        .await
    }

    /// Ends a dead letter, counted for that reason; false when there is none.
    ///
    /// # Errors
    ///
    /// When it could not be stored.
    pub(super) async fn discard(
        &self,
        key: &DeadLetterKey,
        by: &'static str,
    ) -> Result<bool, StoreError> {
        self.change(key, |kept, answer| {
            let name = &key.subscription;
            kept.shared.apply(|state, _| {
                state.begin_discard(name, key.position.offset, by, answer);
            });
        })
        .await
    }

    /// The subscription has a sink from now on, or none. What lies parked and is for a sink is put on
    /// its way, with the whole of its reason.
    pub(super) async fn set_exhausted(&self, name: &str, exhausted: Exhausted) {
        let lying = self
            .shared
            .apply(|state, _| state.set_exhausted(name, exhausted));
        // One after the other, so that the oldest is handed out first.
        for position in lying {
            if let Err(error) = self.send_to_sink(name, position).await {
                tracing::warn!(position, %error, "a dead letter stays where it lies for now");
            }
        }
    }

    async fn send_to_sink(&self, name: &str, position: u64) -> Result<(), StoreError> {
        let standing = self
            .shared
            .apply(|state, _| state.letter_at(name, position));
        let Some(letter) = standing else {
            return Ok(());
        };
        let Some(whole) = self.whole(&letter).await? else {
            return Ok(());
        };
        let (answer, answered) = oneshot::channel();
        self.shared.apply(|state, now| {
            state.send_to_sink(name, position, (whole, letter.sequence), now, answer);
        });
        answered_to(answered).await.map(drop)
    }

    /// Has something done to a letter as it stands; where another process was first, to the letter as
    /// it stands then.
    async fn change(
        &self,
        key: &DeadLetterKey,
        begin: impl Fn(&Self, oneshot::Sender<Result<bool, StoreError>>),
    ) -> Result<bool, StoreError> {
        if key.position.partition != PARTITION {
            return Ok(false);
        }
        for _ in 0..LOOKS_MAX {
            let (answer, answered) = oneshot::channel();
            begin(self, answer);
            if answered_to(answered).await? {
                return Ok(true);
            }
            let name = &key.subscription;
            let standing = self
                .shared
                .apply(|state, _| state.letter_at(name, key.position.offset));
            if standing.is_none() {
                return Ok(false);
            }
        }
        Err(StoreError(
            "other processes are changing this dead letter".to_owned(),
        ))
    }

    async fn letter(&self, letter: Letter) -> Result<Option<DeadLetter>, StoreError> {
        let mut letter = letter;
        for _ in 0..LOOKS_MAX {
            if let Some(whole) = self.whole(&letter).await?
                && let EntryState::Parked {
                    reason,
                    at,
                    retry_at,
                } = whole.state
                && let Some(event) = self.event(letter.position, whole.body).await?
            {
                return Ok(Some(DeadLetter {
                    key: key(&letter),
                    event,
                    reason,
                    sends: whole.sends,
                    accepted_at: whole.accepted_at,
                    parked_at: at,
                    retry_at,
                }));
            }
            // It has gone to another place, or has ended.
            let name = Arc::clone(&letter.name);
            let standing = self
                .shared
                .apply(|state, _| state.letter_at(&name, letter.position));
            match standing {
                Some(standing) if standing.sequence != letter.sequence => letter = standing,
                Some(_) | None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The entry with the data of its reason, as the message of that sequence has it.
    async fn whole(&self, letter: &Letter) -> Result<Option<Entry>, AskError> {
        let stream = self.names.kept_stream();
        let stored = self.link.read_at(&stream, letter.sequence).await?;
        let said = stored.and_then(|it| entry::read(&it.headers, it.payload).ok());
        Ok(match said {
            Some(entry::Kept::Entry(entry)) => Some(entry),
            Some(entry::Kept::Ended | entry::Kept::Back) | None => None,
        })
    }
}

/// What comes of a step; without the tasks of the channel nothing does any more.
async fn answered_to(
    answered: oneshot::Receiver<Result<bool, StoreError>>,
) -> Result<bool, StoreError> {
    let closed = |_| Err(StoreError("the channel is closed".to_owned()));
    answered.await.unwrap_or_else(closed)
}

fn key(letter: &Letter) -> DeadLetterKey {
    DeadLetterKey {
        subscription: Arc::clone(&letter.name),
        position: position(letter.position),
    }
}
