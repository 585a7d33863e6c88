//! The inputs to begin with, and the words to put into them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sluicegate_conformance::client::Request;
use sluicegate_conformance::corpus::{handwritten, malformed};

/// What the name of a file ends with that holds an input a line.
pub(crate) const LIST: &str = ".lines";

/// Stands for a line feed within such a line.
const LINE_FEED: &str = "\u{2424}";

/// Longer inputs of the project's other corpora are left out: they test limits, slowly.
const BORROWED_BYTES_MAX: usize = 4096;

/// The inputs and the words of one target.
pub(crate) struct Corpus {
    /// Written for the target; small, and each for a reason.
    pub(crate) inputs: Vec<Vec<u8>>,
    /// What other tests send, as the target reads it.
    pub(crate) borrowed: Vec<Vec<u8>>,
    pub(crate) words: Vec<Vec<u8>>,
}

impl Corpus {
    /// Reads what lies in `fuzz/` for `target`, and adds what other tests send as HTTP.
    pub(crate) fn read(target: &str) -> Self {
        let mut inputs = files(&folder().join("corpus").join(target));
        inputs.extend(lines(&folder().join(format!("corpus/{target}{LIST}"))));
        let words = words(&folder().join(format!("dictionaries/{target}.dict")));
        assert!(!inputs.is_empty(), "{target} has a corpus");
        assert!(!words.is_empty(), "{target} has a dictionary");
        Corpus {
            inputs: inputs.into_iter().collect(),
            borrowed: borrowed(target),
            words,
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.inputs.iter().chain(&self.borrowed).map(Vec::as_slice)
    }
}

/// The folder `fuzz/`.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn files(folder: &Path) -> BTreeSet<Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a corpus can be read");
    entries
        .map(|entry| fs::read(entry.expect("a corpus can be read").path()))
        .map(|input| input.expect("an input can be read"))
        .collect()
}

/// Not every target has a list.
fn lines(list: &Path) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(list).unwrap_or_default();
    text.lines()
        .map(|line| line.replace(LINE_FEED, "\n").into_bytes())
        .collect()
}

/// The messages with which the suites try the broker, as the targets read them.
fn borrowed(target: &str) -> Vec<Vec<u8>> {
    let is_wanted = match target {
        "http_binary" => |input: &[u8]| !contains(input, b"application/cloudevents"),
        "http_structured" => |input: &[u8]| contains(input, b"application/cloudevents"),
        _ => return Vec::new(),
    };
    let valid = handwritten("/").into_iter().map(|case| case.request);
    let refused = malformed("/").into_iter().map(|case| case.bytes);
    let mut messages: Vec<_> = valid
        .map(|request: Request| request.to_bytes())
        .chain(refused)
        .filter_map(|message| without_request_line(&message))
        .collect();
    messages.retain(|input| input.len() <= BORROWED_BYTES_MAX && is_wanted(input));
    messages
}

/// What follows the first line, with line feeds at the end of header lines.
fn without_request_line(message: &[u8]) -> Option<Vec<u8>> {
    let end = message.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let (head, body) = message.split_at(end + 4);
    let mut lines = head.split(|byte| *byte == b'\n').skip(1);
    let mut input = Vec::new();
    for line in &mut lines {
        input.extend_from_slice(line.trim_ascii_end());
        input.push(b'\n');
    }
    // The empty line, and what is behind its line feed, have each left one.
    input.pop();
    input.extend_from_slice(body);
    Some(input)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The words of a dictionary in libFuzzer's form: one in quotes a line, `\xNN` a byte.
fn words(dictionary: &Path) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(dictionary).expect("a dictionary can be read");
    text.lines()
        .filter(|line| line.starts_with('"'))
        .map(|line| {
            let inside = line.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
            unescaped(inside.expect("a word ends with its quote"))
        })
        .collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'x') => {
                let mut digit = || char::from(rest.next().unwrap_or(b'?')).to_digit(16);
                let value = digit().zip(digit()).map(|(high, low)| high * 16 + low);
                let byte = value.and_then(|value| u8::try_from(value).ok());
                bytes.push(byte.expect("two digits follow \\x"));
            }
            Some(escaped @ (b'\\' | b'"')) => bytes.push(escaped),
            other => panic!("{text:?}: libFuzzer does not know \\{other:?}"),
        }
    }
    bytes
}

#[test]
fn a_message_of_another_corpus_is_read_as_one_of_ours() {
    let message = b"POST / HTTP/1.1\r\nHost: a\r\nce-id: 1\r\n\r\nbody\r\n\r\nmore";
    let input = without_request_line(message).expect("it has a head");
    assert_eq!(
        input.escape_ascii().to_string(),
        r"Host: a\nce-id: 1\n\nbody\r\n\r\nmore"
    );
}

#[test]
fn words_are_read_as_libfuzzer_reads_them() {
    assert_eq!(unescaped(r#"a\"\\\x0a\xc3"#), b"a\"\\\n\xc3");
}
