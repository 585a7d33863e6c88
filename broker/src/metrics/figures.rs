//! What the channels know themselves, read at each scrape rather than counted twice.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use sluicegate_channels::{Books, LostEvents};
use sluicegate_resources::ObjectName;

mod encode;

use encode::{encode_books, encode_disks, encode_filters, encode_stores, encode_waiting};

/// The figures of one trigger.
#[derive(Clone, Debug)]
pub struct TriggerFigures {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub trigger: Arc<str>,
    /// The conservation law's terms.
    pub books: Books,
    /// Those of the filtered events on which the filter failed.
    pub filter_errors: u64,
    /// Ready to be handed out.
    pub waiting: u64,
    /// Handed out.
    pub in_flight: u64,
    /// Whether nobody answers at its subscriber, so that only probes are sent.
    pub is_breaker_open: bool,
    /// Age of the oldest pending event; 0 when nothing is pending.
    pub oldest_waiting_seconds: f64,
    /// How long the oldest event in the dead-letter store has been parked; 0 when none is.
    pub lying_seconds: f64,
    /// How many events in the dead-letter store are older than they may get, as of the last look.
    pub too_old_letters: u64,
    /// How many events were discarded, by reason.
    pub discarded_by: Vec<(&'static str, u64)>,
}

impl TriggerFigures {
    /// A trigger of which nothing is known but its name.
    pub fn named(name: &ObjectName) -> Self {
        TriggerFigures {
            namespace: name.namespace.as_str().into(),
            trigger: name.name.as_str().into(),
            books: Books::default(),
            filter_errors: 0,
            waiting: 0,
            in_flight: 0,
            is_breaker_open: false,
            oldest_waiting_seconds: 0.0,
            lying_seconds: 0.0,
            too_old_letters: 0,
            discarded_by: Vec::new(),
        }
    }
}

/// The figures of one broker's channel.
#[derive(Clone, Debug)]
pub struct BrokerFigures {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub broker: Arc<str>,
    /// The kind of channel.
    pub channel: &'static str,
    /// What an accepted event survives, as the channel names its class.
    pub durability: String,
    /// Events held.
    pub events: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Age of the oldest event held; 0 when none is.
    pub oldest_event_age_seconds: f64,
    /// How its files stand, where it keeps any.
    pub disk: Option<DiskFigures>,
}

/// The figures of the files of one broker.
#[derive(Clone, Debug)]
pub struct DiskFigures {
    /// What they take up.
    pub stored_bytes: u64,
    /// What may still be written where they lie.
    pub free_bytes: u64,
    /// Whether no events are taken for want of room.
    pub is_full: bool,
    /// Whether no events are taken since the store has failed.
    pub is_broken: bool,
    /// Events that damage has taken, as far as it was found.
    pub lost_events: LostEvents,
    /// Age of the oldest event retained, settled or not; 0 when there is none.
    pub oldest_retained_age_seconds: f64,
}

/// Everything that a scrape shows of the channels.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Every trigger, deleted ones included for as long as they are remembered.
    pub triggers: Vec<TriggerFigures>,
    /// Every broker.
    pub brokers: Vec<BrokerFigures>,
}

/// Whoever can be asked for the figures as they stand.
pub trait FiguresSource: Send + Sync + std::fmt::Debug {
    /// All of them, at one moment.
    fn figures(&self) -> Figures;
}

/// Asks the source at each scrape.
#[derive(Debug)]
pub(super) struct FiguresCollector {
    source: Arc<dyn FiguresSource>,
}

impl FiguresCollector {
    pub(super) fn new(source: Arc<dyn FiguresSource>) -> Self {
        FiguresCollector { source }
    }
}

impl Collector for FiguresCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Figures { triggers, brokers } = self.source.figures();
        encode_books(&mut encoder, &triggers)?;
        encode_waiting(&mut encoder, &triggers)?;
        encode_filters(&mut encoder, &triggers)?;
        encode_stores(&mut encoder, &brokers)?;
        encode_disks(&mut encoder, &brokers)
    }
}

/// Gauges of counts are floats in the text format; beyond 2^53 they round, which a gauge may.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge of a count may round beyond 2^53"
)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}
