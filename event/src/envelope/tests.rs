use super::*;

fn event() -> Event {
    Event::builder("1", "/source", "a.type")
        .attribute("time", "2024-01-02T03:04:05.100+07:00")
        .attribute("zeta", "last letter")
        .attribute("alpha", "é")
        .data("application/json", "{}")
        .build()
        .unwrap()
}

#[test]
fn attributes_are_listed_in_the_order_of_the_specification_and_of_arrival() {
    let event = event();
    let listed: Vec<(&str, &str)> = event.attributes().map(|a| (a.name, a.value)).collect();
    let expected = [
        ("specversion", "1.0"),
        ("id", "1"),
        ("source", "/source"),
        ("type", "a.type"),
        ("datacontenttype", "application/json"),
        ("time", "2024-01-02T03:04:05.100+07:00"),
        ("zeta", "last letter"),
        ("alpha", "é"),
    ];
    assert_eq!(listed, expected);
    for (name, value) in expected {
        assert_eq!(event.attribute(name), Some(value));
    }
    for absent in ["subject", "dataschema", "schemaurl", "beta", "", "ce-id"] {
        assert_eq!(event.attribute(absent), None, "{absent}");
    }
}

#[test]
fn each_version_has_its_own_name_for_the_schema() {
    for (version, schema, other) in [
        (SpecVersion::V10, "dataschema", "schemaurl"),
        (SpecVersion::V03, "schemaurl", "dataschema"),
    ] {
        let event = Event::builder("1", "/", "t")
            .spec_version(version)
            .attribute(schema, "urn:schema")
            .attribute(other, "any text")
            .build()
            .unwrap();
        assert_eq!(event.attribute(schema), Some("urn:schema"));
        assert_eq!(event.attribute(other), Some("any text"));
        let refused = Event::builder("1", "/", "t")
            .spec_version(version)
            .attribute(schema, "relative")
            .build();
        assert_eq!(&*refused.unwrap_err().subject, schema);
    }
}

