//! What most drivers begin with: a site, a broker, triggers of known habits, a ledger.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde_json::{Value, json};

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

/// Settings of the disk channel that differ from the defaults.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Disk {
    pub(super) segment_bytes: Option<u64>,
    pub(super) min_free_bytes: Option<u64>,
    pub(super) reserve_bytes: Option<u64>,
}

impl Disk {
    /// As lines of `sluicegate.yaml`.
    pub(super) fn settings(self) -> String {
        let mut disk = serde_json::Map::new();
        let given = [
            ("segmentBytes", self.segment_bytes),
            ("minFreeBytes", self.min_free_bytes),
            ("reserveBytes", self.reserve_bytes),
        ];
        for (name, bytes) in given {
            disk.extend(bytes.map(|bytes| (name.to_owned(), Value::from(bytes))));
        }
        if disk.is_empty() {
            return String::new();
        }
        // JSON is YAML.
        format!("defaultChannel: {}\n", json!({ "disk": disk }))
    }
}

/// A trigger: which types it wants, and how its subscriber takes them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habit {
    pub(super) trigger: &'static str,
    /// The only type that it wants; `None` wants all.
    pub(super) wants: Option<&'static str>,
    pub(super) manner: Manner,
    /// Whether it has a dead-letter sink, which takes what comes.
    pub(super) buries: bool,
}

impl Habit {
    /// A trigger that wants everything.
    pub(super) fn all(trigger: &'static str, manner: Manner) -> Self {
        Habit {
            trigger,
            wants: None,
            manner,
            buries: false,
        }
    }

    /// A trigger that wants one type.
    pub(super) fn one(trigger: &'static str, wants: &'static str, manner: Manner) -> Self {
        Habit {
            wants: Some(wants),
            ..Self::all(trigger, manner)
        }
    }

    /// The same with a dead-letter sink.
    pub(super) fn buried(self) -> Self {
        Habit {
            buries: true,
            ..self
        }
    }

    fn object(&self, peer: &Peer) -> Value {
        let mut delivery = json!({
            "retry": 50,
            "backoffPolicy": "linear",
            "backoffDelay": "PT0.1S",
            "timeout": "PT10M",
        });
        if self.buries {
            let sink = peer.url(&format!("/{}/dead", self.trigger));
            delivery["deadLetterSink"] = json!({ "uri": sink });
        }
        let mut spec = json!({
            "broker": BROKER,
            "subscriber": {"uri": peer.url(&format!("/{}", self.trigger))},
            "delivery": delivery,
        });
        if let Some(wanted) = self.wants {
            spec["filters"] = json!([{ "exact": { "type": wanted } }]);
        }
        object("Trigger", self.trigger, &spec)
    }
}

/// Triggers of five habits: one takes everything at once, one is slow, one fails before it takes each
/// event, one refuses, so that its events go to a dead-letter sink, and one refuses and has none, so
/// that its events are parked.
pub(super) fn quick_habits() -> Vec<Habit> {
    let slow = Manner::TakeAfter(Duration::from_millis(20));
    vec![
        Habit::all("plain", Manner::Take),
        Habit::one("slow", "order", slow),
        Habit::one("failing", "retry", Manner::FailOnce(500)),
        Habit::one("refusing", "poison", Manner::Answer(400)).buried(),
        Habit::one(PARKED, "poison", Manner::Answer(400)),
    ]
}

/// Those, and one that asks to be left alone for longer than a wait in memory lasts.
pub(super) fn every_habit() -> Vec<Habit> {
    let mut habits = quick_habits();
    let later = Manner::TakeLater(LATER_SECONDS);
    habits.push(Habit::one("later", "other", later));
    habits
}

/// The trigger whose events are parked.
const PARKED: &str = "parked";
/// Longer than the 30 s for which a deferral waits in memory.
const LATER_SECONDS: u16 = 32;

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
