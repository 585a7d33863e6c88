//! What the tests are written in.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_event::Event;
use tokio::time::{Instant, sleep, timeout};

use super::{Bounds, Fixture, Opened};
use crate::{
    Admission, AppendError, Books, Claim, DeadLetter, Exhausted, Lease, Matcher, NextLimit,
    ParkReason, Position, Settled, Start, Subscription, SubscriptionKey, SubscriptionSpec,
    SubscriptionStatus, Timestamp,
};

/// A matcher by event type, which counts how often it is asked.
#[derive(Debug, Default)]
pub struct ByType {
    answers: Mutex<HashMap<String, Vec<(SubscriptionKey, Claim)>>>,
    asked: AtomicU64,
}

impl ByType {
    /// From now on the subscription of that key wants events of type `ty`.
    pub fn want(&self, ty: &str, key: SubscriptionKey) {
        self.answer(ty, key, Claim::Wanted);
    }

    /// From now on it cannot be told whether that subscription wants events of type `ty`.
    pub fn cannot_tell(&self, ty: &str, key: SubscriptionKey) {
        self.answer(ty, key, Claim::Undecided);
    }

    fn answer(&self, ty: &str, key: SubscriptionKey, claim: Claim) {
        let mut answers = self.answers.lock();
        answers.entry(ty.to_owned()).or_default().push((key, claim));
    }

    /// How many events were asked about so far.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Matcher for ByType {
    fn matches(&self, event: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        for (key, claim) in self.answers.lock().get(event.ty()).into_iter().flatten() {
            answer(*key, *claim);
        }
    }
}

/// Everything at once, for tests that are not about limits.
pub(super) const MANY: NextLimit = NextLimit {
    items_max: NonZeroUsize::MAX,
    bytes_max: usize::MAX,
    dead_letters_max: usize::MAX,
};

pub(super) fn items(items_max: usize) -> NextLimit {
    NextLimit {
        items_max: NonZeroUsize::new(items_max).expect("tests ask for at least one"),
        bytes_max: usize::MAX,
        dead_letters_max: usize::MAX,
    }
}

/// An event of type `ty` whose id is `id`.
pub(super) fn event(ty: &str, id: impl ToString) -> Event {
    Event::builder(&id.to_string(), "/suite", ty)
        .build()
        .expect("the suite's events are valid")
}

/// The same with so much data.
pub(super) fn event_of(ty: &str, id: impl ToString, data_bytes: usize) -> Event {
    Event::builder(&id.to_string(), "/suite", ty)
        .data("application/octet-stream", vec![b'x'; data_bytes])
        .build()
        .expect("the suite's events are valid")
}

/// Events of type `ty` with ids counting from `from`.
pub(super) fn events(ty: &str, ids: std::ops::Range<usize>) -> Vec<Event> {
    ids.map(|id| event(ty, id)).collect()
}

pub(super) fn reason(kind: &'static str) -> ParkReason {
    ParkReason {
        kind,
        detail: Arc::from("said by the suite"),
        dest: Some(Arc::from("http://sink.example/")),
        code: Some(500),
        data: bytes::Bytes::from_static(b"why"),
    }
}

pub(super) fn ids(leases: &[Lease]) -> Vec<String> {
    leases
        .iter()
        .map(|lease| lease.event.id().to_owned())
        .collect()
}

pub(super) fn settle_all(leases: Vec<Lease>) {
    for lease in leases {
        lease.settle(Settled::Delivered);
    }
}

/// A channel with a matcher, and the verbs of the tests.
pub(super) struct Bench<'a> {
    pub(super) fixture: &'a dyn Fixture,
    pub(super) opened: Opened,
    pub(super) matcher: Arc<ByType>,
}

