//! What triggers have to do with an event beyond what was recorded: how those in force judge it, and
//! what holds them back now.

use std::collections::BTreeMap;

use sluicegate_channels::{Position, SubscriptionStatus, Timestamp};
use sluicegate_event::Event;
use sluicegate_filter::explain::explain;
use sluicegate_resources::{ObjectName, StartAt};

use super::Asked;
use crate::api::{Decision, FilterPart, Story, StoryState, Time, TriggerStory};
use crate::filter_lines::lines;
use crate::registry::holding::Hold;
use crate::registry::{KeptTrigger, TriggerView};

/// Triggers of which nothing is recorded are told up to this many, for one event.
const TRIGGERS_MAX: usize = 200;
/// Why a trigger was not given an event that it would want: the word of the condition before it begins.
const STARTS_LATER: &str = "StartsLater";

/// A broker's triggers as they stand, beside one of its events.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    pub(super) asked: &'a Asked<'a>,
    /// Where the event stands.
    pub(super) position: Position,
    /// The event, if the channel still has it, and when it was accepted.
    pub(super) event: Option<(Timestamp, &'a Event)>,
}

impl Beside<'_> {
    /// Adds to `triggers`, of which something is recorded, what can be found out now.
    pub(super) fn complete(
        &self,
        story: &mut Story,
        mut triggers: BTreeMap<String, TriggerStory>,
    ) -> BTreeMap<String, TriggerStory> {
        // Counted before those that nobody asked for are left out.
        let recorded = triggers.len() as u64;
        let are_all_known = story.matched.is_some_and(|matched| matched <= recorded);
        triggers.retain(|name, _| self.is_asked(name));
        story.deletions.retain(|it| self.is_asked(&it.trigger));
        let Asked { broker, table, .. } = self.asked;
        for view in table.triggers_of(&broker.name) {
            let name = &view.trigger.metadata.name.name;
            if !self.is_asked(name) {
                continue;
            }
            match triggers.get_mut(name) {
                Some(known) => self.go_on(view, known),
                None => {
                    let Some(event) = self.event else { continue };
                    let judge = || self.judged(view, event, are_all_known);
                    add(story, &mut triggers, judge);
                }
            }
        }
        for (name, kept) in table.kept_of(&broker.name) {
            if !self.is_asked(&name.name) {
                continue;
            }
            match triggers.get_mut(&name.name) {
                Some(known) => {
                    known.exists = true;
                    known.is_held(Hold::of_kept(kept));
                }
                None => {
                    let waiting = self.kept_for(name, kept, are_all_known);
                    let Some(waiting) = waiting else { continue };
                    add(story, &mut triggers, || waiting);
                }
            }
        }
        for (name, known) in &mut triggers {
            self.lies_since(name, known);
        }
        triggers
    }

    /// A dead letter has lain since its channel says that it has: what is recorded is when it was known
    /// to be stored.
    fn lies_since(&self, trigger: &str, known: &mut TriggerStory) {
        if known.state != Some(StoryState::Parked) {
            return;
        }
        let name = ObjectName {
            namespace: self.asked.broker.name.namespace.clone(),
            name: trigger.to_owned(),
        };
        let Some(store) = self.asked.table.store(&name) else {
            return;
        };
        let before = self.position.offset.checked_sub(1);
        let after = before.map(|offset| Position {
            offset,
            ..self.position
        });
        let found = store.channel.parked(store.subscription, after, 1);
        if let Some(letter) = found.first().filter(|it| it.position == self.position) {
            known.since = Some(Time(letter.parked_at));
        }
    }

    fn is_asked(&self, trigger: &str) -> bool {
        self.asked
            .query
            .is_of(&self.asked.broker.name.namespace, trigger)
    }

    fn status(&self, view: &TriggerView) -> Option<&SubscriptionStatus> {
        let key = view.service.as_ref()?.key;
        self.asked.subscriptions.by_key(key)
    }

    /// A trigger in force of which something is recorded.
    fn go_on(&self, view: &TriggerView, known: &mut TriggerStory) {
        known.exists = true;
        if let Some((_, event)) = self.event {
            known.filter = parts(view, event).1;
        }
        known.is_held(Hold::of(view, self.status(view)));
    }

    /// A trigger in force of which nothing is recorded, as its filter judges now. Whoever else would
    /// match now did not when the event was stored, where all who did are known.
    fn judged(
        &self,
        view: &TriggerView,
        (accepted_at, event): (Timestamp, &Event),
        are_all_known: bool,
    ) -> TriggerStory {
        let name = &view.trigger.metadata.name;
        let (decision, filter) = parts(view, event);
        let status = self.status(view);
        let mut story = TriggerStory {
            exists: true,
            filter,
            ..TriggerStory::named(&name.namespace, &name.name, decision)
        };
        if decision != Decision::Match {
            return story;
        }
        let begins_at = begins_at(view).filter(|at| *at > accepted_at);
        if let Some(begins_at) = begins_at {
            story.reason = Some(STARTS_LATER.to_owned());
            let may_wait = status.is_some_and(|it| may_wait(it, accepted_at));
            story.detail = Some(not_given(begins_at, may_wait));
        } else if !are_all_known || status.is_some_and(|it| is_unread(it, accepted_at)) {
            story.state = Some(StoryState::Waiting);
            story.is_held(Hold::of(view, status));
        }
        story
    }

    /// A trigger that is not in force, if the event is kept for it.
    fn kept_for(
        &self,
        name: &ObjectName,
        kept: &KeptTrigger,
        are_all_known: bool,
    ) -> Option<TriggerStory> {
        let (accepted_at, _) = self.event?;
        let subscription = &kept.place.as_ref()?.subscription;
        let status = self.asked.subscriptions.by_name(subscription)?;
        // Before that it was in force, and was counted where it wanted the event.
        let is_of_before = accepted_at < self.asked.began;
        if !is_unread(status, accepted_at) || (is_of_before && are_all_known) {
            return None;
        }
        let mut story = TriggerStory {
            exists: true,
            state: Some(StoryState::Waiting),
            ..TriggerStory::named(&name.namespace, &name.name, Decision::Undecided)
        };
        story.is_held(Hold::of_kept(kept));
        Some(story)
    }
}

