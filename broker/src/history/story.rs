//! Records about one id, put together event by event. Pure.

use std::collections::BTreeMap;

use sluicegate_channels::{Position, Timestamp};
use sluicegate_dispatcher::sender::Reason;

mod interference;

use interference::commanded;

use super::found::Found;
use super::record::{
    Accepted, Attempt, End, Ended, Gap, GapCause, Record, Replied, What, source_hash,
};
use crate::api::{
    Decision, Story, StoryAttempt, StoryGap, StoryReply, StoryState, Time, TriggerStory,
};
use crate::registry::observer::words;

/// Attempts of one trigger that are told.
const ATTEMPTS_MAX: usize = 1_000;
/// Answers with events of one trigger that are told.
const REPLIES_MAX: usize = 100;
/// Events of one id that are told.
const EVENTS_MAX: usize = 100;

/// An event, as far as the records tell of it.
#[derive(Clone, Debug)]
pub struct Told {
    /// Where it stands.
    pub position: Position,
    /// What is told of it; its triggers stand beside.
    pub story: Story,
    /// What triggers did with it, by name.
    pub triggers: BTreeMap<String, TriggerStory>,
    /// Whether no later event stands at the same position, as one may after a restart where the
    /// channel is in memory.
    pub is_latest: bool,
    source: u32,
    is_other: bool,
}

impl Told {
    fn new(position: Position, source: u32) -> Self {
        Told {
            position,
            story: Story {
                position: position.to_string(),
                ..Story::default()
            },
            triggers: BTreeMap::new(),
            is_latest: true,
            source,
            is_other: false,
        }
    }

    /// Whether the event is of this source, as far as is known.
    pub fn is_of(&self, source: &str) -> bool {
        match &self.story.source {
            Some(known) => known == source,
            None => self.source == source_hash(source),
        }
    }

    /// Whether a record about this position may be about another event.
    fn is_over(&self, record: &Record<'_>) -> bool {
        let is_accepted = matches!(record.what, What::Accepted(_));
        self.source != record.mark.source || (is_accepted && self.story.accepted_at.is_some())
    }
}

/// The events of this id that `found` tells of, oldest first, and whether there are more than are
/// told. `namespace` is that of the broker.
pub fn tell(found: &Found, id: &str, namespace: &str) -> (Vec<Told>, bool) {
    let mut all: Vec<Told> = Vec::new();
    let mut latest: BTreeMap<Position, usize> = BTreeMap::new();
    let mut is_cut = found.is_cut;
    for record in found.records() {
        let Some(position) = position_of(&record.what) else {
            continue;
        };
        let known = latest.get(&position).copied();
        let place = known.filter(|place| !all[*place].is_over(&record));
        let place = match place {
            Some(place) => place,
            None if all.len() >= EVENTS_MAX => {
                is_cut = true;
                continue;
            }
            None => {
                if let Some(before) = known {
                    all[before].is_latest = false;
                }
                all.push(Told::new(position, record.mark.source));
                latest.insert(position, all.len() - 1);
                all.len() - 1
            }
        };
        all[place].take(&record.what, id, namespace);
    }
    all.retain(|told| !told.is_other);
    all.iter_mut().for_each(|told| told.tell_deletions(found));
    (all, is_cut)
}

fn position_of(what: &What<'_>) -> Option<Position> {
    match what {
        What::Accepted(it) => Some(it.position),
        What::Attempt(it) => Some(it.position),
        What::Replied(it) => Some(it.position),
        What::Ended(it) => Some(it.position),
        What::Commanded(it) => Some(it.position),
        What::Deleted(_) | What::Gap(_) => None,
    }
}

impl Told {
    fn take(&mut self, what: &What<'_>, id: &str, namespace: &str) {
        match what {
            What::Accepted(it) => {
                // Another id may have the same hash.
                self.is_other = !id.starts_with(it.id);
                self.accepted(it);
            }
            What::Attempt(it) => attempt(self.trigger(it.trigger, namespace), it),
            What::Replied(it) => replied(self.trigger(it.trigger, namespace), it),
            What::Ended(it) => ended(self.trigger(it.trigger, namespace), it),
            What::Commanded(it) => commanded(self.trigger(it.trigger, namespace), it),
            What::Deleted(_) | What::Gap(_) => {}
        }
    }

