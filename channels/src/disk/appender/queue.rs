//! What waits for the owner thread: bounded in appends, in bytes and in other work.
//!
//! Who finds no room waits for it in turn: the semaphores are fair. What is in the queue has its
//! permits with it, and the owner gives them back when it takes it out.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::AppenderOptions;
use super::gathering::Patience;
use super::prepared::Prepared;
use crate::disk::log::Log;
use crate::{Admission, AppendError, Position};

/// How much other work may wait.
const WORK_MAX: usize = 16;

/// What an append is told.
pub(super) type Answer = Result<Vec<Position>, AppendError>;

/// What is to be done with the log between two batches.
pub(super) type Work = Box<dyn FnOnce(&mut Log) + Send>;

/// An append in the queue.
pub(super) struct Waiting {
    pub(super) prepared: Prepared,
    pub(super) size_bytes: usize,
    pub(super) admission: Admission,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// Why nothing more is taken.
#[derive(Clone, Debug)]
pub(super) enum End {
    Closed,
    Broken(Arc<str>),
}

impl From<End> for AppendError {
    fn from(end: End) -> Self {
        match end {
            End::Closed => AppendError::Closed,
            End::Broken(why) => AppendError::Broken(why),
        }
    }
}

/// Room in the queue for one append.
pub(super) struct Place<'a> {
    append: SemaphorePermit<'a>,
    bytes: SemaphorePermit<'a>,
}

/// What the owner does next, besides the appends it took.
pub(super) struct Next {
    pub(super) work: Option<Work>,
    /// Nothing is left and nothing will come.
    pub(super) is_ended: bool,
    /// More appends were waited for than came.
    pub(super) waited_in_vain: bool,
}

pub(super) struct Queue {
    appends: Semaphore,
    bytes: Semaphore,
    work: Semaphore,
    bytes_max: u32,
    batch_events_max: usize,
    batch_bytes_max: usize,
    inner: Mutex<Inner>,
    /// Only the owner waits here.
    filled: Condvar,
}

#[derive(Default)]
struct Inner {
    appends: VecDeque<Waiting>,
    /// Of all of them.
    events: usize,
    bytes: usize,
    work: VecDeque<Work>,
    end: Option<End>,
    /// How many appends wake the owner, where it waits for more than one.
    wakes_at: usize,
}

impl fmt::Debug for Queue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner.lock();
        out.debug_struct("Queue")
            .field("appends", &inner.appends.len())
            .field("end", &inner.end)
            .finish_non_exhaustive()
    }
}

impl Queue {
    pub(super) fn new(options: &AppenderOptions) -> Self {
        let bytes_max = u32::try_from(options.queue_bytes_max).unwrap_or(u32::MAX);
        let bytes_max = bytes_max.max(1);
        Queue {
            appends: Semaphore::new(options.queue_appends_max.clamp(1, Semaphore::MAX_PERMITS)),
            bytes: Semaphore::new(bytes_max as usize),
            work: Semaphore::new(WORK_MAX),
            bytes_max,
            batch_events_max: options.batch_events_max,
            batch_bytes_max: options.batch_bytes_max,
            inner: Mutex::default(),
            filled: Condvar::new(),
        }
    }

