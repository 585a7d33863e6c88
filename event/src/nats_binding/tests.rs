use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::attribute::AttributeType;
use crate::envelope::ContentMode;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

type Headers = Vec<(String, String)>;

fn written(event: &Event) -> (Headers, Bytes) {
    let mut headers = Headers::new();
    let payload = encode(event, &mut |name, value| {
        headers.push((name.to_owned(), value.to_owned()));
    });
    (headers, payload)
}

fn read(headers: &Headers, payload: Bytes) -> Result<Event, DecodeError> {
    decode(
        headers.iter().map(|(name, value)| (&**name, &**value)),
        payload,
    )
}

fn message(pairs: &[(&str, &str)], payload: &'static str) -> Result<Event, DecodeError> {
    decode(
        pairs.iter().copied(),
        Bytes::from_static(payload.as_bytes()),
    )
}

/// All that an event carries; its own equality leaves out what no other event can see.
fn everything(event: &Event) -> impl PartialEq + std::fmt::Debug {
    let mut stored = Vec::new();
    crate::stored::encode(event, &mut stored);
    stored
}

fn structured(json: &'static str) -> Event {
    message(&[], json).unwrap()
}

#[test]
fn an_event_is_written_as_the_binding_says() {
    let event = Event::builder("a b", "/s", "t")
        .attribute("subject", "Euro € 100%")
        .attribute("time", "2018-04-05T17:31:00.100+07:00")
        .attribute("dataschema", "urn:x")
        .attribute("zz", "")
        .data("text/plain; charset=utf-8", vec![0, 255, b'\r', b'\n'])
        .build()
        .unwrap();
    let (headers, payload) = written(&event);
    let expected = [
        ("ce-specversion", "1.0"),
        ("ce-id", "a%20b"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("ce-datacontenttype", "text/plain;%20charset=utf-8"),
        ("ce-dataschema", "urn:x"),
        ("ce-subject", "Euro%20%E2%82%AC%20100%25"),
        ("ce-time", "2018-04-05T17:31:00.100+07:00"),
        ("ce-zz", ""),
    ];
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!(headers, expected, "no header of ours where none is needed");
    assert_eq!(payload, vec![0, 255, b'\r', b'\n']);
}

#[test]
fn what_the_binding_has_no_word_for_is_noted_and_comes_back() {
    let cases = [
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a": 1.10}}"#,
            "structured; json",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":""}"#,
            "structured; empty",
        ),
        (
            r#"{"specversion":"0.3","id":"1","source":"/s","type":"t","z":"","flag":true,"count":-7}"#,
            "structured; extensions=z,flag:b,count:i",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","b":"","a":""}"#,
            "structured; extensions=b,a",
        ),
    ];
    for (json, notes) in cases {
        let event = structured(json);
        let (mut headers, payload) = written(&event);
        let noted = headers.iter().find(|(name, _)| name == NOTES);
        assert_eq!(noted.map(|(_, value)| &**value), Some(notes), "{json}");
        // A NATS client may keep headers in any order.
        headers.reverse();
        let back = read(&headers, payload).unwrap();
        assert_eq!(everything(&back), everything(&event), "{json}");
    }
}

#[test]
fn what_others_wrote_is_read() {
    let binary = message(
        &[
            ("CE-SpecVersion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/s"),
            ("ce-type", "t"),
            ("ce-datacontenttype", "application/cloudevents+json"),
            ("Nats-Msg-Id", "x"),
            ("traceparent", PARENT),
        ],
        "data",
    )
    .unwrap();
    assert_eq!(binary.data(), &Data::Bytes("data".into()));
    assert_eq!(binary.received_as(), ContentMode::Binary);
    assert_eq!(binary.trace_context().unwrap().traceparent, PARENT);

    let json = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":[]}"#;
    let content_type = [("content-type", "application/cloudevents+json")];
    for headers in [&content_type[..], &[]] {
        let event = message(headers, json).unwrap();
        assert_eq!(event.data(), &Data::Json("[]".into()));
        assert_eq!(event.received_as(), ContentMode::Structured);
    }
}

