//! Appending to the log of events: one thread owns it, and commits all that waits at once.
//!
//! ```text
//!  producers: encode, match ──► [ queue ] ──► owner: write, sync ──► Accept ──► answers
//!                                                        └── one sync for all that waited
//! ```
//!
//! # Promises
//!
//! 1. An append is answered once, with its positions only when all of it is durable and
//!    [`Accept`] has had it. Appends are accepted in the order of their offsets.
//! 2. The events of one append are stored whole or not at all, also when its future is dropped.
//! 3. The queue is bounded in appends and in bytes; who finds it full waits in turn.
//! 4. Without room ([`SpaceWatch`]) appends are refused with [`AppendError::NoSpace`], and nothing
//!    is written; they are taken again soon after there is room.
//! 5. After a failed write or sync, that batch and all that follow are refused with
//!    [`AppendError::Broken`], and the log is not touched again.
//! 6. After [`Appender::close`] nothing more is taken; what was in the queue is stored.
//!
//! The thread waits on a disk, so it is none of the runtime's. It is woken once for a batch, and
//! does nothing for an event that could be done before: producers encode and match in their own
//! tasks. Where those that it has just answered come back at once, it waits for most of them, so
//! that they share a sync (`gathering.rs`). Segments are removed, and anything else is done with
//! the log, by the same thread between two batches ([`Appender::with_log`]).
//!
//! What is deliberately absent: who wants an event, what is kept of it in memory, and when a
//! segment may go.

mod gathering;
mod owner;
mod prepared;
mod queue;
mod room;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use self::gathering::Gathering;
use self::owner::Owner;
pub use self::prepared::{Answers, Prepared, PreparedEvent, Stored};
use self::queue::{End, Queue, Waiting};
use self::room::RoomKeeper;
use super::log::{Batch, Log, LogError, Readers, SegmentInfo};
use super::space::SpaceWatch;
use crate::{Admission, AppendError, Clock, Position, Refuses, telemetry};

/// Takes over what has become durable.
pub trait Accept: Send + Sync {
    /// Called on the owner thread with the appends of one batch, in the order of their offsets,
    /// once they are durable and before any of them is answered. Everybody who appends waits for
    /// this, so it takes no longer than putting them where they are found.
    fn accept(&self, stored: Vec<Stored>);
}

/// How appends are queued and committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppenderOptions {
    /// How many appends may wait, at least 1. Default 4,096.
    pub queue_appends_max: usize,
    /// How many bytes of them, up to 4 GiB. One that is larger waits until the queue is empty.
    /// Default 64 MiB.
    pub queue_bytes_max: usize,
    /// How many events are committed at once. An append of more goes alone. Default 1,024.
    pub batch_events_max: usize,
    /// How many bytes of them. Default 1 MiB.
    pub batch_bytes_max: usize,
    /// What a producer is told for whom there is no room. Default 5 s.
    pub retry_after: Duration,
    /// How often the room is looked at while events come in, or while there is too little.
    /// Default 250 ms.
    pub look_every: Duration,
}

impl Default for AppenderOptions {
    fn default() -> Self {
        AppenderOptions {
            queue_appends_max: 4_096,
            queue_bytes_max: 64 << 20,
            batch_events_max: 1_024,
            batch_bytes_max: 1 << 20,
            retry_after: Duration::from_secs(5),
            look_every: Duration::from_millis(250),
        }
    }
}

impl AppenderOptions {
    fn no_space(&self) -> AppendError {
        AppendError::NoSpace {
            retry_after: self.retry_after,
        }
    }
}

/// Why a segment was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// The log could not do it.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The appender has ended.
    #[error(transparent)]
    Ended(AppendError),
}

/// The way into the log of events. See the [module](self).
///
/// ```
/// use std::sync::Arc;
/// use std::time::UNIX_EPOCH;
///
/// use sluicegate_channels::disk::appender::{
///     Accept, Answers, Appender, AppenderOptions, Prepared, PreparedEvent, Stored,
/// };
/// use sluicegate_channels::disk::files::Disk;
/// use sluicegate_channels::disk::log::{Log, LogOptions};
/// use sluicegate_channels::disk::space::{SpaceOptions, SpaceWatch};
/// use sluicegate_channels::{Admission, Clock};
/// use sluicegate_event::Event;
///
/// struct Nothing;
///
/// impl Accept for Nothing {
///     fn accept(&self, _stored: Vec<Stored>) {}
/// }
///
/// # let dir = std::env::temp_dir().join(format!("appender-example-{}", std::process::id()));
/// # let small = LogOptions { segment_bytes: 8 << 10, ..LogOptions::default() };
/// # let none = SpaceOptions { free_percent: 0, free_bytes_min: 0, reserve_bytes: 0 };
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let (log, _) = Log::open(Arc::new(Disk), &dir.join("events"), small)?;
/// let space = SpaceWatch::open(Arc::new(Disk), &dir, none)?;
/// let clock = Clock::anchored_at(UNIX_EPOCH);
/// let options = AppenderOptions::default();
/// let appender = Appender::start(log, options, space, clock, Arc::new(Nothing))?;
///
/// let event = Event::builder("1", "/shop", "order.created").build()?;
/// let events = vec![PreparedEvent::new(event, Answers::default())];
/// let prepared = Prepared { events, keys_epoch: 0 };
/// let positions = appender.append(prepared, Admission::Ingress).await?;
/// assert_eq!(positions[0].offset, 0);
/// appender.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Appender {
    queue: Arc<Queue>,
    options: AppenderOptions,
    space: SpaceWatch,
    is_short: Arc<AtomicBool>,
    readers: Readers,
    thread: Mutex<Option<JoinHandle<Result<(), LogError>>>>,
}

