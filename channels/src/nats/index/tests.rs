use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::ParkReason;

const NUMBER: u64 = 7;

fn moved(due: u64, body: Body) -> Option<Kept> {
    Some(Kept::Entry(Entry {
        sends: 1,
        accepted_at: Timestamp(1),
        age_since: Timestamp(1),
        body,
        state: EntryState::Moved {
            due: Timestamp(due),
            replayed: body == Body::Events,
        },
    }))
}

fn parked() -> Option<Kept> {
    Some(Kept::Entry(Entry {
        sends: 1,
        accepted_at: Timestamp(1),
        age_since: Timestamp(1),
        body: Body::Kept,
        state: EntryState::Parked {
            reason: ParkReason {
                kind: "exhausted",
                detail: Arc::from(""),
                dest: None,
                code: None,
                data: Bytes::new(),
            },
            at: Timestamp(1),
            retry_at: None,
        },
    }))
}

fn waiting(position: u64) -> KeptSubject {
    KeptSubject::Waiting {
        number: NUMBER,
        position,
    }
}

fn due(position: u64) -> KeptSubject {
    KeptSubject::Due {
        number: NUMBER,
        position,
    }
}

/// Moved, parked and replayed ones, and when the first is due.
fn sums(index: &Index) -> (u64, u64, u64, Option<u64>) {
    let sum = index.sum(NUMBER).cloned().unwrap_or_default();
    let first = sum.first_due().map(|due| due.0);
    (sum.moved, sum.parked, sum.replayed, first)
}

fn place(index: &Index, position: u64) -> Option<(Place, u64)> {
    let standing = index.get(NUMBER, position)?;
    Some((standing.place, standing.sequence))
}

#[test]
fn an_entry_waits_is_due_and_goes_back_to_wait() {
    let mut index = Index::new();
    index.note(waiting(5), 10, moved(100, Body::Kept));
    assert_eq!(place(&index, 5), Some((Place::Waiting, 10)));
    assert_eq!(sums(&index), (1, 0, 0, Some(100)));
    index.note(due(5), 11, moved(100, Body::Kept));
    assert_eq!(place(&index, 5), Some((Place::Due, 11)));
    assert_eq!(sums(&index), (1, 0, 0, None), "due is not waiting");
    // Back in one batch: the new place first, then the end of the old.
    index.note(waiting(5), 12, parked());
    assert_eq!(place(&index, 5), Some((Place::Waiting, 12)));
    assert_eq!(sums(&index), (0, 1, 0, None));
    index.note(due(5), 13, Some(Kept::Back));
    assert_eq!(place(&index, 5), Some((Place::Waiting, 12)));
    index.note(waiting(5), 14, Some(Kept::Ended));
    assert_eq!((place(&index, 5), sums(&index)), (None, (0, 0, 0, None)));
    assert_eq!(index.sum(NUMBER), None);
}

#[test]
fn what_was_due_does_not_wait_again_when_it_ends() {
    let mut index = Index::new();
    index.note(waiting(5), 10, moved(100, Body::Kept));
    index.note(due(5), 11, moved(100, Body::Kept));
    index.note(due(5), 12, Some(Kept::Ended));
    assert_eq!((place(&index, 5), sums(&index)), (None, (0, 0, 0, None)));
    // Nor when what it was made of is read late.
    index.note(waiting(5), 10, moved(100, Body::Kept));
    assert_eq!(place(&index, 5), None);

    // Nor when nobody has read that it was due: its end had taken the place already.
    let mut index = Index::new();
    index.note(waiting(5), 10, moved(100, Body::Kept));
    index.note(due(5), 12, Some(Kept::Ended));
    assert_eq!((place(&index, 5), sums(&index)), (None, (0, 0, 0, None)));
}

#[test]
fn what_is_read_late_changes_nothing() {
    let history = [
        (waiting(5), 10, moved(100, Body::Kept)),
        (waiting(5), 11, moved(200, Body::Kept)),
        (due(5), 12, moved(200, Body::Kept)),
        (waiting(5), 13, moved(300, Body::Events)),
        (due(5), 14, Some(Kept::Back)),
    ];
    // The last ones are known from their acknowledgement before the stream is read, however far.
    for known in 0..=history.len() {
        for end in [false, true] {
            let mut index = Index::new();
            if end {
                index.note(waiting(5), 15, Some(Kept::Ended));
            }
            for (subject, sequence, kept) in &history[known..] {
                index.note(*subject, *sequence, kept.clone());
            }
            for (subject, sequence, kept) in &history {
                index.note(*subject, *sequence, kept.clone());
                index.read_to(*sequence);
            }
            let (standing, counted) = if end {
                (None, (0, 0, 0, None))
            } else {
                (Some((Place::Waiting, 13)), (1, 0, 1, Some(300)))
            };
            assert_eq!(place(&index, 5), standing, "{known} {end}");
            assert_eq!(sums(&index), counted, "{known} {end}");
            index.read_to(15);
            assert_eq!(index.slots.is_empty(), end, "what ended is forgotten");
            assert!(index.fading.is_empty());
        }
    }
}

