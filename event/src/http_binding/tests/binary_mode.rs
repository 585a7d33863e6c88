use super::*;

#[test]
fn attributes_come_from_headers_and_data_from_the_body() {
    let headers = event_headers(&[
        ("CE-Subject", b"Euro%20%E2%82%AC"),
        ("ce-time", b"2024-01-02T03:04:05.100000000+07:00"),
        ("ce-dataschema", b"https://example.com/schema#/v1"),
        ("ce-partitionkey", b"\"quoted \\\"key\\\"\""),
        ("ce-empty", b""),
        ("content-type", b"text/plain; charset=latin1"),
        ("host", b"broker"),
    ]);
    let event = decode_one(&headers, &[0xff, 0x00, 0xe9]).unwrap();
    let expected = [
        ("specversion", "1.0"),
        ("id", "1"),
        ("source", "/source"),
        ("type", "a.type"),
        ("datacontenttype", "text/plain; charset=latin1"),
        ("dataschema", "https://example.com/schema#/v1"),
        ("subject", "Euro €"),
        ("time", "2024-01-02T03:04:05.100000000+07:00"),
        ("partitionkey", "quoted \"key\""),
        ("empty", ""),
    ];
    let read: Vec<(&str, &str)> = event.attributes().map(|a| (a.name, a.value)).collect();
    assert_eq!(read, expected);
    assert_eq!(
        event.data(),
        &Data::Bytes(Bytes::from_static(&[0xff, 0x00, 0xe9]))
    );
    assert_eq!(event.received_as(), ContentMode::Binary);
}

#[test]
fn what_came_in_goes_out() {
    let headers = event_headers(&[
        ("ce-id", b"a%20b%25"),
        ("ce-subject", b"Euro%20%E2%82%AC"),
        ("ce-time", b"2024-01-02T03:04:05.100000000+07:00"),
        ("ce-sampledrate", b"007"),
        ("ce-traceparent", b"not checked as an attribute"),
        ("content-type", b"application/vnd.x+json;charset=\"utf-8\""),
    ]);
    let body = Bytes::from_static(b" { \"b\": 1.10, \"a\":1e400 }\n");
    let Ok(Decoded::One(event)) = decode(&headers, body.clone(), &Limits::default()) else {
        panic!("one event was sent");
    };
    let (mut sent, sent_body) = encoded(&event, ContentMode::Binary, &[]);
    assert_eq!(
        sent.remove("ce-traceparent").unwrap(),
        "not%20checked%20as%20an%20attribute"
    );
    let mut expected = headers;
    expected.remove("ce-traceparent");
    assert_eq!(sent, expected);
    assert_eq!(sent_body.as_ptr(), body.as_ptr(), "the body is not copied");
    assert_eq!(sent_body.len(), body.len());
}

#[test]
fn an_event_of_version_0_3_stays_one() {
    let headers = event_headers(&[
        ("ce-specversion", b"0.3"),
        ("ce-schemaurl", b"urn:schema"),
        ("ce-datacontentencoding", b"base64"),
    ]);
    let event = decode_one(&headers, b"AAEC").unwrap();
    assert_eq!(event.spec_version(), SpecVersion::V03);
    assert_eq!(event.attribute("datacontentencoding"), Some("base64"));
    assert_eq!(event.data().as_bytes(), b"AAEC");
    let (sent, body) = encoded(&event, ContentMode::Binary, &[]);
    assert_eq!(sent, headers);
    assert_eq!(body, "AAEC");
}

#[test]
fn the_content_type_is_named_for_json_without_one_and_for_nothing_else() {
    let event = |data: Data| {
        Event::builder("1", "/", "t")
            .raw_data(data)
            .build()
            .unwrap()
    };
    let json = Bytes::from_static(b"{}");
    for (data, expected) in [
        (Data::Json(json.clone()), Some("application/json")),
        (Data::Bytes(json), None),
        (Data::Absent, None),
    ] {
        let (sent, _) = encoded(&event(data), ContentMode::Binary, &[]);
        let content_type = sent
            .get("content-type")
            .map(|value| value.to_str().unwrap());
        assert_eq!(content_type, expected);
    }
}

#[test]
fn extensions_can_be_left_out_and_core_attributes_cannot() {
    let event = decode_one(&event_headers(&[("ce-a", b"1"), ("ce-b", b"2")]), b"").unwrap();
    let (sent, _) = encoded(&event, ContentMode::Binary, &["a", "id", "missing"]);
    assert_eq!(sent, event_headers(&[("ce-b", b"2")]));
}

