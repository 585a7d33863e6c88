//! What an event is made of: its attributes and its data, and what they take.
//!
//! Nothing is checked here: what may become an event is for `draft.rs` to say.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::draft::REQUIRED;
use super::{ContentMode, Data, Event, SpecVersion, TraceContext};
use crate::attribute::{Attribute, AttributeName, AttributeType, AttributeValue};
use crate::syntax::media_type::ContentType;

#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) spec_version: SpecVersion,
    pub(crate) received_as: ContentMode,
    pub(crate) id: AttributeValue,
    pub(crate) source: AttributeValue,
    pub(crate) ty: AttributeValue,
    pub(crate) content_type: Option<ContentType>,
    /// `dataschema`, or `schemaurl` in 0.3.
    pub(crate) schema: Option<AttributeValue>,
    pub(crate) subject: Option<AttributeValue>,
    pub(crate) time: Option<AttributeValue>,
    pub(crate) extensions: Extensions,
    pub(crate) data: Data,
    pub(crate) trace: Option<TraceContext>,
}

/// Extension attributes in the order they came in, each name once.
pub(crate) type Extensions = SmallVec<[Extension; 4]>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) name: AttributeName,
    pub(crate) value: AttributeValue,
    pub(crate) ty: AttributeType,
}

impl Extension {
    pub(super) fn as_attribute(&self) -> Attribute<'_> {
        Attribute {
            name: self.name.as_str(),
            value: self.value.as_str(),
            ty: self.ty,
        }
    }
}

impl Parts {
    /// The core attributes that are present, in the order of the specification.
    pub(crate) fn core(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let required = [
            ("specversion", self.spec_version.as_str()),
            ("id", self.id.as_str()),
            ("source", self.source.as_str()),
            ("type", self.ty.as_str()),
        ];
        let content_type = self.content_type.as_ref().map(ContentType::as_str);
        let optional = [
            ("datacontenttype", content_type),
            (
                self.spec_version.schema_name(),
                self.schema.as_ref().map(AttributeValue::as_str),
            ),
            ("subject", self.subject.as_ref().map(AttributeValue::as_str)),
            ("time", self.time.as_ref().map(AttributeValue::as_str)),
        ];
        let present = optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        required.into_iter().chain(present)
    }

    /// See [`Event::compact`].
    pub(super) fn compact(&mut self) {
        let mut buffer = BytesMut::with_capacity(self.attribute_bytes());
        for value in [&mut self.id, &mut self.source, &mut self.ty] {
            value.compact(&mut buffer);
        }
        let optional = [&mut self.schema, &mut self.subject, &mut self.time];
        for value in optional.into_iter().flatten() {
            value.compact(&mut buffer);
        }
        for extension in &mut self.extensions {
            extension.value.compact(&mut buffer);
        }
        if let Some(content_type) = &mut self.content_type {
            content_type.compact(&mut buffer);
        }
        match &mut self.data {
            Data::Json(bytes) | Data::Bytes(bytes) if bytes.len() < Event::COMPACTED_BYTES_MAX => {
                *bytes = Bytes::copy_from_slice(bytes);
            }
            Data::Absent | Data::Json(_) | Data::Bytes(_) => {}
        }
    }

    /// How many attributes there are.
    pub(crate) fn attribute_count(&self) -> usize {
        let optional = [&self.schema, &self.subject, &self.time];
        REQUIRED.len()
            + usize::from(self.content_type.is_some())
            + optional.into_iter().flatten().count()
            + self.extensions.len()
    }

    /// Bytes of attribute names and values.
    pub(crate) fn attribute_bytes(&self) -> usize {
        let (version, schema) = (self.spec_version.as_str(), self.spec_version.schema_name());
        let required = [
            ("id", &self.id),
            ("source", &self.source),
            ("type", &self.ty),
        ]
        .map(|(name, value)| name.len() + value.len());
        let optional = [
            (schema, &self.schema),
            ("subject", &self.subject),
            ("time", &self.time),
        ]
        .map(|(name, value)| value.as_ref().map_or(0, |value| name.len() + value.len()));
        let content_type = self.content_type.as_ref();
        let content_type = content_type.map_or(0, |ty| "datacontenttype".len() + ty.len());
        let extensions: usize = self
            .extensions
            .iter()
            .map(|extension| extension.name.as_str().len() + extension.value.len())
            .sum();
        let version = "specversion".len() + version.len();
        version + content_type + extensions + required.iter().chain(&optional).sum::<usize>()
    }

    /// Bytes of attribute names, values and data.
    pub(crate) fn content_bytes(&self) -> usize {
        self.attribute_bytes() + self.data.as_bytes().len()
    }
}
