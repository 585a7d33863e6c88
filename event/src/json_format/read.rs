//! Reading events from JSON text.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::data::{self, RawData};
use super::depth;
use super::members::{self, Members, Refusal};
use crate::attribute::{AttributeName, AttributeType, AttributeValue};
use crate::envelope::{ContentMode, Draft, Event, REQUIRED, SpecVersion, Surroundings, is_core};
use crate::error::{DecodeError, Fault, shown};
use crate::limits::Limits;

/// Reads the body of a structured event.
pub(crate) fn event(body: &Bytes, limits: &Limits) -> Result<Event, DecodeError> {
    // The event's own limit is judged once it is read; this one only keeps the reading short, and
    // leaves room for escapes where a batch may be longer.
    let bytes_max = limits.batch_bytes_max.max(limits.structured_bytes_max());
    let text = text_of(body, limits, bytes_max, limits.json_depth_max)?;
    one(text, body, limits)
}

/// Reads the body of a batch: all of it or nothing.
pub(crate) fn batch(body: &Bytes, limits: &Limits) -> Result<Vec<Event>, DecodeError> {
    // The array around the events counts for itself.
    let depth_max = limits.json_depth_max.saturating_add(1);
    let bytes_max = limits.batch_bytes_max.max(limits.event_bytes_max);
    let text = text_of(body, limits, bytes_max, depth_max)?;
    let items = members::of_array(text, limits.batch_events_max).map_err(|refusal| {
        let too_many = || too_many_events(limits.batch_events_max);
        refused(refusal, too_many)
    })?;
    let mut events: Vec<Event> = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let event = one(item.get(), body, limits).map_err(|error| error.in_member(index))?;
        let first = events.first().unwrap_or(&event).spec_version();
        if event.spec_version() != first {
            let fault = mixed_versions(first, event.spec_version());
            return Err(DecodeError::from(fault).in_member(index));
        }
        events.push(event);
    }
    Ok(events)
}

/// The body as text, if it is no larger and nests no deeper than it may.
fn text_of<'a>(
    body: &'a Bytes,
    limits: &Limits,
    bytes_max: usize,
    depth_max: usize,
) -> Result<&'a str, DecodeError> {
    if body.len() > bytes_max {
        return Err(DecodeError::too_large(Fault::new(
            "body",
            format!(
                "the body has {} bytes, more than the {bytes_max} allowed",
                body.len()
            ),
            "send a smaller event, or a batch of fewer",
        )));
    }
    let malformed = |problem: String, remedy: &str| Fault::new("body", problem, remedy).into();
    let text = std::str::from_utf8(body).map_err(|error| {
        malformed(
            format!("the body is not UTF-8 at byte {}", error.valid_up_to()),
            "send JSON in UTF-8, and other data as data_base64",
        )
    })?;
    if text.starts_with('\u{feff}') {
        let problem = "the body begins with a byte order mark".to_owned();
        return Err(malformed(problem, "send JSON without one"));
    }
    if !depth::is_within(text, depth_max) {
        let problem = format!("the JSON nests deeper than {}", limits.json_depth_max);
        return Err(malformed(
            problem,
            "flatten it, or send the data in binary mode",
        ));
    }
    Ok(text)
}

/// Reads one event, whose text lies in `body`.
fn one(text: &str, body: &Bytes, limits: &Limits) -> Result<Event, DecodeError> {
    // Besides attributes an object may hold `data` and a null `data_base64`.
    let members_max = limits.attributes_max.saturating_add(2);
    let members = members::of_object(text, members_max).map_err(|refusal| {
        let too_many = || Fault::too_many_attributes(limits.attributes_max).into();
        refused(refusal, too_many)
    })?;
    let mut draft = Draft::new(spec_version(&members)?, limits);
    let mut raw_data = RawData::default();
    for (name, value) in &members {
        match &**name {
            "specversion" => {}
            "data" => raw_data.value = Some(value),
            "data_base64" if value.get() == "null" => {}
            "data_base64" => raw_data.base64 = Some(value),
            _ => read_attribute(&mut draft, name, value, body)?,
        }
    }
    let around = Surroundings {
        data: data::read(raw_data, &mut draft, body)?,
        received_as: ContentMode::Structured,
        trace: None,
    };
    draft.finish(around, missing)
}

