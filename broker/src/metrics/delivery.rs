//! What went out: attempts, replies, dead letters, and the time from acceptance to delivery.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use sluicegate_dispatcher::{ReplyReport, sender::Reason};
use sluicegate_resources::ObjectName;

/// From a local call to the longest attempt that a trigger may ask for.
const ATTEMPT_SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 900.0,
];
/// From a healthy subscriber to one that is away for three days.
const END_TO_END_SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 600.0, 3_600.0, 86_400.0,
    259_200.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TriggerLabels {
    namespace: Arc<str>,
    trigger: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    namespace: Arc<str>,
    trigger: Arc<str>,
    code: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    namespace: Arc<str>,
    trigger: Arc<str>,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReplyLabels {
    namespace: Arc<str>,
    trigger: Arc<str>,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeadLetterLabels {
    namespace: Arc<str>,
    trigger: Arc<str>,
    reason: &'static str,
}

type HistogramFamily<L> = Family<L, Histogram, fn() -> Histogram>;

/// The families; a trigger's handles are taken from them once.
#[derive(Debug)]
pub struct DeliveryFamilies {
    attempts: Family<AttemptLabels, Counter>,
    attempt_duration: HistogramFamily<CodeLabels>,
    end_to_end: HistogramFamily<TriggerLabels>,
    replies: Family<ReplyLabels, Counter>,
    dead_letters: Family<DeadLetterLabels, Counter>,
}

impl DeliveryFamilies {
    /// Makes and registers them.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = DeliveryFamilies {
            attempts: Family::default(),
            attempt_duration: Family::new_with_constructor(|| Histogram::new(ATTEMPT_SECONDS)),
            end_to_end: Family::new_with_constructor(|| Histogram::new(END_TO_END_SECONDS)),
            replies: Family::default(),
            dead_letters: Family::default(),
        };
        registry.register(
            "sluicegate_delivery_attempts",
            "Sends to subscribers and dead-letter sinks, by class of status and by reason",
            families.attempts.clone(),
        );
        registry.register(
            "sluicegate_delivery_attempt_duration_seconds",
            "How long a send took, by class of status",
            families.attempt_duration.clone(),
        );
        registry.register(
            "sluicegate_delivery_end_to_end_seconds",
            "From acceptance to the subscriber's 2xx",
            families.end_to_end.clone(),
        );
        registry.register(
            "sluicegate_replies",
            "Replies of subscribers, by result",
            families.replies.clone(),
        );
        // The gauge of those that lie in the store now is `sluicegate_dead_letters`.
        registry.register(
            "sluicegate_dead_letters",
            "Events given up on, by reason",
            families.dead_letters.clone(),
        );
        families
    }

    /// The handles of one trigger.
    pub fn handles(self: &Arc<Self>, trigger: &ObjectName) -> DeliveryHandles {
        let labels = TriggerLabels {
            namespace: trigger.namespace.as_str().into(),
            trigger: trigger.name.as_str().into(),
        };
        DeliveryHandles {
            end_to_end: self.end_to_end.get_or_create_owned(&labels),
            attempts: Default::default(),
            durations: Default::default(),
            families: Arc::clone(self),
            labels,
        }
    }
}

/// The class of a status as a label: `none` where there was no answer.
fn code_index(status: Option<u16>) -> usize {
    match status {
        Some(status @ 100..=599) => usize::from(status / 100),
        Some(_) => 6,
        None => 0,
    }
}

const CODES: [&str; 7] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx", "other"];

/// One trigger's counters, each looked up at its first use and never again.
#[derive(Debug)]
pub struct DeliveryHandles {
    families: Arc<DeliveryFamilies>,
    labels: TriggerLabels,
    end_to_end: Histogram,
    attempts: [[OnceLock<Counter>; Reason::ALL.len()]; CODES.len()],
    durations: [OnceLock<Histogram>; CODES.len()],
}

impl DeliveryHandles {
    /// Counts one send.
    pub fn attempt(&self, status: Option<u16>, reason: Reason, duration: Duration) {
        let TriggerLabels { namespace, trigger } = &self.labels;
        let code = code_index(status);
        let reason_index = Reason::ALL
            .iter()
            .position(|it| *it == reason)
            .unwrap_or_default();
        self.attempts[code][reason_index]
            .get_or_init(|| {
                self.families.attempts.get_or_create_owned(&AttemptLabels {
                    namespace: Arc::clone(namespace),
                    trigger: Arc::clone(trigger),
                    code: CODES[code],
                    reason: reason.label(),
                })
            })
            .inc();
        self.durations[code]
            .get_or_init(|| {
                self.families
                    .attempt_duration
                    .get_or_create_owned(&CodeLabels {
                        namespace: Arc::clone(namespace),
                        trigger: Arc::clone(trigger),
                        code: CODES[code],
                    })
            })
            .observe(duration.as_secs_f64());
    }

    /// Notes how long a delivered event took from acceptance.
    pub fn delivered(&self, end_to_end: Duration) {
        self.end_to_end.observe(end_to_end.as_secs_f64());
    }

    /// Counts what a subscriber answered with.
    pub fn reply(&self, reply: &ReplyReport<'_>) {
        let (result, count) = match reply {
            ReplyReport::Accepted { events } => ("accepted", *events as u64),
            ReplyReport::Rejected { .. } => ("rejected", 1),
            ReplyReport::Loop { .. } => ("loop", 1),
            ReplyReport::Ignored202 => ("ignored", 1),
            ReplyReport::NotAnEvent => ("not_an_event", 1),
        };
        let TriggerLabels { namespace, trigger } = self.labels.clone();
        self.families
            .replies
            .get_or_create_owned(&ReplyLabels {
                namespace,
                trigger,
                result,
            })
            .inc_by(count);
    }

    /// Counts an event that was given up on.
    pub fn dead_letter(&self, reason: &'static str) {
        let TriggerLabels { namespace, trigger } = self.labels.clone();
        let labels = DeadLetterLabels {
            namespace,
            trigger,
            reason,
        };
        self.families
            .dead_letters
            .get_or_create_owned(&labels)
            .inc();
    }
}
