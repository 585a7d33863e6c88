//! The suites that run against the shipped binary: one claim a test, and with it the ids of the
//! requirements that it stands for (`DP-…`, `CP-…`, `RK-…`, `CE-…`, `HB-…`, `JF-…`, `WH-…` of the
//! Knative and CloudEvents specifications, `T…`, `G…`, `S…`, `I…` of the project's own list).
//!
//! Most tests share one server process, each with a namespace, a broker and a subscriber of its
//! own; a test that ends its server, or measures it, starts one for itself. Nothing here knows
//! anything of the broker but HTTP, its manifests and its admin API.

mod aging;
mod books;
mod breaker;
mod cloudevents_http;
mod cloudevents_json;
mod command;
mod control_plane;
mod damage;
mod data_plane;
mod dead_letter;
mod deduplication;
mod delivery;
mod disk_channel;
mod durability;
mod eval;
mod explain;
mod filters;
mod history;
mod hostile_producers;
mod hostile_subscribers;
mod interference;
mod lifecycle;
mod memory_channel;
mod operations;
mod pausing;
mod replies;
mod retention;
mod scene;
mod waits;
