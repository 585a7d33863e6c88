//! About duplicates at the door.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use sluicegate_resources::ObjectName;

use super::history::BrokerLabels;

/// Families about duplicates.
#[derive(Debug)]
pub struct DeduplicationFamilies {
    duplicates: Family<BrokerLabels, Counter>,
    damaged: Family<BrokerLabels, Counter>,
}

impl DeduplicationFamilies {
    /// Makes and registers them.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = DeduplicationFamilies {
            duplicates: Family::default(),
            damaged: Family::default(),
        };
        registry.register(
            "sluicegate_ingress_duplicates",
            "Events that were answered 202 and not stored, because they had been stored before",
            families.duplicates.clone(),
        );
        registry.register(
            "sluicegate_ingress_deduplication_damaged",
            "Times that what is remembered of events was damaged and begun anew",
            families.damaged.clone(),
        );
        families
    }

    /// The instruments of one broker.
    pub fn handles(&self, broker: &ObjectName) -> DeduplicationHandles {
        let labels = BrokerLabels::of(broker);
        DeduplicationHandles {
            duplicates: self.duplicates.get_or_create_owned(&labels),
            damaged: self.damaged.get_or_create_owned(&labels),
        }
    }

    /// Forgets a broker that is closed.
    pub fn remove(&self, broker: &ObjectName) {
        let labels = BrokerLabels::of(broker);
        self.duplicates.remove(&labels);
        self.damaged.remove(&labels);
    }
}

/// The instruments of one broker.
#[derive(Clone, Debug, Default)]
pub struct DeduplicationHandles {
    duplicates: Counter,
    damaged: Counter,
}

impl DeduplicationHandles {
    /// Events were stored before.
    pub fn duplicates(&self, events: usize) {
        self.duplicates.inc_by(events as u64);
    }

    /// What is remembered was damaged.
    pub fn damaged(&self) {
        self.damaged.inc();
    }
}
