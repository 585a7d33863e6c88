//! Several processes on the streams of one broker, and servers that go and come back.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use futures_util::StreamExt as _;
use sluicegate_channels::contract_suite::ByType;
use sluicegate_channels::nats::channel::{NatsChannel, Standing};
use sluicegate_channels::nats::options::NatsOptions;
use sluicegate_channels::{
    Admission, AppendError, Channel as _, Clock, Exhausted, Interest, Lease, LeasePurpose,
    NextLimit, ParkReason, Position, Settled, Start, Subscription, SubscriptionKey,
    SubscriptionSpec,
};
use sluicegate_conformance::nats::{NatsServer, Settings};
use sluicegate_event::Event;
use tokio::time::{Instant, sleep, timeout};

use crate::contract::clock;
use crate::servers::connect;

const PATIENCE: Duration = Duration::from_secs(30);
const KEY: SubscriptionKey = SubscriptionKey(1);
const TYPE: &str = "t";
const NAME: &str = "a";

/// A process of the broker.
struct Process {
    channel: NatsChannel,
    clock: Clock,
}

impl Process {
    /// One that need not be ready.
    async fn begin(server: &NatsServer) -> Self {
        let matcher = Arc::new(ByType::default());
        matcher.want(TYPE, KEY);
        let clock = clock();
        let options = NatsOptions::new(vec![server.url()]);
        let opening = NatsChannel::open(("default", "orders"), options, matcher, clock);
        let channel = Box::pin(opening).await.expect("the options are good");
        Process { channel, clock }
    }

    async fn start(server: &NatsServer) -> Self {
        let process = Self::begin(server).await;
        process.until_ready().await;
        process
    }

    async fn until_ready(&self) {
        until("it is ready", || self.channel.standing() == Standing::Ready).await;
    }

    async fn subscribe(&self) -> Box<dyn Subscription> {
        let spec = SubscriptionSpec {
            name: NAME.into(),
            key: KEY,
            start: Start::Earliest,
            exhausted: Exhausted::HandOver,
            deferred_max: NonZeroUsize::MAX,
            interest: Interest::default(),
        };
        let end = self.channel.subscribe(spec).await;
        end.expect("it is not open here")
    }

    async fn append(&self, ids: std::ops::Range<usize>) -> Vec<Position> {
        let events = ids.map(|id| {
            Event::builder(&id.to_string(), "/s", TYPE)
                .build()
                .expect("valid")
        });
        let appended = self.channel.append(events.collect(), Admission::Ingress);
        appended.await.expect("there is room")
    }

