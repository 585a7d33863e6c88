//! Events chosen one by one, for what each is a test of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::Valid;
use crate::client::Request;
use crate::event::{Event, Mode};

/// JSON whose text no careless reader keeps.
const JSON_TEXTS: [&str; 18] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "0.1e-7",
    "1E400",
    "12345678901234567890123456789012345678901234567890",
    "1.0000000000000000000000000000001",
    "\"\"",
    "\"text with \\\"quotes\\\" and \\u00fc and ü\"",
    "\"\\ud83d\\ude00 and 😀\"",
    "\"a string / with \\/ both slashes\"",
    "[]",
    "{}",
    "{ \"b\" : 1 ,\t\"a\":[ 1,2 , 3 ],\n  \"b\" : 2 }",
    "{\"z\":1,\"a\":2,\"nested\":{\"z\":[{\"deep\":[[[[[[1]]]]]]}]}}",
    "[1,\"two\",null,{\"three\":3.0}]",
];

/// Each event, addressed to the broker at `path`.
pub fn handwritten(path: &str) -> Vec<Valid> {
    let mut table = Table {
        path: path.to_owned(),
        cases: Vec::new(),
    };
    table.headers();
    table.json_data();
    table.other_data();
    table.attributes();
    table.versions();
    table.members();
    table.sizes();
    table.cases
}

struct Table {
    path: String,
    cases: Vec<Valid>,
}

impl Table {
    fn event(&self, name: &str) -> Event {
        Event::new(
            &format!("hand-{}-{}", self.cases.len(), name.len()),
            "/valid",
            "valid",
        )
    }

    fn add(&mut self, name: &str, mode: Mode, request: Request, event: Event) {
        self.cases.push(Valid {
            name: name.to_owned(),
            mode,
            request,
            event,
        });
    }

    /// An event in both modes, as this crate writes them.
    fn both(&mut self, name: &str, build: impl Fn(Event) -> Event) {
        for mode in [Mode::Binary, Mode::Structured] {
            let name = format!("{name}, {mode:?}");
            let event = build(self.event(&name));
            self.add(&name, mode, Request::event(&self.path, &event, mode), event);
        }
    }

    /// Binary mode with one attribute's header written as given.
    fn header(&mut self, name: &str, attribute: &str, written: &[u8], meant: &str) {
        let event = self.event(name);
        let request = Request::event(&self.path, &event, Mode::Binary);
        let request = request.header(&format!("ce-{attribute}"), written);
        self.add(name, Mode::Binary, request, event.with(attribute, meant));
    }

    /// Structured mode with members beside the required ones, written as given.
    fn json(&mut self, name: &str, members: &str, meant: impl Fn(Event) -> Event) {
        let event = self.event(name);
        let id = event.get("id");
        let body = format!(
            "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/valid\",\"type\":\"valid\"\
             {members}}}"
        );
        let request = Request::post(&self.path)
            .header(
                "Content-Type",
                "application/cloudevents+json; charset=utf-8",
            )
            .body(body);
        let event = meant(event);
        self.add(name, Mode::Structured, request, event);
    }

    /// HB-7, HB-9 to HB-12: header values in every spelling that must be read.
    fn headers(&mut self) {
        self.header("lower-case hex", "subject", b"%c3%bc%e2%82%ac", "ü€");
        self.header("needless escapes", "subject", b"%41%62%63", "Abc");
        self.header("decoded once", "subject", b"%2541", "%41");
        self.header("a lone percent sign", "subject", b"100%", "100%");
        self.header(
            "a percent sign before no hex",
            "subject",
            b"%zz %4",
            "%zz %4",
        );
        self.header(
            "escaped space and quote",
            "subject",
            b"a%20%22b%22",
            "a \"b\"",
        );
        self.header("bare space", "subject", b"a b  c", "a b  c");
        self.header("bare UTF-8", "subject", "Grüße €".as_bytes(), "Grüße €");
        self.header("quoted string", "subject", b"\"a b\"", "a b");
        self.header(
            "quoted string with backslashes",
            "subject",
            br#""a \"b\" \\""#,
            "a \"b\" \\",
        );
        self.header("quoted string, then escapes", "subject", b"\"%c3%bc\"", "ü");
        self.header("four bytes of UTF-8", "subject", b"%F0%9F%98%80", "😀");
        self.header("a space alone", "extension", b"%20", " ");
        self.header("an empty extension", "extension", b"", "");
        self.header("a name of digits", "123", b"x", "x");
        self.header(
            "a long name",
            "averylongextensionnamethatisstillallowed",
            b"x",
            "x",
        );
        self.header(
            "an extension that looks like JSON",
            "extension",
            b"{\"a\":1}",
            "{\"a\":1}",
        );
        self.header(
            "the largest attribute",
            "extension",
            &[b'x'; 4096],
            &"x".repeat(4096),
        );
        let event = self.event("upper-case header names").with("subject", "s");
        let mut request = Request::post(&self.path);
        for (name, value) in &event.attributes {
            request = request.header(&format!("CE-{}", name.to_uppercase()), value);
        }
        self.add("upper-case header names", Mode::Binary, request, event);
    }

