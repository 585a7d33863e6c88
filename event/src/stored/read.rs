//! Reading an event as the table in the parent's docs has it.
//!
//! The fields are asked for one after the other, so that any other order, and any field twice, is
//! a tag in the wrong place. A length is believed only as far as there are bytes for it.

use bytes::{Buf as _, Bytes};
use http::HeaderValue;
use serde::de::IgnoredAny;

use super::{StoredError, VERSION, head, tag};
use crate::attribute::{AttributeName, AttributeType, AttributeValue};
use crate::envelope::{
    ContentMode, Data, Event, Extension, Extensions, Parts, SpecVersion, TraceContext,
};
use crate::error::{Fault, shown};
use crate::syntax::media_type::ContentType;

pub(super) fn event(stored: Bytes) -> Result<Event, StoredError> {
    let mut input = Input::new(stored);
    match input.byte()? {
        VERSION => {}
        version => return Err(StoredError::UnknownVersion { version }),
    }
    let (spec_version, received_as) = input.head()?;
    // Each part is read where it stands here.
    let parts = Parts {
        spec_version,
        received_as,
        id: input.value("id")?,
        source: input.value("source")?,
        ty: input.value("type")?,
        content_type: input.content_type()?,
        schema: input.optional_value(tag::SCHEMA, spec_version.schema_name())?,
        subject: input.optional_value(tag::SUBJECT, "subject")?,
        time: input.optional_value(tag::TIME, "time")?,
        extensions: input.extensions()?,
        trace: input.trace()?,
        data: input.data()?,
    };
    input.end()?;
    Ok(Event::from_checked(parts)?)
}

/// What is not read yet.
struct Input {
    rest: Bytes,
    stored_bytes: usize,
}

impl Input {
    fn new(stored: Bytes) -> Self {
        Input {
            stored_bytes: stored.len(),
            rest: stored,
        }
    }

    fn head(&mut self) -> Result<(SpecVersion, ContentMode), StoredError> {
        let bits = self.byte()?;
        if bits & !(head::V03 | head::STRUCTURED) != 0 {
            return Err(self.damaged_before(1, "the head has a bit that means nothing"));
        }
        let spec_version = match bits & head::V03 {
            0 => SpecVersion::V10,
            _ => SpecVersion::V03,
        };
        let received_as = match bits & head::STRUCTURED {
            0 => ContentMode::Binary,
            _ => ContentMode::Structured,
        };
        Ok((spec_version, received_as))
    }

    fn value(&mut self, name: &str) -> Result<AttributeValue, StoredError> {
        Ok(AttributeValue::from_text(name, self.text()?)?)
    }

    fn optional_value(
        &mut self,
        tag: u8,
        name: &str,
    ) -> Result<Option<AttributeValue>, StoredError> {
        self.skip(tag).then(|| self.value(name)).transpose()
    }

    fn content_type(&mut self) -> Result<Option<ContentType>, StoredError> {
        if !self.skip(tag::CONTENT_TYPE) {
            return Ok(None);
        }
        let text = self.text()?;
        let content_type = HeaderValue::from_maybe_shared(text.clone())
            .ok()
            .and_then(ContentType::from_header);
        match content_type {
            Some(content_type) => Ok(Some(content_type)),
            None => Err(Fault::bad_content_type(&String::from_utf8_lossy(&text)).into()),
        }
    }

    fn extensions(&mut self) -> Result<Extensions, StoredError> {
        let mut extensions = Extensions::new();
        while let Some(ty) = self.extension_type() {
            self.rest.advance(1);
            let name = self.text()?;
            let name = AttributeName::new(&String::from_utf8_lossy(&name))?;
            let value = self.value(name.as_str())?;
            extensions.push(Extension { name, value, ty });
        }
        Ok(extensions)
    }

