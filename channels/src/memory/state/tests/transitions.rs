//! Single transitions, where the order or the account matters.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use sluicegate_event::Event;

use super::super::super::{Matched, MemoryOptions};
use super::super::{Ending, State};
use super::wanted_by;
use crate::reading::{HandedOut, Next, SubscriptionId};
use crate::{
    Admission, Exhausted, NextLimit, ParkReason, Settled, Start, SubscriptionKey, SubscriptionSpec,
    Timestamp,
};

const NOW: Timestamp = Timestamp(1_000);
const LATER: Timestamp = Timestamp(2_000);

fn store(events_max: u64) -> State {
    State::new(MemoryOptions {
        events_max,
        ..MemoryOptions::default()
    })
}

fn subscribe(state: &mut State, key: u64, deferred_max: usize) -> SubscriptionId {
    let spec = SubscriptionSpec {
        name: Arc::from(format!("s{key}")),
        key: SubscriptionKey(key),
        start: Start::Latest,
        exhausted: Exhausted::HandOver,
        deferred_max: deferred_max.try_into().expect("not zero"),
        interest: crate::Interest::Everything,
    };
    state.subscribe(&spec).expect("the name is free").0
}

fn append(state: &mut State, keys: &[u64], count: usize) {
    let event = Event::builder("1", "/transitions", "any").build();
    let event = Arc::new(event.expect("it is valid"));
    let matched = || Matched {
        event: Arc::clone(&event),
        size_bytes: 10,
        answers: wanted_by(keys),
    };
    let batch = std::iter::repeat_with(matched).take(count).collect();
    let appended = state.append(batch, Admission::Internal, NOW);
    appended.expect("there is room");
}

fn next(state: &mut State, id: SubscriptionId, items_max: usize, now: Timestamp) -> Vec<HandedOut> {
    let limit = NextLimit {
        items_max: items_max.try_into().expect("not zero"),
        bytes_max: usize::MAX,
        dead_letters_max: usize::MAX,
    };
    let next = state.next(id, limit, Waker::noop(), now);
    state.audit();
    match next {
        Next::HandedOut(handed_out) => handed_out,
        Next::Wait(_) | Next::Over => Vec::new(),
    }
}

fn offsets(handed_out: &[HandedOut]) -> Vec<u64> {
    handed_out.iter().map(|out| out.id.offset).collect()
}

fn deferred(until: Timestamp) -> Ending {
    Ending::Deferred { until, sends: 1 }
}

fn parked(retry_at: Option<Timestamp>) -> Ending {
    let reason = ParkReason {
        kind: "exhausted",
        detail: Arc::from(""),
        dest: None,
        code: None,
        data: bytes::Bytes::new(),
    };
    Ending::Parked {
        reason,
        sends: 1,
        retry_at,
    }
}

