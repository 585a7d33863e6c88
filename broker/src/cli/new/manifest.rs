//! The text of a manifest, as a person would write it.

use std::time::Duration;

use super::Place;
use crate::cli::yaml::scalar;

/// What a trigger is to be.
#[derive(Clone, Debug)]
pub struct TriggerWish<'a> {
    /// Its broker's name.
    pub broker: &'a str,
    /// The type wanted; a trailing `*` makes it a prefix.
    pub ty: Option<&'a str>,
    /// The source wanted; a trailing `*` makes it a prefix.
    pub source: Option<&'a str>,
    /// The expression that must be true.
    pub cesql: Option<&'a str>,
    /// The subscriber.
    pub to: &'a str,
    /// How to deliver.
    pub delivery: DeliveryWish<'a>,
}

/// What delivery is to be; what is not given is not written.
#[derive(Clone, Debug)]
pub struct DeliveryWish<'a> {
    /// `deadLetterSink`
    pub dead_letter: Option<&'a str>,
    /// `retry`
    pub retry: Option<u32>,
    /// `backoffPolicy`
    pub backoff: Option<Backoff>,
    /// `backoffDelay`
    pub backoff_delay: Option<Duration>,
    /// `timeout`
    pub timeout: Option<Duration>,
}

/// How the wait between attempts grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Backoff {
    /// By the same amount each time
    Linear,
    /// Doubling each time
    Exponential,
}

/// The manifest of a broker.
pub(super) fn broker(place: &Place, delivery: &DeliveryWish<'_>) -> String {
    let delivery = delivery_lines(delivery);
    let mut lines = head("Broker", place);
    if !delivery.is_empty() {
        lines.push("spec:".to_owned());
        lines.extend(delivery);
    }
    finish(&lines)
}

/// The manifest of a trigger.
pub(super) fn trigger(place: &Place, wish: &TriggerWish<'_>) -> String {
    let mut lines = head("Trigger", place);
    lines.push("spec:".to_owned());
    lines.push(format!("  broker: {}", scalar(wish.broker)));
    lines.extend(filter_lines(wish));
    lines.push("  subscriber:".to_owned());
    lines.push(format!("    uri: {}", scalar(wish.to)));
    lines.extend(delivery_lines(&wish.delivery));
    finish(&lines)
}

fn head(kind: &str, place: &Place) -> Vec<String> {
    let mut lines = vec![
        "apiVersion: eventing.knative.dev/v1".to_owned(),
        format!("kind: {kind}"),
        "metadata:".to_owned(),
        format!("  name: {}", scalar(&place.name)),
    ];
    if let Some(namespace) = &place.namespace {
        lines.push(format!("  namespace: {}", scalar(namespace)));
    }
    lines
}

/// Each condition is an item of its own: all must hold, and an item has one dialect.
fn filter_lines(wish: &TriggerWish<'_>) -> Vec<String> {
    let conditions: Vec<String> = [("type", wish.ty), ("source", wish.source)]
        .into_iter()
        .filter_map(|(attribute, wanted)| condition(attribute, wanted?))
        .chain(
            wish.cesql
                .map(|cesql| format!("    - cesql: {}", scalar(cesql))),
        )
        .collect();
    if conditions.is_empty() {
        return Vec::new();
    }
    std::iter::once("  filters:".to_owned())
        .chain(conditions)
        .collect()
}

/// A pattern of a single `*` wants everything, which is what no condition says.
fn condition(attribute: &str, wanted: &str) -> Option<String> {
    match wanted.strip_suffix('*') {
        Some("") => None,
        Some(prefix) => Some(format!(
            "    - prefix:\n        {attribute}: {}",
            scalar(prefix)
        )),
        None => Some(format!(
            "    - exact:\n        {attribute}: {}",
            scalar(wanted)
        )),
    }
}

fn delivery_lines(wish: &DeliveryWish<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(retry) = wish.retry {
        lines.push(format!("    retry: {retry}"));
    }
    if let Some(backoff) = wish.backoff {
        let word = match backoff {
            Backoff::Linear => "linear",
            Backoff::Exponential => "exponential",
        };
        lines.push(format!("    backoffPolicy: {word}"));
    }
    if let Some(delay) = wish.backoff_delay {
        lines.push(format!("    backoffDelay: {}", iso(delay)));
    }
    if let Some(timeout) = wish.timeout {
        lines.push(format!("    timeout: {}", iso(timeout)));
    }
    if let Some(sink) = wish.dead_letter {
        lines.push("    deadLetterSink:".to_owned());
        lines.push(format!("      uri: {}", scalar(sink)));
    }
    if lines.is_empty() {
        return lines;
    }
    std::iter::once("  delivery:".to_owned())
        .chain(lines)
        .collect()
}

/// A duration as manifests spell it: `PT0.2S`, `PT90S`.
fn iso(duration: Duration) -> String {
    let nanos = duration.subsec_nanos();
    if nanos == 0 {
        return format!("PT{}S", duration.as_secs());
    }
    let fraction = format!("{nanos:09}");
    format!(
        "PT{}.{}S",
        duration.as_secs(),
        fraction.trim_end_matches('0')
    )
}

fn finish(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}
