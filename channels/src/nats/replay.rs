//! Handing events of the first stream out once more.
//!
//! Each is given an entry that is due from the first and says that its event is in the first stream.
//! So a replay costs no copy; an event that retention takes before it is handed out has expired. What
//! another process holds cannot be told from what has ended, and is handed out twice then.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};

use super::control::tally::Tally;
use super::entry::{Body, Entry, EntryState};
use super::kept::{Kept, READS_MAX};
use super::state::Past;
use super::stored;
use crate::reading::PARTITION;
use crate::{Position, Replayed, SeekError, StoreError};

/// How many replayed events of a subscription wait at a time.
const WAITING_MAX: u64 = 1_000;
/// How many are stored as one batch.
const BATCH: usize = 128;

/// What is to become of one position.
enum Found {
    Given(Box<(u64, Entry)>),
    Unfinished,
    Gone,
}

impl Kept {
    /// Hands these events out to the subscription once more, from the first on and as many as there is
    /// room for.
    ///
    /// # Errors
    ///
    /// When there is no such subscription, or what is read or written could not be; some may have been
    /// given then.
    pub(super) async fn replay(
        &self,
        name: &str,
        positions: &[Position],
    ) -> Result<Replayed, SeekError> {
        let known = self.shared.apply(|state, _| state.replayed(name));
        let Some((number, waiting)) = known else {
            return Err(SeekError::Unknown(name.into()));
        };
        let room = usize::try_from(WAITING_MAX.saturating_sub(waiting)).unwrap_or_default();
        let mut replayed = Replayed::default();
        let mut seen = BTreeSet::new();
        for batch in positions.chunks(BATCH) {
            let left = room.saturating_sub(usize::try_from(replayed.given).unwrap_or(usize::MAX));
            if left == 0 {
                break;
            }
            let batch = batch.get(..left.min(batch.len())).unwrap_or_default();
            self.replay_batch(number, batch, &mut seen, &mut replayed)
                .await?;
        }
        Ok(replayed)
    }

    async fn replay_batch(
        &self,
        number: u64,
        positions: &[Position],
        seen: &mut BTreeSet<Position>,
        replayed: &mut Replayed,
    ) -> Result<(), StoreError> {
        let each: Vec<(Position, bool)> = positions
            .iter()
            .map(|position| (*position, seen.insert(*position)))
            .collect();
        let found = stream::iter(each).map(|(position, is_first)| async move {
            let found = match is_first {
                true => self.find(number, position).await,
                false => Ok(Found::Unfinished),
            };
            found.map(|found| (position, found))
        });
        let found: Vec<_> = found.buffered(READS_MAX).collect().await;
        let mut given = Vec::new();
        let mut told = Replayed::default();
        for found in found {
            let (position, found) = found?;
            told.dealt_with += 1;
            match found {
                Found::Given(entry) => {
                    given.push(*entry);
                    told.given += 1;
                }
                Found::Unfinished => {
                    told.unfinished += 1;
                    told.passed_over.push(position);
                }
                Found::Gone => {
                    told.gone += 1;
                    told.passed_over.push(position);
                }
            }
        }
        if !given.is_empty() {
            self.give(number, given).await?;
            let counted = Tally {
                replayed: told.given,
                ..Tally::default()
            };
            self.shared.apply(|state, _| state.count(number, counted));
        }
        replayed.dealt_with += told.dealt_with;
        replayed.given += told.given;
        replayed.unfinished += told.unfinished;
        replayed.gone += told.gone;
        replayed.passed_over.append(&mut told.passed_over);
        Ok(())
    }

    async fn find(&self, number: u64, position: Position) -> Result<Found, StoreError> {
        if position.partition != PARTITION {
            return Ok(Found::Gone);
        }
        let offset = position.offset;
        let (past, now) = self
            .shared
            .apply(|state, now| (state.past(number, offset), now));
        if past == Past::Unfinished {
            return Ok(Found::Unfinished);
        }
        let Some(stored) = self.first_stream(offset).await? else {
            return Ok(Found::Gone);
        };
        if stored::event(&stored).is_none() {
            return Ok(Found::Gone);
        }
        let entry = Entry {
            sends: 0,
            accepted_at: stored::stored_at(&stored),
            age_since: now,
            body: Body::Events,
            state: EntryState::Moved {
                due: now,
                replayed: true,
            },
        };
        Ok(Found::Given(Box::new((offset, entry))))
    }
}
