//! A second reader and writer of CloudEvents, for comparing what arrived with what was sent.
//!
//! An event here is a map of attribute names to canonical text, and data. Reading is strict about
//! what a broker must send and has no limits. Written for tests: clear before fast.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::value::RawValue;

use crate::http1::Headers;

/// An event as both content modes can express it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Every attribute by its bare name, `datacontenttype` included, in canonical text.
    pub attributes: BTreeMap<String, String>,
    /// The data: JSON data from structured mode as its raw text.
    pub data: Option<Bytes>,
}

/// The mode that a message was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Attributes in headers.
    Binary,
    /// One JSON object.
    Structured,
}

impl Event {
    /// An event with the four required attributes and no data.
    pub fn new(id: &str, source: &str, ty: &str) -> Self {
        Event::default()
            .with("specversion", "1.0")
            .with("id", id)
            .with("source", source)
            .with("type", ty)
    }

    /// Sets an attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets the data and its media type.
    #[must_use]
    pub fn with_data(mut self, media_type: &str, data: impl Into<Bytes>) -> Self {
        self.data = Some(data.into());
        self.with("datacontenttype", media_type)
    }

    /// An attribute's canonical text; empty when it is absent, which no valid attribute is at this
    /// broker but an extension may be.
    pub fn get(&self, name: &str) -> &str {
        self.attributes
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// The event without the attributes named.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.attributes
            .retain(|name, _| !names.contains(&name.as_str()));
        self
    }

    /// The event without the attributes that say why it is a dead letter, which nobody sent.
    #[must_use]
    pub(crate) fn without_dead_letter_reasons(self) -> Self {
        self.without(&["knativeerrordest", "knativeerrorcode", "knativeerrordata"])
    }

    /// Reads a message in whichever of the two modes it is.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub fn read(headers: &Headers, body: &Bytes) -> Result<(Mode, Event), String> {
        let media_type = headers.get("content-type").unwrap_or_default();
        if media_type
            .to_ascii_lowercase()
            .starts_with("application/cloudevents+json")
        {
            Ok((Mode::Structured, Event::from_json(body)?))
        } else {
            Ok((Mode::Binary, Event::from_binary(headers, body)?))
        }
    }

    fn from_binary(headers: &Headers, body: &Bytes) -> Result<Event, String> {
        let mut event = Event::default();
        for (name, value) in headers.iter() {
            let name = name.to_ascii_lowercase();
            let attribute = match name.strip_prefix("ce-") {
                Some("datacontenttype") => return Err("there is a ce-datacontenttype".to_owned()),
                Some(attribute) => attribute,
                None if name == "content-type" => "datacontenttype",
                None => continue,
            };
            let text = percent_decode(value).map_err(|why| format!("{name}: {why}"))?;
            if event
                .attributes
                .insert(attribute.to_owned(), text)
                .is_some()
            {
                return Err(format!("{name} is there twice"));
            }
        }
        event.data = (!body.is_empty()).then(|| body.clone());
        event.checked()
    }

    /// Reads one event of the JSON format.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub fn from_json(body: &[u8]) -> Result<Event, String> {
        let members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(body).map_err(|error| format!("no JSON object: {error}"))?;
        let mut event = Event::default();
        let mut raw_data = None;
        for (name, value) in members {
            let text = value.get();
            match name.as_str() {
                "data" => raw_data = Some(value),
                "data_base64" => {
                    let encoded: String = serde_json::from_str(text).map_err(|e| e.to_string())?;
                    let data = BASE64
                        .decode(encoded)
                        .map_err(|e| format!("data_base64: {e}"))?;
                    event.data = Some(data.into());
                }
                _ if text == "null" => {}
                _ if text.starts_with('"') => {
                    let value = serde_json::from_str(text).map_err(|e| e.to_string())?;
                    event.attributes.insert(name, value);
                }
                _ => {
                    event.attributes.insert(name, text.to_owned());
                }
            }
        }
        if let Some(raw) = raw_data {
            if event.data.is_some() {
                return Err("there are both data and data_base64".to_owned());
            }
            event.data = Some(event.data_from_json(raw.get())?);
        }
        event.checked()
    }

    fn data_from_json(&self, raw: &str) -> Result<Bytes, String> {
        match self.attributes.get("datacontenttype") {
            Some(media_type) if !is_json(media_type) => serde_json::from_str::<String>(raw)
                .map(Bytes::from)
                .map_err(|error| format!("data of {media_type} is not a string: {error}")),
            _ => Ok(Bytes::copy_from_slice(raw.as_bytes())),
        }
    }

    fn checked(self) -> Result<Event, String> {
        for name in ["specversion", "id", "source", "type"] {
            if self.get(name).is_empty() {
                return Err(format!("{name} is missing"));
            }
        }
        Ok(self)
    }

    /// The event as headers, each value escaped as the HTTP binding asks; the data is the body.
    pub fn to_binary(&self) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in &self.attributes {
            match name.as_str() {
                "datacontenttype" => headers.push("content-type", value.as_bytes()),
                _ => headers.push(format!("ce-{name}"), percent_encode(value)),
            }
        }
        headers
    }

    /// The event as one JSON object: every attribute a string, JSON data as it stands, other data
    /// as text where it is UTF-8 and declared as text, else in base64.
    pub fn to_json(&self) -> Bytes {
        let mut json = String::from("{");
        for (name, value) in &self.attributes {
            json.push_str(&format!("{}:{},", json_string(name), json_string(value)));
        }
        if let Some(data) = &self.data {
            let media_type = self.attributes.get("datacontenttype").map(String::as_str);
            let text = std::str::from_utf8(data).ok();
            let member = match (media_type, text) {
                (media_type, Some(text)) if media_type.is_none_or(is_json) => {
                    format!("\"data\":{text},")
                }
                (Some(media_type), Some(text)) if media_type.starts_with("text/") => {
                    format!("\"data\":{},", json_string(text))
                }
                _ => format!("\"data_base64\":\"{}\",", BASE64.encode(data)),
            };
            json.push_str(&member);
        }
        json.pop();
        json.push('}');
        Bytes::from(json)
    }

    /// A digest of every attribute and the data, for the ledger.
    pub fn digest(&self) -> String {
        let mut digest = Digest::default();
        for (name, value) in &self.attributes {
            digest.field(name.as_bytes());
            digest.field(value.as_bytes());
        }
        digest.field(b"");
        digest.field(self.data.as_deref().unwrap_or_default());
        format!("{:032x}", digest.0)
    }
}

