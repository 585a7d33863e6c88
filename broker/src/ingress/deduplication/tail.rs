//! Reads back from the events themselves what was stored last and is not remembered.
//!
//! What is remembered is written about once a second, and events are stored at once: after a crash the
//! last pairs are missing, though their events are there. So at the start the end of the store is read,
//! from a little before the latest pair that was kept. It is bounded by the window, by the number of
//! pairs and in time; what is not read in time is forgotten, and told. A channel is read forwards, and
//! whoever did not hear an answer sends its latest events again: so the last stretch is read first,
//! then a longer one before it, and what is forgotten is old. Replies are among the events that are
//! read, since nothing tells them apart any more: an event of a producer with the source and the id of
//! a reply is then a duplicate of it.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::{
    BoxFuture, Channel, Position, RetainedPage, Start, StoreError, Timestamp,
};
use sluicegate_resources::ObjectName;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::window::{Key, Salt};

/// Events that are read at a time.
const PAGE: usize = 1_000;
/// Claims wait while it is read, and are refused after 5 s.
const READ_FOR_MAX: Duration = Duration::from_secs(3);
/// So much earlier may an event have been stored than it was remembered.
const STORED_BEFORE_MAX: Duration = Duration::from_secs(5);

/// The stretch that is read first; each one before it begins four times as long ago, since finding
/// where a stretch begins may cost reading a file of the store up to there.
const FIRST_STRETCH: Duration = Duration::from_secs(10);
const STRETCHES_GROW: u32 = 4;

type ReadPage =
    dyn Fn(Start, usize) -> BoxFuture<'static, Result<RetainedPage, StoreError>> + Send + Sync;

/// The stored events of a broker.
pub struct Tail {
    read_page: Box<ReadPage>,
    runtime: Handle,
}

impl fmt::Debug for Tail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tail").finish_non_exhaustive()
    }
}

/// What is known before, and what bounds the reading.
pub(super) struct Asked<'a> {
    pub(super) salt: Salt,
    pub(super) kept: &'a [(Timestamp, Key)],
    pub(super) now: Timestamp,
    pub(super) window: Duration,
    pub(super) ids_max: usize,
}

impl Tail {
    /// Those of `channel`. Needs a runtime of tokio, on which they are read.
    pub fn new(channel: Arc<dyn Channel>) -> Self {
        Tail::over(move |from, limit| {
            let channel = Arc::clone(&channel);
            Box::pin(async move { channel.retained(from, limit).await })
        })
    }

    /// Those that `read_page` gives as a channel would.
    pub(super) fn over<F>(read_page: F) -> Self
    where
        F: Fn(Start, usize) -> BoxFuture<'static, Result<RetainedPage, StoreError>>
            + Send
            + Sync
            + 'static,
    {
        Tail {
            read_page: Box::new(read_page),
            runtime: Handle::current(),
        }
    }

    /// The pairs of events that are stored and not among those that were kept, oldest first. Blocking;
    /// not to be called on the runtime.
    pub(super) fn read(
        &self,
        broker: &ObjectName,
        asked: &Asked<'_>,
    ) -> VecDeque<(Timestamp, Key)> {
        let since = asked.since();
        let recent = asked.kept.iter().filter(|(at, _)| *at >= since);
        let mut reading = Reading {
            tail: self,
            asked,
            deadline: Instant::now() + READ_FOR_MAX,
            known: recent.map(|(_, key)| *key).collect(),
            fresh: VecDeque::new(),
            begin: None,
        };
        let mut length = FIRST_STRETCH;
        loop {
            let from = before(asked.now, length).max(since);
            if let Err(why) = reading.stretch(from) {
                tracing::warn!(
                    %broker,
                    "the latest events are not all looked through, so one of the older of them that is \
                     sent again may be stored again: {why}"
                );
                return reading.fresh;
            }
            if from == since || reading.fresh.len() >= asked.ids_max {
                return reading.fresh;
            }
            length = length.saturating_mul(STRETCHES_GROW);
        }
    }

    fn page(&self, from: Start, deadline: Instant) -> Result<RetainedPage, String> {
        let page = (self.read_page)(from, PAGE);
        match self
            .runtime
            .block_on(async { timeout_at(deadline, page).await })
        {
            Ok(page) => page.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it took longer than {} s", READ_FOR_MAX.as_secs())),
        }
    }
}

/// How far the reading has come.
struct Reading<'a> {
    tail: &'a Tail,
    asked: &'a Asked<'a>,
    deadline: Instant,
    known: HashSet<Key>,
    /// Oldest first.
    fresh: VecDeque<(Timestamp, Key)>,
    /// Where the stretches that are read begin.
    begin: Option<Position>,
}

impl Reading<'_> {
    /// Reads what was accepted from `from` on and is not read yet. What was read before a failure counts.
    fn stretch(&mut self, from: Timestamp) -> Result<(), String> {
        let end = self.begin;
        let is_read = |position: Position| end.is_some_and(|end| position >= end);
        let mut stretch = VecDeque::new();
        let mut next = Some(Start::Time(from));
        let mut outcome = Ok(());
        while let Some(from) = next.take() {
            let page = match self.tail.page(from, self.deadline) {
                Ok(page) => page,
                Err(why) => {
                    outcome = Err(why);
                    break;
                }
            };
            let unread = page.events.iter().filter(|it| !is_read(it.position));
            for stored in unread {
                let begin = self.begin.get_or_insert(stored.position);
                *begin = stored.position.min(*begin);
                let event = &stored.event;
                let key = self.asked.salt.key(event.source(), event.id());
                if self.known.insert(key) {
                    // The wall clock may have been set back since.
                    stretch.push_back((stored.accepted_at.min(self.asked.now), key));
                }
                if stretch.len() + self.fresh.len() > self.asked.ids_max {
                    stretch.pop_front();
                }
            }
            next = page.next.filter(|at| !is_read(*at)).map(Start::At);
        }
        stretch.append(&mut self.fresh);
        self.fresh = stretch;
        outcome
    }
}

fn before(at: Timestamp, duration: Duration) -> Timestamp {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Timestamp(at.0.saturating_sub(ms))
}

impl Asked<'_> {
    /// From when on the events are of interest.
    fn since(&self) -> Timestamp {
        let begin = before(self.now, self.window);
        let latest = self.kept.iter().map(|(at, _)| *at).max();
        latest.map_or(begin, |latest| begin.max(before(latest, STORED_BEFORE_MAX)))
    }
}

#[cfg(test)]
mod tests;
