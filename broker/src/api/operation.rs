//! Operations: what a command does to many events, in the server, for as long as it takes.

use serde::{Deserialize, Serialize};

use super::{Time, When};

/// Which dead letters. What is left out narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LetterFilter {
    /// Of triggers in this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Of the trigger of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// Of triggers of the broker of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<String>,
    /// Given up on for one of these reasons, such as `exhausted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Parked then or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<When>,
    /// Of events for which this CESQL expression is true.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
}

/// Which of the events that a broker retains. What is left out narrows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventFilter {
    /// Accepted then or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<When>,
    /// Accepted before then. Never later than the beginning of the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<When>,
    /// At this position or behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_position: Option<String>,
    /// At this position or before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_position: Option<String>,
    /// For which this CESQL expression is true.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
}

/// How an operation goes about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conduct {
    /// At most this many events a second; as fast as it goes when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// Ends once so many are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Counts what would be done, and does nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What to do: the body of `POST /api/v1/operations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "OneOfThem")]
pub enum OperationRequest {
    /// Makes dead letters pending again, with all their attempts.
    Redrive(LettersRequest),
    /// Ends dead letters.
    Discard(LettersRequest),
    /// Hands out retained events once more.
    Replay(ReplayRequest),
}

/// As it is read, so that what is missing or too much can be said in words.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OneOfThem {
    redrive: Option<LettersRequest>,
    discard: Option<LettersRequest>,
    replay: Option<ReplayRequest>,
}

impl TryFrom<OneOfThem> for OperationRequest {
    type Error = &'static str;

    fn try_from(read: OneOfThem) -> Result<Self, Self::Error> {
        match (read.redrive, read.discard, read.replay) {
            (Some(redrive), None, None) => Ok(OperationRequest::Redrive(redrive)),
            (None, Some(discard), None) => Ok(OperationRequest::Discard(discard)),
            (None, None, Some(replay)) => Ok(OperationRequest::Replay(replay)),
            _ => Err("exactly one of `redrive`, `discard` and `replay` must be there"),
        }
    }
}

/// Which dead letters to redrive or to discard. Those that are parked when the operation begins:
/// what fails again meanwhile is not taken again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LettersRequest {
    /// Which. To mean every one of the server, it says nothing.
    pub letters: LetterFilter,
    /// How.
    #[serde(default)]
    pub conduct: Conduct,
}

/// Which events to hand out again, and to whom.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayRequest {
    /// The namespace of the broker and its triggers.
    pub namespace: String,
    /// The broker.
    pub broker: String,
    /// Triggers of that broker by name; all of them when absent. Each gets what its filter takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggers: Option<Vec<String>>,
    /// Which events.
    #[serde(default)]
    pub events: EventFilter,
    /// How.
    #[serde(default)]
    pub conduct: Conduct,
}

/// An operation that runs, or has ended within the last hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// What it is asked for by.
    pub id: String,
    /// What it does.
    pub kind: OperationKind,
    /// To which events, in words.
    pub what: String,
    /// How it goes about it.
    pub conduct: Conduct,
    /// Whether it still runs, or how it ended.
    pub state: OperationState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When it began.
    pub started_at: Time,
    /// When it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// How far it has come.
    pub progress: OperationProgress,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationKind {
    /// Makes dead letters pending again.
    Redrive,
    /// Ends dead letters.
    Discard,
    /// Hands out retained events once more.
    Replay,
    /// What an older reader makes of a newer word.
    #[serde(other)]
    Unknown,
}

/// Whether an operation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationState {
    /// It runs.
    Running,
    /// It has done everything, or as much as its limit says.
    Done,
    /// Somebody ended it, or the server stops. What it did until then stays done.
    Cancelled,
    /// It could not go on. What it did until then stays done.
    Failed,
    /// What an older reader makes of a newer word.
    #[serde(other)]
    Unknown,
}

impl OperationKind {
    /// As people read it, in lists and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            OperationKind::Redrive => "redrive",
            OperationKind::Discard => "discard",
            OperationKind::Replay => "replay",
            OperationKind::Unknown => "unknown",
        }
    }
}

impl OperationState {
    /// As people read it, in lists and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            OperationState::Running => "running",
            OperationState::Done => "done",
            OperationState::Cancelled => "cancelled",
            OperationState::Failed => "failed",
            OperationState::Unknown => "unknown",
        }
    }

    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        match self {
            OperationState::Done | OperationState::Cancelled | OperationState::Failed => true,
            OperationState::Running | OperationState::Unknown => false,
        }
    }
}

/// How far an operation has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationProgress {
    /// Dead letters, or retained events, that it has looked at.
    pub looked_at: u64,
    /// What it has done, or in a dry run would do: dead letters, or events of a replay once for each
    /// trigger that gets them.
    pub done: u64,
    /// Of those looked at, the ones that nothing asks for: they are not meant, or no filter of a
    /// trigger takes them.
    pub skipped: u64,
    /// Of the skipped ones, those on which the expression failed.
    pub undecided: u64,
    /// Of a replay: not handed out again, since they are pending or parked with the trigger anyway.
    pub unfinished: u64,
    /// What was no longer there when its turn came: ended meanwhile, or lost to damage of the store.
    pub gone: u64,
    /// How many are left to be looked at, where that is known; no more than its limit leaves to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u64>,
    /// Of a replay: everything before this position has been dealt with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<String>,
    /// Triggers that take no more for now, since replayed events wait for them already; at most ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_up_by: Vec<String>,
}
