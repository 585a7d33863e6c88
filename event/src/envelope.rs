//! The event itself.
//!
//! An event is valid from the moment it exists: whatever makes one goes through one set of checks
//! (`envelope/draft.rs`). It is shared by reference count, so a clone costs one increment, and
//! changing a clone copies attribute handles but never data.
//!
//! Values that came in a message may share its buffer and keep it alive; see [`Event::compact`].
//!
//! What is deliberately absent: any idea of what an attribute means beyond the specification.

mod builder;
mod draft;
mod parts;

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

use crate::attribute::{Attribute, AttributeType, AttributeValue};
use crate::error::Fault;
use crate::syntax::media_type::ContentType;

pub use builder::EventBuilder;
pub(crate) use draft::{Draft, REQUIRED, Surroundings, is_core};
pub(crate) use parts::{Extension, Extensions, Parts};

/// The version of the CloudEvents specification that an event follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpecVersion {
    /// `0.3`
    V03,
    /// `1.0`
    V10,
}

impl SpecVersion {
    /// As `specversion` writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            SpecVersion::V03 => "0.3",
            SpecVersion::V10 => "1.0",
        }
    }

    /// Reads a `specversion`; only these two are known.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "0.3" => Some(SpecVersion::V03),
            "1.0" => Some(SpecVersion::V10),
            _ => None,
        }
    }

    /// The name of the attribute that points to the schema of the data.
    pub(crate) fn schema_name(self) -> &'static str {
        match self {
            SpecVersion::V03 => "schemaurl",
            SpecVersion::V10 => "dataschema",
        }
    }
}

/// How an event travels over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentMode {
    /// Attributes as headers, data as the body.
    Binary,
    /// Attributes and data together as JSON.
    Structured,
}

/// The data of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// No data at all. An empty binary mode body is this.
    Absent,
    /// A JSON value in the very text it arrived in, from a structured event's `data`, without the
    /// white space around it.
    Json(Bytes),
    /// Bytes: a binary mode body, a string of non-JSON content, or decoded base64.
    Bytes(Bytes),
}

impl Data {
    /// The bytes as a binary mode body carries them; empty when there are none.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Data::Absent => &[],
            Data::Json(bytes) | Data::Bytes(bytes) => bytes,
        }
    }
}

/// The W3C trace context that came with a request, kept apart from the attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The `traceparent` header.
    pub traceparent: HeaderValue,
    /// The `tracestate` header.
    pub tracestate: Option<HeaderValue>,
}

/// A valid CloudEvent. Cloning copies no data.
///
/// Two events are equal when version, attributes (with their types, in any order) and data are;
/// how they arrived, [`Event::received_as`] and [`Event::trace_context`], does not count.
///
/// ```
/// use sluicegate_event::{ContentMode, Decoded, Encode, Event, Limits, decode, encode};
///
/// let event = Event::builder("1", "/orders", "order.placed")
///     .attribute("subject", "Café 5")
///     .data("application/json", r#"{"total": 1.10}"#)
///     .build()?;
///
/// let mut headers = http::HeaderMap::new();
/// let binary = Encode { mode: ContentMode::Binary, omit: &[] };
/// let body = encode(&event, binary, &mut headers);
/// assert_eq!(headers["ce-subject"], "Caf%C3%A9%205");
/// assert_eq!(headers["content-type"], "application/json");
///
/// let Decoded::One(received) = decode(&headers, body, &Limits::default())? else {
///     panic!("one event was sent");
/// };
/// assert_eq!(received, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Event {
    parts: Arc<Parts>,
}

impl Event {
    /// What an event is taken to cost in a store beside its text and data: the envelope itself,
    /// its handles and a place in a queue. Bytes.
    pub const OVERHEAD_BYTES: usize = 1024;

    /// See [`Event::compact`].
    pub const COMPACTED_BYTES_MAX: usize = 64 << 10;

    pub(crate) fn from_parts(parts: Parts) -> Self {
        Event {
            parts: Arc::new(parts),
        }
    }

