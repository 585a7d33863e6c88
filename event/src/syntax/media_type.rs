//! Media types with parameters (RFC 2046, in the spelling of RFC 9110), as `datacontenttype` and
//! `Content-Type` carry them.

use std::fmt;

use bytes::BytesMut;
use http::HeaderValue;

use crate::attribute::move_into;

/// A media type taken apart; the text behind it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MediaType<'a> {
    /// `type/subtype`, in the letters it came in.
    pub(crate) essence: &'a str,
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    /// Takes `text` apart; `None` when it is not a media type.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (essence, parameters) = text.split_at(text.find(';').unwrap_or(text.len()));
        let essence = essence.trim_end_matches([' ', '\t']);
        let (ty, subtype) = essence.split_once('/')?;
        let is_valid =
            is_token(ty) && is_token(subtype) && Parameters(parameters).all(|part| part.is_ok());
        is_valid.then_some(MediaType {
            essence,
            parameters,
        })
    }

    /// Whether the content is JSON: subtype `json`, or a suffix `+json`, in letters of any case.
    pub(crate) fn is_json(&self) -> bool {
        let (_, subtype) = self.essence.split_once('/').unwrap_or_default();
        let suffix = subtype.rsplit('+').next().unwrap_or_default();
        suffix.eq_ignore_ascii_case("json")
    }

    /// The value of a parameter, without the quotes it may stand in. Escapes within are left.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        Parameters(self.parameters)
            .filter_map(Result::ok)
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_matches('"'))
    }
}

/// The parameters behind a media type, each as name and value, or the fault that ends them.
struct Parameters<'a>(&'a str);

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<(&'a str, &'a str), ()>;

    fn next(&mut self) -> Option<Self::Item> {
        // RFC 9110 lets a semicolon stand alone: `text/plain;` is fine.
        self.0 = self.0.trim_start_matches([' ', '\t', ';']);
        if self.0.is_empty() {
            return None;
        }
        let parameter = parameter(self.0);
        self.0 = parameter.map_or("", |(_, rest)| rest);
        Some(parameter.map(|(parameter, _)| parameter).ok_or(()))
    }
}

/// The parameter that `text` begins with, and what follows it: nothing or a semicolon.
fn parameter(text: &str) -> Option<((&str, &str), &str)> {
    let (name, rest) = text.split_once('=')?;
    let length = if rest.starts_with('"') {
        quoted_length(rest)?
    } else {
        rest.find([';', ' ', '\t']).unwrap_or(rest.len())
    };
    let (value, rest) = rest.split_at(length);
    let rest = rest.trim_start_matches([' ', '\t']);
    let is_valid = is_token(name)
        && (value.starts_with('"') || is_token(value))
        && (rest.is_empty() || rest.starts_with(';'));
    is_valid.then_some(((name, value), rest))
}

/// How long the quoted-string is that `text` begins with, its quotes included.
fn quoted_length(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if !matches!(byte, b' '..=b'~') => return None,
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A checked `datacontenttype`, kept as the `Content-Type` it travels in. It is not
/// percent-encoded: the HTTP binding maps the two directly.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ContentType {
    header: HeaderValue,
    is_json: bool,
}

impl ContentType {
    /// Keeps a header value; `None` when it is not a media type in printable ASCII.
    pub(crate) fn from_header(header: HeaderValue) -> Option<Self> {
        let text = std::str::from_utf8(header.as_bytes()).ok()?;
        if text.ends_with([' ', '\t']) {
            // A header cannot end in white space, so it would not come out as it went in.
            return None;
        }
        let is_json = MediaType::parse(text)?.is_json();
        Some(ContentType { header, is_json })
    }

    /// As [`ContentType::from_header`], from text.
    pub(crate) fn new(text: &str) -> Option<Self> {
        HeaderValue::from_str(text).ok().and_then(Self::from_header)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.header.as_bytes()).unwrap_or_default()
    }

    /// Bytes of the text.
    pub(crate) fn len(&self) -> usize {
        self.header.len()
    }

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }

    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// See [`crate::AttributeValue`]'s method of the same name.
    pub(crate) fn compact(&mut self, buffer: &mut BytesMut) {
        move_into(buffer, &mut self.header);
    }
}

impl fmt::Debug for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_taken_apart() {
        let cases = [
            ("application/json", true, None),
            ("Application/JSON", true, None),
            ("application/json; charset=utf-8", true, Some("utf-8")),
            ("application/json;charset=\"UTF-8\"", true, Some("UTF-8")),
            ("application/vnd.acme.order+json", true, None),
            ("application/vnd.acme+JSON ; version=1", true, None),
            ("text/json", true, None),
            ("application/problem+xml", false, None),
            ("application/json+xml", false, None),
            ("application/jsonlines", false, None),
            (
                "text/plain; format=flowed; CHARSET=us-ascii",
                false,
                Some("us-ascii"),
            ),
            ("text/plain;", false, None),
            ("text/plain;;charset=utf-8 ;", false, Some("utf-8")),
            ("multipart/mixed; boundary=\"a \\\" ; b\"", false, None),
            ("image/svg+xml", false, None),
        ];
        for (text, is_json, charset) in cases {
            let media_type = MediaType::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(media_type.is_json(), is_json, "{text}");
            assert_eq!(media_type.parameter("charset"), charset, "{text}");
        }
    }

    #[test]
    fn what_is_no_media_type_is_refused() {
        for text in [
            "",
            "json",
            "/json",
            "application/",
            "application /json",
            "application/ json",
            " application/json",
            "application/json/x",
            "application/json, text/plain",
            "application/json charset=utf-8",
            "text/plain; charset",
            "text/plain; charset=",
            "text/plain; charset = utf-8",
            "text/plain; charset=\"utf-8",
            "text/plain; charset=\"a\"b",
            "text/plain; =utf-8",
            "text/plain; charset=utf-8 x",
            "text/plain; charset=ütf",
            "täxt/plain",
            "text/pl(ain)",
        ] {
            assert_eq!(MediaType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_content_type_is_what_a_header_can_carry_unchanged() {
        let text = "Text/Plain; charset=\"utf-8\"";
        assert_eq!(ContentType::new(text).unwrap().as_str(), text);
        for text in [
            "text/plain ",
            "text/plain;\t",
            "text/plain\n",
            "text/plain; a=\"é\"",
        ] {
            assert_eq!(ContentType::new(text), None, "{text:?}");
        }
    }
}