#[test]
fn the_builder_refuses_what_no_event_may_hold() {
    let long = "é".repeat(70);
    let cases = [
        ("id", "", "id is empty"),
        ("source", "", "source is empty"),
        (
            "source",
            "not a uri <>",
            r#"source "not a uri <>" is not a URI-reference (RFC 3986)"#,
        ),
        ("type", "", "type is empty"),
        (
            "type",
            "a\u{7}",
            r#"type "a\u{7}" holds U+0007, which CloudEvents allows in no string"#,
        ),
        ("subject", "", "subject is empty"),
        ("time", "now", r#"time "now" is not an RFC 3339 timestamp"#),
        (
            "dataschema",
            "a/b",
            r#"dataschema "a/b" is not an absolute URI (RFC 3986)"#,
        ),
        (
            "datacontenttype",
            "json",
            r#"datacontenttype "json" is not a media type"#,
        ),
        ("datacontenttype", "", "datacontenttype is empty"),
        (
            "specversion",
            "1.0",
            "specversion is not set as an attribute",
        ),
        ("data", "x", r#""data" is not a CloudEvents attribute name"#),
        (
            "my-ext",
            "x",
            r#""my-ext" is not a CloudEvents attribute name"#,
        ),
        (
            "Upper",
            "x",
            r#""Upper" is not a CloudEvents attribute name"#,
        ),
        ("", "x", r#""" is not a CloudEvents attribute name"#),
        (
            "time",
            &long,
            &format!(
                "time \"{}\"… (140 bytes) is not an RFC 3339 timestamp",
                "é".repeat(64)
            ),
        ),
    ];
    for (name, value, problem) in cases {
        let fault = Event::builder("1", "/", "t")
            .attribute(name, value)
            .build()
            .unwrap_err();
        assert_eq!(fault.problem, problem);
        assert_eq!(&*fault.subject, name);
        assert!(!fault.remedy.is_empty());
    }
}

#[test]
fn a_clone_shares_its_data_and_does_not_see_later_changes() {
    let original = event();
    let mut copy = original.clone();
    assert_eq!(original, copy);
    copy.set_extension("hops", "3", AttributeType::Integer)
        .unwrap();
    assert_eq!(copy.attribute("hops"), Some("3"));
    assert_eq!(original.attribute("hops"), None);
    assert_ne!(original, copy);
    let address = |event: &Event| event.data().as_bytes().as_ptr();
    assert_eq!(address(&original), address(&copy));
}

#[test]
fn extensions_are_set_replaced_and_removed() {
    let mut event = event();
    event
        .set_extension("alpha", "true", AttributeType::Boolean)
        .unwrap();
    assert_eq!(event.attribute("alpha"), Some("true"));
    assert_eq!(event.attributes().filter(|a| a.name == "alpha").count(), 1);
    assert!(event.remove_extension("alpha"));
    assert!(!event.remove_extension("alpha"));
    assert_eq!(event.attribute("alpha"), None);
    assert!(!event.remove_extension("id"));
    assert_eq!(event.id(), "1");
}

#[test]
fn extensions_that_are_not_allowed_leave_the_event_as_it_was() {
    let mut changed = event();
    for (name, value, ty) in [
        ("id", "2", AttributeType::String),
        ("time", "2024-01-02T03:04:05Z", AttributeType::String),
        ("specversion", "0.3", AttributeType::String),
        ("dataschema", "urn:x", AttributeType::String),
        ("data", "x", AttributeType::String),
        ("my_ext", "x", AttributeType::String),
        ("ext", "line\nbreak", AttributeType::String),
        ("ext", "True", AttributeType::Boolean),
        ("ext", "1.0", AttributeType::Integer),
        ("ext", "+1", AttributeType::Integer),
        ("ext", "2147483648", AttributeType::Integer),
    ] {
        assert!(
            changed.set_extension(name, value, ty).is_err(),
            "{name} {value}"
        );
    }
    assert_eq!(changed, event());
}

#[test]
fn the_size_counts_names_values_data_and_the_fixed_overhead() {
    let small = Event::builder("1", "/", "t").build().unwrap();
    let text = "specversion1.0id1source/typet".len();
    assert_eq!(small.size_bytes(), text + Event::OVERHEAD_BYTES);
    let larger = Event::builder("1", "/", "t")
        .attribute("ext", "é")
        .data("text/plain", vec![0; 1000])
        .build()
        .unwrap();
    let more = "exté".len() + "datacontenttypetext/plain".len() + 1000;
    assert_eq!(larger.size_bytes(), small.size_bytes() + more);
    for event in [small, larger, event()] {
        let listed: usize = event
            .attributes()
            .map(|a| a.name.len() + a.value.len())
            .sum();
        assert_eq!(event.parts().attribute_bytes(), listed);
        assert_eq!(event.parts().attribute_count(), event.attributes().count());
    }
}

#[test]
fn equality_looks_at_content_not_at_order_or_arrival() {
    let one = Event::builder("1", "/", "t")
        .attribute("a", "1")
        .attribute("b", "2");
    let two = Event::builder("1", "/", "t")
        .attribute("b", "2")
        .attribute("a", "1");
    let (one, mut two) = (one.build().unwrap(), two.build().unwrap());
    two.set_trace_context(Some(TraceContext {
        traceparent: HeaderValue::from_static("any"),
        tracestate: None,
    }));
    assert_eq!(one, two);
    two.set_extension("a", "1", AttributeType::Integer).unwrap();
    assert_ne!(one, two);
}

#[test]
fn a_compacted_event_shares_nothing_with_its_message() {
    let text = concat!(
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"a b","x":"y","#,
        r#""datacontenttype":"application/json","data":{"a":1}}"#
    );
    let body = Bytes::from(text.to_owned());
    let received = crate::json_format::read::event(&body, &crate::Limits::default()).unwrap();
    let mut kept = received.clone();
    kept.compact();
    assert_eq!(kept, received);

    drop(received);
    assert!(body.try_into_mut().is_ok(), "nobody else holds the body");
    let large = vec![0; Event::COMPACTED_BYTES_MAX];
    let mut large = Event::builder("1", "/", "t")
        .data("a/b", large)
        .build()
        .unwrap();
    let address = large.data().as_bytes().as_ptr();
    large.compact();
    assert_eq!(large.data().as_bytes().as_ptr(), address);
}
