//! Watches: begin one before sending an event, then ask what became of it.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use super::{Admin, bad_call, body, no_object};
use crate::api;

pub(super) async fn begin(
    State(admin): State<Admin>,
    body: Result<Json<api::WatchRequest>, JsonRejection>,
) -> Response {
    match body {
        Ok(Json(api::WatchRequest { id, source })) => {
            if id.is_empty() || source.is_empty() {
                let hint = "an event has both, and is known by them";
                return bad_call("id and source must not be empty", hint);
            }
            let token = admin.watches.begin(id, source);
            Json(api::Watch { token }).into_response()
        }
        Err(rejection) => body::not_taken(
            &rejection,
            "send {\"id\":…,\"source\":…} as application/json",
        ),
    }
}

pub(super) async fn report(
    State(admin): State<Admin>,
    token: Result<Path<String>, PathRejection>,
) -> Response {
    let token = match token {
        Ok(Path(token)) => token,
        Err(rejection) => {
            let hint = "pass on `token` as it was given";
            return bad_call(rejection.body_text(), hint);
        }
    };
    match admin.watches.report(&token) {
        Some(report) => Json(report).into_response(),
        None => no_object(
            format!("there is no watch {token:?}"),
            "watches are forgotten after 10 minutes; begin another before sending",
        ),
    }
}
