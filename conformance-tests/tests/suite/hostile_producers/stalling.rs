//! Row O2: peers that stall in every place, and a healthy producer beside them.
//!
//! In the suite there are [`PEERS`] of them and the server's deadlines are short. With
//! `SLUICEGATE_PEERS` set there are so many, and the deadlines are the defaults; the crate's README
//! has the command.

use std::collections::BTreeMap;
use std::env;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sluicegate_conformance::harness::{Resources, Server, Setup, open_files_max};
use sluicegate_conformance::load::Histogram;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::habits::{Habit, Limits, blunt, stalling};
use super::peer::{Ended, misbehave};
use crate::scene::{Load, PATIENCE, Scene};

/// Peers in an ordinary run.
const PEERS: usize = 660;
/// Peers of each blunt habit, beside them.
const BLUNT_EACH: usize = 5;
/// Open files beside those of the peers, here and in the server.
const SPARE_FILES: usize = 1_000;
/// How often the healthy producer sends, each time on a new connection.
const PACE: Duration = Duration::from_millis(10);
/// How many peers come together, and how often such a wave comes: all are there before the first is let
/// go. If all came at once, the healthy producer would wait for this machine to make connections.
const WAVE: usize = 50;
const WAVE_INTERVAL: Duration = Duration::from_millis(20);
const BASELINE: Duration = Duration::from_secs(2);
/// What other programs may add to a wait: little on a machine that is left to a run at full size; in the
/// suite, whose tests run beside one another, all but what tells a producer that is kept waiting.
const NOISE: Duration = Duration::from_millis(50);
const NOISE_IN_THE_SUITE: Duration = Duration::from_secs(1);
/// What a peer may cost on average: 160 MiB for 10,000.
const PEER_BYTES_MAX: u64 = 16 << 10;
/// What the healthy events and their deliveries may cost.
const SPARE_BYTES: u64 = 8 << 20;
/// Connections that the server keeps to the subscriber for a while.
const KEPT_TO_SUBSCRIBER: usize = 64;

struct Plan {
    peers: usize,
    limits: Limits,
    settings: String,
    noise: Duration,
}

impl Plan {
    fn from_environment() -> Self {
        let Ok(text) = env::var("SLUICEGATE_PEERS") else {
            return Plan {
                peers: PEERS,
                limits: Limits::SHORT,
                settings: Limits::SHORT.settings(),
                noise: NOISE_IN_THE_SUITE,
            };
        };
        let peers = text
            .parse()
            .ok()
            .filter(|peers| (100..=19_000).contains(peers));
        let peers = peers.unwrap_or_else(|| {
            panic!("SLUICEGATE_PEERS is {text:?}; give a number from 100 to 19000")
        });
        Plan {
            peers,
            limits: Limits::DEFAULT,
            settings: String::new(),
            noise: NOISE,
        }
    }

    fn require_open_files(&self) {
        let needed = self.peers + SPARE_FILES;
        let limit = open_files_max().expect("Linux shows its limits");
        assert!(
            limit >= needed as u64,
            "{} peers need {needed} open files here and in the server; the limit is {limit}: \
             raise it with `ulimit -n {needed}`",
            self.peers
        );
    }

    fn habits(&self, path: &str) -> Vec<Habit> {
        let stalling = stalling(path, &self.limits);
        let blunt = blunt(path, &self.limits).into_iter();
        let mut all: Vec<Habit> = stalling.into_iter().cycle().take(self.peers).collect();
        all.extend(blunt.flat_map(|habit| vec![habit; BLUNT_EACH]));
        all
    }
}

/// O2: each is let go within its own limit and 2 s, with the answer that is due; nothing of theirs
/// is stored, and what they cost comes back. Meanwhile a healthy producer, which opens a connection
/// for each event, waits at most twice as long as without them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalling_peers_are_let_go_in_time_and_cost_nobody_anything() {
    let plan = Plan::from_environment();
    plan.require_open_files();
    let server = Arc::new(Server::start(Setup::new().settings(&plan.settings)).await);
    let scene = Scene::on(Arc::clone(&server), "stall").await;
    let scene = scene
        .broker(json!({}))
        .trigger("all", json!({}))
        .start()
        .await;
    let mut producer = Producer::new(&scene);
    producer.send_until(sleep(BASELINE / 4)).await;
    let (baseline, ()) = producer.send_until(sleep(BASELINE)).await;

    let start = server.resources();
    let peers = tokio::spawn(all_peers(plan.habits(&scene.path()), Arc::clone(&server)));
    let watching = peak_until(&server, || peers.is_finished());
    let (beside, peak) = producer.send_until(watching).await;
    let outcome = peers.await.expect("no peer panics");
    let end = settled(&server, start).await;

    let waits = [baseline.percentile(99.0), beside.percentile(99.0)];
    let findings = Findings {
        peers: plan.peers,
        healthy_events: beside.count(),
        waits,
        noise: plan.noise,
        held: [start, peak, end],
        outcome,
    };
    println!("{findings:#?}");
    findings.judge();
    producer.all_arrived().await;
}

