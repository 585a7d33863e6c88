//! Watches: what becomes of single events that someone asked about before sending them.
//!
//! Costs nearly nothing while nobody watches: the way of an event asks one atomic number, and the
//! clock only where a watch was begun and none has been found expired since. Bounded: the newest
//! [`WATCHES_MAX`] watches, each for [`WATCH_LIFE`], each with [`ATTEMPTS_MAX`] attempts in all,
//! of which those of the trigger that made most give way.
//!
//! What it leaves out: any memory of events that nobody asked about.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_channels::{Clock, Timestamp};
use sluicegate_event::Event;
use sluicegate_resources::ObjectName;

use crate::api::{WatchAttempt, WatchReport, WatchedFailure, WatchedState};
use crate::registry::holding::Hold;

mod entry;

use entry::{Entry, Watched};

/// At most this many events are watched; the oldest watch makes room.
pub const WATCHES_MAX: usize = 1_000;
/// A watch is forgotten after this long.
pub const WATCH_LIFE: Duration = Duration::from_secs(600);
/// Attempts that a watch keeps, over all triggers.
pub const ATTEMPTS_MAX: usize = 100;

/// The key of a watched event.
type EventKey = (String, String);

/// What the triggers of a broker say of a watched event.
#[derive(Debug, Default)]
pub struct Judged {
    /// How many there are.
    pub triggers_total: usize,
    /// Those that want it, or may once their manifest is valid; each with what it waits for, other
    /// than its turn.
    pub wanted: Vec<(ObjectName, Option<Hold>)>,
    /// How many could not say, because an expression failed.
    pub failed_total: usize,
    /// A bounded number of these.
    pub failed: Vec<WatchedFailure>,
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
    /// When the watch begun last expires, in milliseconds of the clock; 0 when there is none.
    expires_at_ms: AtomicU64,
    entries: Mutex<Entries>,
}

impl WatchList {
    /// Nobody watches yet.
    pub fn new(clock: Clock) -> Self {
        WatchList {
            clock,
            expires_at_ms: AtomicU64::new(0),
            entries: Mutex::default(),
        }
    }

    /// Begins to watch for an event; gives the token to ask with.
    pub fn begin(&self, id: String, source: String) -> String {
        let token = ulid::Ulid::new().to_string();
        let now = self.clock.now();
        let mut entries = self.entries.lock();
        entries.forget_old(now);
        let key = (id, source);
        entries.remove(&key);
        entries.make_room();
        entries.by_token.insert(token.clone(), key.clone());
        entries.order.push_back(key.clone());
        let entry = Entry {
            token: token.clone(),
            begun: now,
            broker: None,
            triggers_total: 0,
            triggers: BTreeMap::new(),
            failed_total: 0,
            failed: Vec::new(),
        };
        entries.by_event.insert(key, entry);
        let expires_at = now + WATCH_LIFE;
        self.expires_at_ms.store(expires_at.0, Ordering::Release);
        token
    }

    /// What is known by now; none when the token is unknown or forgotten.
    pub fn report(&self, token: &str) -> Option<WatchReport> {
        let now = self.clock.now();
        let mut entries = self.entries.lock();
        entries.forget_old(now);
        let entry = entries
            .by_token
            .get(token)
            .and_then(|key| entries.by_event.get(key))?;
        Some(entry.report(now))
    }

    /// Whether anything is watched at all.
    pub fn is_listening(&self) -> bool {
        let expires_at_ms = self.expires_at_ms.load(Ordering::Acquire);
        if expires_at_ms == 0 {
            return false;
        }
        let now = self.clock.now();
        if now <= Timestamp(expires_at_ms) {
            return true;
        }
        self.forget_expired(now);
        false
    }

    /// Lets go of watches that have expired without anybody asking.
    fn forget_expired(&self, now: Timestamp) {
        let mut entries = self.entries.lock();
        entries.forget_old(now);
        // Under the lock: a watch begun meanwhile has set it anew.
        if entries.by_event.is_empty() {
            self.expires_at_ms.store(0, Ordering::Release);
        }
    }

    /// Whether `event` is watched. Nearly free while nothing is.
    pub fn is_watched(&self, event: &Event) -> bool {
        self.is_listening() && self.entries.lock().by_event.contains_key(&key_of(event))
    }

    /// A broker accepted a watched event, of which its triggers say this.
    pub fn accepted(&self, event: &Event, broker: &ObjectName, judged: Judged) {
        let mut entries = self.entries.lock();
        let Some(entry) = entries.by_event.get_mut(&key_of(event)) else {
            return;
        };
        entry.broker = Some(broker.clone());
        entry.triggers_total = judged.triggers_total as u64;
        entry.failed_total = judged.failed_total as u64;
        entry.failed = judged.failed;
        for (trigger, hold) in judged.wanted {
            // The worker may have been faster than we are; what it said stands.
            entry
                .triggers
                .entry(trigger)
                .or_insert_with(|| Watched::new(hold));
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
        let watched = entry.watched(trigger);
        if let Some(state) = state {
            watched.state = state;
            watched.sink_retry_at = None;
        }
        if let Some((attempt, next)) = attempt {
            let next = next.map(|wait| now + wait);
            watched.attempts.push_back((attempt, next));
            entry.make_room();
        }
    }

    /// A watched event is parked, and its dead-letter sink is tried again at `retry_at`.
    pub fn note_sink_retry(&self, event: &Event, trigger: &ObjectName, retry_at: Timestamp) {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.by_event.get_mut(&key_of(event)) {
            let watched = entry.watched(trigger);
            watched.state = WatchedState::Parked;
            watched.sink_retry_at = Some(retry_at);
        }
    }

    /// A trigger was deleted: what it had not ended yet ends unseen.
    pub fn trigger_ended(&self, trigger: &ObjectName) {
        if !self.is_listening() {
            return;
        }
        for entry in self.entries.lock().by_event.values_mut() {
            if let Some(watched) = entry.triggers.get_mut(trigger)
                && !(watched.state.is_final() && watched.sink_retry_at.is_none())
            {
                watched.state = WatchedState::Discarded;
                watched.sink_retry_at = None;
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

#[cfg(test)]
mod tests;
