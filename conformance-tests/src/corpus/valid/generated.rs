//! Events made from a seed: every mixture that nobody would write down.

use std::fmt::Write as _;

use super::Valid;
use crate::client::Request;
use crate::event::{Event, Mode};

const CHARACTERS: [char; 24] = [
    'a', 'b', 'Z', '0', '9', ' ', '%', '"', '\\', '\'', '/', ':', ',', ';', '=', '~', '{', 'ü',
    'ß', '€', '日', '\u{a0}', '\u{2028}', '😀',
];
const NAMES: [&str; 12] = [
    "partitionkey",
    "sequence",
    "traceparent",
    "dataref",
    "authid",
    "severitynumber",
    "expirytime",
    "correlationid",
    "a",
    "x1",
    "0",
    "comexampleextension",
];

/// `count` events made from `seed`, addressed to the broker at `path`.
pub fn generated(path: &str, seed: u64, count: usize) -> Vec<Valid> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count)
        .map(|number| {
            let event = event(&mut random, &format!("made-{seed}-{number}"), "1.0");
            let mode = if random.bool() {
                Mode::Binary
            } else {
                Mode::Structured
            };
            let name = format!("event {number} of seed {seed}, {mode:?}");
            Valid {
                name,
                mode,
                request: Request::event(path, &event, mode),
                event,
            }
        })
        .collect()
}

/// `count` events of one specversion made from `seed`, as the JSON texts of a batch's members.
pub fn batch_members(seed: u64, count: usize) -> Vec<(Event, String)> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count)
        .map(|number| {
            let event = event(&mut random, &format!("member-{seed}-{number}"), "1.0");
            let json = String::from_utf8_lossy(&event.to_json()).into_owned();
            (event, json)
        })
        .collect()
}

fn event(random: &mut fastrand::Rng, id: &str, version: &str) -> Event {
    let mut event = Event::new(id, "/made", &text(random, 30)).with("specversion", version);
    if random.bool() {
        event = event.with("subject", &text(random, 60));
    }
    if random.bool() {
        let (minute, nanos) = (random.u32(0..60), random.u32(0..1_000_000_000));
        event = event.with(
            "time",
            &format!("2024-02-29T12:{minute:02}:59.{nanos:09}+05:45"),
        );
    }
    if random.bool() {
        event = event.with("dataschema", "https://schema.example/%7Ea?b=c#d");
    }
    for _ in 0..random.usize(0..6) {
        let name = NAMES[random.usize(..NAMES.len())];
        event = event.with(name, &text(random, 40));
    }
    with_data(random, event)
}

fn with_data(random: &mut fastrand::Rng, event: Event) -> Event {
    let length = 1 << random.u32(0..14);
    match random.u32(0..5) {
        0 => event,
        1 => event.with_data("application/octet-stream", bytes(random, length)),
        2 => event.with_data("text/plain; charset=utf-8", text(random, length)),
        3 => event.with_data("application/vnd.made+json", json(random, 4)),
        _ => event.with_data("application/json", json(random, 6)),
    }
}

fn bytes(random: &mut fastrand::Rng, length: usize) -> Vec<u8> {
    (0..length).map(|_| random.u8(..)).collect()
}

/// At least one character, the first and last no space: a header's value cannot begin or end so.
fn text(random: &mut fastrand::Rng, length_max: usize) -> String {
    let length = random.usize(0..length_max.max(1));
    let middle: String = (0..length)
        .map(|_| CHARACTERS[random.usize(..CHARACTERS.len())])
        .collect();
    format!("t{middle}t")
}

/// A JSON value with spacing of its own, and numbers that no float can hold.
fn json(random: &mut fastrand::Rng, depth: u32) -> String {
    let space = ["", " ", "\n\t"][random.usize(..3)];
    let kinds = if depth == 0 { 4 } else { 6 };
    match random.u32(0..kinds) {
        0 => ["null", "true", "false"][random.usize(..3)].to_owned(),
        1 => serde_json::Value::from(text(random, 20)).to_string(),
        2 => format!(
            "{}{}.{:09}e-{}",
            random.u64(1..),
            random.u64(..),
            random.u32(..),
            random.u8(..)
        ),
        3 => random.i64(..).to_string(),
        4 => {
            let members: Vec<_> = (0..random.u32(0..4))
                .map(|_| json(random, depth - 1))
                .collect();
            format!("[{space}{}{space}]", members.join(&format!("{space},")))
        }
        _ => {
            let mut object = format!("{{{space}");
            for number in 0..random.u32(0..4) {
                let comma = if number == 0 { "" } else { "," };
                let value = json(random, depth - 1);
                write!(object, "{comma}\"k{number}\"{space}:{space}{value}")
                    .expect("a String takes everything");
            }
            object + space + "}"
        }
    }
}
