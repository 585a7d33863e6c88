//! Writing an event as the table in the parent's docs has it.

use super::{VERSION, head, tag};
use crate::attribute::AttributeType;
use crate::envelope::{ContentMode, Data, Event, Extension, Parts, SpecVersion, TraceContext};

/// Where an event is written to, or only counted.
pub(super) trait Out {
    fn put(&mut self, bytes: &[u8]);
}

impl Out for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Counts what is put.
pub(super) struct Count(pub(super) usize);

impl Out for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

pub(super) fn event(event: &Event, out: &mut impl Out) {
    let parts = event.parts();
    out.put(&[VERSION, head_of(parts)]);
    for required in [&parts.id, &parts.source, &parts.ty] {
        text(required.as_bytes(), out);
    }
    if let Some(content_type) = &parts.content_type {
        field(tag::CONTENT_TYPE, content_type.header().as_bytes(), out);
    }
    let optional = [
        (tag::SCHEMA, &parts.schema),
        (tag::SUBJECT, &parts.subject),
        (tag::TIME, &parts.time),
    ];
    for (tag, value) in optional {
        if let Some(value) = value {
            field(tag, value.as_bytes(), out);
        }
    }
    for held in &parts.extensions {
        extension(held, out);
    }
    if let Some(context) = &parts.trace {
        trace(context, out);
    }
    match &parts.data {
        Data::Absent => out.put(&[tag::DATA_ABSENT]),
        Data::Bytes(bytes) => field(tag::DATA_BYTES, bytes, out),
        Data::Json(bytes) => field(tag::DATA_JSON, bytes, out),
    }
}

fn head_of(parts: &Parts) -> u8 {
    let version = match parts.spec_version {
        SpecVersion::V03 => head::V03,
        SpecVersion::V10 => 0,
    };
    let mode = match parts.received_as {
        ContentMode::Binary => 0,
        ContentMode::Structured => head::STRUCTURED,
    };
    version | mode
}

fn extension(extension: &Extension, out: &mut impl Out) {
    let tag = match extension.ty {
        AttributeType::String => tag::STRING,
        AttributeType::Boolean => tag::BOOLEAN,
        AttributeType::Integer => tag::INTEGER,
    };
    field(tag, extension.name.as_str().as_bytes(), out);
    text(extension.value.as_bytes(), out);
}

fn trace(trace: &TraceContext, out: &mut impl Out) {
    field(tag::TRACEPARENT, trace.traceparent.as_bytes(), out);
    if let Some(tracestate) = &trace.tracestate {
        field(tag::TRACESTATE, tracestate.as_bytes(), out);
    }
}

fn field(tag: u8, value: &[u8], out: &mut impl Out) {
    out.put(&[tag]);
    text(value, out);
}

fn text(bytes: &[u8], out: &mut impl Out) {
    length(bytes.len(), out);
    out.put(bytes);
}

fn length(mut bytes: usize, out: &mut impl Out) {
    while bytes >= 0x80 {
        out.put(&[0x80 | low_bits(bytes)]);
        bytes >>= 7;
    }
    out.put(&[low_bits(bytes)]);
}

fn low_bits(bytes: usize) -> u8 {
    bytes.to_le_bytes()[0] & 0x7f
}
