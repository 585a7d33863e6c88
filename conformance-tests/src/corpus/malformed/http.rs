//! HTTP itself: methods, paths, framing, sizes.

use super::Malformed;
use crate::client::Request;

const CE: &str =
    "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /malformed\r\nce-type: malformed\r\n";

pub(super) fn cases(path: &str) -> Vec<Malformed> {
    let mut cases = methods(path);
    cases.extend(paths());
    cases.extend(framing(path));
    cases.extend(heads(path));
    cases
}

fn event(target: &str) -> Request {
    Request::post(target)
        .header("ce-specversion", "1.0")
        .header("ce-id", "1")
        .header("ce-source", "/malformed")
        .header("ce-type", "malformed")
}

fn methods(path: &str) -> Vec<Malformed> {
    ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"]
        .map(|method| Malformed::new(format!("http: {method}"), 405, &Request::new(method, path)))
        .to_vec()
}

fn paths() -> Vec<Malformed> {
    let mut cases = Vec::new();
    for path in ["/no/such", "/one", "/one/two/three", "//", "/a//b"] {
        cases.push(Malformed::new(
            format!("http: path {path}"),
            404,
            &event(path),
        ));
    }
    let long = format!("/a/b?{}", "q".repeat(8 << 10));
    cases.push(Malformed::new(
        "http: a target of more than 8 KiB",
        414,
        &event(&long),
    ));
    cases
}

/// Framing that two readers could understand differently: answered, and the connection closed.
fn framing(path: &str) -> Vec<Malformed> {
    let mut cases = Vec::new();
    let mut case = |what: &str, lines: &str, body: &str| {
        let bytes = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{CE}{lines}\r\n{body}");
        cases.push(Malformed::raw(format!("http: {what}"), 400, bytes).closing());
    };
    let chunked = "0\r\n\r\n";
    case(
        "two lengths",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "ab",
    );
    case("two lengths in one line", "Content-Length: 1, 2\r\n", "ab");
    case("a length with a sign", "Content-Length: +1\r\n", "a");
    case("a negative length", "Content-Length: -1\r\n", "a");
    case("a hexadecimal length", "Content-Length: 0x1\r\n", "a");
    case("a length in words", "Content-Length: one\r\n", "a");
    case("an empty length", "Content-Length: \r\n", "");
    case(
        "an endless length",
        "Content-Length: 99999999999999999999\r\n",
        "",
    );
    case(
        "a coding other than chunked",
        "Transfer-Encoding: gzip\r\n",
        "",
    );
    case(
        "chunked before another coding",
        "Transfer-Encoding: chunked, gzip\r\n",
        chunked,
    );
    case("a space before the colon", "Content-Length : 0\r\n", "");
    case("a line without a colon", "Content-Length\r\n", "");
    case("a NUL in a value", "ce-subject: a\0b\r\n", "");
    case("a space in a name", "ce subject: a\r\n", "");
    case("a folded line", "ce-subject: a\r\n b\r\n", "");
    for (what, line) in [
        ("a version of the future", format!("POST {path} HTTP/3.7")),
        ("no version", format!("POST {path}")),
        ("no target", "POST HTTP/1.1".to_owned()),
        ("a space in the target", format!("POST {path} x HTTP/1.1")),
    ] {
        let bytes = format!("{line}\r\nHost: x\r\n{CE}Content-Length: 0\r\n\r\n");
        cases.push(Malformed::raw(format!("http: {what}"), 400, bytes).closing());
    }
    cases
}

fn heads(path: &str) -> Vec<Malformed> {
    let lines = (0..201).fold(event(path), |request, n| {
        request.header(&format!("x-{n}"), "x")
    });
    let bytes = (0..17).fold(event(path), |request, n| {
        request.header(&format!("x-{n}"), "x".repeat(4 << 10))
    });
    let line = event(path).header("x-long", "x".repeat(1 << 20));
    vec![
        Malformed::new("http: more than 200 header lines", 431, &lines),
        Malformed::new("http: more than 64 KiB of headers", 431, &bytes),
        Malformed::new("http: a header line of 1 MiB", 431, &line),
    ]
}
