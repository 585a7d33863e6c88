//! Keeps the window over a restart: what is stored is written once a second.
//!
//! A thread of its own writes, so that no producer waits for it. It never writes a pair before an older
//! one that is missing: at the next start what is newer than the latest that was kept is read out of
//! the events, and nothing else is. So what found the disk with hardly more room than a channel keeps
//! free is written, out of the window, once there is some, before what came after it. A store that is
//! damaged is set aside, told of once, and begun anew with all that the window has.

mod queue;
mod store;

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use sluicegate_channels::Timestamp;
use sluicegate_resources::ObjectName;
use tokio::sync::watch;
use tokio::time::Instant;

use self::queue::{Queue, State, Taken};
use self::store::Store;
use super::tail::{Asked, Tail};
use super::window::{Key, Salt};
use super::{Deduplication, DeduplicationOptions};
use crate::disposable::{self, Damaged, SpareFolder, set_aside};

/// How long the end waits for the last of them.
const END_WAIT_MAX: Duration = Duration::from_secs(1);
/// Pairs that are taken out of the window at a time, and written at once.
const MISSING_AT_A_TIME: usize = 100_000;

/// When it was stored, and which.
type Pair = (Timestamp, Key);

pub(super) struct Keeper {
    queue: Arc<Queue>,
}

impl Keeper {
    /// Begins the thread, which reads what was kept and then lets go of `ended`.
    pub(super) fn start(
        broker: &ObjectName,
        options: &DeduplicationOptions,
        folder: SpareFolder,
        tail: Option<Tail>,
        owner: Weak<Deduplication>,
        ended: watch::Sender<()>,
    ) -> Self {
        let queue = Arc::new(Queue::default());
        let keeping = Keeping {
            broker: broker.clone(),
            options: options.clone(),
            folder,
            is_yielding: false,
            tail,
            owner,
            queue: Arc::clone(&queue),
            store: None,
            missing_since: None,
        };
        let thread = std::thread::Builder::new().name("deduplicate".to_owned());
        if let Err(error) = thread.spawn(move || keeping.run(ended)) {
            // What waited for the reading goes on, since the sender is gone with the closure.
            tracing::error!(%broker, %error, "no thread for the deduplication: it begins anew");
        }
        Keeper { queue }
    }

