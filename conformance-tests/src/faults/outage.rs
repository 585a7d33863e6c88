//! S3: a subscriber is away for minutes of real time, and comes back (G6).
//!
//! Two triggers send to it, which listens nowhere meanwhile. One retries by age, as triggers do that
//! say nothing: its events wait and all are delivered. The other has a retry count and a dead-letter
//! sink: its events reach that on time. A third, with a subscriber of its own, must not notice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::broker::{Broker, Site};
use super::peer::{Manner, Peer};
use super::scene::{BROKER, Disk, NAMESPACE, event, object, yaml};
use super::traffic::{Traffic, ledger};
use super::verdict::{Trouble, Verdict};
use crate::harness::free_address;
use crate::subscriber::{Answer, Received, Subscriber};

const AWAY: &str = "away";
const COUNTED: &str = "counted";
const NEAR: &str = "near";
/// Retries of the trigger that counts them: 0.2 s doubling five times is 6.2 s.
const RETRIES: u32 = 5;
/// How long such an event may take to its sink: twice its schedule and a minute.
const TO_SINK_MAX: Duration = Duration::from_millis(2 * 6_200 + 60_000);
/// Attempts in flight at a time, which may all begin before the tenth failure is known, and the ten
/// themselves.
const BEFORE_OPENING_MAX: u64 = 64 + 16;
/// How long the subscriber takes for each event once it is back.
const TAKES: Duration = Duration::from_millis(100);
/// How often the broker is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the rest may take to arrive.
const DRAIN_PATIENCE: Duration = Duration::from_secs(240);

/// Has a subscriber away for a while.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// For how long.
    pub away: Duration,
    /// From one probe of it to the next; the default setting in the full form.
    pub probe_every: Duration,
    /// Events a second.
    pub per_second: f64,
}

impl Outage {
    /// # Errors
    ///
    /// When the run cannot go on.
    pub async fn run(&self, verdict: &mut Verdict) -> Result<(), Trouble> {
        let (ledger, recorder) = ledger()?;
        let probes = format!(
            "delivery: {{probeInterval: PT{}S}}\n",
            self.probe_every.as_secs_f64()
        );
        let site = Site::new(&(Disk::default().settings() + &probes))?;
        let peer = Peer::start(recorder.clone()).await?;
        peer.subscribe(NEAR, Manner::Take);
        peer.bury(COUNTED, Manner::Take);
        let elsewhere = free_address()?;
        site.manifest("faults.yaml", &manifests(&peer, elsewhere))?;
        let mut broker = site.start(&[]).await?;
        let all = || [AWAY, COUNTED, NEAR].map(str::to_owned).to_vec();
        let traffic = Traffic {
            to: site.ingress(),
            path: format!("/{NAMESPACE}/{BROKER}"),
            broker: BROKER.to_owned(),
            producers: 4,
            per_second: Some(self.per_second),
            plan: Arc::new(move |number| (event(number, 256), all())),
            recorder,
            next: Arc::default(),
        };
        let round = traffic.begin(u64::MAX >> 1);
        let mut watch = Watch::default();
        let began = Instant::now();
        while began.elapsed() < self.away {
            sleep(LOOK_EVERY).await;
            watch.look(&broker, verdict).await?;
        }
        let attempts = attempts(&broker, AWAY).await?;
        let sent = round.end().await;
        watch.say(verdict);
        let probes_max = self.away.as_secs_f64() / self.probe_every.as_secs_f64();
        self.check_absence(attempts, probes_max, &broker, verdict)
            .await?;

        let back = Instant::now();
        let subscriber = Subscriber::listen(elsewhere).await?;
        let path = format!("/{AWAY}");
        subscriber.script(&path, Answer::status(202).after(TAKES));
        subscriber.record_deliveries(&path, &ledger, AWAY);
        subscriber.record_deliveries(&format!("/{COUNTED}"), &ledger, COUNTED);
        let figures = broker.quiet(NAMESPACE, &[], DRAIN_PATIENCE).await?;
        self.check_return(&subscriber.received(&path), back, verdict);
        verdict.require(sent.refused.is_empty(), || {
            format!("events were refused: {:?}", sent.refused)
        });
        let judgement = ledger.judge(figures).await?;
        verdict.judge(&judgement, 0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few thousand events"
        )]
        let floor = (self.away.as_secs_f64() * self.per_second / 2.0) as u64;
        verdict.floor("accepted while it was away", sent.accepted, floor);
        Ok(())
    }

    async fn check_absence(
        &self,
        attempts: u64,
        probes_max: f64,
        broker: &Broker,
        verdict: &mut Verdict,
    ) -> Result<(), Trouble> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few hundred probes"
        )]
        let attempts_max = BEFORE_OPENING_MAX + probes_max.ceil() as u64 + 1;
        verdict.figure(
            "attempts while it was away",
            format!("{attempts} (allowed {attempts_max})"),
        );
        verdict.require(attempts <= attempts_max, || {
            format!("{attempts} attempts while nobody was there, and {attempts_max} are allowed")
        });
        verdict.floor("attempts while it was away", attempts, 11);
        let triggers = broker.triggers(NAMESPACE).await?;
        let books = triggers
            .iter()
            .find(|it| it.name == AWAY)
            .map(|it| it.books);
        let is_given_up = books.is_none_or(|it| it.parked + it.dead_lettered + it.delivered > 0);
        verdict.require(!is_given_up, || {
            format!("while nobody was there events of {AWAY} ended: {books:?}")
        });
        Ok(())
    }

    /// The first comes soon, and no more at a time than twice as many with each window.
    fn check_return(&self, received: &[Received], back: Instant, verdict: &mut Verdict) {
        let Some(first) = received.first() else {
            return verdict.found("nothing came after the return".to_owned());
        };
        let after = first.at.saturating_duration_since(back);
        let after_max = self.probe_every * 2;
        verdict.figure("first event after its return", format!("{after:?}"));
        verdict.require(after <= after_max, || {
            format!(
                "the first event came {after:?} after the return, and {after_max:?} are allowed"
            )
        });
        let mut windows = Vec::new();
        for window in 1..=6_u32 {
            let until = first.at + TAKES * window;
            let came = received.iter().filter(|it| it.at < until).count();
            // A probe, and then windows of 1, 2, 4, …, of which each waits for its answers; twice that,
            // for a window begins before the last answer of the one before.
            let came_max = 1_usize << (window + 1);
            windows.push(came);
            verdict.require(came <= came_max, || {
                format!(
                    "{came} events came within {:?} of the first, and {came_max} are allowed",
                    TAKES * window
                )
            });
        }
        verdict.figure(
            "events by 0.1, 0.2, … 0.6 s after the first",
            format!("{windows:?}"),
        );
        let last = received.last().map_or(first.at, |it| it.at);
        verdict.figure(
            "drained",
            format!("{} events in {:?}", received.len(), last - first.at),
        );
    }
}

