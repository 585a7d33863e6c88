//! Structured and batched mode: what JSON can get wrong.

use super::{BAD_MEDIA_TYPES, BAD_TIMES, BAD_URI_REFERENCES, BAD_VERSIONS, Malformed};
use crate::client::Request;

const ONE: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";

const REQUIRED: [(&str, &str); 4] = [
    ("specversion", r#""1.0""#),
    ("id", r#""1""#),
    ("source", r#""/malformed""#),
    ("type", r#""malformed""#),
];

/// Bodies that are no JSON object, whatever is in them.
const NO_OBJECTS: [(&str, &str); 17] = [
    ("nothing", ""),
    ("white space", "  \n"),
    ("an open brace", "{"),
    ("an array", "[]"),
    ("null", "null"),
    ("a number", "1"),
    ("a string", "\"x\""),
    ("crossed brackets", "{]"),
    ("no colon", r#"{"id" "1"}"#),
    ("no quotes", "{id: 1}"),
    ("single quotes", "{'id': '1'}"),
    ("a comment", "{/* */}"),
    ("plain text", "hello"),
    ("XML", "<event/>"),
    ("an unclosed string", r#"{"id": "1"#),
    ("a bad escape", r#"{"id": "\x"}"#),
    ("a control character", "{\"id\": \"a\nb\"}"),
];

/// An object with the required members, those in `members` put in their place or beside them. The
/// values are JSON.
fn object(members: &[(&str, &str)]) -> String {
    let mut parts = Vec::new();
    for (name, value) in REQUIRED {
        if !members.iter().any(|(other, _)| *other == name) {
            parts.push(format!("\"{name}\":{value}"));
        }
    }
    parts.extend(
        members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}")),
    );
    format!("{{{}}}", parts.join(","))
}

fn without(absent: &str) -> String {
    let present = REQUIRED.iter().filter(|(name, _)| *name != absent);
    let parts: Vec<String> = present
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", parts.join(","))
}

fn request(path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::post(path)
        .header("Content-Type", media_type)
        .body(body.into())
}

pub(super) fn cases(path: &str) -> Vec<Malformed> {
    let mut table = Vec::new();
    syntax(&mut table);
    types(&mut table);
    values(&mut table);
    names(&mut table);
    data(&mut table);
    let mut cases: Vec<Malformed> = table
        .into_iter()
        .map(|(what, named, body)| {
            let case = Malformed::new(
                format!("structured: {what}"),
                400,
                &request(path, ONE, body),
            );
            if named.is_empty() {
                case
            } else {
                case.naming(&named)
            }
        })
        .collect();
    cases.extend(media_types(path));
    cases.extend(sizes(path));
    cases.extend(batches(path));
    cases
}

/// What is wrong, the word that the answer must name, the body.
type Table = Vec<(String, String, Vec<u8>)>;

fn row(table: &mut Table, what: impl Into<String>, named: &str, body: impl Into<Vec<u8>>) {
    table.push((what.into(), named.to_owned(), body.into()));
}

fn syntax(table: &mut Table) {
    for (what, body) in NO_OBJECTS {
        row(table, what, "", body);
    }
    row(table, "text after the object", "", object(&[]) + " x");
    row(table, "a second object", "", object(&[]) + &object(&[]));
    row(
        table,
        "a trailing comma",
        "",
        object(&[]).replace('}', ",}"),
    );
    row(
        table,
        "bytes that are no UTF-8",
        "",
        b"{\"id\":\"\xff\"}".to_vec(),
    );
    row(
        table,
        "a leading byte order mark cut short",
        "",
        b"\xef\xbb{}".to_vec(),
    );
    row(table, "NaN", "", object(&[("data", "NaN")]));
    row(table, "a leading zero", "", object(&[("data", "01")]));
    for (name, value) in REQUIRED {
        let twice = object(&[]).replace('}', &format!(",\"{name}\":{value}}}"));
        row(table, format!("{name} twice"), name, twice);
    }
    for (name, value) in [("subject", "\"a\""), ("extension", "1"), ("data", "1")] {
        let twice = object(&[(name, value), (name, value)]);
        row(table, format!("{name} twice"), name, twice);
    }
}

fn types(table: &mut Table) {
    for (name, _) in REQUIRED {
        row(table, format!("{name} missing"), name, without(name));
        let null = object(&[(name, "null")]);
        row(table, format!("{name} null"), name, null);
        no_text(table, name);
    }
    for name in ["subject", "time", "dataschema", "datacontenttype"] {
        no_text(table, name);
    }
    for value in [
        "{}",
        "[]",
        "[1]",
        "1.5",
        "-0.1",
        "2147483648",
        "-2147483649",
        "1e400",
    ] {
        let body = object(&[("extension", value)]);
        row(table, format!("extension is {value}"), "extension", body);
    }
}

/// Where text must stand, what is none.
fn no_text(table: &mut Table, name: &str) {
    for (what, value) in [
        ("empty", "\"\""),
        ("is a number", "1"),
        ("is a boolean", "true"),
        ("is an object", "{}"),
        ("is an array", "[]"),
    ] {
        let body = object(&[(name, value)]);
        row(table, format!("{name} {what}"), name, body);
    }
}

fn values(table: &mut Table) {
    let mut text = |attribute: &str, value: &str| {
        let json = serde_json::Value::from(value).to_string();
        row(
            table,
            format!("{attribute} {value:?}"),
            attribute,
            object(&[(attribute, &json)]),
        );
    };
    for version in BAD_VERSIONS {
        text("specversion", version);
    }
    for time in BAD_TIMES {
        text("time", time);
    }
    for uri in BAD_URI_REFERENCES {
        text("source", uri);
    }
    for uri in ["/relative", "ü:x", "http://[::1"] {
        text("dataschema", uri);
    }
    for media_type in BAD_MEDIA_TYPES {
        text("datacontenttype", media_type);
    }
    for value in [
        "a\u{0}b",
        "a\nb",
        "a\u{7f}",
        "a\u{85}",
        "\u{ffff}",
        "\u{fdd0}",
        "\u{1fffe}",
    ] {
        text("subject", value);
        text("extension", value);
    }
    for escape in [r"\ud800", r"\udc00", r"a\udc00\ud800", r"\ud800x"] {
        let body = object(&[("subject", &format!("\"{escape}\""))]);
        row(
            table,
            format!("subject with the lone surrogate {escape}"),
            "",
            body,
        );
    }
}

fn names(table: &mut Table) {
    for name in [
        "My",
        "ID",
        "Type",
        "Data",
        "DATA",
        "my_ext",
        "my-ext",
        "a.b",
        "a b",
        "ä",
        "",
        "dataBase64",
    ] {
        let body = object(&[(name, "\"x\"")]);
        row(table, format!("name {name:?}"), name, body);
    }
    let many: Vec<String> = (0..61).map(|n| format!("x{n}")).collect();
    let members: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "\"x\"")).collect();
    row(table, "65 attributes", "64", object(&members));
    let long = format!("\"{}\"", "x".repeat(4097));
    row(
        table,
        "4,097 bytes in an attribute",
        "extension",
        object(&[("extension", &long)]),
    );
    let long = format!("\"{}\"", "x".repeat(4000));
    let members: Vec<(&str, &str)> = many
        .iter()
        .take(13)
        .map(|name| (name.as_str(), long.as_str()))
        .collect();
    row(table, "52,000 bytes of attributes", "", object(&members));
}

fn data(table: &mut Table) {
    let both = object(&[("data", "1"), ("data_base64", "\"MQ==\"")]);
    row(table, "data and data_base64", "data_base64", both);
    for value in ["1", "true", "{}", "[]"] {
        let body = object(&[("data_base64", value)]);
        row(
            table,
            format!("data_base64 is {value}"),
            "data_base64",
            body,
        );
    }
    for text in [
        "!", "abc", "a===", "YQ==YQ==", "Y Q==", "_-8=", "YQ=", "ÿÿÿÿ",
    ] {
        let body = object(&[("data_base64", &format!("\"{text}\""))]);
        row(table, format!("data_base64 {text:?}"), "data_base64", body);
    }
    for depth in [65, 1_000, 100_000] {
        let nested = "[".repeat(depth) + &"]".repeat(depth);
        row(
            table,
            format!("data {depth} deep"),
            "",
            object(&[("data", &nested)]),
        );
        let open = "{\"a\":".repeat(depth);
        row(
            table,
            format!("objects {depth} deep that never end"),
            "",
            open,
        );
    }
}

fn media_types(path: &str) -> Vec<Malformed> {
    let body = object(&[]);
    let mut cases = Vec::new();
    for media_type in [
        "application/cloudevents+xml",
        "application/cloudevents+avro",
        "application/cloudevents+protobuf",
        "application/cloudevents-batch+xml",
        "application/cloudevents-batch+protobuf",
        "application/cloudevents+nonsense; charset=utf-8",
        "APPLICATION/CloudEvents+XML",
    ] {
        let request = request(path, media_type, body.clone());
        cases.push(Malformed::new(
            format!("structured: {media_type}"),
            415,
            &request,
        ));
    }
    for encoding in [
        "gzip",
        "br",
        "deflate",
        "zstd",
        "identity, gzip",
        "nonsense",
    ] {
        let request = request(path, ONE, body.clone()).header("Content-Encoding", encoding);
        cases.push(Malformed::new(
            format!("structured: encoded with {encoding}"),
            415,
            &request,
        ));
    }
    cases
}

fn sizes(path: &str) -> Vec<Malformed> {
    let data = format!("\"{}\"", "x".repeat((1 << 20) + 1));
    let plain = object(&[("data", &data)]);
    let encoded = format!("\"{}\"", "YWFh".repeat((1 << 20) / 3 + 1));
    let base64 = object(&[("data_base64", &encoded)]);
    vec![
        Malformed::new(
            "structured: 1 MiB and a byte of data",
            413,
            &request(path, ONE, plain),
        ),
        Malformed::new(
            "structured: 1 MiB and more in base64",
            413,
            &request(path, ONE, base64),
        ),
    ]
}

fn batches(path: &str) -> Vec<Malformed> {
    let good = object(&[]);
    let bad = without("id");
    let mut cases = Vec::new();
    let mut case = |what: &str, status: u16, body: String| {
        let request = request(path, BATCH, body);
        cases.push(Malformed::new(format!("batch: {what}"), status, &request));
    };
    case("an object", 400, good.clone());
    case("not JSON", 400, "[".to_owned());
    case("null", 400, "null".to_owned());
    case("a number in it", 400, "[1]".to_owned());
    case("null in it", 400, "[null]".to_owned());
    case("a batch in it", 400, format!("[[{good}]]"));
    case("text after it", 400, format!("[{good}] x"));
    case("no comma", 400, format!("[{good}{good}]"));
    let newer = object(&[("specversion", "\"0.3\"")]);
    case("two specversions", 400, format!("[{good},{newer}]"));
    case(
        "1,001 events",
        413,
        format!("[{}]", vec![good.as_str(); 1_001].join(",")),
    );
    let large = object(&[("data", &format!("\"{}\"", "x".repeat(512 << 10)))]);
    case(
        "more than 4 MiB",
        413,
        format!("[{}]", [large.as_str(); 9].join(",")),
    );
    let larger = object(&[("data", &format!("\"{}\"", "x".repeat((1 << 20) + 1)))]);
    case(
        "a member of more than 1 MiB",
        413,
        format!("[{good},{larger}]"),
    );
    for place in 0..3 {
        let mut members = [good.as_str(); 3];
        members[place] = &bad;
        let request = request(path, BATCH, format!("[{}]", members.join(",")));
        let name = format!("batch: member {place} without id");
        cases.push(Malformed::new(name, 400, &request).naming(&place.to_string()));
    }
    cases
}
