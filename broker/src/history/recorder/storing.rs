//! An append that is recorded though nobody waits for its answer any more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sluicegate_channels::{AppendError, BoxFuture, Position};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::super::History;

/// What appends that nobody waits for may hold in memory, in KiB: a store that hangs must not collect
/// them without bound.
const LATE_KIB_MAX: usize = 16 << 10;

/// Room for the appends of one channel that nobody waits for.
#[derive(Clone, Debug)]
pub(super) struct Late(Arc<Semaphore>);

impl Default for Late {
    fn default() -> Self {
        Late(Arc::new(Semaphore::new(LATE_KIB_MAX)))
    }
}

/// An append that is recorded when it ends. Dropped before, it goes on in a task of its own as long as
/// there is room for such; without room its records are left out, which stories then tell.
pub(super) struct Storing {
    /// None once it has ended.
    pub(super) inner: Option<BoxFuture<'static, Result<Vec<Position>, AppendError>>>,
    /// Whether the channel may have been asked already.
    pub(super) has_begun: bool,
    pub(super) events: u64,
    pub(super) size_bytes: usize,
    pub(super) late: Late,
    pub(super) history: Arc<History>,
}

impl Future for Storing {
    type Output = Result<Vec<Position>, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.has_begun = true;
        let Some(inner) = &mut self.inner else {
            return Poll::Pending;
        };
        let ended = inner.as_mut().poll(context);
        if ended.is_ready() {
            self.inner = None;
        }
        ended
    }
}

impl Drop for Storing {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take().filter(|_| self.has_begun) else {
            return;
        };
        let kib = u32::try_from(self.size_bytes / 1_024 + 1).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.late.0).try_acquire_many_owned(kib);
        match (room, Handle::try_current()) {
            (Ok(room), Ok(runtime)) => drop(runtime.spawn(async move {
                // Whoever asked is gone.
                drop(inner.await);
                drop(room);
            })),
            _ => self.history.leave_out(self.events),
        }
    }
}
