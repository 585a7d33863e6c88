//! Stories of events: what became of every accepted event with some id.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use sluicegate_channels::{Channel, Position, Start};
use sluicegate_event::Event;
use sluicegate_filter::Outcome;
use sluicegate_filter::explain::explain;

use super::find::no_trigger;
use super::{Admin, bad_call, no_object};
use crate::api::{
    Decision, FilterPart, HistoryReach, Stories, Story, StoryQuery, StoryState, Time, TriggerStory,
};
use crate::filter_lines::{Line, lines};
use crate::history::{Found, History, Told, tell};
use crate::operations::choice;
use crate::registry::{RunningBroker, Table, TriggerView};

/// Triggers of which nothing is recorded are told up to this many, for one event.
const TRIGGERS_MAX: usize = 200;
/// Replies of which the id is looked up, for one trigger and event.
const REPLIES_LOOKED_UP_MAX: usize = 10;

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
    let mut stories = Stories::default();
    for broker in brokers {
        let found = match &broker.history {
            Some(history) => find(history, &id).await,
            None => Found::default(),
        };
        let (told, is_cut) = tell(&found, &id, &broker.name.namespace);
        stories.histories.push(reach(broker, &found, is_cut));
        for told in told {
            if query
                .source
                .as_ref()
                .is_none_or(|source| told.is_of(source))
            {
                let story = complete(told, &id, &found, broker, &table, &query).await;
                let has_any = !story.triggers.is_empty() || !story.deletions.is_empty();
                if query.trigger.is_none() || has_any {
                    stories.events.push(story);
                }
            }
        }
    }
    match unknown_trigger(&query, &stories, &table) {
        Some(refused) => refused,
        None => Json(stories).into_response(),
    }
}

/// A trigger that is not there, and of which nothing is told, is most likely a slip of the pen.
fn unknown_trigger(query: &StoryQuery, stories: &Stories, table: &Table) -> Option<Response> {
    let wanted = query.trigger.as_ref()?;
    let mut names = table.triggers.keys();
    if !stories.events.is_empty() || names.any(|it| query.is_of(&it.namespace, &it.name)) {
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

/// Adds to what was recorded of an event what can be found out now.
async fn complete(
    told: Told,
    id: &str,
    found: &Found,
    broker: &RunningBroker,
    table: &Table,
    query: &StoryQuery,
) -> Story {
    let event = match told.is_latest {
        true => retained(&*broker.channel, told.position).await,
        false => None,
    };
    let event = event.filter(|(_, event)| event.id() == id && told.is_of(event.source()));
    let (told_at, is_latest) = (told.position, told.is_latest);
    let Told {
        mut story,
        mut triggers,
        ..
    } = told;
    story.broker = broker.name.to_string();
    if let Some((accepted_at, event)) = &event {
        story.retained = true;
        fill_in(&mut story, event, *accepted_at);
    }
    let event = event.map(|(_, event)| event);
    story.lost = event.is_none() && is_latest && is_lost(&*broker.channel, told_at).await;
    let views: BTreeMap<&str, &TriggerView> = table
        .triggers_of(&broker.name)
        .map(|view| (view.trigger.metadata.name.name.as_str(), &**view))
        .filter(|(name, _)| query.is_of(&broker.name.namespace, name))
        .collect();
    // Counted before those that nobody asked for are left out.
    let recorded = triggers.len() as u64;
    triggers.retain(|name, _| query.is_of(&broker.name.namespace, name));
    let deletions = &mut story.deletions;
    deletions.retain(|it| query.is_of(&broker.name.namespace, &it.trigger));
    for (name, view) in views {
        if !triggers.contains_key(name) {
            let Some(event) = &event else { continue };
            if triggers.len() >= TRIGGERS_MAX {
                story.triggers_left_out += 1;
                continue;
            }
            triggers.insert(name.to_owned(), judged(view, event));
            continue;
        }
        let Some(trigger) = triggers.get_mut(name) else {
            continue;
        };
        trigger.exists = true;
        if let Some(event) = &event {
            trigger.filter = parts(view, event).1;
        }
    }
    for trigger in triggers.values_mut() {
        name_replies(trigger, &*broker.channel).await;
    }
    if story.matched.is_some_and(|matched| matched <= recorded) {
        // Whoever else would match now did not when it was stored.
        let others = triggers.values_mut().filter(|it| !it.recorded);
        others.for_each(|it| it.state = None);
    }
    let from = story.accepted_at.map_or(0, |it| it.0.0);
    story.gaps = found.gaps.iter().any(|gap| gap.to.0 >= from);
    story.triggers = triggers.into_values().collect();
    story
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

/// What the records do not tell, where the acceptance is not among them.
fn fill_in(story: &mut Story, event: &Event, accepted_at: Time) {
    story.source = Some(event.source().to_owned());
    story.ty = Some(event.ty().to_owned());
    story.data_content_type = event.data_content_type().map(str::to_owned);
    story.data_bytes = Some(event.data().as_bytes().len() as u64);
    story.accepted_at.get_or_insert(accepted_at);
}

/// A trigger of which nothing is recorded, as its filter judges now.
fn judged(view: &TriggerView, event: &Event) -> TriggerStory {
    let name = &view.trigger.metadata.name;
    let (decision, filter) = parts(view, event);
    TriggerStory {
        exists: true,
        filter,
        state: match decision {
            Decision::Match => Some(StoryState::Waiting),
            Decision::NoMatch | Decision::Error => None,
        },
        ..TriggerStory::named(&name.namespace, &name.name, decision)
    }
}

fn parts(view: &TriggerView, event: &Event) -> (Decision, Vec<FilterPart>) {
    let explanation = explain(&view.trigger.filters, event);
    let parts = lines(&explanation).into_iter().map(FilterPart::from);
    (explanation.outcome.into(), parts.collect())
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
