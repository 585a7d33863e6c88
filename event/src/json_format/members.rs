//! Taking JSON text apart one level deep: the members of an object, the items of an array.
//!
//! Values stay the text they are, checked to be JSON and borrowed from the message. (Serde's
//! `flatten` would be shorter, but it cannot hold raw values.)

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::error::Fault;

/// An object's members in the order they were written, each name once.
pub(super) type Members<'a> = SmallVec<[(Cow<'a, str>, &'a RawValue); 16]>;

/// Why text was not taken apart.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is not what it should be.
    Malformed(Fault),
    /// It holds more than it may.
    TooMany,
}

/// The members of the object that `text` is, if there are no more than `members_max`.
pub(super) fn of_object(text: &str, members_max: usize) -> Result<Members<'_>, Refusal> {
    let mut refusal = None;
    let visitor = MembersVisitor {
        members_max,
        refusal: &mut refusal,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = deserializer
        .deserialize_map(visitor)
        .and_then(|members| deserializer.end().map(|()| members));
    parsed.map_err(|error| refusal.unwrap_or_else(|| not_json(&error, "a JSON object")))
}

/// The items of the array that `text` is, if there are no more than `items_max`.
pub(super) fn of_array(text: &str, items_max: usize) -> Result<Vec<&RawValue>, Refusal> {
    let mut refusal = None;
    let visitor = ItemsVisitor {
        items_max,
        refusal: &mut refusal,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = deserializer
        .deserialize_seq(visitor)
        .and_then(|items| deserializer.end().map(|()| items));
    parsed.map_err(|error| refusal.unwrap_or_else(|| not_json(&error, "a JSON array")))
}

fn not_json(error: &serde_json::Error, expected: &str) -> Refusal {
    // The parser's own words quote the data when the type is wrong, so then ours are used.
    let problem = if error.is_data() {
        format!("the body is not {expected}")
    } else {
        format!("the body is not {expected}: {error}")
    };
    Refusal::Malformed(Fault::new(
        "body",
        problem,
        "send one event as a JSON object, a batch as a JSON array of them",
    ))
}

/// Collects members. Why it stopped early it leaves in `refusal`, because a parser's error can
/// carry only text.
struct MembersVisitor<'r> {
    members_max: usize,
    refusal: &'r mut Option<Refusal>,
}

impl<'de> Visitor<'de> for MembersVisitor<'_> {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::new();
        while let Some(Name(name)) = map.next_key()? {
            let refusal = if members.iter().any(|(held, _)| *held == name) {
                Refusal::Malformed(Fault::duplicate(&name))
            } else if members.len() >= self.members_max {
                Refusal::TooMany
            } else {
                members.push((name, map.next_value()?));
                continue;
            };
            *self.refusal = Some(refusal);
            return Err(A::Error::custom("stopped"));
        }
        Ok(members)
    }
}

/// Collects items, as [`MembersVisitor`] collects members.
struct ItemsVisitor<'r> {
    items_max: usize,
    refusal: &'r mut Option<Refusal>,
}

impl<'de> Visitor<'de> for ItemsVisitor<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            if items.len() >= self.items_max {
                *self.refusal = Some(Refusal::TooMany);
                return Err(A::Error::custom("stopped"));
            }
            items.push(item);
        }
        Ok(items)
    }
}

/// A member's name, borrowed where it holds no escapes; serde's own `Cow` never borrows here.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

/// The text of a JSON string given with its quotes; `None` for any other value, and for a string
/// whose escapes are no text (lone surrogates).
pub(super) fn string_text(value: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = value.get();
    let inside = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        serde_json::from_str(quoted).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inside))
    }
}
