//! The dead-letter store: list what was given up on, send it again, or end it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluicegate_channels::{Channel, DeadLetter, DeadLetterKey, Position};
use sluicegate_dispatcher::hops::HOPS_ATTRIBUTE;
use sluicegate_event::{Data, Event};
use sluicegate_resources::ObjectName;

use super::{Admin, bad_call, body, no_object};
use crate::api;
use crate::registry::{Table, TriggerView};

const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;

pub(super) async fn list(
    State(admin): State<Admin>,
    query: Result<Query<api::DeadLetterQuery>, QueryRejection>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => {
            let hint = "parameters: namespace, trigger, limit, after";
            let said = rejection.body_text();
            return bad_call(
                format!("the query is not what this path takes: {said}"),
                hint,
            );
        }
    };
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return bad_call(format!("limit {limit} is out of range"), "it is 1 to 1000");
    }
    let after = match query.after.as_deref().map(Cursor::parse) {
        Some(None) => {
            return bad_call("after is not a cursor", "pass on `next` as it was given");
        }
        Some(Some(cursor)) => Some(cursor),
        None => None,
    };
    let table = admin.registry.table();
    Json(page(&table, &query, after.as_ref(), limit as usize).await).into_response()
}

/// Walks the triggers in order of name, so that a page can go on where the one before ended.
async fn page(
    table: &Table,
    query: &api::DeadLetterQuery,
    after: Option<&Cursor>,
    limit: usize,
) -> api::List<api::DeadLetter> {
    let mut items = Vec::new();
    for (name, view) in &table.triggers {
        let wanted = query
            .namespace
            .as_ref()
            .is_none_or(|it| *it == name.namespace)
            && query.trigger.as_ref().is_none_or(|it| *it == name.name)
            && after.is_none_or(|after| *name >= after.trigger);
        let Some((channel, subscription)) = wanted.then(|| stored(table, view)).flatten() else {
            continue;
        };
        let after = after
            .filter(|after| after.trigger == *name)
            .map(|after| DeadLetterKey {
                subscription: Arc::clone(&subscription),
                position: after.position,
            });
        // One more than fits tells whether there is a next page.
        let room = limit + 1 - items.len();
        let letters = channel.dead_letters(Some(&subscription), after, room).await;
        items.extend(letters.into_iter().map(|letter| (name, letter)));
        if items.len() > limit {
            break;
        }
    }
    let is_more = items.len() > limit;
    items.truncate(limit);
    let next = items
        .last()
        .filter(|_| is_more)
        .map(|(name, letter)| Cursor::to_text(name, letter.key.position));
    let items = items
        .into_iter()
        .map(|(name, letter)| describe(name, letter))
        .collect();
    api::List { items, next }
}

fn stored<'a>(table: &'a Table, view: &TriggerView) -> Option<(&'a Arc<dyn Channel>, Arc<str>)> {
    let service = view.service.as_ref()?;
    let broker = table.brokers.get(&view.broker())?;
    Some((&broker.channel, Arc::clone(&service.subscription)))
}

/// Where a page ended: `namespace/name@position`.
struct Cursor {
    trigger: ObjectName,
    position: Position,
}

impl Cursor {
    fn to_text(trigger: &ObjectName, position: Position) -> String {
        format!("{trigger}@{position}")
    }

