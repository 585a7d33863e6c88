use sluicegate_channels::Retained;
use sluicegate_event::Event;
use tokio::sync::oneshot;

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const SALT: Salt = Salt([1, 2]);
/// A channel may give fewer events than are asked for.
const EVENTS_PER_PAGE: usize = 10;

/// How a channel ends that answers only so often.
#[derive(Clone, Copy, Debug)]
enum Then {
    Fails,
    Hangs,
}

fn at(age_s: u64) -> Timestamp {
    Timestamp(NOW.0 - age_s * 1_000)
}

fn key(age_s: u64) -> Key {
    SALT.key("/shop", &age_s.to_string())
}

/// An event for each second of the last thousand; its id is its age.
fn stored() -> Vec<Retained> {
    let ages = (0..1_000).rev().zip(0..);
    let stored = ages.map(|(age_s, offset)| Retained {
        position: Position {
            partition: 0,
            offset,
        },
        accepted_at: at(age_s),
        event: Arc::new(
            Event::builder(&age_s.to_string(), "/shop", "order.paid")
                .build()
                .expect("it is valid"),
        ),
    });
    stored.collect()
}

fn page(stored: &[Retained], from: Start) -> RetainedPage {
    let is_before = |it: &Retained| match from {
        Start::Time(at) => it.accepted_at < at,
        Start::At(position) => it.position < position,
        Start::Earliest | Start::Latest => panic!("{from:?} is not asked for"),
    };
    let rest = &stored[stored.partition_point(is_before)..];
    RetainedPage {
        events: rest.iter().take(EVENTS_PER_PAGE).cloned().collect(),
        next: rest.get(EVENTS_PER_PAGE).map(|it| it.position),
        lost: 0,
    }
}

/// Answers with so many pages.
fn tail(pages: usize, then: Then) -> Tail {
    let stored = stored();
    let left = parking_lot::Mutex::new(pages);
    Tail::over(move |from, _| {
        let mut left = left.lock();
        let is_left = *left > 0;
        *left = left.saturating_sub(1);
        match (is_left, then) {
            (true, _) => Box::pin(std::future::ready(Ok(page(&stored, from)))),
            (false, Then::Fails) => {
                let error = StoreError("scripted".to_owned());
                Box::pin(std::future::ready(Err(error)))
            }
            (false, Then::Hangs) => Box::pin(std::future::pending()),
        }
    })
}

#[derive(Clone, Copy)]
struct Case {
    /// Whether an event of that age is kept.
    is_kept: fn(u64) -> bool,
    window_s: u64,
    ids_max: usize,
    pages: usize,
}

/// The ages of what is read back.
async fn read_back(case: &Case, then: Then) -> Vec<u64> {
    let tail = tail(case.pages, then);
    let kept = (0..1_000).rev().filter(|age| (case.is_kept)(*age));
    let kept: Vec<_> = kept.map(|age| (at(age), key(age))).collect();
    let (window, ids_max) = (Duration::from_secs(case.window_s), case.ids_max);
    let (sender, read) = oneshot::channel();
    std::thread::spawn(move || {
        let broker = ObjectName {
            namespace: "shop".to_owned(),
            name: "orders".to_owned(),
        };
        let asked = Asked {
            salt: SALT,
            kept: &kept,
            now: NOW,
            window,
            ids_max,
        };
        drop(sender.send(tail.read(&broker, &asked)));
    });
    let read = read.await.expect("the reading does not panic");
    let ages = read.iter().map(|(time, key_read)| {
        let age = NOW.since(*time).as_secs();
        assert_eq!(*key_read, key(age));
        age
    });
    ages.collect()
}

fn down(from: u64, to: u64) -> Vec<u64> {
    (to..=from).rev().collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_and_not_kept_is_read_back_within_its_bounds() {
    let ample = Case {
        is_kept: |_| false,
        window_s: 600,
        ids_max: 1_000,
        pages: 1_000,
    };
    let cases = [
        (ample, down(600, 0)),
        (
            Case {
                is_kept: |age| age >= 20,
                ..ample
            },
            down(19, 0),
        ),
        // What is long behind the latest that was kept is taken for kept.
        (
            Case {
                is_kept: |age| age == 23 || age == 20,
                ..ample
            },
            [down(25, 24), down(22, 21), down(19, 0)].concat(),
        ),
        (
            Case {
                window_s: 7,
                ..ample
            },
            down(7, 0),
        ),
        (
            Case {
                window_s: 100_000,
                ids_max: 2_000,
                ..ample
            },
            down(999, 0),
        ),
        (
            Case {
                ids_max: 50,
                ..ample
            },
            down(49, 0),
        ),
        (
            Case {
                ids_max: 3,
                ..ample
            },
            down(2, 0),
        ),
    ];
    for (case, ages) in cases {
        let Case {
            window_s, ids_max, ..
        } = case;
        let read = read_back(&case, Then::Fails).await;
        assert_eq!(read, ages, "window {window_s}, at most {ids_max}");
    }
}

/// Producers send again what they sent last.
#[tokio::test(start_paused = true)]
async fn where_it_takes_too_long_the_latest_are_read_back() {
    for then in [Then::Fails, Then::Hangs] {
        for (pages, ages) in [
            (0, Vec::new()),
            (2, down(10, 0)),
            (5, down(40, 0)),
            // The beginning of the stretch before.
            (6, [down(160, 151), down(40, 0)].concat()),
        ] {
            let case = Case {
                is_kept: |_| false,
                window_s: 600,
                ids_max: 1_000,
                pages,
            };
            assert_eq!(read_back(&case, then).await, ages, "{pages}, {then:?}");
        }
    }
}