#[test]
fn no_attribute_can_add_or_break_a_header() {
    for text in [
        "a b",
        "\"",
        "%0d%0aevil: 1",
        "%",
        "ünï😀",
        "a,b;c=d",
        "\u{a0}",
        "\\\"",
    ] {
        let event = Event::builder(text, "/", text)
            .attribute("ext", text)
            .build()
            .unwrap();
        let (sent, body) = encoded(&event, ContentMode::Binary, &[]);
        assert_eq!(sent.len(), 5, "{text}");
        assert!(
            sent.values()
                .all(|value| value.to_str().is_ok_and(|v| !v.contains(' ')))
        );
        assert_eq!(decode_one(&sent, &body).unwrap(), event, "{text}");
    }
}

#[test]
fn header_values_are_decoded_exactly_once() {
    let cases: &[(&[u8], &str)] = &[
        (b"plain", "plain"),
        (b"%e2%82%ac", "€"),
        (b"%41", "A"),
        (b"%2541", "%41"),
        (b"100%", "100%"),
        (b"a b", "a b"),
        (b"\"a\\\\b\"", "a\\b"),
        ("grün".as_bytes(), "grün"),
    ];
    for (value, expected) in cases {
        let event = decode_one(&event_headers(&[("ce-ext", value)]), b"").unwrap();
        assert_eq!(event.attribute("ext"), Some(*expected));
    }
}

#[test]
fn malformed_headers_are_refused_by_name() {
    type Case = (
        &'static [(&'static str, &'static [u8])],
        &'static str,
        &'static str,
    );
    let cases: &[Case] = &[
        (&[("ce-id", b"")], "id", "id is empty"),
        (&[("ce-source", b"")], "source", "source is empty"),
        (
            &[("ce-source", b"%3c%3e")],
            "source",
            "source \"<>\" is not a URI-reference (RFC 3986)",
        ),
        (&[("ce-type", b"\"\"")], "type", "type is empty"),
        (&[("ce-subject", b"")], "subject", "subject is empty"),
        (
            &[("ce-time", b"2024-02-30T00:00:00Z")],
            "time",
            "time \"2024-02-30T00:00:00Z\" is not an RFC 3339 timestamp",
        ),
        (
            &[("ce-dataschema", b"schema.json")],
            "dataschema",
            "dataschema \"schema.json\" is not an absolute URI (RFC 3986)",
        ),
        (
            &[("ce-specversion", b"1.1")],
            "specversion",
            "specversion \"1.1\" is not known",
        ),
        (
            &[("ce-specversion", b"")],
            "specversion",
            "specversion \"\" is not known",
        ),
        (
            &[("ce-specversion", b"1.0"), ("ce-specversion", b"1.0")],
            "specversion",
            "specversion is given more than once",
        ),
        (
            &[("ce-id", b"1"), ("ce-id", b"1")],
            "id",
            "id is given more than once",
        ),
        (
            &[("ce-ext", b"1"), ("ce-ext", b"2")],
            "ext",
            "ext is given more than once",
        ),
        (
            &[("ce-my-ext", b"1")],
            "my-ext",
            "\"my-ext\" is not a CloudEvents attribute name",
        ),
        (
            &[("ce-my_ext", b"1")],
            "my_ext",
            "\"my_ext\" is not a CloudEvents attribute name",
        ),
        (
            &[("ce-", b"1")],
            "",
            "\"\" is not a CloudEvents attribute name",
        ),
        (&[("ce-data", b"1")], "data", "ce-data is not an attribute"),
        (
            &[("ce-datacontenttype", b"text/plain")],
            "datacontenttype",
            "ce-datacontenttype is not used in binary mode",
        ),
        (
            &[("content-type", b"json")],
            "datacontenttype",
            "datacontenttype \"json\" is not a media type",
        ),
        (
            &[
                ("content-type", b"text/plain"),
                ("content-type", b"text/plain"),
            ],
            "content-type",
            "content-type is given more than once",
        ),
        (
            &[("ce-ext", b"%ff%fe")],
            "ext",
            "ext \"%ff%fe\" is not UTF-8 once percent-decoded",
        ),
        (
            &[("ce-ext", b"%C0%A0")],
            "ext",
            "ext \"%C0%A0\" is not UTF-8 once percent-decoded",
        ),
        (
            &[("ce-ext", b"%ED%A0%80")],
            "ext",
            "ext \"%ED%A0%80\" is not UTF-8 once percent-decoded",
        ),
        (
            &[("ce-ext", b"\xff")],
            "ext",
            "ext \"\u{fffd}\" is not UTF-8 once percent-decoded",
        ),
        (
            &[("ce-ext", b"a%0D%0Ab")],
            "ext",
            "ext \"a\\r\\nb\" holds U+000D, which CloudEvents allows in no string",
        ),
        (
            &[("ce-ext", b"%00")],
            "ext",
            "ext \"\\0\" holds U+0000, which CloudEvents allows in no string",
        ),
        (
            &[("ce-ext", b"a\tb")],
            "ext",
            "ext \"a\\tb\" holds U+0009, which CloudEvents allows in no string",
        ),
        (
            &[("ce-ext", b"%EF%BF%BF")],
            "ext",
            "ext \"\\u{ffff}\" holds U+FFFF, which CloudEvents allows in no string",
        ),
    ];
    for (more, subject, problem) in cases {
        match decode_one(&event_headers(more), b"{}") {
            Err(DecodeError::Malformed {
                fault,
                member: None,
            }) => {
                assert_eq!(fault.problem, *problem);
                assert_eq!(&*fault.subject, *subject);
                assert!(!fault.remedy.is_empty());
            }
            other => panic!("{problem}: {other:?}"),
        }
    }
}