#[test]
fn entries_are_listed_in_order_page_by_page() {
    let mut index = Index::new();
    for (sequence, (number, position)) in [(2, 9), (1, 9), (1, 3), (2, 4)].into_iter().enumerate() {
        let sequence = u64::try_from(sequence).expect("small") + 1;
        index.note(
            KeptSubject::Waiting { number, position },
            sequence,
            parked(),
        );
    }
    let list = |after, limit, number: Option<u64>| {
        let listed = index.list(after, limit, |of, _| number.is_none_or(|it| it == of));
        listed.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 9, None), [(3, 1), (4, 2), (9, 1), (9, 2)]);
    assert_eq!(list(Some((4, 2)), 1, None), [(9, 1)]);
    assert_eq!(list(Some((3, 1)), 9, Some(1)), [(9, 1)]);
    index.forget(1);
    let left = index.list(None, 9, |_, _| true);
    assert_eq!(left.len(), 2);
    assert_eq!(index.sum(1), None);
}

#[test]
fn an_event_is_kept_as_long_as_an_entry_needs_it() {
    let mut index = Index::new();
    let body = KeptSubject::Body { position: 5 };
    index.note(body, 9, None);
    assert_eq!(index.unneeded_body(5), Some(9));
    index.note(waiting(5), 10, parked());
    index.note(body, 11, None);
    index.note(body, 9, None);
    let other = KeptSubject::Due {
        number: 8,
        position: 5,
    };
    index.note(other, 12, moved(1, Body::Kept));
    assert_eq!((index.body(5), index.unneeded_body(5)), (Some(11), None));
    index.note(waiting(5), 13, Some(Kept::Ended));
    assert_eq!(index.unneeded_body(5), None, "another has it");
    index.note(other, 14, Some(Kept::Ended));
    assert_eq!(
        index.unneeded_body(5),
        Some(11),
        "the newest of its messages"
    );
    // A replay reads the event where it was.
    index.note(waiting(5), 15, moved(1, Body::Events));
    assert_eq!(index.unneeded_body(5), Some(11));
    index.forget_body(5);
    assert_eq!((index.unneeded_body(5), index.bodies().count()), (None, 0));
}

#[test]
fn what_was_told_of_meanwhile_outlives_a_reading_from_the_beginning() {
    let mut old = Index::new();
    let body = |position| KeptSubject::Body { position };
    // Of before, and gone from the stream since.
    old.note(body(1), 1, None);
    old.note(waiting(1), 2, moved(100, Body::Kept));
    // Of behind what the reading anew has seen.
    old.note(waiting(5), 10, moved(100, Body::Kept));
    old.note(body(6), 11, None);
    old.note(waiting(6), 12, parked());
    old.note(due(7), 13, moved(100, Body::Kept));
    old.note(waiting(8), 14, Some(Kept::Ended));
    let mut anew = Index::new();
    anew.note(waiting(5), 3, moved(50, Body::Kept));
    anew.note(waiting(8), 4, parked());
    anew.note(waiting(7), 5, moved(60, Body::Kept));
    anew.read_to(9);
    assert_eq!(anew.has_read_to(), 9);
    anew.take_newer(&old);
    assert_eq!(place(&anew, 1), None);
    assert_eq!(anew.body(1), None);
    assert_eq!(place(&anew, 5), Some((Place::Waiting, 10)));
    assert_eq!(place(&anew, 6), Some((Place::Waiting, 12)));
    assert_eq!(anew.body(6), Some(11));
    assert_eq!(place(&anew, 7), Some((Place::Due, 13)));
    assert_eq!(place(&anew, 8), None);
    assert_eq!(sums(&anew), (2, 1, 0, Some(100)));
    // What is read late brings nothing back.
    anew.note(waiting(8), 4, parked());
    assert_eq!(place(&anew, 8), None);
}
