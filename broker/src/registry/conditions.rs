//! Whether an object is ready, and if not, why: in Knative's words.

use sluicegate_resources::{Destination, ObjectName};

/// The `Ready` condition of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// All is well.
    Ready,
    /// It is not ready.
    NotReady {
        /// One CamelCase word, stable.
        reason: &'static str,
        /// A full sentence for people.
        message: String,
    },
}

impl Condition {
    fn not_ready(reason: &'static str, message: String) -> Self {
        Condition::NotReady { reason, message }
    }

    /// A trigger whose broker is not in force.
    pub fn broker_does_not_exist(broker: &ObjectName) -> Self {
        Self::not_ready(
            "BrokerDoesNotExist",
            format!("Broker {broker} does not exist; the trigger is served once it does."),
        )
    }

    /// A trigger whose broker is in force and not ready.
    pub fn broker_not_ready(broker: &ObjectName) -> Self {
        Self::not_ready("BrokerNotReady", format!("Broker {broker} is not ready."))
    }

    /// A broker whose configuration is not in force.
    pub fn config_not_found(config: &ObjectName) -> Self {
        Self::not_ready(
            "ConfigNotFound",
            format!("BrokerConfig {config} does not exist; the broker is served once it does."),
        )
    }

    /// A broker whose channel settings were edited while it runs.
    pub fn config_needs_restart() -> Self {
        Self::not_ready(
            "ConfigNeedsRestart",
            "The channel's settings were changed; the broker runs with the earlier ones until the \
             server is restarted."
                .to_owned(),
        )
    }

    /// A trigger whose subscriber has no URL here.
    pub fn subscriber_not_resolved(destination: &Destination) -> Self {
        Self::not_ready(
            "SubscriberNotResolved",
            format!(
                "The subscriber {destination} cannot be resolved; events wait until `resolve` in \
                 sluicegate.yaml names its URL."
            ),
        )
    }

    /// A trigger whose dead-letter sink has no URL here.
    pub fn dead_letter_sink_not_resolved(destination: &Destination) -> Self {
        Self::not_ready(
            "DeadLetterSinkNotResolved",
            format!(
                "The dead-letter sink {destination} cannot be resolved; dead letters are parked \
                 until `resolve` in sluicegate.yaml names its URL."
            ),
        )
    }

    /// A trigger that could not be given an identity or a subscription.
    pub fn not_subscribed(why: &dyn std::error::Error) -> Self {
        Self::not_ready(
            "NotSubscribed",
            format!("The trigger is not subscribed: {why}."),
        )
    }

    /// Whether it is ready.
    pub fn is_ready(&self) -> bool {
        matches!(self, Condition::Ready)
    }

    /// The reason, when it is not ready.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Condition::Ready => None,
            Condition::NotReady { reason, .. } => Some(reason),
        }
    }

    /// The message, when it is not ready.
    pub fn message(&self) -> Option<&str> {
        match self {
            Condition::Ready => None,
            Condition::NotReady { message, .. } => Some(message),
        }
    }
}
