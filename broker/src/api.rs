//! The JSON of the admin API, one set of types for the server that writes it and the command line
//! that reads it.
//!
//! Conventions: keys in lowerCamelCase; times are RFC 3339 in UTC with milliseconds ([`Time`]);
//! a bare number says its unit in its name (`…Seconds`, `…Ms`, `…Bytes`) or counts events; what is
//! not known is left out rather than written as `null`. A reader ignores fields it does not know,
//! so that a field may be added at any time. Lists are [`List`]s; an error is a [`Problem`] with
//! the media type `application/problem+json`.
//!
//! | Path | Method | Answer |
//! |---|---|---|
//! | [`BROKERS`] | GET | [`List`] of [`Broker`] |
//! | [`TRIGGERS`] | GET | [`List`] of [`Trigger`] |
//! | [`TRIGGERS_PAUSE`], [`TRIGGERS_RESUME`] | POST [`TriggerRef`] | [`Pausing`] |
//! | [`DEAD_LETTERS`] | GET, with [`DeadLetterQuery`] | [`List`] of [`DeadLetter`], paged |
//! | [`DEAD_LETTERS_REDRIVE`], [`DEAD_LETTERS_DISCARD`] | POST [`DeadLetterRef`] | [`DeadLetterDone`] |
//! | [`DEAD_LETTERS`]`/{namespace}/{trigger}/{position}` | GET | [`DeadLetterShown`] |
//! | [`OPERATIONS`] | GET; POST [`OperationRequest`] | [`List`] of [`Operation`]; [`Operation`] |
//! | [`OPERATIONS`]`/{id}` | GET; DELETE to cancel | [`Operation`] |
//! | [`EVENTS`]`/{id}` | GET, with [`StoryQuery`] | [`Stories`] |
//! | [`WATCHES`] | POST [`WatchRequest`] | [`Watch`] |
//! | [`WATCHES`]`/{token}` | GET | [`WatchReport`] |
//! | [`CONFIG`] | GET | [`Config`] |
//! | [`VERSION`] | GET | [`Version`] |
//!
//! What it leaves out: the probes and `/metrics`, which are text and belong to their modules, and
//! every decision about who may ask.
//!
//! ```
//! use sluicegate::api::{Broker, List};
//!
//! let json = br#"{"items":[{"namespace":"default","name":"default","ready":true,"channel":"memory",
//!     "durability":"memory","url":"http://127.0.0.1:8080/default/default","events":2,"bytes":640,
//!     "triggers":1}]}"#;
//! let brokers: List<Broker> = serde_json::from_slice(json)?;
//! assert_eq!(brokers.items[0].name, "default");
//! assert_eq!(brokers.next, None);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod broker;
mod config;
mod dead_letter;
mod operation;
mod story;
mod time;
mod trigger;
mod watch;
mod when;

use serde::{Deserialize, Serialize};

pub use broker::{Broker, Disk};
pub use config::{Config, Finding, FoundIn};
pub use dead_letter::{
    DeadEvent, DeadLetter, DeadLetterDone, DeadLetterQuery, DeadLetterRef, DeadLetterShown,
    DeadReason,
};
pub use operation::{
    Conduct, EventFilter, LetterFilter, LettersRequest, Operation, OperationKind,
    OperationProgress, OperationRequest, OperationState, ReplayRequest,
};
pub use story::{
    CommandWord, Decision, FilterPart, HistoryReach, Stories, Story, StoryAttempt, StoryCommand,
    StoryDeletion, StoryGap, StoryOther, StoryQuery, StoryReply, StoryState, TriggerStory,
};
pub use time::Time;
pub use trigger::{
    Books, Delivering, DeliveringState, Delivery, DeliveryFormat, PausedBy, Pausing, Trigger,
    TriggerRef,
};
pub use watch::{
    Watch, WatchAttempt, WatchReport, WatchRequest, WatchedFailure, WatchedState, WatchedTrigger,
};
pub use when::When;

/// Lists brokers.
pub const BROKERS: &str = "/api/v1/brokers";
/// Lists triggers.
pub const TRIGGERS: &str = "/api/v1/triggers";
/// Stops handing out events to one trigger.
pub const TRIGGERS_PAUSE: &str = "/api/v1/triggers:pause";
/// Takes back what `:pause` did.
pub const TRIGGERS_RESUME: &str = "/api/v1/triggers:resume";
/// Lists dead letters.
pub const DEAD_LETTERS: &str = "/api/v1/dead-letters";
/// Makes one dead letter pending again.
pub const DEAD_LETTERS_REDRIVE: &str = "/api/v1/dead-letters:redrive";
/// Ends one dead letter.
pub const DEAD_LETTERS_DISCARD: &str = "/api/v1/dead-letters:discard";
/// One dead letter.
pub const DEAD_LETTER: &str = "/api/v1/dead-letters/{namespace}/{trigger}/{position}";
/// One operation.
pub const OPERATION: &str = "/api/v1/operations/{id}";
/// Lists operations, and begins them; with `/{id}`, shows and cancels one.
pub const OPERATIONS: &str = "/api/v1/operations";
/// With `/{id}`, what became of the events with this id.
pub const EVENTS: &str = "/api/v1/events";
/// Begins to watch for an event; with `/{token}`, what has become of it.
pub const WATCHES: &str = "/api/v1/watches";
/// What was found in the manifests.
pub const CONFIG: &str = "/api/v1/config";
/// What is running.
pub const VERSION: &str = "/version";

/// A list, whole or one page of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct List<T> {
    /// The members, in a stable order.
    pub items: Vec<T>,
    /// Where the next page begins, for the query parameter `after`; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many were left out because the expression that was to match them failed on them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub undecided: u64,
}

impl<T> List<T> {
    /// All there are.
    pub fn whole(items: Vec<T>) -> Self {
        List {
            items,
            next: None,
            undecided: 0,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "what serde calls takes a reference"
)]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// An error, as RFC 9457 has it, with what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI that stands for the kind of problem.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The kind of problem in a few words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What is wrong this time, with the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What is running: the answer of [`VERSION`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The release, such as `0.1.0`.
    pub version: String,
    /// The source revision it was built from, when the build was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The compiler, when the build was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rustc: Option<String>,
}

impl Version {
    /// This build.
    pub fn of_this_build() -> Self {
        let told = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
        Version {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: told(option_env!("SLUICEGATE_REVISION")),
            rustc: told(option_env!("SLUICEGATE_RUSTC")),
        }
    }
}

#[cfg(test)]
mod tests;
