//! The words for what became of an event. Pure: reports in, text out.

use std::time::Duration;

use crate::api::{WatchAttempt, WatchedFailure, WatchedState, WatchedTrigger};
use crate::cli::arguments::spoken;
use crate::logging::visible;

/// Names are padded to at least this, so that single lines of several calls stand below each other.
const NAME_WIDTH_MIN: usize = 12;
/// What is shown of a reason or a URL from the server.
pub(super) const SHOWN_BYTES_MAX: usize = 256;
/// What is shown of a sentence that says what an event waits for.
const DETAIL_BYTES_MAX: usize = 1_024;

/// What is told of one trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The trigger's name, padded.
    pub(super) name: String,
    /// Whether it was delivered; none while nothing was tried.
    pub(super) is_delivered: Option<bool>,
    /// What happened.
    pub(super) story: String,
}

/// A line for each trigger. Names in the broker's own namespace stand without it.
pub(super) fn lines(triggers: &[WatchedTrigger], namespace: &str) -> Vec<Line> {
    let names: Vec<String> = triggers
        .iter()
        .map(|it| {
            let whole = format!("{}/{}", it.namespace, it.name);
            let name = if it.namespace == namespace {
                &it.name
            } else {
                &whole
            };
            visible(name, SHOWN_BYTES_MAX).to_string()
        })
        .collect();
    let longest = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or_default();
    let width = longest.max(NAME_WIDTH_MIN);
    let padded = names.into_iter().map(|name| format!("{name:<width$}"));
    padded
        .zip(triggers)
        .map(|(name, trigger)| line(name, trigger))
        .collect()
}

fn line(name: String, trigger: &WatchedTrigger) -> Line {
    let is_delivered = match trigger.state {
        WatchedState::Delivered => Some(true),
        WatchedState::Matched | WatchedState::Waiting if trigger.attempts.is_empty() => None,
        WatchedState::Matched
        | WatchedState::Waiting
        | WatchedState::Retrying
        | WatchedState::DeadLettered
        | WatchedState::Parked
        | WatchedState::Discarded => Some(false),
    };
    let story = match trigger.attempts.last() {
        Some(attempt) => format!(
            "{}  {}   ({})",
            outcome(attempt),
            visible(&shown_url(&attempt.url), SHOWN_BYTES_MAX),
            follow_up(trigger, attempt)
        ),
        None => without_attempt(trigger),
    };
    Line {
        name,
        is_delivered,
        story,
    }
}

/// What an attempt met: a status, or why there was none.
fn outcome(attempt: &WatchAttempt) -> String {
    let said = attempt.reason.as_deref().or(attempt.detail.as_deref());
    match (attempt.code, said) {
        // Taken, and what came back is the fault: the status alone would say that all is well.
        (Some(code @ 200..=299), Some(reason)) => {
            let why = attempt.detail.as_deref().unwrap_or(reason);
            format!("{code}, but {}", visible(why, SHOWN_BYTES_MAX))
        }
        (Some(code), _) => code.to_string(),
        (None, Some(reason)) => visible(reason, SHOWN_BYTES_MAX).to_string(),
        (None, None) => "no answer".to_owned(),
    }
}

fn follow_up(trigger: &WatchedTrigger, attempt: &WatchAttempt) -> String {
    let nth = format!("attempt {}", attempt.n);
    let took = Duration::from_millis(attempt.duration_ms);
    match (trigger.state, attempt.next_in_ms) {
        (WatchedState::Delivered, _) => format!("{nth}, {}", spoken(took)),
        (WatchedState::DeadLettered, _) => format!("{nth}, then sent to the dead-letter sink"),
        (WatchedState::Parked, _) => format!("{nth}, then {}", kept(trigger)),
        (WatchedState::Discarded, _) => format!("{nth}, then discarded"),
        (WatchedState::Matched | WatchedState::Waiting | WatchedState::Retrying, Some(next)) => {
            format!("{nth}, next in {}", spoken(Duration::from_millis(next)))
        }
        (WatchedState::Matched | WatchedState::Waiting | WatchedState::Retrying, None) => nth,
    }
}

/// What an event is that lies in the dead-letter store, and what may still become of it.
fn kept(trigger: &WatchedTrigger) -> String {
    match trigger.sink_retry_in_ms {
        None => "kept as a dead letter".to_owned(),
        Some(0) => "kept as a dead letter; its sink is being tried again".to_owned(),
        Some(wait) => format!(
            "kept as a dead letter; its sink is tried again in {}",
            spoken(Duration::from_millis(wait))
        ),
    }
}

fn without_attempt(trigger: &WatchedTrigger) -> String {
    let told = match trigger.state {
        WatchedState::Matched | WatchedState::Retrying => "no attempt yet",
        WatchedState::Waiting => return waits(trigger),
        WatchedState::Delivered => "delivered",
        WatchedState::DeadLettered => "sent to the dead-letter sink without an attempt",
        WatchedState::Parked => "kept as a dead letter without an attempt",
        WatchedState::Discarded => "discarded without an attempt",
    };
    told.to_owned()
}

/// `late waits (ManifestInvalid): …`: of a trigger for which the event is kept until it can say whether
/// it wants it.
pub(super) fn undecided(trigger: &WatchedTrigger) -> String {
    let name = visible(&trigger.name, SHOWN_BYTES_MAX);
    format!("kept for {name}, which {}", waits(trigger))
}

/// `waits (Paused): it was paused by command; …`
fn waits(trigger: &WatchedTrigger) -> String {
    let shown = |text: &str| visible(text, DETAIL_BYTES_MAX).to_string();
    match (&trigger.reason, &trigger.detail) {
        (Some(reason), Some(detail)) => format!("waits ({}): {}", shown(reason), shown(detail)),
        (Some(reason), None) => format!("waits ({})", shown(reason)),
        // An older server does not say why.
        (None, _) => "waits: the trigger is paused, or its subscriber has no address".to_owned(),
    }
}

/// `1 trigger could not evaluate its expression: large (missingAttribute: amount)`; none where none
/// failed. `failed` may be some of `total`.
pub(super) fn failures(total: u64, failed: &[WatchedFailure]) -> Option<String> {
    let whose = match total {
        0 => return None,
        1 => "1 trigger could not evaluate its expression".to_owned(),
        more => format!("{more} triggers could not evaluate their expressions"),
    };
    let shown = |text| visible(text, SHOWN_BYTES_MAX);
    let mut each: Vec<String> = failed
        .iter()
        .map(|it| {
            format!(
                "{} ({}: {})",
                shown(&it.name),
                shown(&it.kind),
                shown(&it.part)
            )
        })
        .collect();
    if let more @ 1.. = total.saturating_sub(failed.len() as u64) {
        each.push(format!("and {more} more"));
    }
    Some(format!("{whose}: {}", each.join(", ")))
}

/// A URL as people write it: without the slash that stands for no path.
fn shown_url(url: &str) -> String {
    match url.strip_suffix('/') {
        Some(bare) if bare.matches('/').count() == 2 => bare.to_owned(),
        Some(_) | None => url.to_owned(),
    }
}
