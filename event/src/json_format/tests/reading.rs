use super::*;

#[test]
fn attributes_keep_their_text_and_their_type() {
    let event = read_bytes(
        r#" { "type" : "a.type", "time":"2024-01-02T03:04:05.100+07:00",
              "datacontenttype":"Text/Plain; charset=utf-8", "dataschema":"urn:s", "subject":"é \u20ac \/",
              "flag":true, "off":false, "count":-7, "zero":-0, "least":-2147483648, "most":2147483647,
              "text":"7", "empty":"", "absent":null, "time2":null,
              "source":"https:\/\/example.com", "id":"\ud83d\ude00", "specversion":"1.0" } "#,
    )
    .unwrap();
    let read: Vec<(&str, &str, AttributeType)> = event
        .attributes()
        .map(|a| (a.name, a.value, a.ty))
        .collect();
    let string = AttributeType::String;
    let expected = [
        ("specversion", "1.0", string),
        ("id", "😀", string),
        ("source", "https://example.com", string),
        ("type", "a.type", string),
        ("datacontenttype", "Text/Plain; charset=utf-8", string),
        ("dataschema", "urn:s", string),
        ("subject", "é € /", string),
        ("time", "2024-01-02T03:04:05.100+07:00", string),
        ("flag", "true", AttributeType::Boolean),
        ("off", "false", AttributeType::Boolean),
        ("count", "-7", AttributeType::Integer),
        ("zero", "0", AttributeType::Integer),
        ("least", "-2147483648", AttributeType::Integer),
        ("most", "2147483647", AttributeType::Integer),
        ("text", "7", string),
        ("empty", "", string),
    ];
    assert_eq!(read, expected);
    assert_eq!(event.data(), &Data::Absent);
}

