//! From a trigger as written to the plan that its worker goes by.

use std::sync::Arc;

use sluicegate_dispatcher::{Plan, Target};
use sluicegate_resources::{EffectiveDelivery, Trigger};

use super::super::Condition;
use super::super::broker_of;
use super::Operator;

impl Operator {
    /// The plan of a trigger and what keeps it from being ready, if anything; only the latter where
    /// its broker does not run.
    pub(super) fn plan_of(&self, trigger: &Trigger) -> Result<(Plan, Condition), Condition> {
        let name = broker_of(trigger);
        let Some(broker) = self.brokers.get(&name) else {
            return Err(match self.unserved.contains_key(&name) {
                true => Condition::broker_not_ready(&name),
                false => Condition::broker_does_not_exist(&name),
            });
        };
        let delivery = EffectiveDelivery::of(&trigger.delivery, broker.delivery());
        let subscriber = self.resolve(&trigger.subscriber);
        let sink = delivery
            .dead_letter_sink
            .as_ref()
            .map(|sink| (sink, self.resolve(sink)));
        let condition = match (&subscriber, &sink) {
            (Err(_), _) => Condition::subscriber_not_resolved(&trigger.subscriber),
            (Ok(_), Some((sink, Err(_)))) => Condition::dead_letter_sink_not_resolved(sink),
            (Ok(_), Some((_, Ok(_))) | None) => Condition::Ready,
        };
        let dead_letter = sink.and_then(|(_, resolved)| resolved.ok());
        let plan = Plan {
            trigger: trigger.metadata.name.clone(),
            broker: Arc::from(name.name),
            subscriber: subscriber.ok().map(|uri| Target { uri }),
            dead_letter: dead_letter.map(|uri| Target { uri }),
            delivery,
            in_flight_max: trigger.settings.in_flight_max,
            hops_max: broker.hops_max(),
            pending_max: broker.pending_max(),
            paused: trigger.settings.paused,
        };
        Ok((plan, condition))
    }
}
