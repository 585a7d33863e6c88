//! How operations are begun, looked at, forgotten and ended; and a store for the tests of what they do.

use std::num::NonZeroUsize;
use std::time::UNIX_EPOCH;

use sluicegate_channels::memory::{MemoryChannel, MemoryOptions};
use sluicegate_channels::{
    Admission, Books, Channel, Exhausted, Lease, Matcher, NextLimit, ParkReason, Start,
    Subscription, SubscriptionKey, SubscriptionSpec, SubscriptionStatus,
};
use sluicegate_dispatcher::TriggerMatcher;
use sluicegate_event::Event;
use sluicegate_filter::{Filter, FilterSpec};
use tokio::time::{Instant, sleep};

use super::letters::tests::redrive_all;
use super::*;
use crate::api::OperationState;

/// A memory channel whose subscriptions want the events of the type of their name, and `all` all.
pub(super) struct Store {
    pub(super) clock: Clock,
    pub(super) channel: Arc<MemoryChannel>,
    pub(super) matcher: Arc<TriggerMatcher>,
}

impl Store {
    pub(super) fn new() -> Self {
        let clock = Clock::anchored_at(UNIX_EPOCH + Duration::from_secs(1_000_000));
        let matcher = Arc::new(TriggerMatcher::new());
        let asked = Arc::clone(&matcher) as Arc<dyn Matcher>;
        Store {
            channel: MemoryChannel::open(MemoryOptions::default(), asked, clock),
            matcher,
            clock,
        }
    }

    pub(super) async fn subscribe(&self, name: &str, key: u64) -> Box<dyn Subscription> {
        let filters = match name {
            "all" => vec![],
            ty => vec![FilterSpec::Exact(vec![("type".to_owned(), ty.to_owned())])],
        };
        let filter = Filter::compile(&filters).unwrap();
        self.matcher.insert(SubscriptionKey(key), filter);
        let spec = SubscriptionSpec {
            name: name.into(),
            key: SubscriptionKey(key),
            start: Start::Latest,
            exhausted: Exhausted::Discard,
            deferred_max: NonZeroUsize::new(100_000).unwrap(),
            interest: sluicegate_channels::Interest::Everything,
        };
        self.channel.subscribe(spec).await.unwrap()
    }

    /// Appends events of the type with these ids, and `amount` the same where it is a number.
    pub(super) async fn append(&self, ty: &str, ids: std::ops::Range<u64>) {
        for id in ids {
            let event = Event::builder(&id.to_string(), "/test", ty);
            let event = event.attribute("amount", &id.to_string()).build().unwrap();
            let stored = self.channel.append(vec![event], Admission::Ingress);
            stored.await.unwrap();
        }
    }

    pub(super) fn status(&self, name: &str) -> SubscriptionStatus {
        let all = self.channel.describe().subscriptions;
        all.into_iter().find(|it| &*it.name == name).unwrap()
    }

    pub(super) fn books(&self, name: &str) -> Books {
        let books = self.status(name).books;
        assert!(books.balance(), "{books:?}");
        books
    }

    /// The ids of the letters of a subscription.
    pub(super) async fn parked(&self, name: &str) -> Vec<String> {
        let letters = self.channel.dead_letters(Some(name), None, 10_000).await;
        let ids = letters.iter().map(|letter| letter.event.id().to_owned());
        ids.collect()
    }
}

/// What is ready now, up to `count`.
pub(super) async fn take(end: &mut dyn Subscription, count: usize) -> Vec<Lease> {
    let limit = NextLimit {
        items_max: NonZeroUsize::new(count).unwrap(),
        bytes_max: usize::MAX,
        dead_letters_max: 0,
    };
    let next = timeout(Duration::from_millis(1), end.next(limit)).await;
    next.unwrap_or_default()
}

/// Gives up on what is ready now.
pub(super) async fn park(end: &mut dyn Subscription, count: usize, kind: &'static str) {
    let leases = take(end, count).await;
    assert_eq!(leases.len(), count);
    for lease in leases {
        let reason = ParkReason {
            kind,
            detail: "told to".into(),
            dest: None,
            code: None,
            data: Default::default(),
        };
        lease.park(reason, 1, None).await.unwrap();
    }
}