#[test]
fn data_is_read_by_its_content_type() {
    let cases = [
        ("", Data::Absent),
        (r#""data":null"#, json("null")),
        (
            r#""data": { "b" : 1.10,"a":[ 1e400,12345678901234567890123 ] ,"a":"\u0041" } "#,
            json(r#"{ "b" : 1.10,"a":[ 1e400,12345678901234567890123 ] ,"a":"\u0041" }"#),
        ),
        (r#""data":"text""#, json("\"text\"")),
        (
            r#""datacontenttype":"application/json","data":"{}""#,
            json("\"{}\""),
        ),
        (
            r#""data":1,"datacontenttype":"Application/Vnd.X+JSON; v=1""#,
            json("1"),
        ),
        (r#""datacontenttype":null,"data":false"#, json("false")),
        (r#""data":"\ud800""#, json(r#""\ud800""#)),
        (
            r#""datacontenttype":"text/plain","data":"plain""#,
            bytes(b"plain"),
        ),
        (
            r#""datacontenttype":"text/plain","data":"a\n\u0000\u20ac""#,
            bytes("a\n\0€".as_bytes()),
        ),
        (r#""datacontenttype":"text/xml","data":"""#, bytes(b"")),
        (r#""data_base64":"AAEC/w==""#, bytes(&[0, 1, 2, 255])),
        (r#""data_base64":"AAEC\/w==""#, bytes(&[0, 1, 2, 255])),
        (r#""data_base64":"","datacontenttype":"a/b""#, bytes(b"")),
        (
            r#""data_base64":"e30=","datacontenttype":"application/json""#,
            bytes(b"{}"),
        ),
        (r#""data_base64":null"#, Data::Absent),
        (r#""data_base64":null,"data":null"#, json("null")),
    ];
    for (more, data) in cases {
        assert_eq!(read_more(more).unwrap().data(), &data, "{more}");
    }
}

#[test]
fn json_data_and_plain_text_are_slices_of_the_body() {
    for more in [
        r#""data":{"a":1}"#,
        r#""data":"text","datacontenttype":"text/plain""#,
    ] {
        let body = Bytes::from(with_members("1.0", more));
        let event = read::event(&body, &Limits::default()).unwrap();
        assert!(
            body.as_ptr_range()
                .contains(&event.data().as_bytes().as_ptr()),
            "{more}"
        );
    }
}

#[test]
fn version_0_3_says_base64_by_an_attribute() {
    let read = |more| read_version("0.3", more).unwrap();
    let event = read(r#""datacontentencoding":"Base64","data":"AAEC","schemaurl":"urn:s""#);
    assert_eq!(event.spec_version(), SpecVersion::V03);
    assert_eq!(event.data(), &bytes(&[0, 1, 2]));
    assert_eq!(event.attribute("datacontentencoding"), None);
    assert_eq!(event.attribute("schemaurl"), Some("urn:s"));

    let other = read(r#""datacontentencoding":"8bit","data":{}"#);
    assert_eq!(other.data(), &json("{}"));
    assert_eq!(other.attribute("datacontentencoding"), Some("8bit"));

    let empty = read(r#""datacontentencoding":"base64""#);
    assert_eq!(empty.data(), &Data::Absent);
    assert_eq!(empty.attribute("datacontentencoding"), Some("base64"));

    let newer = read_more(r#""datacontentencoding":"base64","data":"AAEC""#).unwrap();
    assert_eq!(
        newer.data(),
        &json("\"AAEC\""),
        "1.0 knows no such attribute"
    );
}

#[test]
fn malformed_members_are_refused_by_name() {
    let cases = [
        (
            r#""ext":1.5"#,
            "ext",
            r#"ext "1.5" is of no attribute type"#,
        ),
        (
            r#""ext":1.0"#,
            "ext",
            r#"ext "1.0" is of no attribute type"#,
        ),
        (
            r#""ext":1e3"#,
            "ext",
            r#"ext "1e3" is of no attribute type"#,
        ),
        (
            r#""ext":2147483648"#,
            "ext",
            r#"ext "2147483648" is of no attribute type"#,
        ),
        (
            r#""ext":-2147483649"#,
            "ext",
            r#"ext "-2147483649" is of no attribute type"#,
        ),
        (r#""ext":{}"#, "ext", r#"ext "{}" is of no attribute type"#),
        (
            r#""ext":[1]"#,
            "ext",
            r#"ext "[1]" is of no attribute type"#,
        ),
        (
            r#""ext":"\ud800""#,
            "ext",
            r#"ext "\"\\ud800\"" is of no attribute type"#,
        ),
        (
            r#""ext":"\u0000""#,
            "ext",
            r#"ext "\0" holds U+0000, which CloudEvents allows in no string"#,
        ),
        (
            r#""ext":"\uffff""#,
            "ext",
            r#"ext "\u{ffff}" holds U+FFFF, which CloudEvents allows in no string"#,
        ),
        (r#""ext":1,"ext":1"#, "ext", "ext is given more than once"),
        (
            r#""ext":1,"e\u0078t":1"#,
            "ext",
            "ext is given more than once",
        ),
        (
            r#""ext":null,"ext":1"#,
            "ext",
            "ext is given more than once",
        ),
        (r#""id":"2""#, "id", "id is given more than once"),
        (
            r#""data":1,"data":1"#,
            "data",
            "data is given more than once",
        ),
        (
            r#""my_ext":1"#,
            "my_ext",
            r#""my_ext" is not a CloudEvents attribute name"#,
        ),
        (
            r#""Ext":null"#,
            "Ext",
            r#""Ext" is not a CloudEvents attribute name"#,
        ),
        (r#""":1"#, "", r#""" is not a CloudEvents attribute name"#),
        (
            r#""time":1700000000"#,
            "time",
            r#"time "1700000000" is not a JSON string"#,
        ),
        (
            r#""time":"noon""#,
            "time",
            r#"time "noon" is not an RFC 3339 timestamp"#,
        ),
        (r#""subject":"""#, "subject", "subject is empty"),
        (
            r#""subject":true"#,
            "subject",
            r#"subject "true" is not a JSON string"#,
        ),
        (r#""dataschema":"""#, "dataschema", "dataschema is empty"),
        (
            r#""datacontenttype":"json""#,
            "datacontenttype",
            r#"datacontenttype "json" is not a media type"#,
        ),
        (
            r#""datacontenttype":"""#,
            "datacontenttype",
            "datacontenttype is empty",
        ),
        (
            r#""datacontenttype":"text/\u00e9""#,
            "datacontenttype",
            r#"datacontenttype "text/é" is not a media type"#,
        ),
        (
            r#""data":1,"data_base64":"AA==""#,
            "data",
            "data and data_base64 are given together",
        ),
        (
            r#""data":null,"data_base64":"AA==""#,
            "data",
            "data and data_base64 are given together",
        ),
        (
            r#""data_base64":"AA""#,
            "data_base64",
            r#"data_base64 "\"AA\"" is not a base64 string"#,
        ),
        (
            r#""data_base64":"A-_=""#,
            "data_base64",
            r#"data_base64 "\"A-_=\"" is not a base64 string"#,
        ),
        (
            r#""data_base64":"AA==\n""#,
            "data_base64",
            r#"data_base64 "\"AA==\\n\"" is not a base64 string"#,
        ),
        (
            r#""data_base64":"AB==""#,
            "data_base64",
            r#"data_base64 "\"AB==\"" is not a base64 string"#,
        ),
        (
            r#""data_base64":1"#,
            "data_base64",
            r#"data_base64 "1" is not a base64 string"#,
        ),
        (
            r#""datacontenttype":"text/plain","data":{}"#,
            "data",
            r#"data "{}" is not a JSON string of text, as datacontenttype "text/plain" needs"#,
        ),
        (
            r#""datacontenttype":"text/plain","data":null"#,
            "data",
            r#"data "null" is not a JSON string of text, as datacontenttype "text/plain" needs"#,
        ),
        (
            r#""datacontenttype":"text/plain","data":"\udc00""#,
            "data",
            r#"data "\"\\udc00\"" is not a JSON string of text, as datacontenttype "text/plain" needs"#,
        ),
    ];
    for (more, subject, problem) in cases {
        match read_more(more) {
            Err(DecodeError::Malformed {
                fault,
                member: None,
            }) => {
                assert_eq!(fault.problem, problem);
                assert_eq!(&*fault.subject, subject);
                assert!(!fault.remedy.is_empty());
            }
            other => panic!("{more}: {other:?}"),
        }
    }
}

#[test]
fn version_0_3_refuses_what_only_1_0_has() {
    let problem = |more| read_version("0.3", more).unwrap_err().to_string();
    assert_eq!(
        problem(r#""data_base64":"AA==""#),
        "data_base64 is not known in CloudEvents 0.3"
    );
    assert_eq!(
        problem(r#""datacontentencoding":"base64","data":{}"#),
        r#"data "{}" is not a base64 string"#
    );
    assert_eq!(
        problem(r#""schemaurl":"x""#),
        r#"schemaurl "x" is not an absolute URI (RFC 3986)"#
    );
}

#[test]
fn the_specversion_must_be_one_that_is_known() {
    for version in ["1.0.2", "1", "2.0", "0.2", "V1.0", "", " 1.0"] {
        let error = read_version(version, "").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("specversion {version:?} is not known")
        );
    }
    let number = read_bytes(r#"{"specversion":1.0,"id":"1","source":"/","type":"t"}"#);
    assert_eq!(
        number.unwrap_err().to_string(),
        r#"specversion "1.0" is not a JSON string"#
    );
}

#[test]
fn all_missing_attributes_are_named_at_once() {
    let cases = [
        ("{}", "id, source, type, specversion"),
        (
            r#"{"specversion":null,"id":"1","source":"/","type":"t"}"#,
            "specversion",
        ),
        (r#"{"specversion":"1.0"}"#, "id, source, type"),
        (
            r#"{"specversion":"1.0","id":"1","source":null,"type":"t"}"#,
            "source",
        ),
    ];
    for (body, names) in cases {
        let expected =
            format!("a structured event needs id, source, type, specversion; missing: {names}");
        assert_eq!(read_bytes(body).unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_is_not_one_json_object_in_utf_8_is_refused() {
    let valid = with_members("1.0", "");
    let cases: &[(&[u8], &str)] = &[
        (b"", "the body is not a JSON object: EOF"),
        (b"null", "the body is not a JSON object"),
        (b"\"secret text\"", "the body is not a JSON object"),
        (b"[]", "the body is not a JSON object"),
        (b"{", "the body is not a JSON object: EOF"),
        (
            b"{'id':1}",
            "the body is not a JSON object: key must be a string",
        ),
        (b"{\"a\":01}", "the body is not a JSON object: "),
        (b"{\"a\":NaN}", "the body is not a JSON object: "),
        (b"{\"a\":\"\n\"}", "the body is not a JSON object: "),
        (
            b"{\"a\":1,}",
            "the body is not a JSON object: trailing comma",
        ),
        (b"{\"a\":1 /* */}", "the body is not a JSON object: "),
        (
            &[valid.as_bytes(), b"{}"].concat(),
            "the body is not a JSON object: trailing characters",
        ),
        (
            &[valid.as_bytes(), b"\0"].concat(),
            "the body is not a JSON object: trailing characters",
        ),
        (
            &[b"\xef\xbb\xbf", valid.as_bytes()].concat(),
            "the body begins with a byte order mark",
        ),
        (b"{\"a\":\"\xff\"}", "the body is not UTF-8 at byte 6"),
        (
            b"{\"a\":\"\xed\xa0\x80\"}",
            "the body is not UTF-8 at byte 6",
        ),
    ];
    for (body, problem) in cases {
        let error = read_bytes(body.to_vec()).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { .. }));
        assert!(error.to_string().starts_with(problem), "{error}");
        assert!(
            !error.to_string().contains("secret"),
            "data stays out of messages"
        );
    }
}

#[test]
fn nesting_is_limited_and_no_depth_exhausts_the_stack() {
    let nested = |depth: usize| {
        let data = format!("\"data\":{}{}", "[".repeat(depth), "]".repeat(depth));
        read_more(&data)
    };
    assert!(nested(63).is_ok(), "the event itself is one level");
    for depth in [64, 1_000, 1_000_000] {
        assert_eq!(
            nested(depth).unwrap_err().to_string(),
            "the JSON nests deeper than 64"
        );
    }
    let unlimited = Limits {
        json_depth_max: usize::MAX,
        ..Limits::default()
    };
    let deep = format!("\"data\":{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let body = Bytes::from(with_members("1.0", &deep));
    std::thread::Builder::new()
        .stack_size(128 << 10)
        .spawn(move || assert_eq!(read::event(&body, &unlimited).map(drop), Ok(())))
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn sizes_are_limited() {
    let limits = Limits {
        event_bytes_max: 100,
        batch_bytes_max: 400,
        attributes_max: 6,
        ..Limits::default()
    };
    let read = |more: &str| read::event(&with_members("1.0", more).into(), &limits);
    // The four required attributes of `with_members` have 30 bytes together.
    let data = |bytes: usize| format!(r#""data":"{}""#, "x".repeat(bytes - 2));
    assert!(read(&data(70)).is_ok());
    assert!(matches!(read(&data(71)), Err(DecodeError::TooLarge { .. })));
    assert!(matches!(
        read(&" ".repeat(80_000)),
        Err(DecodeError::TooLarge { .. })
    ));

    assert!(read(r#""a":1,"b":2"#).is_ok());
    assert!(read(r#""a":1,"b":2,"data":1,"data_base64":null"#).is_ok());
    for many in [
        r#""a":1,"b":2,"c":3"#,
        r#""a":1,"b":2,"c":3,"d":4,"e":5,"f":6"#,
    ] {
        let error = read(many).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the event has more than the 6 attributes allowed"
        );
    }
}

#[test]
fn a_million_members_are_refused_after_a_few() {
    let many: Vec<String> = (0..1_000_000).map(|n| format!("\"a{n}\":{n}")).collect();
    let body = Bytes::from(with_members("1.0", &many.join(",")));
    let limits = Limits {
        batch_bytes_max: usize::MAX,
        ..Limits::default()
    };
    let error = read::event(&body, &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the event has more than the 64 attributes allowed"
    );
}

#[test]
fn batches_are_read_whole() {
    let one = with_members("1.0", r#""data":{"a":1}"#);
    let two = with_members("1.0", r#""subject":"two""#);
    let body = Bytes::from(format!(" [ {one} , {two} ] "));
    let events = read::batch(&body, &Limits::default()).unwrap();
    assert_eq!(events, [read_bytes(one).unwrap(), read_bytes(two).unwrap()]);
    assert!(
        read::batch(&Bytes::from_static(b"[]"), &Limits::default())
            .unwrap()
            .is_empty()
    );
    let old = Bytes::from(format!("[{}]", with_members("0.3", "")));
    assert_eq!(read::batch(&old, &Limits::default()).unwrap().len(), 1);
}

#[test]
fn a_fault_in_a_batch_names_the_member() {
    let good = with_members("1.0", "");
    let cases = [
        (
            format!("[{good},{}]", with_members("0.3", "")),
            Some(1),
            r#"specversion "0.3" stands in a batch of "1.0""#,
        ),
        (
            format!("[{good},{good},{{}}]"),
            Some(2),
            "a structured event needs id, source, type, specversion; missing: id, source, type, specversion",
        ),
        (
            format!("[{good},1]"),
            Some(1),
            "the body is not a JSON object",
        ),
        (
            format!("[[{good}]]"),
            Some(0),
            "the body is not a JSON object",
        ),
        (good.clone(), None, "the body is not a JSON array"),
        (
            format!("[{good},]"),
            None,
            "the body is not a JSON array: trailing comma",
        ),
        (
            format!("[{good}] x"),
            None,
            "the body is not a JSON array: trailing characters",
        ),
        (
            format!("[{good}"),
            None,
            "the body is not a JSON array: EOF",
        ),
    ];
    for (body, member, problem) in cases {
        let error = read::batch(&body.into(), &Limits::default()).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { .. }));
        assert!(error.to_string().starts_with(problem), "{error}");
        assert_eq!(error.member(), member, "{error}");
    }
}

#[test]
fn batches_are_limited_in_events_bytes_and_depth() {
    let good = with_members("1.0", "");
    let batch_of = |items: &[&str], limits: Limits| {
        read::batch(&format!("[{}]", items.join(",")).into(), &limits)
    };
    let limits = Limits {
        batch_events_max: 2,
        event_bytes_max: 100,
        batch_bytes_max: 250,
        json_depth_max: 2,
        ..Limits::default()
    };
    assert_eq!(batch_of(&[&good, &good], limits).unwrap().len(), 2);
    assert!(matches!(
        batch_of(&[&good, &good, &good], limits),
        Err(DecodeError::TooLarge { member: None, .. })
    ));
    let padded = format!("{good}{}", " ".repeat(250));
    assert!(matches!(
        batch_of(&[&padded], limits),
        Err(DecodeError::TooLarge { member: None, .. })
    ));
    let large = with_members("1.0", &format!(r#""data":"{}""#, "x".repeat(70)));
    assert!(matches!(
        batch_of(&[&good, &large], limits),
        Err(DecodeError::TooLarge {
            member: Some(1),
            ..
        })
    ));
    assert!(batch_of(&[&with_members("1.0", r#""data":[]"#)], limits).is_ok());
    let deep = batch_of(&[&with_members("1.0", r#""data":[[]]"#)], limits).unwrap_err();
    assert_eq!(deep.to_string(), "the JSON nests deeper than 2");
}

#[test]
fn an_event_as_large_as_one_may_be_is_read_from_base64_too() {
    const EVENT_BYTES_MAX: usize = 6 << 20;
    let limits = Limits {
        event_bytes_max: EVENT_BYTES_MAX,
        ..Limits::default()
    };
    let read = |data_bytes: usize| {
        // Three bytes of zeros each.
        let data = "AAAA".repeat(data_bytes / 3);
        let body = with_members("1.0", &format!(r#""data_base64":"{data}""#));
        read::event(&body.into(), &limits)
    };
    let large = EVENT_BYTES_MAX - (4 << 10);
    assert!(large > limits.batch_bytes_max);
    assert_eq!(read(large).unwrap().data().as_bytes().len(), large / 3 * 3);
    for too_large in [EVENT_BYTES_MAX + 3, 2 * EVENT_BYTES_MAX] {
        assert!(matches!(read(too_large), Err(DecodeError::TooLarge { .. })));
    }
}
