//! Stories of events: what became of every accepted event with some id.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use sluicegate_channels::{Channel, Position, Start, Timestamp};
use sluicegate_event::Event;
use sluicegate_filter::Outcome;

use super::find::no_trigger;
use super::{Admin, bad_call, no_object};
use crate::api::{
    Decision, FilterPart, HistoryReach, Stories, Story, StoryOther, StoryQuery, Time, TriggerStory,
};
use crate::filter_lines::Line;
use crate::history::{Found, History, Told, tell};
use crate::operations::choice;
use crate::registry::{RunningBroker, Subscriptions, Table};

mod beside;

use beside::Beside;

/// Replies of which the id is looked up, for one trigger and event.
const REPLIES_LOOKED_UP_MAX: usize = 10;

/// Events that are not what was asked for are named up to this many.
const OTHERS_MAX: usize = 10;

const HINT: &str =
    "ask for /api/v1/events/{id}, with source, broker=namespace/name and trigger to narrow it";

pub(super) async fn story(
    State(admin): State<Admin>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<StoryQuery>, QueryRejection>,
) -> Response {
    let id = match id {
        Ok(Path(id)) => id,
        Err(rejection) => return bad_call(rejection.body_text(), HINT),
    };
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => return bad_call(rejection.body_text(), HINT),
    };
    let table = admin.registry.table();
    let is_asked = |broker: &RunningBroker| {
        let name = broker.name.to_string();
        query.broker.as_ref().is_none_or(|asked| *asked == name)
    };
    let brokers: Vec<_> = table.brokers.values().filter(|it| is_asked(it)).collect();
    if let (Some(broker), true) = (&query.broker, brokers.is_empty()) {
        return no_object(
            format!("there is no broker {broker} that is served"),
            "see `sluicegate get brokers`",
        );
    }
    let began = admin.registry.clock().began();
    let mut stories = Stories::default();
    for broker in brokers {
        let found = match &broker.history {
            Some(history) => find(history, &id).await,
            None => Found::default(),
        };
        let (told, is_cut) = tell(&found, &id, &broker.name.namespace);
        stories.histories.push(reach(broker, &found, is_cut));
        let namespace = &broker.name.namespace;
        let deleted_at = found.deleted_at(|name| query.is_of(namespace, name));
        stories.trigger_deleted_at = stories.trigger_deleted_at.max(deleted_at.map(Time));
        let is_of_source = |told: &Told| query.source.as_ref().is_none_or(|it| told.is_of(it));
        let asked = Asked {
            id: &id,
            query: &query,
            found: &found,
            broker,
            table: &table,
            began,
            subscriptions: match told.iter().any(is_of_source) {
                true => Subscriptions::of(&*broker.channel),
                false => Subscriptions::default(),
            },
        };
        for told in told {
            let mut story = told.story.clone();
            if is_of_source(&told) {
                story = asked.complete(told).await;
                let has_any = !story.triggers.is_empty() || !story.deletions.is_empty();
                if query.trigger.is_none() || has_any {
                    stories.events.push(story);
                    continue;
                }
            }
            if stories.others.len() < OTHERS_MAX {
                stories.others.push(other(broker, story));
            }
        }
    }
    if query.trigger.is_none() || is_there(&query, &table) {
        stories.trigger_deleted_at = None;
    }
    match unknown_trigger(&query, &stories, &table) {
        Some(refused) => refused,
        None => Json(stories).into_response(),
    }
}

fn other(broker: &RunningBroker, story: Story) -> StoryOther {
    StoryOther {
        broker: broker.name.to_string(),
        position: story.position,
        source: story.source,
    }
}

/// Whether there is a trigger of the name that is asked for, in force or kept.
fn is_there(query: &StoryQuery, table: &Table) -> bool {
    let mut names = table.triggers.keys().chain(table.kept.keys());
    names.any(|it| query.is_of(&it.namespace, &it.name))
}

/// A trigger that is not there, and of which nothing is told, is most likely a slip of the pen; but not
/// one that was deleted.
fn unknown_trigger(query: &StoryQuery, stories: &Stories, table: &Table) -> Option<Response> {
    let wanted = query.trigger.as_ref()?;
    let is_known = !stories.events.is_empty() || stories.trigger_deleted_at.is_some();
    if is_known || is_there(query, table) {
        return None;
    }
    Some(match wanted.split_once('/') {
        Some((namespace, name)) => no_trigger(table, Some(namespace), name),
        None => no_trigger(table, None, wanted),
    })
}

async fn find(history: &Arc<History>, id: &str) -> Found {
    let (history, id) = (Arc::clone(history), id.to_owned());
    let finding = tokio::task::spawn_blocking(move || history.find(&id));
    finding.await.unwrap_or_else(|error| {
        tracing::error!(%error, "looking through a history failed");
        Found::behind()
    })
}