pub(super) async fn settle(end: &mut dyn Subscription, count: usize) -> Vec<String> {
    let leases = take(end, count).await;
    let ids = leases.iter().map(|lease| lease.event.id().to_owned());
    let ids = ids.collect();
    for lease in leases {
        lease.settle(sluicegate_channels::Settled::Delivered);
    }
    ids
}

/// Waits for the end of an operation.
async fn ended(operations: &Operations, id: &str) -> Operation {
    loop {
        let shown = operations.show(id).unwrap();
        if shown.state.is_final() {
            return shown;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// A store with so many letters of `t`.
async fn store_with(letters: usize) -> Store {
    let store = Store::new();
    let mut end = store.subscribe("t", 1).await;
    store.append("t", 0..letters as u64).await;
    park(&mut *end, letters, "exhausted").await;
    store
}

/// So many a second.
fn slowly(per_second: f64) -> Conduct {
    Conduct {
        per_second: Some(per_second),
        ..Conduct::default()
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_shows_its_progress_and_stays_to_be_looked_at() {
    let store = store_with(20).await;
    let operations = Operations::new(store.clock);
    let begun = operations.begin(redrive_all(&store, slowly(10.0))).unwrap();
    assert_eq!(
        (begun.kind, begun.state),
        (OperationKind::Redrive, OperationState::Running)
    );
    assert_eq!(begun.what, "dead letters of every trigger");
    sleep(Duration::from_millis(950)).await;
    let shown = operations.show(&begun.id).unwrap();
    assert_eq!(shown.state, OperationState::Running);
    assert_eq!((shown.progress.done, shown.progress.looked_at), (10, 20));
    let done = ended(&operations, &begun.id).await;
    assert_eq!((done.state, done.progress.done), (OperationState::Done, 20));
    assert!(done.ended_at.is_some() && done.failure.is_none());
    sleep(KEPT_FOR - Duration::from_secs(10)).await;
    assert_eq!(operations.list(), [done]);
    sleep(Duration::from_secs(20)).await;
    assert!(operations.list().is_empty() && operations.show(&begun.id).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_operation_ends_before_its_next_step_and_loses_nothing() {
    let store = store_with(20).await;
    let operations = Operations::new(store.clock);
    let begun = operations.begin(redrive_all(&store, slowly(10.0))).unwrap();
    sleep(Duration::from_millis(450)).await;
    operations.cancel(&begun.id).unwrap();
    let began = Instant::now();
    let shown = ended(&operations, &begun.id).await;
    assert!(began.elapsed() < Duration::from_millis(50));
    assert_eq!(
        (shown.state, shown.progress.done),
        (OperationState::Cancelled, 5)
    );
    let books = store.books("t");
    assert_eq!((books.pending, books.parked), (5, 15));
    let again = operations.cancel(&begun.id).unwrap();
    assert_eq!(again, shown, "one that has ended stays as it is");
    assert!(operations.cancel("another").is_none());
}

#[tokio::test(start_paused = true)]
async fn no_more_run_than_may_and_none_after_the_stop() {
    let store = store_with(100).await;
    let operations = Operations::new(store.clock);
    let begin = || operations.begin(redrive_all(&store, slowly(1.0)));
    let begun: Vec<Operation> = (0..RUNNING_MAX).map(|_| begin().unwrap()).collect();
    assert_eq!(begin().unwrap_err(), NotBegun::TooMany);
    operations.cancel(&begun[0].id).unwrap();
    ended(&operations, &begun[0].id).await;
    begin().unwrap();
    let began = Instant::now();
    operations.stop().await;
    assert!(began.elapsed() < STOP_WAIT);
    let mut all = operations.list().into_iter();
    assert!(all.all(|it| it.state == OperationState::Cancelled));
    assert_eq!(begin().unwrap_err(), NotBegun::Stopping);
    let books = store.books("t");
    assert_eq!(books.pending + books.parked, 100);
}

#[tokio::test(start_paused = true)]
async fn of_those_that_ended_the_newest_are_kept() {
    let store = store_with(1).await;
    let operations = Operations::new(store.clock);
    let mut ids = Vec::new();
    for _ in 0..KEPT_MAX + 5 {
        let begun = operations
            .begin(redrive_all(&store, Conduct::default()))
            .unwrap();
        ended(&operations, &begun.id).await;
        ids.push(begun.id);
    }
    let kept: Vec<String> = operations.list().into_iter().map(|it| it.id).collect();
    assert_eq!(kept, ids[5..]);
}
