//! Binary mode: what headers can get wrong.

use super::{BAD_MEDIA_TYPES, BAD_TIMES, BAD_URI_REFERENCES, BAD_VERSIONS, Malformed};
use crate::client::Request;
use crate::event::percent_encode;

const REQUIRED: [(&str, &str); 4] = [
    ("specversion", "1.0"),
    ("id", "1"),
    ("source", "/malformed"),
    ("type", "malformed"),
];

/// Percent-encoded texts that decode to something no attribute may hold.
const FORBIDDEN_CHARACTERS: [&str; 13] = [
    "a%00b",
    "a%01b",
    "a%09b",
    "a%0Ab",
    "a%0D%0Ace-evil:%20x",
    "a%1Fb",
    "a%7Fb",
    "a%C2%80b",
    "a%C2%9Fb",
    "a%EF%BF%BFb",
    "a%EF%B7%90b",
    "a%F0%9F%BF%BEb",
    "a%F4%8F%BF%BFb",
];

/// Percent-encoded bytes that are no UTF-8.
const BAD_UTF8: [&str; 11] = [
    "%C0%A0",
    "%C0%80",
    "%C1%BF",
    "%E0%80%80",
    "%ED%A0%80",
    "%F4%90%80%80",
    "%F8%88%80%80%80",
    "%FF",
    "%80",
    "%C3",
    "%C3%28",
];

/// What may stand in a header's name, yet not in an attribute's.
const BAD_NAMES: [&str; 17] = [
    "",
    "data",
    "my_ext",
    "my-ext",
    "a.b",
    "a!",
    "a#",
    "a$",
    "a&",
    "a'",
    "a*",
    "a+",
    "a^",
    "a`",
    "a|",
    "a~",
    "data_base64",
];

/// A request that would be an event, with `replaced` in place of a required attribute or beside
/// them.
fn request(path: &str, replaced: &[(&str, &[u8])]) -> Request {
    let mut request = Request::post(path).body("{}");
    for (name, value) in REQUIRED {
        if !replaced.iter().any(|(other, _)| *other == name) {
            request = request.header(&format!("ce-{name}"), value);
        }
    }
    for (name, value) in replaced {
        request = request.header(&format!("ce-{name}"), value);
    }
    request
}

fn without(path: &str, absent: &str) -> Request {
    let present = REQUIRED.iter().filter(|(name, _)| *name != absent);
    present.fold(Request::post(path).body("{}"), |request, (name, value)| {
        request.header(&format!("ce-{name}"), value)
    })
}

pub(super) fn cases(path: &str) -> Vec<Malformed> {
    let mut cases = required(path);
    cases.extend(values(path));
    cases.extend(characters(path));
    cases.extend(names(path));
    cases.extend(limits(path));
    cases
}

fn required(path: &str) -> Vec<Malformed> {
    let plain = Request::post(path)
        .header("Content-Type", "application/json")
        .body("{}");
    let mut cases =
        vec![Malformed::new("binary: no attributes at all", 400, &plain).naming("specversion")];
    for (name, value) in REQUIRED {
        let case = |what: &str, request: &Request| {
            Malformed::new(format!("binary: {name} {what}"), 400, request).naming(name)
        };
        cases.push(case("missing", &without(path, name)));
        cases.push(case("empty", &request(path, &[(name, b"")])));
        cases.push(case(
            "an empty quoted string",
            &request(path, &[(name, b"\"\"")]),
        ));
        let twice = request(path, &[]).header(&format!("ce-{name}"), value);
        cases.push(case("twice", &twice));
        let shouted = request(path, &[]).header(&format!("CE-{}", name.to_uppercase()), "other");
        cases.push(case("twice in two cases", &shouted));
    }
    for version in BAD_VERSIONS {
        let request = request(path, &[("specversion", version.as_bytes())]);
        let name = format!("binary: specversion {version}");
        cases.push(Malformed::new(name, 400, &request).naming("specversion"));
    }
    cases
}

