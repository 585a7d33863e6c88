//! Whether an object is ready, and if not, why: in Knative's words.

use sluicegate_channels::{ChannelStatus, Refuses, Timestamp};
use sluicegate_resources::{Destination, ObjectName, codes};

use crate::api::Time;
use crate::manifests::InvalidTrigger;

const BROKER_DOES_NOT_EXIST: &str = "BrokerDoesNotExist";
const CONFIG_NOT_FOUND: &str = "ConfigNotFound";
const SUBSCRIBER_NOT_RESOLVED: &str = "SubscriberNotResolved";
const DEAD_LETTER_SINK_NOT_RESOLVED: &str = "DeadLetterSinkNotResolved";
const NOT_SUBSCRIBED: &str = "NotSubscribed";
const STORE_FAILED: &str = "StoreFailed";
const STARTS_LATER: &str = "StartsLater";
const CHANNEL_NOT_OPENED: &str = "ChannelNotOpened";

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

    /// A broker that is to be on disk where there is no data folder.
    pub fn no_data_folder() -> Self {
        Self::not_ready(
            "NoDataFolder",
            "A channel on disk needs a data folder; start the server with --data DIR, or set `data` \
             in sluicegate.yaml."
                .to_owned(),
        )
    }

    /// A broker that is to be in memory where the server promises that no event goes with it.
    pub fn not_durable() -> Self {
        Self::not_ready(
            "NotDurable",
            "The channel is memory, and the server's profile is production: what is accepted would be \
             lost with the process. Put the broker on disk, or leave `profile` out of sluicegate.yaml."
                .to_owned(),
        )
    }

    /// A broker whose files cannot be opened.
    pub fn channel_not_opened(why: &dyn std::error::Error) -> Self {
        Self::not_ready(
            CHANNEL_NOT_OPENED,
            format!("The channel is not open: {why}. It is tried again every 10 s."),
        )
    }

    /// A broker whose configuration names another kind of channel than the one it runs on.
    pub fn channel_cannot_change(is: &str, wanted: &str) -> Self {
        Self::not_ready(
            "ChannelCannotChange",
            if is == wanted {
                format!(
                    "The settings of channel {is} cannot change while the server runs; start the \
                     server again."
                )
            } else {
                format!(
                    "The channel is {is} and cannot become {wanted} while the server runs; start the \
                     server again, which leaves behind what the channel holds."
                )
            },
        )
    }

    /// A broker that is to be in NATS, and a server that was built without.
    #[cfg(not(feature = "nats"))]
    pub fn no_nats() -> Self {
        Self::not_ready(
            "NoNats",
            "This server was built without the NATS channel; run one that was built with the feature \
             `nats`, as releases are."
                .to_owned(),
        )
    }

    /// A broker that is served, by the word of its channel.
    pub fn of_channel(status: &ChannelStatus) -> Self {
        match status.disk.as_ref().and_then(|it| it.refuses.as_ref()) {
            Some(Refuses::Broken(why)) => Self::store_failed(why),
            Some(Refuses::NoSpace) => Self::disk_full(),
            None => Condition::Ready,
        }
    }

    /// A broker whose store takes no events until it is opened anew.
    pub fn store_failed(why: &str) -> Self {
        Self::not_ready(
            STORE_FAILED,
            format!(
                "The store has failed: {why}. Nothing that was accepted is lost; mend the disk and \
                 start the server again."
            ),
        )
    }

    /// A broker whose disk has no room for new events.
    pub fn disk_full() -> Self {
        Self::not_ready(
            "DiskFull",
            "The disk has less room than is kept free. What was accepted is delivered; events are \
             taken again once there is room."
                .to_owned(),
        )
    }

    /// A broker whose dead letters have lain for longer than they may.
    pub fn unattended(why: &str, hint: &str) -> Self {
        Self::not_ready(
            "DeadLettersTooOld",
            format!("New events are refused: {why}; {hint}."),
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

    /// The same where the broker's store has failed, so that trying again cannot help.
    pub fn not_subscribed_in_failed_store(why: &dyn std::error::Error) -> Self {
        Self::not_ready(
            NOT_SUBSCRIBED,
            format!(
                "The trigger is not subscribed: {why}. The broker's store has failed: mend the disk \
                 and start the server again."
            ),
        )
    }

    /// A new trigger that is to begin at a time to come.
    pub fn starts_later(at: Timestamp) -> Self {
        Self::not_ready(
            STARTS_LATER,
            format!(
                "It begins with the first event accepted at {} or later, as its annotation \
                 `sluicegate.dev/start` says, and is ready from then on.",
                Time(at)
            ),
        )
    }

    /// Whether it is that of [`Condition::starts_later`].
    pub fn is_starts_later(&self) -> bool {
        self.reason() == Some(STARTS_LATER)
    }

    /// A trigger whose manifest is invalid and that has no earlier one to go by.
    pub fn manifest_invalid(why: &InvalidTrigger) -> Self {
        Self::not_ready(
            "ManifestInvalid",
            format!(
                "What was accepted for it waits until its manifest is valid: {}: {}",
                why.place, why.message
            ),
        )
    }

    /// A trigger of which a channel keeps a subscription, and that no manifest stands for.
    pub fn manifest_missing(is_obscure: bool) -> Self {
        let why = match is_obscure {
            true => {
                "No manifest that can be read stands for it, and some cannot be read; what was \
                 accepted for it waits until they can."
            }
            false => "No manifest stands for it; it counts as deleted in a moment.",
        };
        Self::not_ready("ManifestMissing", why.to_owned())
    }

    /// Whether it is that of [`Condition::not_subscribed`].
    pub fn is_not_subscribed(&self) -> bool {
        self.reason() == Some(NOT_SUBSCRIBED)
    }

    /// Whether it is that of [`Condition::channel_not_opened`].
    pub fn is_channel_not_opened(&self) -> bool {
        self.reason() == Some(CHANNEL_NOT_OPENED)
    }

    /// Whether it is that of [`Condition::store_failed`].
    pub fn is_store_failed(&self) -> bool {
        self.reason() == Some(STORE_FAILED)
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

#[cfg(test)]
mod tests {
    use sluicegate_channels::{DiskStatus, DurabilityClass};

    use super::*;

    fn on_disk(refuses: Option<Refuses>) -> ChannelStatus {
        ChannelStatus {
            class: DurabilityClass::Disk,
            events: 0,
            bytes: 0,
            events_max: None,
            bytes_max: None,
            oldest_accepted_at: None,
            appended: 0,
            disk: Some(DiskStatus {
                segments: 1,
                stored_bytes: 0,
                free_bytes: 0,
                refuses,
                lost_events: sluicegate_channels::LostEvents::default(),
                oldest_retained_at: None,
            }),
            subscriptions: Vec::new(),
        }
    }

    #[test]
    fn a_store_that_takes_nothing_makes_its_broker_not_ready_and_says_why() {
        let broken = Refuses::Broken("sync: Input/output error".into());
        for (refuses, reason, is_failed) in [
            (None, None, false),
            (Some(Refuses::NoSpace), Some("DiskFull"), false),
            (Some(broken), Some("StoreFailed"), true),
        ] {
            let condition = Condition::of_channel(&on_disk(refuses));
            assert_eq!(condition.reason(), reason);
            assert_eq!(condition.is_store_failed(), is_failed);
            if is_failed {
                let message = condition.message().unwrap();
                assert!(message.contains("Input/output error"), "{message}");
            }
        }
    }
}
