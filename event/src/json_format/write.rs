//! Writing events as JSON text. The choice of how data is written stands in the parent's docs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use super::data::ENCODING_OF_V03;
use super::depth;
use crate::attribute::AttributeType;
use crate::envelope::{Data, Event, Extension, Parts, SpecVersion};
use crate::syntax::media_type::ContentType;

/// How deep data may nest to be written as JSON: one less than we read by default, because the
/// event around it counts. Deeper data is opaque to us, and base64 keeps it so for others.
const DATA_DEPTH_MAX: usize = 63;

/// Room that a written event nearly always fits in.
pub(super) fn likely_bytes(event: &Event) -> usize {
    let parts = event.parts();
    let members = 10 + parts.extensions.len();
    // Quotes, colon and comma for each member, and some slack for escapes.
    parts.content_bytes() + members * 6 + 64
}

/// Writes one event, leaving out the extensions named.
pub(super) fn event(event: &Event, omit: &[&str], out: &mut Vec<u8>) {
    let parts = event.parts();
    out.push(b'{');
    for (name, value) in parts.core() {
        push_name(out, name);
        push_string(out, value);
    }
    let form = Form::of(parts, omit);
    for extension in &parts.extensions {
        let name = extension.name.as_str();
        let is_replaced = matches!(form, Form::Base64(_)) && is_encoding(parts, name);
        if !is_replaced && !omit.contains(&name) {
            push_name(out, name);
            push_extension(out, extension);
        }
    }
    form.push(parts.spec_version, out);
    out.push(b'}');
}

/// How the data of an event is written.
enum Form<'a> {
    Absent,
    Json(&'a [u8]),
    Text(&'a str),
    Base64(&'a [u8]),
}

impl<'a> Form<'a> {
    fn of(parts: &'a Parts, omit: &[&str]) -> Self {
        if is_encoded_already(parts, omit) {
            return Form::of_base64_text(parts.data.as_bytes());
        }
        let is_json = parts.content_type.as_ref().map(ContentType::is_json);
        match (&parts.data, is_json) {
            (Data::Absent, _) => Form::Absent,
            (Data::Json(text), None | Some(true)) => Form::Json(text),
            (Data::Bytes(bytes), None) => Form::Base64(bytes),
            (Data::Bytes(bytes), Some(true)) => Form::of_json(bytes),
            (Data::Json(bytes) | Data::Bytes(bytes), Some(false)) => Form::of_text(bytes),
        }
    }

    fn of_json(bytes: &'a [u8]) -> Self {
        let is_json = |text: &&str| {
            depth::is_within(text, DATA_DEPTH_MAX)
                && serde_json::from_str::<IgnoredAny>(text).is_ok()
        };
        match std::str::from_utf8(bytes).ok().filter(is_json) {
            Some(_) => Form::Json(bytes),
            None => Form::Base64(bytes),
        }
    }

    fn of_text(bytes: &'a [u8]) -> Self {
        std::str::from_utf8(bytes).map_or(Form::Base64(bytes), Form::Text)
    }

    /// For a body that is said to be base64: as it stands, or encoded if it is not.
    fn of_base64_text(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) if STANDARD.decode(text).is_ok() => Form::Text(text),
            Ok(_) | Err(_) => Form::Base64(bytes),
        }
    }

    fn push(&self, spec_version: SpecVersion, out: &mut Vec<u8>) {
        match (self, spec_version) {
            (Form::Absent, _) => {}
            (Form::Json(text), _) => {
                push_name(out, "data");
                out.extend_from_slice(text);
            }
            (Form::Text(text), _) => {
                push_name(out, "data");
                push_string(out, text);
            }
            (Form::Base64(bytes), SpecVersion::V10) => {
                push_name(out, "data_base64");
                push_string(out, &STANDARD.encode(bytes));
            }
            (Form::Base64(bytes), SpecVersion::V03) => {
                push_name(out, ENCODING_OF_V03);
                push_string(out, "base64");
                push_name(out, "data");
                push_string(out, &STANDARD.encode(bytes));
            }
        }
    }
}

/// Whether the event came in binary mode, in version 0.3, with a body said to be base64.
fn is_encoded_already(parts: &Parts, omit: &[&str]) -> bool {
    !omit.contains(&ENCODING_OF_V03)
        && parts.data != Data::Absent
        && parts.extensions.iter().any(|extension| {
            is_encoding(parts, extension.name.as_str())
                && extension.value.as_str().eq_ignore_ascii_case("base64")
        })
}

fn is_encoding(parts: &Parts, name: &str) -> bool {
    parts.spec_version == SpecVersion::V03 && name == ENCODING_OF_V03
}

fn push_extension(out: &mut Vec<u8>, extension: &Extension) {
    let text = extension.value.as_str();
    match extension.ty {
        AttributeType::String => push_string(out, text),
        AttributeType::Boolean | AttributeType::Integer => out.extend_from_slice(text.as_bytes()),
    }
}

/// Begins a member. Attribute names hold nothing to escape.
fn push_name(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(index) = rest.iter().position(|&byte| needs_escape(byte)) {
        let (before, from) = rest.split_at(index);
        out.extend_from_slice(before);
        push_escape(out, from[0]);
        rest = &from[1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 0xf)]);
        }
    }
}
