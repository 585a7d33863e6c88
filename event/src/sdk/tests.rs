use super::*;
use crate::http_binding::{Decoded, decode};
use crate::json_format::{EVENT_MEDIA_TYPE, to_json};
use crate::limits::Limits;

/// Reads a structured event whose required attributes are given, and `more` members.
fn ours(more: &str) -> Event {
    let text = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{more}}}"#);
    from_json(text)
}

fn from_json(text: impl Into<Bytes>) -> Event {
    let mut headers = http::HeaderMap::new();
    headers.insert(
        "content-type",
        http::HeaderValue::from_static(EVENT_MEDIA_TYPE),
    );
    match decode(&headers, text.into(), &Limits::default()).unwrap() {
        Decoded::One(event) => event,
        Decoded::Batch(events) => panic!("a batch of {}", events.len()),
    }
}

fn there_and_back(event: &Event) -> Event {
    let theirs = cloudevents::Event::try_from(event).unwrap();
    Event::try_from(theirs).unwrap()
}

#[test]
fn what_the_other_type_can_hold_comes_back_equal() {
    for more in [
        "",
        r#","subject":"é","dataschema":"https://example.com/s#v1","time":"2024-01-02T03:04:05Z""#,
        r#","a":"text","b":true,"c":-5,"d":"","e":2147483647"#,
        r#","data":{"a":[1,"two",null]}"#,
        r#","data":null"#,
        r#","data":"text","datacontenttype":"application/json""#,
        r#","data":"text","datacontenttype":"text/plain""#,
        r#","data_base64":"AAH/""#,
        r#","data_base64":"","datacontenttype":"image/png""#,
    ] {
        assert_eq!(there_and_back(&ours(more)), ours(more), "{more}");
    }
    let old = Event::builder("1", "/s", "t")
        .spec_version(SpecVersion::V03)
        .attribute("schemaurl", "urn:s")
        .attribute("datacontentencoding", "base64")
        .data("text/plain", "AAEC")
        .build()
        .unwrap();
    assert_eq!(there_and_back(&old), old);
}

#[test]
fn both_sides_read_what_the_other_writes() {
    for more in [
        r#","data":{"a":[1,"two",null]},"n":7,"yes":true,"text":"x""#,
        r#","datacontenttype":"text/plain","data_base64":"AAH/""#,
        r#","subject":"é\" \\","time":"2024-01-02T03:04:05Z""#,
    ] {
        let event = ours(more);
        let theirs: cloudevents::Event = serde_json::from_slice(&to_json(&event, &[])).unwrap();
        assert_eq!(theirs, cloudevents::Event::try_from(&event).unwrap());
        let written = serde_json::to_vec(&theirs).unwrap();
        assert_eq!(from_json(written), event);
    }
}

/// One test for each difference that the module's docs list towards the SDK.
#[test]
fn what_goes_towards_the_sdk_is_as_listed() {
    let attribute = |more: &str, name: &str| {
        there_and_back(&ours(more))
            .attribute(name)
            .map(str::to_owned)
            .unwrap()
    };
    assert_eq!(
        attribute(r#","time":"2024-01-02T03:04:05.1234567891+07:00""#, "time"),
        "2024-01-01T20:04:05.123456789Z"
    );
    assert_eq!(
        attribute(r#","dataschema":"HTTP://Host""#, "dataschema"),
        "http://host/"
    );

    let data = |text: &str| {
        let event = there_and_back(&ours(&format!(r#","data":{text}"#)));
        (
            event.data().clone(),
            String::from_utf8(event.data().as_bytes().to_vec()).unwrap(),
        )
    };
    assert_eq!(data(r#"{ "b":1.10, "a":1,"a":2 }"#).1, r#"{"a":2,"b":1.1}"#);
    assert_eq!(data("12345678901234567890123").1, "1.2345678901234568e+22");
    let deep = "[".repeat(63) + &"]".repeat(63);
    assert!(matches!(data(&deep).0, Data::Json(_)));
    assert_eq!(
        data("[1e400]"),
        (Data::Bytes("[1e400]".into()), "[1e400]".to_owned())
    );

    let order = there_and_back(&ours(r#","z":"1","a":"2""#));
    let names: Vec<&str> = order.attributes().skip(4).map(|a| a.name).collect();
    assert_eq!(names, ["a", "z"]);

    let mut traced = ours("");
    traced.set_trace_context(Some(crate::TraceContext {
        traceparent: http::HeaderValue::from_static("any"),
        tracestate: None,
    }));
    let back = there_and_back(&traced);
    assert_eq!(back.trace_context(), None);
    assert_ne!(back.received_as(), traced.received_as());
}

#[test]
fn what_the_sdk_cannot_hold_is_refused_by_name() {
    let event = ours(r#","dataschema":"http://host:99999""#);
    let fault = cloudevents::Event::try_from(&event).unwrap_err();
    assert_eq!(&*fault.subject, "dataschema");
    assert!(
        fault
            .problem
            .starts_with(r#"dataschema "http://host:99999" cannot be held"#)
    );
}

/// One test for each difference that the module's docs list from the SDK.
#[test]
fn what_changes_from_the_sdk_is_as_listed() {
    let theirs = || EventBuilderV10::new().id("1").source("/s").ty("t");
    let convert = |builder: EventBuilderV10| Event::try_from(builder.build().unwrap()).unwrap();

    let wide = convert(
        theirs()
            .extension("n", 2_147_483_648_i64)
            .extension("m", 7_i64),
    );
    let types: Vec<_> = wide
        .attributes()
        .skip(4)
        .map(|a| (a.name, a.value, a.ty))
        .collect();
    let expected = [
        ("m", "7", AttributeType::Integer),
        ("n", "2147483648", AttributeType::String),
    ];
    assert_eq!(types, expected);

    let text = convert(theirs().data("application/json", "{}"));
    assert_eq!(text.data(), &Data::Bytes("{}".into()));
    let value = || serde_json::json!({"a": 1});
    let json = convert(theirs().data("application/json", value()));
    assert_eq!(json.data(), &Data::Json(r#"{"a":1}"#.into()));
    let mislabelled = convert(theirs().data("text/plain", value()));
    assert_eq!(mislabelled.data(), &Data::Bytes(r#"{"a":1}"#.into()));

    let timed = convert(theirs().time("2024-01-02T03:04:05Z"));
    assert_eq!(timed.attribute("time"), Some("2024-01-02T03:04:05Z"));
}

#[test]
fn what_is_no_cloudevent_is_refused_by_name() {
    let theirs = || EventBuilderV10::new().id("1").source("/s").ty("t");
    let cases = [
        (theirs().id(""), "id"),
        (theirs().ty(""), "type"),
        (theirs().source("not a uri <>"), "source"),
        (theirs().subject(""), "subject"),
        (theirs().subject("line\nbreak"), "subject"),
        (theirs().extension("my_ext", "x"), "my_ext"),
        (theirs().extension("id", "x"), "id"),
        (theirs().data("json", "x"), "datacontenttype"),
    ];
    for (builder, subject) in cases {
        let fault = Event::try_from(builder.build().unwrap()).unwrap_err();
        assert_eq!(&*fault.subject, subject);
    }
}
