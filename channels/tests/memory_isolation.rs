//! What subscriptions of a memory channel do to one another, and what a full store does to them:
//! dead subscribers must not stop the others, and plain overload must push back rather than
//! discard (G0, G10, G11).

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::FutureExt as _;
use sluicegate_channels::contract_suite::ByType;
use sluicegate_channels::{
    Admission, AppendError, Channel, Claim, Clock, Exhausted, Lease, LeasePurpose, Matcher,
    MemoryChannel, MemoryOptions, NextLimit, ParkReason, Settled, Start, Subscription,
    SubscriptionKey, SubscriptionSpec, SubscriptionStatus, WhenFull,
};
use sluicegate_event::Event;

struct Store {
    channel: Arc<MemoryChannel>,
    matcher: Arc<ByType>,
    clock: Clock,
}

const SMALL: MemoryOptions = MemoryOptions {
    events_max: 100,
    bytes_max: 10 << 20,
    when_full: WhenFull::Shed,
    retry_after: Duration::from_secs(3),
};

impl Store {
    fn open(options: MemoryOptions) -> Self {
        let clock = Clock::anchored_at(UNIX_EPOCH);
        let matcher = Arc::new(ByType::default());
        Store {
            channel: MemoryChannel::open(options, Arc::clone(&matcher) as _, clock),
            matcher,
            clock,
        }
    }

    /// A subscription named after the type that it wants.
    async fn subscribe(&self, ty: &str, key: u64, exhausted: Exhausted) -> Box<dyn Subscription> {
        self.matcher.want(ty, SubscriptionKey(key));
        let subscribed = self.channel.subscribe(spec(ty, key, exhausted)).await;
        subscribed.expect("the name is free")
    }

    async fn append(&self, ty: &str, count: usize) -> Result<(), AppendError> {
        for _ in 0..count {
            self.append_as(ty, 0, Admission::Ingress).await?;
        }
        Ok(())
    }

    async fn append_as(
        &self,
        ty: &str,
        data_bytes: usize,
        admission: Admission,
    ) -> Result<(), AppendError> {
        let event = Event::builder("1", "/isolation", ty)
            .data("text/plain", vec![b'x'; data_bytes])
            .build()
            .expect("it is valid");
        self.channel.append(vec![event], admission).await.map(drop)
    }

    fn status(&self, name: &str) -> SubscriptionStatus {
        let subscriptions = self.channel.describe().subscriptions;
        let mut named = subscriptions
            .into_iter()
            .filter(|status| *status.name == *name);
        let status = named.next().expect("the subscription exists");
        assert!(status.books.balance(), "{status:?}");
        status
    }
}

fn spec(name: &str, key: u64, exhausted: Exhausted) -> SubscriptionSpec {
    SubscriptionSpec {
        name: Arc::from(name),
        key: SubscriptionKey(key),
        start: Start::Latest,
        exhausted,
        deferred_max: 2_000.try_into().expect("not zero"),
        interest: sluicegate_channels::Interest::Everything,
    }
}

/// What is ready now; nothing when nothing is. Unconstrained, because the reader would otherwise
/// yield once in a while to be fair to other tasks.
fn ready(end: &mut Box<dyn Subscription>, items_max: usize) -> Vec<Lease> {
    let limit = NextLimit {
        items_max: items_max.try_into().expect("not zero"),
        bytes_max: usize::MAX,
        dead_letters_max: usize::MAX,
    };
    tokio::task::unconstrained(end.next(limit))
        .now_or_never()
        .unwrap_or_default()
}

fn deliver_all(end: &mut Box<dyn Subscription>) -> usize {
    let leases = ready(end, usize::MAX);
    let count = leases.len();
    for lease in leases {
        assert_eq!(lease.purpose, LeasePurpose::Deliver);
        lease.settle(Settled::Delivered);
    }
    count
}