/// What a run has found.
#[derive(Debug)]
struct Findings {
    peers: usize,
    /// Beside the peers.
    healthy_events: u64,
    /// The 99th percentile of the healthy producer's waits, without the peers and beside them.
    waits: [Duration; 2],
    /// What the machine may have added to them.
    noise: Duration,
    /// What the server held at the start, at most, and at the end.
    held: [Resources; 3],
    outcome: Outcome,
}

impl Findings {
    fn judge(&self) {
        let faults = &self.outcome.faults;
        assert!(faults.is_empty(), "{faults:#?}");
        assert!(self.healthy_events >= 100, "{} events", self.healthy_events);
        let [without, with] = self.waits;
        let wait_max = (2 * without).max(without + self.noise);
        assert!(with <= wait_max, "p99 {without:?}, then {with:?}");
        let [start, peak, _] = self.held;
        let at_once = peak.descriptors.saturating_sub(start.descriptors);
        assert!(at_once >= self.peers * 9 / 10, "only {at_once} at once");
        let grown = peak.resident_bytes.saturating_sub(start.resident_bytes);
        let grown_max = self.peers as u64 * PEER_BYTES_MAX + SPARE_BYTES;
        assert!(grown <= grown_max, "{grown} bytes more");
    }
}

/// The healthy producer.
struct Producer<'a> {
    scene: &'a Scene,
    load: Load,
    sent: u64,
}

impl<'a> Producer<'a> {
    fn new(scene: &'a Scene) -> Self {
        Producer {
            scene,
            load: Load::on(scene),
            sent: 0,
        }
    }

    /// Sends until `end` completes. The waits are counted from when each event was due, so that one
    /// that hangs delays those behind it.
    async fn send_until<T>(&mut self, end: impl Future<Output = T>) -> (Histogram, T) {
        let mut waits = Histogram::new();
        let mut end = pin!(end);
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            // Cancel safe: a tick that is not there yet is not taken.
            tokio::select! {
                biased;
                ended = &mut end => return (waits, ended),
                due = ticks.tick() => {
                    let event = self.scene.event(&format!("healthy-{:06}", self.sent));
                    self.load.connect().await.accept(&event).await;
                    self.sent += 1;
                    waits.record(due.elapsed());
                }
            }
        }
    }

    /// All that was sent was delivered, once each, and nothing else was stored.
    async fn all_arrived(&self) {
        self.load.judge(self.sent).await;
    }
}

/// How all connections ended.
#[derive(Debug, Default)]
struct Outcome {
    faults: Vec<String>,
    /// Of each habit the shortest and the longest time from the stalling to the end.
    spans: BTreeMap<&'static str, (Duration, Duration)>,
}

impl Outcome {
    fn add(&mut self, habit: &Habit, ended: &Ended) {
        self.faults.extend(ended.fault(habit));
        let all = (ended.stalled, ended.stalled);
        let span = self.spans.entry(habit.name).or_insert(all);
        *span = (span.0.min(ended.stalled), span.1.max(ended.stalled));
    }
}

async fn all_peers(habits: Vec<Habit>, server: Arc<Server>) -> Outcome {
    let mut peers = JoinSet::new();
    let mut waves = interval(WAVE_INTERVAL);
    for wave in habits.chunks(WAVE) {
        waves.tick().await;
        for habit in wave.iter().cloned() {
            let to = server.ingress();
            peers.spawn(async move {
                let ended = misbehave(&habit, to).await;
                (habit, ended)
            });
        }
    }
    let mut outcome = Outcome::default();
    while let Some(peer) = peers.join_next().await {
        let (habit, ended) = peer.expect("no peer panics");
        outcome.add(&habit, &ended);
    }
    outcome
}

/// The most that the server holds until something is done.
async fn peak_until(server: &Server, is_done: impl Fn() -> bool) -> Resources {
    let mut peak = Resources::default();
    while !is_done() {
        peak = peak.max(server.resources());
        sleep(Duration::from_millis(50)).await;
    }
    peak
}

/// What the server holds once the peers' descriptors are back.
async fn settled(server: &Server, start: Resources) -> Resources {
    let began = Instant::now();
    loop {
        let now = server.resources();
        if now.descriptors <= start.descriptors + KEPT_TO_SUBSCRIBER {
            return now;
        }
        assert!(began.elapsed() < PATIENCE, "{start:?} became {now:?}");
        sleep(Duration::from_millis(50)).await;
    }
}