    /// An event of parts that did not come through a [`Draft`].
    pub(crate) fn from_checked(parts: Parts) -> Result<Self, Fault> {
        draft::check(&parts)?;
        Ok(Self::from_parts(parts))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Begins an event of version 1.0 with its three required attributes.
    pub fn builder(id: &str, source: &str, ty: &str) -> EventBuilder {
        EventBuilder::new(id, source, ty)
    }

    /// The version it follows.
    pub fn spec_version(&self) -> SpecVersion {
        self.parts.spec_version
    }

    /// `id`
    pub fn id(&self) -> &str {
        self.parts.id.as_str()
    }

    /// `source`
    pub fn source(&self) -> &str {
        self.parts.source.as_str()
    }

    /// `type`
    pub fn ty(&self) -> &str {
        self.parts.ty.as_str()
    }

    /// `datacontenttype`
    pub fn data_content_type(&self) -> Option<&str> {
        self.parts.content_type.as_ref().map(ContentType::as_str)
    }

    /// The canonical text of any attribute by its bare name, `specversion` and `datacontenttype`
    /// included.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let parts = &*self.parts;
        match name {
            "specversion" => Some(parts.spec_version.as_str()),
            "id" => Some(self.id()),
            "source" => Some(self.source()),
            "type" => Some(self.ty()),
            "datacontenttype" => self.data_content_type(),
            "subject" => parts.subject.as_ref().map(AttributeValue::as_str),
            "time" => parts.time.as_ref().map(AttributeValue::as_str),
            _ if name == parts.spec_version.schema_name() => {
                parts.schema.as_ref().map(AttributeValue::as_str)
            }
            _ => self.extension(name).map(|extension| extension.value),
        }
    }

    /// An extension attribute by its bare name.
    pub fn extension(&self, name: &str) -> Option<Attribute<'_>> {
        let mut extensions = self.parts.extensions.iter();
        extensions
            .find(|extension| extension.name.as_str() == name)
            .map(Extension::as_attribute)
    }

    /// Every attribute, `specversion` first, extensions last in the order they came in.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        let parts = &*self.parts;
        let core = parts.core().map(|(name, value)| Attribute {
            name,
            value,
            ty: AttributeType::String,
        });
        core.chain(parts.extensions.iter().map(Extension::as_attribute))
    }

    /// The data.
    pub fn data(&self) -> &Data {
        &self.parts.data
    }

    /// The mode it arrived in; what is built here counts as binary.
    pub fn received_as(&self) -> ContentMode {
        self.parts.received_as
    }

    /// The trace context of the request it came with.
    pub fn trace_context(&self) -> Option<&TraceContext> {
        self.parts.trace.as_ref()
    }

    /// Replaces the trace context.
    pub fn set_trace_context(&mut self, trace: Option<TraceContext>) {
        Arc::make_mut(&mut self.parts).trace = trace;
    }

    /// What it takes in a store: attribute names and values, data, and
    /// [`Event::OVERHEAD_BYTES`]. Bytes. What it is written in where a store is a file is
    /// [`stored::encoded_len`](crate::stored::encoded_len).
    pub fn size_bytes(&self) -> usize {
        self.parts.content_bytes() + Self::OVERHEAD_BYTES
    }

    /// Copies what the event shares with the message it came in, so that it keeps no more memory
    /// alive than it needs itself. For what will hold the event for long: a small event can pin a
    /// connection's whole read buffer, and one member the body of its batch.
    ///
    /// Data of [`Event::COMPACTED_BYTES_MAX`] or more is left where it is: a body of that size has
    /// most of its buffer to itself.
    pub fn compact(&mut self) {
        Arc::make_mut(&mut self.parts).compact();
    }

    /// Sets or replaces an extension attribute.
    ///
    /// # Errors
    ///
    /// When the name or the value is not allowed, or names a core attribute.
    pub fn set_extension(
        &mut self,
        name: &str,
        value: &str,
        ty: AttributeType,
    ) -> Result<(), Fault> {
        let extension = draft::extension(self.parts.spec_version, name, value, ty)?;
        let extensions = &mut Arc::make_mut(&mut self.parts).extensions;
        match extensions
            .iter_mut()
            .find(|held| held.name == extension.name)
        {
            Some(held) => *held = extension,
            None => extensions.push(extension),
        }
        Ok(())
    }

    /// Removes an extension attribute; says whether it was there.
    pub fn remove_extension(&mut self, name: &str) -> bool {
        let place = self
            .parts
            .extensions
            .iter()
            .position(|extension| extension.name.as_str() == name);
        if let Some(index) = place {
            Arc::make_mut(&mut self.parts).extensions.remove(index);
        }
        place.is_some()
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&*self.parts, &*other.parts);
        a.core().eq(b.core())
            && a.data == b.data
            && a.extensions.len() == b.extensions.len()
            && a.extensions.iter().all(|held| b.extensions.contains(held))
    }
}

#[cfg(test)]
mod tests;
