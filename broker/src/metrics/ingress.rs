//! The door's metrics: what was accepted, what was refused and why, and how long each took.
//!
//! Families live once per process; a broker's [`IngressHandles`] are made once, when the broker is
//! made, so that an event costs no label lookup. Events for a broker that does not exist count
//! under an empty namespace and an empty broker: labels never come from a request.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::problem::Problem;

/// How a request ended, as the label `result` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Rejected,
    Overloaded,
}

impl Outcome {
    const ALL: [Outcome; 3] = [Outcome::Accepted, Outcome::Rejected, Outcome::Overloaded];

    fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Rejected => "rejected",
            Outcome::Overloaded => "overloaded",
        }
    }

    /// What the sender may simply send again later is overload; all else is a refusal.
    fn of(problem: Problem) -> Self {
        match problem.status() {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE => {
                Outcome::Overloaded
            }
            _ => Outcome::Rejected,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BrokerLabels {
    namespace: Arc<str>,
    broker: Arc<str>,
}

impl BrokerLabels {
    fn of_accepted(&self) -> EventLabels {
        self.of_event(Outcome::Accepted, "")
    }

    fn of_refused(&self, problem: Problem) -> EventLabels {
        self.of_event(Outcome::of(problem), problem.reason())
    }

    fn of_event(&self, outcome: Outcome, reason: &'static str) -> EventLabels {
        EventLabels {
            namespace: self.namespace.clone(),
            broker: self.broker.clone(),
            result: outcome.as_str(),
            reason,
        }
    }

    fn with_result(&self, outcome: Outcome) -> DurationLabels {
        DurationLabels {
            namespace: self.namespace.clone(),
            broker: self.broker.clone(),
            result: outcome.as_str(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    namespace: Arc<str>,
    broker: Arc<str>,
    result: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    namespace: Arc<str>,
    broker: Arc<str>,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AppendLabels {
    broker: Arc<str>,
    channel: &'static str,
}

/// Makes histograms with one set of buckets.
#[derive(Clone, Copy, Debug)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// From what an append in memory takes to the longest answer anyone waits for, in seconds.
const SECONDS: Buckets = Buckets(&[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
]);

/// Powers of four from 256 bytes to 4 MiB.
const BYTES: Buckets = Buckets(&[
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
]);

/// Every instrument of the door. Cheap to clone; clones share the counts.
#[derive(Clone, Debug)]
pub struct IngressFamilies {
    events: Family<EventLabels, Counter>,
    duration: Family<DurationLabels, Histogram, Buckets>,
    event_size: Family<BrokerLabels, Histogram, Buckets>,
    append_duration: Family<AppendLabels, Histogram, Buckets>,
}

impl IngressFamilies {
    /// Makes the families and adds them to `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let families = IngressFamilies {
            events: Family::default(),
            duration: Family::new_with_constructor(SECONDS),
            event_size: Family::new_with_constructor(BYTES),
            append_duration: Family::new_with_constructor(SECONDS),
        };
        registry.register(
            "sluicegate_ingress_events",
            "Events that reached the door, by how they were answered",
            families.events.clone(),
        );
        registry.register(
            "sluicegate_ingress_duration_seconds",
            "From a request's head to its answer",
            families.duration.clone(),
        );
        registry.register(
            "sluicegate_ingress_event_size_bytes",
            "Size of accepted events as they are stored",
            families.event_size.clone(),
        );
        registry.register(
            "sluicegate_store_append_duration_seconds",
            "From handing a batch to the channel to its acknowledgement",
            families.append_duration.clone(),
        );
        families
    }

    /// The handles of one broker; `channel` names the kind of its store, such as `memory`.
    pub fn handles(&self, namespace: &str, broker: &str, channel: &'static str) -> IngressHandles {
        let labels = BrokerLabels {
            namespace: namespace.into(),
            broker: broker.into(),
        };
        let duration = |outcome| {
            self.duration
                .get_or_create_owned(&labels.with_result(outcome))
        };
        IngressHandles(Arc::new(Handles {
            accepted: self.events.get_or_create_owned(&labels.of_accepted()),
            accepted_seconds: duration(Outcome::Accepted),
            rejected_seconds: duration(Outcome::Rejected),
            overloaded_seconds: duration(Outcome::Overloaded),
            event_bytes: self.event_size.get_or_create_owned(&labels),
            append_seconds: self.append_duration.get_or_create_owned(&AppendLabels {
                broker: labels.broker.clone(),
                channel,
            }),
            refusals: Refusals {
                events: self.events.clone(),
                labels,
            },
        }))
    }

    /// Counts what reaches no broker.
    pub(crate) fn nowhere(&self) -> Refusals {
        Refusals {
            events: self.events.clone(),
            labels: BrokerLabels {
                namespace: "".into(),
                broker: "".into(),
            },
        }
    }

    /// Forgets a broker that is gone, so that its series end. How long appends took stays: brokers
    /// of one name in several namespaces share it.
    pub fn remove(&self, handles: &IngressHandles) {
        let labels = &handles.0.refusals.labels;
        for problem in Problem::ALL {
            self.events.remove(&labels.of_refused(*problem));
        }
        self.events.remove(&labels.of_accepted());
        for outcome in Outcome::ALL {
            self.duration.remove(&labels.with_result(outcome));
        }
        self.event_size.remove(labels);
    }
}

/// One broker's instruments, resolved once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct IngressHandles(Arc<Handles>);

#[derive(Debug)]
struct Handles {
    accepted: Counter,
    accepted_seconds: Histogram,
    rejected_seconds: Histogram,
    overloaded_seconds: Histogram,
    event_bytes: Histogram,
    append_seconds: Histogram,
    refusals: Refusals,
}

/// Counts refusals of one broker, or of none. They are rare and of many kinds, so their series are
/// looked up, and made, when they happen.
#[derive(Clone, Debug)]
pub(crate) struct Refusals {
    events: Family<EventLabels, Counter>,
    labels: BrokerLabels,
}

impl Refusals {
    /// Counts `events` that were refused. A request that could not be read counts as one event.
    pub(crate) fn count(&self, problem: Problem, events: usize) {
        self.events
            .get_or_create(&self.labels.of_refused(problem))
            .inc_by(events as u64);
    }
}

impl IngressHandles {
    /// Counts `events` that were stored, in an answer that took `elapsed`.
    pub(crate) fn accepted(&self, events: usize, elapsed: Duration) {
        self.0.accepted.inc_by(events as u64);
        self.0.accepted_seconds.observe(elapsed.as_secs_f64());
    }

    /// Counts `events` that were refused, in an answer that took `elapsed`.
    pub(crate) fn refused(&self, problem: Problem, events: usize, elapsed: Duration) {
        self.0.refusals.count(problem, events);
        let seconds = match Outcome::of(problem) {
            Outcome::Accepted | Outcome::Rejected => &self.0.rejected_seconds,
            Outcome::Overloaded => &self.0.overloaded_seconds,
        };
        seconds.observe(elapsed.as_secs_f64());
    }

    /// Notes the stored size of one event.
    pub(crate) fn event_size(&self, size_bytes: usize) {
        self.0.event_bytes.observe(size_bytes as f64);
    }

    /// Notes how long the channel took to acknowledge a batch.
    pub(crate) fn append_took(&self, elapsed: Duration) {
        self.0.append_seconds.observe(elapsed.as_secs_f64());
    }
}

#[cfg(test)]
mod tests;
