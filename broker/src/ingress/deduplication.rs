//! Stores an event once, however often its producer sends it: off unless asked for.
//!
//! Events are the same when `source` and `id` are. Who comes first *claims* the pair while it is being
//! stored; whoever comes with the same pair meanwhile waits for how that ends: stored, and it is a
//! duplicate, or not, and it may claim the pair itself. All pairs of a batch are claimed together or
//! none, so nobody waits while others wait for them.
//!
//! ```text
//!   claim ──► Wait(ended)        another request is storing one of them
//!         └─► Mine(ticket) ──► append ──► ticket.stored()    remembered for the window
//!                                    └──► ticket dropped     as if it had never been claimed
//! ```
//!
//! What is remembered is a keyed hash of 128 bits for each pair, so that nobody can make another's event
//! look like a duplicate. Bounded in time and in number; past either the oldest pair is forgotten, and
//! its event would be taken again. With a folder the window survives a restart (`keeping`), and what a
//! crash took of it is read out of the stored events (`tail`), as are those that came while the disk had
//! hardly more room than a channel keeps free, unless it had more again before. A window that is
//! damaged begins anew in the same way.
//! Never is an event refused, or taken for a duplicate, because something went wrong here.

mod keeping;
mod tail;
mod window;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_channels::Clock;
use sluicegate_event::Event;
use sluicegate_resources::ObjectName;
use tokio::sync::watch;

use self::keeping::Keeper;
pub use self::tail::Tail;
use self::window::Window;
use crate::disposable::SpareFolder;
use crate::metrics::deduplication::DeduplicationHandles;

/// How duplicates are found: `ingress.deduplicate` in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeduplicationOptions {
    /// For how long an event is remembered. Default 10 min.
    pub window: Duration,
    /// How many events of a broker are remembered. Default 1,000,000, which takes about 70 MB once there
    /// are as many.
    pub ids_max: usize,
}

impl Default for DeduplicationOptions {
    fn default() -> Self {
        DeduplicationOptions {
            window: Duration::from_secs(600),
            ids_max: 1_000_000,
        }
    }
}

/// What one broker remembers of the events it has stored. See the [module](self).
pub struct Deduplication {
    clock: Clock,
    window: Mutex<Window>,
    keeper: OnceLock<Keeper>,
    metrics: DeduplicationHandles,
}

impl fmt::Debug for Deduplication {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Deduplication")
            .field("is_kept", &self.is_kept())
            .finish_non_exhaustive()
    }
}

/// Whether events may be stored now.
#[derive(Debug)]
pub enum Claim {
    /// They may, as far as the ticket says.
    Mine(Ticket),
    /// Not before this ends.
    Wait(Ended),
}

/// Ends when whatever is waited for has.
#[derive(Debug)]
pub struct Ended(watch::Receiver<()>);

impl Ended {
    /// Waits for it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn wait(mut self) {
        // Nothing is ever sent; the sender goes when it ends.
        while self.0.changed().await.is_ok() {}
    }
}

/// The right to store events. Dropped without [`Ticket::stored`], nothing has been claimed.
#[derive(Debug)]
pub struct Ticket {
    owner: Arc<Deduplication>,
    keys: Vec<window::Key>,
    is_fresh: Vec<bool>,
    /// Dropped last, once the pairs are free or remembered.
    _ended: watch::Sender<()>,
}

impl Deduplication {
    /// Remembers nothing, or what is kept in `folder` and what is stored behind that: claims wait until
    /// that is read.
    pub fn open(
        broker: &ObjectName,
        options: &DeduplicationOptions,
        folder: Option<SpareFolder>,
        tail: Option<Tail>,
        clock: Clock,
        metrics: DeduplicationHandles,
    ) -> Arc<Self> {
        let (ended, is_read) = watch::channel(());
        let window = Window::new(options, folder.as_ref().map(|_| is_read));
        let opened = Arc::new(Deduplication {
            clock,
            window: Mutex::new(window),
            keeper: OnceLock::new(),
            metrics,
        });
        if let Some(folder) = folder {
            let owner = Arc::downgrade(&opened);
            let start = || Keeper::start(broker, options, folder, tail, owner, ended);
            opened.keeper.get_or_init(start);
        }
        opened
    }

    /// Claims those of the events that have not been stored within the window.
    pub fn claim(self: &Arc<Self>, events: &[Event]) -> Claim {
        let mut window = self.window.lock();
        let now = self.clock.now();
        window.expire(now);
        if let Some(reading) = window.reading() {
            return Claim::Wait(Ended(reading));
        }
        let salt = window.salt();
        let keys: Vec<_> = events
            .iter()
            .map(|it| salt.key(it.source(), it.id()))
            .collect();
        if let Some(other) = window.storing(&keys) {
            return Claim::Wait(Ended(other));
        }
        let (sender, ended) = watch::channel(());
        let is_fresh: Vec<bool> = keys.iter().map(|key| window.claim(*key, &ended)).collect();
        let fresh = keys.into_iter().zip(&is_fresh);
        Claim::Mine(Ticket {
            owner: Arc::clone(self),
            keys: fresh.filter(|(_, is)| **is).map(|(key, _)| key).collect(),
            is_fresh,
            _ended: sender,
        })
    }

    /// Has what is remembered written. Blocking, for 1 s at most, however many there are.
    pub fn close_all(all: &[Arc<Deduplication>]) {
        let keepers = all.iter().filter_map(|it| it.keeper.get());
        keeping::close(&keepers.collect::<Vec<_>>());
    }

    /// Whether anything has to be written in the end.
    pub fn is_kept(&self) -> bool {
        self.keeper.get().is_some()
    }
}

impl Ticket {
    /// Leaves out the events that were stored before, and says how many these were.
    pub fn retain_fresh(&self, events: &mut Vec<Event>) -> usize {
        let before = events.len();
        let mut is_fresh = self.is_fresh.iter();
        events.retain(|_| is_fresh.next().copied().unwrap_or(true));
        let duplicates = before - events.len();
        self.owner.metrics.duplicates(duplicates);
        duplicates
    }

    /// The events are stored: remembers them.
    pub fn stored(mut self) {
        let keys = std::mem::take(&mut self.keys);
        let mut window = self.owner.window.lock();
        // Under the lock, so that what is remembered is in order.
        let now = self.owner.clock.now();
        window.stored(&keys, now);
        drop(window);
        if let Some(keeper) = self.owner.keeper.get() {
            keeper.keep(&keys, now);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.keys.is_empty() {
            self.owner.window.lock().release(&self.keys);
        }
    }
}

#[cfg(test)]
mod tests;