#[test]
fn all_missing_attributes_are_named_at_once() {
    let all = ["ce-id", "ce-source", "ce-type", "ce-specversion"];
    for absent in 1_u32..15 {
        let mut headers = event_headers(&[]);
        let is_absent = |index: usize| absent & (1 << index) != 0;
        let names: Vec<&str> = (0..4).filter(|&i| is_absent(i)).map(|i| all[i]).collect();
        for name in &names {
            headers.remove(*name);
        }
        assert_eq!(
            decode_one(&headers, b"").unwrap_err().to_string(),
            format!(
                "binary mode needs ce-id, ce-source, ce-type, ce-specversion; missing: {}",
                names.join(", ")
            )
        );
    }
}

#[test]
fn what_is_no_event_at_all_is_told_how_to_be_one() {
    for pairs in [&[][..], &[("content-type", b"application/json" as &[u8])]] {
        let error = decode_one(&headers(pairs), b"{}").unwrap_err();
        assert!(error.to_string().starts_with("not a CloudEvent"), "{error}");
        assert!(error.fault().remedy.contains("ce-specversion"));
    }
}

#[test]
fn size_limits_hold_to_the_byte() {
    let limits = Limits {
        event_bytes_max: 100,
        attributes_max: 6,
        attribute_bytes_max: 20,
        attributes_bytes_max: 70,
        ..Limits::default()
    };
    // The four required attributes of `event_headers` have 40 bytes together.
    let decode = |more: &[(&str, &[u8])], body: usize| {
        decode(&event_headers(more), Bytes::from(vec![b'x'; body]), &limits)
    };
    let is_malformed = |result| matches!(result, Err(DecodeError::Malformed { .. }));
    let is_too_large = |result| matches!(result, Err(DecodeError::TooLarge { .. }));

    assert!(decode(&[], 60).is_ok());
    assert!(is_too_large(decode(&[], 61)));
    assert!(decode(&[("ce-a", &[b'v'; 20])], 0).is_ok());
    assert!(is_malformed(decode(&[("ce-a", &[b'v'; 21])], 0)));
    assert!(decode(&[("ce-a", &[b'v'; 14]), ("ce-b", &[b'v'; 14])], 0).is_ok());
    assert!(is_malformed(decode(
        &[("ce-a", &[b'v'; 14]), ("ce-b", &[b'v'; 15])],
        0
    )));
    assert!(decode(&[("ce-a", b""), ("content-type", b"a/b")], 0).is_ok());
    assert!(is_malformed(decode(
        &[("ce-a", b""), ("ce-b", b""), ("ce-c", b"")],
        0
    )));
    assert!(is_malformed(decode(&[("content-type", &[b'/'; 21])], 0)));
}

#[test]
fn an_event_of_64_kib_passes_with_the_default_limits() {
    assert!(decode_one(&event_headers(&[]), &[b'x'; 64 << 10]).is_ok());
    assert!(decode_one(&event_headers(&[]), &[b'x'; (1 << 20) - 40]).is_ok());
    let error = decode_one(&event_headers(&[]), &[b'x'; (1 << 20) - 39]).unwrap_err();
    assert!(matches!(error, DecodeError::TooLarge { .. }));
}

#[test]
fn the_trace_of_the_message_is_kept_apart_from_the_attribute() {
    let parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let event = decode_one(
        &event_headers(&[("ce-traceparent", b"the first"), ("traceparent", parent)]),
        b"",
    )
    .unwrap();
    assert_eq!(event.attribute("traceparent"), Some("the first"));
    assert_eq!(
        event.trace_context().unwrap().traceparent.as_bytes(),
        parent
    );
    let (sent, _) = encoded(&event, ContentMode::Binary, &[]);
    assert_eq!(sent["ce-traceparent"], "the%20first");
    assert!(
        !sent.contains_key("traceparent"),
        "the next hop sends its own"
    );
}
