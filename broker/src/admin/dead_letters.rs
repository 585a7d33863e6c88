//! The dead-letter store: list what was given up on, show one whole, send it again, or end it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use sluicegate_channels::{DeadLetter, DeadLetterKey, Position};
use sluicegate_dispatcher::hops::HOPS_ATTRIBUTE;
use sluicegate_event::json_format::to_json;
use sluicegate_event::{Data, Event};
use sluicegate_resources::ObjectName;

use super::find;
use super::{Admin, bad_call, body, no_object};
use crate::api;
use crate::history::{Commanded, Letter, Mark};
use crate::operations::choice;
use crate::operations::letters::End;
use crate::registry::TriggerStore;

mod page;
mod tries;

pub(super) use page::list;

use tries::Tries;

/// The namespace, trigger and position that a path names.
type Place = Result<Path<(String, String, String)>, PathRejection>;

pub(super) async fn show(State(admin): State<Admin>, place: Place) -> Response {
    let Path((namespace, name, position)) = match place {
        Ok(place) => place,
        Err(rejection) => return bad_call(rejection.body_text(), "name it as it is listed"),
    };
    let trigger = ObjectName { namespace, name };
    match letter(&admin, &trigger, &position).await {
        Ok(shown) => Json(shown).into_response(),
        Err(refused) => *refused,
    }
}

async fn letter(
    admin: &Admin,
    trigger: &ObjectName,
    position: &str,
) -> Result<api::DeadLetterShown, Box<Response>> {
    let position = read_position(position)?;
    let table = admin.registry.table();
    let store = find::store(&table, trigger)?;
    let found = at(&store, position).await;
    let letter = found.ok_or_else(|| Box::new(no_letter(trigger, position)))?;
    let json = to_json(&letter.event, &[HOPS_ATTRIBUTE]);
    let json = String::from_utf8_lossy(&json).into_owned();
    let cloud_event = RawValue::from_string(json).map_err(|error| {
        tracing::error!(%trigger, %position, %error, "an event cannot be written as JSON");
        Box::new(no_letter(trigger, position))
    })?;
    Ok(api::DeadLetterShown {
        letter: describe(trigger, letter, &Tries::of(&store, &table, admin)),
        cloud_event,
    })
}

/// The letter at a position: the first behind the place before it, if it is that one.
async fn at(store: &TriggerStore<'_>, position: Position) -> Option<DeadLetter> {
    let subscription = store.subscription;
    let before = position.offset.checked_sub(1);
    let after = before.map(|offset| DeadLetterKey {
        subscription: Arc::clone(subscription),
        position: Position { offset, ..position },
    });
    let letters = store.channel.dead_letters(Some(subscription), after, 1);
    let mut found = letters.await.into_iter();
    found.next().filter(|it| it.key.position == position)
}

fn read_position(text: &str) -> Result<Position, Box<Response>> {
    let hint = "pass on `position` as it was listed";
    let position = choice::position(text);
    position.ok_or_else(|| Box::new(bad_call(format!("position {text:?} is malformed"), hint)))
}

fn no_letter(trigger: &ObjectName, position: Position) -> Response {
    no_object(
        format!("trigger {trigger} has no dead letter at {position}"),
        "see `sluicegate get deadletters`",
    )
}

fn describe(trigger: &ObjectName, letter: DeadLetter, tries: &Tries<'_>) -> api::DeadLetter {
    let reason = letter.reason;
    let retry_at = letter.retry_at;
    let held_by = retry_at.and_then(|_| tries.held_by());
    let retry_at = retry_at.filter(|_| held_by.is_none());
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
        due: retry_at.is_some_and(|at| at <= tries.now),
        retry_at: retry_at.map(Into::into),
        sink_waits_for: held_by.map(str::to_owned),
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
    end(&admin, body, End::Redrive)
        .await
        .unwrap_or_else(|refused| *refused)
}

pub(super) async fn discard(State(admin): State<Admin>, body: Body) -> Response {
    end(&admin, body, End::Discard)
        .await
        .unwrap_or_else(|refused| *refused)
}

/// What the log says of it.
fn done(how: End) -> &'static str {
    match how {
        End::Redrive => "a dead letter is sent again, by command",
        End::Discard => "a dead letter was discarded, by command",
    }
}

async fn end(admin: &Admin, body: Body, how: End) -> Result<Response, Box<Response>> {
    let hint = "send {\"namespace\":…,\"trigger\":…,\"position\":…} as application/json";
    let Json(letter) = body.map_err(|rejection| Box::new(body::not_taken(&rejection, hint)))?;
    let position = read_position(&letter.position)?;
    let name = ObjectName {
        namespace: letter.namespace,
        name: letter.trigger,
    };
    let table = admin.registry.table();
    let store = find::store(&table, &name)?;
    let key = DeadLetterKey {
        subscription: Arc::clone(store.subscription),
        position,
    };
    let known = match store.history {
        Some(history) => at(&store, position).await.map(|it| (history, it)),
        None => None,
    };
    let began = known.as_ref().map(|(history, _)| history.now());
    match how.put(&**store.channel, &key).await {
        Ok(true) => {
            admin.registry.look_soon().ask();
            if let (Some((history, letter)), Some(at)) = (known, began) {
                let commanded = Commanded {
                    position,
                    trigger: &name.name,
                    at,
                    command: how.command(),
                    operation: "",
                    letter: Some(Letter {
                        parked_at: letter.parked_at,
                        reason: letter.reason.kind,
                    }),
                };
                history.commanded(Mark::of_event(&letter.event), commanded);
            }
            tracing::info!(trigger = %name, %position, "{}", done(how));
            Ok(Json(api::DeadLetterDone { done: 1 }).into_response())
        }
        Ok(false) => Err(Box::new(no_letter(&name, position))),
        Err(error) => Err(Box::new(super::refuse(
            crate::problem::Refusal::new(crate::problem::Problem::NotReady, error.to_string())
                .hint("try again"),
        ))),
    }
}
