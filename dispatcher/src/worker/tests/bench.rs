//! A worker on a real memory channel and paused time, with a scripted subscriber and sink.

use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use sluicegate_channels::{
    Admission, Books, BoxFuture, Channel, Claim, Clock, DeadLetter, Exhausted, Matcher,
    MemoryChannel, MemoryOptions, Position, Start, SubscriptionKey, SubscriptionSpec,
};
use sluicegate_event::Event;
use sluicegate_resources::{BackoffPolicy, EffectiveDelivery, ObjectName, RetryLimit};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::breaker::PROBE_EVERY;
use crate::{
    Answer, AttemptReport, BreakerReport, Content, Ending, Failure, Observer, Order, Plan, Purpose,
    Reason, ReplyReport, RetryAfter, Sender, Stopped, Target, Transmission, Worker, WorkerParts,
};

pub(super) const NAME: &str = "shop/billing/1";

/// What a scripted receiver does with a send.
#[derive(Clone, Debug)]
pub(super) enum Reaction {
    Answer(u16),
    Busy(u16, RetryAfter),
    Body(u16, &'static str),
    Reply(u16, Vec<Event>),
    BrokenReply,
    Refuse,
    Fail(Reason),
    Loop,
    After(Duration, u16),
    Hang,
    Panic,
}

/// A send, as the receiver saw it.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) at: Duration,
    pub(super) ended: bool,
    pub(super) transmission: Transmission,
}

impl Sent {
    pub(super) fn id(&self) -> &str {
        self.transmission.event.id()
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.transmission.event.attribute(name)
    }
}

type Script = dyn Fn(&Transmission) -> Reaction + Send + Sync;

pub(super) struct Receiver {
    script: Box<Script>,
    began: Instant,
    sent: Mutex<Vec<Sent>>,
    running: Mutex<(usize, usize)>,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receiver")
    }
}

impl Sender for Receiver {
    fn send(&self, transmission: Transmission) -> BoxFuture<'_, Result<Answer, Failure>> {
        let reaction = (self.script)(&transmission);
        let index = {
            let mut sent = self.sent.lock();
            sent.push(Sent {
                at: self.began.elapsed(),
                ended: false,
                transmission,
            });
            sent.len() - 1
        };
        Box::pin(async move {
            let _running = Running::count(&self.running);
            let outcome = react(reaction).await;
            self.sent.lock()[index].ended = true;
            outcome
        })
    }
}

impl Receiver {
    pub(super) fn sends(&self) -> usize {
        self.sent.lock().len()
    }

    pub(super) fn running(&self) -> usize {
        self.running.lock().0
    }
}

/// Counts what runs now and the most that ever did.
struct Running<'a>(&'a Mutex<(usize, usize)>);

impl<'a> Running<'a> {
    fn count(counts: &'a Mutex<(usize, usize)>) -> Self {
        let (now, most) = &mut *counts.lock();
        *now += 1;
        *most = (*most).max(*now);
        Running(counts)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().0 -= 1;
    }
}

async fn react(reaction: Reaction) -> Result<Answer, Failure> {
    let answer = |status| Answer {
        status,
        retry_after: None,
        content: Content::Empty,
        body_start: Bytes::new(),
        is_loop: false,
    };
    match reaction {
        Reaction::Answer(status) => Ok(answer(status)),
        Reaction::Busy(status, after) => Ok(Answer {
            retry_after: Some(after),
            ..answer(status)
        }),
        Reaction::Body(status, body) => Ok(Answer {
            content: Content::NotAnEvent,
            body_start: Bytes::from_static(body.as_bytes()),
            ..answer(status)
        }),
        Reaction::Reply(status, events) => Ok(Answer {
            content: Content::Events(events),
            ..answer(status)
        }),
        Reaction::BrokenReply => Ok(Answer {
            content: Content::Malformed(sluicegate_event::Fault::new(
                "id",
                "id is empty",
                "set it",
            )),
            body_start: Bytes::from_static(b"{}"),
            ..answer(200)
        }),
        Reaction::Refuse => Err(Failure::new(Reason::Refused, "connection refused")),
        Reaction::Fail(reason) => Err(Failure::new(reason, "scripted")),
        Reaction::Loop => Ok(Answer {
            is_loop: true,
            ..answer(400)
        }),
        Reaction::After(wait, status) => {
            tokio::time::sleep(wait).await;
            Ok(answer(status))
        }
        Reaction::Hang => std::future::pending().await,
        Reaction::Panic => panic!("scripted"),
    }
}

/// Writes down what the observer hears.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) attempts: Vec<(u32, Reason, Option<u16>, Option<Duration>)>,
    pub(super) endings: Vec<String>,
    pub(super) replies: Vec<String>,
    pub(super) breaker: Vec<&'static str>,
    /// When each probe was told of, and how long after it the next was to be.
    pub(super) probed: Vec<(Instant, Duration)>,
}

