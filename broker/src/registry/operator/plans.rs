//! From a trigger as written to the plan that its worker goes by.

use std::sync::Arc;

use sluicegate_dispatcher::{Plan, Target};
use sluicegate_resources::{DeliverySpec, EffectiveDelivery, Trigger};

use super::super::Condition;
use super::super::broker_of;
use super::Operator;

impl Operator {
    /// The plan of a trigger whose broker runs, and what keeps it from being ready, if anything.
    pub(super) fn plan_of(
        &self,
        trigger: &Trigger,
        broker: &DeliverySpec,
        hops_max: u8,
    ) -> (Plan, Condition) {
        let delivery = EffectiveDelivery::of(&trigger.delivery, broker);
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
            broker: Arc::from(broker_of(trigger).name),
            subscriber: subscriber.ok().map(|uri| Target { uri }),
            dead_letter: dead_letter.map(|uri| Target { uri }),
            delivery,
            in_flight_max: trigger.settings.in_flight_max,
            hops_max,
        };
        (plan, condition)
    }
}