    /// The type of the extension that comes next, if one does.
    fn extension_type(&self) -> Option<AttributeType> {
        match *self.rest.first()? {
            tag::STRING => Some(AttributeType::String),
            tag::BOOLEAN => Some(AttributeType::Boolean),
            tag::INTEGER => Some(AttributeType::Integer),
            _ => None,
        }
    }

    fn trace(&mut self) -> Result<Option<TraceContext>, StoredError> {
        let Some(traceparent) = self.optional_header(tag::TRACEPARENT, "traceparent")? else {
            return Ok(None);
        };
        let tracestate = self.optional_header(tag::TRACESTATE, "tracestate")?;
        Ok(Some(TraceContext {
            traceparent,
            tracestate,
        }))
    }

    fn optional_header(&mut self, tag: u8, name: &str) -> Result<Option<HeaderValue>, StoredError> {
        if !self.skip(tag) {
            return Ok(None);
        }
        let text = self.text()?;
        match HeaderValue::from_maybe_shared(text.clone()) {
            Ok(value) => Ok(Some(value)),
            Err(_) => {
                let refused = shown(&String::from_utf8_lossy(&text));
                let problem = format!("{name} {refused} cannot be a header");
                Err(Fault::new(name, problem, "leave it out").into())
            }
        }
    }

    fn data(&mut self) -> Result<Data, StoredError> {
        match self.byte()? {
            tag::DATA_ABSENT => Ok(Data::Absent),
            tag::DATA_BYTES => Ok(Data::Bytes(self.text()?)),
            tag::DATA_JSON => Ok(Data::Json(json(self.text()?)?)),
            known if tag::ALL.contains(&known) => {
                Err(self.damaged_before(1, "a field stands twice or in the wrong place"))
            }
            tag => Err(StoredError::UnknownField {
                version: VERSION,
                tag,
                at_byte: self.at_byte() - 1,
            }),
        }
    }

    fn end(&self) -> Result<(), StoredError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.damaged("there is more behind its data"))
        }
    }

    /// Moves past `tag` if that comes next.
    fn skip(&mut self, tag: u8) -> bool {
        let is_next = self.rest.first() == Some(&tag);
        if is_next {
            self.rest.advance(1);
        }
        is_next
    }

    fn byte(&mut self) -> Result<u8, StoredError> {
        self.rest.try_get_u8().map_err(|_| self.damaged("it ends"))
    }

    fn text(&mut self) -> Result<Bytes, StoredError> {
        let length_bytes = self.length()?;
        if length_bytes > self.rest.len() {
            return Err(self.damaged("it ends before the end of the text"));
        }
        Ok(self.rest.split_to(length_bytes))
    }

    /// A length in as few bytes as can be, so that there is one way to write it.
    fn length(&mut self) -> Result<usize, StoredError> {
        let mut length = 0;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = usize::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                break;
            }
            length |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(length);
            }
        }
        Err(self.damaged_before(1, "a length is not written as lengths are"))
    }

    fn at_byte(&self) -> usize {
        self.stored_bytes - self.rest.len()
    }

    fn damaged(&self, problem: &'static str) -> StoredError {
        self.damaged_before(0, problem)
    }

    /// Damage in the byte that was read `bytes` ago.
    fn damaged_before(&self, bytes: usize, problem: &'static str) -> StoredError {
        let at_byte = self.at_byte().saturating_sub(bytes);
        StoredError::Damaged { problem, at_byte }
    }
}

/// Checks a JSON value, which leaves in a structured event as it is: what is none would change the
/// event around it.
pub(crate) fn json(text: Bytes) -> Result<Bytes, Fault> {
    let is_json = text.trim_ascii().len() == text.len()
        && std::str::from_utf8(&text)
            .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    if is_json {
        return Ok(text);
    }
    Err(Fault::new(
        "data",
        format!(
            "data {} is not a JSON value without white space around it",
            shown(&String::from_utf8_lossy(&text))
        ),
        "send it as bytes",
    ))
}
