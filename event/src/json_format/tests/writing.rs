use super::*;

const START: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t""#;

fn event(content_type: Option<&str>, data: Data) -> Event {
    let mut builder = Event::builder("1", "/s", "t").raw_data(data);
    if let Some(content_type) = content_type {
        builder = builder.attribute("datacontenttype", content_type);
    }
    builder.build().unwrap()
}

/// What stands behind the required attributes of a written event.
fn written(event: &Event) -> String {
    let text = String::from_utf8(to_json(event, &[]).to_vec()).unwrap();
    let rest = text
        .strip_prefix(START)
        .and_then(|rest| rest.strip_suffix('}'));
    rest.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn data_is_written_by_its_content_type() {
    let json_type = Some("application/json");
    let cases = [
        (None, Data::Absent, ""),
        (None, json(r#"{ "a":1.0 }"#), r#","data":{ "a":1.0 }"#),
        (None, json("null"), r#","data":null"#),
        (None, bytes(b"{}"), r#","data_base64":"e30=""#),
        (None, bytes(b""), r#","data_base64":"""#),
        (
            json_type,
            bytes(b" { \"a\" : 1e400 }\n"),
            ",\"data\": { \"a\" : 1e400 }\n",
        ),
        (json_type, bytes(b"\"text\""), r#","data":"text""#),
        (json_type, bytes(b"{\"a\":"), r#","data_base64":"eyJhIjo=""#),
        (json_type, bytes(b"1 2"), r#","data_base64":"MSAy""#),
        (json_type, bytes(b""), r#","data_base64":"""#),
        (json_type, bytes(b"\"\xff\""), r#","data_base64":"Iv8i""#),
        (
            json_type,
            bytes(b"\xef\xbb\xbf1"),
            r#","data_base64":"77u/MQ==""#,
        ),
        (
            Some("text/plain"),
            bytes("a\"\\\n\0\u{7f}€".as_bytes()),
            ",\"data\":\"a\\\"\\\\\\n\\u0000\u{7f}€\"",
        ),
        (
            Some("text/plain"),
            bytes(b"\x80"),
            r#","data_base64":"gA==""#,
        ),
        (Some("text/plain"), bytes(b""), r#","data":"""#),
        (
            Some("image/png"),
            bytes(b"\x89PNG"),
            r#","data_base64":"iVBORw==""#,
        ),
    ];
    for (content_type, data, expected) in cases {
        let shown = content_type
            .map(|text| format!(r#","datacontenttype":"{text}""#))
            .unwrap_or_default();
        assert_eq!(written(&event(content_type, data)), shown + expected);
    }
}

#[test]
fn json_deeper_than_we_would_read_is_written_as_base64() {
    for (depth, member) in [
        (63, "\"data\":"),
        (64, "\"data_base64\":"),
        (100_000, "\"data_base64\":"),
    ] {
        let data = Bytes::from("[".repeat(depth) + &"]".repeat(depth));
        let event = event(Some("application/json"), Data::Bytes(data.clone()));
        assert!(written(&event).contains(member), "{depth}");
        let again = read_bytes(to_json(&event, &[])).unwrap();
        assert_eq!(again.data().as_bytes(), data);
    }
}

#[test]
fn attributes_leave_in_the_type_they_came_in() {
    let members = r#","n":-5,"yes":true,"no":false,"text":"5","quoted":"\"\\é"#;
    let event = read_more(&format!("{}\"", members.trim_start_matches(','))).unwrap();
    assert_eq!(written(&event), format!("{members}\""));
}

#[test]
fn only_the_extensions_named_are_left_out() {
    let event = read_more(r#""a":1,"b":2,"subject":"s""#).unwrap();
    assert_eq!(
        to_json(&event, &["a", "subject", "id", "none"]),
        format!(r#"{START},"subject":"s","b":2}}"#)
    );
}

#[test]
fn version_0_3_is_written_as_it_is() {
    let cases = [
        r#""datacontentencoding":"base64","data":"AAH/""#,
        r#""datacontenttype":"image/png","datacontentencoding":"base64","data":"iVBORw==""#,
        r#""datacontenttype":"text/plain","schemaurl":"urn:s","data":"text""#,
        r#""datacontentencoding":"base64""#,
        r#""datacontentencoding":"8bit","data":{}"#,
    ];
    for more in cases {
        let event = read_version("0.3", more).unwrap();
        assert_eq!(to_json(&event, &[]), with_members("0.3", more));
    }
}

#[test]
fn version_0_3_in_binary_mode_may_hold_base64_already() {
    let event = |encoding: &str, body: &'static [u8]| {
        Event::builder("1", "/s", "t")
            .spec_version(SpecVersion::V03)
            .attribute("datacontentencoding", encoding)
            .data("application/json", body)
            .build()
            .unwrap()
    };
    let cases: [(&str, &[u8], &str); 4] = [
        (
            "base64",
            b"e30=",
            r#""datacontentencoding":"base64","data":"e30=""#,
        ),
        (
            "BASE64",
            b"e30=",
            r#""datacontentencoding":"BASE64","data":"e30=""#,
        ),
        (
            "base64",
            b"{}",
            r#""datacontentencoding":"base64","data":"e30=""#,
        ),
        (
            "8bit",
            b"\xff",
            r#""datacontentencoding":"base64","data":"/w==""#,
        ),
    ];
    for (encoding, body, expected) in cases {
        let more = format!(r#""datacontenttype":"application/json",{expected}"#);
        assert_eq!(
            to_json(&event(encoding, body), &[]),
            with_members("0.3", &more)
        );
    }
}

#[test]
fn a_batch_holds_each_event_as_it_is_written_alone() {
    let one = read_more(r#""data":[1]"#).unwrap();
    let two = read_more(r#""subject":"s""#).unwrap();
    assert_eq!(to_json_batch([]), "[]");
    assert_eq!(to_json_batch([&one]), format!("[{START},\"data\":[1]}}]"));
    assert_eq!(
        to_json_batch([&one, &two]),
        format!("[{START},\"data\":[1]}},{START},\"subject\":\"s\"}}]")
    );
    let read = read::batch(&to_json_batch([&one, &two]), &Limits::default()).unwrap();
    assert_eq!(read, [one, two]);
}
