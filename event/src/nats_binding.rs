//! The NATS binding: an event as the headers and the payload of a NATS message.
//!
//! What is written is binary mode, so that any NATS client reads it: each attribute is a header
//! `ce-` and its name, `datacontenttype` and `specversion` among them, percent-encoded as in the HTTP
//! binding, and the payload is the data byte for byte. The trace context travels in `traceparent`
//! and `tracestate`.
//!
//! # What the binding has no word for
//!
//! An event that we wrote comes back whole: how it was received, whether its data was a JSON value or
//! bytes, the types of its extensions and their order. Where any of that is not what a reader of
//! the binding would take it for, it stands in one header of ours, [`NOTES`], which other readers
//! pass over:
//!
//! ```text
//! Sluicegate-Event: structured; json; extensions=amount:i,important:b,comment
//! ```
//!
//! | Note | Meaning |
//! |---|---|
//! | `structured` | received in structured mode |
//! | `json` | the payload is a JSON value in its raw text |
//! | `empty` | the payload is data of no bytes, rather than no data |
//! | `extensions=` | the extensions in their order, `:i` behind an Integer, `:b` behind a Boolean |
//!
//! # What others wrote
//!
//! A message without that header is read as the binding says: in binary mode if it has a
//! `ce-specversion`, else as a JSON event. Header names are taken in letters of any case.
//!
//! What is deliberately absent: any NATS client, subjects, and limits. A limit that was lowered
//! must not make unreadable what is stored.

mod notes;

use bytes::Bytes;
use http::HeaderValue;

use self::notes::Notes;
use crate::attribute::{AttributeName, AttributeValue};
use crate::envelope::{Data, Event, Extension, Extensions, Parts, SpecVersion, TraceContext};
use crate::error::{DecodeError, Fault, shown};
use crate::http_binding::trace;
use crate::json_format;
use crate::limits::Limits;
use crate::stored;
use crate::syntax::media_type::ContentType;
use crate::syntax::text;

/// The header that says what the binding has no word for; see the [module](self).
pub const NOTES: &str = "Sluicegate-Event";

const PREFIX: &str = "ce-";
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Gives the headers of `event` to `put`, each once, and answers the payload, which is not copied.
///
/// Names and values hold nothing but printable ASCII; only [`NOTES`] holds spaces, and `tracestate`
/// what its header held.
///
/// ```
/// use sluicegate_event::{Event, nats_binding};
///
/// let event = Event::builder("1", "/orders", "order.placed")
///     .attribute("subject", "Café 5")
///     .data("application/json", r#"{"total": 1.10}"#)
///     .build()?;
/// let mut headers = Vec::new();
/// let payload = nats_binding::encode(&event, &mut |name, value| {
///     headers.push((name.to_owned(), value.to_owned()));
/// });
/// assert!(headers.contains(&("ce-subject".to_owned(), "Caf%C3%A9%205".to_owned())));
/// assert_eq!(payload, r#"{"total": 1.10}"#);
///
/// let headers = headers.iter().map(|(name, value)| (&**name, &**value));
/// assert_eq!(nats_binding::decode(headers, payload)?, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(event: &Event, put: &mut dyn FnMut(&str, &str)) -> Bytes {
    let parts = event.parts();
    put("ce-specversion", parts.spec_version.as_str());
    put_value("ce-id", &parts.id, put);
    put_value("ce-source", &parts.source, put);
    put_value("ce-type", &parts.ty, put);
    if let Some(content_type) = &parts.content_type {
        put(
            "ce-datacontenttype",
            &text::encode_for_header(content_type.as_str()),
        );
    }
    let schema = match parts.spec_version {
        SpecVersion::V03 => "ce-schemaurl",
        SpecVersion::V10 => "ce-dataschema",
    };
    let optional = [
        (schema, &parts.schema),
        ("ce-subject", &parts.subject),
        ("ce-time", &parts.time),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            put_value(name, value, put);
        }
    }
    for extension in &parts.extensions {
        put_value(extension.name.header().as_str(), &extension.value, put);
    }
    if let Some(trace) = &parts.trace {
        put_printable(TRACEPARENT, &trace.traceparent, put);
        if let Some(tracestate) = &trace.tracestate {
            put_printable(TRACESTATE, tracestate, put);
        }
    }
    if let Some(notes) = notes::of(parts) {
        put(NOTES, &notes);
    }
    match &parts.data {
        Data::Absent => Bytes::new(),
        Data::Json(bytes) | Data::Bytes(bytes) => bytes.clone(),
    }
}

fn put_value(name: &str, value: &AttributeValue, put: &mut dyn FnMut(&str, &str)) {
    let header = value.to_header();
    // Percent-encoding leaves nothing but printable ASCII.
    put(name, header.to_str().unwrap_or_default());
}

/// Tracing must never cost an event: what no NATS header can hold is left out.
fn put_printable(name: &str, value: &HeaderValue, put: &mut dyn FnMut(&str, &str)) {
    if let Ok(text) = value.to_str() {
        put(name, text);
    }
}

/// Reads the event that a message's headers and payload are. Headers may come in any order.
///
/// # Errors
///
/// When it is none; the fault names the attribute.
pub fn decode<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    payload: Bytes,
) -> Result<Event, DecodeError> {
    let found = Found::sort(headers)?;
    let Some(spec_version) = found.spec_version else {
        return structured(&found, &payload);
    };
    let event = binary(found, spec_version, payload)?;
    Ok(event)
}

