//! The event itself.

use bytes::Bytes;
use http::HeaderValue;

use crate::attribute::{Attribute, AttributeType};
use crate::error::Fault;

/// The version of the CloudEvents specification that an event follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpecVersion {
    /// `0.3`
    V03,
    /// `1.0`
    V10,
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
    /// No data at all.
    Absent,
    /// A JSON value in the very text it arrived in, from a structured event's `data`.
    Json(Bytes),
    /// Bytes: a binary mode body, a string of non-JSON content, or decoded base64.
    Bytes(Bytes),
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
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    spec_version: SpecVersion,
}

impl Event {
    /// Begins an event of version 1.0 with its three required attributes.
    pub fn builder(id: &str, source: &str, ty: &str) -> EventBuilder {
        let _ = (id, source, ty);
        unimplemented!()
    }
    /// The version it follows.
    pub fn spec_version(&self) -> SpecVersion {
        self.spec_version
    }
    /// `id`
    pub fn id(&self) -> &str {
        unimplemented!()
    }
    /// `source`
    pub fn source(&self) -> &str {
        unimplemented!()
    }
    /// `type`
    pub fn ty(&self) -> &str {
        unimplemented!()
    }
    /// `datacontenttype`
    pub fn data_content_type(&self) -> Option<&str> {
        unimplemented!()
    }
    /// The canonical text of any attribute by its bare name, `specversion` and `datacontenttype`
    /// included.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let _ = name;
        unimplemented!()
    }
    /// Every attribute, `specversion` first.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        std::iter::empty()
    }
    /// The data.
    pub fn data(&self) -> &Data {
        unimplemented!()
    }
    /// The mode it arrived in; what is built here counts as binary.
    pub fn received_as(&self) -> ContentMode {
        unimplemented!()
    }
    /// The trace context of the request it came with.
    pub fn trace_context(&self) -> Option<&TraceContext> {
        unimplemented!()
    }
    /// Replaces the trace context.
    pub fn set_trace_context(&mut self, trace: Option<TraceContext>) {
        let _ = trace;
    }
    /// What it takes in a store: attribute names and values, data, and a fixed overhead. Bytes.
    pub fn size_bytes(&self) -> usize {
        unimplemented!()
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
        let _ = (name, value, ty);
        unimplemented!()
    }
    /// Removes an extension attribute; says whether it was there.
    pub fn remove_extension(&mut self, name: &str) -> bool {
        let _ = name;
        unimplemented!()
    }
}

/// Builds an [`Event`], checking everything at the end.
#[derive(Clone, Debug)]
pub struct EventBuilder {}

impl EventBuilder {
    /// Sets an optional core attribute or an extension by its bare name.
    #[must_use]
    pub fn attribute(self, name: &str, value: &str) -> Self {
        let _ = (name, value);
        self
    }
    /// Sets data and its content type.
    #[must_use]
    pub fn data(self, content_type: &str, data: impl Into<Bytes>) -> Self {
        let _ = (content_type, data.into());
        self
    }
    /// Checks and gives the event.
    ///
    /// # Errors
    ///
    /// The first attribute that is not allowed.
    pub fn build(self) -> Result<Event, Fault> {
        unimplemented!()
    }
}
