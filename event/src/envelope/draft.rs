//! The one place where an event's attributes are checked, whichever way they came.
//!
//! A reader learns `specversion` first, because 0.3 and 1.0 name the schema differently, then
//! offers the other attributes one by one in any order, and ends with the data.

use http::HeaderValue;
use smallvec::SmallVec;

use super::{ContentMode, Data, Event, Extension, Extensions, Parts, SpecVersion, TraceContext};
use crate::attribute::{AttributeName, AttributeType, AttributeValue};
use crate::error::{DecodeError, Fault, shown};
use crate::limits::Limits;
use crate::syntax::media_type::ContentType;
use crate::syntax::{timestamp, uri};

/// The attributes that every event must have, in the order faults name them.
pub(crate) const REQUIRED: [&str; 4] = ["id", "source", "type", "specversion"];

/// An event on its way to being valid.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    limits: &'a Limits,
    spec_version: SpecVersion,
    id: Option<AttributeValue>,
    source: Option<AttributeValue>,
    ty: Option<AttributeValue>,
    content_type: Option<ContentType>,
    schema: Option<AttributeValue>,
    subject: Option<AttributeValue>,
    time: Option<AttributeValue>,
    extensions: Extensions,
}

/// What surrounds the attributes of a finished event.
pub(crate) struct Surroundings {
    pub(crate) data: Data,
    pub(crate) received_as: ContentMode,
    pub(crate) trace: Option<TraceContext>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(spec_version: SpecVersion, limits: &'a Limits) -> Self {
        Draft {
            limits,
            spec_version,
            id: None,
            source: None,
            ty: None,
            content_type: None,
            schema: None,
            subject: None,
            time: None,
            extensions: Extensions::new(),
        }
    }

    pub(crate) fn spec_version(&self) -> SpecVersion {
        self.spec_version
    }

    pub(crate) fn content_type(&self) -> Option<&ContentType> {
        self.content_type.as_ref()
    }

    /// Sets `datacontenttype`.
    pub(crate) fn set_content_type(&mut self, header: &HeaderValue) -> Result<(), Fault> {
        check_length("datacontenttype", header.len(), self.limits)?;
        match ContentType::from_header(header.clone()) {
            Some(content_type) => self.put_content_type(content_type),
            None => {
                let refused = String::from_utf8_lossy(header.as_bytes());
                Err(Fault::bad_content_type(&refused))
            }
        }
    }

    fn put_content_type(&mut self, content_type: ContentType) -> Result<(), Fault> {
        if self.content_type.replace(content_type).is_some() {
            return Err(Fault::duplicate("datacontenttype"));
        }
        Ok(())
    }

    /// Sets any attribute but `specversion`, whose value is text.
    pub(crate) fn set(&mut self, name: AttributeName, value: AttributeValue) -> Result<(), Fault> {
        self.set_typed(name, value, AttributeType::String)
    }

    /// Sets any attribute but `specversion`; core attributes are text whatever `ty` says.
    pub(crate) fn set_typed(
        &mut self,
        name: AttributeName,
        value: AttributeValue,
        ty: AttributeType,
    ) -> Result<(), Fault> {
        check_length(name.as_str(), value.len(), self.limits)?;
        let schema_name = self.spec_version.schema_name();
        let place = match name.as_str() {
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.ty,
            "subject" => &mut self.subject,
            "time" => &mut self.time,
            schema if schema == schema_name => &mut self.schema,
            "datacontenttype" => {
                let content_type = ContentType::new(value.as_str())
                    .ok_or_else(|| Fault::bad_content_type(value.as_str()))?;
                return self.put_content_type(content_type);
            }
            _ => return self.add_extension(Extension { name, value, ty }),
        };
        check_core(name.as_str(), value.as_str())?;
        if place.replace(value).is_some() {
            return Err(Fault::duplicate(name.as_str()));
        }
        Ok(())
    }

    fn add_extension(&mut self, extension: Extension) -> Result<(), Fault> {
        let attributes_max = self.limits.attributes_max;
        if self.extensions.len() >= attributes_max {
            return Err(Fault::too_many_attributes(attributes_max));
        }
        if self
            .extensions
            .iter()
            .any(|held| held.name == extension.name)
        {
            return Err(Fault::duplicate(extension.name.as_str()));
        }
        self.extensions.push(extension);
        Ok(())
    }

    /// Whether an extension attribute has this value, in letters of any case.
    pub(crate) fn has_extension(&self, name: &str, value: &str) -> bool {
        self.extensions.iter().any(|held| {
            held.name.as_str() == name && held.value.as_str().eq_ignore_ascii_case(value)
        })
    }

    /// Removes an extension attribute that a format keeps for itself.
    pub(crate) fn remove_extension(&mut self, name: &str) {
        self.extensions.retain(|held| held.name.as_str() != name);
    }