fn reach(broker: &RunningBroker, found: &Found, is_cut: bool) -> HistoryReach {
    let history = broker.history.as_ref();
    HistoryReach {
        broker: broker.name.to_string(),
        enabled: history.is_some(),
        in_memory: history.is_some_and(|it| it.is_in_memory()),
        since: found.since.map(Time),
        left_out: history.map_or(0, |it| it.left_out()),
        gaps: found.gaps.iter().map(|gap| (*gap).into()).collect(),
        behind: found.is_behind,
        cut: is_cut,
        notes: history.map(|it| it.notes()).unwrap_or_default(),
    }
}

/// What is asked of one broker, and what answers it.
#[derive(Debug)]
struct Asked<'a> {
    id: &'a str,
    query: &'a StoryQuery,
    found: &'a Found,
    broker: &'a RunningBroker,
    table: &'a Table,
    /// When this process began.
    began: Timestamp,
    /// Those of the broker's channel.
    subscriptions: Subscriptions,
}

impl Asked<'_> {
    /// Adds to what was recorded of an event what can be found out now.
    async fn complete(&self, told: Told) -> Story {
        let channel = &*self.broker.channel;
        let event = match told.is_latest {
            true => retained(channel, told.position).await,
            false => None,
        };
        let event = event.filter(|(_, event)| event.id() == self.id && told.is_of(event.source()));
        let Told {
            mut story,
            triggers,
            position,
            is_latest,
            ..
        } = told;
        story.broker = self.broker.name.to_string();
        if let Some((accepted_at, event)) = &event {
            story.retained = true;
            fill_in(&mut story, event, *accepted_at);
        }
        story.lost = event.is_none() && is_latest && is_lost(channel, position).await;
        let beside = Beside {
            asked: self,
            position,
            event: event.as_ref().map(|(at, event)| (at.0, &**event)),
        };
        let mut triggers = beside.complete(&mut story, triggers);
        for trigger in triggers.values_mut() {
            name_replies(trigger, channel).await;
        }
        let from = story.accepted_at.map_or(0, |it| it.0.0);
        story.gaps = self.found.gaps.iter().any(|gap| gap.to.0 >= from);
        story.triggers = triggers.into_values().collect();
        story
    }
}

async fn retained(channel: &dyn Channel, position: Position) -> Option<(Time, Arc<Event>)> {
    let page = channel.retained(Start::At(position), 1).await.ok()?;
    let one = page.events.into_iter().next()?;
    (one.position == position).then_some((Time(one.accepted_at), one.event))
}

/// Whether damage stands where the event did. What was removed as too old is below what is there.
async fn is_lost(channel: &dyn Channel, position: Position) -> bool {
    let is_damaged = channel
        .retained(Start::At(position), 1)
        .await
        .is_ok_and(|page| {
            let found = page.events.first();
            page.lost > 0 && found.is_none_or(|it| it.position != position)
        });
    if !is_damaged {
        return false;
    }
    let oldest = channel.retained(Start::Earliest, 1).await;
    oldest.is_ok_and(|page| page.events.first().is_some_and(|it| it.position < position))
}

/// What the channel has of it, which holds where the acceptance is not among the records.
fn fill_in(story: &mut Story, event: &Event, accepted_at: Time) {
    story.source = Some(event.source().to_owned());
    story.ty = Some(event.ty().to_owned());
    story.data_content_type = event.data_content_type().map(str::to_owned);
    story.data_bytes = Some(event.data().as_bytes().len() as u64);
    // The channel's word is what dead letters are shown with, and ages go by.
    story.accepted_at = Some(accepted_at);
}

/// Ids make replies easier to follow than positions.
async fn name_replies(trigger: &mut TriggerStory, channel: &dyn Channel) {
    for reply in trigger.replies.iter_mut().take(REPLIES_LOOKED_UP_MAX) {
        if let Some(position) = choice::position(&reply.position)
            && let Some((_, event)) = retained(channel, position).await
        {
            reply.id = Some(event.id().to_owned());
        }
    }
}

impl From<Outcome> for Decision {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Match => Decision::Match,
            Outcome::NoMatch => Decision::NoMatch,
            Outcome::Error => Decision::Error,
        }
    }
}

impl From<Line> for FilterPart {
    fn from(line: Line) -> Self {
        FilterPart {
            depth: u32::try_from(line.depth).unwrap_or(u32::MAX),
            outcome: line.outcome.map(Decision::from),
            text: line.text,
            found: Some(line.found).filter(|it| !it.is_empty()),
            decided: line.has_decided,
            decided_alone: line.has_decided_alone,
        }
    }
}
