//! Watches: what becomes of one event that is about to be sent.
//!
//! A watch is asked for *before* the event is sent, by its id and source, so that nothing is missed
//! and the server need not remember every event in case someone asks. The server keeps a bounded
//! number of watches for a bounded time and forgets the oldest; a forgotten one answers 404.

use serde::{Deserialize, Serialize};

use super::Time;

/// Asks to be told of the event with this id and source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WatchRequest {
    /// `id`
    pub id: String,
    /// `source`
    pub source: String,
}

/// A watch that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    /// Names the watch in `GET /api/v1/watches/{token}`: letters and digits.
    pub token: String,
}

/// What has become of a watched event so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchReport {
    /// Whether a broker has accepted it. Until then nothing else here means anything.
    pub seen: bool,
    /// The broker that accepted it, as `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<String>,
    /// How many triggers that broker had then.
    pub triggers_total: u64,
    /// Those that wanted the event, or for which it is kept until a valid manifest says whether they
    /// do, by namespace and name. Complete once `seen` is true.
    pub triggers: Vec<WatchedTrigger>,
    /// How many triggers did not get the event because an expression in their filter failed.
    #[serde(default)]
    pub failed_total: u64,
    /// Some of those, with the reason: a bounded number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<WatchedFailure>,
    /// Whether nothing more will happen: every trigger's state is final, and no sink is tried again.
    pub settled: bool,
}

/// A trigger whose filter could not say whether it wants a watched event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchedFailure {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The kind of error, such as `missingAttribute`, or `notBoolean`.
    pub kind: String,
    /// The part of the expression at fault, such as `amount`; cut short where it is long.
    pub part: String,
}

/// A trigger that wanted a watched event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchedTrigger {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How it stands with this event.
    pub state: WatchedState,
    /// What it waits for, as one CamelCase word; only while `waiting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same as a sentence for people, with what ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether nobody can tell yet whether it wants the event, which is kept for it.
    #[serde(default)]
    pub undecided: bool,
    /// Only while parked for a dead-letter sink that has not taken it: in how many milliseconds the
    /// sink is tried again, counted from this report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink_retry_in_ms: Option<u64>,
    /// Each attempt, oldest first; a bounded number of the latest.
    pub attempts: Vec<WatchAttempt>,
}

impl WatchedTrigger {
    /// Whether nothing more will happen by itself.
    pub fn is_settled(&self) -> bool {
        self.state.is_final() && self.sink_retry_in_ms.is_none()
    }
}

/// How a trigger stands with a watched event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WatchedState {
    /// Matched; nothing was tried yet.
    Matched,
    /// Waits for something other than its turn, which `reason` names: the trigger is paused, its
    /// subscriber cannot be resolved, or its manifest is invalid, so that nobody can tell yet whether it
    /// wants the event.
    Waiting,
    /// The subscriber took it. Final.
    Delivered,
    /// An attempt failed; another one follows.
    Retrying,
    /// The dead-letter sink took it. Final.
    DeadLettered,
    /// In the built-in dead-letter store. Final for a watch, unless a dead-letter sink may still take
    /// it.
    Parked,
    /// Ended unseen. Final.
    Discarded,
}

impl WatchedState {
    /// Whether nothing more will happen, but for a dead-letter sink that is tried again.
    pub fn is_final(self) -> bool {
        match self {
            WatchedState::Matched | WatchedState::Waiting | WatchedState::Retrying => false,
            WatchedState::Delivered
            | WatchedState::DeadLettered
            | WatchedState::Parked
            | WatchedState::Discarded => true,
        }
    }
}

/// One send of a watched event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchAttempt {
    /// Which one, from 1.
    pub n: u32,
    /// When it began.
    pub at: Time,
    /// The status it was answered with; absent when there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Why it failed in a few words, such as `connection refused` or `timeout`; absent when it was
    /// taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// More about it, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where it went.
    pub url: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// In how many milliseconds the next one is due, counted from this report; absent when none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_in_ms: Option<u64>,
}
