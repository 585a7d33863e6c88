//! The way through a store.

use bytes::Bytes;
use http::HeaderValue;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use sluicegate_event::{ContentMode, Data, Event, SpecVersion, StoredError, TraceContext, stored};

use crate::generated::{event, sent, through};

/// An event as it may stand in a channel: made here or received, with a trace or without.
fn held() -> impl Strategy<Value = Event> {
    let modes = [
        None,
        Some(ContentMode::Binary),
        Some(ContentMode::Structured),
    ];
    let came_in = prop::sample::select(modes.to_vec());
    let trace = proptest::option::of(trace());
    (event(), came_in, trace).prop_map(|(event, came_in, trace)| {
        let mut held = came_in.map_or(event.clone(), |mode| through(&event, mode));
        held.set_trace_context(trace);
        held
    })
}

fn trace() -> impl Strategy<Value = TraceContext> {
    let header = |pattern: &'static str| {
        pattern.prop_map(|text| HeaderValue::from_str(&text).expect("generated valid"))
    };
    let traceparent = header("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]");
    let tracestate = proptest::option::of(header("[a-z]=[!-+.-~]{0,200}"));
    (traceparent, tracestate).prop_map(|(traceparent, tracestate)| TraceContext {
        traceparent,
        tracestate,
    })
}

fn bytes_of(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    stored::encode(event, &mut bytes);
    bytes
}

fn through_a_store(event: &Event) -> Event {
    stored::decode(bytes_of(event).into()).expect("it was stored")
}

/// All that an event carries; its own equality leaves out what no other event can see.
fn everything(event: &Event) -> impl PartialEq + std::fmt::Debug {
    let attributes = event.attributes();
    let attributes: Vec<_> = attributes
        .map(|a| (a.name.to_owned(), a.value.to_owned(), a.ty))
        .collect();
    (
        attributes,
        event.spec_version(),
        event.received_as(),
        event.data().clone(),
        event.trace_context().cloned(),
    )
}

/// A message as it goes over the wire, its headers in their order.
fn message(event: &Event, mode: ContentMode) -> (Vec<(String, HeaderValue)>, Bytes) {
    let (headers, body) = sent(event, mode);
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.clone()));
    (headers.collect(), body)
}

/// One change to stored bytes.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Repeat(Index, Index),
    Cut(Index),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Change::Set(at, value) => bytes[at.index(length)] = *value,
            Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Change::Insert(at, value) => bytes.insert(at.index(length), *value),
            Change::Remove(at) => _ = bytes.remove(at.index(length)),
            Change::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                bytes.extend_from_within(from.min(to)..from.max(to));
            }
            Change::Cut(at) => bytes.truncate(at.index(length)),
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, value)| Change::Set(at, value)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, value)| Change::Insert(at, value)),
        at().prop_map(Change::Remove),
        (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
        at().prop_map(Change::Cut),
    ]
}

/// What any bytes must be: an event of exactly those bytes, valid at every door, or an error.
fn judge(bytes: Vec<u8>) -> Result<Event, StoredError> {
    let event = stored::decode(bytes.clone().into())?;
    assert_eq!(bytes_of(&event), bytes);
    assert_eq!(stored::encoded_len(&event), bytes.len());
    for mode in [ContentMode::Binary, ContentMode::Structured] {
        let again = through(&event, mode);
        assert_eq!(again.id(), event.id());
        assert_eq!(again.attribute("time"), event.attribute("time"));
    }
    Ok(event)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_was_stored_comes_back(event in held()) {
        let bytes = bytes_of(&event);
        let mut compacted = event.clone();
        compacted.compact();
        prop_assert_eq!(&bytes, &bytes_of(&compacted));
        let read = judge(bytes).expect("it was stored");
        prop_assert_eq!(everything(&read), everything(&event));
        prop_assert_eq!(&read, &event);
        prop_assert_eq!(read.size_bytes(), event.size_bytes());
    }

    #[test]
    fn an_event_leaves_the_same_whether_it_was_stored_or_not(event in held()) {
        let mut stored = through_a_store(&event);
        for mode in [ContentMode::Binary, ContentMode::Structured] {
            prop_assert_eq!(message(&stored, mode), message(&event, mode));
        }
        stored.compact();
        for mode in [ContentMode::Binary, ContentMode::Structured] {
            prop_assert_eq!(message(&stored, mode), message(&event, mode));
        }
    }

    #[test]
    fn no_beginning_of_what_was_stored_is_an_event(event in held(), end in any::<Index>()) {
        let mut bytes = bytes_of(&event);
        bytes.truncate(end.index(bytes.len()));
        let error = stored::decode(bytes.into()).expect_err("it is not whole");
        prop_assert!(matches!(error, StoredError::Damaged { .. }), "{error}");
    }

    #[test]
    fn changed_bytes_are_an_event_of_those_bytes_or_an_error(
        event in held(),
        changes in vec(change(), 1..4),
    ) {
        let mut bytes = bytes_of(&event);
        for change in &changes {
            change.apply(&mut bytes);
        }
        _ = judge(bytes);
    }

    #[test]
    fn any_bytes_are_an_event_of_those_bytes_or_an_error(
        start in prop::sample::select(vec!["", "\x01", "\x01\0\x01i\x01s\x01t", "\x01\x02\x01i\x01s\x01t"]),
        rest in vec(prop_oneof![any::<u8>(), 0..8_u8, 0x10..0x13_u8, 0x20..0x22_u8, 0x30..0x33_u8], 0..60),
    ) {
        _ = judge([start.as_bytes(), &rest].concat());
    }
}

#[test]
fn the_generator_makes_what_the_properties_are_about() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut sample = |strategy: BoxedStrategy<Event>| -> Vec<Event> {
        (0..500)
            .map(|_| strategy.new_tree(&mut runner).unwrap().current())
            .collect()
    };
    let events = sample(held().boxed());
    let count = |is: &dyn Fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    assert!(count(&|event| matches!(event.data(), Data::Json(_))) > 20);
    assert!(count(&|event| matches!(event.data(), Data::Bytes(_))) > 100);
    assert!(count(&|event| event.data() == &Data::Absent) > 5);
    assert!(count(&|event| event.spec_version() == SpecVersion::V03) > 100);
    assert!(count(&|event| event.received_as() == ContentMode::Structured) > 100);
    let has_state = |event: &Event| {
        event
            .trace_context()
            .is_some_and(|t| t.tracestate.is_some())
    };
    assert!(count(&has_state) > 50);
    assert!(count(&|event| event.trace_context().is_none()) > 100);

    let changed = (held(), change()).prop_map(|(event, change)| {
        let mut bytes = bytes_of(&event);
        change.apply(&mut bytes);
        bytes
    });
    let still_read = (0..2_000)
        .filter(|_| judge(changed.new_tree(&mut runner).unwrap().current()).is_ok())
        .count();
    assert!((200..1_800).contains(&still_read), "{still_read} of 2,000");
}
