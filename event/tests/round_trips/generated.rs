//! Generated events, and how they are sent.

use bytes::Bytes;
use http::HeaderMap;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use sluicegate_event::{
    AttributeType, ContentMode, Data, Decoded, Encode, Event, EventBuilder, Limits, SpecVersion,
    decode, encode,
};

/// Text that an attribute may hold, rich in what headers and JSON must escape.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        1 => prop::sample::select(vec!['%', '"', '\\', ' ', '\'', ',', ';']),
        1 => any::<char>().prop_filter("allowed in a CloudEvents string", |&c| {
            let code = u32::from(c);
            !c.is_control() && !(0xfdd0..=0xfdef).contains(&code) && code & 0xfffe != 0xfffe
        }),
    ];
    vec(character, 1..40).prop_map(String::from_iter)
}

fn extension() -> impl Strategy<Value = (String, AttributeType)> {
    prop_oneof![
        text().prop_map(|text| (text, AttributeType::String)),
        any::<bool>().prop_map(|truth| (truth.to_string(), AttributeType::Boolean)),
        any::<i32>().prop_map(|number| (number.to_string(), AttributeType::Integer)),
    ]
}

/// A content type and bytes that may or may not be what it says. Never JSON within white space,
/// which a change of mode takes away.
fn data() -> impl Strategy<Value = (Option<&'static str>, Vec<u8>)> {
    let types = [
        None,
        Some("application/json"),
        Some("application/vnd.x+JSON; charset=utf-8"),
        Some("text/plain"),
        Some("image/png"),
    ];
    let bytes = prop_oneof![
        2 => Just(Vec::new()),
        4 => vec(any::<u8>(), 0..60),
        4 => any::<String>().prop_map(String::into_bytes),
        4 => r#"\{ "[a-c]" :[1-9]{1,30}\.[0-9]{1,30}(e[1-9]{1,4})?, "[a-c]":\["", null\ ,true\]\}"#
            .prop_map(String::into_bytes),
        4 => r#""([ -!#-\[\]-~]|\\[nrt"\\/]|\\u[0-9a-f]{4})*""#.prop_map(String::into_bytes),
    ];
    let bytes = bytes.prop_filter("no white space around", |bytes| bytes.trim_ascii() == bytes);
    (prop::sample::select(types.to_vec()), bytes)
}

pub(crate) fn version() -> impl Strategy<Value = SpecVersion> {
    prop::sample::select(vec![SpecVersion::V10, SpecVersion::V03])
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    version().prop_flat_map(event_of)
}

pub(crate) fn event_of(version: SpecVersion) -> impl Strategy<Value = Event> {
    let extensions = btree_map("x[a-z0-9]{1,12}", extension(), 0..6);
    (
        text(),
        text(),
        proptest::option::of(text()),
        extensions,
        data(),
    )
        .prop_map(move |(id, ty, subject, extensions, (content_type, data))| {
            let mut builder = Event::builder(&id, "/source?a=%20#b", &ty)
                .spec_version(version)
                .attribute("time", "2024-02-29T23:59:59.1200-07:30");
            if let Some(subject) = &subject {
                builder = builder.attribute("subject", subject);
            }
            let mut event = with_data(builder, content_type, data);
            for (name, (value, ty)) in extensions {
                event
                    .set_extension(&name, &value, ty)
                    .expect("generated valid");
            }
            event
        })
}

/// Without a content type only a message can bring data, so it goes through one.
fn with_data(builder: EventBuilder, content_type: Option<&str>, data: Vec<u8>) -> Event {
    match content_type {
        Some(content_type) => builder
            .data(content_type, data)
            .build()
            .expect("generated valid"),
        None => {
            let mut headers = HeaderMap::new();
            let how = Encode {
                mode: ContentMode::Binary,
                omit: &[],
            };
            encode(
                &builder.build().expect("generated valid"),
                how,
                &mut headers,
            );
            one(&headers, data.into())
        }
    }
}

pub(crate) fn one(headers: &HeaderMap, body: Bytes) -> Event {
    match decode(headers, body, &Limits::default()) {
        Ok(Decoded::One(event)) => event,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn through(event: &Event, mode: ContentMode) -> Event {
    let (headers, body) = sent(event, mode);
    one(&headers, body)
}

pub(crate) fn sent(event: &Event, mode: ContentMode) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    let body = encode(event, Encode { mode, omit: &[] }, &mut headers);
    (headers, body)
}

#[test]
fn the_generator_makes_what_the_properties_are_about() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let events: Vec<Event> = (0..500)
        .map(|_| event().new_tree(&mut runner).unwrap().current())
        .collect();
    let structured: Vec<Event> = events
        .iter()
        .map(|event| through(event, ContentMode::Structured))
        .collect();
    let count = |is: &dyn Fn(&Event) -> bool| structured.iter().filter(|event| is(event)).count();
    assert!(count(&|event| matches!(event.data(), Data::Json(_))) > 20);
    assert!(count(&|event| matches!(event.data(), Data::Bytes(_))) > 100);
    assert!(count(&|event| event.data() == &Data::Absent) > 5);
    assert!(count(&|event| event.data_content_type().is_none()) > 50);
    assert!(count(&|event| event.attributes().any(|a| a.ty == AttributeType::Integer)) > 100);
}
