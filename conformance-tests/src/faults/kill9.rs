//! D1: kill -9 under load, again and again, on the same data.

use std::time::Duration;

use super::broker::Broker;
use super::scene::{Disk, NAMESPACE, Scene, every_habit};
use super::traffic::{Sent, Traffic};
use super::verdict::{Trouble, Verdict};
use crate::harness::seed;
use crate::ledger::Books;
use tokio::time::sleep;

/// SIGKILL.
const KILLED: Option<i32> = Some(9);
/// How long a start may take (G20).
const READY_MAX: Duration = Duration::from_secs(3);
/// What a crash may have a trigger take again (G3): what is in flight, and what was settled since
/// that was last stored.
pub(super) const AGAIN_PER_CRASH: u64 = 64 + 256;
/// How long the rest may take to arrive once nobody kills any more.
const DRAIN_PATIENCE: Duration = Duration::from_secs(240);

/// Kills the broker at random moments while producers send.
#[derive(Clone, Copy, Debug)]
pub struct Kill9 {
    /// How often it is killed. With 0 the run is the control without a fault.
    pub cycles: u64,
    /// Connections that send, each one event at a time.
    pub producers: usize,
    /// Events a second, of all producers.
    pub per_second: f64,
    /// The least that must be accepted in a cycle, in the mean.
    pub accepted_floor: u64,
}

impl Kill9 {
    /// # Errors
    ///
    /// When the run cannot go on.
    pub async fn run(&self, verdict: &mut Verdict) -> Result<(), Trouble> {
        let scene = Scene::new(Disk::default(), every_habit()).await?;
        let traffic = scene.traffic(self.producers, Some(self.per_second));
        let mut random = fastrand::Rng::with_seed(seed());
        let mut tally = Tally::default();
        for _ in 0..self.cycles {
            let mut broker = scene.site.start(&[]).await?;
            tally.ready(&broker, verdict);
            check_books(&broker, &tally.sent, verdict).await?;
            let wait = Duration::from_millis(random.u64(50..1_500));
            tally
                .cycle(&mut broker, &scene, &traffic, wait, verdict)
                .await?;
        }
        let mut broker = scene.site.start(&[]).await?;
        tally.ready(&broker, verdict);
        check_books(&broker, &tally.sent, verdict).await?;
        if self.cycles == 0 {
            tally
                .sent
                .add(&traffic.begin(self.accepted_floor).finish().await);
        }
        tally.say(self, verdict);
        let again_max = self.cycles * AGAIN_PER_CRASH;
        scene
            .settle_and_judge(&mut broker, DRAIN_PATIENCE, again_max, verdict)
            .await?;
        verdict.floor(
            "accepted in all",
            tally.sent.accepted,
            self.accepted_floor * self.cycles.max(1),
        );
        Ok(())
    }
}

/// What the cycles have come to.
#[derive(Debug, Default)]
struct Tally {
    sent: Sent,
    kills: u64,
    kills_with_events_in_flight: u64,
    slowest_start: Duration,
}

impl Tally {
    fn ready(&mut self, broker: &Broker, verdict: &mut Verdict) {
        let took = broker.ready_after;
        self.slowest_start = self.slowest_start.max(took);
        verdict.require(took <= READY_MAX, || {
            format!("ready after {took:?}, and {READY_MAX:?} are allowed")
        });
    }

    /// One round of traffic that ends with a kill after `wait`.
    async fn cycle(
        &mut self,
        broker: &mut Broker,
        scene: &Scene,
        traffic: &Traffic,
        wait: Duration,
        verdict: &mut Verdict,
    ) -> Result<(), Trouble> {
        let round = traffic.begin(u64::MAX >> 1);
        // No condition is awaited here: the moment of the fault is what is random.
        sleep(wait).await;
        let in_flight = round.in_flight() + scene.peer.under_way();
        let signal = broker.kill().await?;
        self.kills += u64::from(signal == KILLED);
        self.kills_with_events_in_flight += u64::from(in_flight > 0);
        let sent = round.finish().await;
        verdict.require(sent.refused.is_empty(), || {
            format!("events were refused: {:?}", sent.refused)
        });
        self.sent.add(&sent);
        Ok(())
    }

    fn say(&self, options: &Kill9, verdict: &mut Verdict) {
        let kills = options.cycles;
        verdict.figure("slowest start", format!("{:?}", self.slowest_start));
        verdict.floor("ends by signal 9", self.kills, kills);
        verdict.floor(
            "kills with events in flight",
            self.kills_with_events_in_flight,
            kills * 8 / 10,
        );
        if kills > 0 {
            let bound = 300.0 / f64::from(u32::try_from(kills).unwrap_or(u32::MAX));
            verdict.figure(
                "nothing found would mean",
                format!("at most {bound:.1} % of kills lose an event (95 %)"),
            );
        }
    }
}

/// G0 right after a start, when nothing is quiet yet: each trigger was told of every event that was
/// accepted, and each event is in one state.
pub(super) async fn check_books(
    broker: &Broker,
    sent: &Sent,
    verdict: &mut Verdict,
) -> Result<(), Trouble> {
    let may_be = sent.accepted..=sent.accepted + sent.unanswered;
    let triggers = broker.triggers(NAMESPACE).await?;
    let is_wrong =
        |books: &Books| !may_be.contains(&books.accepted) || books.states() != books.accepted;
    let wrong: Vec<_> = triggers
        .iter()
        .filter(|trigger| is_wrong(&trigger.books))
        .map(|trigger| (&trigger.name, trigger.books))
        .collect();
    verdict.require(wrong.is_empty(), || {
        format!("after a start, when {may_be:?} were accepted, books are {wrong:?}")
    });
    Ok(())
}
