//! Conversions to and from the `cloudevents::Event` of the CloudEvents SDK, for programs that meet
//! its users, and for tests that hold this crate against a second implementation.
//!
//! Everything is carried that the other type can hold. What it cannot hold:
//!
//! Towards the SDK
//! - `time` becomes a moment in UTC: the offset and digits past the nanosecond go.
//! - `dataschema` becomes a `Url`, which is put into a normal form (`HTTP://Host` becomes
//!   `http://host/`); one that it does not understand is refused.
//! - JSON data of a structured event becomes a `serde_json::Value`: order of members, spacing,
//!   repeated names and digits past a double's precision go. What no `Value` can hold (such as
//!   `1e400`, or nesting past its recursion limit) stays bytes instead.
//! - The order of extensions, the mode it arrived in and the trace context go.
//!
//! From the SDK
//! - An integer extension past 32 bits, which CloudEvents has no type for, becomes its text.
//! - A text as data becomes its bytes; JSON data is bytes too where the content type is not JSON.
//! - Extensions are put into the order of their names, because there they have none.
//! - `time` is written in UTC with a `Z`.
//! - The SDK's type accepts what CloudEvents does not, such as an empty `id` or an extension named
//!   `my_ext`; here that is a fault.

use bytes::Bytes;
use cloudevents::event::{ExtensionValue, TryIntoTime, TryIntoUrl};
use cloudevents::{
    AttributesReader, AttributesWriter, EventBuilder as _, EventBuilderV03, EventBuilderV10,
};

use crate::attribute::{Attribute, AttributeType};
use crate::envelope::{Data, Event, SpecVersion};
use crate::error::{Fault, shown};
use crate::syntax::media_type::MediaType;

impl TryFrom<&Event> for cloudevents::Event {
    type Error = Fault;

    /// ```
    /// use cloudevents::AttributesReader;
    ///
    /// let event = sluicegate_event::Event::builder("1", "/orders", "order.placed").build()?;
    /// let theirs = cloudevents::Event::try_from(&event)?;
    /// assert_eq!(theirs.source(), "/orders");
    /// assert_eq!(sluicegate_event::Event::try_from(theirs)?, event);
    /// # Ok::<(), sluicegate_event::Fault>(())
    /// ```
    fn try_from(event: &Event) -> Result<Self, Fault> {
        let mut theirs = with_required(event)?;
        for attribute in event.attributes() {
            set(&mut theirs, event.spec_version(), attribute)?;
        }
        if let Some(data) = data_for_sdk(event.data()) {
            theirs.set_data_unchecked(data);
        }
        Ok(theirs)
    }
}

fn with_required(event: &Event) -> Result<cloudevents::Event, Fault> {
    let (id, source, ty) = (event.id(), event.source(), event.ty());
    let built = match event.spec_version() {
        SpecVersion::V03 => EventBuilderV03::new().id(id).source(source).ty(ty).build(),
        SpecVersion::V10 => EventBuilderV10::new().id(id).source(source).ty(ty).build(),
    };
    built.map_err(|error| {
        Fault::new(
            "id",
            format!("the SDK does not take the event: {error}"),
            "use another event",
        )
    })
}

fn set(
    theirs: &mut cloudevents::Event,
    spec_version: SpecVersion,
    attribute: Attribute<'_>,
) -> Result<(), Fault> {
    let Attribute { name, value, ty } = attribute;
    match name {
        "specversion" | "id" | "source" | "type" => {}
        "datacontenttype" => _ = theirs.set_datacontenttype(Some(value)),
        "subject" => _ = theirs.set_subject(Some(value)),
        "time" => {
            let time = value
                .into_time()
                .map_err(|error| not_held(name, value, &error))?;
            theirs.set_time(Some(time));
        }
        _ if name == spec_version.schema_name() => {
            let url = value
                .into_url()
                .map_err(|error| not_held(name, value, &error))?;
            theirs.set_dataschema(Some(url));
        }
        _ => theirs.set_extension(name, extension_for_sdk(value, ty)),
    }
    Ok(())
}