fn refused(refusal: Refusal, too_many: impl FnOnce() -> DecodeError) -> DecodeError {
    match refusal {
        Refusal::Malformed(fault) => fault.into(),
        Refusal::TooMany => too_many(),
    }
}

fn spec_version(members: &Members<'_>) -> Result<SpecVersion, Fault> {
    let given = |name: &str| members.iter().find(|(held, _)| held == name);
    match given("specversion").filter(|(_, value)| value.get() != "null") {
        Some((name, value)) => {
            let text = core_text(name, value)?;
            SpecVersion::parse(&text).ok_or_else(|| Fault::bad_spec_version(&text))
        }
        None => {
            let is_absent = |name: &&str| given(name).is_none_or(|(_, v)| v.get() == "null");
            let absent: Vec<&str> = REQUIRED.into_iter().filter(is_absent).collect();
            Err(missing(&absent))
        }
    }
}

fn read_attribute(
    draft: &mut Draft<'_>,
    name: &str,
    value: &RawValue,
    body: &Bytes,
) -> Result<(), Fault> {
    let attribute_name = AttributeName::new(name)?;
    if value.get() == "null" {
        return Ok(());
    }
    let (text, ty) = if is_core(name, draft.spec_version()) {
        (core_text(name, value)?, AttributeType::String)
    } else {
        extension_text(name, value)?
    };
    let kept = match &text {
        Cow::Borrowed(text) => AttributeValue::from_body(name, text, body)?,
        Cow::Owned(text) => AttributeValue::named(name, text)?,
    };
    draft.set_typed(attribute_name, kept, ty)
}

/// The text of a core attribute; each is a string in JSON.
fn core_text<'a>(name: &str, value: &'a RawValue) -> Result<Cow<'a, str>, Fault> {
    members::string_text(value).ok_or_else(|| {
        Fault::new(
            name,
            format!("{name} {} is not a JSON string", shown(value.get())),
            "write it as a JSON string",
        )
    })
}

/// The text of an extension attribute and the type it is written in.
fn extension_text<'a>(
    name: &str,
    value: &'a RawValue,
) -> Result<(Cow<'a, str>, AttributeType), Fault> {
    if let Some(text) = members::string_text(value) {
        return Ok((text, AttributeType::String));
    }
    if let text @ ("true" | "false") = value.get() {
        return Ok((text.into(), AttributeType::Boolean));
    }
    if let Ok(number) = value.get().parse::<i32>() {
        return Ok((number.to_string().into(), AttributeType::Integer));
    }
    Err(Fault::new(
        name,
        format!("{name} {} is of no attribute type", shown(value.get())),
        "write a string, true, false or a whole number within 32 bits; other values as strings",
    ))
}

fn missing(absent: &[&str]) -> Fault {
    Fault::new(
        *absent.first().unwrap_or(&"id"),
        format!(
            "a structured event needs id, source, type, specversion; missing: {}",
            absent.join(", ")
        ),
        "add the missing members; null counts as missing",
    )
}

fn too_many_events(events_max: usize) -> DecodeError {
    DecodeError::too_large(Fault::new(
        "body",
        format!("the batch has more than the {events_max} events allowed"),
        "send several smaller batches",
    ))
}

fn mixed_versions(first: SpecVersion, other: SpecVersion) -> Fault {
    Fault::new(
        "specversion",
        format!(
            "specversion {:?} stands in a batch of {:?}",
            other.as_str(),
            first.as_str()
        ),
        "send one batch for each specversion",
    )
}