fn values(path: &str) -> Vec<Malformed> {
    let mut cases = Vec::new();
    let mut case = |attribute: &str, value: &str| {
        let request = request(path, &[(attribute, &percent_encode(value))]);
        let name = format!("binary: {attribute} {value:?}");
        cases.push(Malformed::new(name, 400, &request).naming(attribute));
    };
    for attribute in ["subject", "time", "dataschema"] {
        case(attribute, "");
    }
    for time in BAD_TIMES {
        case("time", time);
    }
    for uri in BAD_URI_REFERENCES {
        case("source", uri);
        case("dataschema", uri);
    }
    for uri in ["ü", "http://ü/", "/a%zz", "/a%2"] {
        case("source", uri);
    }
    for uri in [
        "relative",
        "/relative",
        "//host/relative",
        "?query",
        "#fragment",
    ] {
        case("dataschema", uri);
    }
    for media_type in BAD_MEDIA_TYPES {
        let request = request(path, &[]).header("Content-Type", media_type);
        let name = format!("binary: content-type {media_type:?}");
        cases.push(Malformed::new(name, 400, &request).naming("type"));
    }
    cases
}

fn characters(path: &str) -> Vec<Malformed> {
    let mut cases = Vec::new();
    for attribute in ["subject", "id", "extension"] {
        for text in FORBIDDEN_CHARACTERS.iter().chain(&BAD_UTF8) {
            let request = request(path, &[(attribute, text.as_bytes())]);
            let name = format!("binary: {attribute} {text}");
            cases.push(Malformed::new(name, 400, &request).naming(attribute));
        }
        for raw in [&b"a\xff"[..], b"\xc0\xa0", b"a\tb"] {
            let request = request(path, &[(attribute, raw)]);
            let name = format!(
                "binary: {attribute} raw {:?}",
                raw.escape_ascii().to_string()
            );
            cases.push(Malformed::new(name, 400, &request).naming(attribute));
        }
    }
    cases
}

fn names(path: &str) -> Vec<Malformed> {
    let mut cases = Vec::new();
    for name in BAD_NAMES {
        let request = request(path, &[(name, b"x")]);
        cases.push(Malformed::new(format!("binary: name {name:?}"), 400, &request).naming(name));
    }
    for name in ["subject", "time", "dataschema", "extension"] {
        let value: &[u8] = match name {
            "time" => b"2020-01-01T00:00:00Z",
            "dataschema" => b"urn:a",
            _ => b"x",
        };
        let request = request(path, &[(name, value)]).header(&format!("ce-{name}"), value);
        cases.push(Malformed::new(format!("binary: {name} twice"), 400, &request).naming(name));
    }
    for (what, media_type) in [
        ("alone", None),
        ("and Content-Type agree", Some("text/plain")),
        ("and Content-Type differ", Some("text/html")),
    ] {
        let mut request = request(path, &[("datacontenttype", b"text/plain")]);
        if let Some(media_type) = media_type {
            request = request.header("Content-Type", media_type);
        }
        let name = format!("binary: ce-datacontenttype {what}");
        cases.push(Malformed::new(name, 400, &request).naming("datacontenttype"));
    }
    cases
}

fn limits(path: &str) -> Vec<Malformed> {
    let many = (0..61).fold(request(path, &[]), |request, n| {
        request.header(&format!("ce-x{n}"), "x")
    });
    let long = request(path, &[("extension", "x".repeat(4097).as_bytes())]);
    let encoded = request(path, &[("extension", "%C3%BC".repeat(2049).as_bytes())]);
    let sum = (0..13).fold(request(path, &[]), |request, n| {
        request.header(&format!("ce-x{n}"), "x".repeat(4000))
    });
    let large = request(path, &[]).body(vec![b'x'; (1 << 20) + 1]);
    let chunked = chunked(path, (1 << 20) + 1);
    vec![
        Malformed::new("binary: 65 attributes", 400, &many).naming("64"),
        Malformed::new("binary: 4,097 bytes in an attribute", 400, &long).naming("extension"),
        Malformed::new("binary: 4,098 bytes once decoded", 400, &encoded).naming("extension"),
        Malformed::new("binary: 52,000 bytes of attributes", 400, &sum),
        Malformed::new("binary: 1 MiB and a byte", 413, &large),
        Malformed::raw("binary: 1 MiB and a byte, chunked", 413, chunked),
    ]
}

fn chunked(path: &str, length: usize) -> Vec<u8> {
    let mut bytes = request(path, &[])
        .body("")
        .header("Transfer-Encoding", "chunked")
        .to_bytes();
    let chunk = vec![b'x'; 64 << 10];
    let mut left = length;
    while left > 0 {
        let size = left.min(chunk.len());
        bytes.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        bytes.extend_from_slice(&chunk[..size]);
        bytes.extend_from_slice(b"\r\n");
        left -= size;
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}
