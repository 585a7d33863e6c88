//! A broker and the channel behind it.

use serde::{Deserialize, Serialize};
use sluicegate_channels::LostEvents;

/// A broker as the server serves it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Broker {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether events sent to it are accepted.
    pub ready: bool,
    /// Why it is not ready, as one CamelCase word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same as a sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The kind of channel, such as `memory`.
    pub channel: String,
    /// What an accepted event survives, as the channel names its class, such as `memory`.
    pub durability: String,
    /// Where to send events to.
    pub url: String,
    /// Events held, each counted once however many triggers wait for it.
    pub events: u64,
    /// Bytes held.
    pub bytes: u64,
    /// The bound on `events`; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_max: Option<u64>,
    /// The bound on `bytes`; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u64>,
    /// How its files stand; absent where the channel keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// The age of the oldest event held; absent when none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_age_seconds: Option<f64>,
    /// How many triggers it has, ready or not.
    pub triggers: u64,
}

/// How the files of a channel on disk stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// What all of the broker's files take up.
    pub stored_bytes: u64,
    /// What may still be written where they lie.
    pub free_bytes: u64,
    /// The files of the log of events.
    pub segments: u64,
    /// Why no events are taken, when none are: `no_space` or `broken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuses: Option<String>,
    /// Events that damage to the files has taken for sure, as far as it was found.
    pub lost_events: u64,
    /// And at most; null where nobody knows.
    #[serde(default)]
    pub lost_events_max: Option<u64>,
    /// The age of the oldest event that can be replayed, settled or not; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_retained_age_seconds: Option<f64>,
}

impl Disk {
    /// What is known of the events that damage has taken.
    #[must_use]
    pub fn lost(&self) -> LostEvents {
        LostEvents {
            at_least: self.lost_events,
            at_most: self.lost_events_max,
        }
    }
}
