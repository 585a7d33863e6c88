//! What is not read, and that hostile bytes cost no more than honest ones.

use super::*;
use crate::envelope::Data;

#[test]
fn what_is_unknown_is_refused_by_name() {
    for version in [0, 2, 0x7f, 0xff] {
        let mut bytes = bytes_of(&fullest());
        bytes[0] = version;
        let error = decode(bytes.into()).unwrap_err();
        assert_eq!(error, StoredError::UnknownVersion { version });
        let start = format!("cannot read a stored event of version {version}: ");
        assert!(error.to_string().starts_with(&start), "{error}");
    }
    for unknown in (0..=u8::MAX).filter(|tag| !tag::ALL.contains(tag)) {
        let error = decode(with_fields(&field(unknown, &[b"x"])).into()).unwrap_err();
        let expected = StoredError::UnknownField {
            version: 1,
            tag: unknown,
            at_byte: 9,
        };
        assert_eq!(error, expected);
        assert!(error.to_string().contains("of version 1: its field 0x"));
    }
}

#[test]
fn no_beginning_of_an_event_is_an_event_and_nothing_may_follow() {
    for event in [smallest(), fullest()] {
        let whole = Bytes::from(bytes_of(&event));
        for end in 0..whole.len() {
            let error = decode(whole.slice(..end)).unwrap_err();
            let is_damage = matches!(error, StoredError::Damaged { at_byte, .. } if at_byte <= end);
            assert!(is_damage, "{end}: {error}");
        }
        let more = [&whole[..], &[tag::DATA_ABSENT]].concat();
        let error = decode(more.into()).unwrap_err();
        let expected = format!("there is more behind its data at byte {}", whole.len());
        assert!(error.to_string().ends_with(&expected), "{error}");
    }
}

#[test]
fn a_layout_that_is_never_written_is_damage() {
    let cases: &[(&str, &str)] = &[
        ("", "it ends at byte 0"),
        ("01", "it ends at byte 1"),
        (
            "0104 0131 022f73 0174 30",
            "a bit that means nothing at byte 1",
        ),
        (
            "0180 0131 022f73 0174 30",
            "a bit that means nothing at byte 1",
        ),
        // Lengths: past the end, past any memory, past 64 bits, in more bytes than needed.
        ("0100 0231", "it ends before the end of the text at byte 3"),
        (
            "0100 ffffffff07",
            "it ends before the end of the text at byte 7",
        ),
        (
            "0100 ffffffffffffffffff01",
            "it ends before the end of the text at byte 12",
        ),
        (
            "0100 ffffffffffffffffff02",
            "not written as lengths are at byte 11",
        ),
        (
            "0100 ffffffffffffffffffff01",
            "not written as lengths are at byte 11",
        ),
        (
            "0100 8100 31 022f73 0174 30",
            "not written as lengths are at byte 3",
        ),
        (
            "0100 818000 31 022f73 0174 30",
            "not written as lengths are at byte 4",
        ),
        // Fields: out of order, twice, a state without its parent.
        (
            "0100 0131 022f73 0174 040161 030161 30",
            "twice or in the wrong place",
        ),
        (
            "0100 0131 022f73 0174 030161 030162 30",
            "twice or in the wrong place at byte 12",
        ),
        (
            "0100 0131 022f73 0174 100178017a 030162 30",
            "twice or in the wrong place at byte 14",
        ),
        (
            "0100 0131 022f73 0174 2103613d31 30",
            "twice or in the wrong place at byte 9",
        ),
        (
            "0100 0131 022f73 0174 200170 200170 30",
            "twice or in the wrong place at byte 12",
        ),
    ];
    for (bytes, expected) in cases {
        let error = decode(unhex(bytes).into()).unwrap_err();
        assert!(
            matches!(error, StoredError::Damaged { .. }),
            "{bytes}: {error:?}"
        );
        assert!(error.to_string().contains(expected), "{bytes}: {error}");
    }
}

