//! What stands around a state: real stores for progress and for what is kept, on a disk that can
//! crash, and a log of events. The threads of the channel are steps that are taken one at a time.

mod opening;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

use sluicegate_event::Event;
use tokio::sync::oneshot;

use self::opening::open;
use super::super::{Accepted, Fetch, Fetched, State, SweepPlan, Swept};
use crate::disk::appender::Answers;
use crate::disk::kept::Kept;
use crate::disk::progress::Progress;
use crate::disk::simulated::SimulatedDisk;
use crate::reading::{HandedOut, Next, SubscriptionId};
use crate::{
    Exhausted, NextLimit, Start, StoreError, SubscriptionKey, SubscriptionSpec, Timestamp,
};

/// How many events a segment takes.
const SEGMENT_EVENTS: u64 = 24;

type Stored = oneshot::Receiver<Result<(), StoreError>>;

/// An event in the log.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    pub(super) event: Arc<Event>,
    pub(super) wanted: Vec<&'static str>,
    pub(super) accepted_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Stores {
    pub(super) progress: Progress,
    pub(super) kept: Kept,
}

#[derive(Debug)]
pub(super) struct World {
    disk: SimulatedDisk,
    pub(super) state: State,
    pub(super) stores: Stores,
    pub(super) log: BTreeMap<u64, Logged>,
    pub(super) segments: Vec<Range<u64>>,
    /// Offsets that damage has taken.
    pub(super) lost: BTreeSet<u64>,
    pub(super) tail: u64,
    pub(super) keys: BTreeMap<&'static str, SubscriptionKey>,
    next_key: u64,
    pub(super) now: Timestamp,
    buffer_bytes: u64,
}

impl World {
    pub(super) fn new(seed: u64, buffer_bytes: u64) -> Self {
        let disk = SimulatedDisk::new(seed);
        let (state, stores) = open(&disk, &[], 0, buffer_bytes, Timestamp(1_000));
        World {
            disk,
            state,
            stores,
            log: BTreeMap::new(),
            segments: Vec::new(),
            lost: BTreeSet::new(),
            tail: 0,
            keys: BTreeMap::new(),
            next_key: 0,
            now: Timestamp(1_000),
            buffer_bytes,
        }
    }

    /// The process is killed and starts again, `gap` offsets further on.
    pub(super) fn crash(&mut self, gap: u64) {
        self.disk.crash();
        self.tail += gap;
        let segments = &self.segments;
        let (state, stores) = open(&self.disk, segments, self.tail, self.buffer_bytes, self.now);
        self.state = state;
        self.stores = stores;
        self.keys.clear();
    }

    // ---- the log of events ----