#[derive(Debug, Default)]
struct Ear(Mutex<Heard>);

impl Observer for Ear {
    fn attempt_ended(&self, _event: &Event, attempt: &AttemptReport<'_>) {
        let AttemptReport {
            attempt: number,
            reason,
            status,
            next,
            ..
        } = *attempt;
        self.0.lock().attempts.push((number, reason, status, next));
    }

    fn lease_ended(&self, event: &Event, _position: Position, ending: &Ending<'_>) {
        let ending = match ending {
            Ending::Delivered { .. } => "delivered".to_owned(),
            Ending::DeadLettered { reason, is_first } => {
                format!("dead-lettered {}{}", reason.kind, again(*is_first))
            }
            Ending::Parked {
                reason, is_first, ..
            } => format!("parked {}{}", reason.kind, again(*is_first)),
            Ending::Discarded(reason) => format!("discarded {}", reason.kind),
        };
        self.0
            .lock()
            .endings
            .push(format!("{} {ending}", event.id()));
    }

    fn breaker_changed(&self, change: &BreakerReport<'_>) {
        let word = match change {
            BreakerReport::Probed { probe_in } => {
                self.0.lock().probed.push((Instant::now(), *probe_in));
                return;
            }
            BreakerReport::Opened { .. } => "opened",
            BreakerReport::Closed { .. } => "closed",
            BreakerReport::Replaced => "replaced",
        };
        self.0.lock().breaker.push(word);
    }

    fn replied(&self, _cause: &Event, reply: &ReplyReport<'_>) {
        let reply = match reply {
            ReplyReport::Accepted { positions, .. } => format!("accepted {}", positions.len()),
            ReplyReport::Rejected { .. } => "rejected".to_owned(),
            ReplyReport::Loop { detail } => format!("loop: {detail}"),
            ReplyReport::Ignored202 => "ignored 202".to_owned(),
            ReplyReport::NotAnEvent => "not an event".to_owned(),
        };
        self.0.lock().replies.push(reply);
    }
}

fn again(is_first: bool) -> &'static str {
    if is_first { "" } else { " again" }
}

struct Everything;

impl Matcher for Everything {
    fn matches(&self, _event: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        answer(SubscriptionKey(1), Claim::Wanted);
    }
}

/// Everything a test of the worker needs; dropped, the worker stops.
pub(super) struct Bench {
    pub(super) channel: Arc<MemoryChannel>,
    pub(super) receiver: Arc<Receiver>,
    pub(super) plan: watch::Sender<Arc<Plan>>,
    pub(super) orders: watch::Sender<Order>,
    ear: Arc<Ear>,
    worker: JoinHandle<Stopped>,
}

/// What differs between tests.
pub(super) struct Setup {
    pub(super) plan: Plan,
    pub(super) memory: MemoryOptions,
    pub(super) in_flight_bytes_max: usize,
    /// So many events, and how long before the worker they were accepted.
    pub(super) accepted_before_the_worker: (usize, Duration),
}

impl Setup {
    pub(super) fn new(edit: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = plan();
        edit(&mut plan);
        Setup {
            plan,
            memory: MemoryOptions::default(),
            in_flight_bytes_max: 16 << 20,
            accepted_before_the_worker: (0, Duration::ZERO),
        }
    }

    pub(super) async fn start(
        self,
        script: impl Fn(&Transmission) -> Reaction + Send + Sync + 'static,
    ) -> Bench {
        let clock = Clock::anchored_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let channel = MemoryChannel::open(self.memory, Arc::new(Everything), clock);
        let subscription = channel.subscribe(spec()).await.unwrap();
        let (count, before) = self.accepted_before_the_worker;
        let batch = (0..count).map(|id| event(&id.to_string(), "order"));
        let appended = channel.append(batch.collect(), Admission::Ingress).await;
        appended.unwrap();
        tokio::time::sleep(before).await;
        let receiver = Arc::new(Receiver {
            script: Box::new(script),
            began: Instant::now(),
            sent: Mutex::default(),
            running: Mutex::default(),
        });
        let ear = Arc::new(Ear::default());
        let (plan, plans) = watch::channel(Arc::new(self.plan));
        let (orders, ordered) = watch::channel(Order::Work);
        let worker = Worker::new(WorkerParts {
            subscription,
            plan: plans,
            channel: Arc::clone(&channel) as Arc<dyn Channel>,
            sender: Arc::clone(&receiver) as Arc<dyn Sender>,
            observer: Arc::clone(&ear) as Arc<dyn Observer>,
            clock,
            seed: 7,
            in_flight_bytes_max: self.in_flight_bytes_max,
            probe_every: PROBE_EVERY,
        });
        Bench {
            channel,
            receiver,
            plan,
            orders,
            ear,
            worker: tokio::spawn(worker.run(ordered)),
        }
    }
}

