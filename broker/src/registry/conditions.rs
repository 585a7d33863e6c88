//! Whether an object is ready, and if not, why: in Knative's words.

use sluicegate_resources::{Destination, ObjectName, codes};

const BROKER_DOES_NOT_EXIST: &str = "BrokerDoesNotExist";
const CONFIG_NOT_FOUND: &str = "ConfigNotFound";
const SUBSCRIBER_NOT_RESOLVED: &str = "SubscriberNotResolved";
const DEAD_LETTER_SINK_NOT_RESOLVED: &str = "DeadLetterSinkNotResolved";
const NOT_SUBSCRIBED: &str = "NotSubscribed";

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
            BROKER_DOES_NOT_EXIST,
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
            CONFIG_NOT_FOUND,
            format!("BrokerConfig {config} does not exist; the broker is served once it does."),
        )
    }

    /// A trigger whose subscriber has no URL here.
    pub fn subscriber_not_resolved(destination: &Destination) -> Self {
        Self::not_ready(
            SUBSCRIBER_NOT_RESOLVED,
            format!(
                "The subscriber {destination} cannot be resolved; events wait until `resolve` in \
                 sluicegate.yaml names its URL."
            ),
        )
    }

    /// A trigger whose dead-letter sink has no URL here.
    pub fn dead_letter_sink_not_resolved(destination: &Destination) -> Self {
        Self::not_ready(
            DEAD_LETTER_SINK_NOT_RESOLVED,
            format!(
                "The dead-letter sink {destination} cannot be resolved; dead letters are parked \
                 until `resolve` in sluicegate.yaml names its URL."
            ),
        )
    }

    /// A trigger that could not be given an identity or a subscription.
    pub fn not_subscribed(why: &dyn std::error::Error) -> Self {
        Self::not_ready(
            NOT_SUBSCRIBED,
            format!("The trigger is not subscribed: {why}. It is tried again every second."),
        )
    }

    /// Whether it is that of [`Condition::not_subscribed`].
    pub fn is_not_subscribed(&self) -> bool {
        self.reason() == Some(NOT_SUBSCRIBED)
    }

    /// A trigger whose filter could not be compiled.
    pub fn filter_refused(why: &dyn std::error::Error) -> Self {
        Self::not_ready(
            "FilterRefused",
            format!("The filter cannot be used: {why}; an earlier one stays in force."),
        )
    }

    /// The code of the page that explains it, for those that have one.
    pub fn code(&self) -> Option<&'static str> {
        match self.reason()? {
            BROKER_DOES_NOT_EXIST => Some(codes::NO_SUCH_BROKER),
            CONFIG_NOT_FOUND => Some(codes::NO_SUCH_CONFIG),
            SUBSCRIBER_NOT_RESOLVED | DEAD_LETTER_SINK_NOT_RESOLVED => Some(codes::UNRESOLVABLE),
            _ => None,
        }
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
