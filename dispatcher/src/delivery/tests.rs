//! Endings that a whole channel does not bring about at will.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use sluicegate_channels::{
    BoxFuture, Claim, Clock, LeaseControl, Matcher, MemoryChannel, MemoryOptions, ParkReason,
    Position, Settled, StoreError, SubscriptionKey, Timestamp,
};
use sluicegate_event::Event;
use sluicegate_resources::{BackoffPolicy, EffectiveDelivery, ObjectName, RetryLimit};

use super::*;
use crate::observer::{AttemptReport, Ending};
use crate::sender::{Answer, Content, Failure};

/// Writes down how a lease ends, and refuses to store it where a test says so.
#[derive(Debug, Default)]
struct Record {
    endings: Mutex<Vec<String>>,
    is_broken: bool,
}

#[derive(Debug)]
struct Control(Arc<Record>);

impl Control {
    fn stored(&self, ending: String) -> BoxFuture<'static, Result<(), StoreError>> {
        self.0.endings.lock().push(ending);
        let is_broken = self.0.is_broken;
        Box::pin(async move {
            match is_broken {
                true => Err(StoreError("disk on fire".to_owned())),
                false => Ok(()),
            }
        })
    }
}

impl LeaseControl for Control {
    fn settle(self: Box<Self>, how: Settled) {
        self.0.endings.lock().push(format!("{how:?}"));
    }

    fn defer(
        self: Box<Self>,
        _until: Timestamp,
        sends: u32,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        self.stored(format!("deferred with {sends}"))
    }

    fn park(
        self: Box<Self>,
        reason: ParkReason,
        sends: u32,
        retry_at: Option<Timestamp>,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let comes_back = retry_at.is_some();
        self.stored(format!(
            "parked as {} after {sends} sends, comes back: {comes_back}",
            reason.kind
        ))
    }

    fn release(self: Box<Self>) {
        self.0.endings.lock().push("released".to_owned());
    }
}

/// Answers with one status, or panics.
#[derive(Debug)]
struct Always(Option<u16>);

impl Sender for Always {
    fn send(&self, _transmission: Transmission) -> BoxFuture<'_, Result<Answer, Failure>> {
        let status = self.0.expect("scripted panic");
        Box::pin(async move {
            Ok(Answer {
                status,
                retry_after: None,
                content: Content::Empty,
                body_start: Bytes::new(),
                is_loop: false,
            })
        })
    }
}

/// Panics when it hears of an attempt or an ending, as a fault in the telemetry would.
struct Clumsy {
    at_attempts: bool,
}

impl Observer for Clumsy {
    fn attempt_ended(&self, _event: &Event, _attempt: &AttemptReport<'_>) {
        assert!(!self.at_attempts, "scripted");
    }

    fn lease_ended(&self, _event: &Event, _position: Position, _ending: &Ending<'_>) {
        panic!("scripted");
    }
}

struct Nobody;

impl Matcher for Nobody {
    fn matches(&self, _event: &Event, _answer: &mut dyn FnMut(SubscriptionKey, Claim)) {}
}

struct Case {
    status: Option<u16>,
    sink: bool,
    purpose: LeasePurpose,
    sends: u32,
    is_broken: bool,
    observer: Arc<dyn Observer>,
}

impl Case {
    fn new(status: u16, purpose: LeasePurpose) -> Self {
        Case {
            status: Some(status),
            sink: true,
            purpose,
            sends: 0,
            is_broken: false,
            observer: Arc::new(crate::observer::Silent),
        }
    }

    /// Runs one delivery, and gives how its lease ended and how long that took.
    async fn run(self) -> (Vec<String>, Duration) {
        let clock = Clock::anchored_at(UNIX_EPOCH);
        let plan = Arc::new(plan(self.sink));
        let delivery = Delivery::new(
            watch::channel(Arc::clone(&plan)).1,
            MemoryChannel::open(MemoryOptions::default(), Arc::new(Nobody), clock),
            Arc::new(Always(self.status)),
            self.observer,
            clock,
            7,
            crate::breaker::PROBE_EVERY,
        );
        let record = Arc::new(Record {
            is_broken: self.is_broken,
            ..Record::default()
        });
        let lease = Lease::new(
            Arc::new(Event::builder("1", "/shop", "order").build().unwrap()),
            Position {
                partition: 0,
                offset: 1,
            },
            self.sends,
            clock.now(),
            self.purpose,
            Box::new(Control(Arc::clone(&record))),
        );
        let job = Assignment::new(plan).unwrap();
        let position = lease.position;
        delivery.sink_tries.add(position);
        delivery.panics.add(position);
        let began = tokio::time::Instant::now();
        delivery.run(Arc::new(job), lease).await;
        let endings = record.endings.lock().clone();
        let comes_back = ["deferred", "released", "comes back: true"];
        let is_over = endings
            .iter()
            .all(|ending| comes_back.iter().all(|back| !ending.contains(back)));
        if is_over && !self.is_broken {
            let counted = (delivery.sink_tries.len(), delivery.panics.len());
            assert_eq!(counted, (0, 0), "what is over is not counted any more");
        }
        (endings, began.elapsed())
    }

