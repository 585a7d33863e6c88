use super::*;

const AT: Position = Position {
    partition: 3,
    offset: 1 << 40,
};
const WHEN: Timestamp = Timestamp(1_700_000_000_123);

fn every_kind() -> Vec<What<'static>> {
    let accepted = Accepted {
        position: AT,
        at: WHEN,
        took_us: 41,
        id: "1",
        source: "/shop",
        ty: "order.paid",
        content_type: "application/json",
        data_bytes: 17,
        is_reply: false,
        judged: None,
    };
    let attempt = Attempt {
        position: AT,
        trigger: "billing",
        at: WHEN,
        took_us: 1_100,
        n: 3,
        is_to_sink: false,
        status: Some(503),
        reason: "http",
        detail: "answered 503",
        next_in_ms: Some(0),
    };
    let ended = |end| {
        What::Ended(Ended {
            position: AT,
            trigger: "billing",
            at: WHEN,
            end,
            reason: "exhausted",
            detail: "answered 503 (send 3)",
        })
    };
    let gap = |cause| {
        What::Gap(Gap {
            from: WHEN,
            to: Timestamp(u64::MAX),
            records: 7,
            cause,
        })
    };
    let letter = Letter {
        parked_at: WHEN,
        reason: "refused",
    };
    let commanded = |command, operation| {
        What::Commanded(Commanded {
            position: AT,
            trigger: "billing",
            at: WHEN,
            command,
            operation,
            letter: (command != Command::Replay).then_some(letter),
        })
    };
    vec![
        What::Accepted(accepted),
        What::Accepted(Accepted {
            judged: Some(Judged {
                wanted: u32::MAX,
                undecided: 2,
            }),
            is_reply: true,
            content_type: "",
            ..accepted
        }),
        What::Attempt(attempt),
        What::Attempt(Attempt {
            is_to_sink: true,
            status: None,
            next_in_ms: None,
            ..attempt
        }),
        commanded(Command::Redrive, "01K0Z4M3V8QJ5N7RB2D6XW9HTC"),
        commanded(Command::Discard, ""),
        commanded(Command::Replay, ""),
        What::Deleted(Deleted {
            trigger: "billing",
            at: WHEN,
            cancelled: u64::MAX,
        }),
        What::Replied(Replied {
            position: AT,
            trigger: "billing",
            at: WHEN,
            first: AT,
            events: 2,
        }),
        ended(End::DeadLettered),
        ended(End::Discarded),
        ended(End::Parked { retry_at: None }),
        ended(End::Parked {
            retry_at: Some(WHEN),
        }),
        gap(GapCause::LeftOut),
        gap(GapCause::Crash),
        gap(GapCause::Damage),
    ]
}

#[test]
fn a_record_is_read_back_as_it_was_written() {
    let mark = Mark::of("1", "/shop");
    let mut bytes = Vec::new();
    for what in every_kind() {
        what.encode(mark, &mut bytes);
    }
    let read: Vec<_> = split(&bytes).map(|raw| raw.decode().unwrap()).collect();
    let written: Vec<_> = every_kind()
        .into_iter()
        .map(|what| Record { mark, what })
        .collect();
    assert_eq!(read, written);
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let id = "ü".repeat(TEXT_BYTES_MAX);
    let What::Accepted(mut accepted) = every_kind()[0] else {
        panic!()
    };
    (accepted.id, accepted.source, accepted.ty) = (&id, &id, &id);
    accepted.content_type = &id;
    let mut bytes = Vec::new();
    What::Accepted(accepted).encode(Mark::of(&id, &id), &mut bytes);
    let What::Accepted(read) = split(&bytes).next().unwrap().decode().unwrap().what else {
        panic!()
    };
    assert_eq!(read.id, "ü".repeat(TEXT_BYTES_MAX / 2));
}

/// Whatever a disk makes of it: each byte changed, and cut off anywhere.
#[test]
fn any_bytes_are_read_without_panic() {
    let mut bytes = Vec::new();
    for what in every_kind() {
        what.encode(Mark::of("1", "/shop"), &mut bytes);
    }
    let read_all = |bytes: &[u8]| split(bytes).filter_map(|raw| raw.decode()).count();
    let whole = read_all(&bytes);
    for at in 0..bytes.len() {
        assert!(read_all(&bytes[..at]) < whole);
        for flip in [1, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            assert!(read_all(&changed) <= whole + 1);
        }
    }
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..2_000 {
        let noise: Vec<u8> = (0..random.usize(0..200)).map(|_| random.u8(..)).collect();
        read_all(&noise);
    }
}

/// Hashes are stored, so another release must find what this one wrote.
#[test]
fn a_hash_is_the_same_for_ever() {
    assert_eq!(hash(""), HASH_OF_NOTHING);
    assert_eq!(hash("01K0Z4ABCDEFGHJKMNPQRSTV9Q"), HASH_OF_ULID);
    let hashes: std::collections::HashSet<_> = (0..100_000).map(|n| hash(&n.to_string())).collect();
    assert_eq!(hashes.len(), 100_000);
}
const HASH_OF_NOTHING: u64 = 11_624_996_411_778_636_130;
const HASH_OF_ULID: u64 = 8_229_375_586_311_670_006;
