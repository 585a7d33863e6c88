//! Two readers of CloudEvents, written apart, held against each other over both corpora: the
//! project's own, and this crate's. No broker is needed, so a disagreement shows at once.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use sluicegate_conformance::corpus::{self, Valid};
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::seed;
use sluicegate_conformance::http1::{Headers, Message, Reader};
use sluicegate_event::http_binding::{Decoded, Encode, decode, encode};
use sluicegate_event::{ContentMode, DecodeError, Limits};

async fn read(bytes: &[u8]) -> Option<Message> {
    Reader::new(bytes).request().await.ok().flatten()
}

/// The headers as a server's library would hand them over; `None` where it would refuse them.
fn to_map(headers: &Headers) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        map.append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(map)
}

fn from_map(map: &HeaderMap) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in map {
        headers.push(name.as_str(), value.as_bytes());
    }
    headers
}

fn decode_message(message: &Message) -> Option<Result<Decoded, DecodeError>> {
    let headers = to_map(&message.headers)?;
    Some(decode(&headers, message.body.clone(), &Limits::default()))
}

/// Decodes a valid event with the project's reader and writes it again in `mode`.
async fn through(case: &Valid, mode: Mode) -> Result<Event, String> {
    let message = read(&case.request.to_bytes())
        .await
        .ok_or("not even HTTP")?;
    let decoded = decode_message(&message).ok_or("headers refused")?;
    let Ok(Decoded::One(event)) = decoded else {
        return Err(format!("refused: {decoded:?}"));
    };
    let mode = match mode {
        Mode::Binary => ContentMode::Binary,
        Mode::Structured => ContentMode::Structured,
    };
    let mut headers = HeaderMap::new();
    let body: Bytes = encode(&event, Encode { mode, omit: &[] }, &mut headers);
    Ok(Event::read(&from_map(&headers), &body)?.1)
}

/// HB-5 to HB-14, JF-1 to JF-10: what one reader takes in, the other reads out unaltered.
#[tokio::test]
async fn valid_events_pass_through_both_modes_unaltered() {
    let mut faults = Vec::new();
    let mut cases = corpus::handwritten("/");
    cases.extend(corpus::generated("/", seed(), 500));
    for case in &cases {
        for mode in [Mode::Binary, Mode::Structured] {
            let compared = match through(case, mode).await {
                Ok(arrived) => case.compare(&arrived, mode),
                Err(why) => Err(why),
            };
            if let Err(why) = compared {
                faults.push(format!("{} in {mode:?}: {why}", case.name));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "seed {}, {} faults:\n{}",
        seed(),
        faults.len(),
        faults.join("\n")
    );
}

/// Row I1: each message that is no event is refused, as the kind of refusal that its status means.
#[tokio::test]
async fn malformed_messages_are_refused_with_the_right_kind_of_error() {
    let mut faults = Vec::new();
    let mut tried = 0;
    for case in corpus::malformed("/")
        .iter()
        .filter(|case| !case.name.starts_with("http:"))
    {
        let Some(message) = read(&case.bytes).await else {
            continue;
        };
        let encoded = message.headers.get("content-encoding").is_some();
        let Some(decoded) = decode_message(&message).filter(|_| !encoded) else {
            continue;
        };
        tried += 1;
        let (status, said) = match decoded {
            Ok(decoded) => (202, format!("{decoded:?}")),
            Err(DecodeError::Malformed { fault, member }) => (
                400,
                format!("{member:?} {} {fault} {}", fault.subject, fault.remedy),
            ),
            Err(DecodeError::Unsupported(fault)) => (415, fault.to_string()),
            Err(DecodeError::TooLarge { fault, member }) => (413, format!("{member:?} {fault}")),
            Err(other) => (500, other.to_string()),
        };
        let named = case
            .names
            .as_ref()
            .is_none_or(|word| said.contains(word.as_str()));
        if status != case.status || !named {
            let (expected, names) = (case.status, &case.names);
            let said: String = said.chars().take(300).collect();
            faults.push(format!(
                "{}: {status} for {expected} naming {names:?}: {said}",
                case.name
            ));
        }
    }
    assert!(tried >= 250, "only {tried} messages tried");
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
