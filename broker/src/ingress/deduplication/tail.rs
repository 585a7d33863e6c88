//! Reads back from the events themselves what was stored last and is not remembered.
//!
//! What is remembered is written about once a second, and events are stored at once: after a crash the
//! last pairs are missing, though their events are there. So at the start the end of the store is read,
//! from a little before the latest pair that was kept. It is bounded by the window, by the number of
//! pairs and in time; what is not read in time is forgotten, and told. Replies are among the events that
//! are read, since nothing tells them apart any more: an event of a producer with the source and the id
//! of a reply is then a duplicate of it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::{Channel, RetainedPage, Start, Timestamp};
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

/// The stored events of a broker.
#[derive(Debug)]
pub struct Tail {
    channel: Arc<dyn Channel>,
    runtime: Handle,
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
        Tail {
            channel,
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
        let mut known: HashSet<Key> = recent.map(|(_, key)| *key).collect();
        let mut fresh = VecDeque::new();
        let deadline = Instant::now() + READ_FOR_MAX;
        let mut from = Start::Time(since);
        loop {
            let page = match self.page(from, deadline) {
                Ok(page) => page,
                Err(why) => {
                    tracing::warn!(
                        %broker,
                        "the latest events are not all looked through, so one of them that is sent again \
                         may be stored again: {why}"
                    );
                    return fresh;
                }
            };
            for stored in &page.events {
                let key = asked.salt.key(stored.event.source(), stored.event.id());
                if known.insert(key) {
                    fresh.push_back((stored.accepted_at, key));
                }
                if fresh.len() > asked.ids_max {
                    fresh.pop_front();
                }
            }
            match page.next {
                Some(next) => from = Start::At(next),
                None => return fresh,
            }
        }
    }

    fn page(&self, from: Start, deadline: Instant) -> Result<RetainedPage, String> {
        let reading = async { timeout_at(deadline, self.channel.retained(from, PAGE)).await };
        match self.runtime.block_on(reading) {
            Ok(page) => page.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it took longer than {} s", READ_FOR_MAX.as_secs())),
        }
    }
}

impl Asked<'_> {
    /// From when on the events are of interest.
    fn since(&self) -> Timestamp {
        let before = |at: Timestamp, duration: Duration| {
            let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            Timestamp(at.0.saturating_sub(ms))
        };
        let begin = before(self.now, self.window);
        let latest = self.kept.iter().map(|(at, _)| *at).max();
        latest.map_or(begin, |latest| begin.max(before(latest, STORED_BEFORE_MAX)))
    }
}
