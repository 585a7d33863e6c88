//! Producers who know which of their events were accepted, which were refused, and of which nobody
//! ever said anything. Each event is told to the ledger before it is sent.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::peer::Recorder;
use crate::client::{Connection, Request};
use crate::event::{Event, Mode};
use crate::ledger::{Key, Ledger, Record};

/// How long a producer who was refused waits before its next event.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(20);

/// What the event of a number is, and which triggers must get it.
pub(super) type Plan = Arc<dyn Fn(u64) -> (Event, Vec<String>) + Send + Sync>;

/// Who sends, where, and what.
#[derive(Clone)]
pub(super) struct Traffic {
    pub(super) to: SocketAddr,
    /// `/namespace/broker`.
    pub(super) path: String,
    pub(super) broker: String,
    pub(super) producers: usize,
    /// In all; without it as fast as the answers come.
    pub(super) per_second: Option<f64>,
    pub(super) plan: Plan,
    pub(super) recorder: Recorder,
    /// The number of the next event, over all rounds.
    pub(super) next: Arc<AtomicU64>,
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traffic")
            .field("to", &self.to)
            .field("producers", &self.producers)
            .finish_non_exhaustive()
    }
}

/// What became of the events of a round.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    /// Answered with 202.
    pub(super) accepted: u64,
    /// Answered otherwise, by status.
    pub(super) refused: BTreeMap<u16, u64>,
    /// Sent and not answered: the connection ended.
    pub(super) unanswered: u64,
    /// The first refusal of each status, and when.
    pub(super) first_refusal: BTreeMap<u16, Instant>,
    /// Whether each refusal with 507 said when to try again.
    pub(super) refusals_without_retry_after: u64,
}

/// A round of traffic under way.
#[derive(Debug)]
pub(super) struct Round {
    producers: JoinSet<()>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_over: AtomicBool,
    in_flight: AtomicU64,
    sent: Mutex<Sent>,
    last: AtomicU64,
}

impl Traffic {
    /// Begins a round of at most `events` events. A producer whose connection fails sends no more.
    pub(super) fn begin(&self, events: u64) -> Round {
        let state = Arc::new(State::default());
        let last = self.next.load(Ordering::Relaxed).saturating_add(events);
        state.last.store(last, Ordering::Relaxed);
        let mut producers = JoinSet::new();
        for index in 0..self.producers {
            let (traffic, state) = (self.clone(), Arc::clone(&state));
            producers.spawn(async move { traffic.produce(index, &state).await });
        }
        Round { producers, state }
    }

    async fn produce(&self, index: usize, state: &State) {
        let Ok(mut connection) = Connection::open(self.to).await else {
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "a few dozen producers")]
        let interval = self
            .per_second
            .map(|rate| Duration::from_secs_f64(self.producers as f64 / rate));
        #[expect(clippy::cast_possible_truncation, reason = "a few dozen producers")]
        let mut due =
            Instant::now() + interval.unwrap_or_default() / self.producers as u32 * index as u32;
        while !state.is_over.load(Ordering::Relaxed) {
            if let Some(interval) = interval {
                sleep_until(due).await;
                // Who fell behind does not catch up by a burst.
                due = (due + interval).max(Instant::now());
            }
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= state.last.load(Ordering::Relaxed) {
                self.next.fetch_sub(1, Ordering::Relaxed);
                return;
            }
            if !self.send(number, &mut connection, state).await {
                return;
            }
        }
    }

    /// Sends one event, and says whether the connection still stands.
    async fn send(&self, number: u64, connection: &mut Connection, state: &State) -> bool {
        let (event, expected) = (self.plan)(number);
        let request = Request::event(&self.path, &event, Mode::Binary);
        self.intend(&event, expected);
        state.in_flight.fetch_add(1, Ordering::Relaxed);
        let answer = connection.send(&request).await;
        state.in_flight.fetch_sub(1, Ordering::Relaxed);
        let Ok(answer) = answer else {
            state.sent.lock().unanswered += 1;
            return false;
        };
        let status = answer.status().unwrap_or_default();
        self.answered(&event, status);
        let has_retry_after = answer.headers.get("retry-after").is_some();
        state.sent.lock().note(status, has_retry_after);
        if status != 202 {
            sleep(PAUSE_AFTER_REFUSAL).await;
        }
        let closes = answer.headers.get("connection");
        !closes.is_some_and(|value| value.eq_ignore_ascii_case("close"))
            || self.reconnect(connection).await
    }

    async fn reconnect(&self, connection: &mut Connection) -> bool {
        match Connection::open(self.to).await {
            Ok(new) => {
                *connection = new;
                true
            }
            Err(_) => false,
        }
    }

    pub(super) fn intend(&self, event: &Event, expected: Vec<String>) {
        self.record(Record::Intent {
            key: Key::of(event),
            broker: self.broker.clone(),
            digest: event.digest(),
            expected,
            optional: Vec::new(),
        });
    }

    pub(super) fn answered(&self, event: &Event, status: u16) {
        let key = Key::of(event);
        self.record(Record::Answer { key, status });
    }

    fn record(&self, record: Record) {
        self.recorder.record(record);
    }
}

impl Sent {
    fn note(&mut self, status: u16, has_retry_after: bool) {
        if status == 202 {
            self.accepted += 1;
            return;
        }
        *self.refused.entry(status).or_default() += 1;
        self.first_refusal
            .entry(status)
            .or_insert_with(Instant::now);
        self.refusals_without_retry_after += u64::from(status == 507 && !has_retry_after);
    }

    /// Adds what became of another round's events.
    pub(super) fn add(&mut self, other: &Sent) {
        self.accepted += other.accepted;
        self.unanswered += other.unanswered;
        self.refusals_without_retry_after += other.refusals_without_retry_after;
        for (status, count) in &other.refused {
            *self.refused.entry(*status).or_default() += count;
        }
    }
}

impl Round {
    /// How many events are sent and not answered yet.
    pub(super) fn in_flight(&self) -> u64 {
        self.state.in_flight.load(Ordering::Relaxed)
    }

    /// What has become of its events so far.
    pub(super) fn so_far(&self) -> Sent {
        self.state.sent.lock().clone()
    }

    /// Waits until every producer has ended: by its connection's end, or because all is sent.
    pub(super) async fn finish(mut self) -> Sent {
        while self.producers.join_next().await.is_some() {}
        self.so_far()
    }

    /// Lets each producer end with the event that it is sending, and waits for that.
    pub(super) async fn end(self) -> Sent {
        self.state.is_over.store(true, Ordering::Relaxed);
        self.finish().await
    }
}

/// A recorder and its ledger.
pub(super) fn ledger() -> std::io::Result<(Ledger, Recorder)> {
    let ledger = Ledger::start()?;
    Ok((ledger.clone(), Recorder::Ledger(ledger)))
}