    /// JF-6, JF-7, JF-9, HB-6: JSON data keeps its text, with and without a media type.
    fn json_data(&mut self) {
        for text in JSON_TEXTS {
            let typed = |event: Event| event.with_data("application/json", text);
            self.both(&format!("JSON data {text}"), typed);
            self.json(
                &format!("untyped JSON data {text}"),
                &format!(",\"data\":{text}"),
                |event| Event {
                    data: Some(text.into()),
                    ..event
                },
            );
        }
        for media_type in [
            "application/problem+json",
            "text/json",
            "APPLICATION/JSON; Charset=x",
        ] {
            self.both(media_type, |event| {
                event.with_data(media_type, "{\"a\": 1.10}")
            });
        }
        let spaced = |event: Event| event.with_data("application/json", " \n{\"a\":1}\t ");
        let event = spaced(self.event("spaced"));
        let request = Request::event(&self.path, &event, Mode::Binary);
        self.add("white space around JSON data", Mode::Binary, request, event);
        let event = self
            .event("broken")
            .with_data("application/json", "{not json");
        let request = Request::event(&self.path, &event, Mode::Binary);
        self.add("JSON by name alone", Mode::Binary, request, event);
    }

    /// JF-4, JF-8, HB-6: data that is not JSON.
    fn other_data(&mut self) {
        let all_bytes: Vec<u8> = (0..=255).collect();
        for (media_type, data) in [
            ("text/plain", &b"plain text\r\nwith lines"[..]),
            ("text/plain; charset=utf-8", "Grüße 😀".as_bytes()),
            ("text/plain; charset=iso-8859-1", b"gr\xfc\xdfe"),
            ("text/html", b"<p class=\"a\">&amp;</p>"),
            ("application/xml", b"<?xml version=\"1.0\"?><a b='c'/>"),
            ("application/x-thrift", b"\x80\x01\0\x01"),
            ("application/octet-stream", &all_bytes),
            ("application/x-www-form-urlencoded", b"a=1&b=%20"),
            ("image/png", b"\x89PNG\r\n\x1a\n"),
        ] {
            self.both(media_type, |event| {
                event.with_data(media_type, data.to_vec())
            });
        }
        let nothing = |event: Event| event.with("datacontenttype", "text/plain");
        self.both("a media type without data", nothing);
        self.both("neither data nor media type", |event| event);
        let event = Event {
            data: Some("bare".into()),
            ..self.event("bare")
        };
        let request = Request::event(&self.path, &event, Mode::Binary);
        self.add("data without a media type", Mode::Binary, request, event);
        let encoded = BASE64.encode(&all_bytes);
        let members = format!(",\"datacontenttype\":\"image/x\",\"data_base64\":\"{encoded}\"");
        self.json("data_base64", &members, |event| {
            event.with_data("image/x", all_bytes.clone())
        });
        let member = ",\"data\":\"<a>\\u00fc\\n</a>\",\"datacontenttype\":\"text/xml\"";
        let text = |event: Event| event.with_data("text/xml", "<a>ü\n</a>");
        self.json("data before its media type", member, text);
    }

