use super::*;

const BODY: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a": 1}}"#;

fn decode_as(content_type: &str, body: &str) -> Result<Decoded, DecodeError> {
    let headers = headers(&[("content-type", content_type.as_bytes())]);
    decode(
        &headers,
        Bytes::copy_from_slice(body.as_bytes()),
        &Limits::default(),
    )
}

#[test]
fn the_media_type_decides_the_mode() {
    for content_type in [
        "application/cloudevents+json",
        "Application/CloudEvents+JSON",
        "application/cloudevents+json; charset=UTF-8",
        "application/cloudevents+json;charset=\"utf-8\";x=y",
    ] {
        match decode_as(content_type, BODY) {
            Ok(Decoded::One(event)) => assert_eq!(event.received_as(), ContentMode::Structured),
            other => panic!("{content_type}: {other:?}"),
        }
    }
    for content_type in [
        "application/cloudevents-batch+json",
        "APPLICATION/CLOUDEVENTS-BATCH+JSON; charset=utf-8",
    ] {
        match decode_as(content_type, &format!("[{BODY}]")) {
            Ok(Decoded::Batch(events)) => assert_eq!(events.len(), 1),
            other => panic!("{content_type}: {other:?}"),
        }
        assert_eq!(decode_as(content_type, "[]"), Ok(Decoded::Batch(vec![])));
    }
    let binary = event_headers(&[("content-type", b"application/cloudevent+json")]);
    assert_eq!(
        decode_one(&binary, b"").unwrap().received_as(),
        ContentMode::Binary
    );
}

#[test]
fn other_formats_charsets_and_encodings_are_unsupported() {
    for content_type in [
        "application/cloudevents",
        "application/cloudevents; charset=utf-8",
        "application/cloudevents+xml",
        "application/cloudevents+avro",
        "application/cloudevents+jsonx",
        "application/cloudevents-batch",
        "application/cloudevents-batch+xml",
        "application/cloudeventsfoo",
        "application/cloudevents+json; charset=iso-8859-1",
        "application/cloudevents-batch+json; charset=utf-16",
    ] {
        let error = decode_as(content_type, BODY).unwrap_err();
        assert!(
            matches!(error, DecodeError::Unsupported(_)),
            "{content_type}: {error:?}"
        );
        assert!(!error.fault().remedy.is_empty());
    }
    for encoding in ["gzip", "br", "identity, gzip", ""] {
        let headers = event_headers(&[("content-encoding", encoding.as_bytes())]);
        let error = decode_one(&headers, b"").unwrap_err();
        assert!(matches!(error, DecodeError::Unsupported(_)), "{encoding}");
    }
    assert!(decode_one(&event_headers(&[("content-encoding", b"Identity")]), b"").is_ok());
}

#[test]
fn a_malformed_content_type_is_malformed_in_every_mode() {
    for content_type in [
        "application/cloudevents+json; charset",
        "application/cloudevents+json, text/plain",
    ] {
        let error = decode_as(content_type, BODY).unwrap_err();
        assert!(
            matches!(error, DecodeError::Malformed { .. }),
            "{content_type}: {error:?}"
        );
    }
}

#[test]
fn in_structured_mode_the_payload_wins_over_headers() {
    let event = decode_one(
        &headers(&[
            ("content-type", b"application/cloudevents+json"),
            ("ce-id", b"other"),
            ("ce-specversion", b"7"),
            ("ce-bad_name", b"%ff"),
            ("ce-data", b"x"),
        ]),
        BODY.as_bytes(),
    )
    .unwrap();
    assert_eq!(event.id(), "1");
    assert_eq!(event.attributes().count(), 4);
}

#[test]
fn every_mode_takes_the_trace_of_the_message() {
    let parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" as &[u8];
    for (content_type, body) in [
        ("application/cloudevents+json", BODY.to_owned()),
        (
            "application/cloudevents-batch+json",
            format!("[{BODY},{BODY}]"),
        ),
    ] {
        let headers = headers(&[
            ("content-type", content_type.as_bytes()),
            ("traceparent", parent),
        ]);
        let events = match decode(&headers, body.into(), &Limits::default()).unwrap() {
            Decoded::One(event) => vec![event],
            Decoded::Batch(events) => events,
        };
        for event in events {
            assert_eq!(
                event.trace_context().unwrap().traceparent.as_bytes(),
                parent
            );
        }
    }
}