#[test]
fn what_comes_up_again_and_what_is_fresh_take_turns() {
    let mut state = store(100);
    let id = subscribe(&mut state, 0, 50);
    append(&mut state, &[0], 4);
    for out in next(&mut state, id, 4, NOW) {
        state.end(out.id, deferred(LATER), NOW);
    }
    append(&mut state, &[0], 4);
    let out = next(&mut state, id, 8, LATER);
    assert_eq!(offsets(&out), [0, 4, 1, 5, 2, 6, 3, 7]);
    // What was handed back does not wait for its turn.
    for out in out.into_iter().rev() {
        state.end(out.id, Ending::Dropped, LATER);
    }
    append(&mut state, &[0], 1);
    let out = next(&mut state, id, 9, LATER);
    assert_eq!(offsets(&out), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn too_many_deferred_hold_fresh_ones_back_until_one_is_due() {
    let mut state = store(100);
    let id = subscribe(&mut state, 0, 2);
    append(&mut state, &[0], 4);
    for out in next(&mut state, id, 2, NOW) {
        state.end(out.id, deferred(LATER), NOW);
    }
    assert!(next(&mut state, id, 9, NOW).is_empty());
    assert!(state.describe().subscriptions[0].stalled);
    assert_eq!(offsets(&next(&mut state, id, 9, LATER)), [0, 2, 1, 3]);
    assert!(!state.describe().subscriptions[0].stalled);
}

type Case = (&'static str, fn() -> Ending, [u64; 5]);

#[test]
fn a_lease_ends_by_its_duty_and_its_ending() {
    use Settled::{DeadLettered, Delivered, Discarded};
    // What each ending leaves: delivered, dead-lettered, discarded, parked, pending.
    let cases: [Case; 18] = [
        ("deliver", || Ending::Settled(Delivered), [1, 0, 0, 0, 0]),
        ("deliver", || Ending::Settled(DeadLettered), [0, 1, 0, 0, 0]),
        ("deliver", || Ending::Settled(Discarded), [0, 0, 1, 0, 0]),
        ("deliver", || deferred(LATER), [0, 0, 0, 0, 1]),
        ("deliver", || parked(None), [0, 0, 0, 1, 0]),
        ("deliver", || Ending::Dropped, [0, 0, 0, 0, 1]),
        ("parked", || Ending::Settled(Delivered), [0, 1, 0, 0, 0]),
        ("parked", || Ending::Settled(DeadLettered), [0, 1, 0, 0, 0]),
        ("parked", || Ending::Settled(Discarded), [0, 0, 1, 0, 0]),
        ("parked", || deferred(LATER), [0, 0, 0, 1, 0]),
        ("parked", || parked(None), [0, 0, 0, 1, 0]),
        ("parked", || Ending::Dropped, [0, 0, 0, 1, 0]),
        ("shed", || Ending::Settled(Delivered), [0, 1, 0, 0, 0]),
        ("shed", || Ending::Settled(DeadLettered), [0, 1, 0, 0, 0]),
        ("shed", || Ending::Settled(Discarded), [0, 0, 1, 0, 0]),
        ("shed", || deferred(LATER), [0, 0, 0, 0, 1]),
        ("shed", || parked(Some(LATER)), [0, 0, 1, 0, 0]),
        ("shed", || Ending::Dropped, [0, 0, 0, 0, 1]),
    ];
    for (duty, ending, expected) in cases {
        let mut state = store(10);
        let id = subscribe(&mut state, 0, 50);
        let out = lease_for(duty, &mut state, id);
        // What stands beside the event of the lease is pending and stays so.
        let pending = state.describe().subscriptions[0].books.pending;
        let others = pending - u64::from(duty != "parked");
        state.end(out.id, ending(), NOW);
        state.audit();
        let books = state.describe().subscriptions[0].books;
        let left = [
            books.delivered,
            books.dead_lettered,
            books.discarded,
            books.parked,
            books.pending - others,
        ];
        assert_eq!(left, expected, "{duty}: {:?}", ending());
        state.end(out.id, Ending::Settled(Delivered), NOW);
        assert_eq!(
            state.describe().subscriptions[0].books,
            books,
            "ended twice"
        );
    }
}

/// A lease for delivery, for a parked event's sink, or for the sink of one that was taken.
fn lease_for(duty: &str, state: &mut State, id: SubscriptionId) -> HandedOut {
    match duty {
        "deliver" => append(state, &[0], 1),
        "parked" => {
            append(state, &[0], 1);
            let out = next(state, id, 1, NOW).remove(0);
            state.end(out.id, parked(Some(NOW)), NOW);
        }
        _ => {
            append(state, &[0], 8);
            subscribe(state, 1, 1);
            let event = Event::builder("1", "/transitions", "any").build();
            let matched = Matched {
                event: Arc::new(event.expect("it is valid")),
                size_bytes: 10,
                answers: wanted_by(&[1]),
            };
            let appended = state.append(vec![matched], Admission::Ingress, NOW);
            appended.expect("one is taken to make room");
        }
    }
    // Fresh ones have the first turn unless something else was handed out before.
    let mut out = next(state, id, 2, NOW);
    out.sort_by_key(|out| out.id.offset);
    out.remove(0)
}

#[test]
fn a_batch_that_is_refused_takes_nothing_from_anyone() {
    let mut state = store(10);
    subscribe(&mut state, 0, 50);
    subscribe(&mut state, 1, 50);
    append(&mut state, &[0], 6);
    append(&mut state, &[1], 2);
    // Two may be taken; then four and two are left, which is too much alike to go on.
    let before = state.describe();
    let event = Event::builder("1", "/transitions", "any").build();
    let event = Arc::new(event.expect("it is valid"));
    let matched = || Matched {
        event: Arc::clone(&event),
        size_bytes: 10,
        answers: wanted_by(&[1]),
    };
    let batch = std::iter::repeat_with(matched).take(5).collect();
    assert!(state.append(batch, Admission::Ingress, NOW).is_err());
    state.audit();
    let after = state.describe();
    assert_eq!(
        (before.events, before.appended),
        (after.events, after.appended)
    );
    for (before, after) in before.subscriptions.iter().zip(&after.subscriptions) {
        assert_eq!(before.books, after.books);
    }
}

#[test]
fn a_slot_is_free_when_nobody_holds_it_wherever_it_lies() {
    let mut state = store(100);
    let (one, two) = (subscribe(&mut state, 0, 50), subscribe(&mut state, 1, 50));
    append(&mut state, &[0, 1], 3);
    let (of_one, of_two) = (next(&mut state, one, 3, NOW), next(&mut state, two, 3, NOW));
    state.end(of_one[1].id, Ending::Settled(Settled::Delivered), NOW);
    assert_eq!(state.describe().events, 3, "the other still holds it");
    state.end(of_two[1].id, Ending::Settled(Settled::Delivered), NOW);
    assert_eq!(state.describe().events, 2, "the one in the middle is free");
    append(&mut state, &[0], 1);
    assert_eq!(state.slots.iter().count(), 3);
    assert_eq!(
        state.slots.iter().map(|(place, _)| place).max(),
        Some(2),
        "and used again"
    );
}

#[test]
fn a_subscription_that_wants_the_same_event_twice_has_it_once() {
    let mut state = store(100);
    let id = subscribe(&mut state, 0, 50);
    append(&mut state, &[0, 0], 1);
    assert_eq!(offsets(&next(&mut state, id, 9, NOW)), [0]);
}

#[test]
fn a_long_queue_gives_its_memory_back_when_it_is_empty() {
    let mut state = store(100_000);
    let id = subscribe(&mut state, 0, 50);
    append(&mut state, &[0], 50_000);
    let out = next(&mut state, id, 50_000, NOW + Duration::from_millis(1));
    assert_eq!(out.len(), 50_000);
    let (_, known) = state.subscriptions.iter().next().expect("it is subscribed");
    assert_eq!(known.queues.fresh.capacity(), 0);
}