/// How long events of the trigger that counts its retries take to their sink, and whether the third
/// trigger notices anything.
#[derive(Debug, Default)]
struct Watch {
    /// How many events had been accepted, and when that was seen.
    accepted: Vec<(Instant, u64)>,
    slowest_to_sink: Duration,
    most_pending_near: u64,
}

impl Watch {
    async fn look(&mut self, broker: &Broker, verdict: &mut Verdict) -> Result<(), Trouble> {
        let now = Instant::now();
        for trigger in broker.triggers(NAMESPACE).await? {
            match &*trigger.name {
                COUNTED => {
                    let books = trigger.books;
                    self.accepted.push((now, books.accepted));
                    let ended = books.accepted - books.pending;
                    // The oldest that has not ended was accepted no earlier than the look before the
                    // first that had seen more.
                    let oldest = self.accepted.iter().find(|(_, accepted)| *accepted > ended);
                    let waits = oldest.map_or(Duration::ZERO, |(at, _)| now - *at);
                    self.slowest_to_sink = self.slowest_to_sink.max(waits);
                }
                NEAR => self.most_pending_near = self.most_pending_near.max(trigger.books.pending),
                _ => {}
            }
        }
        verdict.require(self.slowest_to_sink <= TO_SINK_MAX, || {
            format!("an event with {RETRIES} retries has not reached its sink in {TO_SINK_MAX:?}")
        });
        Ok(())
    }

    fn say(&self, verdict: &mut Verdict) {
        let slowest = self.slowest_to_sink;
        verdict.figure(
            "slowest to the sink",
            format!("{slowest:?} (allowed {TO_SINK_MAX:?})"),
        );
        let pending = self.most_pending_near;
        verdict.figure("most that waited for the other subscriber", pending);
        verdict.require(pending <= BEFORE_OPENING_MAX, || {
            format!("{pending} events waited for a subscriber that was there")
        });
    }
}

/// How many sends a trigger has made, by the broker's own word: nobody was there to count them.
async fn attempts(broker: &Broker, trigger: &str) -> Result<u64, Trouble> {
    let text = broker.metrics().await?;
    let label = format!("trigger=\"{trigger}\"");
    let samples = text.lines().filter(|line| {
        line.starts_with("sluicegate_delivery_attempts_total{") && line.contains(&label)
    });
    let values = samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    Ok(values.sum())
}

fn manifests(peer: &Peer, elsewhere: SocketAddr) -> String {
    let trigger = |name: &str, uri: String, delivery: Value| {
        let spec = json!({"broker": BROKER, "subscriber": {"uri": uri}, "delivery": delivery});
        object("Trigger", name, &spec)
    };
    let there = |name: &str| format!("http://{elsewhere}/{name}");
    let sink = peer.url(&format!("/{COUNTED}/dead"));
    let counted = json!({"retry": RETRIES, "deadLetterSink": {"uri": sink}});
    yaml(&[
        object("Broker", BROKER, &json!({})),
        trigger(AWAY, there(AWAY), json!({})),
        trigger(COUNTED, there(COUNTED), counted),
        trigger(NEAR, peer.url(&format!("/{NEAR}")), json!({})),
    ])
}
