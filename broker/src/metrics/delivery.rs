//! What went out: attempts, replies, dead letters, and the time from acceptance to delivery.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
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

impl TriggerLabels {
    fn of(trigger: &ObjectName) -> Self {
        TriggerLabels {
            namespace: trigger.namespace.as_str().into(),
            trigger: trigger.name.as_str().into(),
        }
    }

    fn with_attempt(&self, code: &'static str, reason: Reason) -> AttemptLabels {
        let TriggerLabels { namespace, trigger } = self.clone();
        AttemptLabels {
            namespace,
            trigger,
            code,
            reason: reason.label(),
        }
    }

    fn with_code(&self, code: &'static str) -> CodeLabels {
        let TriggerLabels { namespace, trigger } = self.clone();
        CodeLabels {
            namespace,
            trigger,
            code,
        }
    }

    fn with_result(&self, result: &'static str) -> ReplyLabels {
        let TriggerLabels { namespace, trigger } = self.clone();
        ReplyLabels {
            namespace,
            trigger,
            result,
        }
    }

    fn with_dead_letter(&self, reason: &'static str) -> DeadLetterLabels {
        let TriggerLabels { namespace, trigger } = self.clone();
        DeadLetterLabels {
            namespace,
            trigger,
            reason,
        }
    }
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
    /// Every reason that a dead letter ever had: a small closed set, of which others hold the list.
    dead_letter_reasons: Mutex<BTreeSet<&'static str>>,
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
            dead_letter_reasons: Mutex::default(),
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
        let labels = TriggerLabels::of(trigger);
        DeliveryHandles {
            end_to_end: self.end_to_end.get_or_create_owned(&labels),
            attempts: Default::default(),
            durations: Default::default(),
            families: Arc::clone(self),
            labels,
        }
    }

    /// Forgets a trigger that is gone, so that its series end.
    pub fn remove(&self, trigger: &ObjectName) {
        let labels = TriggerLabels::of(trigger);
        for code in CODES {
            self.attempt_duration.remove(&labels.with_code(code));
            for reason in Reason::ALL {
                self.attempts.remove(&labels.with_attempt(code, reason));
            }
        }
        self.end_to_end.remove(&labels);
        for result in REPLY_RESULTS {
            self.replies.remove(&labels.with_result(result));
        }
        for reason in self.dead_letter_reasons.lock().iter() {
            self.dead_letters.remove(&labels.with_dead_letter(reason));
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

const REPLY_RESULTS: [&str; 5] = ["accepted", "rejected", "loop", "ignored", "not_an_event"];

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
        let code = code_index(status);
        let reason_index = Reason::ALL
            .iter()
            .position(|it| *it == reason)
            .unwrap_or_default();
        self.attempts[code][reason_index]
            .get_or_init(|| {
                let labels = self.labels.with_attempt(CODES[code], reason);
                self.families.attempts.get_or_create_owned(&labels)
            })
            .inc();
        self.durations[code]
            .get_or_init(|| {
                let labels = self.labels.with_code(CODES[code]);
                self.families.attempt_duration.get_or_create_owned(&labels)
            })
            .observe(duration.as_secs_f64());
    }

    /// Notes how long a delivered event took from acceptance.
    pub fn delivered(&self, end_to_end: Duration) {
        self.end_to_end.observe(end_to_end.as_secs_f64());
    }

    /// Counts what a subscriber answered with.
    pub fn reply(&self, reply: &ReplyReport<'_>) {
        let [accepted, rejected, looped, ignored, not_an_event] = REPLY_RESULTS;
        let (result, count) = match reply {
            ReplyReport::Accepted { positions, .. } => (accepted, positions.len() as u64),
            ReplyReport::Rejected { .. } => (rejected, 1),
            ReplyReport::Loop { .. } => (looped, 1),
            ReplyReport::Ignored202 => (ignored, 1),
            ReplyReport::NotAnEvent => (not_an_event, 1),
        };
        let labels = self.labels.with_result(result);
        self.families
            .replies
            .get_or_create_owned(&labels)
            .inc_by(count);
    }

    /// Counts an event that was given up on.
    pub fn dead_letter(&self, reason: &'static str) {
        self.families.dead_letter_reasons.lock().insert(reason);
        let labels = self.labels.with_dead_letter(reason);
        self.families
            .dead_letters
            .get_or_create_owned(&labels)
            .inc();
    }
}

#[cfg(test)]
mod tests;
