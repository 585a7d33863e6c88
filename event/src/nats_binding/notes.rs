//! What stands in the header of ours: read and written.

use bytes::Bytes;

use super::{NOTES, json};
use crate::attribute::AttributeType;
use crate::envelope::{ContentMode, Data, Parts};
use crate::error::{Fault, shown};

const STRUCTURED: &str = "structured";
const JSON: &str = "json";
const EMPTY: &str = "empty";
const EXTENSIONS: &str = "extensions=";

/// What was noted of an event; by default what a reader of the binding takes it for.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) received_as: ContentMode,
    is_json: bool,
    is_empty: bool,
    /// In the order they came in.
    extensions: Vec<(String, AttributeType)>,
}

impl Default for Notes {
    fn default() -> Self {
        Notes {
            received_as: ContentMode::Binary,
            is_json: false,
            is_empty: false,
            extensions: Vec::new(),
        }
    }
}

/// The notes on an event, if it needs any.
pub(super) fn of(parts: &Parts) -> Option<String> {
    let mut notes: Vec<String> = Vec::new();
    if parts.received_as == ContentMode::Structured {
        notes.push(STRUCTURED.to_owned());
    }
    match &parts.data {
        Data::Json(_) => notes.push(JSON.to_owned()),
        Data::Bytes(bytes) if bytes.is_empty() => notes.push(EMPTY.to_owned()),
        Data::Bytes(_) | Data::Absent => {}
    }
    if needs_a_list(parts) {
        let listed = parts.extensions.iter().map(|extension| {
            let sign = match extension.ty {
                AttributeType::String => "",
                AttributeType::Boolean => ":b",
                AttributeType::Integer => ":i",
            };
            format!("{}{sign}", extension.name.as_str())
        });
        let listed: Vec<String> = listed.collect();
        notes.push(format!("{EXTENSIONS}{}", listed.join(",")));
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// Whether the order of the extensions or their types would be lost.
fn needs_a_list(parts: &Parts) -> bool {
    let extensions = &parts.extensions;
    let is_typed = |ty| ty != AttributeType::String;
    extensions.iter().any(|held| is_typed(held.ty))
        || !extensions.is_sorted_by_key(|held| held.name.as_str())
}

impl Notes {
    /// Reads them. One that is not known is refused: what is passed over here is lost.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let mut notes = Notes::default();
        for note in text.split(';').map(str::trim) {
            match note {
                STRUCTURED => notes.received_as = ContentMode::Structured,
                JSON => notes.is_json = true,
                EMPTY => notes.is_empty = true,
                _ => match note.strip_prefix(EXTENSIONS) {
                    Some(listed) => notes.extensions = listed.split(',').map(extension).collect(),
                    None => return Err(unknown(note)),
                },
            }
        }
        Ok(notes)
    }

    /// Where among the extensions that one stands; behind all if it was not noted.
    pub(super) fn place_of(&self, name: &str) -> usize {
        let place = self.extensions.iter().position(|(noted, _)| noted == name);
        place.unwrap_or(usize::MAX)
    }

    pub(super) fn type_of(&self, name: &str) -> AttributeType {
        let noted = self.extensions.iter().find(|(noted, _)| noted == name);
        noted.map_or(AttributeType::String, |(_, ty)| *ty)
    }

    /// What the payload is.
    pub(super) fn data(&self, payload: Bytes) -> Result<Data, Fault> {
        if self.is_json {
            return json(payload);
        }
        if payload.is_empty() && !self.is_empty {
            return Ok(Data::Absent);
        }
        Ok(Data::Bytes(payload))
    }
}

fn extension(listed: &str) -> (String, AttributeType) {
    let (name, ty) = match listed.split_once(':') {
        Some((name, "b")) => (name, AttributeType::Boolean),
        Some((name, "i")) => (name, AttributeType::Integer),
        // No name has a colon, so another sign makes it one that is not there.
        Some(_) | None => (listed, AttributeType::String),
    };
    (name.to_owned(), ty)
}

fn unknown(note: &str) -> Fault {
    Fault::new(
        NOTES,
        format!("{NOTES} says {}, which is not known here", shown(note)),
        "read it with the program that wrote it, or a later one",
    )
}