impl<'a> Bench<'a> {
    pub(super) async fn new(fixture: &'a dyn Fixture) -> Bench<'a> {
        Self::with(fixture, Bounds::default()).await
    }

    pub(super) async fn with(fixture: &'a dyn Fixture, bounds: Bounds) -> Bench<'a> {
        let matcher = Arc::new(ByType::default());
        let opened = fixture.open(bounds, Arc::clone(&matcher) as _).await;
        Bench {
            fixture,
            opened,
            matcher,
        }
    }

    /// The same channel after a kill, where its class promises that.
    pub(super) async fn reopened(self) -> Option<Bench<'a>> {
        let matcher = Arc::clone(&self.matcher);
        let opened = self.fixture.reopen(self.opened, Arc::clone(&matcher) as _);
        Some(Bench {
            fixture: self.fixture,
            opened: opened.await?,
            matcher,
        })
    }

    // ---- subscriptions ----

    /// A subscription of that name and key, for events of the type of that name.
    pub(super) async fn subscribe(&self, name: &str, key: u64) -> Box<dyn Subscription> {
        self.matcher.want(name, SubscriptionKey(key));
        self.open_end(spec(name, key)).await
    }

    pub(super) async fn open_end(&self, spec: SubscriptionSpec) -> Box<dyn Subscription> {
        self.opened
            .channel
            .subscribe(spec)
            .await
            .expect("the name is free and the channel open")
    }

    // ---- appending ----

    /// Appends, and tries again where the store says that it cannot be reached: servers that agree on
    /// a leader refuse for a moment.
    pub(super) async fn append(&self, batch: Vec<Event>) -> Vec<Position> {
        let deadline = Instant::now() + self.fixture.patience();
        loop {
            match self.try_append(batch.clone(), Admission::Ingress).await {
                Err(AppendError::Unreachable { retry_after, .. }) if Instant::now() < deadline => {
                    sleep(retry_after).await;
                }
                appended => return appended.expect("there is room"),
            }
        }
    }

    pub(super) async fn try_append(
        &self,
        batch: Vec<Event>,
        admission: Admission,
    ) -> Result<Vec<Position>, AppendError> {
        self.opened.channel.append(batch, admission).await
    }

    /// Appends events of that type and size, ids counting from `from`, until the store is full.
    /// Answers how many went in.
    pub(super) async fn fill(&self, ty: &str, from: usize, admission: Admission) -> usize {
        const ENDLESS: usize = 100_000;
        for count in 0..ENDLESS {
            let event = event_of(ty, from + count, FILLING_BYTES);
            match self.try_append(vec![event], admission).await {
                Ok(_) => {}
                Err(AppendError::Full { retry_after }) => {
                    assert!(retry_after > Duration::ZERO, "a hot loop for the producer");
                    return count;
                }
                Err(other) => panic!("a store that fills up said: {other}"),
            }
        }
        panic!("the store took {ENDLESS} events and was not full");
    }

    // ---- reading ----

    /// The next leases, which must come within the fixture's patience.
    pub(super) async fn next(
        &self,
        subscription: &mut Box<dyn Subscription>,
        limit: NextLimit,
    ) -> Vec<Lease> {
        timeout(self.fixture.patience(), subscription.next(limit))
            .await
            .expect("something is ready to be handed out")
    }

    /// Exactly `count` leases, however many calls they take.
    pub(super) async fn next_count(
        &self,
        subscription: &mut Box<dyn Subscription>,
        count: usize,
    ) -> Vec<Lease> {
        let mut leases = Vec::new();
        while leases.len() < count {
            let more = self.next(subscription, items(count - leases.len())).await;
            assert!(!more.is_empty(), "the channel is open");
            leases.extend(more);
        }
        leases
    }

    pub(super) async fn one(&self, subscription: &mut Box<dyn Subscription>) -> Lease {
        let mut leases = self.next(subscription, items(1)).await;
        assert_eq!(leases.len(), 1);
        leases.remove(0)
    }

    pub(super) async fn assert_nothing_comes(&self, subscription: &mut Box<dyn Subscription>) {
        if let Ok(leases) = timeout(self.fixture.quiet(), subscription.next(MANY)).await {
            panic!("nothing should be handed out, got {leases:?}");
        }
    }

    // ---- looking ----

    pub(super) fn status(&self, name: &str) -> SubscriptionStatus {
        self.opened
            .channel
            .describe()
            .subscriptions
            .into_iter()
            .find(|status| &*status.name == name)
            .expect("the subscription exists")
    }

    pub(super) fn books(&self, name: &str) -> Books {
        self.status(name).books
    }

    /// Waits until nothing that was appended is still to be read for `name`. A store that fetches what
    /// it hands out hands out what it has until then.
    pub(super) async fn until_read(&self, name: &str) {
        let deadline = Instant::now() + self.fixture.patience();
        while self.status(name).unread > 0 {
            assert!(Instant::now() < deadline, "{:?}", self.status(name));
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until the books of `name` are these. Whatever they pass through, they balance.
    pub(super) async fn expect_books(&self, name: &str, expected: Books) {
        assert!(
            expected.balance(),
            "the test expects the impossible: {expected:?}"
        );
        let deadline = Instant::now() + self.fixture.patience();
        loop {
            let books = self.books(name);
            if books == expected {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the books of {name} are {books:?}, not {expected:?}"
            );
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) async fn dead_letters(&self, name: &str) -> Vec<DeadLetter> {
        self.opened
            .channel
            .dead_letters(Some(name), None, usize::MAX)
            .await
    }

    /// A time so far from now.
    pub(super) fn after(&self, wait: Duration) -> Timestamp {
        self.opened.clock.now() + wait
    }
}

/// The data of the events that [`Bench::fill`] appends.
pub(super) const FILLING_BYTES: usize = 4 << 10;

pub(super) fn spec(name: &str, key: u64) -> SubscriptionSpec {
    SubscriptionSpec {
        name: Arc::from(name),
        key: SubscriptionKey(key),
        start: Start::Latest,
        exhausted: Exhausted::Discard,
        deferred_max: NonZeroUsize::MAX,
        interest: crate::Interest::Everything,
    }
}
