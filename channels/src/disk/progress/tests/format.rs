//! Every byte of a record, as tables and for any bytes.

use std::collections::BTreeSet;

use super::super::format::{self, NoRecord, Record, decode};
use super::super::{Exception, Floor, Standing, Tally};
use super::support::{any_number, any_standing};
use crate::disk::compact::Malformed;

const SEED: u64 = 11;
const CASES: usize = 20_000;

fn shown() -> Standing {
    Standing {
        number: 5,
        name: "a/b/c".into(),
        began: 300,
        reads_on_from: 1_000,
        is_idle: false,
        exceptions: vec![
            Exception {
                offset: 900,
                sends: 3,
                redriven_at_ms: 0,
            },
            Exception {
                offset: 903,
                sends: 0,
                redriven_at_ms: -1,
            },
        ],
        tally: Tally {
            delivered: 1,
            dead_lettered: 2,
            cancelled: 3,
            expired: 4,
            replayed: 5,
            undecided: 6,
            discarded_by: vec![("full".into(), 7)],
        },
        is_paused: true,
    }
}

#[test]
fn records_have_these_bytes() {
    let busy: BTreeSet<u64> = [3, 4, 200].into();
    let floor = Floor {
        offset: 130,
        count: 9,
    };
    let busy_numbers = busy.iter().copied().collect();
    let cases = [
        (
            Record::Standing(shown()),
            format::standing(&shown()),
            "0101 05 02 05612f622f63 ac02 e807 010203040506 01 0466756c6c 07 02 8407 03 00 03 00 01",
        ),
        (Record::Deleted(300), format::deleted(300), "0102 ac02"),
        (
            Record::Floor {
                floor,
                busy: busy_numbers,
            },
            format::floor(floor, &busy),
            "0103 8201 09 03 03 01 c401",
        ),
        (
            Record::Snapshot {
                next_number: 8,
                numbers: vec![0, 7],
            },
            format::snapshot(8, [0, 7].into_iter()),
            "0104 08 02 00 07",
        ),
    ];
    for (record, bytes, expected) in cases {
        let shown: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
        assert_eq!(shown, expected.replace(' ', ""), "{record:?}");
        assert_eq!(decode(&bytes), Ok(record));
        for length in 0..bytes.len() {
            let part = decode(&bytes[..length]);
            let ended = NoRecord::Malformed(Malformed("it ends early"));
            assert_eq!(part, Err(ended), "the first {length} bytes of {expected}");
        }
        let mut more = bytes;
        more.push(0);
        let behind = NoRecord::Malformed(Malformed("it goes on behind its end"));
        assert_eq!(decode(&more), Err(behind), "{expected} and one more");
    }
}

#[test]
fn what_no_one_writes_is_refused() {
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = format::standing(&shown());
        change(&mut bytes);
        decode(&bytes)
    };
    let malformed = |why| Err(NoRecord::Malformed(Malformed(why)));
    assert_eq!(with(&|it| it[0] = 2), Err(NoRecord::Version(2)));
    assert_eq!(with(&|it| it[1] = 9), malformed("its kind is unknown"));
    let bit = malformed("the head has a bit that means nothing");
    assert_eq!(with(&|it| it[3] |= 4), bit);
    let idle = malformed("it is idle and has exceptions");
    assert_eq!(with(&|it| it[3] |= 1), idle);
    let last = format::standing(&shown()).len() - 3;
    let rises = malformed("numbers do not rise");
    assert_eq!(with(&|it| it[last] = 0), rises);
}

#[test]
fn any_standing_is_read_back_as_it_was() {
    let mut rng = fastrand::Rng::with_seed(SEED);
    for case in 0..CASES {
        let standing = any_standing(&mut rng);
        assert_eq!(standing.fault(), None, "seed {SEED}, case {case}");
        let bytes = format::standing(&standing);
        let read = decode(&bytes);
        assert_eq!(
            read,
            Ok(Record::Standing(standing)),
            "seed {SEED}, case {case}"
        );
    }
}

/// What is read of any bytes was written as just these: nothing has two ways to be written, and
/// nothing else is taken for a record.
#[test]
fn any_bytes_are_a_record_or_are_refused() {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut read = 0;
    for case in 0..CASES {
        let bytes = any_bytes(&mut rng);
        let Ok(record) = decode(&bytes) else { continue };
        read += 1;
        let again = match record {
            Record::Standing(it) => format::standing(&it),
            Record::Deleted(number) => format::deleted(number),
            Record::Floor { floor, busy } => format::floor(floor, &busy.into_iter().collect()),
            Record::Snapshot {
                next_number,
                numbers,
            } => format::snapshot(next_number, numbers.into_iter()),
        };
        assert_eq!(again, bytes, "seed {SEED}, case {case}");
    }
    assert!(read > CASES / 20, "only {read} were records");
}

/// A record with a few bytes changed, cut or put in, or just bytes behind a head.
fn any_bytes(rng: &mut fastrand::Rng) -> Vec<u8> {
    let numbers: BTreeSet<u64> = (0..rng.usize(..6)).map(|_| any_number(rng)).collect();
    let floor = Floor {
        offset: any_number(rng),
        count: any_number(rng),
    };
    let mut bytes = match rng.u32(..5) {
        0 => format::standing(&any_standing(rng)),
        1 => format::deleted(any_number(rng)),
        2 => format::floor(floor, &numbers),
        3 => format::snapshot(any_number(rng), numbers.into_iter()),
        _ => {
            let mut bytes = vec![1, rng.u8(..6)];
            bytes.resize_with(2 + rng.usize(..40), || rng.u8(..));
            bytes
        }
    };
    for _ in 0..rng.usize(..4) {
        let at = rng.usize(..=bytes.len());
        match rng.u32(..4) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.u32(..8),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(at),
            _ => bytes.insert(at, rng.u8(..)),
        }
    }
    bytes
}
