//! Watches: what becomes of single events that someone asked about before sending them.
//!
//! Costs nothing while nobody watches: the way of an event asks one atomic number. Bounded: the
//! newest [`WATCHES_MAX`] watches, each for [`WATCH_LIFE`], each with the last [`ATTEMPTS_MAX`]
//! attempts per trigger.
//!
//! What it leaves out: any memory of events that nobody asked about.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_channels::{Clock, Timestamp};
use sluicegate_event::Event;
use sluicegate_resources::ObjectName;

use crate::api::{WatchAttempt, WatchReport, WatchedState, WatchedTrigger};

/// At most this many events are watched; the oldest watch makes room.
pub const WATCHES_MAX: usize = 1_000;
/// A watch is forgotten after this long.
pub const WATCH_LIFE: Duration = Duration::from_secs(600);
/// The latest attempts of a trigger that a watch keeps.
pub const ATTEMPTS_MAX: usize = 100;

/// The key of a watched event.
type EventKey = (String, String);

#[derive(Debug)]
struct Entry {
    token: String,
    begun: Timestamp,
    broker: Option<ObjectName>,
    triggers_total: u64,
    triggers: BTreeMap<ObjectName, Watched>,
}

#[derive(Debug)]
struct Watched {
    state: WatchedState,
    attempts: VecDeque<(WatchAttempt, Option<Timestamp>)>,
}

#[derive(Debug, Default)]
struct Entries {
    by_event: HashMap<EventKey, Entry>,
    by_token: HashMap<String, EventKey>,
    order: VecDeque<EventKey>,
}

/// The events that are being watched.
#[derive(Debug)]
pub struct WatchList {
    clock: Clock,
    count: AtomicUsize,
    entries: Mutex<Entries>,
}

impl WatchList {
    /// Nobody watches yet.
    pub fn new(clock: Clock) -> Self {
        WatchList {
            clock,
            count: AtomicUsize::new(0),
            entries: Mutex::default(),
        }
    }

    /// Begins to watch for an event; gives the token to ask with.
    pub fn begin(&self, id: String, source: String) -> String {
        let token = ulid::Ulid::new().to_string();
        let mut entries = self.entries.lock();
        entries.forget_old(self.clock.now());
        let key = (id, source);
        entries.remove(&key);
        entries.make_room();
        entries.by_token.insert(token.clone(), key.clone());
        entries.order.push_back(key.clone());
        let entry = Entry {
            token: token.clone(),
            begun: self.clock.now(),
            broker: None,
            triggers_total: 0,
            triggers: BTreeMap::new(),
        };
        entries.by_event.insert(key, entry);
        self.count.store(entries.by_event.len(), Ordering::Release);
        token
    }

    /// What is known by now; none when the token is unknown or forgotten.
    pub fn report(&self, token: &str) -> Option<WatchReport> {
        let now = self.clock.now();
        let mut entries = self.entries.lock();
        entries.forget_old(now);
        self.count.store(entries.by_event.len(), Ordering::Release);
        let entry = entries
            .by_token
            .get(token)
            .and_then(|key| entries.by_event.get(key))?;
        Some(entry.report(now))
    }

    /// Whether anything is watched at all.
    pub fn is_listening(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Whether `event` is watched. Nearly free while nothing is.
    pub fn is_watched(&self, event: &Event) -> bool {
        self.is_listening() && self.entries.lock().by_event.contains_key(&key_of(event))
    }

    /// A broker accepted a watched event, and these of its triggers want it.
    pub fn accepted(
        &self,
        event: &Event,
        broker: &ObjectName,
        triggers_total: usize,
        wanted: impl IntoIterator<Item = (ObjectName, WatchedState)>,
    ) {
        let mut entries = self.entries.lock();
        let Some(entry) = entries.by_event.get_mut(&key_of(event)) else {
            return;
        };
        entry.broker = Some(broker.clone());
        entry.triggers_total = triggers_total as u64;
        for (trigger, state) in wanted {
            // The worker may have been faster than we are; what it said stands.
            entry.triggers.entry(trigger).or_insert_with(|| Watched {
                state,
                attempts: VecDeque::new(),
            });
        }
    }

    /// Something happened to a watched event: an attempt, a new state, or both.
    pub fn note(
        &self,
        event: &Event,
        trigger: &ObjectName,
        state: Option<WatchedState>,
        attempt: Option<(WatchAttempt, Option<Duration>)>,
    ) {
        let now = self.clock.now();
        let mut entries = self.entries.lock();
        let Some(entry) = entries.by_event.get_mut(&key_of(event)) else {
            return;
        };
        let watched = entry
            .triggers
            .entry(trigger.clone())
            .or_insert_with(|| Watched {
                state: WatchedState::Matched,
                attempts: VecDeque::new(),
            });
        watched.state = state.unwrap_or(watched.state);
        if let Some((attempt, next)) = attempt {
            if watched.attempts.len() == ATTEMPTS_MAX {
                watched.attempts.pop_front();
            }
            watched
                .attempts
                .push_back((attempt, next.map(|wait| now + wait)));
        }
    }

    /// A trigger was deleted: what it had not ended yet ends unseen.
    pub fn trigger_ended(&self, trigger: &ObjectName) {
        if !self.is_listening() {
            return;
        }
        for entry in self.entries.lock().by_event.values_mut() {
            if let Some(watched) = entry.triggers.get_mut(trigger)
                && !watched.state.is_final()
            {
                watched.state = WatchedState::Discarded;
            }
        }
    }
}

fn key_of(event: &Event) -> EventKey {
    (event.id().to_owned(), event.source().to_owned())
}

impl Entries {
    fn remove(&mut self, key: &EventKey) {
        if let Some(entry) = self.by_event.remove(key) {
            self.by_token.remove(&entry.token);
            self.order.retain(|other| other != key);
        }
    }

    fn forget_old(&mut self, now: Timestamp) {
        self.forget_while(|entries, oldest| {
            let entry = entries.by_event.get(oldest);
            entry.is_none_or(|entry| now.since(entry.begun) > WATCH_LIFE)
        });
    }

    /// Lets the oldest go until there is room for one more.
    fn make_room(&mut self) {
        self.forget_while(|entries, _| entries.order.len() >= WATCHES_MAX);
    }

    fn forget_while(&mut self, goes: impl Fn(&Self, &EventKey) -> bool) {
        while let Some(oldest) = self.order.front().cloned() {
            if !goes(self, &oldest) {
                return;
            }
            self.order.pop_front();
            self.remove(&oldest);
        }
    }
}

impl Entry {
    fn report(&self, now: Timestamp) -> WatchReport {
        let triggers: Vec<_> = self
            .triggers
            .iter()
            .map(|(name, watched)| WatchedTrigger {
                namespace: name.namespace.clone(),
                name: name.name.clone(),
                state: watched.state,
                attempts: watched
                    .attempts
                    .iter()
                    .map(|it| with_next(it, now))
                    .collect(),
            })
            .collect();
        let seen = self.broker.is_some();
        WatchReport {
            seen,
            broker: self.broker.as_ref().map(ObjectName::to_string),
            triggers_total: self.triggers_total,
            settled: seen && triggers.iter().all(|trigger| trigger.state.is_final()),
            triggers,
        }
    }
}

fn with_next((attempt, next): &(WatchAttempt, Option<Timestamp>), now: Timestamp) -> WatchAttempt {
    let next_in_ms =
        next.map(|next| u64::try_from(next.since(now).as_millis()).unwrap_or(u64::MAX));
    WatchAttempt {
        next_in_ms,
        ..attempt.clone()
    }
}

#[cfg(test)]
mod tests;
