//! Keeps the window over a restart: in sled, a thousand pairs to an entry, once a second.
//!
//! A thread of its own writes, so that no producer waits for it. It never writes a pair before an older
//! one that is missing: at the next start what is newer than the latest that was kept is read out of
//! the events, and nothing else is. So what found the disk with hardly more room than a channel keeps
//! free is written, out of the window, once there is some, before what came after it. A store that is
//! damaged is set aside, told of once, and begun anew with all that the window has.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use sluicegate_channels::Timestamp;
use sluicegate_resources::ObjectName;
use tokio::sync::watch;
use tokio::time::Instant;

use super::tail::{Asked, Tail};
use super::window::{Key, Salt};
use super::{Deduplication, DeduplicationOptions};
use crate::disposable::{Broken, Damaged, Disposable, SpareFolder, set_aside};

/// Pairs are written this long after the first of them at most.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Without any, what is old is removed this often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long the end waits for the last of them.
const END_WAIT_MAX: Duration = Duration::from_secs(1);
/// Pairs of one entry.
const PAIRS_PER_ENTRY: usize = 1_000;
/// Pairs that wait to be written; past it they are taken out of the window.
const WAITING_MAX: usize = 1_000_000;
/// Pairs that are taken out of the window at a time, and written at once.
const MISSING_AT_A_TIME: usize = 100_000;
/// Two halves of a key, and when.
const PAIR_BYTES: usize = 24;
/// The name of the entry with the salt, and the sample that proves it. Shorter than any other.
const SALT: &[u8] = b"salt";

type Pair = (Timestamp, Key);

pub(super) struct Keeper {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pairs: Vec<Pair>,
    /// From then on there was no room for some.
    missing_since: Option<Timestamp>,
    is_closing: bool,
    is_ended: bool,
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
            entries: VecDeque::new(),
            next: 0,
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

impl State {
    fn add(&mut self, pairs: impl ExactSizeIterator<Item = Pair>) {
        let room = WAITING_MAX.saturating_sub(self.pairs.len());
        let mut pairs = pairs;
        self.pairs.extend(pairs.by_ref().take(room));
        if let Some((at, _)) = pairs.next() {
            self.missing_since = earlier(self.missing_since, at);
        }
    }
}

fn earlier(one: Option<Timestamp>, other: Timestamp) -> Option<Timestamp> {
    Some(one.map_or(other, |it| it.min(other)))
}

/// What is to be written.
struct Taken {
    pairs: Vec<Pair>,
    missing_since: Option<Timestamp>,
    /// Nothing will come after it.
    is_closing: bool,
}

impl Queue {
    fn close(&self) {
        self.state.lock().is_closing = true;
        self.changed.notify_all();
    }

    /// Waits for pairs, then a little for more.
    fn take(&self) -> Taken {
        let mut state = self.state.lock();
        let is_idle = |it: &mut State| it.pairs.is_empty() && !it.is_closing;
        self.changed.wait_while_for(&mut state, is_idle, LOOK_EVERY);
        if !state.pairs.is_empty() {
            self.changed
                .wait_while_for(&mut state, |it| !it.is_closing, WRITE_EVERY);
        }
        Taken {
            pairs: std::mem::take(&mut state.pairs),
            missing_since: state.missing_since.take(),
            is_closing: state.is_closing,
        }
    }

    fn end(&self) {
        self.state.lock().is_ended = true;
        self.changed.notify_all();
    }
}

/// An entry of the store.
struct Kept {
    number: u64,
    pairs: usize,
    latest: Timestamp,
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
    store: Option<Disposable>,
    entries: VecDeque<Kept>,
    /// The number of the next entry.
    next: u64,
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
            drop(store.with(|db| Ok(db.flush()?)));
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
        let made = self.open().and_then(|store| {
            write_salt(&store, salt)?;
            Ok(store)
        });
        self.store = made.ok();
        self.missing_since = Some(Timestamp::default());
    }

    fn open(&mut self) -> Result<Disposable, Damaged> {
        self.entries.clear();
        if let Some(parent) = self.folder.path().parent() {
            std::fs::create_dir_all(parent).map_err(|error| Damaged::new(error.to_string()))?;
        }
        Disposable::open(self.folder.path())
    }

