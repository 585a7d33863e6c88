//! The admin listener: probes, metrics and the API that the command line uses.
//!
//! What it promises: no web page can drive it ([`guard`]); no answer waits on a subscriber or a
//! store; nothing here changes manifests.
//!
//! What it leaves out: the console.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, middleware};

use crate::api;
use crate::metrics::{Metrics, TEXT_FORMAT};
use crate::operations::Operations;
use crate::problem::{Problem, Refusal};
use crate::readiness::Readiness;
use crate::registry::Registry;
use crate::watch_list::WatchList;

mod body;
mod config;
mod dead_letters;
mod events;
mod filter_words;
mod find;
pub mod guard;
mod listing;
mod operations;
mod pausing;
mod watches;

pub use guard::Guard;

/// Far more than any request of the API needs. What a request says may be kept, as a watch is.
const BODY_BYTES_MAX: usize = 16 << 10;

/// Everything that the admin API shows.
#[derive(Clone, Debug)]
pub struct Admin {
    /// What runs.
    pub registry: Arc<Registry>,
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// Whether the server is ready, and what is invalid.
    pub readiness: Arc<Readiness>,
    /// What commands do to many events.
    pub operations: Arc<Operations>,
    /// Events that are watched.
    pub watches: Arc<WatchList>,
    /// Where the door is reached, without a trailing slash.
    pub ingress_url: Arc<str>,
    /// The folder of manifests, absolute.
    pub manifests: Arc<str>,
}

impl Admin {
    /// The router, behind `guard`.
    pub fn router(self, guard: Guard) -> Router {
        Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(crate::readiness::answer))
            .route("/metrics", get(metrics))
            .route(api::VERSION, get(version))
            .route(api::CONFIG, get(config::show))
            .route(api::BROKERS, get(listing::brokers))
            .route(api::TRIGGERS, get(listing::triggers))
            .route(api::TRIGGERS_PAUSE, post(pausing::pause))
            .route(api::TRIGGERS_RESUME, post(pausing::resume))
            .route(api::DEAD_LETTERS, get(dead_letters::list))
            .route(api::DEAD_LETTERS_REDRIVE, post(dead_letters::redrive))
            .route(api::DEAD_LETTERS_DISCARD, post(dead_letters::discard))
            .route(api::DEAD_LETTER, get(dead_letters::show))
            .route(
                api::OPERATIONS,
                get(operations::list).post(operations::begin),
            )
            .route(
                api::OPERATION,
                get(operations::show).delete(operations::cancel),
            )
            .route("/api/v1/events/{id}", get(events::story))
            .route(api::WATCHES, post(watches::begin))
            .route("/api/v1/watches/{token}", get(watches::report))
            .fallback(no_route)
            .method_not_allowed_fallback(no_method)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(middleware::from_fn_with_state(
                Arc::new(guard),
                guard::check,
            ))
            .with_state(self)
    }
}

/// The process is alive; never depends on a channel or a subscriber.
async fn livez() -> &'static str {
    "ok\n"
}

async fn metrics(State(admin): State<Admin>) -> Response {
    ([(CONTENT_TYPE, TEXT_FORMAT)], admin.metrics.render()).into_response()
}

async fn version() -> Json<api::Version> {
    Json(api::Version::of_this_build())
}

async fn no_route() -> Response {
    refuse(
        Refusal::new(Problem::NoRoute, "the admin API has no such path")
            .hint("it has /livez, /readyz, /metrics, /version and what stands under /api/v1"),
    )
}

async fn no_method() -> Response {
    refuse(
        Refusal::new(Problem::MethodNotAllowed, "the path takes another method")
            .hint("lists are read with GET; what does something is asked for with POST, and ended with DELETE"),
    )
}

fn refuse(refusal: Refusal) -> Response {
    refusal.into_response().map(axum::body::Body::new)
}

/// A refusal of a body or a query that is not what the path takes.
fn bad_call(detail: impl Into<String>, hint: &str) -> Response {
    refuse(Refusal::new(Problem::BadCall, detail).hint(hint))
}

/// A refusal of a name that nothing has.
fn no_object(detail: impl Into<String>, hint: &str) -> Response {
    refuse(Refusal::new(Problem::NoObject, detail).hint(hint))
}
