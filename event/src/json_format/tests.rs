use super::*;
use crate::attribute::AttributeType;
use crate::envelope::{Data, SpecVersion};
use crate::error::DecodeError;
use crate::limits::Limits;

mod batches;
mod limits;
mod reading;
mod refusing;
mod writing;

fn read_bytes(body: impl Into<Bytes>) -> Result<Event, DecodeError> {
    read::event(&body.into(), &Limits::default())
}

/// Reads an event of the required attributes, of version 1.0, and `more` members.
fn read_more(more: &str) -> Result<Event, DecodeError> {
    read_version("1.0", more)
}

fn read_version(version: &str, more: &str) -> Result<Event, DecodeError> {
    read_bytes(with_members(version, more))
}

fn with_members(version: &str, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(r#"{{"specversion":"{version}","id":"1","source":"/s","type":"t"{comma}{more}}}"#)
}

fn json(text: &'static str) -> Data {
    Data::Json(Bytes::from_static(text.as_bytes()))
}

fn bytes(bytes: &'static [u8]) -> Data {
    Data::Bytes(Bytes::from_static(bytes))
}
