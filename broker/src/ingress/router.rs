//! What is not an event: the webhook handshake, and how to say that a path or a method is wrong.
//!
//! A sender that follows the CloudEvents webhook specification asks with OPTIONS whether it may
//! send here. Whoever can reach the door may, so every origin is allowed, at any rate.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::options;
use http::header::ALLOW as ALLOW_HEADER;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::answer;
use super::door::Door;
use crate::problem::Refusal;

/// The methods of a broker's path.
pub(super) const ALLOW: &str = "POST, OPTIONS";

const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// The router of everything but POST.
pub(super) fn router(door: Arc<Door>) -> Router {
    Router::new()
        .route("/", options(handshake))
        .route("/{namespace}/{broker}", options(handshake))
        .route("/{namespace}/{broker}/", options(handshake))
        .method_not_allowed_fallback(async |request: Request| {
            refuse(answer::method_not_allowed(request.method()))
        })
        .fallback(async |request: Request| refuse(answer::no_route(request.uri().path())))
        .with_state(door)
}

/// Consents to what is asked: only a broker that exists can.
async fn handshake(State(door): State<Arc<Door>>, request: Request) -> Response {
    if let Err(refusal) = door.find(request.uri().path()) {
        return refuse(refusal);
    }
    let origin = request.headers().get(REQUEST_ORIGIN).cloned();
    let headers = HeaderMap::from_iter([
        (ALLOW_HEADER, HeaderValue::from_static(ALLOW)),
        (ALLOWED_ORIGIN, origin.unwrap_or(ANY)),
        (ALLOWED_RATE, ANY),
    ]);
    (StatusCode::OK, headers).into_response()
}

fn refuse(refusal: Refusal) -> Response {
    refusal.into_response().map(Body::new)
}