    fn books(&self) -> sluicegate_channels::Books {
        let status = self.channel.describe().subscriptions;
        status.first().expect("it is there").books
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn up_to(items: usize) -> NextLimit {
    NextLimit {
        items_max: NonZeroUsize::new(items).expect("not zero"),
        bytes_max: usize::MAX,
        dead_letters_max: usize::MAX,
    }
}

async fn next(end: &mut Box<dyn Subscription>, items: usize) -> Vec<Lease> {
    timeout(PATIENCE, end.next(up_to(items)))
        .await
        .expect("something is handed out")
}

fn why() -> ParkReason {
    ParkReason {
        kind: "exhausted",
        detail: "answered 503".into(),
        dest: None,
        code: Some(503),
        data: bytes::Bytes::from_static(b"why"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_events_and_each_is_handed_to_one() {
    const EVENTS: usize = 400;
    let server = Box::pin(NatsServer::start(Settings::new())).await;
    let (one, two) = (Process::start(&server).await, Process::start(&server).await);
    let (mut end_one, mut end_two) = (one.subscribe().await, two.subscribe().await);
    let mut taken = [0, 0];
    let mut seen = BTreeSet::new();
    for round in 0..EVENTS / 50 {
        let from = round * 50;
        let (ours, theirs) = (&one, &two);
        let by = if round % 2 == 0 { ours } else { theirs };
        by.append(from..from + 50).await;
        let quick = Duration::from_millis(50);
        let deadline = Instant::now() + PATIENCE;
        while seen.len() < from + 50 {
            assert!(Instant::now() < deadline, "{} of {}", seen.len(), from + 50);
            for (end, taken) in [&mut end_one, &mut end_two].into_iter().zip(&mut taken) {
                let Ok(leases) = timeout(quick, end.next(up_to(8))).await else {
                    continue;
                };
                for lease in leases {
                    let id = lease.event.id().to_owned();
                    assert!(seen.insert(id), "handed out twice");
                    *taken += 1;
                    lease.settle(Settled::Delivered);
                }
            }
        }
    }
    assert!(taken.iter().all(|it| *it >= EVENTS / 5), "{taken:?}");
    let all = EVENTS as u64;
    for process in [&one, &two] {
        until("both know of all", || {
            let books = process.books();
            (books.accepted, books.delivered, books.pending) == (all, all, 0)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_keeps_apart_is_everybodys() {
    let server = Box::pin(NatsServer::start(Settings::new())).await;
    let (one, two) = (Process::start(&server).await, Process::start(&server).await);
    let mut end_one = one.subscribe().await;
    let positions = one.append(0..3).await;
    let mut leases = Vec::new();
    while leases.len() < 3 {
        leases.extend(next(&mut end_one, 3 - leases.len()).await);
    }
    let soon = one.clock.now() + Duration::from_secs(1);
    for (lease, retry_at) in leases.into_iter().zip([Some(soon), None, None]) {
        // Loops are not for sinks.
        let kind = if retry_at.is_some() {
            "exhausted"
        } else {
            "loop"
        };
        let reason = ParkReason { kind, ..why() };
        lease.park(reason, 2, retry_at).await.expect("it is parked");
    }
    until("the other knows of all", || two.books().parked == 3).await;
    let letters = two.channel.dead_letters(Some(NAME), None, 10).await;
    let found: Vec<_> = letters.iter().map(|it| it.key.position).collect();
    assert_eq!(found, positions);
    assert!(
        letters
            .iter()
            .all(|it| it.sends == 2 && it.reason.data == why().data)
    );

    // Its process dies; its sink is tried by another.
    drop((end_one, one));
    let mut end_two = two.subscribe().await;
    let lease = next(&mut end_two, 1).await.remove(0);
    assert_eq!(lease.position, positions[0]);
    assert!(matches!(lease.purpose, LeasePurpose::DeadLetter(_)));
    lease.settle(Settled::DeadLettered);

    let third = Process::start(&server).await;
    assert_eq!(third.channel.redrive(&letters[1].key).await, Ok(true));
    assert_eq!(third.channel.discard(&letters[2].key).await, Ok(true));
    let lease = next(&mut end_two, 1).await.remove(0);
    assert_eq!((lease.position, lease.sends), (positions[1], 0));
    lease.settle(Settled::Delivered);
    for process in [&two, &third] {
        until("both know how all ended", || {
            let books = process.books();
            let ended = (books.delivered, books.dead_lettered, books.discarded);
            ended == (1, 1, 1) && books.pending + books.parked == 0
        })
        .await;
    }
    // The copies of events that no entry needs any more are gone.
    let deadline = Instant::now() + PATIENCE;
    while copies(&server).await > 0 {
        assert!(
            Instant::now() < deadline,
            "{} are left",
            copies(&server).await
        );
        sleep(Duration::from_millis(100)).await;
    }
}

/// How many events are kept apart.
async fn copies(server: &NatsServer) -> usize {
    let context = jetstream::new(connect(&[server.url()]).await);
    let stream = Box::pin(context.get_stream("sluicegate_default_orders_kept")).await;
    let stream = stream.expect("it is there");
    let events = stream.info_with_subjects("sluicegate.default.orders.k.b.>");
    let events = Box::pin(events).await.expect("it answers");
    events.count().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_acts_on_all_processes() {
    let server = Box::pin(NatsServer::start(Settings::new())).await;
    let (one, two) = (Process::start(&server).await, Process::start(&server).await);
    let mut end = one.subscribe().await;
    until("the other has heard", || {
        !two.channel.describe().subscriptions.is_empty()
    })
    .await;
    two.channel.pause(NAME, true).await;
    until("it is paused here", || {
        one.channel.describe().subscriptions[0].paused
    })
    .await;
    one.append(0..2).await;
    let nothing = timeout(Duration::from_millis(300), end.next(up_to(9))).await;
    assert!(nothing.is_err(), "it is paused");
    two.channel.pause(NAME, false).await;
    let first = next(&mut end, 1).await.remove(0);
    first.settle(Settled::Delivered);

    assert_eq!(two.channel.seek(NAME, Start::Latest).await, Ok(()));
    for process in [&one, &two] {
        // Who moves it may show what it does not know of as filtered: see 0016.
        until("what waited is passed over", || {
            let books = process.books();
            let passed_over = books.discarded + books.filtered;
            (books.delivered, passed_over, books.pending) == (1, 1, 0)
        })
        .await;
    }
    two.append(2..3).await;
    let lease = next(&mut end, 1).await.remove(0);
    assert_eq!(lease.event.id(), "2");
    lease.settle(Settled::Delivered);

    assert!(two.channel.delete(NAME).await.is_some());
    let over = timeout(PATIENCE, end.next(up_to(1))).await;
    assert!(over.expect("it does not wait").is_empty());
    until("it is gone here", || {
        one.channel.describe().subscriptions.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_outlives_servers_and_processes() {
    let mut server = Box::pin(NatsServer::start(Settings::new())).await;
    let one = Process::start(&server).await;
    let mut end = one.subscribe().await;
    one.append(0..10).await;
    let out = next(&mut end, 4).await;
    let parked = out.len();
    for lease in out {
        let soon = one.clock.now() + Duration::from_secs(2);
        lease
            .park(why(), 1, Some(soon))
            .await
            .expect("it is parked");
    }
    Box::pin(server.restart()).await;
    let event = Event::builder("10", "/s", TYPE).build().expect("valid");
    let deadline = Instant::now() + PATIENCE;
    // The client may not have met the server again.
    while let Err(error) = one
        .channel
        .append(vec![event.clone()], Admission::Ingress)
        .await
    {
        assert!(matches!(error, AppendError::Unreachable { .. }), "{error}");
        assert!(Instant::now() < deadline, "{error}");
    }
    // And its process dies as well.
    drop((end, one));
    let two = Process::start(&server).await;
    let mut end = two.subscribe().await;
    let mut seen = BTreeSet::new();
    let mut for_sink = 0;
    while seen.len() < 11 {
        for lease in next(&mut end, 20).await {
            seen.insert(lease.event.id().parse::<usize>().expect("a number"));
            for_sink += usize::from(lease.purpose != LeasePurpose::Deliver);
            lease.settle(Settled::Delivered);
        }
    }
    assert_eq!(seen, (0..11).collect());
    assert!(for_sink >= parked, "{for_sink} of {parked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_opens_without_a_server_and_begins_by_itself() {
    let mut server = Box::pin(NatsServer::start(Settings::new())).await;
    server.kill();
    let process = Process::begin(&server).await;
    let event = Event::builder("0", "/s", TYPE).build().expect("valid");
    let refused = process
        .channel
        .append(vec![event], Admission::Ingress)
        .await;
    assert!(
        matches!(refused, Err(AppendError::Unreachable { .. })),
        "{refused:?}"
    );
    until("it says what is in the way", || {
        match process.channel.standing() {
            Standing::Opening { trouble, .. } => trouble.is_some(),
            Standing::Ready => false,
        }
    })
    .await;
    Box::pin(server.restart()).await;
    process.until_ready().await;
    process.append(0..1).await;
    let mut end = process.subscribe().await;
    assert_eq!(next(&mut end, 1).await.remove(0).event.id(), "0");
}
