//! Annotations of a trigger: ours, which are settings, and those of others that would say
//! something about delivery.

use std::num::NonZeroU32;

use jiff::Timestamp;

use crate::metadata::{Header, no_effect};
use crate::text::{nearest, quoted};
use crate::trigger::{StartAt, TriggerSettings};
use crate::yaml::{Field, Value};
use crate::{Diagnostic, codes};

/// What all our annotations begin with.
const PREFIX: &str = "sluicegate.dev/";

const START: &str = "sluicegate.dev/start";
const MAX_IN_FLIGHT: &str = "sluicegate.dev/max-in-flight";
const PAUSED: &str = "sluicegate.dev/paused";
const ORDER: &str = "sluicegate.dev/order";

const DEPENDENCY: &str = "knative.dev/dependency";
const INJECTION: &str = "eventing.knative.dev/injection";
const KAFKA_ORDER: &str = "kafka.eventing.knative.dev/delivery.order";
const RABBITMQ_PARALLELISM: &str = "rabbitmq.eventing.knative.dev/parallelism";

/// Most attempts at a time that a trigger may ask for.
const IN_FLIGHT_MAX: u32 = 10_000;

/// Refuses annotations under our prefix that `known` does not hold.
pub(crate) fn refuse_own_annotations(annotations: &[(&str, Field<'_>)], known: &[&str]) {
    for (name, field) in annotations {
        if !name.starts_with(PREFIX) || known.contains(name) {
            continue;
        }
        let shown = quoted(name);
        let mut finding = if *name == ORDER {
            Diagnostic::error(
                codes::NOT_AVAILABLE,
                format!("the annotation {shown} is not available in this version"),
            )
            .help("remove it; events are delivered in no particular order for now")
        } else {
            Diagnostic::error(
                codes::UNKNOWN_ANNOTATION,
                format!("unknown annotation {shown}"),
            )
        };
        if let Some(meant) = nearest(name, known.iter().copied()) {
            finding = finding.help(format!("did you mean `{meant}`?"));
        } else if finding.help.is_none() {
            finding = finding.help(if known.is_empty() {
                "remove it; this kind has no annotations of ours".to_owned()
            } else {
                format!("known here: {}", known.join(", "))
            });
        }
        field.findings().report(finding.at(field.key_span()));
    }
}

/// Reads our annotations. What is wrong is reported and left at its default.
pub(super) fn read_settings(annotations: &[(&str, Field<'_>)]) -> TriggerSettings {
    refuse_own_annotations(annotations, &[START, MAX_IN_FLIGHT, PAUSED]);
    let mut settings = TriggerSettings::default();
    for (name, field) in annotations {
        // A value that is not a string is reported with the other annotations.
        let Some(text) = quiet_string(field) else {
            continue;
        };
        match *name {
            START => settings.start = read_start(field, text).unwrap_or_default(),
            MAX_IN_FLIGHT => {
                let parsed = text.parse().ok().filter(|number| *number <= IN_FLIGHT_MAX);
                match parsed.and_then(NonZeroU32::new) {
                    Some(number) => settings.in_flight_max = number,
                    None => {
                        refuse_value(field, name, &format!("a number from 1 to {IN_FLIGHT_MAX}"))
                    }
                }
            }
            PAUSED => match text {
                "true" => settings.paused = true,
                "false" => settings.paused = false,
                _ => refuse_value(field, name, "\"true\" or \"false\""),
            },
            _ => {}
        }
    }
    settings
}

fn quiet_string<'a>(field: &Field<'a>) -> Option<&'a str> {
    match &field.node().value {
        Value::Scalar(scalar) if scalar.is_string() => Some(&scalar.text),
        Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) | Value::Refused => None,
    }
}

fn read_start(field: &Field<'_>, text: &str) -> Option<StartAt> {
    match text {
        "latest" => return Some(StartAt::Latest),
        "earliest" => return Some(StartAt::Earliest),
        _ => {}
    }
    let time = text.parse::<Timestamp>().ok();
    let ms = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
    if ms.is_none() {
        refuse_value(
            field,
            START,
            "latest, earliest or a time such as 2026-01-31T08:00:00Z",
        );
    }
    ms.map(StartAt::Time)
}

fn refuse_value(field: &Field<'_>, name: &str, expected: &str) {
    let value = quiet_string(field).map(quoted).unwrap_or_default();
    let message = format!("the annotation `{name}` must be {expected}; this is {value}");
    field
        .findings()
        .report(Diagnostic::error(codes::NOT_ALLOWED, message).at(field.span()));
}

/// Checks annotations of Knative and of other brokers that a trigger may carry.
pub(super) fn check_foreign(header: &Header<'_>, broker: Option<&str>) {
    for (name, field) in &header.annotations {
        let Some(text) = quiet_string(field) else {
            continue;
        };
        match *name {
            DEPENDENCY => check_dependency(field, text, header),
            INJECTION => check_injection(field, text, broker),
            KAFKA_ORDER if text == "ordered" => {
                no_effect(field, "ordered delivery is not available in this version");
            }
            RABBITMQ_PARALLELISM => no_effect(
                field,
                "`sluicegate.dev/max-in-flight` sets the attempts at a time",
            ),
            _ => {}
        }
    }
}

/// A JSON reference to an object of the trigger's namespace.
fn check_dependency(field: &Field<'_>, text: &str, header: &Header<'_>) {
    let refuse = |problem: &str| {
        field.refuse(
            codes::NOT_ALLOWED,
            format!("the annotation `{DEPENDENCY}` {problem}"),
            r#"write it like '{"apiVersion":"sources.knative.dev/v1","kind":"PingSource","name":"tick"}'"#,
        );
    };
    let dependency = match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(dependency)) => dependency,
        Ok(_) => return refuse("must be a JSON object"),
        Err(error) => return refuse(&format!("is not JSON: {error}")),
    };
    let part = |name: &str| dependency.get(name).and_then(serde_json::Value::as_str);
    for name in ["apiVersion", "kind", "name"] {
        if part(name).is_none_or(str::is_empty) {
            return refuse(&format!("lacks `{name}`"));
        }
    }
    let namespace = part("namespace").unwrap_or_default();
    if header.metadata.is_some() && !namespace.is_empty() && namespace != header.namespace() {
        return refuse("must name an object of the trigger's own namespace");
    }
    no_effect(
        field,
        "outside a cluster a trigger does not wait for other objects",
    );
}

fn check_injection(field: &Field<'_>, text: &str, broker: Option<&str>) {
    if !matches!(text, "enabled" | "disabled") {
        return refuse_value(field, INJECTION, "enabled or disabled");
    }
    if broker.is_some_and(|broker| broker != "default") {
        field.refuse(
            codes::NOT_ALLOWED,
            format!("the annotation `{INJECTION}` is only for triggers of the broker 'default'"),
            "remove it",
        );
    } else if text == "enabled" {
        no_effect(field, "brokers are not created by themselves; write one");
    }
}
