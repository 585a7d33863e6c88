//! The disk channel: an embedded log that loses nothing it has acknowledged.
//!
//! It keeps every promise of the [contract](crate::contract), to the class
//! [`DurabilityClass::Disk`](crate::DurabilityClass::Disk). Settled events stay until retention
//! takes them, so a subscription can go back to them and operators can replay them.
//!
//! ```text
//!   append ──► appender (one thread) ──► log of events ──► state: who is at the tail gets them
//!                                              │               ▲    │
//!                                              └──► fetcher ───┘    └──► leases
//!                                                 (one thread: those behind, and single events)
//!   ends, deferrals, parked ──► state ──► keeper (one thread) ──► progress/, kept/; retention
//! ```
//!
//! # How it is laid out
//!
//! ```text
//!   channel.rs       this: what it offers
//!   opening.rs       what is found on the disk becomes a state; options.rs how it is kept
//!   shared.rs        the state under its lock, and who is woken
//!   fetcher.rs       reads the log for those who are behind, and single events
//!   keeper.rs        stores what is kept and how far everybody is; retention.rs what may go
//!   lease.rs         what the end of a lease does
//!   listing.rs       what is retained, and dead letters, read from the disk
//! ```
//!
//! # When something fails
//!
//! Without room nothing is accepted, and what is stored is delivered on. After a failed sync nobody
//! knows what the disk holds: nothing is accepted until the channel is opened anew. What is stored
//! is still delivered then, but no longer remembered to be, so it may be delivered again.

mod fetcher;
mod keeper;
mod lease;
mod listing;
mod opening;
mod options;
mod retention;
mod shared;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use sluicegate_event::Event;
use tokio::sync::oneshot;

pub use self::opening::OpenError;
pub use self::options::DiskOptions;
use self::shared::Shared;
use super::appender::{Answers, Prepared, PreparedEvent};
use crate::reading::{PARTITION, Reader};
use crate::telemetry;
use crate::{
    Admission, AppendError, BY_AGE, BY_THE_OPERATOR, BoxFuture, Channel, ChannelStatus, DeadLetter,
    DeadLetterKey, DurabilityClass, Exhausted, ParkedSince, Position, Replayed, RetainedPage,
    SeekError, Start, StoreError, SubscribeError, Subscription, SubscriptionSpec,
    SubscriptionStatus,
};

/// A [`Channel`] on this machine's disk. See `docs/decisions/0013-disk-channel.md` for how.
///
/// Dropping it is like a kill, and as safe; [`DiskChannel::shutdown`] spares the next start some work
/// and the subscribers some duplicates.
#[derive(Debug)]
pub struct DiskChannel {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl DiskChannel {
    /// Goes by other options from now on, as far as they say when something is removed and how much
    /// is in memory. The others take effect when the channel is opened again.
    pub fn reconfigure(&self, options: DiskOptions) {
        self.shared.apply(|state, _| {
            state.set_buffer_bytes(options.buffer_bytes);
        });
        *self.shared.options.lock() = options;
    }

    /// Stores what is in memory, and closes all files. Leases that end after this end without
    /// effect, and their events are delivered again.
    pub async fn shutdown(&self) {
        self.close();
        let shared = Arc::clone(&self.shared);
        let threads = std::mem::take(&mut *self.threads.lock());
        let ended = tokio::task::spawn_blocking(move || {
            drop(shared.appender().close());
            shared.finish();
            for thread in threads {
                drop(thread.join());
            }
        });
        drop(ended.await);
    }

    async fn resolve(&self, start: Start) -> Result<u64, StoreError> {
        let known = self.shared.apply(|state, _| state.offset_of(start));
        match known {
            Ok(offset) => Ok(offset),
            Err(at) => listing::offset_at(&self.shared, at).await,
        }
    }
}

impl DiskChannel {
    /// Discards a dead letter, counted by that reason.
    async fn end_letter(&self, key: DeadLetterKey, by: &'static str) -> Result<bool, StoreError> {
        if key.position.partition != PARTITION {
            return Ok(false);
        }
        let offset = key.position.offset;
        let (answer, kept) = oneshot::channel();
        self.shared
            .apply(|state, _| state.begin_discard(&key.subscription, offset, by, answer));
        answered(kept).await
    }
}

impl Drop for DiskChannel {
    fn drop(&mut self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        if threads.is_empty() {
            return;
        }
        self.close();
        drop(self.shared.appender().close());
        self.shared.abandon();
        for thread in threads {
            drop(thread.join());
        }
    }
}

impl Channel for DiskChannel {
    fn append(
        &self,
        batch: Vec<Event>,
        admission: Admission,
    ) -> BoxFuture<'_, Result<Vec<Position>, AppendError>> {
        Box::pin(async move {
            let shared = &self.shared;
            if let Some(why) = shared.broken() {
                return Err(AppendError::Broken(why));
            }
            let keys_epoch = shared.state.lock().keys_epoch();
            let events = batch.into_iter().map(|event| {
                let answers = Answers::of(&event, &*shared.matcher);
                PreparedEvent::new(event, answers)
            });
            let prepared = Prepared {
                events: events.collect(),
                keys_epoch,
            };
            shared.appender().append(prepared, admission).await
        })
    }

