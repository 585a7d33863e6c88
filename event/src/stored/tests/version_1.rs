//! What an event is written as, and that it comes back.

use http::HeaderValue;

use super::*;
use crate::attribute::AttributeType;
use crate::envelope::{SpecVersion, TraceContext};

/// The bytes that a version gives an event. What changes them needs a new version, and these must
/// be read for ever.
#[test]
fn version_1_is_what_it_was() {
    let v03 = Event::builder("a", "/s", "t")
        .spec_version(SpecVersion::V03)
        .attribute("schemaurl", "urn:y")
        .attribute("dataschema", "of no meaning in 0.3")
        .data("text/plain", "x".repeat(200))
        .build()
        .unwrap();
    let mut traced = smallest();
    traced.set_trace_context(Some(TraceContext {
        traceparent: HeaderValue::from_static("p"),
        tracestate: None,
    }));
    let cases = [
        (smallest(), "0100 0131 022f73 0174 30".to_owned()),
        (traced, "0100 0131 022f73 0174 200170 30".to_owned()),
        (
            structured(
                r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":""}"#,
            ),
            "0102 0131 022f73 0174 3100".to_owned(),
        ),
        (
            structured(r#"{"specversion":"0.3","id":"1","source":"/s","type":"t","data":[]}"#),
            "0103 0131 022f73 0174 32025b5d".to_owned(),
        ),
        (
            v03,
            format!(
                "0101 0161 022f73 0174 010a746578742f706c61696e 020575726e3a79 \
                 100a64617461736368656d61146f66206e6f206d65616e696e6720696e20302e33 31c801{}",
                "78".repeat(200)
            ),
        ),
        (
            fullest(),
            "0102 0131 022f73 0174 01106170706c69636174696f6e2f6a736f6e 020575726e3a78 \
             0305c3a9203525 0414323032342d30322d32395431323a33343a35365a 10027a7a00 \
             1104666c61670474727565 1205636f756e74022d37 \
             203730302d3462663932663335373762333464613661336365393239643065306534373336\
             2d303066303637616130626139303262372d3031 2108613d312c20623d32 \
             320b7b2261223a20312e31307d"
                .to_owned(),
        ),
    ];
    for (event, expected) in cases {
        let bytes = bytes_of(&event);
        let expected = unhex(&expected);
        assert_eq!(hex(&bytes), hex(&expected), "{event:?}");
        let read = decode(expected.into()).unwrap();
        assert_eq!(everything(&read), everything(&event));
    }
}

#[test]
fn encoding_appends() {
    let mut bytes = b"before".to_vec();
    encode(&smallest(), &mut bytes);
    assert_eq!(bytes.strip_prefix(b"before"), Some(&*bytes_of(&smallest())));
}

#[test]
fn data_and_plain_attributes_are_slices_of_what_was_read() {
    let stored = Bytes::from(bytes_of(&fullest()));
    let event = decode(stored.clone()).unwrap();
    for part in [event.data().as_bytes(), event.source().as_bytes()] {
        assert!(stored.as_ptr_range().contains(&part.as_ptr()));
    }
    assert_eq!(
        stored.slice_ref(event.data().as_bytes()),
        event.data().as_bytes()
    );
}

#[test]
fn limits_of_the_door_do_not_make_stored_events_unreadable() {
    let mut event = Event::builder("1", "/s", &"t".repeat(100_000))
        .data("text/plain", vec![b'x'; 3 << 20])
        .build()
        .unwrap();
    for index in 0..500 {
        let name = format!("x{index}");
        event
            .set_extension(&name, "", AttributeType::String)
            .unwrap();
    }
    let read = decode(bytes_of(&event).into()).unwrap();
    assert_eq!(everything(&read), everything(&event));
}

#[test]
fn lengths_of_every_size_come_back() {
    for length in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000] {
        let event = Event::builder("1", "/s", "t")
            .data("text/plain", vec![b'x'; length])
            .build()
            .unwrap();
        let read = decode(bytes_of(&event).into()).unwrap();
        assert_eq!(read.data(), event.data());
    }
}

#[test]
fn names_of_every_length_that_an_event_may_have_come_back() {
    let header_name_bytes_max = (1 << 16) - 1;
    let longest = header_name_bytes_max - "ce-".len();
    for length in [1, 60, 61, 62, 64, 65, 1_000, longest] {
        let mut event = smallest();
        let name = "x".repeat(length);
        event
            .set_extension(&name, "1", AttributeType::Integer)
            .unwrap();
        let read = decode(bytes_of(&event).into()).unwrap();
        assert_eq!(read.attribute(&name), Some("1"), "{length}");
    }
    let mut too_long = vec![tag::STRING, 0x80, 0x80, 0x04];
    too_long.extend_from_slice(&[b'x'; 1 << 16]);
    too_long.push(0);
    let error = decode(with_fields(&too_long).into()).unwrap_err();
    assert!(matches!(error, StoredError::Invalid(_)), "{error:?}");
}
