//! Stories of events: what became of every accepted event with some id.
//!
//! What was recorded is told as recorded. What a filter says is found out anew, by the filters that are
//! in force now, and only for an event that the channel still has; each trigger says which of the
//! two it is.

use serde::{Deserialize, Serialize};

use super::Time;

/// Narrows what is told of an id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoryQuery {
    /// Only events of this source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Only this broker, as `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<String>,
    /// Only this trigger, as `namespace/name`; or as `name`, in whatever namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
}

impl StoryQuery {
    /// Whether a trigger is to be told of.
    pub fn is_of(&self, namespace: &str, name: &str) -> bool {
        self.trigger.as_ref().is_none_or(|wanted| {
            let bare = wanted.split_once('/');
            bare.map_or(wanted == name, |wanted| wanted == (namespace, name))
        })
    }
}

/// Everything that is known of the events with one id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stories {
    /// Each event, by broker and position. An id is unique with its source alone, so there may be
    /// several.
    pub events: Vec<Story>,
    /// What was looked through, by broker.
    pub histories: Vec<HistoryReach>,
    /// Events with this id that are known and are not what was asked for: they have another source, or
    /// nothing is known of them and the trigger that was named. The first 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<StoryOther>,
    /// When the trigger that was named was deleted, where there is none of that name now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_deleted_at: Option<Time>,
}

/// An event that is known and is not what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoryOther {
    /// The broker, as `namespace/name`.
    pub broker: String,
    /// Where it stands in the broker's channel.
    pub position: String,
    /// `source`; absent where it is not known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// How far a history reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryReach {
    /// The broker, as `namespace/name`.
    pub broker: String,
    /// Whether there is one.
    pub enabled: bool,
    /// Whether it ends with the process.
    pub in_memory: bool,
    /// When its oldest record was made; absent when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Records that were left out since the start of the server, whatever they were about.
    pub left_out: u64,
    /// Where records are missing, whatever they were about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<StoryGap>,
    /// Whether the latest records could not be looked through in time.
    pub behind: bool,
    /// Whether there is more about this id than is told.
    pub cut: bool,
    /// What was damaged and set aside since the start of the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Records that are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoryGap {
    /// From when.
    pub from: Time,
    /// Up to when.
    pub to: Time,
    /// How many; absent when nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Why: `leftOut`, `crash` or `damage`.
    pub cause: String,
}

/// What became of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// The broker, as `namespace/name`.
    pub broker: String,
    /// Where it stands in the broker's channel.
    pub position: String,
    /// `source`; absent when its acceptance is not in the history and the channel no longer has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// `type`; absent as `source`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub ty: Option<String>,
    /// `datacontenttype`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_content_type: Option<String>,
    /// The size of its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_bytes: Option<u64>,
    /// When it was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Time>,
    /// How long the store took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_in_us: Option<u64>,
    /// Whether it is a subscriber's reply.
    pub reply: bool,
    /// Whether the channel still has it.
    pub retained: bool,
    /// Whether it was among what the channel has, and is lost to damage of its store. A trigger that had
    /// not had it then never will.
    #[serde(default)]
    pub lost: bool,
    /// How many triggers wanted it when it was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<u64>,
    /// How many could not say then, because an expression failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<u64>,
    /// Each trigger of which something is known, by name.
    pub triggers: Vec<TriggerStory>,
    /// Triggers that were deleted since it was stored, of which nothing else is recorded and which may
    /// have been to get it; the latest 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deletions: Vec<StoryDeletion>,
    /// How many triggers are not listed, of those that nothing is recorded of.
    pub triggers_left_out: u64,
    /// Whether records that are missing may be about this event.
    pub gaps: bool,
}

/// What a trigger did with an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerStory {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it wanted the event.
    pub decision: Decision,
    /// Whether the decision is told from what was recorded; else by the filter in force now.
    pub recorded: bool,
    /// Whether there is such a trigger now.
    pub exists: bool,
    /// What the filter in force now says, part by part; absent where the channel no longer has the
    /// event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<FilterPart>,
    /// How it stands with the event; absent where it did not want it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StoryState>,
    /// Why it was given up on, or what it waits for other than its turn, or why it was not given the
    /// event, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When something is tried next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Time>,
    /// When it came to stand so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Each attempt, oldest first; the latest 1,000.
    pub attempts: Vec<StoryAttempt>,
    /// How many earlier ones are not listed.
    pub attempts_left_out: u64,
    /// Events that its subscriber answered with, which are stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<StoryReply>,
    /// What was commanded of it, oldest first; the latest 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<StoryCommand>,
    /// When the trigger was deleted, if that was after the latest that is told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Time>,
}

/// Whether a trigger wants an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// It does.
    Match,
    /// It does not.
    NoMatch,
    /// An expression failed, so it does not.
    Error,
    /// Nobody can tell yet: no valid manifest says what it wants, and the event is kept for it.
    Undecided,
}

/// How a trigger stands with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StoryState {
    /// Nothing was recorded yet.
    Waiting,
    /// An attempt failed; another follows.
    Retrying,
    /// An attempt failed and none follows; what came of it is not recorded yet.
    GivenUp,
    /// The subscriber took it.
    Delivered,
    /// The dead-letter sink took it.
    DeadLettered,
    /// It lies in the dead-letter store.
    Parked,
    /// It ended unseen.
    Discarded,
    /// The trigger was deleted before it was through with it.
    Cancelled,
}

/// A command that was carried out on an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoryCommand {
    /// When.
    pub at: Time,
    /// What was done.
    pub what: CommandWord,
    /// The id of the operation that did it; absent when the event was named by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Since when it had lain in the dead-letter store; absent where that is not recorded, or it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked_at: Option<Time>,
    /// Why it had, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a command did to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandWord {
    /// It left the dead-letter store and was to be delivered again.
    Redriven,
    /// It left the dead-letter store and is gone.
    Discarded,
    /// It was handed out once more.
    Replayed,
}

/// A trigger that was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoryDeletion {
    /// Its name, in the broker's namespace.
    pub trigger: String,
    /// When.
    pub at: Time,
    /// How many events it was not through with.
    pub cancelled: u64,
}

/// One part of a filter, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterPart {
    /// How many parts stand around it.
    pub depth: u32,
    /// What it says; absent in a remark about the part above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Decision>,
    /// What is asked.
    pub text: String,
    /// What the event has, where that says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// Whether the decision stems from it.
    pub decided: bool,
    /// Whether it decided alone, of several that could have.
    pub decided_alone: bool,
}

/// One send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoryAttempt {
    /// Which one, from 1; counted apart for the dead-letter sink.
    pub n: u32,
    /// Whether it went to the dead-letter sink.
    pub to_sink: bool,
    /// When it began.
    pub at: Time,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// The status it was answered with; absent when there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Why it failed in a few words; absent when it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// More about it, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When the next one was due; absent when none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Time>,
}

/// Events that an answer held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoryReply {
    /// When they were stored.
    pub at: Time,
    /// How many they are.
    pub events: u32,
    /// Where the first of them stands.
    pub position: String,
    /// Its id, while the channel has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}