    fn subscribe(
        &self,
        spec: SubscriptionSpec,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, SubscribeError>> {
        Box::pin(async move {
            let is_new = self.shared.apply(|state, _| state.is_new(&spec.name));
            let from = match spec.start {
                Start::Latest => None,
                Start::Earliest | Start::Time(_) | Start::At(_) if !is_new => None,
                start => Some(self.resolve(start).await?),
            };
            let begun = self.shared.apply(|state, now| {
                let begun = state.subscribe(&spec, from, now)?;
                if is_new {
                    state.ages_anew(&spec.name, now);
                }
                Ok::<_, SubscribeError>(begun)
            })?;
            let reader = Reader::new(Arc::clone(&self.shared), begun.id);
            if let Some(saved) = begun.saved
                && let Err(error) = answered(saved).await
            {
                self.shared.apply(|state, _| state.forget(begun.id));
                return Err(error.into());
            }
            Ok(Box::new(reader) as Box<dyn Subscription>)
        })
    }

    fn pause(&self, name: &str, paused: bool) -> BoxFuture<'_, ()> {
        let name: Arc<str> = name.into();
        Box::pin(async move {
            let stored = self.shared.apply(|state, now| {
                let stored = state.pause(&name, paused);
                if stored.is_some() && !paused {
                    state.ages_anew(&name, now);
                }
                stored
            });
            if let Some(stored) = stored {
                // If it could not be, it is tried again, and takes effect all the same.
                drop(answered(stored).await);
            }
        })
    }

    fn set_exhausted(&self, name: &str, exhausted: Exhausted) -> BoxFuture<'_, ()> {
        let name: Arc<str> = name.into();
        Box::pin(async move {
            self.shared
                .apply(|state, now| state.set_exhausted(&name, exhausted, now));
        })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Option<SubscriptionStatus>> {
        let name: Arc<str> = name.into();
        Box::pin(async move {
            let (status, stored) = self.shared.apply(|state, _| state.delete(&name))?;
            drop(answered(stored).await);
            Some(status)
        })
    }

    fn seek(&self, name: &str, to: Start) -> BoxFuture<'_, Result<(), SeekError>> {
        let name: Arc<str> = name.into();
        Box::pin(async move {
            let to = self.resolve(to).await?;
            let begun = self.shared.apply(|state, now| {
                let begun = state.begin_seek(&name, to)?;
                state.ages_anew(&name, now);
                Ok::<_, SeekError>(begun)
            })?;
            carried_out(begun).await
        })
    }

    fn retained(
        &self,
        from: Start,
        limit: usize,
    ) -> BoxFuture<'_, Result<RetainedPage, StoreError>> {
        Box::pin(async move {
            let from = self.resolve(from).await?;
            listing::retained(&self.shared, from, limit).await
        })
    }

    fn replay(
        &self,
        name: &str,
        positions: &[Position],
    ) -> BoxFuture<'_, Result<Replayed, SeekError>> {
        let name: Arc<str> = name.into();
        let positions = positions.to_vec();
        Box::pin(async move {
            let begun = self
                .shared
                .apply(|state, now| state.begin_replay(&name, positions, now))?;
            carried_out(begun).await
        })
    }

    fn dead_letters(
        &self,
        name: Option<&str>,
        after: Option<DeadLetterKey>,
        limit: usize,
    ) -> BoxFuture<'_, Vec<DeadLetter>> {
        let name: Option<Arc<str>> = name.map(Arc::from);
        Box::pin(async move {
            let mut after = after;
            // Of a page there may be nothing left, which is not the end.
            loop {
                let page = |after| {
                    let state = self.shared.state.lock();
                    state.letters(name.as_deref(), after, limit)
                };
                let letters = page(after.as_ref());
                let is_last = letters.len() < limit;
                after = letters.last().map(|letter| letter.key.clone());
                match listing::dead_letters(&self.shared, letters).await {
                    Ok(found) if found.is_empty() && !is_last => {}
                    Ok(found) => return found,
                    Err(error) => {
                        telemetry::cannot_list(&error);
                        return Vec::new();
                    }
                }
            }
        })
    }

    fn redrive(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        let key = key.clone();
        Box::pin(async move {
            if key.position.partition != PARTITION {
                return Ok(false);
            }
            let offset = key.position.offset;
            let (answer, kept) = oneshot::channel();
            self.shared
                .apply(|state, now| state.begin_redrive(&key.subscription, offset, now, answer));
            answered(kept).await
        })
    }

    fn discard(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.end_letter(key.clone(), BY_THE_OPERATOR))
    }

    fn parked(&self, name: &str, after: Option<Position>, limit: usize) -> Vec<ParkedSince> {
        self.shared.state.lock().parked_since(name, after, limit)
    }

    fn discard_by_age(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.end_letter(key.clone(), BY_AGE))
    }

    fn describe(&self) -> ChannelStatus {
        let segments = self.shared.appender().segments();
        let accepted_at = |offset| shared::accepted_about(&segments, offset);
        let (subscriptions, (events, appended)) = self
            .shared
            .apply(|state, _| (state.statuses(&accepted_at), state.events()));
        let disk = self.shared.disk_status(&segments);
        ChannelStatus {
            class: DurabilityClass::Disk,
            events,
            bytes: segments.iter().map(|it| it.used_bytes).sum(),
            events_max: None,
            bytes_max: None,
            oldest_accepted_at: disk.oldest_retained_at,
            appended,
            disk: Some(disk),
            subscriptions,
        }
    }

    fn close(&self) {
        self.shared.apply(|state, _| state.close());
        self.shared.appender().stop();
    }
}

/// What comes of a command; without the keeper none is carried out any more.
async fn carried_out<T>(answer: oneshot::Receiver<Result<T, SeekError>>) -> Result<T, SeekError> {
    let closed = || StoreError("the channel is closed".to_owned());
    answer.await.unwrap_or_else(|_| Err(closed().into()))
}

/// What the keeper answers; without it nothing is stored any more.
async fn answered<T>(answer: oneshot::Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
    let gone = || StoreError("the channel is closed".to_owned());
    answer.await.unwrap_or_else(|_| Err(gone()))
}