    /// Waits for room. An append that is larger than the whole queue waits until that is empty.
    pub(super) async fn place(&self, size_bytes: usize) -> Result<Place<'_>, AppendError> {
        let append = self.appends.acquire().await.map_err(|_| self.refusal())?;
        let bytes = self.bytes.acquire_many(self.permits(size_bytes)).await;
        let bytes = bytes.map_err(|_| self.refusal())?;
        Ok(Place { append, bytes })
    }

    fn permits(&self, size_bytes: usize) -> u32 {
        u32::try_from(size_bytes).map_or(self.bytes_max, |it| it.min(self.bytes_max))
    }

    pub(super) fn push(&self, place: Place<'_>, waiting: Waiting) -> Result<(), AppendError> {
        let mut inner = self.inner.lock();
        if let Some(end) = &inner.end {
            return Err(end.clone().into());
        }
        // The owner gives the permits back as soon as it can take the append.
        place.append.forget();
        place.bytes.forget();
        inner.events += waiting.prepared.events.len();
        inner.bytes += waiting.size_bytes;
        inner.appends.push_back(waiting);
        let wakes = inner.appends.len() >= inner.wakes_at || self.has_batch(&inner);
        drop(inner);
        if wakes {
            self.filled.notify_one();
        }
        Ok(())
    }

    pub(super) async fn push_work(&self, work: Work) -> Result<(), AppendError> {
        let place = self.work.acquire().await.map_err(|_| self.refusal())?;
        let mut inner = self.inner.lock();
        if let Some(end) = inner.end.as_ref().filter(|_| self.work.is_closed()) {
            return Err(end.clone().into());
        }
        place.forget();
        inner.work.push_back(work);
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// Takes appends for one batch, oldest first, and one piece of other work. Waits for as many as
    /// `more` says, and if there are none then, for any, but no longer than `idle`.
    pub(super) fn take(&self, taken: &mut Vec<Waiting>, idle: Duration, more: Patience) -> Next {
        let mut inner = self.inner.lock();
        let waited_in_vain = self.wait_for_more(&mut inner, more);
        if inner.is_empty() && !inner.is_closed() {
            self.filled.wait_for(&mut inner, idle);
        }
        let (mut events, mut bytes, mut permits) = (0, 0, 0);
        while let Some(first) = inner.appends.front() {
            let all_events = events + first.prepared.events.len();
            let all_bytes = bytes + first.size_bytes;
            let is_over = all_events > self.batch_events_max || all_bytes > self.batch_bytes_max;
            if is_over && !taken.is_empty() {
                break;
            }
            (events, bytes) = (all_events, all_bytes);
            permits += self.permits(first.size_bytes) as usize;
            taken.extend(inner.appends.pop_front());
        }
        inner.events -= events;
        inner.bytes -= bytes;
        let work = inner.work.pop_front();
        let is_ended = inner.is_closed() && inner.is_empty();
        drop(inner);
        self.appends.add_permits(taken.len());
        self.bytes.add_permits(permits);
        self.work.add_permits(usize::from(work.is_some()));
        Next {
            work,
            is_ended,
            waited_in_vain,
        }
    }

    /// Waits until there are as many appends, and says whether that was in vain. Whoever comes
    /// first does not wake the owner: that is one wake for all.
    fn wait_for_more(&self, inner: &mut MutexGuard<'_, Inner>, more: Patience) -> bool {
        let has_enough = inner.appends.len() >= more.appends || self.has_batch(inner);
        if has_enough || !inner.work.is_empty() || inner.end.is_some() || more.at_most.is_zero() {
            return false;
        }
        inner.wakes_at = more.appends;
        let waited = self.filled.wait_for(inner, more.at_most);
        inner.wakes_at = 0;
        waited.timed_out()
    }

    /// Takes nothing more, and wakes who waits for room. What is in the queue stays.
    pub(super) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.end = Some(End::Closed);
        self.work.close();
        drop(inner);
        self.close_doors();
        self.filled.notify_one();
    }

    /// Whether there is as much as goes into one batch.
    fn has_batch(&self, inner: &Inner) -> bool {
        inner.events >= self.batch_events_max || inner.bytes >= self.batch_bytes_max
    }

    /// Takes no more appends, and refuses those that are in the queue. Other work is still done.
    pub(super) fn break_down(&self, why: &Arc<str>) {
        let mut inner = self.inner.lock();
        let refused = std::mem::take(&mut inner.appends);
        (inner.events, inner.bytes) = (0, 0);
        inner
            .end
            .get_or_insert_with(|| End::Broken(Arc::clone(why)));
        drop(inner);
        self.close_doors();
        for waiting in refused {
            // Who no longer waits for it need not be told.
            waiting
                .answer
                .send(Err(AppendError::Broken(Arc::clone(why))))
                .ok();
        }
    }

    /// Refuses all that is in the queue and will come, because nobody takes it out any more.
    pub(super) fn abandon(&self, why: &Arc<str>) {
        self.break_down(why);
        let mut inner = self.inner.lock();
        self.work.close();
        let dropped = std::mem::take(&mut inner.work);
        drop(inner);
        drop(dropped);
    }

    fn close_doors(&self) {
        self.appends.close();
        self.bytes.close();
    }

    /// How many appends are in it.
    pub(super) fn len(&self) -> usize {
        self.inner.lock().appends.len()
    }

    /// Why nothing more is taken; `None` while it is.
    pub(super) fn end(&self) -> Option<End> {
        self.inner.lock().end.clone()
    }

    /// What is said where it is known that nothing more is taken.
    pub(super) fn refusal(&self) -> AppendError {
        self.end().unwrap_or(End::Closed).into()
    }
}

impl Inner {
    fn is_empty(&self) -> bool {
        self.appends.is_empty() && self.work.is_empty()
    }

    fn is_closed(&self) -> bool {
        matches!(self.end, Some(End::Closed))
    }
}