impl fmt::Debug for Appender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Appender")
            .field("queue", &self.queue)
            .field("space", &self.space)
            .finish_non_exhaustive()
    }
}

impl Appender {
    /// Starts the thread that owns `log` from now on. Nothing is written before the first append.
    ///
    /// # Errors
    ///
    /// The system's, where it starts no thread.
    pub fn start(
        log: Log,
        options: AppenderOptions,
        space: SpaceWatch,
        clock: Clock,
        accept: Arc<dyn Accept>,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(&options));
        let readers = log.readers().telling(telemetry::events_damaged);
        let room = RoomKeeper::new(space.clone(), options.look_every);
        let is_short = room.is_short();
        let owner = Owner {
            log,
            queue: Arc::clone(&queue),
            options: options.clone(),
            room,
            gathering: Gathering::default(),
            clock,
            accept,
            batch: Batch::new(),
            answers: Vec::new(),
            is_failing: false,
            is_broken: false,
        };
        let runtime = Handle::try_current().ok();
        let thread = std::thread::Builder::new()
            .name("events-writer".to_owned())
            .spawn(move || owner.run(runtime.as_ref()))?;
        Ok(Appender {
            queue,
            options,
            space,
            is_short,
            readers,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Stores the events, whole or not at all, and says where they stand. Waits while the queue is
    /// full. Without events it does nothing.
    ///
    /// # Errors
    ///
    /// [`AppendError::TooLarge`] for what a log can never take, [`AppendError::NoSpace`],
    /// [`AppendError::Broken`], [`AppendError::Closed`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it unknown whether the events are stored; they are stored whole
    /// or not at all.
    pub async fn append(
        &self,
        prepared: Prepared,
        admission: Admission,
    ) -> Result<Vec<Position>, AppendError> {
        let size_bytes = prepared.size_bytes()?;
        let place = self.queue.place(size_bytes).await?;
        if prepared.events.is_empty() {
            return Ok(Vec::new());
        }
        if !self.space.room().admits(admission) {
            return Err(self.options.no_space());
        }
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            prepared,
            size_bytes,
            admission,
            answer,
        };
        self.queue.push(place, waiting)?;
        answered.await.unwrap_or_else(|_| Err(self.queue.refusal()))
    }

    /// Does something with the log between two batches, on its owner's thread, and waits for what
    /// comes of it. Producers wait meanwhile. It is also done when the log is poisoned, which then
    /// says so itself.
    ///
    /// # Errors
    ///
    /// [`AppendError::Closed`], and it may have been done or not; [`AppendError::Broken`] if the
    /// thread has ended without being told to.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it unknown whether it is done.
    pub async fn with_log<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Log) -> T + Send + 'static,
    ) -> Result<T, AppendError> {
        let (answer, answered) = oneshot::channel();
        let work = move |log: &mut Log| drop(answer.send(act(log)));
        self.queue.push_work(Box::new(work)).await?;
        answered.await.map_err(|_| self.queue.refusal())
    }

    /// Removes the segments of these bases, one after the other, each between two batches, so that
    /// producers never wait for more than one.
    ///
    /// # Errors
    ///
    /// [`RemovalError`] for the first that could not be removed. Those before it are.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it unknown how many are removed.
    pub async fn remove_segments(&self, bases: &[u64]) -> Result<(), RemovalError> {
        for &base in bases {
            let removed = self.with_log(move |log| log.remove_segment(base)).await;
            removed.map_err(RemovalError::Ended)??;
        }
        Ok(())
    }

    /// Makes readers of the log.
    #[must_use]
    pub fn readers(&self) -> Readers {
        self.readers.clone()
    }

    /// All segments in order, as far as they are synced.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.readers.segments()
    }

    /// The room there is, as the owner saw it last.
    #[must_use]
    pub fn space(&self) -> &SpaceWatch {
        &self.space
    }

    /// How many appends are in the queue.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Why no events are taken, when none are.
    #[must_use]
    pub fn refuses(&self) -> Option<Refuses> {
        match self.queue.end() {
            Some(End::Broken(why)) => Some(Refuses::Broken(why)),
            Some(End::Closed) | None => {
                let is_short = self.is_short.load(Ordering::Relaxed);
                is_short.then_some(Refuses::NoSpace)
            }
        }
    }

    /// Whether the log has failed, so that nothing more is done with it.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.queue.end(), Some(End::Broken(_)))
    }

    /// Takes nothing more from now on. Who waits for room is refused; what is in the queue is
    /// stored and answered, and then the log is closed. This does not wait for that.
    pub fn stop(&self) {
        self.queue.close();
    }

    /// As [`Appender::stop`], and waits until the log is closed, which takes as long as storing
    /// what is in the queue. From the second time on there is nothing left to wait for.
    ///
    /// # Errors
    ///
    /// [`LogError`]: the log could not be put in order. Opening it does that.
    pub fn close(&self) -> Result<(), LogError> {
        self.stop();
        let Some(thread) = self.thread.lock().take() else {
            return Ok(());
        };
        if thread.thread().id() == std::thread::current().id() {
            // Whoever accepts was the last to hold this, and cannot wait for itself.
            return Ok(());
        }
        // A thread that panicked has said so, and whoever waited for it was told.
        thread.join().unwrap_or(Ok(()))
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        drop(self.close());
    }
}
