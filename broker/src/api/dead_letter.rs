//! Events given up on, in the built-in dead-letter store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{LetterFilter, Time, When};

/// Which dead letters to list: the query parameters of `GET /api/v1/dead-letters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeadLetterQuery {
    /// Only of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Only of the trigger of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// Only of triggers of the broker of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<String>,
    /// Only those given up on for this reason; several are joined by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only those parked then or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<When>,
    /// Only of events for which this CESQL expression is true.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// At most this many on a page; 1 to 1,000, 100 when absent. A page may have fewer, or none, and
    /// a `next`: as much is looked at for one as an answer may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl DeadLetterQuery {
    /// Which letters are meant.
    pub fn filter(&self) -> LetterFilter {
        let reasons = self.reason.as_deref().map(|it| it.split(','));
        LetterFilter {
            namespace: self.namespace.clone(),
            trigger: self.trigger.clone(),
            broker: self.broker.clone(),
            reasons: reasons.into_iter().flatten().map(str::to_owned).collect(),
            since: self.since,
            expression: self.expression.clone(),
        }
    }
}

/// One dead letter with the whole event.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterShown {
    /// As it is listed.
    pub letter: DeadLetter,
    /// The event in the JSON format of CloudEvents, as it was accepted.
    pub cloud_event: Box<RawValue>,
}

/// One event that was given up on, with why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The trigger's namespace.
    pub namespace: String,
    /// The trigger that gave up.
    pub trigger: String,
    /// Where the event stands in its broker's channel. Opaque; with namespace and trigger it names
    /// this dead letter.
    pub position: String,
    /// The event, without its data.
    pub event: DeadEvent,
    /// Why it was given up on.
    pub reason: DeadReason,
    /// Sends to the subscriber before that.
    pub sends: u32,
    /// When the broker accepted it.
    pub accepted_at: Time,
    /// When it was first parked.
    pub parked_at: Time,
    /// When its dead-letter sink is tried again; absent when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
    /// Whether that time has come: its sink is being tried now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub due: bool,
    /// What the next try at its sink waits for instead of a time, in a word, such as `Paused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink_waits_for: Option<String>,
}

/// What is shown of a parked event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadEvent {
    /// `id`
    pub id: String,
    /// `source`
    pub source: String,
    /// `type`
    #[serde(rename = "type")]
    pub ty: String,
    /// Every other attribute by its bare name, in canonical text.
    pub attributes: BTreeMap<String, String>,
    /// The size of its data, in bytes.
    pub data_size_bytes: u64,
}

/// Why an event was given up on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadReason {
    /// A short word from a closed set, such as `exhausted`, `refused`, `loop`, `reply`, `shed`.
    pub kind: String,
    /// One sentence for people.
    pub detail: String,
    /// Where the last attempt went, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dest: Option<String>,
    /// The status it was answered with, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The beginning of the answer's body, at most 768 bytes before base64; absent when empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
}

/// Names one dead letter: the body of `:redrive` and `:discard`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeadLetterRef {
    /// The trigger's namespace.
    pub namespace: String,
    /// The trigger's name.
    pub trigger: String,
    /// The position, as listed.
    pub position: String,
}

/// What a `:redrive` or `:discard` did. One that names nothing is answered with 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterDone {
    /// How many dead letters it moved or ended: 1.
    pub done: u64,
}
