//! What is remembered: plain data, under the lock of its owner.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use sluicegate_channels::Timestamp;
use tokio::sync::watch;

use super::DeduplicationOptions;

/// Stands for a source and an id.
pub(super) type Key = [u64; 2];

/// What makes the hashes of one broker its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Salt(pub(super) Key);

impl Salt {
    pub(super) fn random(random: &mut fastrand::Rng) -> Self {
        Salt([random.u64(..), random.u64(..)])
    }

    pub(super) fn key(self, source: &str, id: &str) -> Key {
        self.0.map(|salt| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(salt);
            hasher.write_u64(self.0[0] ^ self.0[1].rotate_left(1));
            hasher.write_usize(source.len());
            hasher.write(source.as_bytes());
            hasher.write(id.as_bytes());
            hasher.finish()
        })
    }

    /// Something that shows whether keys are still made as they were: another release of the standard
    /// library may hash otherwise.
    pub(super) fn sample(self) -> Key {
        self.key("/sluicegate", "sample")
    }
}

#[derive(Debug)]
enum State {
    /// Ends when whoever claimed it is done.
    Storing(watch::Receiver<()>),
    Stored(Timestamp),
}

#[derive(Debug)]
pub(super) struct Window {
    length: Duration,
    ids_max: usize,
    salt: Salt,
    /// What was kept is being read.
    reading: Option<watch::Receiver<()>>,
    states: HashMap<Key, State>,
    /// What is stored, oldest first.
    order: VecDeque<(Timestamp, Key)>,
}

impl Window {
    pub(super) fn new(
        options: &DeduplicationOptions,
        reading: Option<watch::Receiver<()>>,
    ) -> Self {
        Window {
            length: options.window,
            ids_max: options.ids_max,
            salt: Salt::random(&mut fastrand::Rng::new()),
            reading,
            states: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn salt(&self) -> Salt {
        self.salt
    }

    /// What to wait for while what was kept is read; whoever read it may have failed to say so.
    pub(super) fn reading(&self) -> Option<watch::Receiver<()>> {
        let reading = self.reading.clone();
        reading.filter(|it| it.has_changed().is_ok())
    }

    /// What was kept is read: `stored` is what it held, oldest first.
    pub(super) fn read(&mut self, salt: Salt, stored: Vec<(Timestamp, Key)>, now: Timestamp) {
        self.salt = salt;
        self.reading = None;
        for (at, key) in stored {
            self.states.insert(key, State::Stored(at));
            self.order.push_back((at, key));
        }
        self.expire(now);
    }

    /// What was stored from `since` on, oldest first: so many, and what is as old as the last of these.
    pub(super) fn stored_since(&self, since: Timestamp, limit: usize) -> Vec<(Timestamp, Key)> {
        let begin = self.order.partition_point(|(at, _)| *at < since);
        let mut rest = self.order.range(begin..).copied();
        let mut some: Vec<_> = rest.by_ref().take(limit).collect();
        if let Some((last, _)) = some.last().copied() {
            some.extend(rest.take_while(|(at, _)| *at == last));
        }
        some
    }

    /// What to wait for, where another is storing one of these.
    pub(super) fn storing(&self, keys: &[Key]) -> Option<watch::Receiver<()>> {
        keys.iter().find_map(|key| match self.states.get(key) {
            Some(State::Storing(ended)) => Some(ended.clone()),
            Some(State::Stored(_)) | None => None,
        })
    }

    /// Claims a pair, unless it is claimed or stored.
    pub(super) fn claim(&mut self, key: Key, ended: &watch::Receiver<()>) -> bool {
        match self.states.entry(key) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(State::Storing(ended.clone()));
                true
            }
        }
    }

    pub(super) fn stored(&mut self, keys: &[Key], now: Timestamp) {
        for key in keys {
            self.states.insert(*key, State::Stored(now));
            self.order.push_back((now, *key));
        }
        self.expire(now);
    }

    pub(super) fn release(&mut self, keys: &[Key]) {
        for key in keys {
            self.states.remove(key);
        }
    }

    /// Forgets what is too old or too much.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((at, key)) = self.order.front() {
            if self.order.len() <= self.ids_max && now.since(*at) <= self.length {
                return;
            }
            // What was stored again since is remembered by its later time.
            if matches!(self.states.get(key), Some(State::Stored(latest)) if latest == at) {
                self.states.remove(key);
            }
            self.order.pop_front();
        }
    }
}
