//! G20, D11: a long backlog, a kill, a start.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::broker::Broker;
use super::kill9::AGAIN_PER_CRASH;
use super::peer::Manner;
use super::scene::{Disk, Habit, Scene, id};
use super::traffic::Traffic;
use super::verdict::{Trouble, Verdict};
use crate::client::{Connection, Request};

/// The trigger that is far behind.
const BEHIND: &str = "behind";
/// Events in a request.
const BATCH: u64 = 500;
/// How long the first delivery may take once it is ready (G20).
const FIRST_MAX: Duration = Duration::from_secs(2);
/// What may be held whatever the backlog (G11): 128 MiB and the buffers' default of 256 MiB.
const RESIDENT_MAX: u64 = 384 << 20;
/// What may be held at the start, when the buffers are empty: this and so much for each event.
const RESIDENT_AT_START: u64 = 64 << 20;
const RESIDENT_PER_EVENT: u64 = 64;
/// Bytes of data in an event, in the mean.
const PAYLOAD_BYTES: usize = 1 << 10;
/// How many events are sent at once; any of them may arrive first.
const WINDOW: u64 = 64;

/// Starts on a long backlog.
#[derive(Clone, Copy, Debug)]
pub struct Recovery {
    /// How many events are pending.
    pub events: u64,
    /// How long it may take to become ready.
    pub ready_max: Duration,
}

impl Recovery {
    /// # Errors
    ///
    /// When the run cannot go on.
    pub async fn run(&self, verdict: &mut Verdict) -> Result<(), Trouble> {
        let habits = vec![Habit::all(BEHIND, Manner::Hang)];
        let scene = Scene::new(Disk::default(), habits).await?;
        let mut broker = scene.site.start(&[]).await?;
        let traffic = scene.traffic_of(1, None, PAYLOAD_BYTES);
        let began = Instant::now();
        fill(&traffic, self.events).await?;
        let resources = broker.resources()?;
        verdict.figure("filled in", format!("{:.1?}", began.elapsed()));
        verdict.figure("resident when full", mib(resources.resident_bytes));
        broker.kill().await?;

        scene.peer.forget(BEHIND);
        scene.peer.subscribe(BEHIND, Manner::Take);
        let mut broker = scene.site.start(&[]).await?;
        let ready = Instant::now();
        let resources = broker.resources()?;
        verdict.figure("ready after", format!("{:?}", broker.ready_after));
        verdict.figure("resident when ready", mib(resources.resident_bytes));
        let (took, ready_max) = (broker.ready_after, self.ready_max);
        verdict.require(took <= ready_max, || {
            format!(
                "ready after {took:?} with {} pending, and {ready_max:?} are allowed",
                self.events
            )
        });
        let resident_max = RESIDENT_AT_START + RESIDENT_PER_EVENT * self.events;
        verdict.require(resources.resident_bytes <= resident_max, || {
            let (held, allowed) = (mib(resources.resident_bytes), mib(resident_max));
            format!("{held} resident at the start, and {allowed} are allowed")
        });
        self.first_delivery(&scene, ready, verdict).await?;
        self.drain(&scene, &mut broker, ready, verdict).await
    }

    /// The first that arrives is one of the oldest, and soon.
    async fn first_delivery(
        &self,
        scene: &Scene,
        ready: Instant,
        verdict: &mut Verdict,
    ) -> Result<(), Trouble> {
        let (at, key) = loop {
            if let Some(first) = scene.peer.first(BEHIND) {
                break first;
            }
            if ready.elapsed() > Duration::from_secs(30) {
                return Err(Trouble::broken("nothing is delivered 30 s after the start"));
            }
            sleep(Duration::from_millis(1)).await;
        };
        let took = at.saturating_duration_since(ready);
        verdict.figure("first delivery after ready", format!("{took:?}"));
        verdict.require(took <= FIRST_MAX, || {
            format!("first delivery {took:?} after ready, and {FIRST_MAX:?} are allowed")
        });
        // What was handed out before the kill and what never was take turns, and the first of a window
        // to be sent need not be the first to arrive.
        let is_old = (0..2 * WINDOW).any(|number| id(number) == key.id);
        verdict.require(is_old, || {
            format!("the first delivery is {key}, not one of the oldest")
        });
        Ok(())
    }

    async fn drain(
        &self,
        scene: &Scene,
        broker: &mut Broker,
        ready: Instant,
        verdict: &mut Verdict,
    ) -> Result<(), Trouble> {
        // A minute, and a millisecond an event: far slower than any broker should be.
        let patience = Duration::from_secs(60) + Duration::from_millis(self.events);
        let watched = watch(broker, scene, self.events, patience).await?;
        let seconds = ready.elapsed().as_secs_f64();
        verdict.figure("drained in", format!("{seconds:.1} s"));
        verdict.figure("resident at most", mib(watched));
        verdict.require(watched <= RESIDENT_MAX, || {
            format!(
                "{} resident, and {} are allowed",
                mib(watched),
                mib(RESIDENT_MAX)
            )
        });
        let accepted = scene
            .settle_and_judge(broker, patience, AGAIN_PER_CRASH, verdict)
            .await?;
        verdict.floor("accepted", accepted, self.events);
        Ok(())
    }
}

/// Looks at what it holds until it has delivered so many events; the most that was seen.
async fn watch(
    broker: &Broker,
    scene: &Scene,
    events: u64,
    patience: Duration,
) -> Result<u64, Trouble> {
    let deadline = Instant::now() + patience;
    let mut most = broker.resources()?.resident_bytes;
    while scene.peer.taken(BEHIND) < events && Instant::now() < deadline {
        most = most.max(broker.resources()?.resident_bytes);
        sleep(Duration::from_millis(50)).await;
    }
    Ok(most)
}

/// Sends so many events in batches, each of which must be accepted.
async fn fill(traffic: &Traffic, events: u64) -> Result<(), Trouble> {
    let mut connection = Connection::open(traffic.to).await?;
    let mut number = traffic.next.load(Ordering::Relaxed);
    let end = number + events;
    while number < end {
        let numbers = number..(number + BATCH).min(end);
        number = numbers.end;
        let batch: Vec<_> = numbers.map(|number| (traffic.plan)(number)).collect();
        let mut body = Vec::from(*b"[");
        for (event, expected) in &batch {
            traffic.intend(event, expected.clone());
            body.extend_from_slice(&event.to_json());
            body.push(b',');
        }
        body.pop();
        body.push(b']');
        let request = Request::post(&traffic.path)
            .header("Content-Type", "application/cloudevents-batch+json")
            .body(body);
        let answer = connection.send(&request).await?;
        let status = answer.status().unwrap_or_default();
        for (event, _) in &batch {
            traffic.answered(event, status);
        }
        if status != 202 {
            return Err(Trouble::broken(format!("a batch was refused: {answer:?}")));
        }
    }
    traffic.next.store(end, Ordering::Relaxed);
    Ok(())
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
