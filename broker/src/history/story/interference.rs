//! What operators did to an event: commands that dealt with it, and triggers that they deleted.

use sluicegate_channels::Timestamp;

use super::super::found::{Deletion, Found};
use super::super::record::{Command, Commanded};
use super::Told;
use crate::api::{CommandWord, StoryCommand, StoryDeletion, StoryState, Time, TriggerStory};

/// Commands of one trigger that are told; the latest.
const COMMANDS_MAX: usize = 100;
/// Deletions of triggers of which nothing else is recorded that are told; the latest.
const DELETIONS_MAX: usize = 100;

/// A command is recorded when it is done, so what it has caused may be recorded before it.
pub(super) fn commanded(story: &mut TriggerStory, it: &Commanded<'_>) {
    if story.commands.len() >= COMMANDS_MAX {
        story.commands.remove(0);
    }
    let operation = Some(it.operation.to_owned()).filter(|it| !it.is_empty());
    let was_parked = story.state == Some(StoryState::Parked);
    let (parked_at, reason) = match it.letter {
        Some(letter) => (Some(Time(letter.parked_at)), Some(letter.reason.to_owned())),
        // As earlier versions recorded it.
        None => (
            story.since.filter(|_| was_parked),
            story.reason.clone().filter(|_| was_parked),
        ),
    };
    story.commands.push(StoryCommand {
        at: Time(it.at),
        what: it.command.into(),
        operation,
        parked_at,
        reason,
    });
    let is_over = story.since.is_some_and(|since| since.0 >= it.at);
    match it.command {
        Command::Discard => story.stands(StoryState::Discarded, it.at, None),
        Command::Redrive | Command::Replay if is_over => {}
        Command::Redrive | Command::Replay => story.stands(StoryState::Waiting, it.at, None),
    }
}

impl Told {
    /// Says of triggers that were deleted since the event was stored that they were, and that they will
    /// not have it, where they were not through with it.
    pub(super) fn tell_deletions(&mut self, found: &Found) {
        let stored_at = self.story.accepted_at.map(|it| it.0);
        let mut others = Vec::new();
        for deletion in &found.deletions {
            let is_since = stored_at.is_some_and(|at| deletion.at >= at);
            match self.triggers.get_mut(&deletion.trigger) {
                Some(story) => story.tell_deletion(deletion, stored_at),
                None if is_since && deletion.cancelled > 0 => others.push(StoryDeletion {
                    trigger: deletion.trigger.clone(),
                    at: Time(deletion.at),
                    cancelled: deletion.cancelled,
                }),
                None => {}
            }
        }
        let wanted = self.story.matched;
        let has_unknown = wanted.is_none_or(|wanted| wanted > self.triggers.len() as u64);
        if has_unknown {
            others.drain(..others.len().saturating_sub(DELETIONS_MAX));
            self.story.deletions = others;
        }
    }
}

impl TriggerStory {
    /// One of the same name may have come later, and have had the event by a replay.
    fn tell_deletion(&mut self, deletion: &Deletion, stored_at: Option<Timestamp>) {
        let known_at = self.since.map(|it| it.0).or(stored_at);
        if known_at.is_none_or(|at| deletion.at < at) {
            return;
        }
        self.deleted_at = Some(Time(deletion.at));
        match self.state {
            Some(
                StoryState::Waiting
                | StoryState::Retrying
                | StoryState::GivenUp
                | StoryState::Parked,
            ) => self.stands(StoryState::Cancelled, deletion.at, None),
            Some(
                StoryState::Delivered
                | StoryState::DeadLettered
                | StoryState::Discarded
                | StoryState::Cancelled,
            )
            | None => {}
        }
    }
}

impl From<Command> for CommandWord {
    fn from(command: Command) -> Self {
        match command {
            Command::Redrive => CommandWord::Redriven,
            Command::Discard => CommandWord::Discarded,
            Command::Replay => CommandWord::Replayed,
        }
    }
}
