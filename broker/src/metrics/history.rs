//! About histories of events: how large they are and what they lack.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use sluicegate_resources::ObjectName;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct BrokerLabels {
    namespace: Arc<str>,
    broker: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabels {
    namespace: Arc<str>,
    broker: Arc<str>,
    part: &'static str,
}

impl BrokerLabels {
    pub(super) fn of(broker: &ObjectName) -> Self {
        BrokerLabels {
            namespace: broker.namespace.as_str().into(),
            broker: broker.name.as_str().into(),
        }
    }

    fn with_part(&self, part: Part) -> PartLabels {
        PartLabels {
            namespace: Arc::clone(&self.namespace),
            broker: Arc::clone(&self.broker),
            part: part.label(),
        }
    }
}

/// What can be damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The records.
    Log,
    /// What finds them.
    Index,
}

impl Part {
    /// Its word.
    pub fn label(self) -> &'static str {
        match self {
            Part::Log => "log",
            Part::Index => "index",
        }
    }
}

/// Families about histories.
#[derive(Debug)]
pub struct HistoryFamilies {
    bytes: Family<BrokerLabels, Gauge>,
    left_out: Family<BrokerLabels, Counter>,
    damaged: Family<PartLabels, Counter>,
}

impl HistoryFamilies {
    /// Makes and registers them.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = HistoryFamilies {
            bytes: Family::default(),
            left_out: Family::default(),
            damaged: Family::default(),
        };
        registry.register(
            "sluicegate_history_bytes",
            "What the history of events takes, on the disk or in memory",
            families.bytes.clone(),
        );
        registry.register(
            "sluicegate_history_records_left_out",
            "Records that could not be written in time, so that stories of events have gaps",
            families.left_out.clone(),
        );
        registry.register(
            "sluicegate_history_damaged",
            "Times that a part of the history was found damaged and set aside or read past",
            families.damaged.clone(),
        );
        families
    }

    /// Forgets a broker that is closed.
    pub fn remove(&self, broker: &ObjectName) {
        let labels = BrokerLabels::of(broker);
        self.bytes.remove(&labels);
        self.left_out.remove(&labels);
        for part in [Part::Log, Part::Index] {
            self.damaged.remove(&labels.with_part(part));
        }
    }

    /// The instruments of one broker.
    pub fn handles(&self, broker: &ObjectName) -> HistoryHandles {
        let labels = BrokerLabels::of(broker);
        let of_part = |part| self.damaged.get_or_create_owned(&labels.with_part(part));
        HistoryHandles {
            bytes: self.bytes.get_or_create_owned(&labels),
            left_out: self.left_out.get_or_create_owned(&labels),
            damaged_log: of_part(Part::Log),
            damaged_index: of_part(Part::Index),
        }
    }
}

/// The instruments of one broker's history.
#[derive(Clone, Debug, Default)]
pub struct HistoryHandles {
    bytes: Gauge,
    left_out: Counter,
    damaged_log: Counter,
    damaged_index: Counter,
}

impl HistoryHandles {
    /// What the history takes now.
    pub fn holds(&self, bytes: u64) {
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Records are missing.
    pub fn left_out(&self, records: u64) {
        self.left_out.inc_by(records);
    }

    /// How many are missing since the start.
    pub fn left_out_so_far(&self) -> u64 {
        self.left_out.get()
    }

    /// Places of the log were read past.
    pub fn damaged(&self, places: usize) {
        self.damaged_log.inc_by(places as u64);
    }

    /// A part was set aside.
    pub fn set_aside(&self, part: Part) {
        match part {
            Part::Log => self.damaged_log.inc(),
            Part::Index => self.damaged_index.inc(),
        };
    }
}
