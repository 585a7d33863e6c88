//! Making an event by hand.

use bytes::Bytes;

use super::draft::{Draft, Surroundings};
use super::{ContentMode, Data, Event, SpecVersion};
use crate::attribute::{AttributeName, AttributeValue};
use crate::error::{DecodeError, Fault};
use crate::limits::Limits;

/// Builds an [`Event`], checking everything at the end. No limit on size applies.
#[derive(Clone, Debug)]
pub struct EventBuilder {
    spec_version: SpecVersion,
    /// What was set, in order; a later value for a name replaces the earlier one.
    attributes: Vec<(String, String)>,
    data: Data,
}

impl EventBuilder {
    pub(super) fn new(id: &str, source: &str, ty: &str) -> Self {
        let builder = EventBuilder {
            spec_version: SpecVersion::V10,
            attributes: Vec::new(),
            data: Data::Absent,
        };
        builder
            .attribute("id", id)
            .attribute("source", source)
            .attribute("type", ty)
    }

    /// Sets the version; 1.0 unless this is called.
    #[must_use]
    pub fn spec_version(mut self, spec_version: SpecVersion) -> Self {
        self.spec_version = spec_version;
        self
    }

    /// Sets an optional core attribute or an extension by its bare name.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        match self.attributes.iter_mut().find(|(set, _)| set == name) {
            Some((_, held)) => *held = value.to_owned(),
            None => self.attributes.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Sets data and its content type.
    #[must_use]
    pub fn data(self, content_type: &str, data: impl Into<Bytes>) -> Self {
        let mut builder = self.attribute("datacontenttype", content_type);
        builder.data = Data::Bytes(data.into());
        builder
    }

    /// Sets data of any kind without touching the content type.
    #[cfg(any(test, feature = "sdk"))]
    #[must_use]
    pub(crate) fn raw_data(mut self, data: Data) -> Self {
        self.data = data;
        self
    }

    /// Checks and gives the event.
    ///
    /// # Errors
    ///
    /// The first attribute that is not allowed.
    pub fn build(self) -> Result<Event, Fault> {
        let limits = Limits::NONE;
        let mut draft = Draft::new(self.spec_version, &limits);
        for (name, value) in &self.attributes {
            set(&mut draft, name, value)?;
        }
        let around = Surroundings {
            data: self.data,
            received_as: ContentMode::Binary,
            trace: None,
        };
        draft
            .finish(around, |missing| {
                Fault::empty(missing.first().unwrap_or(&"id"))
            })
            .map_err(DecodeError::into_fault)
    }
}

fn set(draft: &mut Draft<'_>, name: &str, value: &str) -> Result<(), Fault> {
    if name == "specversion" {
        return Err(Fault::new(
            name,
            "specversion is not set as an attribute",
            "call spec_version on the builder",
        ));
    }
    draft.set(
        AttributeName::new(name)?,
        AttributeValue::named(name, value)?,
    )
}