fn not_held(name: &str, value: &str, error: &dyn std::fmt::Display) -> Fault {
    Fault::new(
        name,
        format!("{name} {} cannot be held by the SDK: {error}", shown(value)),
        "leave it out, or write it differently",
    )
}

fn extension_for_sdk(value: &str, ty: AttributeType) -> ExtensionValue {
    let text = || ExtensionValue::String(value.to_owned());
    match ty {
        AttributeType::String => text(),
        AttributeType::Boolean => ExtensionValue::Boolean(value == "true"),
        AttributeType::Integer => value
            .parse()
            .map_or_else(|_| text(), ExtensionValue::Integer),
    }
}

fn data_for_sdk(data: &Data) -> Option<cloudevents::Data> {
    match data {
        Data::Absent => None,
        Data::Bytes(bytes) => Some(cloudevents::Data::Binary(bytes.to_vec())),
        Data::Json(text) => Some(match serde_json::from_slice(text) {
            Ok(value) => cloudevents::Data::Json(value),
            Err(_) => cloudevents::Data::Binary(text.to_vec()),
        }),
    }
}

impl TryFrom<cloudevents::Event> for Event {
    type Error = Fault;

    fn try_from(mut theirs: cloudevents::Event) -> Result<Self, Fault> {
        let spec_version = match theirs.specversion() {
            cloudevents::event::SpecVersion::V03 => SpecVersion::V03,
            cloudevents::event::SpecVersion::V10 => SpecVersion::V10,
        };
        let time = theirs
            .time()
            .map(|time| time.to_rfc3339().replace("+00:00", "Z"));
        let optional = [
            ("datacontenttype", theirs.datacontenttype()),
            (
                spec_version.schema_name(),
                theirs.dataschema().map(|url| url.as_str()),
            ),
            ("subject", theirs.subject()),
            ("time", time.as_deref()),
        ];
        let mut builder =
            Event::builder(theirs.id(), theirs.source(), theirs.ty()).spec_version(spec_version);
        for (name, value) in optional {
            if let Some(value) = value {
                builder = builder.attribute(name, value);
            }
        }
        let mut extensions: Vec<(String, ExtensionValue)> = theirs
            .iter_extensions()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        extensions.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (content_type, _, data) = theirs.take_data();
        let mut event = builder
            .raw_data(data_from_sdk(data, content_type.as_deref()))
            .build()?;
        for (name, value) in extensions {
            let (text, ty) = extension_from_sdk(value);
            event.set_extension(&name, &text, ty)?;
        }
        Ok(event)
    }
}

fn extension_from_sdk(value: ExtensionValue) -> (String, AttributeType) {
    match value {
        ExtensionValue::String(text) => (text, AttributeType::String),
        ExtensionValue::Boolean(is_true) => (is_true.to_string(), AttributeType::Boolean),
        ExtensionValue::Integer(number) => {
            let fits = i32::try_from(number).is_ok();
            let ty = if fits {
                AttributeType::Integer
            } else {
                AttributeType::String
            };
            (number.to_string(), ty)
        }
    }
}

fn data_from_sdk(data: Option<cloudevents::Data>, content_type: Option<&str>) -> Data {
    let is_json = content_type
        .is_none_or(|text| MediaType::parse(text).is_some_and(|media_type| media_type.is_json()));
    match data {
        None => Data::Absent,
        Some(cloudevents::Data::Binary(bytes)) => Data::Bytes(bytes.into()),
        Some(cloudevents::Data::String(text)) => Data::Bytes(text.into()),
        Some(cloudevents::Data::Json(value)) => {
            let text = Bytes::from(value.to_string());
            if is_json {
                Data::Json(text)
            } else {
                Data::Bytes(text)
            }
        }
    }
}

#[cfg(test)]
mod tests;
