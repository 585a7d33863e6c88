//! Pausing a trigger by command, and resuming it.
//!
//! There are two ways to stop a trigger, and it is stopped while either does. Its manifest says so
//! with an annotation, which only an edit of the file ends: files are the truth. A command says so
//! to the channel, which keeps that with the subscription, beside where it stands; a command ends
//! it. Neither loses or settles anything: what is accepted meanwhile waits.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use sluicegate_channels::SubscriptionStatus;
use sluicegate_resources::ObjectName;

use super::{Admin, body, find, refuse};
use crate::api::{self, PausedBy};
use crate::problem::{Problem, Refusal};
use crate::registry::TriggerView;

type Body = Result<Json<api::TriggerRef>, JsonRejection>;

pub(super) async fn pause(State(admin): State<Admin>, body: Body) -> Response {
    set(&admin, body, true)
        .await
        .unwrap_or_else(|refused| *refused)
}

pub(super) async fn resume(State(admin): State<Admin>, body: Body) -> Response {
    set(&admin, body, false)
        .await
        .unwrap_or_else(|refused| *refused)
}

async fn set(admin: &Admin, body: Body, paused: bool) -> Result<Response, Box<Response>> {
    let hint = "send {\"namespace\":…,\"trigger\":…} as application/json";
    let Json(named) = body.map_err(|rejection| Box::new(body::not_taken(&rejection, hint)))?;
    let name = ObjectName {
        namespace: named.namespace,
        name: named.trigger,
    };
    let table = admin.registry.table();
    let served = find::served(&table, &name)?;
    if !paused && served.view.trigger.settings.paused {
        return Err(Box::new(annotated(served.view)));
    }
    let subscription = &served.service.subscription;
    served.channel.pause(subscription, paused).await;
    tracing::info!(trigger = %name, paused, "the trigger is paused or resumed, by command");
    let subscriptions = served.channel.describe().subscriptions;
    let status = subscriptions.iter().find(|it| it.key == served.service.key);
    let paused_by = paused_by(served.view, status);
    let pausing = api::Pausing {
        paused: !paused_by.is_empty(),
        paused_by,
        lag: status.map_or(0, |it| it.waiting + it.deferred + it.leased),
    };
    Ok(Json(pausing).into_response())
}

/// Who stops the trigger.
pub(super) fn paused_by(view: &TriggerView, status: Option<&SubscriptionStatus>) -> Vec<PausedBy> {
    let by_manifest = view.trigger.settings.paused.then_some(PausedBy::Manifest);
    let by_command = status.filter(|it| it.paused).map(|_| PausedBy::Command);
    by_manifest.into_iter().chain(by_command).collect()
}

fn annotated(view: &TriggerView) -> Response {
    let name = &view.trigger.metadata.name;
    let file = view.file.display();
    refuse(
        Refusal::new(
            Problem::Manifest,
            format!("trigger {name} is paused by its manifest, {file}"),
        )
        .hint(format!(
            "take the annotation `sluicegate.dev/paused` out of {file}; the server notices"
        )),
    )
}
