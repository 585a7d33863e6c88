//! What operators did to an event, as lines: commands, and triggers that are no more.

use super::attempts::{AttemptLine, when};
use crate::api::{CommandWord, Decision, StoryDeletion, Time, TriggerStory};
use crate::cli::console::{Console, Tone};
use crate::cli::table::count;
use crate::logging::visible;
use crate::reasons::SHOWN_BYTES_MAX;

/// The commands that were carried out on the event for this trigger, in order, and when.
pub(super) fn commands(
    trigger: &TriggerStory,
    accepted_at: Option<Time>,
) -> impl Iterator<Item = (Time, AttemptLine)> {
    trigger.commands.iter().map(move |command| {
        let (tone, what) = match command.what {
            CommandWord::Redriven => (Tone::Warning, "redriven"),
            CommandWord::Discarded => (Tone::Bad, "discarded"),
            CommandWord::Replayed => (Tone::Warning, "replayed"),
        };
        let by = match &command.operation {
            Some(operation) => format!("operation {}", visible(operation, SHOWN_BYTES_MAX)),
            None => "command".to_owned(),
        };
        let parked = command.parked_at.map(|since| {
            let reason = command.reason.as_deref().unwrap_or_default();
            let reason = visible(reason, SHOWN_BYTES_MAX);
            format!(", parked ({reason}) since {}", when(since, accepted_at))
        });
        let parked = parked.unwrap_or_default();
        let text = format!("{}  {what} by {by}{parked}", when(command.at, accepted_at));
        (command.at, AttemptLine { tone, text })
    })
}

/// Where the story of a trigger stems from, when no filter says it.
pub(super) fn as_recorded(trigger: &TriggerStory, accepted_at: Option<Time>) -> String {
    if trigger.decision == Decision::Undecided {
        return "nobody can tell yet whether it wants the event, which is kept for it".to_owned();
    }
    match (trigger.exists, trigger.deleted_at) {
        (true, _) => "as recorded".to_owned(),
        (false, Some(at)) => format!("as recorded; deleted at {}", when(at, accepted_at)),
        (false, None) => "as recorded; there is no such trigger now".to_owned(),
    }
}

/// A trigger that may have been to get the event.
pub(super) fn deletion(
    deletion: &StoryDeletion,
    accepted_at: Option<Time>,
    console: &Console,
) -> String {
    let name = visible(&deletion.trigger, SHOWN_BYTES_MAX);
    let events = match deletion.cancelled {
        1 => "1 event".to_owned(),
        many => format!("{} events", count(many)),
    };
    let text = format!(
        "deleted at {} with {events} that it was not through with; this may be one",
        when(deletion.at, accepted_at)
    );
    format!("trigger  {name}  {}", console.paint(Tone::Warning, text))
}