fn exhausted() -> ParkReason {
    ParkReason {
        kind: "exhausted",
        detail: Arc::from(""),
        dest: None,
        code: None,
        data: bytes::Bytes::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_failing_events_do_not_delay_the_healthy_ones_behind_them() {
    let store = Store::open(MemoryOptions::default());
    let mut end = store.subscribe("mixed", 1, Exhausted::Discard).await;
    store.matcher.want("poison", SubscriptionKey(1));
    store.append("poison", 1_000).await.expect("there is room");
    let mut retried = 0;
    let mut first_attempts = ready(&mut end, 1_000);
    for round in 0..50 {
        for lease in first_attempts.drain(..).chain(ready(&mut end, 64)) {
            if lease.event.ty() == "mixed" {
                lease.settle(Settled::Delivered);
                continue;
            }
            retried += lease.sends.min(1);
            let again = store.clock.now() + Duration::from_millis(100);
            let sends = lease.sends + 1;
            lease.defer(again, sends).await.expect("memory defers");
        }
        // Through a window of 64, of which those that fail want every place.
        let books = store.status("mixed").books;
        assert_eq!(
            (books.delivered, books.pending),
            (round * 10, 1_000),
            "round {round}"
        );
        store.append("mixed", 10).await.expect("there is room");
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    assert!(
        retried > 1_000,
        "the failing events were retried {retried} times"
    );
}

#[tokio::test]
async fn two_dead_subscribers_with_other_interests_stop_neither_the_healthy_nor_ingress() {
    let store = Store::open(SMALL);
    let dead = store.subscribe("dead", 1, Exhausted::Discard).await;
    let dying = store.subscribe("dying", 2, Exhausted::Discard).await;
    let mut healthy = store.subscribe("healthy", 3, Exhausted::Discard).await;
    let mut delivered = 0;
    for round in 0..500 {
        for ty in ["dead", "dying", "healthy"] {
            let appended = store.append(ty, 1).await;
            assert_eq!(appended, Ok(()), "{ty} in round {round}");
        }
        delivered += deliver_all(&mut healthy);
    }
    assert_eq!(delivered, 500);
    for name in ["dead", "dying"] {
        let status = store.status(name);
        assert_eq!(status.books.pending + status.books.discarded, 500);
        assert!(
            status.books.pending >= 35,
            "neither pays for the other: {status:?}"
        );
        assert_eq!(status.discarded_by, [("shed", status.books.discarded)]);
    }
    assert_eq!(store.status("healthy").books.discarded, 0);
    drop((dead, dying));
}

#[tokio::test]
async fn two_dead_subscribers_with_the_same_interest_stop_neither_the_healthy_nor_ingress() {
    let store = Store::open(SMALL);
    let dead = store.subscribe("dead", 1, Exhausted::Discard).await;
    let dying = store.subscribe("dying", 2, Exhausted::Discard).await;
    let mut healthy = store.subscribe("all", 3, Exhausted::Discard).await;
    for key in [1, 2] {
        store.matcher.want("all", SubscriptionKey(key));
    }
    let mut delivered = 0;
    for round in 0..500 {
        assert_eq!(store.append("all", 1).await, Ok(()), "round {round}");
        delivered += deliver_all(&mut healthy);
    }
    assert_eq!(delivered, 500);
    for name in ["dead", "dying"] {
        let books = store.status(name).books;
        assert!((75..=80).contains(&books.pending), "{books:?}");
    }
    drop((dead, dying));
}

#[tokio::test]
async fn one_slow_subscriber_alone_pushes_back_and_discards_nothing() {
    let store = Store::open(SMALL);
    let mut slow = store.subscribe("slow", 1, Exhausted::Discard).await;
    assert_eq!(store.append("slow", 80).await, Ok(()));
    let full = AppendError::Full {
        retry_after: SMALL.retry_after,
    };
    for _ in 0..10 {
        assert_eq!(store.append("slow", 1).await, Err(full.clone()));
    }
    let books = store.status("slow").books;
    assert_eq!(
        (books.pending, books.discarded, books.accepted),
        (80, 0, 80)
    );

    // What takes no storage is accepted even then; and one settled event makes room for one.
    assert_eq!(store.append("nobody's", 1).await, Ok(()));
    ready(&mut slow, 1).remove(0).settle(Settled::Delivered);
    assert_eq!(store.append("slow", 1).await, Ok(()));
    assert_eq!(store.append("slow", 1).await, Err(full));
}

#[tokio::test]
async fn a_store_told_to_refuse_takes_from_nobody() {
    let store = Store::open(MemoryOptions {
        when_full: WhenFull::Refuse,
        ..SMALL
    });
    let dead = store.subscribe("dead", 1, Exhausted::Discard).await;
    let healthy = store.subscribe("healthy", 2, Exhausted::Discard).await;
    assert_eq!(store.append("dead", 80).await, Ok(()));
    let refused = store.append("healthy", 1).await;
    assert!(matches!(refused, Err(AppendError::Full { .. })));
    assert_eq!(store.status("dead").books.pending, 80);
    drop((dead, healthy));
}

#[tokio::test]
async fn the_reserve_is_kept_for_replies() {
    let store = Store::open(SMALL);
    let end = store.subscribe("slow", 1, Exhausted::Discard).await;
    assert_eq!(store.append("slow", 80).await, Ok(()));
    assert!(store.append("slow", 1).await.is_err());
    for _ in 0..20 {
        assert_eq!(
            store.append_as("slow", 0, Admission::Internal).await,
            Ok(())
        );
    }
    assert!(
        store
            .append_as("slow", 0, Admission::Internal)
            .await
            .is_err()
    );
    assert_eq!(store.channel.describe().events, 100);
    drop(end);
}

#[tokio::test(start_paused = true)]
async fn a_full_store_drains_to_nothing() {
    let store = Store::open(SMALL);
    let mut end = store.subscribe("slow", 1, Exhausted::Discard).await;
    assert_eq!(store.append("slow", 80).await, Ok(()));
    let soon = store.clock.now() + Duration::from_secs(1);
    for (index, lease) in ready(&mut end, 80).into_iter().enumerate() {
        match index % 4 {
            0 => lease.settle(Settled::Delivered),
            1 => lease.defer(soon, 1).await.expect("a full store defers"),
            2 => {
                let parked = lease.park(exhausted(), 1, Some(soon)).await;
                parked.expect("a full store parks");
            }
            _ => drop(lease),
        }
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    for lease in ready(&mut end, 80) {
        let how = match lease.purpose {
            LeasePurpose::Deliver => Settled::Delivered,
            LeasePurpose::DeadLetter(_) => Settled::DeadLettered,
        };
        lease.settle(how);
    }
    let books = store.status("slow").books;
    assert_eq!((books.delivered, books.dead_lettered), (60, 20));
    let status = store.channel.describe();
    assert_eq!((status.events, status.bytes), (0, 0));
    assert_eq!(status.oldest_accepted_at, None);
}

#[tokio::test]
async fn what_is_taken_for_a_sink_stays_within_half_the_reserve() {
    let store = Store::open(SMALL);
    let mut dead = store.subscribe("dead", 1, Exhausted::HandOver).await;
    let healthy = store.subscribe("healthy", 2, Exhausted::Discard).await;
    assert_eq!(store.append("dead", 300).await, Ok(()));
    let status = store.status("dead");
    assert_eq!(
        store.channel.describe().events,
        90,
        "80 and half of the other 20"
    );
    assert_eq!((status.books.pending, status.books.discarded), (90, 210));

    // The sink fails for one of those taken: it must not fill the store again.
    let mut taken = ready(&mut dead, 20);
    taken.retain(|lease| lease.purpose != LeasePurpose::Deliver);
    assert_eq!(taken.len(), 10);
    let failed = taken.remove(0);
    failed
        .park(exhausted(), 1, None)
        .await
        .expect("it is ended");
    assert_eq!(store.status("dead").books.parked, 0);
    assert_eq!(store.status("dead").discarded_by, [("shed", 211)]);
    for lease in taken {
        lease.settle(Settled::DeadLettered);
    }
    assert_eq!(store.status("dead").books.dead_lettered, 9);
    drop(healthy);
}

#[tokio::test]
async fn who_holds_most_is_judged_by_the_bound_that_is_reached() {
    let store = Store::open(MemoryOptions {
        events_max: 10_000,
        bytes_max: 100 << 10,
        ..SMALL
    });
    let many = store.subscribe("many", 1, Exhausted::Discard).await;
    let large = store.subscribe("large", 2, Exhausted::Discard).await;
    assert_eq!(store.append("many", 20).await, Ok(()));
    for _ in 0..30 {
        let appended = store.append_as("large", 4 << 10, Admission::Ingress).await;
        assert_eq!(appended, Ok(()));
    }
    assert_eq!(
        store.status("many").books.discarded,
        0,
        "it holds more events and fewer bytes"
    );
    let books = store.status("large").books;
    assert!(books.discarded > 5 && books.pending > 5, "{books:?}");
    drop((many, large));
}

#[tokio::test]
async fn what_is_parked_weighs_like_what_waits() {
    let store = Store::open(SMALL);
    let mut dead = store.subscribe("dead", 1, Exhausted::Discard).await;
    let healthy = store.subscribe("healthy", 2, Exhausted::Discard).await;
    assert_eq!(store.append("dead", 80).await, Ok(()));
    for lease in ready(&mut dead, 80) {
        lease
            .park(exhausted(), 1, None)
            .await
            .expect("memory parks");
    }
    assert_eq!(store.append("healthy", 5).await, Ok(()));
    let books = store.status("dead").books;
    assert_eq!((books.parked, books.discarded), (75, 5));
    let left = store.channel.dead_letters(Some("dead"), None, 1).await;
    assert_eq!(left[0].key.position.offset, 5, "the oldest went first");
    drop(healthy);
}

#[tokio::test]
async fn what_could_never_fit_is_refused_as_such() {
    let store = Store::open(MemoryOptions {
        bytes_max: 100 << 10,
        ..SMALL
    });
    let end = store.subscribe("a", 1, Exhausted::Discard).await;
    let too_large = store.append_as("a", 90 << 10, Admission::Ingress).await;
    let Err(AppendError::TooLarge {
        size_bytes,
        max_bytes,
    }) = too_large
    else {
        panic!("{too_large:?}");
    };
    assert!(size_bytes > max_bytes);
    assert_eq!(max_bytes, 80 << 10, "what ingress may use");
    let reply = store.append_as("a", 90 << 10, Admission::Internal).await;
    assert_eq!(reply, Ok(()), "a reply may use all of it");
    let event = Event::builder("1", "/isolation", "a").build();
    let batch = vec![event.expect("it is valid"); 81];
    let too_many = store.channel.append(batch, Admission::Ingress).await;
    let expected = AppendError::TooMany {
        events: 81,
        events_max: 80,
    };
    assert_eq!(too_many, Err(expected));
    drop(end);
}

/// Subscribes when it is first asked, as if that happened on another thread just then.
#[derive(Default)]
struct Racing {
    by_type: ByType,
    channel: parking_lot::Mutex<Option<Arc<MemoryChannel>>>,
    end: parking_lot::Mutex<Option<Box<dyn Subscription>>>,
}

impl Matcher for Racing {
    fn matches(&self, event: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        self.by_type.matches(event, answer);
        let channel = self.channel.lock().take();
        if let Some(channel) = channel {
            self.by_type.want("a", SubscriptionKey(1));
            let end = channel.subscribe(spec("a", 1, Exhausted::Discard));
            let end = end.now_or_never().expect("memory never waits");
            *self.end.lock() = Some(end.expect("the name is free"));
        }
    }
}

#[tokio::test]
async fn a_subscription_made_while_an_event_is_matched_still_gets_it() {
    let matcher = Arc::new(Racing::default());
    let clock = Clock::anchored_at(UNIX_EPOCH);
    let channel = MemoryChannel::open(SMALL, Arc::clone(&matcher) as _, clock);
    *matcher.channel.lock() = Some(Arc::clone(&channel));
    let event = Event::builder("1", "/isolation", "a").build();
    let appended = channel.append(vec![event.expect("it is valid")], Admission::Ingress);
    appended.await.expect("there is room");
    let mut end = matcher.end.lock().take().expect("it has subscribed");
    assert_eq!(ready(&mut end, 9).len(), 1);
}
