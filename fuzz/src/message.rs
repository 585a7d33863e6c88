//! HTTP messages made of bytes, and what must hold for an event however it came.
//!
//! An input is header lines, `name: value`, then an empty line, then the body. Lines end with a line
//! feed alone, so that every other byte may stand in a value; what could be no header is left out.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use sluicegate_event::http_binding::{claims_to_be_an_event, message_bytes_max};
use sluicegate_event::{
    AttributeType, ContentMode, Data, DecodeError, Decoded, Encode, Event, Limits, SpecVersion,
};

/// How many header lines an input may have.
const HEADERS_MAX: usize = 128;

/// Reads a message.
pub(crate) type Decode = fn(&HeaderMap, Bytes, &Limits) -> Result<Decoded, DecodeError>;

/// Writes an event.
pub(crate) type EncodeEvent = fn(&Event, Encode<'_>, &mut HeaderMap) -> Bytes;

/// Limits that small messages pass, in both senses.
const TIGHT: Limits = Limits {
    event_bytes_max: 256,
    batch_events_max: 2,
    batch_bytes_max: 512,
    attributes_max: 6,
    attribute_bytes_max: 32,
    attributes_bytes_max: 128,
    json_depth_max: 4,
};

pub(crate) fn message_of(input: &[u8]) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    let mut rest = input;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if line.is_empty() {
            return (headers, Bytes::copy_from_slice(rest));
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value)
            && headers.len() < HEADERS_MAX
        {
            headers.append(name, value);
        }
    }
    (headers, Bytes::new())
}

/// Decodes, and checks what does not depend on the mode.
pub(crate) fn decoded(headers: &HeaderMap, body: &Bytes, decode: Decode) -> Option<Decoded> {
    let limits = Limits::default();
    let outcome = decode(headers, body.clone(), &limits);
    if let Ok(accepted) = decode(headers, body.clone(), &TIGHT) {
        keeps_within_tight_limits(&accepted);
        assert_eq!(
            Some(&accepted),
            outcome.as_ref().ok(),
            "what tight limits allow is read alike with wide ones"
        );
    }
    match outcome {
        Ok(decoded) => {
            assert!(claims_to_be_an_event(headers), "{headers:?}");
            assert!(body.len() <= message_bytes_max(headers, &limits));
            Some(decoded)
        }
        Err(error) => {
            explains_itself(&error);
            None
        }
    }
}

fn keeps_within_tight_limits(decoded: &Decoded) {
    let events = match decoded {
        Decoded::One(event) => std::slice::from_ref(event),
        Decoded::Batch(events) => events,
    };
    assert!(events.len() <= TIGHT.batch_events_max);
    for event in events {
        // `specversion` is not counted: it can only be one of two short texts.
        assert!(event.attributes().count() <= TIGHT.attributes_max + 1);
        let longest = event.attributes().map(|attribute| attribute.value.len());
        assert!(longest.max() <= Some(TIGHT.attribute_bytes_max));
        assert!(event.data().as_bytes().len() <= TIGHT.event_bytes_max);
    }
}

fn explains_itself(error: &DecodeError) {
    let fault = error.fault();
    for sentence in [&fault.problem, &fault.remedy] {
        assert!(
            !sentence.is_empty() && !sentence.contains(char::is_control),
            "{error:?}"
        );
        assert!(sentence.len() <= 1024, "{error:?}");
    }
    assert!(fault.subject.len() <= 1024, "{error:?}");
    assert!(!fault.subject.contains(char::is_control), "{error:?}");
}

/// Writes `event` in `mode` and reads it back.
pub(crate) fn through(
    event: &Event,
    mode: ContentMode,
    decode: Decode,
    encode: EncodeEvent,
) -> Event {
    let mut headers = HeaderMap::new();
    let body = encode(event, Encode { mode, omit: &[] }, &mut headers);
    for (name, value) in &headers {
        let is_text = value.to_str().is_ok_and(|text| text.trim() == text);
        assert!(is_text || name == "content-type", "{name:?}: {value:?}");
    }
    match decode(&headers, body.clone(), &Limits::default()) {
        Ok(Decoded::One(again)) => again,
        other => panic!("{event:?} is written as {headers:?} {body:?}, read as {other:?}"),
    }
}

/// What must hold for an event that was read: it passes both modes unaltered.
pub(crate) fn passes_unaltered(event: &Event, decode: Decode, encode: EncodeEvent) {
    let mut compacted = event.clone();
    compacted.compact();
    assert_eq!(compacted, *event, "an event is compacted");
    assert!(event.size_bytes() >= event.data().as_bytes().len() + Event::OVERHEAD_BYTES);

    let again = |event: &Event, mode| through(event, mode, decode, encode);
    let binary = again(event, ContentMode::Binary);
    is_the_same(event, &binary, ContentMode::Binary);
    assert_eq!(
        again(&binary, ContentMode::Binary),
        binary,
        "what was read in binary mode is sent on"
    );

    let structured = again(event, ContentMode::Structured);
    if !has_encoded_data(event) {
        is_the_same(event, &structured, ContentMode::Structured);
    }
    // Bytes that turn out to be JSON are written as JSON, once.
    let settled = again(&structured, ContentMode::Structured);
    is_the_same(&structured, &settled, ContentMode::Structured);
    assert_eq!(
        again(&settled, ContentMode::Structured),
        settled,
        "what was read as JSON is sent on"
    );
}

/// Version 0.3 in binary mode: the body is base64 by an attribute of its own, and as JSON it is
/// written as what it stands for.
fn has_encoded_data(event: &Event) -> bool {
    event.spec_version() == SpecVersion::V03 && event.attribute("datacontentencoding").is_some()
}

/// Compares attributes, their types where the mode carries any, and the bytes of the data. JSON data
/// without a media type gets one in binary mode, and the space around JSON data belongs to nobody.
fn is_the_same(before: &Event, after: &Event, mode: ContentMode) {
    let (mut sent, arrived) = (attributes(before, mode), attributes(after, mode));
    let lacks_a_type =
        before.data_content_type().is_none() && matches!(before.data(), Data::Json(_));
    if lacks_a_type && mode == ContentMode::Binary {
        let json = ("application/json", AttributeType::String);
        sent.insert("datacontenttype", json);
    }
    assert_eq!(arrived, sent, "{mode:?}");
    let (sent, arrived) = (before.data().as_bytes(), after.data().as_bytes());
    let may_be_trimmed = mode == ContentMode::Structured && matches!(after.data(), Data::Json(_));
    assert!(
        sent == arrived || may_be_trimmed && sent.trim_ascii() == arrived,
        "{mode:?}: {before:?} and {after:?}"
    );
}

/// Value and type by name, as far as `mode` carries them.
fn attributes(event: &Event, mode: ContentMode) -> BTreeMap<&str, (&str, AttributeType)> {
    let all = event.attributes().map(|held| match mode {
        ContentMode::Binary => (held.name, (held.value, AttributeType::String)),
        ContentMode::Structured => (held.name, (held.value, held.ty)),
    });
    all.collect()
}
