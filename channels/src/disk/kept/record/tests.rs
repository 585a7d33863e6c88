//! What is written comes back, and nothing else is read.

use super::super::{KeptKey, KeptState};
use super::*;

const KEY: KeptKey = KeptKey {
    subscription: 7,
    offset: 300,
};

fn written(record: &Record<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    match record {
        Record::Event { offset, event } => {
            bytes.extend([VERSION, tag::EVENT]);
            put_number(&mut bytes, *offset);
            bytes.extend_from_slice(event);
        }
        Record::Entry(entry) => put_entry(entry, &mut bytes),
        Record::End(key) => put_end(*key, &mut bytes),
        Record::EndAll { subscription } => put_end_all(*subscription, &mut bytes),
    }
    bytes
}

fn reason() -> ParkReason {
    ParkReason {
        kind: "refused",
        detail: "answered 400".into(),
        dest: Some("http://billing/".into()),
        code: Some(400),
        data: bytes::Bytes::from_static(b"\xff\x00"),
    }
}

fn parked(reason: Reason<'_>, retry_at_ms: Option<i64>) -> Record<'_> {
    Record::Entry(Entry {
        key: KEY,
        accepted_at_ms: -1,
        redriven_at_ms: 0,
        state: KeptState::Parked {
            reason,
            sends: u32::MAX,
            parked_at_ms: i64::MAX,
            retry_at_ms,
        },
    })
}

fn moved(due_ms: i64) -> Record<'static> {
    Record::Entry(Entry {
        key: KEY,
        accepted_at_ms: 1,
        redriven_at_ms: 2,
        state: KeptState::Moved { due_ms, sends: 0 },
    })
}