    /// Puts events into the log, as the appender does before anybody hears of it.
    pub(super) fn store(
        &mut self,
        count: u64,
        wanted: &[&'static str],
        data_bytes: usize,
    ) -> Range<u64> {
        let first = self.tail;
        for offset in first..first + count {
            let event = Event::builder(&offset.to_string(), "/world", "any")
                .data("text/plain", vec![b'x'; data_bytes])
                .build();
            let event = Arc::new(event.expect("it is valid"));
            let wanted = wanted.to_vec();
            let accepted_at = self.now;
            self.log.insert(
                offset,
                Logged {
                    event,
                    wanted,
                    accepted_at,
                },
            );
            match self.segments.last_mut() {
                Some(last) if last.end == offset && last.end - last.start < SEGMENT_EVENTS => {
                    last.end += 1;
                }
                _ => self.segments.push(offset..offset + 1),
            }
        }
        self.tail += count;
        first..self.tail
    }

    /// Gives the state what was stored. `answers` are of an earlier time if they say so.
    pub(super) fn accept(&mut self, offsets: Range<u64>, answers: &Answers, keys_epoch: u64) {
        self.state.extend(offsets.clone());
        for offset in offsets {
            let anew = (keys_epoch != self.state.keys_epoch()).then(|| self.answers(offset));
            let logged = &self.log[&offset];
            self.state.accept(&Accepted {
                event: &logged.event,
                offset,
                accepted_at: logged.accepted_at,
                answers: anew.as_ref().unwrap_or(answers),
            });
        }
        self.state.make_room();
    }

    pub(super) fn append(&mut self, count: u64, wanted: &[&'static str]) -> Range<u64> {
        let offsets = self.store(count, wanted, 10);
        let answers = self.answers(offsets.start);
        let epoch = self.state.keys_epoch();
        self.accept(offsets.clone(), &answers, epoch);
        self.state.audit();
        offsets
    }

    /// What the matcher says of an event now.
    pub(super) fn answers(&self, offset: u64) -> Answers {
        self.answers_for(&self.log[&offset].wanted)
    }

    pub(super) fn answers_for(&self, wanted: &[&'static str]) -> Answers {
        let wanted = wanted
            .iter()
            .filter_map(|name| self.keys.get(name).copied());
        Answers {
            wanted: wanted.collect(),
            ..Answers::default()
        }
    }

    /// Removes the oldest segment that nobody needs, if there is one.
    pub(super) fn remove_a_segment(&mut self) {
        let older = self.segments.len().saturating_sub(1);
        let progress = &self.stores.progress;
        let unneeded = self.segments[..older]
            .iter()
            .position(|it| !progress.needs(it.clone()));
        let Some(at) = unneeded else { return };
        let offsets = self.segments[at].clone();
        for removed in self.state.forget_events(&[offsets]) {
            self.segments.remove(at);
            self.log.retain(|offset, _| !removed.contains(offset));
        }
    }

    // ---- the fetcher ----

    /// What is read for a plan: at most so many events.
    pub(super) fn read(&self, plan: SweepPlan, events_max: usize) -> (Vec<Swept>, u64) {
        let mut swept = Vec::new();
        for (offset, logged) in self.log.range(plan.from..plan.until) {
            if swept.len() == events_max {
                return (swept, *offset);
            }
            swept.push(if self.lost.contains(offset) {
                Swept::Lost(*offset..offset + 1)
            } else {
                Swept::Event {
                    event: Arc::clone(&logged.event),
                    offset: *offset,
                    accepted_at: logged.accepted_at,
                    answers: self.answers(*offset),
                }
            });
        }
        (swept, plan.until)
    }

    pub(super) fn sweep(&mut self) -> bool {
        let Some(plan) = self.state.plan_sweep() else {
            return false;
        };
        let (swept, until) = self.read(plan, 50);
        self.state.swept(plan, swept, until);
        self.state.audit();
        true
    }

    pub(super) fn look_up(&self, fetch: &Fetch) -> Option<Fetched> {
        let offset = fetch.key.offset;
        if fetch.is_kept {
            let reader = self.stores.kept.reader();
            let event = reader.event(offset).expect("it can be read")?;
            let reason = reader.reason(fetch.key).expect("it can be read");
            let event = Arc::new(event);
            return Some(Fetched {
                event,
                accepted_at: None,
                reason,
            });
        }
        let logged = self
            .log
            .get(&offset)
            .filter(|_| !self.lost.contains(&offset))?;
        let event = Arc::clone(&logged.event);
        Some(Fetched {
            event,
            accepted_at: Some(logged.accepted_at),
            reason: None,
        })
    }

    pub(super) fn fetch(&mut self) -> bool {
        let fetches = self.state.take_fetches(10);
        for fetch in &fetches {
            let fetched = self.look_up(fetch);
            self.state.fetched(*fetch, fetched);
            self.state.audit();
        }
        !fetches.is_empty()
    }

    // ---- readers ----

    /// Opens the subscription under a new key.
    pub(super) fn subscribe(
        &mut self,
        name: &'static str,
        start: Start,
    ) -> Option<(SubscriptionId, Option<Stored>)> {
        let key = SubscriptionKey(self.next_key);
        self.next_key += 1;
        let spec = SubscriptionSpec {
            name: Arc::from(name),
            key,
            start,
            exhausted: Exhausted::Discard,
            deferred_max: std::num::NonZeroUsize::MAX,
            interest: crate::Interest::Everything,
        };
        let from = match start {
            Start::Latest => None,
            start => self.state.offset_of(start).ok(),
        };
        let begun = self.state.subscribe(&spec, from, self.now).ok()?;
        self.keys.insert(name, key);
        Some((begun.id, begun.saved))
    }

    pub(super) fn next(&mut self, id: SubscriptionId, items_max: usize) -> Vec<HandedOut> {
        let limit = NextLimit {
            items_max: items_max.try_into().expect("not zero"),
            bytes_max: usize::MAX,
            dead_letters_max: usize::MAX,
        };
        let next = self.state.next(id, limit, Waker::noop(), self.now);
        self.state.audit();
        match next {
            Next::HandedOut(handed_out) => handed_out,
            Next::Wait(_) | Next::Over => Vec::new(),
        }
    }
}