/// Whether a media type means JSON: subtype `json` or a `+json` suffix.
pub fn is_json(media_type: &str) -> bool {
    let essence = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence
        .split('/')
        .nth(1)
        .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

/// Escapes space, `"`, `%` and everything outside U+0021 to U+007E, byte by byte of UTF-8.
pub fn percent_encode(text: &str) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'%' {
            encoded.push(byte);
        } else {
            encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    encoded
}

/// Undoes one percent-encoding; a percent sign that begins no escape stands for itself.
fn percent_decode(value: &[u8]) -> Result<String, String> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut at = 0;
    while at < value.len() {
        let escape = (value[at] == b'%')
            .then(|| value.get(at + 1..at + 3))
            .flatten();
        let byte = escape
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        at += if byte.is_some() { 3 } else { 1 };
        decoded.push(byte.unwrap_or(value[at - 1]));
    }
    String::from_utf8(decoded).map_err(|error| format!("{error}"))
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// FNV-1a of 128 bits over fields, each preceded by its length: against accidents, not enemies.
struct Digest(u128);

impl Default for Digest {
    fn default() -> Self {
        Digest(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Digest {
    fn field(&mut self, bytes: &[u8]) {
        for byte in bytes.len().to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Event {
        Event::new("1", "/s p", "t")
            .with("subject", "Grüße %41 \"q\"")
            .with_data("application/json", "{\"big\": 12345678901234567890.10}")
    }

    #[test]
    fn both_modes_carry_the_same_event() {
        let event = sample();
        let body = event.data.clone().unwrap_or_default();
        assert_eq!(
            Event::read(&event.to_binary(), &body),
            Ok((Mode::Binary, event.clone()))
        );
        let mut headers = Headers::default();
        headers.push(
            "Content-Type",
            "application/cloudevents+json; charset=utf-8",
        );
        assert_eq!(
            Event::read(&headers, &event.to_json()),
            Ok((Mode::Structured, event))
        );
    }

    #[test]
    fn data_of_any_type_survives_the_json_format() {
        for (media_type, data) in [
            ("text/plain", &b"a \"line\"\n"[..]),
            ("text/plain", &b"\xff\xfe"[..]),
            ("application/xml", b"<a/>"),
            ("application/octet-stream", b"\0\x01"),
            ("application/vnd.x+json", b"[1, 2]"),
        ] {
            let event = Event::new("1", "/s", "t").with_data(media_type, data);
            assert_eq!(
                Event::from_json(&event.to_json()),
                Ok(event),
                "{media_type}"
            );
        }
    }

    #[test]
    fn the_digest_sees_each_attribute_and_each_byte_of_data() {
        let event = sample();
        let digest = event.digest();
        assert_eq!(digest, sample().digest());
        assert_ne!(digest, sample().with("x", "").digest());
        assert_ne!(digest, sample().with("subject", "other").digest());
        assert_ne!(digest, sample().without(&["subject"]).digest());
        assert_ne!(
            digest,
            sample().with_data("application/json", "{}").digest()
        );
    }

    #[test]
    fn messages_that_are_no_events_are_refused() {
        let mut headers = sample().to_binary();
        headers.push("ce-datacontenttype", "text/plain");
        assert!(Event::read(&headers, &Bytes::new()).is_err());
        let headers = sample().without(&["id"]).to_binary();
        assert!(Event::read(&headers, &Bytes::new()).is_err());
        let mut twice = sample().to_binary();
        twice.push("CE-ID", "2");
        assert!(Event::read(&twice, &Bytes::new()).is_err());
        for json in [
            "[]",
            "{",
            r#"{"specversion":"1.0","id":"1","source":"/","type":"t","data":1,"data_base64":""}"#,
        ] {
            assert!(Event::from_json(json.as_bytes()).is_err(), "{json}");
        }
    }
}