    pub(super) fn keep(&self, keys: &[Key], now: Timestamp) {
        let mut state = self.queue.state.lock();
        let was_empty = state.pairs.is_empty();
        state.add(keys.iter().map(|key| (now, *key)));
        if was_empty {
            self.queue.changed.notify_all();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Ends the threads, once all is written. Blocking, for a bounded time.
pub(super) fn close(keepers: &[&Keeper]) {
    for keeper in keepers {
        keeper.queue.close();
    }
    let deadline = Instant::now() + END_WAIT_MAX;
    for keeper in keepers {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut state = keeper.queue.state.lock();
        let is_running = |it: &mut State| !it.is_ended;
        keeper
            .queue
            .changed
            .wait_while_for(&mut state, is_running, left);
    }
}

struct Keeping {
    broker: ObjectName,
    options: DeduplicationOptions,
    folder: SpareFolder,
    /// The disk has too little room for what may be lost.
    is_yielding: bool,
    /// The events themselves, until they are read.
    tail: Option<Tail>,
    owner: Weak<Deduplication>,
    queue: Arc<Queue>,
    store: Option<Store>,
    /// From then on the window has pairs that the store has not, and that were not just taken.
    missing_since: Option<Timestamp>,
}

impl Keeping {
    fn run(mut self, ended: watch::Sender<()>) {
        self.begin();
        drop(ended);
        loop {
            let taken = self.queue.take();
            if let Err(damaged) = self.write(&taken) {
                self.set_aside(&damaged);
                self.begin_anew();
            }
            if taken.is_closing {
                break;
            }
        }
        if let Some(store) = self.store.take() {
            drop(store.flush());
        }
        self.queue.end();
    }

    fn now(&self) -> Timestamp {
        let owner = self.owner.upgrade();
        owner.map_or_else(Timestamp::default, |it| it.clock.now())
    }

    /// Reads what was kept, and lets claims go on whatever comes of it.
    fn begin(&mut self) {
        let read = self.read().or_else(|damaged| {
            self.set_aside(&damaged);
            self.read()
        });
        let (salt, mut pairs) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(
                    broker = %self.broker,
                    dir = %self.folder.path().display(),
                    "what is remembered of events cannot be kept, and ends with the process: {error}"
                );
                (Salt::random(&mut fastrand::Rng::new()), Vec::new())
            }
        };
        // The wall clock may have been set back since they were stored.
        let now = self.now();
        for (at, _) in &mut pairs {
            *at = now.min(*at);
        }
        pairs.extend(self.read_back(salt, &pairs));
        pairs.sort_by_key(|(at, _)| *at);
        if let Some(owner) = self.owner.upgrade() {
            owner.window.lock().read(salt, pairs, owner.clock.now());
        }
    }

    /// Reads what a crash kept from being written out of the events, and has it written.
    fn read_back(&mut self, salt: Salt, kept: &[Pair]) -> VecDeque<Pair> {
        let Some(tail) = self.tail.take() else {
            return VecDeque::new();
        };
        let asked = Asked {
            salt,
            kept,
            now: self.now(),
            window: self.options.window,
            ids_max: self.options.ids_max,
        };
        let fresh = tail.read(&self.broker, &asked);
        self.queue.state.lock().add(fresh.iter().copied());
        fresh
    }

    /// After damage: what is remembered stays in memory, and is kept from now on.
    fn begin_anew(&mut self) {
        let Some(owner) = self.owner.upgrade() else {
            return;
        };
        let salt = owner.window.lock().salt();
        let made = Store::open(self.folder.path()).and_then(|mut store| {
            store.begin(salt)?;
            Ok(store)
        });
        self.store = made.ok();
        self.missing_since = Some(Timestamp::default());
    }

    fn read(&mut self) -> Result<(Salt, Vec<Pair>), Damaged> {
        let mut store = Store::open(self.folder.path())?;
        let read = store.read()?;
        self.store = Some(store);
        Ok(read)
    }

    fn write_at_once(&mut self, pairs: &[Pair]) -> Result<(), Damaged> {
        let now = self.now();
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        store.write(pairs, &self.options, now)
    }

    /// Writes what was taken; but first what is missing before it, which is taken out of the window and
    /// has all that was taken too.
    fn write(&mut self, taken: &Taken) -> Result<(), Damaged> {
        let earliest = taken.pairs.iter().map(|(at, _)| *at).min();
        let missing_since = self.missing_since.into_iter().chain(taken.missing_since);
        let missing_since = missing_since.min();
        if missing_since.is_none() && !self.yields() {
            return self.write_at_once(&taken.pairs);
        }
        self.missing_since = missing_since.into_iter().chain(earliest).min();
        while let Some(since) = self.missing_since {
            let Some(owner) = self.owner.upgrade() else {
                return Ok(());
            };
            if self.yields() {
                return Ok(());
            }
            let some = owner.window.lock().stored_since(since, MISSING_AT_A_TIME);
            drop(owner);
            self.write_at_once(&some)?;
            let is_all = some.len() < MISSING_AT_A_TIME;
            let last = some.last().filter(|_| !is_all);
            self.missing_since = last.map(|(at, _)| Timestamp(at.0.saturating_add(1)));
        }
        Ok(())
    }

    /// Whether nothing is to be written, so that events find the room that is left. To remove what is
    /// old would be written too.
    fn yields(&mut self) -> bool {
        let was_yielding = self.is_yielding;
        self.is_yielding = !self.folder.may_grow();
        if self.is_yielding && !was_yielding {
            tracing::warn!(
                broker = %self.broker,
                dir = %self.folder.path().display(),
                "what is remembered of events is not kept for now, and ends with the process: the disk \
                 has hardly more room than is kept free for events"
            );
        }
        self.is_yielding
    }

    fn set_aside(&mut self, damaged: &Damaged) {
        self.store = None;
        let owner = self.owner.upgrade();
        if let Some(owner) = &owner {
            owner.metrics.damaged();
        }
        match set_aside(self.folder.path(), self.now()) {
            Ok(aside) => tracing::error!(
                code = disposable::DAMAGED,
                broker = %self.broker,
                file = %aside.display(),
                help = disposable::NOTHING_TO_MEND,
                "what was remembered of events is damaged and set aside: an event that was sent before may \
                 be taken again: {damaged}"
            ),
            Err(failure) => tracing::warn!(
                broker = %self.broker,
                dir = %self.folder.path().display(),
                %failure,
                "what was remembered of events is damaged and cannot be set aside: {damaged}"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