    async fn ending(self) -> String {
        let (endings, _) = self.run().await;
        assert_eq!(endings.len(), 1, "{endings:?}");
        endings.concat()
    }
}

fn plan(sink: bool) -> Plan {
    let target = |url: &str| Target {
        uri: url.parse().unwrap(),
    };
    Plan {
        trigger: ObjectName {
            namespace: "shop".to_owned(),
            name: "billing".to_owned(),
        },
        broker: "orders".into(),
        subscriber: Some(target("http://billing/")),
        dead_letter: sink.then(|| target("http://sink/")),
        delivery: EffectiveDelivery {
            dead_letter_sink: None,
            limit: RetryLimit::Count(5),
            backoff_policy: BackoffPolicy::Exponential,
            backoff_delay: Duration::from_millis(200),
            backoff_max: Duration::from_secs(600),
            timeout: Duration::from_secs(30),
            retry_after_max: Duration::from_secs(600),
            format: None,
        },
        in_flight_max: std::num::NonZeroU32::MIN,
        hops_max: 32,
        pending_max: None,
        paused: false,
    }
}

fn dead(kind: &'static str) -> LeasePurpose {
    LeasePurpose::DeadLetter(ParkReason {
        kind,
        detail: "why".into(),
        dest: None,
        code: None,
        data: Bytes::new(),
    })
}

#[tokio::test(start_paused = true)]
async fn what_was_shed_reaches_its_sink_or_is_discarded_and_never_goes_back() {
    for (status, sink, expected) in [
        (200, true, "DeadLettered"),
        (500, true, "Discarded"),
        (403, true, "Discarded"),
        (200, false, "Discarded"),
    ] {
        let mut case = Case::new(status, dead(kind::SHED));
        case.sink = sink;
        assert_eq!(case.ending().await, expected, "{status}, sink: {sink}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_parked_letter_comes_back_only_while_there_is_a_sink() {
    for (status, sink, expected) in [
        (200, true, "DeadLettered"),
        (
            500,
            true,
            "parked as exhausted after 0 sends, comes back: true",
        ),
        (
            200,
            false,
            "parked as exhausted after 0 sends, comes back: false",
        ),
    ] {
        let mut case = Case::new(status, dead(kind::EXHAUSTED));
        case.sink = sink;
        assert_eq!(case.ending().await, expected, "{status}, sink: {sink}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_keeps_the_lease_and_its_count() {
    let mut case = Case::new(0, LeasePurpose::Deliver);
    case.status = None;
    assert_eq!(case.ending().await, "deferred with 1");

    let mut case = Case::new(0, dead(kind::REFUSED));
    case.status = None;
    case.sends = 6;
    assert_eq!(
        case.ending().await,
        "parked as refused after 6 sends, comes back: true"
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_gives_the_place_a_rest() {
    for (status, expected) in [
        (503, "deferred with 1"),
        (403, "parked as refused after 1 sends, comes back: false"),
    ] {
        let mut case = Case::new(status, LeasePurpose::Deliver);
        case.sink = false;
        case.is_broken = true;
        let (endings, took) = case.run().await;
        assert_eq!(endings, [expected]);
        assert_eq!(took, STORE_PAUSE);
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_ends_neither_the_event_nor_the_worker() {
    for (at_attempts, expected) in [(false, "Delivered"), (true, "released")] {
        let mut case = Case::new(200, LeasePurpose::Deliver);
        case.observer = Arc::new(Clumsy { at_attempts });
        let (endings, took) = case.run().await;
        assert_eq!(endings, [expected]);
        assert_eq!(took, STORE_PAUSE);
    }
}