/// Adds the trigger that `judge` tells of. Filters cost: what finds no room is not judged.
fn add(
    story: &mut Story,
    triggers: &mut BTreeMap<String, TriggerStory>,
    judge: impl FnOnce() -> TriggerStory,
) {
    if triggers.len() >= TRIGGERS_MAX {
        story.triggers_left_out += 1;
        return;
    }
    let added = judge();
    triggers.insert(added.name.clone(), added);
}

impl TriggerStory {
    /// What is not through with the event waits for that.
    fn is_held(&mut self, hold: Option<Hold>) {
        let Some(hold) = hold else { return };
        if matches!(self.state, Some(StoryState::Waiting | StoryState::Retrying)) {
            self.reason = Some(hold.reason.to_owned());
            self.detail = Some(hold.detail);
            self.next_at = hold.until.map(Time).or(self.next_at);
        }
    }
}

/// Whether an event that was accepted then may not have been read for the subscription yet, so that
/// the filter in force when it is decides.
fn is_unread(status: &SubscriptionStatus, accepted_at: Timestamp) -> bool {
    let oldest = status.oldest_pending_accepted_at;
    status.unread > 0 && oldest.is_some_and(|oldest| oldest <= accepted_at)
}

/// Whether an event that was accepted then may still be handed out to the subscription.
fn may_wait(status: &SubscriptionStatus, accepted_at: Timestamp) -> bool {
    let oldest = status.oldest_pending_accepted_at;
    status.waiting > 0 && oldest.is_some_and(|oldest| oldest <= accepted_at)
}

/// What a manifest says now need not be what it said when the trigger was new, and only that counts.
fn not_given(begins_at: Timestamp, may_wait: bool) -> String {
    let begins_at = Time(begins_at);
    let otherwise = match may_wait {
        true => "; if it said otherwise when the trigger was new, the event waits for its turn",
        false => "",
    };
    format!(
        "by what its manifest says now it begins with what is accepted at {begins_at} or later, and was not \
         given this event{otherwise}"
    )
}

/// Before when a trigger was given nothing, by its manifest as it is now. One that begins with the
/// latest does so when it is first seen, which is when its uid is made.
fn begins_at(view: &TriggerView) -> Option<Timestamp> {
    match view.trigger.settings.start {
        StartAt::Earliest => None,
        StartAt::Time(millis) => Some(Timestamp(millis)),
        StartAt::Latest => {
            let service = view.service.as_ref()?;
            let uid = ulid::Ulid::from_string(&service.uid).ok()?;
            Some(Timestamp(uid.timestamp_ms()))
        }
    }
}

fn parts(view: &TriggerView, event: &Event) -> (Decision, Vec<FilterPart>) {
    let explanation = explain(&view.trigger.filters, event);
    let parts = lines(&explanation).into_iter().map(FilterPart::from);
    (explanation.outcome.into(), parts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_that_finds_no_room_is_counted_and_not_judged() {
        let (mut story, mut triggers) = (Story::default(), BTreeMap::new());
        let mut judged = 0;
        for number in 0..TRIGGERS_MAX + 50 {
            add(&mut story, &mut triggers, || {
                judged += 1;
                TriggerStory::named("shop", &format!("t{number}"), Decision::NoMatch)
            });
        }
        assert_eq!((judged, triggers.len()), (TRIGGERS_MAX, TRIGGERS_MAX));
        assert_eq!(story.triggers_left_out, 50);
    }
}