    fn read(&mut self) -> Result<(Salt, Vec<Pair>), Damaged> {
        let store = self.open()?;
        let salt = match store.with(|db| Ok(db.get(SALT)?))? {
            Some(bytes) => read_salt(&bytes),
            None => None,
        };
        let Some(salt) = salt else {
            store.with(|db| Ok(db.clear()?))?;
            let salt = Salt::random(&mut fastrand::Rng::new());
            write_salt(&store, salt)?;
            self.store = Some(store);
            return Ok((salt, Vec::new()));
        };
        let (entries, next) = (&mut self.entries, &mut self.next);
        let pairs = store.with(|db| {
            let mut all = Vec::new();
            for entry in db.iter() {
                let (name, value) = entry?;
                if name.as_ref() == SALT {
                    continue;
                }
                let number = name.as_ref().try_into().map(u64::from_be_bytes);
                let number = number.map_err(|_| Broken::Content("an entry without a number"))?;
                let pairs = decode(&value)?;
                entries.push_back(Kept {
                    number,
                    pairs: pairs.len(),
                    latest: pairs.last().map_or_else(Timestamp::default, |it| it.0),
                });
                *next = (*next).max(number.saturating_add(1));
                all.extend(pairs);
            }
            Ok(all)
        })?;
        self.store = Some(store);
        Ok((salt, pairs))
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

    /// Writes pairs and removes what is too old or too much, in one write.
    fn write_at_once(&mut self, pairs: &[Pair]) -> Result<(), Damaged> {
        let now = self.now();
        let Some(store) = &self.store else {
            return Ok(());
        };
        let mut batch = sled::Batch::default();
        for some in pairs.chunks(PAIRS_PER_ENTRY) {
            batch.insert(&self.next.to_be_bytes(), encode(some));
            self.entries.push_back(Kept {
                number: self.next,
                pairs: some.len(),
                latest: some.last().map_or(now, |it| it.0),
            });
            self.next += 1;
        }
        let mut kept: usize = self.entries.iter().map(|it| it.pairs).sum();
        while let Some(oldest) = self.entries.front() {
            let is_old = now.since(oldest.latest) > self.options.window;
            if !is_old && kept - oldest.pairs < self.options.ids_max {
                break;
            }
            kept -= oldest.pairs;
            batch.remove(&oldest.number.to_be_bytes());
            self.entries.pop_front();
        }
        store.with(|db| Ok(db.apply_batch(batch)?))
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
                broker = %self.broker,
                aside = %aside.display(),
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

fn encode(pairs: &[Pair]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(pairs.len() * PAIR_BYTES);
    for (at, key) in pairs {
        for number in [at.0, key[0], key[1]] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    bytes
}

fn decode(bytes: &[u8]) -> Result<Vec<Pair>, Broken> {
    let (pairs, []) = bytes.as_chunks::<PAIR_BYTES>() else {
        return Err(Broken::Content("an entry of a wrong length"));
    };
    let number = |pair: &[u8; PAIR_BYTES], place: usize| {
        let (numbers, _) = pair.as_chunks::<8>();
        numbers.get(place).map_or(0, |it| u64::from_le_bytes(*it))
    };
    let pairs = pairs.iter().map(|pair| {
        let key = [number(pair, 1), number(pair, 2)];
        (Timestamp(number(pair, 0)), key)
    });
    Ok(pairs.collect())
}

fn write_salt(store: &Disposable, salt: Salt) -> Result<(), Damaged> {
    let numbers = [salt.0, salt.sample()].concat();
    let bytes: Vec<u8> = numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
    store.with(|db| {
        db.insert(SALT, bytes)?;
        Ok(())
    })
}

/// The salt, if keys are still made of it as they were.
fn read_salt(bytes: &[u8]) -> Option<Salt> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    let numbers: Vec<u64> = numbers.iter().map(|it| u64::from_le_bytes(*it)).collect();
    let [a, b, sample @ ..] = &*numbers else {
        return None;
    };
    let salt = Salt([*a, *b]);
    (rest.is_empty() && salt.sample() == *sample).then_some(salt)
}

#[cfg(test)]
mod tests;
