//! Binary mode: attributes as `ce-` headers, `datacontenttype` as `Content-Type`, data as the
//! body.
//!
//! Values that need no escaping are shared with the message they came in, and shared again with
//! each message they leave in.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::trace;
use crate::attribute::{AttributeName, AttributeValue};
use crate::envelope::{ContentMode, Data, Draft, Event, REQUIRED, SpecVersion, Surroundings};
use crate::error::{DecodeError, Fault};
use crate::limits::Limits;

pub(super) static SPEC_VERSION: HeaderName = HeaderName::from_static("ce-specversion");
static ID: HeaderName = HeaderName::from_static("ce-id");
static SOURCE: HeaderName = HeaderName::from_static("ce-source");
static TYPE: HeaderName = HeaderName::from_static("ce-type");
static SUBJECT: HeaderName = HeaderName::from_static("ce-subject");
static TIME: HeaderName = HeaderName::from_static("ce-time");
static DATA_SCHEMA: HeaderName = HeaderName::from_static("ce-dataschema");
static SCHEMA_URL: HeaderName = HeaderName::from_static("ce-schemaurl");

/// Reads an event whose mode is binary.
pub(super) fn read(
    headers: &HeaderMap,
    body: Bytes,
    limits: &Limits,
) -> Result<Event, DecodeError> {
    let spec_version = spec_version(headers)?;
    let mut draft = Draft::new(spec_version, limits);
    for (header, value) in headers {
        if header.as_str().starts_with("ce-") && *header != SPEC_VERSION {
            read_attribute(&mut draft, header, value)?;
        }
    }
    if let Some(content_type) = headers.get(header::CONTENT_TYPE) {
        draft.set_content_type(content_type)?;
    }
    let data = if body.is_empty() {
        Data::Absent
    } else {
        Data::Bytes(body)
    };
    let around = Surroundings {
        data,
        received_as: ContentMode::Binary,
        trace: trace::read(headers),
    };
    draft.finish(around, missing)
}

fn spec_version(headers: &HeaderMap) -> Result<SpecVersion, Fault> {
    let mut values = headers.get_all(&SPEC_VERSION).iter();
    let Some(value) = values.next() else {
        return Err(without_spec_version(headers));
    };
    if values.next().is_some() {
        return Err(Fault::duplicate("specversion"));
    }
    let value = AttributeValue::from_header("specversion", value)?;
    SpecVersion::parse(value.as_str()).ok_or_else(|| Fault::bad_spec_version(value.as_str()))
}

fn without_spec_version(headers: &HeaderMap) -> Fault {
    let has_attributes = headers.keys().any(|name| name.as_str().starts_with("ce-"));
    if !has_attributes {
        return Fault::new(
            "body",
            "not a CloudEvent: there are neither ce- headers nor a CloudEvents content-type",
            "send ce-id, ce-source, ce-type and ce-specversion headers (binary mode), or the \
             whole event as application/cloudevents+json (structured mode)",
        );
    }
    let absent: Vec<&str> = REQUIRED
        .into_iter()
        .filter(|name| !headers.contains_key(format!("ce-{name}")))
        .collect();
    missing(&absent)
}

fn missing(absent: &[&str]) -> Fault {
    let listed: Vec<String> = absent.iter().map(|name| format!("ce-{name}")).collect();
    Fault::new(
        *absent.first().unwrap_or(&"id"),
        format!(
            "binary mode needs ce-id, ce-source, ce-type, ce-specversion; missing: {}",
            listed.join(", ")
        ),
        "send the missing headers",
    )
}

fn read_attribute(
    draft: &mut Draft<'_>,
    header: &HeaderName,
    value: &HeaderValue,
) -> Result<(), Fault> {
    let bare = header.as_str().strip_prefix("ce-").unwrap_or_default();
    match bare {
        "datacontenttype" => Err(Fault::new(
            bare,
            "ce-datacontenttype is not used in binary mode",
            "send the Content-Type header instead",
        )),
        "data" => Err(Fault::new(
            bare,
            "ce-data is not an attribute",
            "send the data as the body",
        )),
        _ => {
            let name = AttributeName::from_header(header)?;
            let value = AttributeValue::from_header(bare, value)?;
            draft.set(name, value)
        }
    }
}

/// Writes an event in binary mode and gives the body.
pub(super) fn write(event: &Event, omit: &[&str], headers: &mut HeaderMap) -> Bytes {
    let parts = event.parts();
    headers.reserve(parts.extensions.len() + 10);
    let version = HeaderValue::from_static(parts.spec_version.as_str());
    headers.insert(SPEC_VERSION.clone(), version);
    headers.insert(ID.clone(), parts.id.to_header());
    headers.insert(SOURCE.clone(), parts.source.to_header());
    headers.insert(TYPE.clone(), parts.ty.to_header());
    let schema = match parts.spec_version {
        SpecVersion::V03 => &SCHEMA_URL,
        SpecVersion::V10 => &DATA_SCHEMA,
    };
    let optional = [
        (schema, &parts.schema),
        (&SUBJECT, &parts.subject),
        (&TIME, &parts.time),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            headers.insert(name.clone(), value.to_header());
        }
    }
    for extension in &parts.extensions {
        if !omit.contains(&extension.name.as_str()) {
            headers.insert(extension.name.header().clone(), extension.value.to_header());
        }
    }
    if let Some(content_type) = content_type(event) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    match &parts.data {
        Data::Absent => Bytes::new(),
        Data::Json(bytes) | Data::Bytes(bytes) => bytes.clone(),
    }
}

fn content_type(event: &Event) -> Option<HeaderValue> {
    let parts = event.parts();
    match (&parts.content_type, &parts.data) {
        (Some(content_type), _) => Some(content_type.header().clone()),
        (None, Data::Json(_)) => Some(HeaderValue::from_static("application/json")),
        (None, Data::Absent | Data::Bytes(_)) => None,
    }
}
