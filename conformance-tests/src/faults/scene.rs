//! What most drivers begin with: a site, a broker, triggers of known habits, a ledger.

mod habits;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde_json::{Value, json};

use habits::PARKED;
pub(super) use habits::{Disk, Habit, every_habit, quick_habits};

use super::broker::{Broker, Site};
use super::peer::{Manner, Peer, Recorder};
use super::traffic::{Plan, Traffic, ledger};
use super::verdict::{Trouble, Verdict};
use crate::event::Event;
use crate::harness::seed;
use crate::ledger::{Figures, Judgement, Ledger, Term};

/// The namespace of every driver's objects.
pub(super) const NAMESPACE: &str = "faults";
/// Bytes of data in an event, in the mean.
const PAYLOAD_BYTES: usize = 256;
/// The name of every driver's broker.
pub(super) const BROKER: &str = "broker";

/// A site with a broker and triggers, a peer that is their subscriber, and a judge.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) site: Site,
    pub(super) peer: Peer,
    pub(super) ledger: Ledger,
    habits: Vec<Habit>,
    recorder: Recorder,
    next: Arc<AtomicU64>,
}

impl Scene {
    /// Sets the scene; nothing is started.
    pub(super) async fn new(disk: Disk, habits: Vec<Habit>) -> Result<Self, Trouble> {
        let (ledger, recorder) = ledger()?;
        let site = Site::new(&disk.settings())?;
        let peer = Peer::start(recorder.clone()).await?;
        write(&site, &peer, &habits)?;
        Ok(Scene {
            site,
            peer,
            ledger,
            habits,
            recorder,
            next: Arc::default(),
        })
    }

    /// Producers for the scene's broker.
    pub(super) fn traffic(&self, producers: usize, per_second: Option<f64>) -> Traffic {
        self.traffic_of(producers, per_second, PAYLOAD_BYTES)
    }

    /// The same with events of so many bytes of data, in the mean.
    pub(super) fn traffic_of(
        &self,
        producers: usize,
        per_second: Option<f64>,
        payload_bytes: usize,
    ) -> Traffic {
        Traffic {
            to: self.site.ingress(),
            path: format!("/{NAMESPACE}/{BROKER}"),
            broker: BROKER.to_owned(),
            producers,
            per_second,
            plan: self.plan(payload_bytes),
            recorder: self.recorder.clone(),
            next: Arc::clone(&self.next),
        }
    }

    /// Events of types that the habits want, and of one that only who wants all does.
    pub(super) fn plan(&self, payload_bytes: usize) -> Plan {
        let habits = self.habits.clone();
        Arc::new(move |number| {
            let event = event(number, payload_bytes);
            let ty = event.get("type");
            let wants = |it: &&Habit| it.wants.is_none_or(|wanted| wanted == ty);
            let expected = habits.iter().filter(wants);
            let expected = expected.map(|it| it.trigger.to_owned()).collect();
            (event, expected)
        })
    }

    /// Waits until everything is settled, and gives the ledger's judgement on all, with the broker's
    /// figures beside it: how many were accepted.
    pub(super) async fn settle_and_judge(
        &self,
        broker: &mut Broker,
        patience: Duration,
        again_max: u64,
        verdict: &mut Verdict,
    ) -> Result<u64, Trouble> {
        let figures = broker.quiet(NAMESPACE, &[], patience).await?;
        self.note_parked(broker).await?;
        self.judge(figures, again_max, verdict).await
    }

    /// Tells the ledger which events the broker shows as parked. It shows no data, but its size.
    pub(super) async fn note_parked(&self, broker: &Broker) -> Result<(), Trouble> {
        if !self.habits.iter().any(|habit| habit.trigger == PARKED) {
            return Ok(());
        }
        let shown = broker.admin().dead_letters(NAMESPACE, PARKED).await?;
        for letter in shown {
            let number = number(&letter.event.id);
            let sent = number.map(|number| event(number, PAYLOAD_BYTES));
            let is_same = |it: &Event| {
                let attributes = &letter.event.attributes;
                let size = it.data.as_ref().map_or(0, |data| data.len() as u64);
                attributes.get("subject").map(String::as_str) == Some(it.get("subject"))
                    && letter.event.data_size_bytes == size
            };
            let Some(sent) = sent.filter(is_same) else {
                let id = &letter.event.id;
                return Err(Trouble::broken(format!(
                    "{id} is parked other than it was sent"
                )));
            };
            self.ledger.parked(PARKED, &sent);
        }
        Ok(())
    }

    /// The ledger's judgement on all, with the broker's figures beside it: how many were accepted.
    pub(super) async fn judge(
        &self,
        figures: Vec<Figures>,
        again_max: u64,
        verdict: &mut Verdict,
    ) -> Result<u64, Trouble> {
        let judgement = self.judgement(figures).await?;
        verdict.judge(&judgement, again_max);
        Ok(judgement.accepted)
    }

    /// The judgement itself.
    pub(super) async fn judgement(&self, mut figures: Vec<Figures>) -> io::Result<Judgement> {
        let parked = figures.iter_mut().find(|it| it.trigger == PARKED);
        if let Some(parked) = parked {
            parked.leaving = vec![Term::Parked];
        }
        self.ledger.judge(figures).await
    }
}

/// Writes the manifests of a broker and the triggers of these habits, and tells the peer of them.
pub(super) fn write(site: &Site, peer: &Peer, habits: &[Habit]) -> Result<(), Trouble> {
    let mut objects = vec![object("Broker", BROKER, &json!({}))];
    for habit in habits {
        peer.subscribe(habit.trigger, habit.manner);
        if habit.buries {
            peer.bury(habit.trigger, Manner::Take);
        }
        objects.push(habit.object(peer));
    }
    site.manifest("faults.yaml", &yaml(&objects))?;
    Ok(())
}

/// An object of this kind in the namespace of all.
pub(super) fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "eventing.knative.dev/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    })
}

/// A file of manifests: JSON is YAML.
pub(super) fn yaml(objects: &[Value]) -> String {
    objects
        .iter()
        .map(|object| format!("---\n{object}\n"))
        .collect()
}

/// The event of this number, from the seed: of one of five kinds, with random data of up to twice
/// `payload_bytes`.
pub(super) fn event(number: u64, payload_bytes: usize) -> Event {
    let mut random = fastrand::Rng::with_seed(seed() ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let ty = match number % 8 {
        0..=3 => "order",
        4 | 5 => "retry",
        6 => "poison",
        _ => "other",
    };
    let data: Vec<u8> = (0..random.usize(0..=2 * payload_bytes))
        .map(|_| random.u8(..))
        .collect();
    Event::new(&id(number), "/faults?a=b", ty)
        .with("subject", &format!("Größe {}%", random.u32(..)))
        .with_data("application/octet-stream", data)
}

/// The id of the event of this number: always as long, and found in a file by its bytes.
pub(super) fn id(number: u64) -> String {
    format!("fault-{:08x}-{number:010}", seed() & 0xffff_ffff)
}

/// The number in such an id.
fn number(id: &str) -> Option<u64> {
    id.rsplit_once('-')?.1.parse().ok()
}
