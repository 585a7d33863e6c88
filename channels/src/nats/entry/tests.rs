use super::*;

const TARGET_SUBJECT: &str = "r.k.d.7.1234";

fn entry(state: EntryState) -> Entry {
    Entry {
        sends: 3,
        accepted_at: Timestamp(1_000),
        age_since: Timestamp(2_000),
        body: Body::Kept,
        state,
    }
}

fn moved(replayed: bool) -> EntryState {
    EntryState::Moved {
        due: Timestamp(1_709_209_845_006),
        replayed,
    }
}

fn reason(kind: &'static str) -> ParkReason {
    ParkReason {
        kind,
        detail: Arc::from(" answered 503; kind=loop\r\n100 % é "),
        dest: Some(Arc::from("http://sink.example/?a=b;c")),
        code: Some(503),
        data: Bytes::from_static(&[0, 255, b'\r', b'\n']),
    }
}

fn parked(reason: ParkReason, retry_at: Option<Timestamp>) -> EntryState {
    EntryState::Parked {
        reason,
        at: Timestamp(3_000),
        retry_at,
    }
}

fn header_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(async_nats::HeaderValue::as_str)
}

#[test]
fn an_entry_comes_back_and_is_scheduled_when_it_is_due() {
    let without = ParkReason {
        dest: None,
        code: None,
        data: Bytes::new(),
        ..reason("loop")
    };
    let at = Timestamp(1_709_209_845_006);
    let cases = [
        (moved(false), true),
        (moved(true), true),
        (parked(reason("exhausted"), Some(at)), true),
        (parked(reason("poison"), None), false),
        (parked(without, None), false),
    ];
    for (state, is_scheduled) in cases {
        for body in [Body::Kept, Body::Events] {
            let entry = Entry {
                body,
                ..entry(state.clone())
            };
            let (headers, payload) = entry.write(TARGET_SUBJECT);
            let schedule = header_of(&headers, SCHEDULE);
            let expected = is_scheduled.then_some("@at 2024-02-29T12:30:45.006Z");
            assert_eq!(schedule, expected, "{entry:?}");
            assert_eq!(header_of(&headers, TARGET).is_some(), is_scheduled);
            for (_, values) in headers.iter() {
                for value in values {
                    let is_printable = |byte| matches!(byte, b' '..=b'~');
                    assert!(value.as_str().bytes().all(is_printable), "{value}");
                }
            }
            assert_eq!(read(&headers, payload), Ok(Kept::Entry(entry)));
        }
    }
}

#[test]
fn an_end_takes_the_place_of_an_entry_and_goes_by_itself() {
    for ((headers, payload), said) in [(write_ended(), Kept::Ended), (write_back(), Kept::Back)] {
        assert_eq!(header_of(&headers, TTL), Some("10m"));
        assert!(payload.is_empty());
        assert_eq!(read(&headers, payload), Ok(said));
    }
}

#[test]
fn without_its_payload_a_reason_lacks_the_data_alone() {
    let (headers, _) = entry(parked(reason("refused"), None)).write(TARGET_SUBJECT);
    let Ok(Kept::Entry(found)) = read(&headers, Bytes::new()) else {
        panic!("it is an entry");
    };
    let bare = ParkReason {
        data: Bytes::new(),
        ..reason("refused")
    };
    assert_eq!(found.state, parked(bare, None));
}

#[test]
fn what_is_no_entry_is_refused_and_a_kind_of_later_is_unknown() {
    let read_text = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(ENTRY, text);
        read(&headers, Bytes::new())
    };
    assert_eq!(
        read(&HeaderMap::new(), Bytes::new()),
        Err(EntryError::Missing)
    );
    let whole = "moved; sends=1; accepted=1; since=1; body=kept; due=1";
    assert!(read_text(whole).is_ok());
    for (written, instead, field) in [
        ("sends=1", "sends=-1", "sends"),
        ("accepted=1; ", "", "accepted"),
        ("since=1", "since=soon", "since"),
        ("body=kept", "body=lost", "body"),
        ("; due=1", "", "due"),
    ] {
        let refused = read_text(&whole.replace(written, instead));
        assert_eq!(refused, Err(EntryError::Field(FieldError(field))));
    }
    for state in ["", "borrowed"] {
        let refused = read_text(&whole.replace("moved", state));
        let state = state.into();
        assert_eq!(refused, Err(EntryError::UnknownState { state }));
    }
    let later = "parked; sends=1; accepted=1; since=1; body=kept; kind=bored; at=1";
    let Ok(Kept::Entry(Entry {
        state: EntryState::Parked { reason, .. },
        ..
    })) = read_text(later)
    else {
        panic!("it is parked");
    };
    assert_eq!(reason.kind, "unknown");
}
