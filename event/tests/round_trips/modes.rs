//! Every path between content modes.

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use sluicegate_event::json_format::{BATCH_MEDIA_TYPE, to_json_batch};
use sluicegate_event::{ContentMode, Decoded, Event, Limits, decode};

use crate::generated::{event, event_of, one, sent, through, version};

fn attributes(event: &Event) -> Vec<(&str, &str)> {
    let mut listed: Vec<_> = event.attributes().map(|a| (a.name, a.value)).collect();
    listed.sort_unstable();
    listed
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn modes_change_and_nothing_else_does(event in event()) {
        let (headers, body) = sent(&event, ContentMode::Binary);
        prop_assert_eq!(&body, event.data().as_bytes());
        let binary = one(&headers, body.clone());
        prop_assert_eq!(attributes(&binary), attributes(&event));

        let structured = through(&binary, ContentMode::Structured);
        prop_assert_eq!(attributes(&structured), attributes(&event));
        prop_assert_eq!(structured.data().as_bytes(), event.data().as_bytes());
        let (headers_again, body_again) = sent(&structured, ContentMode::Binary);
        prop_assert_eq!(headers_again, headers);
        prop_assert_eq!(body_again, body);
    }

    #[test]
    fn structured_mode_keeps_types_and_settles_at_once(event in event()) {
        let structured = through(&event, ContentMode::Structured);
        let types = |event: &Event| -> Vec<_> { event.attributes().map(|a| a.ty).collect() };
        prop_assert_eq!(types(&structured), types(&event));
        let (_, text) = sent(&structured, ContentMode::Structured);
        let again = through(&structured, ContentMode::Structured);
        prop_assert_eq!(&again, &structured);
        prop_assert_eq!(sent(&again, ContentMode::Structured).1, text);
    }

    #[test]
    fn a_batch_brings_each_event_as_it_would_come_alone(
        (one, two) in version().prop_flat_map(|version| (event_of(version), event_of(version))),
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(BATCH_MEDIA_TYPE));
        let body = to_json_batch([&one, &two]);
        let Ok(Decoded::Batch(batch)) = decode(&headers, body, &Limits::default()) else {
            panic!("a batch was sent");
        };
        let alone = [through(&one, ContentMode::Structured), through(&two, ContentMode::Structured)];
        prop_assert_eq!(batch, alone);
    }

    /// Whatever comes in: an answer, and if it is an event, one that can leave and come back.
    #[test]
    fn no_message_causes_a_panic(
        value in vec(any::<u8>().prop_filter("of a header", |&b| HeaderValue::from_bytes(&[b]).is_ok()), 0..40),
        name in prop::sample::select(vec!["ce-id", "ce-source", "ce-time", "ce-x", "content-type", "ce-dataschema", "traceparent"]),
        body in vec(any::<u8>(), 0..40),
    ) {
        let (mut headers, _) = sent(&Event::builder("1", "/", "t").build().unwrap(), ContentMode::Binary);
        headers.insert(HeaderName::from_static(name), HeaderValue::from_bytes(&value).unwrap());
        if let Ok(Decoded::One(event)) = decode(&headers, body.into(), &Limits::default()) {
            let again = through(&event, ContentMode::Binary);
            prop_assert_eq!(again, event);
        }
    }

    #[test]
    fn no_json_causes_a_panic(
        text in r#"\{("(specversion|id|data|data_base64|x|time)":("1.0"|"[a-z\\"]{0,4}"|[0-9eE.+-]{0,6}|null|\{|\[|\]|\}|true),?){0,6}\}?"#,
        is_batch in any::<bool>(),
    ) {
        let media_type = if is_batch { BATCH_MEDIA_TYPE } else { "application/cloudevents+json" };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(media_type));
        _ = decode(&headers, text.into(), &Limits::default());
    }
}