/// The headers that mean something here.
#[derive(Default)]
struct Found<'a> {
    spec_version: Option<SpecVersion>,
    /// Name and value of every other attribute.
    attributes: Vec<(String, &'a str)>,
    notes: Option<&'a str>,
    traceparent: Option<&'a str>,
    tracestate: Option<&'a str>,
}

impl<'a> Found<'a> {
    fn sort(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Fault> {
        let mut found = Found::default();
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            if name == "ce-specversion" {
                let text =
                    AttributeValue::from_header("specversion", &header("specversion", value)?)?;
                let version = SpecVersion::parse(text.as_str())
                    .ok_or_else(|| Fault::bad_spec_version(text.as_str()))?;
                once("specversion", &mut found.spec_version, version)?;
            } else if let Some(bare) = name.strip_prefix(PREFIX) {
                found.attributes.push((bare.to_owned(), value));
            } else if name.eq_ignore_ascii_case(NOTES) {
                once(NOTES, &mut found.notes, value)?;
            } else if name == TRACEPARENT {
                found.traceparent = Some(value);
            } else if name == TRACESTATE {
                found.tracestate = Some(value);
            }
        }
        Ok(found)
    }

    fn trace(&self) -> Option<TraceContext> {
        let mut headers = http::HeaderMap::new();
        let pairs = [
            (TRACEPARENT, self.traceparent),
            (TRACESTATE, self.tracestate),
        ];
        for (name, value) in pairs {
            if let Some(value) = value
                && let Ok(value) = HeaderValue::from_str(value)
            {
                headers.insert(name, value);
            }
        }
        trace::read(&headers)
    }
}

fn once<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), Fault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::duplicate(name)),
    }
}

/// A message of another's that holds a JSON event.
fn structured(found: &Found<'_>, payload: &Bytes) -> Result<Event, DecodeError> {
    let limits = Limits {
        json_depth_max: Limits::default().json_depth_max,
        ..Limits::NONE
    };
    let mut event = json_format::read::event(payload, &limits)?;
    if let Some(trace) = found.trace() {
        event.set_trace_context(Some(trace));
    }
    Ok(event)
}

fn binary(mut found: Found<'_>, spec_version: SpecVersion, payload: Bytes) -> Result<Event, Fault> {
    let notes = found
        .notes
        .map(Notes::read)
        .transpose()?
        .unwrap_or_default();
    let trace = found.trace();
    let schema_name = spec_version.schema_name();
    let mut take = |name: &str| take(&mut found.attributes, name);
    let required = |name: &str, value: Option<AttributeValue>| {
        value.ok_or_else(|| {
            Fault::new(
                name,
                format!("the message has no header {PREFIX}{name}"),
                "publish it with that header",
            )
        })
    };
    let (id, source, ty) = (take("id")?, take("source")?, take("type")?);
    let (schema, subject, time) = (take(schema_name)?, take("subject")?, take("time")?);
    let content_type = take("datacontenttype")?;
    let parts = Parts {
        spec_version,
        received_as: notes.received_as,
        id: required("id", id)?,
        source: required("source", source)?,
        ty: required("type", ty)?,
        content_type: content_type
            .map(|text| content_type_of(&text))
            .transpose()?,
        schema,
        subject,
        time,
        extensions: extensions(&notes, found.attributes)?,
        data: notes.data(payload)?,
        trace,
    };
    // Which says, too, that an attribute stands twice.
    Event::from_checked(parts)
}

/// Takes the attribute of that name; one that stands twice is left for the checks to find.
fn take(attributes: &mut Vec<(String, &str)>, name: &str) -> Result<Option<AttributeValue>, Fault> {
    let Some(place) = attributes.iter().position(|(bare, _)| bare == name) else {
        return Ok(None);
    };
    let (_, value) = attributes.swap_remove(place);
    AttributeValue::from_header(name, &header(name, value)?).map(Some)
}

fn content_type_of(text: &AttributeValue) -> Result<ContentType, Fault> {
    ContentType::new(text.as_str()).ok_or_else(|| Fault::bad_content_type(text.as_str()))
}

/// What is left once the core attributes are taken, in the order that the notes tell, and behind
/// those by name.
fn extensions(notes: &Notes, mut left: Vec<(String, &str)>) -> Result<Extensions, Fault> {
    left.sort_by(|(a, _), (b, _)| (notes.place_of(a), a).cmp(&(notes.place_of(b), b)));
    let mut extensions = Extensions::new();
    for (bare, value) in left {
        extensions.push(Extension {
            name: AttributeName::new(&bare)?,
            value: AttributeValue::from_header(&bare, &header(&bare, value)?)?,
            ty: notes.type_of(&bare),
        });
    }
    Ok(extensions)
}

fn header(name: &str, value: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
        Fault::new(
            name,
            format!("{name} {} cannot be a header", shown(value)),
            "percent-encode what a header cannot hold",
        )
    })
}

/// Checks that what is noted as a JSON value is one.
fn json(payload: Bytes) -> Result<Data, Fault> {
    stored::json(payload).map(Data::Json)
}

#[cfg(test)]
mod tests;