#[test]
fn what_is_no_event_is_refused_by_attribute() {
    let required = |id: &str, source: &str, ty: &str| {
        let texts = [id, source, ty].map(|text| field(0, &[text.as_bytes()])[1..].to_vec());
        [&[1, 0], &*texts.concat(), &[tag::DATA_ABSENT]].concat()
    };
    let extension = |tag, name: &[u8], value: &[u8]| with_fields(&field(tag, &[name, value]));
    let one = |tag, value: &[u8]| with_fields(&field(tag, &[value]));
    let json = |text: &[u8]| {
        let mut bytes = with_fields(&field(tag::DATA_JSON, &[text]));
        bytes.pop();
        bytes
    };
    let twice = [
        field(tag::STRING, &[b"x", b"1"]),
        field(tag::STRING, &[b"y", b"1"]),
        field(tag::INTEGER, &[b"x", b"2"]),
    ];
    let cases = [
        (required("", "/s", "t"), "id is empty"),
        (required("a\n", "/s", "t"), "id \"a\\n\" holds U+000A"),
        (required("1", "", "t"), "source is empty"),
        (
            required("1", "/a b", "t"),
            "source \"/a b\" is not a URI-reference",
        ),
        (required("1", "/s", ""), "type is empty"),
        (one(tag::CONTENT_TYPE, b""), "datacontenttype is empty"),
        (
            one(tag::CONTENT_TYPE, b"json"),
            "datacontenttype \"json\" is not a media type",
        ),
        (
            one(tag::CONTENT_TYPE, b"text/plain "),
            "is not a media type",
        ),
        (
            one(tag::CONTENT_TYPE, b"text/\xffplain"),
            "is not a media type",
        ),
        (
            one(tag::SCHEMA, b"/relative"),
            "dataschema \"/relative\" is not an absolute URI",
        ),
        (one(tag::SUBJECT, b""), "subject is empty"),
        (
            one(tag::SUBJECT, b"\xc3"),
            "subject \"\u{fffd}\" is not UTF-8",
        ),
        (one(tag::SUBJECT, "\u{ffff}".as_bytes()), "holds U+FFFF"),
        (
            one(tag::TIME, b"today"),
            "time \"today\" is not an RFC 3339 timestamp",
        ),
        (
            extension(tag::STRING, b"", b"x"),
            "\"\" is not a CloudEvents attribute name",
        ),
        (
            extension(tag::STRING, b"Big", b"x"),
            "\"Big\" is not a CloudEvents attribute name",
        ),
        (
            extension(tag::STRING, b"a_b", b"x"),
            "is not a CloudEvents attribute name",
        ),
        (
            extension(tag::STRING, b"data", b"x"),
            "is not a CloudEvents attribute name",
        ),
        (
            extension(tag::STRING, b"\xff", b"x"),
            "is not a CloudEvents attribute name",
        ),
        (
            extension(tag::STRING, b"x", b"\0"),
            "x \"\\0\" holds U+0000",
        ),
        (
            extension(tag::STRING, b"id", b"x"),
            "id is not an extension but a core attribute",
        ),
        (
            extension(tag::STRING, b"time", b"x"),
            "time is not an extension",
        ),
        (
            extension(tag::STRING, b"dataschema", b"x"),
            "dataschema is not an extension",
        ),
        (
            extension(tag::STRING, b"specversion", b"1.0"),
            "specversion is not an extension",
        ),
        (
            extension(tag::BOOLEAN, b"x", b"yes"),
            "x \"yes\" is not the text of a Boolean",
        ),
        (
            extension(tag::BOOLEAN, b"x", b"TRUE"),
            "is not the text of a Boolean",
        ),
        (
            extension(tag::INTEGER, b"x", b""),
            "x \"\" is not the text of a Integer",
        ),
        (
            extension(tag::INTEGER, b"x", b"007"),
            "is not the text of a Integer",
        ),
        (
            extension(tag::INTEGER, b"x", b"+7"),
            "is not the text of a Integer",
        ),
        (
            extension(tag::INTEGER, b"x", b"-0"),
            "is not the text of a Integer",
        ),
        (
            extension(tag::INTEGER, b"x", b"2147483648"),
            "is not the text of a Integer",
        ),
        (with_fields(&twice.concat()), "x is given more than once"),
        (
            one(tag::TRACEPARENT, b"a\nb"),
            "traceparent \"a\\nb\" cannot be a header",
        ),
        (json(b""), "data \"\" is not a JSON value"),
        (json(b"1 "), "data \"1 \" is not a JSON value"),
        (json(b"\n1"), "is not a JSON value"),
        (json(b"1,\"id\":\"2\""), "is not a JSON value"),
        (json(b"{"), "is not a JSON value"),
        (json(b"\"\xff\""), "is not a JSON value"),
    ];
    for (bytes, expected) in cases {
        let error = decode(bytes.clone().into()).unwrap_err();
        assert!(
            matches!(error, StoredError::Invalid(_)),
            "{expected}: {error:?}"
        );
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

/// Hostile bytes must not buy more work than honest ones.
#[test]
fn many_extensions_and_deep_data_are_read_at_once() {
    let names = (0..200_000).map(|index| format!("{index:06}"));
    let fields: Vec<u8> = names
        .flat_map(|name| field(tag::STRING, &[name.as_bytes(), b""]))
        .collect();
    let stored = with_fields(&fields);
    let event = decode(stored.clone().into()).unwrap();
    assert_eq!(event.attributes().count(), 200_004);
    assert_eq!(bytes_of(&event), stored);

    let bytes_per_side = 500_000;
    let deep = ["[".repeat(bytes_per_side), "]".repeat(bytes_per_side)].concat();
    let mut stored = with_fields(&[tag::DATA_JSON, 0xc0, 0x84, 0x3d]);
    stored.pop();
    stored.extend_from_slice(deep.as_bytes());
    let event = decode(stored.clone().into()).unwrap();
    assert_eq!(event.data(), &Data::Json(deep.into()));
    assert_eq!(bytes_of(&event), stored);
}

#[test]
fn every_single_byte_changed_is_an_event_of_those_bytes_or_an_error() {
    let whole = bytes_of(&fullest());
    let mut read = 0;
    for at in 0..whole.len() {
        for value in 0..=u8::MAX {
            let mut bytes = whole.clone();
            bytes[at] = value;
            if let Ok(event) = decode(bytes.clone().into()) {
                read += 1;
                assert_eq!(hex(&bytes_of(&event)), hex(&bytes));
            }
        }
    }
    assert!(read > whole.len(), "many a text stays valid: {read}");
}