    fn parse(text: &str) -> Option<Cursor> {
        let (trigger, position) = text.split_once('@')?;
        let (namespace, name) = trigger.split_once('/')?;
        let trigger = ObjectName {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        Some(Cursor {
            trigger,
            position: parse_position(position)?,
        })
    }
}

/// The text that [`Position`] shows itself as.
fn parse_position(text: &str) -> Option<Position> {
    let (partition, offset) = match text.split_once(':') {
        Some((partition, offset)) => (partition.parse().ok()?, offset),
        None => (0, text),
    };
    Some(Position {
        partition,
        offset: offset.parse().ok()?,
    })
}

fn describe(trigger: &ObjectName, letter: DeadLetter) -> api::DeadLetter {
    let reason = letter.reason;
    api::DeadLetter {
        namespace: trigger.namespace.clone(),
        trigger: trigger.name.clone(),
        position: letter.key.position.to_string(),
        event: describe_event(&letter.event),
        reason: api::DeadReason {
            kind: reason.kind.to_owned(),
            detail: reason.detail.to_string(),
            dest: reason.dest.as_deref().map(str::to_owned),
            code: reason.code,
            data_base64: (!reason.data.is_empty()).then(|| STANDARD.encode(&reason.data)),
        },
        sends: letter.sends,
        accepted_at: letter.accepted_at.into(),
        parked_at: letter.parked_at.into(),
        retry_at: letter.retry_at.map(Into::into),
    }
}

fn describe_event(event: &Event) -> api::DeadEvent {
    let data_size_bytes = match event.data() {
        Data::Absent => 0,
        Data::Json(data) | Data::Bytes(data) => data.len() as u64,
    };
    // The hop count is ours: no subscriber is shown it either.
    let others = event
        .attributes()
        .filter(|it| !matches!(it.name, "id" | "source" | "type" | HOPS_ATTRIBUTE));
    api::DeadEvent {
        id: event.id().to_owned(),
        source: event.source().to_owned(),
        ty: event.ty().to_owned(),
        attributes: others
            .map(|it| (it.name.to_owned(), it.value.to_owned()))
            .collect(),
        data_size_bytes,
    }
}

type Body = Result<Json<api::DeadLetterRef>, JsonRejection>;

pub(super) async fn redrive(State(admin): State<Admin>, body: Body) -> Response {
    end(&admin, body, End::Redrive).await
}

pub(super) async fn discard(State(admin): State<Admin>, body: Body) -> Response {
    end(&admin, body, End::Discard).await
}

#[derive(Clone, Copy, Debug)]
enum End {
    Redrive,
    Discard,
}

impl End {
    /// What the log says of it.
    fn done(self) -> &'static str {
        match self {
            End::Redrive => "a dead letter is sent again, by command",
            End::Discard => "a dead letter was discarded, by command",
        }
    }
}

async fn end(admin: &Admin, body: Body, how: End) -> Response {
    let hint = "send {\"namespace\":…,\"trigger\":…,\"position\":…} as application/json";
    let letter = match body {
        Ok(Json(letter)) => letter,
        Err(rejection) => return body::not_taken(&rejection, hint),
    };
    let Some(position) = parse_position(&letter.position) else {
        return bad_call(format!("position {:?} is malformed", letter.position), hint);
    };
    let name = ObjectName {
        namespace: letter.namespace,
        name: letter.trigger,
    };
    let table = admin.registry.table();
    let stored = table
        .triggers
        .get(&name)
        .and_then(|view| stored(&table, view));
    let Some((channel, subscription)) = stored else {
        return no_object(
            format!("there is no trigger {name}"),
            "see `sluicegate get triggers`",
        );
    };
    let key = DeadLetterKey {
        subscription,
        position,
    };
    let done = match how {
        End::Redrive => channel.redrive(&key).await,
        End::Discard => channel.discard(&key).await,
    };
    match done {
        Ok(true) => {
            tracing::info!(trigger = %name, %position, "{}", how.done());
            Json(api::DeadLetterDone { done: 1 }).into_response()
        }
        Ok(false) => no_object(
            format!("trigger {name} has no dead letter at {position}"),
            "see `sluicegate get deadletters`",
        ),
        Err(error) => super::refuse(
            crate::problem::Refusal::new(crate::problem::Problem::NotReady, error.to_string())
                .hint("try again"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was_written() {
        let trigger = ObjectName {
            namespace: "shop".to_owned(),
            name: "billing".to_owned(),
        };
        for position in [
            Position {
                partition: 0,
                offset: 7,
            },
            Position {
                partition: 3,
                offset: u64::MAX,
            },
        ] {
            let cursor = Cursor::parse(&Cursor::to_text(&trigger, position)).unwrap();
            assert_eq!(
                (cursor.trigger, cursor.position),
                (trigger.clone(), position)
            );
        }
        for text in [
            "",
            "shop@1",
            "shop/billing",
            "shop/billing@x",
            "shop/billing@1:y",
        ] {
            assert!(Cursor::parse(text).is_none(), "{text}");
        }
    }
}
