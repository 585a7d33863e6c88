//! The triggers of a scene, each with a habit of its subscriber, and the settings of their channel.

use std::time::Duration;

use serde_json::{Value, json};

use super::{BROKER, object};
use crate::faults::peer::{Manner, Peer};

/// Settings of the disk channel that differ from the defaults.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Disk {
    pub(in super::super) segment_bytes: Option<u64>,
    pub(in super::super) min_free_bytes: Option<u64>,
    pub(in super::super) reserve_bytes: Option<u64>,
}

impl Disk {
    /// As lines of `sluicegate.yaml`.
    pub(in super::super) fn settings(self) -> String {
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
pub(in super::super) struct Habit {
    pub(in super::super) trigger: &'static str,
    /// The only type that it wants; `None` wants all.
    pub(in super::super) wants: Option<&'static str>,
    pub(in super::super) manner: Manner,
    /// Whether it has a dead-letter sink, which takes what comes.
    pub(in super::super) buries: bool,
}

impl Habit {
    /// A trigger that wants everything.
    pub(in super::super) fn all(trigger: &'static str, manner: Manner) -> Self {
        Habit {
            trigger,
            wants: None,
            manner,
            buries: false,
        }
    }

    /// A trigger that wants one type.
    pub(in super::super) fn one(
        trigger: &'static str,
        wants: &'static str,
        manner: Manner,
    ) -> Self {
        Habit {
            wants: Some(wants),
            ..Self::all(trigger, manner)
        }
    }

    /// The same with a dead-letter sink.
    pub(in super::super) fn buried(self) -> Self {
        Habit {
            buries: true,
            ..self
        }
    }

    pub(super) fn object(&self, peer: &Peer) -> Value {
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
pub(in super::super) fn quick_habits() -> Vec<Habit> {
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
pub(in super::super) fn every_habit() -> Vec<Habit> {
    let mut habits = quick_habits();
    let later = Manner::TakeLater(LATER_SECONDS);
    habits.push(Habit::one("later", "other", later));
    habits
}

/// The trigger whose events are parked.
pub(super) const PARKED: &str = "parked";
/// Longer than the 30 s for which a deferral waits in memory.
const LATER_SECONDS: u16 = 32;
