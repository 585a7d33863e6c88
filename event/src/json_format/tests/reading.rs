//! What is read of an event, and in which text and type.

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