    fn accepted(&mut self, it: &Accepted<'_>) {
        let text = |text: &str| Some(text.to_owned()).filter(|it| !it.is_empty());
        let story = &mut self.story;
        story.source = text(it.source);
        story.ty = text(it.ty);
        story.data_content_type = text(it.content_type);
        story.data_bytes = Some(it.data_bytes);
        story.accepted_at = Some(Time(it.at));
        story.stored_in_us = Some(it.took_us);
        story.reply = it.is_reply;
        story.matched = it.judged.map(|it| it.wanted.into());
        story.failed = it.judged.map(|it| it.undecided.into());
    }

    fn trigger(&mut self, name: &str, namespace: &str) -> &mut TriggerStory {
        self.triggers
            .entry(name.to_owned())
            .or_insert_with(|| TriggerStory {
                recorded: true,
                state: Some(StoryState::Waiting),
                ..TriggerStory::named(namespace, name, Decision::Match)
            })
    }
}

fn attempt(story: &mut TriggerStory, it: &Attempt<'_>) {
    let is_taken = it.reason == Reason::Ok.label();
    let next_at = it
        .next_in_ms
        .map(|wait| Time(Timestamp(it.at.0.saturating_add(wait))));
    if story.attempts.len() >= ATTEMPTS_MAX {
        story.attempts.remove(0);
        story.attempts_left_out += 1;
    }
    story.attempts.push(StoryAttempt {
        n: it.n,
        to_sink: it.is_to_sink,
        at: Time(Timestamp(it.at.0.saturating_sub(it.took_us / 1_000))),
        took_us: it.took_us,
        code: it.status,
        reason: (!is_taken).then(|| in_words(it.reason)),
        detail: Some(it.detail.to_owned()).filter(|it| !it.is_empty()),
        next_at,
    });
    if it.is_to_sink {
        // What comes of it is told by how the trigger ends.
        story.next_at = next_at;
        return;
    }
    let state = match (is_taken, next_at) {
        (true, _) => StoryState::Delivered,
        (false, Some(_)) => StoryState::Retrying,
        (false, None) => StoryState::GivenUp,
    };
    story.stands(state, it.at, next_at);
}

fn replied(story: &mut TriggerStory, it: &Replied<'_>) {
    if story.replies.len() < REPLIES_MAX {
        story.replies.push(StoryReply {
            at: Time(it.at),
            events: it.events,
            position: it.first.to_string(),
            id: None,
        });
    }
}

fn ended(story: &mut TriggerStory, it: &Ended<'_>) {
    let (state, next_at) = match it.end {
        End::DeadLettered => (StoryState::DeadLettered, None),
        End::Parked { retry_at } => (StoryState::Parked, retry_at),
        End::Discarded => (StoryState::Discarded, None),
    };
    story.stands(state, it.at, next_at.map(Time));
    story.reason = Some(it.reason.to_owned());
    story.detail = Some(it.detail.to_owned());
}

impl TriggerStory {
    /// Of which nothing is known but what its filter says.
    pub fn named(namespace: &str, name: &str, decision: Decision) -> Self {
        TriggerStory {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            decision,
            recorded: false,
            exists: false,
            filter: Vec::new(),
            state: None,
            reason: None,
            detail: None,
            next_at: None,
            since: None,
            attempts: Vec::new(),
            attempts_left_out: 0,
            replies: Vec::new(),
            commands: Vec::new(),
            deleted_at: None,
        }
    }

    pub(super) fn stands(&mut self, state: StoryState, since: Timestamp, next_at: Option<Time>) {
        self.state = Some(state);
        self.since = Some(Time(since));
        self.next_at = next_at;
        (self.reason, self.detail) = (None, None);
    }
}

fn in_words(label: &str) -> String {
    let reason = Reason::ALL.iter().find(|it| it.label() == label);
    reason.map_or(label, |it| words(*it)).to_owned()
}

impl From<Gap> for StoryGap {
    fn from(gap: Gap) -> Self {
        StoryGap {
            from: Time(gap.from),
            to: Time(gap.to),
            records: Some(gap.records).filter(|it| *it > 0),
            cause: match gap.cause {
                GapCause::LeftOut => "leftOut",
                GapCause::Crash => "crash",
                GapCause::Damage => "damage",
            }
            .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
