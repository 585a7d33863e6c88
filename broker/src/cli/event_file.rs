//! Events from files, in the JSON event format.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::value::RawValue;
use sluicegate_event::json_format::EVENT_MEDIA_TYPE;
use sluicegate_event::{DecodeError, Decoded, Event, Fault, Limits, decode, message_bytes_max};

use super::data;
use super::exit::Failure;

const ONE: &str = "give a file with one event in the JSON event format, such as \
                   {\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/shop\",\"type\":\"order.paid\"}";

/// Reads the one event of the file at `path`, or of standard input when it is `-`.
///
/// # Errors
///
/// When it cannot be read, is no event, or holds more than one: all are faults of the command line.
pub fn read_one(path: &str) -> Result<Event, Failure> {
    let bytes = data::read_blocking(path).map_err(|why| {
        Failure::usage(
            why.message().unwrap_or("cannot read the event"),
            "give --event the path of a file that you may read, or - for standard input",
        )
    })?;
    let from = data::shown_path(path);
    let mut events = read_events(&bytes, from, ONE)?;
    match (events.pop(), events.len()) {
        (Some(event), 0) => Ok(event),
        (None, _) => Err(Failure::usage(format!("{from} holds no event"), ONE)),
        (Some(_), before) => Err(Failure::usage(
            format!("{from} holds {} events", before + 1),
            "give one event; an array or further lines make several",
        )),
    }
}

/// Reads events in the JSON event format: one, an array of them, or one after another. `from` is
/// where they come from, and `wanted` what to give where they are none.
///
/// # Errors
///
/// The first of them that is not valid.
pub fn read_events(bytes: &[u8], from: &str, wanted: &str) -> Result<Vec<Event>, Failure> {
    let no_json = |error: serde_json::Error| {
        Failure::usage(format!("{from} holds no events as JSON: {error}"), wanted)
    };
    let is_array = bytes.trim_ascii_start().starts_with(b"[");
    let texts: Vec<Box<RawValue>> = if is_array {
        serde_json::from_slice(bytes).map_err(no_json)?
    } else {
        let stream = serde_json::Deserializer::from_slice(bytes).into_iter();
        stream.collect::<Result<_, _>>().map_err(no_json)?
    };
    let events = texts.iter().enumerate().map(|(index, text)| {
        read_event(text).map_err(|fault| {
            Failure::usage(
                format!(
                    "event {} of {from} is not valid: {}",
                    index + 1,
                    fault.problem
                ),
                fault.remedy,
            )
        })
    });
    events.collect()
}

/// Reads one event in the JSON event format.
///
/// # Errors
///
/// What is wrong with it.
pub fn read_event(text: &RawValue) -> Result<Event, Fault> {
    let headers = structured();
    let body = Bytes::copy_from_slice(text.get().as_bytes());
    match decode(&headers, body, &Limits::default()) {
        Ok(Decoded::One(event)) => Ok(event),
        Ok(Decoded::Batch(_)) => Err(Fault::new(
            "body",
            "an array stands where an event should",
            "write arrays only around the whole file",
        )),
        Err(DecodeError::Malformed { fault, .. } | DecodeError::TooLarge { fault, .. }) => {
            Err(fault)
        }
        Err(DecodeError::Unsupported(fault)) => Err(fault),
        Err(other) => Err(Fault::new(
            "body",
            other.to_string(),
            "see the CloudEvents JSON format",
        )),
    }
}

/// How long the text of one event may be, in bytes.
pub fn event_text_bytes_max() -> usize {
    message_bytes_max(&structured(), &Limits::default())
}

fn structured() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(EVENT_MEDIA_TYPE),
    );
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","n":7}"#;

    #[test]
    fn one_event_is_read_whole_and_anything_else_is_a_fault_of_the_command_line() {
        let folder = TempDir::new();
        let path = folder.path().join("event.json");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_one(path.to_str().unwrap())
        };
        let event = read(EVENT).unwrap();
        assert_eq!(event.attribute("n"), Some("7"));
        let two = format!("{EVENT}\n{EVENT}");
        for (text, told) in [
            ("", "no event"),
            (&*two, "2 events"),
            ("kind: Broker", "no events as JSON"),
            ("{\"id\":\"1\"}", "missing"),
        ] {
            let failure = read(text).unwrap_err();
            assert!(
                failure.message().unwrap().contains(told),
                "{text}: {failure}"
            );
            assert_eq!(failure.exit(), crate::cli::exit::Exit::Usage, "{text}");
        }
        let failure = read_one("/nowhere/at/all").unwrap_err();
        assert!(
            failure.message().unwrap().contains("/nowhere/at/all"),
            "{failure}"
        );
        assert_eq!(failure.exit(), crate::cli::exit::Exit::Usage);
    }
}
