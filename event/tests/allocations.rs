//! What reading a stored event allocates.

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use sluicegate_event::{Event, StoredError, stored};

fn stored_event(data_bytes: usize) -> Bytes {
    let event = Event::builder("1", "/orders", "order.placed")
        .attribute("time", "2026-11-21T16:00:00Z")
        .attribute("subject", "orders/4711")
        .attribute("partitionkey", "customer-42")
        .data("application/json", vec![b' '; data_bytes])
        .build()
        .expect("the event of a test is valid");
    let mut bytes = Vec::new();
    stored::encode(&event, &mut bytes);
    bytes.into()
}

fn reading(bytes: &Bytes) -> (Result<Event, StoredError>, AllocationInfo) {
    let mut read = None;
    // A slice shares its buffer, as those of a log do; the first handle on a buffer allocates.
    let shared = bytes.clone();
    let info = measure(|| read = Some(stored::decode(shared)));
    (read.expect("it was called"), info)
}

#[test]
fn an_event_is_read_without_copying_its_data_and_plain_values() {
    let [small, large] = [0, 1 << 20].map(|data_bytes| {
        let (event, info) = reading(&stored_event(data_bytes));
        event.expect("it was stored");
        info
    });
    // The event itself, and the name of its extension.
    assert_eq!(small.count_total, 2);
    assert_eq!(large.bytes_total, small.bytes_total);
}

#[test]
fn a_length_that_nothing_stands_behind_allocates_nothing() {
    let lengths: [&[u8]; 4] = [
        b"\x7f",
        b"\xff\xff\xff\xff\x07",
        b"\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ];
    let starts: [&[u8]; 5] = [
        b"\x01\x00",
        b"\x01\x00\x01i\x01s\x01t\x01",
        b"\x01\x00\x01i\x01s\x01t\x10",
        b"\x01\x00\x01i\x01s\x01t\x20",
        b"\x01\x00\x01i\x01s\x01t\x31",
    ];
    for start in starts {
        for length in lengths {
            let bytes = Bytes::from([start, length].concat());
            let (event, info) = reading(&bytes);
            assert!(
                matches!(event, Err(StoredError::Damaged { .. })),
                "{bytes:?}"
            );
            assert_eq!(info.bytes_total, 0, "{bytes:?}");
        }
    }
}

#[test]
fn hostile_bytes_allocate_in_proportion_to_their_number() {
    let start = b"\x01\x00\x01i\x01s\x01t";
    let extensions = |name_bytes: usize| {
        (0..20_000).flat_map(move |index| {
            let name = format!("{index:0name_bytes$}");
            [
                &[0x10, u8::try_from(name_bytes).unwrap()],
                name.as_bytes(),
                &[0],
            ]
            .concat()
        })
    };
    let refused_text = |text: &[u8]| [&[0x03, 0xc0, 0x84, 0x3d], text].concat();
    let cases = [
        extensions(5).collect(),
        extensions(100).collect(),
        refused_text(&[b'\n'; 1_000_000]),
        refused_text(&[0xff; 1_000_000]),
        [&[0x32, 0xc0, 0x84, 0x3d][..], &[b'['; 1_000_000]].concat(),
    ];
    for fields in cases {
        let bytes = Bytes::from([&start[..], &fields].concat());
        let (event, info) = reading(&bytes);
        assert!(event.is_err(), "there is no data at the end");
        let bytes_max = 64 * u64::try_from(bytes.len()).unwrap();
        assert!(
            info.bytes_max < bytes_max,
            "{} for {}",
            info.bytes_max,
            bytes.len()
        );
    }
}
