//! Attribute names and values, validated once at the door.
//!
//! A name is kept as the header it travels in (`ce-…`) and a value, where it needs no escaping, as
//! a header value, so that an event which came as headers leaves as headers without copies.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue};
use smallvec::SmallVec;

use crate::error::{Fault, shown};
use crate::syntax::text;

/// The name of an attribute: one or more of a-z and 0-9, not `data`. Kept as its header `ce-NAME`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AttributeName(HeaderName);

const PREFIX: &str = "ce-";

impl AttributeName {
    /// Checks a bare name such as `partitionkey`.
    ///
    /// # Errors
    ///
    /// When it is empty, holds anything but a-z and 0-9, or is `data`.
    pub fn new(name: &str) -> Result<Self, Fault> {
        if !Self::is_valid(name) {
            return Err(Fault::bad_name(name));
        }
        let mut header = SmallVec::<[u8; 64]>::from_slice(PREFIX.as_bytes());
        header.extend_from_slice(name.as_bytes());
        HeaderName::from_lowercase(&header)
            .map(AttributeName)
            .map_err(|_| Fault::bad_name(name))
    }

    /// Takes the name from a header that begins with `ce-`.
    ///
    /// # Errors
    ///
    /// As [`AttributeName::new`], for what follows the prefix.
    pub fn from_header(header: &HeaderName) -> Result<Self, Fault> {
        let bare = header.as_str().strip_prefix(PREFIX).unwrap_or_default();
        if Self::is_valid(bare) {
            Ok(AttributeName(header.clone()))
        } else {
            Err(Fault::bad_name(bare))
        }
    }

    /// Whether `name` may name an attribute.
    pub fn is_valid(name: &str) -> bool {
        !name.is_empty()
            && name != "data"
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    }

    /// The bare name.
    pub fn as_str(&self) -> &str {
        self.0.as_str().strip_prefix(PREFIX).unwrap_or_default()
    }

    /// The header it travels in.
    pub fn header(&self) -> &HeaderName {
        &self.0
    }
}

impl fmt::Debug for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The CloudEvents type that a value was received with. Headers carry no types, so a value from
/// binary mode is a `String` there; JSON tells booleans and integers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AttributeType {
    /// Text, or any type whose canonical form is text.
    #[default]
    String,
    /// A JSON `true` or `false`.
    Boolean,
    /// A JSON integer within 32 bits.
    Integer,
}

/// The canonical text of an attribute. Cheap to clone.
#[derive(Clone)]
pub struct AttributeValue(Repr);

#[derive(Clone)]
enum Repr {
    /// Printable ASCII that travels in a header as it is.
    Plain(HeaderValue),
    /// Anything else: percent-encoded when it leaves as a header.
    Text(Arc<str>),
}

impl AttributeValue {
    /// Keeps `text`, which must hold no control characters, surrogates or noncharacters.
    ///
    /// # Errors
    ///
    /// When it does.
    pub fn new(text: &str) -> Result<Self, Fault> {
        Self::named("attribute", text)
    }

    /// As [`AttributeValue::new`]; a fault names the attribute `name`.
    pub(crate) fn named(name: &str, text: &str) -> Result<Self, Fault> {
        if let Some(character) = text::forbidden_character(text) {
            return Err(Fault::forbidden_character(name, text, character));
        }
        match HeaderValue::from_str(text) {
            Ok(value) if text::is_plain(text.as_bytes()) => Ok(AttributeValue(Repr::Plain(value))),
            Ok(_) | Err(_) => Ok(AttributeValue(Repr::Text(text.into()))),
        }
    }

    /// Reads a header: undoes a quoted-string, then one percent-encoding. Copies nothing when
    /// there is nothing to undo.
    pub(crate) fn from_header(name: &str, header: &HeaderValue) -> Result<Self, Fault> {
        if text::is_plain(header.as_bytes()) {
            return Ok(AttributeValue(Repr::Plain(header.clone())));
        }
        let bytes = text::decode_from_header(header.as_bytes());
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::named(name, text),
            Err(_) => Err(Fault::new(
                name,
                format!(
                    "{name} {} is not UTF-8 once percent-decoded",
                    shown(&String::from_utf8_lossy(header.as_bytes()))
                ),
                "percent-encode the UTF-8 bytes of the text",
            )),
        }
    }

    /// Keeps text that lies in a message's body, without copying it where it travels as it is.
    pub(crate) fn from_body(name: &str, text: &str, body: &Bytes) -> Result<Self, Fault> {
        if text::is_plain(text.as_bytes())
            && let Ok(value) = HeaderValue::from_maybe_shared(body.slice_ref(text.as_bytes()))
        {
            return Ok(AttributeValue(Repr::Plain(value)));
        }
        Self::named(name, text)
    }

    /// Keeps the bytes of a text, without copying them where they travel as they are.
    pub(crate) fn from_text(name: &str, text: Bytes) -> Result<Self, Fault> {
        if text::is_plain(&text) {
            let value = HeaderValue::from_maybe_shared(text)
                .expect("what is plain is what a header takes as it is");
            return Ok(AttributeValue(Repr::Plain(value)));
        }
        match std::str::from_utf8(&text) {
            Ok(text) => Self::named(name, text),
            Err(_) => Err(Fault::new(
                name,
                format!(
                    "{name} {} is not UTF-8",
                    shown(&String::from_utf8_lossy(&text))
                ),
                "write text in UTF-8",
            )),
        }
    }

    /// Moves a value that shares a message's buffer into `buffer`.
    pub(crate) fn compact(&mut self, buffer: &mut BytesMut) {
        match &mut self.0 {
            Repr::Plain(value) => move_into(buffer, value),
            Repr::Text(_) => {}
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Plain(value) => std::str::from_utf8(value.as_bytes()).unwrap_or_default(),
            Repr::Text(text) => text,
        }
    }

    /// The bytes of the text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Plain(value) => value.as_bytes(),
            Repr::Text(text) => text.as_bytes(),
        }
    }

    /// How many bytes the text has.
    pub(crate) fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// The value as it travels in a header: percent-encoded where the HTTP binding asks for it.
    pub fn to_header(&self) -> HeaderValue {
        match &self.0 {
            Repr::Plain(value) => value.clone(),
            Repr::Text(text) => HeaderValue::try_from(text::encode_for_header(text))
                .expect("percent-encoding leaves nothing but printable ASCII"),
        }
    }
}

/// Copies a header value to the end of `buffer` and lets it share that instead.
pub(crate) fn move_into(buffer: &mut BytesMut, value: &mut HeaderValue) {
    buffer.extend_from_slice(value.as_bytes());
    if let Ok(copy) = HeaderValue::from_maybe_shared(buffer.split().freeze()) {
        *value = copy;
    }
}

impl fmt::Debug for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for AttributeValue {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for AttributeValue {}

/// One attribute of an event, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The bare name.
    pub name: &'a str,
    /// The canonical text.
    pub value: &'a str,
    /// The type it was received with.
    pub ty: AttributeType,
}
