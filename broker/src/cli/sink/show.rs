//! What is printed of an arrival: a line for people, or a JSON object.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;
use sluicegate_event::{ContentMode, Event, json_format};

use super::receive::{Arrival, Held};
use crate::cli::console::{Console, Tone};
use crate::cli::exit::Failure;
use crate::logging::visible;

const SHOWN_BYTES_MAX: usize = 256;

/// A line for each event; one for a request that holds none.
pub(super) fn human(arrival: &Arrival, console: &Console) -> Vec<String> {
    let at = arrival.at.strftime("%H:%M:%S%.3f").to_string();
    let line = |what: String| format!("{at}  {what}  → {}", answered(arrival.status, console));
    match &arrival.held {
        Held::One(event) => vec![line(of_event(event))],
        Held::Batch(events) if events.is_empty() => vec![line("an empty batch".to_owned())],
        Held::Batch(events) => {
            let last = events.len();
            let one = |(n, event)| line(format!("{}  ({n} of {last})", of_event(event)));
            (1..).zip(events).map(one).collect()
        }
        Held::Malformed(why) => {
            vec![line(format!(
                "malformed CloudEvent: {}",
                visible(why, SHOWN_BYTES_MAX)
            ))]
        }
        Held::Plain(body) => vec![line(format!(
            "{} {}  {}  {} B  not a CloudEvent",
            visible(arrival.method.as_str(), SHOWN_BYTES_MAX),
            visible(&arrival.path, SHOWN_BYTES_MAX),
            visible(
                content_type(arrival).unwrap_or("no content type"),
                SHOWN_BYTES_MAX
            ),
            body.len()
        ))],
    }
}

fn of_event(event: &Event) -> String {
    let shown = [event.ty(), event.source(), event.id()];
    shown
        .map(|text| visible(text, SHOWN_BYTES_MAX).to_string())
        .join("  ")
}

/// The status, and whose idea it was.
fn answered(status: StatusCode, console: &Console) -> String {
    if status.is_success() {
        console.paint(Tone::Good, status.as_u16())
    } else {
        format!("{} (told to)", console.paint(Tone::Bad, status.as_u16()))
    }
}

fn content_type(arrival: &Arrival) -> Option<&str> {
    arrival.headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

/// One line of `-o json`. Members are API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    time: String,
    /// `binary`, `structured`, `batched`, `malformed` or `plain`.
    mode: &'static str,
    method: &'a str,
    path: &'a str,
    /// What it is answered with.
    status: u16,
    /// The event in the JSON event format.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Box<RawValue>>,
    /// Why a malformed event is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a str>,
    /// The body of a plain request.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// The headers that are no attributes of the event, in lower case.
    headers: BTreeMap<&'a str, String>,
}

/// A JSON object for each event; one for a request that holds none.
pub(super) fn json(arrival: &Arrival) -> Result<Vec<String>, Failure> {
    let lines = match &arrival.held {
        Held::One(event) => vec![event_line(arrival, event, mode_of(event))?],
        Held::Batch(events) => {
            let lines = events
                .iter()
                .map(|event| event_line(arrival, event, "batched"));
            lines.collect::<Result<_, _>>()?
        }
        Held::Malformed(why) => {
            vec![Line {
                fault: Some(why),
                ..line(arrival, "malformed")
            }]
        }
        Held::Plain(body) => {
            vec![Line {
                body_base64: Some(STANDARD.encode(body)),
                ..line(arrival, "plain")
            }]
        }
    };
    let text = |line: &Line<'_>| Ok(serde_json::to_string(line).map_err(std::io::Error::from)?);
    lines.iter().map(text).collect()
}

fn mode_of(event: &Event) -> &'static str {
    match event.received_as() {
        ContentMode::Binary => "binary",
        ContentMode::Structured => "structured",
    }
}

fn event_line<'a>(
    arrival: &'a Arrival,
    event: &Event,
    mode: &'static str,
) -> Result<Line<'a>, Failure> {
    let text = json_format::to_json(event, &[]);
    // An event that was decoded is written as valid JSON; parsing checks that once more.
    let event = serde_json::from_slice(&text).map_err(std::io::Error::from)?;
    Ok(Line {
        event: Some(event),
        ..line(arrival, mode)
    })
}

fn line<'a>(arrival: &'a Arrival, mode: &'static str) -> Line<'a> {
    let headers = arrival
        .headers
        .iter()
        .filter(|(name, _)| !name.as_str().starts_with("ce-"))
        .map(|(name, value)| {
            (
                name.as_str(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    Line {
        time: format!("{:.3}", arrival.at),
        mode,
        method: arrival.method.as_str(),
        path: &arrival.path,
        status: arrival.status.as_u16(),
        event: None,
        fault: None,
        body_base64: None,
        headers,
    }
}
