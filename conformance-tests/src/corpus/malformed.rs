//! Messages that a broker must refuse, each with the one status that it must answer.

mod binary;
mod http;
mod structured;

use crate::client::Request;

/// One message to refuse.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// What is wrong with it, for a failure's report; unique.
    pub name: String,
    /// The request as it goes onto the wire.
    pub bytes: Vec<u8>,
    /// The status that must answer it.
    pub status: u16,
    /// A word that the problem's detail or hint must contain: the attribute, mostly.
    pub names: Option<String>,
    /// Whether the connection must be closed after the answer: its framing cannot be trusted.
    pub closes: bool,
}

impl Malformed {
    fn new(name: impl Into<String>, status: u16, request: &Request) -> Self {
        Self::raw(name, status, request.to_bytes())
    }

    fn raw(name: impl Into<String>, status: u16, bytes: impl Into<Vec<u8>>) -> Self {
        Malformed {
            name: name.into(),
            bytes: bytes.into(),
            status,
            names: None,
            closes: false,
        }
    }

    fn naming(mut self, word: &str) -> Self {
        self.names = Some(word.to_owned());
        self
    }

    fn closing(mut self) -> Self {
        self.closes = true;
        self
    }
}

/// Every malformed message, addressed to the broker at `path`.
pub fn malformed(path: &str) -> Vec<Malformed> {
    let mut cases = binary::cases(path);
    cases.extend(structured::cases(path));
    cases.extend(http::cases(path));
    cases
}

/// Times that are not RFC 3339.
const BAD_TIMES: [&str; 20] = [
    "yesterday",
    "2020",
    "2020-01-01",
    "1577836800",
    "20200101T000000Z",
    "2020-1-1T0:0:0Z",
    "2020-13-01T00:00:00Z",
    "2020-00-01T00:00:00Z",
    "2020-01-32T00:00:00Z",
    "2020-02-30T00:00:00Z",
    "2021-02-29T00:00:00Z",
    "2020-01-01T24:00:00Z",
    "2020-01-01T00:60:00Z",
    "2020-01-01T00:00Z",
    "2020-01-01T00:00:00",
    "2020-01-01T00:00:00.Z",
    "2020-01-01T00:00:00ZZ",
    "2020-01-01T00:00:00+0100",
    "2020-01-01T00:00:00+24:00",
    "2020-W01-1T00:00:00Z",
];

/// Texts that are no URI-reference of RFC 3986. None holds a character that a header or a JSON
/// string would have to escape.
const BAD_URI_REFERENCES: [&str; 17] = [
    "a b",
    "<x>",
    "{x}",
    "a|b",
    "a\\b",
    "a^b",
    "a`b",
    "1:2",
    ":x",
    "a#b#c",
    "http://[::1",
    "http://[g::1]/",
    "http://a:port/",
    "http://a b/",
    "http://us<er@a/",
    "urn:a[b",
    "/a]",
];

/// Versions of the specification that are not spoken.
const BAD_VERSIONS: [&str; 9] = [
    "19.0", "1", "1.1", "0.1", "0.2", "2.0", "1.0.0", "v1.0", "1,0",
];

/// Texts that are no media type.
const BAD_MEDIA_TYPES: [&str; 8] = [
    "json",
    "/json",
    "application/",
    "application//json",
    "appli cation/json",
    "text/plain; charset",
    "text/plain; =x",
    "text/plain; charset=\"unclosed",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_enough_cases_and_each_has_a_name_of_its_own() {
        let cases = malformed("/a/b");
        let names: HashSet<_> = cases.iter().map(|case| case.name.as_str()).collect();
        assert!(cases.len() >= 300, "{}", cases.len());
        assert_eq!(names.len(), cases.len());
        assert!(cases.iter().all(|case| (400..500).contains(&case.status)));
    }
}