#[test]
fn a_message_claims_to_be_an_event_by_its_version_or_media_type() {
    let cases: &[(&str, &[u8], bool)] = &[
        ("ce-specversion", b"", true),
        ("Ce-Specversion", b"9", true),
        ("content-type", b"application/cloudevents+json", true),
        ("content-type", b"Application/CloudEvents-Batch+JSON", true),
        ("content-type", b"application/cloudevents+xml", true),
        ("content-type", b"application/json", false),
        ("content-type", b"application/cloudevent", false),
        ("ce-id", b"1", false),
    ];
    for (name, value, expected) in cases {
        assert_eq!(
            claims_to_be_an_event(&headers(&[(name, value)])),
            *expected,
            "{name}"
        );
    }
    assert!(!claims_to_be_an_event(&HeaderMap::new()));
}

#[test]
fn structured_mode_is_written_with_its_media_type() {
    let event = decode_one(&event_headers(&[("ce-a", b"1"), ("ce-b", b"2")]), b"").unwrap();
    let (sent, body) = encoded(&event, ContentMode::Structured, &["a"]);
    assert_eq!(
        sent,
        headers(&[("content-type", b"application/cloudevents+json")])
    );
    assert_eq!(
        body,
        r#"{"specversion":"1.0","id":"1","source":"/source","type":"a.type","b":"2"}"#
    );
}

/// Binary, structured, binary: headers and body as they were.
#[test]
fn a_change_of_mode_and_back_alters_nothing() {
    let cases: &[(&[u8], &[u8])] = &[
        (
            b"application/json",
            b"{ \"b\" :1.10,\"a\": [1e400,  123456789012345678901234567890]}",
        ),
        (b"application/json", b"{\"a\":1,\"a\":2}"),
        (b"application/json", b"\"\\u0041\\ud800\""),
        (b"application/json", b"null"),
        (b"application/json", b"not json"),
        (
            b"application/json; charset=utf-8",
            "{\"é\":\"€\"}".as_bytes(),
        ),
        (b"application/vnd.x+json", b"[\n\t1 ,\r\n2]"),
        (b"text/plain", b"line\r\n\0 \"quoted\" \\ \x7f"),
        (b"text/plain", b"\xff\xfe"),
        (b"text/xml", "<a>é</a>".as_bytes()),
        (b"application/octet-stream", &[0, 159, 146, 150]),
        (b"application/json", b""),
    ];
    for (content_type, body) in cases {
        let before = event_headers(&[
            ("content-type", content_type),
            ("ce-subject", b"Euro%20%E2%82%AC%22%25"),
            ("ce-time", b"2024-01-02T03:04:05.000+00:00"),
            ("ce-n", b"5"),
        ]);
        let event = decode_one(&before, body).unwrap();
        let (structured, text) = encoded(&event, ContentMode::Structured, &[]);
        let again = decode_one(&structured, &text).unwrap();
        let (after, data) = encoded(&again, ContentMode::Binary, &[]);
        assert_eq!(after, before);
        assert_eq!(data, *body);
    }
}

/// The one thing that a change of mode does not carry, as the docs of the JSON format say.
#[test]
fn white_space_around_a_json_value_belongs_to_the_message() {
    let headers = event_headers(&[("content-type", b"application/json")]);
    let event = decode_one(&headers, b" {\"a\": 1}\n").unwrap();
    let (structured, text) = encoded(&event, ContentMode::Structured, &[]);
    let again = decode_one(&structured, &text).unwrap();
    assert_eq!(again.data().as_bytes(), b"{\"a\": 1}");
}

#[test]
fn the_bound_follows_the_media_type() {
    let limits = crate::Limits {
        event_bytes_max: 300,
        batch_bytes_max: 9_000,
        ..crate::Limits::default()
    };
    for (media_type, expected) in [
        ("", 300),
        ("application/json", 300),
        ("application/cloudevents+json", 400 + (64 << 10)),
        (
            "Application/CloudEvents+JSON; charset=utf-8",
            400 + (64 << 10),
        ),
        ("application/cloudevents-batch+json", 9_000),
        ("APPLICATION/CLOUDEVENTS-BATCH+JSON", 9_000),
    ] {
        let mut headers = http::HeaderMap::new();
        headers.insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static(media_type),
        );
        assert_eq!(
            crate::message_bytes_max(&headers, &limits),
            expected,
            "{media_type:?}"
        );
    }
    assert_eq!(
        crate::message_bytes_max(&http::HeaderMap::new(), &limits),
        300
    );
}