#[test]
fn what_is_no_event_is_refused_by_name() {
    let whole = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
    ];
    let with = |name, value| message(&[&whole[..], &[(name, value)]].concat(), "");
    assert!(with("ce-subject", "s").is_ok());
    let refused = [
        ("ce-id", "2", "id"),
        ("ce-specversion", "1.0", "specversion"),
        ("ce-subject", "", "subject"),
        ("ce-subject", "%ff", "subject"),
        ("ce-subject", "a\u{7f}", "subject"),
        ("ce-time", "yesterday", "time"),
        ("ce-datacontenttype", "nothing", "datacontenttype"),
        ("ce-Not_A_Name", "x", "not_a_name"),
        (NOTES, "later", NOTES),
        (NOTES, "json", "data"),
        (NOTES, "", NOTES),
    ];
    for (name, value, subject) in refused {
        let error = with(name, value).unwrap_err();
        assert_eq!(&*error.fault().subject, subject, "{name}: {value}: {error}");
    }
    let typed = [&whole[..], &[("ce-n", "x"), (NOTES, "extensions=n:i")]].concat();
    assert_eq!(&*message(&typed, "").unwrap_err().fault().subject, "n");
    for missing in ["ce-id", "ce-source", "ce-type"] {
        let rest = whole.into_iter().filter(|(name, _)| *name != missing);
        let error = decode(rest, Bytes::new()).unwrap_err();
        assert_eq!(format!("ce-{}", error.fault().subject), missing);
    }
    assert!(message(&whole[1..], "").is_err(), "neither mode");
}

/// Text that an attribute may hold, odd characters among it.
fn text() -> impl Strategy<Value = String> {
    let odd = [
        '"', '%', '\\', ' ', 'é', '€', '😀', ',', ';', ':', '=', '.', '*', '>',
    ];
    let character = prop_oneof![
        3 => proptest::char::range('a', 'z'),
        2 => proptest::sample::select(odd.to_vec()),
        1 => proptest::char::range('!', '~'),
    ];
    proptest::collection::vec(character, 1..12).prop_map(String::from_iter)
}

fn extension() -> impl Strategy<Value = (String, String, AttributeType)> {
    let value = prop_oneof![
        text().prop_map(|text| (text, AttributeType::String)),
        Just((String::new(), AttributeType::String)),
        any::<bool>().prop_map(|flag| (flag.to_string(), AttributeType::Boolean)),
        any::<i32>().prop_map(|number| (number.to_string(), AttributeType::Integer)),
    ];
    ("x[a-z0-9]{0,6}", value).prop_map(|(name, (value, ty))| (name, value, ty))
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        Just(Data::Absent),
        proptest::collection::vec(any::<u8>(), 0..64).prop_map(|it| Data::Bytes(it.into())),
        any::<i64>().prop_map(|number| Data::Json(format!("[ {number} ]").into())),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let optional = proptest::option::of(text());
    let extensions = proptest::collection::vec(extension(), 0..5);
    let around = (any::<bool>(), any::<bool>(), any::<bool>());
    (text(), text(), optional, extensions, data(), around).prop_map(
        |(id, ty, subject, extensions, data, (is_old, is_structured, is_traced))| {
            let mut event = Event::builder(&id, "/s", &ty);
            if is_old {
                event = event.spec_version(SpecVersion::V03);
            }
            if let Some(subject) = subject {
                event = event.attribute("subject", &subject);
            }
            let mut event = event.raw_data(data).build().unwrap();
            for (name, value, ty) in extensions {
                event.set_extension(&name, &value, ty).unwrap();
            }
            let trace = is_traced.then(|| TraceContext {
                traceparent: HeaderValue::from_static(PARENT),
                tracestate: Some(HeaderValue::from_static("a=1, b=2")),
            });
            event.set_trace_context(trace);
            let mut parts = event.parts().clone();
            if is_structured {
                parts.received_as = ContentMode::Structured;
            }
            Event::from_checked(parts).unwrap()
        },
    )
}

proptest! {
    #[test]
    fn any_event_comes_back_whole_whatever_the_order_of_its_headers(
        event in event(),
        turn in 0_usize..20,
    ) {
        let (mut headers, payload) = written(&event);
        let names: BTreeMap<_, _> = headers.iter().cloned().collect();
        prop_assert_eq!(names.len(), headers.len(), "each once");
        for (name, value) in &headers {
            let is_printable = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            prop_assert!(is_printable(name) && is_printable(value), "{}: {}", name, value);
            prop_assert_eq!(value.trim(), value, "no client trims anything of it");
        }
        let turn = turn % headers.len();
        headers.rotate_left(turn);
        let back = read(&headers, payload).unwrap();
        prop_assert_eq!(everything(&back), everything(&event));
    }

    #[test]
    fn any_headers_and_payload_are_an_event_or_a_fault(
        headers in proptest::collection::vec(("(ce-)?[a-z]{0,4}|ce-specversion|ce-id|ce-source|ce-type|Sluicegate-Event", "\\PC{0,12}|1\\.0"), 0..8),
        payload in proptest::collection::vec(any::<u8>(), 0..32),
    ) {
        if let Ok(event) = read(&headers, payload.into()) {
            let (headers, payload) = written(&event);
            prop_assert_eq!(read(&headers, payload).unwrap(), event);
        }
    }
}