    /// The event, if nothing is missing and no limit is passed. `missing` words the fault for the
    /// required attributes that are not there.
    pub(crate) fn finish(
        self,
        around: Surroundings,
        missing: impl FnOnce(&[&str]) -> Fault,
    ) -> Result<Event, DecodeError> {
        let absent = self.absent();
        let (Some(id), Some(source), Some(ty)) = (self.id, self.source, self.ty) else {
            return Err(missing(&absent).into());
        };
        let parts = Parts {
            spec_version: self.spec_version,
            received_as: around.received_as,
            id,
            source,
            ty,
            content_type: self.content_type,
            schema: self.schema,
            subject: self.subject,
            time: self.time,
            extensions: self.extensions,
            data: around.data,
            trace: around.trace,
        };
        check_limits(&parts, self.limits)?;
        Ok(Event::from_parts(parts))
    }
    /// The required attributes that were not set.
    fn absent(&self) -> SmallVec<[&'static str; 3]> {
        let set = [&self.id, &self.source, &self.ty];
        REQUIRED
            .into_iter()
            .zip(set)
            .filter_map(|(name, value)| value.is_none().then_some(name))
            .collect()
    }
}

/// Checks an extension attribute that is set from within.
pub(crate) fn extension(
    spec_version: SpecVersion,
    name: &str,
    value: &str,
    ty: AttributeType,
) -> Result<Extension, Fault> {
    check_extension(spec_version, name, value, ty)?;
    Ok(Extension {
        name: AttributeName::new(name)?,
        value: AttributeValue::named(name, value)?,
        ty,
    })
}

/// Checks what the types of parts that were put together elsewhere leave open. Names, the
/// characters of values, the content type and the data answer for themselves.
pub(crate) fn check(parts: &Parts) -> Result<(), Fault> {
    for (name, value) in parts.core() {
        check_core(name, value)?;
    }
    let mut names: SmallVec<[&str; 8]> = SmallVec::new();
    for Extension { name, value, ty } in &parts.extensions {
        check_extension(parts.spec_version, name.as_str(), value.as_str(), *ty)?;
        names.push(name.as_str());
    }
    // Sorted, because nothing bounds how many there are.
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Fault::duplicate(pair[0])),
        None => Ok(()),
    }
}

/// Checks that an extension has a name of its own and the text of its type.
fn check_extension(
    spec_version: SpecVersion,
    name: &str,
    value: &str,
    ty: AttributeType,
) -> Result<(), Fault> {
    if is_core(name, spec_version) {
        return Err(Fault::new(
            name,
            format!("{name} is not an extension but a core attribute"),
            "build a new event to change it",
        ));
    }
    let is_canonical = match ty {
        AttributeType::String => true,
        AttributeType::Boolean => matches!(value, "true" | "false"),
        AttributeType::Integer => value
            .parse::<i32>()
            .is_ok_and(|number| number.to_string() == value),
    };
    if !is_canonical {
        return Err(Fault::new(
            name,
            format!("{name} {} is not the text of a {ty:?}", shown(value)),
            "give true or false for a Boolean, a whole number within 32 bits for an Integer",
        ));
    }
    Ok(())
}

/// Whether the specification itself defines the attribute `name`.
pub(crate) fn is_core(name: &str, spec_version: SpecVersion) -> bool {
    let core = [
        "datacontenttype",
        "subject",
        "time",
        spec_version.schema_name(),
    ];
    REQUIRED.contains(&name) || core.contains(&name)
}

/// Checks a core attribute's value by its own grammar; each must hold at least one character.
fn check_core(name: &str, value: &str) -> Result<(), Fault> {
    if value.is_empty() {
        return Err(Fault::empty(name));
    }
    let (is_valid, grammar, remedy) = match name {
        "source" => (
            uri::is_reference(value),
            "a URI-reference (RFC 3986)",
            "percent-encode what a URI cannot hold; in a header, write each % of it as %25",
        ),
        "dataschema" | "schemaurl" => (
            uri::is_absolute(value),
            "an absolute URI (RFC 3986)",
            "begin it with a scheme, such as https:, and percent-encode what a URI cannot hold",
        ),
        "time" => (
            timestamp::is_timestamp(value),
            "an RFC 3339 timestamp",
            "write it like 2006-01-02T15:04:05Z",
        ),
        _ => return Ok(()),
    };
    if is_valid {
        return Ok(());
    }
    let problem = format!("{name} {} is not {grammar}", shown(value));
    Err(Fault::new(name, problem, remedy))
}

fn check_length(name: &str, value_bytes: usize, limits: &Limits) -> Result<(), Fault> {
    let bytes_max = limits.attribute_bytes_max;
    if value_bytes <= bytes_max {
        return Ok(());
    }
    Err(Fault::new(
        name,
        format!("{name} has {value_bytes} bytes, more than the {bytes_max} allowed"),
        "shorten it, or move it into the data",
    ))
}

fn check_limits(parts: &Parts, limits: &Limits) -> Result<(), DecodeError> {
    if parts.attribute_count() > limits.attributes_max {
        return Err(Fault::too_many_attributes(limits.attributes_max).into());
    }
    let attribute_bytes = parts.attribute_bytes();
    if attribute_bytes > limits.attributes_bytes_max {
        return Err(Fault::new(
            "attributes",
            format!(
                "the attributes have {attribute_bytes} bytes together, more than the {} allowed",
                limits.attributes_bytes_max
            ),
            "shorten them, or move some into the data",
        )
        .into());
    }
    let event_bytes = attribute_bytes + parts.data.as_bytes().len();
    if event_bytes > limits.event_bytes_max {
        return Err(DecodeError::too_large(Fault::new(
            "data",
            format!(
                "the event has {event_bytes} bytes, more than the {} allowed",
                limits.event_bytes_max
            ),
            "send a smaller event, or a reference to the data",
        )));
    }
    Ok(())
}
