//! Operations: begun, looked at, cancelled. What they do stands in [`crate::operations`].

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sluicegate_channels::Timestamp;
use sluicegate_resources::{ObjectName, nearest};

use super::{Admin, bad_call, body, find, no_object, refuse};
use crate::api::{self, LettersRequest, OperationRequest, ReplayRequest};
use crate::operations::choice::{EventChoice, LetterChoice, Senseless};
use crate::operations::letters::{End, Letters};
use crate::operations::replay::Replay;
use crate::operations::{NotBegun, Work};
use crate::problem::{Problem, Refusal};
use crate::registry::Table;

type Refused = Box<Response>;
type Id = Result<Path<String>, PathRejection>;

pub(super) async fn list(State(admin): State<Admin>) -> Json<api::List<api::Operation>> {
    Json(api::List::whole(admin.operations.list()))
}

pub(super) async fn show(State(admin): State<Admin>, id: Id) -> Response {
    answer(id, |id| admin.operations.show(id))
}

pub(super) async fn cancel(State(admin): State<Admin>, id: Id) -> Response {
    answer(id, |id| admin.operations.cancel(id))
}

fn answer(id: Id, ask: impl FnOnce(&str) -> Option<api::Operation>) -> Response {
    let id = match id {
        Ok(Path(id)) => id,
        Err(rejection) => return bad_call(rejection.body_text(), "pass on `id` as it was given"),
    };
    match ask(&id) {
        Some(operation) => Json(operation).into_response(),
        None => no_object(
            format!("there is no operation {id:?}"),
            "one that has ended is forgotten after an hour; see `sluicegate get operations`",
        ),
    }
}

pub(super) async fn begin(
    State(admin): State<Admin>,
    body: Result<Json<OperationRequest>, JsonRejection>,
) -> Response {
    let request = match body {
        Ok(Json(request)) => request,
        Err(rejection) => {
            let hint = "send {\"redrive\":{\"letters\":{…}}}, {\"discard\":{\"letters\":{…}}} or \
                        {\"replay\":{\"namespace\":…,\"broker\":…}} as application/json";
            return body::not_taken(&rejection, hint);
        }
    };
    let table = admin.registry.table();
    let now = admin.registry.clock().now();
    let work = match request {
        OperationRequest::Redrive(request) => letters(&admin, End::Redrive, request, &table, now),
        OperationRequest::Discard(request) => letters(&admin, End::Discard, request, &table, now),
        OperationRequest::Replay(request) => replay(&request, &table, now),
    };
    match work {
        Err(refused) => *refused,
        Ok(work) => match admin.operations.begin(work) {
            Ok(operation) => (StatusCode::ACCEPTED, Json(operation)).into_response(),
            Err(why) => not_begun(why),
        },
    }
}

fn not_begun(why: NotBegun) -> Response {
    let (problem, hint) = match why {
        NotBegun::TooMany => (
            Problem::Busy,
            "wait until one has ended, or cancel one; see `sluicegate get operations`",
        ),
        NotBegun::Stopping => (Problem::NotReady, "ask again once it runs again"),
    };
    refuse(Refusal::new(problem, why.to_string()).hint(hint))
}

fn letters(
    admin: &Admin,
    end: End,
    request: LettersRequest,
    table: &Table,
    now: Timestamp,
) -> Result<Work, Refused> {
    check(&request.conduct)?;
    let choice = LetterChoice::read(&request.letters, now).map_err(senseless)?;
    let choice = find::of_one_trigger(table, choice)?;
    if let Some((namespace, trigger)) = choice.trigger()
        && !table.stores().any(|store| choice.covers(&store))
    {
        return Err(Box::new(find::none_meant(table, namespace, trigger)));
    }
    if let (Some(namespace), Some(name)) = (&request.letters.namespace, &request.letters.broker) {
        let broker = ObjectName {
            namespace: namespace.clone(),
            name: name.clone(),
        };
        if !table.brokers.contains_key(&broker) {
            return Err(Box::new(no_broker(table, &broker)));
        }
    }
    let letters = Letters::new(
        end,
        choice,
        request.conduct,
        table,
        now,
        admin.registry.look_soon(),
    );
    Ok(Work::Letters(letters))
}

fn replay(request: &ReplayRequest, table: &Table, now: Timestamp) -> Result<Work, Refused> {
    check(&request.conduct)?;
    let choice = EventChoice::read(&request.events, now).map_err(senseless)?;
    let within = |name: &String| ObjectName {
        namespace: request.namespace.clone(),
        name: name.clone(),
    };
    let name = within(&request.broker);
    let Some(broker) = table.brokers.get(&name) else {
        return Err(Box::new(no_broker(table, &name)));
    };
    let conduct = request.conduct.clone();
    let Some(triggers) = &request.triggers else {
        let all = table.triggers_of(&name).map(|view| &**view);
        return Ok(Work::Replay(Replay::new(
            broker, all, true, choice, conduct,
        )));
    };
    if triggers.is_empty() {
        let hint = "name at least one, or leave `triggers` out to mean all of the broker";
        return Err(Box::new(bad_call("`triggers` is empty", hint)));
    }
    let mut views = Vec::with_capacity(triggers.len());
    // Each once, however often it is named.
    let named: BTreeSet<ObjectName> = triggers.iter().map(within).collect();
    for trigger in named {
        let served = find::served(table, &trigger)?;
        if served.view.broker() != name {
            return Err(Box::new(bad_call(
                format!(
                    "trigger {trigger} is one of broker {}",
                    served.view.broker()
                ),
                "name that broker, or a trigger of this one",
            )));
        }
        views.push(served.view);
    }
    let views = views.into_iter();
    Ok(Work::Replay(Replay::new(
        broker, views, false, choice, conduct,
    )))
}

fn check(conduct: &api::Conduct) -> Result<(), Refused> {
    if let Some(rate) = conduct.per_second
        && !(rate > 0.0 && rate <= RATE_MAX)
    {
        return Err(Box::new(bad_call(
            format!("`perSecond` {rate} is out of range"),
            "it is above 0, and at most 1000000; without one it goes as fast as it can",
        )));
    }
    if conduct.limit == Some(0) {
        let hint = "name at least 1, or leave it out";
        return Err(Box::new(bad_call("`limit` 0 leaves nothing to do", hint)));
    }
    Ok(())
}

const RATE_MAX: f64 = 1_000_000.0;

fn senseless(why: Senseless) -> Refused {
    Box::new(bad_call(why.detail, &why.hint))
}

fn no_broker(table: &Table, name: &ObjectName) -> Response {
    if let Some(condition) = table.unserved.get(name) {
        let why = condition.message().unwrap_or_default();
        let detail = format!("broker {name} is not served: {why}");
        let refusal = Refusal::new(Problem::NotReady, detail);
        return refuse(refusal.hint("try again once it is ready"));
    }
    let beside = table
        .brokers
        .keys()
        .filter(|it| it.namespace == name.namespace);
    let see = "see `sluicegate get brokers`";
    let hint = match nearest(&name.name, beside.map(|it| it.name.as_str())) {
        Some(meant) => format!("did you mean {}/{meant}? {see}", name.namespace),
        None => see.to_owned(),
    };
    no_object(format!("there is no broker {name}"), &hint)
}
