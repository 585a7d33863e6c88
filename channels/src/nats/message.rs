//! An event as a NATS message and back, and what a message takes.
//!
//! Headers and payload are those of [`sluicegate_event::nats_binding`]; what is added here is the
//! client's own map of headers, and the arithmetic of sizes: a message that is larger than a server
//! takes must never be sent, because the server then closes the connection of everybody who shares it.

use async_nats::HeaderMap;
use bytes::Bytes;
use sluicegate_event::{DecodeError, Event, nats_binding};

/// What a server's log puts around each message: lengths, sequence, time and checksum. Bytes.
const RECORD_BYTES: u64 = 30;
/// And around headers: their length.
const HEADERS_RECORD_BYTES: u64 = 4;
/// The line that headers begin with, and the one that ends them. Bytes.
const HEADERS_FRAME_BYTES: usize = "NATS/1.0\r\n\r\n".len();
/// What stands around a name and a value. Bytes.
const HEADER_FRAME_BYTES: usize = ": \r\n".len();

/// The headers and the payload of `event`; data is not copied.
pub fn write(event: &Event) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    let payload = nats_binding::encode(event, &mut |name, value| headers.insert(name, value));
    (headers, payload)
}

/// Reads what [`write()`] wrote, or what another client published as the NATS binding says.
///
/// # Errors
///
/// When it is no event.
pub fn read(headers: Option<&HeaderMap>, payload: Bytes) -> Result<Event, DecodeError> {
    let named = headers.into_iter().flat_map(HeaderMap::iter);
    let each = named.flat_map(|(name, values)| {
        let name: &str = name.as_ref();
        values.iter().map(move |value| (name, value.as_str()))
    });
    nats_binding::decode(each, payload)
}

/// What a message is held against the server's `max_payload` and the stream's `max_msg_size` by:
/// its headers as they travel, and its payload. Bytes.
pub fn size_bytes(headers: &HeaderMap, payload: &Bytes) -> usize {
    headers_bytes(headers) + payload.len()
}

/// What a message takes in a stream on disk, which is what the stream's `max_bytes` counts.
pub fn stored_bytes(subject: &str, headers: &HeaderMap, payload: &Bytes) -> u64 {
    let headers = match headers_bytes(headers) {
        0 => 0,
        bytes => HEADERS_RECORD_BYTES + len(bytes),
    };
    RECORD_BYTES + len(subject.len()) + headers + len(payload.len())
}

fn headers_bytes(headers: &HeaderMap) -> usize {
    if headers.is_empty() {
        return 0;
    }
    let each = headers.iter().flat_map(|(name, values)| {
        let name: &str = name.as_ref();
        values
            .iter()
            .map(move |value| name.len() + value.as_str().len() + HEADER_FRAME_BYTES)
    });
    HEADERS_FRAME_BYTES + each.sum::<usize>()
}

fn len(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use sluicegate_event::{AttributeType, Data};

    use super::*;

    #[test]
    fn an_event_comes_back_as_it_went() {
        let all_bytes: Vec<u8> = (0..=255).collect();
        let mut event = Event::builder("1 %", "/s", "t")
            .attribute("subject", "Euro € \"quoted\" 100%")
            .attribute("time", "2018-04-05T17:31:00.100+07:00")
            .attribute("zz", " kept as it is ")
            .attribute("aa", "")
            .data("application/x; a=\"b\"", all_bytes)
            .build()
            .expect("valid");
        let set = event.set_extension("count", "-7", AttributeType::Integer);
        set.expect("valid");
        let (headers, payload) = write(&event);
        let back = read(Some(&headers), payload).expect("an event");
        assert_eq!(back, event);
        assert!(
            back.attributes().eq(event.attributes()),
            "in the same order"
        );

        let bare = Event::builder("1", "/s", "t").build().expect("valid");
        let (headers, payload) = write(&bare);
        let back = read(Some(&headers), payload).expect("an event");
        assert_eq!(back.data(), &Data::Absent);
        assert!(read(None, Bytes::from_static(b"what?")).is_err());
    }

    #[test]
    fn what_others_publish_twice_is_a_fault() {
        let (mut headers, payload) = write(&Event::builder("1", "/s", "t").build().expect("valid"));
        headers.append("ce-id", "2");
        assert!(read(Some(&headers), payload).is_err());
    }

    /// The figures of a real server for these messages.
    #[test]
    fn sizes_are_those_of_the_server() {
        let payload = Bytes::from(vec![b'x'; 100]);
        let none = HeaderMap::new();
        assert_eq!(size_bytes(&none, &payload), 100);
        assert_eq!(stored_bytes("e.size", &none, &payload), 136);
        let mut one = HeaderMap::new();
        one.insert("a", "bb");
        assert_eq!(size_bytes(&one, &payload), 119);
        assert_eq!(stored_bytes("e.size", &one, &payload), 159);
    }
}