    /// CE-6 to CE-9, CE-11: attributes of every type and shape.
    fn attributes(&mut self) {
        for source in [
            "https://user@host.example:8080/a/b;c=d?q=%20&r#frag",
            "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
            "mailto:a@b.example",
            "//host/path",
            "relative/path",
            "?q",
            "#f",
            "http://[2001:db8::1]:80/",
            "1-555-123-4567",
            "/cloudevents/spec/pull/123",
        ] {
            self.both(&format!("source {source}"), |event| {
                event.with("source", source)
            });
        }
        for time in [
            "2018-04-05T17:31:00Z",
            "2018-04-05T17:31:00.123456789012Z",
            "2018-04-05T17:31:00+01:30",
            "2018-04-05t17:31:00z",
            "2020-02-29T23:59:59-00:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.9Z",
        ] {
            self.both(&format!("time {time}"), |event| event.with("time", time));
        }
        for text in [
            "a",
            "ü",
            "日本語",
            "😀",
            "a\"b\\c",
            "%",
            " lead and trail ",
            "a,b;c=d",
        ] {
            self.both(&format!("text {text:?}"), |event| {
                event
                    .with("subject", text)
                    .with("extension", text)
                    .with("type", text)
            });
        }
        self.both("every core attribute", |event| {
            let event = event
                .with("subject", "s")
                .with("time", "2020-01-01T00:00:00Z");
            event
                .with("dataschema", "https://schema.example/s#1")
                .with_data("text/plain", "x")
        });
        self.both("64 attributes", |event| {
            (0..60).fold(event, |event, n| event.with(&format!("x{n}"), "y"))
        });
        self.both("nearly 48 KiB of attributes", |event| {
            (0..11).fold(event, |event, n| {
                event.with(&format!("x{n}"), &"y".repeat(4096))
            })
        });
    }

    /// RK-6: 1.0 and 0.3, never upgraded.
    fn versions(&mut self) {
        self.both("0.3", |event| event.with("specversion", "0.3"));
        self.both("0.3 with a schema", |event| {
            event
                .with("specversion", "0.3")
                .with("schemaurl", "http://schema.example/")
        });
        self.both("0.3 with JSON data", |event| {
            event
                .with("specversion", "0.3")
                .with_data("application/json", "{\"a\": 1.0}")
        });
        self.both("0.3 with text", |event| {
            event
                .with("specversion", "0.3")
                .with_data("text/plain", "text")
        });
    }

    /// JF-2, JF-10: members of the JSON format in their other spellings.
    fn members(&mut self) {
        self.json(
            "null is absent",
            ",\"subject\":null,\"extension\":null,\"time\":null",
            |e| e,
        );
        self.json(
            "types",
            ",\"yes\":true,\"no\":false,\"int\":-2147483648",
            |event| {
                event
                    .with("yes", "true")
                    .with("no", "false")
                    .with("int", "-2147483648")
            },
        );
        self.json(
            "the largest integer",
            ",\"int\":2147483647,\"zero\":0",
            |event| event.with("int", "2147483647").with("zero", "0"),
        );
        self.json(
            "escapes",
            ",\"subject\":\"\\u00fc\\ud83d\\ude00\\/\\\\\"",
            |event| event.with("subject", "ü😀/\\"),
        );
        self.json(
            "an escaped member name",
            ",\"\\u0073ubject\":\"s\"",
            |event| event.with("subject", "s"),
        );
        self.json(
            "white space everywhere",
            "\n ,\t\"subject\" :\r\n \"s\" ",
            |event| event.with("subject", "s"),
        );
        self.json(
            "data 60 deep",
            &format!(",\"data\":{}", deep(60)),
            |event| Event {
                data: Some(deep(60).into()),
                ..event
            },
        );
    }

    /// CE-13, RK-12, G13: as large as must pass.
    fn sizes(&mut self) {
        for bytes in [36_864, 64 << 10, 256 << 10] {
            let data = Bytes::from(vec![b'x'; bytes]);
            self.both(&format!("{bytes} bytes"), |event| {
                event.with_data("text/plain", data.clone())
            });
        }
        let data: Vec<u8> = (0u32..1 << 20).map(|n| n.to_le_bytes()[0]).collect();
        let event = self
            .event("1 MiB")
            .with_data("x/y", data[..(1 << 20) - 1024].to_vec());
        let request = Request::event(&self.path, &event, Mode::Binary);
        self.add("nearly 1 MiB", Mode::Binary, request, event);
    }
}

fn deep(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}