fn spec() -> SubscriptionSpec {
    SubscriptionSpec {
        name: NAME.into(),
        key: SubscriptionKey(1),
        start: Start::Latest,
        exhausted: Exhausted::Discard,
        deferred_max: NonZeroUsize::new(10_000).unwrap(),
        interest: sluicegate_channels::Interest::Everything,
    }
}

pub(super) fn target(url: &str) -> Target {
    Target {
        uri: url.parse().unwrap(),
    }
}

/// Three retries, exponential from 200 ms, no dead-letter sink, a window of 64.
fn plan() -> Plan {
    Plan {
        trigger: ObjectName {
            namespace: "shop".to_owned(),
            name: "billing".to_owned(),
        },
        broker: "orders".into(),
        subscriber: Some(target("http://billing/events")),
        dead_letter: None,
        delivery: EffectiveDelivery {
            dead_letter_sink: None,
            limit: RetryLimit::Count(3),
            backoff_policy: BackoffPolicy::Exponential,
            backoff_delay: Duration::from_millis(200),
            backoff_max: Duration::from_secs(600),
            timeout: Duration::from_secs(30),
            retry_after_max: Duration::from_secs(600),
            format: None,
        },
        in_flight_max: NonZeroU32::new(64).unwrap(),
        hops_max: 32,
        pending_max: None,
        paused: false,
    }
}

impl Bench {
    /// Appends events with these ids.
    pub(super) async fn post(&self, ids: &[&str]) {
        let batch = ids.iter().map(|id| event(id, "order")).collect();
        self.channel
            .append(batch, Admission::Ingress)
            .await
            .unwrap();
    }

    /// Lets this much time pass.
    pub(super) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    pub(super) fn edit(&self, edit: impl FnOnce(&mut Plan)) {
        self.plan.send_modify(|plan| edit(Arc::make_mut(plan)));
    }

    pub(super) fn sent(&self) -> Vec<Sent> {
        self.receiver.sent.lock().clone()
    }

    pub(super) fn sent_for(&self, purpose: Purpose) -> Vec<Sent> {
        let mut sent = self.sent();
        sent.retain(|sent| sent.transmission.purpose == purpose);
        sent
    }

    pub(super) fn sends_by_id(&self) -> HashMap<String, usize> {
        let mut sends = HashMap::new();
        for sent in self.sent() {
            *sends.entry(sent.id().to_owned()).or_default() += 1;
        }
        sends
    }

    /// The sends that run now, and the most that ever ran.
    pub(super) fn running(&self) -> (usize, usize) {
        *self.receiver.running.lock()
    }

    pub(super) fn heard(&self) -> parking_lot::MutexGuard<'_, Heard> {
        self.ear.0.lock()
    }

    /// The books, which must balance.
    pub(super) fn books(&self) -> Books {
        let books = self.channel.describe().subscriptions[0].books;
        assert!(books.balance(), "{books:?}");
        books
    }

    pub(super) async fn parked(&self) -> Vec<DeadLetter> {
        self.channel.dead_letters(Some(NAME), None, 100).await
    }

    pub(super) fn is_working(&self) -> bool {
        !self.worker.is_finished()
    }

    /// Drops everything but the worker.
    pub(super) fn abandon(self) -> JoinHandle<Stopped> {
        self.worker
    }

    pub(super) async fn order(self, order: Order) -> (Stopped, Duration) {
        let began = Instant::now();
        self.orders.send(order).unwrap();
        let stopped = self.worker.await.unwrap();
        (stopped, began.elapsed())
    }
}

pub(super) fn event(id: &str, ty: &str) -> Event {
    Event::builder(id, "/shop", ty).build().unwrap()
}

/// Checks that each send came between its nominal time and what jitter may add.
pub(super) fn assert_waits(sent: &[Sent], waits_ms: &[u64]) {
    assert_eq!(sent.len(), waits_ms.len() + 1, "{sent:#?}");
    for (pair, wait_ms) in sent.windows(2).zip(waits_ms) {
        let waited = u64::try_from((pair[1].at - pair[0].at).as_millis()).unwrap();
        assert!(
            jittered(*wait_ms).contains(&waited),
            "waited {waited} ms where {wait_ms} ms were due"
        );
    }
}

/// A timer is at most a millisecond coarse, and so is a stored due time.
fn jittered(wait_ms: u64) -> RangeInclusive<u64> {
    wait_ms.saturating_sub(1)..=wait_ms + wait_ms / 10 + 2
}
