//! What is refused, and that the fault names it.

use super::*;

/// Checks that an event with these members beside the required ones is refused with this problem.
#[track_caller]
fn assert_refused(more: &str, subject: &str, problem: &str) {
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

#[test]
fn malformed_members_are_refused_by_name() {
    for (more, subject, problem) in [
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
    ] {
        assert_refused(more, subject, problem);
    }
}

#[test]
fn a_value_of_no_attribute_type_is_refused() {
    for value in [
        "1.5",
        "1.0",
        "1e3",
        "2147483648",
        "-2147483649",
        "{}",
        "[1]",
        r#""\ud800""#,
    ] {
        let problem = format!("ext {value:?} is of no attribute type");
        assert_refused(&format!(r#""ext":{value}"#), "ext", &problem);
    }
}

#[test]
fn a_member_that_is_given_twice_is_refused() {
    for (more, name) in [
        (r#""ext":1,"ext":1"#, "ext"),
        (r#""ext":1,"e\u0078t":1"#, "ext"),
        (r#""ext":null,"ext":1"#, "ext"),
        (r#""id":"2""#, "id"),
        (r#""data":1,"data":1"#, "data"),
    ] {
        assert_refused(more, name, &format!("{name} is given more than once"));
    }
}

#[test]
fn data_base64_is_padded_base64_of_the_common_alphabet() {
    for value in [r#""AA""#, r#""A-_=""#, r#""AA==\n""#, r#""AB==""#, "1"] {
        let problem = format!("data_base64 {value:?} is not a base64 string");
        assert_refused(
            &format!(r#""data_base64":{value}"#),
            "data_base64",
            &problem,
        );
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