/// One of each kind, and each optional field with and without.
fn all(reason: &ParkReason, bare: &ParkReason, check: impl Fn(&Record<'_>)) {
    check(&Record::Event {
        offset: u64::MAX,
        event: b"what is checked elsewhere",
    });
    check(&moved(i64::MIN));
    check(&parked(Reason::of(reason), Some(i64::MIN)));
    check(&parked(Reason::of(bare), None));
    check(&parked(Reason::lost(), None));
    check(&Record::End(KEY));
    check(&Record::EndAll { subscription: 7 });
}

fn each(check: impl Fn(&Record<'_>)) {
    let bare = ParkReason {
        dest: None,
        code: None,
        data: bytes::Bytes::new(),
        ..reason()
    };
    all(&reason(), &bare, check);
}

#[test]
fn what_is_written_is_read() {
    each(|record| {
        let bytes = written(record);
        assert_eq!(Record::decode(&bytes).as_ref(), Ok(record), "{bytes:x?}");
    });
}

#[test]
fn the_bytes_of_version_1_stay_what_they_are() {
    let check = |record: &Record<'_>, expected: &[u8]| assert_eq!(written(record), expected);
    let key = [7, 0xac, 2];
    check(&Record::End(KEY), &[&[1, 3], &key[..]].concat());
    check(&Record::EndAll { subscription: 7 }, &[1, 4, 7]);
    let event = Record::Event {
        offset: 300,
        event: b"e",
    };
    check(&event, &[1, 1, 0xac, 2, b'e']);
    check(&moved(-3), &[&[1, 2], &key[..], &[2, 4, 0, 1, 5]].concat());
    let short = ParkReason {
        kind: "loop",
        detail: "d".into(),
        dest: Some("u".into()),
        code: Some(400),
        data: bytes::Bytes::from_static(b"\xff"),
    };
    let record = Record::Entry(Entry {
        key: KEY,
        accepted_at_ms: 1,
        redriven_at_ms: 0,
        state: KeptState::Parked {
            reason: Reason::of(&short),
            sends: 3,
            parked_at_ms: 2,
            retry_at_ms: Some(3),
        },
    });
    let state = [2, 0, 3, 2, 4, 1, 6];
    let why = b"\x04loop\x01d\x01\x01u\x01\x90\x03\x01\xff";
    check(&record, &[&[1, 2], &key[..], &state, why].concat());
}

#[test]
fn no_beginning_of_a_record_is_one_and_nothing_may_stand_behind() {
    each(|record| {
        if matches!(record, Record::Event { .. }) {
            return;
        }
        let mut bytes = written(record);
        for cut in 0..bytes.len() {
            assert_eq!(Record::decode(&bytes[..cut]), Err(NoRecord::Damaged));
        }
        bytes.push(0);
        assert_eq!(Record::decode(&bytes), Err(NoRecord::Damaged));
    });
}

#[test]
fn another_version_is_told_from_damage() {
    let check = |bytes: &[u8], expected| assert_eq!(Record::decode(bytes), Err(expected));
    check(&[2, 3, 7, 1], NoRecord::Version(2));
    check(&[255], NoRecord::Version(255));
    check(&[0, 3, 7, 1], NoRecord::Damaged);
    check(&[1, 5, 7, 1], NoRecord::Damaged);
    check(&[], NoRecord::Damaged);
}

#[test]
fn a_reason_comes_back_cut_to_what_a_record_takes() {
    let check = |given: &ParkReason, expected: &ParkReason| {
        let bytes = written(&parked(Reason::of(given), None));
        let Ok(Record::Entry(Entry {
            state: KeptState::Parked { reason, .. },
            ..
        })) = Record::decode(&bytes)
        else {
            panic!("{given:?} was written as something else");
        };
        assert_eq!(reason.to_owned(), *expected);
    };
    check(&reason(), &reason());
    let text = |length: usize| "ä".repeat(length / 2).as_str().into();
    let long = ParkReason {
        kind: "shed",
        detail: text(20_000),
        dest: Some(format!("x{}", "ä".repeat(9_000)).as_str().into()),
        code: Some(u16::MAX),
        data: vec![7; 769].into(),
    };
    let cut = ParkReason {
        detail: text(8_192),
        dest: Some(format!("x{}", "ä".repeat(4_095)).as_str().into()),
        data: vec![7; 768].into(),
        ..long.clone()
    };
    check(&long, &cut);
}

#[test]
fn every_kind_is_known_and_what_is_not_reads_as_unknown() {
    for kind in KINDS {
        let reason = ParkReason { kind, ..reason() };
        assert_eq!(Reason::of(&reason).to_owned().kind, kind);
    }
    for kind in crate::KINDS_FOR_SINK {
        assert!(KINDS.contains(&kind), "{kind}");
    }
    for kind in ["", "tomorrow"] {
        let reason = ParkReason { kind, ..reason() };
        assert_eq!(Reason::of(&reason).to_owned().kind, "unknown");
    }
}

/// Any bytes are refused, or are exactly what would be written. `KEPT_SEED=n` goes on from there.
#[test]
fn any_bytes_are_a_record_as_it_is_written_or_none() {
    let seed = std::env::var("KEPT_SEED")
        .ok()
        .and_then(|it| it.parse().ok());
    let seed = seed.unwrap_or(1);
    println!("KEPT_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut samples = vec![Vec::new()];
    let samples_of = std::cell::RefCell::new(&mut samples);
    each(|record| samples_of.borrow_mut().push(written(record)));
    let mut read = 0;
    for case in 0..200_000 {
        let mut bytes = rng.choice(&samples).cloned().unwrap_or_default();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..=bytes.len());
            match rng.u32(..4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, rng.u8(..)),
                2 => bytes.extend((0..rng.usize(..12)).map(|_| rng.u8(..))),
                _ if at < bytes.len() => bytes[at] ^= 1 << rng.u32(..8),
                _ => {}
            }
        }
        if let Ok(record) = Record::decode(&bytes) {
            read += 1;
            assert_eq!(written(&record), bytes, "KEPT_SEED={seed}, case {case}");
        }
    }
    assert!(read > 10_000, "only {read} were records");
}
