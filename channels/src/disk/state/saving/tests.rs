//! How far deliveries may be ahead of what is stored of them.

use std::sync::Arc;
use std::task::Waker;

use sluicegate_event::Event;

use super::super::super::appender::Answers;
use super::super::super::log::SegmentInfo;
use super::super::super::progress::Floor;
use super::super::{Accepted, Counts, Ending, State};
use crate::reading::{Next, SubscriptionId};
use crate::{
    Exhausted, NextLimit, Settled, Start, StoreError, SubscriptionKey, SubscriptionSpec, Timestamp,
};

const NOW: Timestamp = Timestamp(1_000);
const IN_FLIGHT: usize = 64;

/// A subscription with so many events before it.
pub(in super::super) fn with_events(count: u64) -> (State, SubscriptionId) {
    let segments: [SegmentInfo; 0] = [];
    let counts = Counts::new(&segments, &[], Floor::default(), 0);
    let mut state = State::new(counts, 0, 1, 64 << 20);
    let spec = SubscriptionSpec {
        name: "a".into(),
        key: SubscriptionKey(1),
        start: Start::Latest,
        exhausted: Exhausted::Discard,
        deferred_max: 1_000.try_into().expect("it is more than none"),
    };
    let begun = state.subscribe(&spec, None, NOW).expect("the name is free");
    let round = state.take_round(false);
    state.round_saved(round);
    let event = Event::builder("1", "/suite", "a").build();
    let event = Arc::new(event.expect("it is valid"));
    state.extend(0..count);
    for offset in 0..count {
        let mut answers = Answers::default();
        answers.wanted.push(SubscriptionKey(1));
        state.accept(&Accepted {
            event: &event,
            offset,
            accepted_at: NOW,
            answers: &answers,
        });
    }
    (state, begun.id)
}

/// Settles whatever comes until nothing does, and says how much that was.
fn settle_all(state: &mut State, id: SubscriptionId) -> u64 {
    let limit = NextLimit {
        items_max: IN_FLIGHT.try_into().expect("it is more than none"),
        bytes_max: usize::MAX,
        dead_letters_max: 1,
    };
    let mut settled = 0;
    loop {
        match state.next(id, limit, Waker::noop(), NOW) {
            Next::HandedOut(leases) => {
                for lease in leases {
                    state.end(lease.id, Ending::Settled(Settled::Delivered));
                    settled += 1;
                }
            }
            Next::Wait(_) => return settled,
            Next::Over => panic!("the channel is open"),
        }
    }
}

#[test]
fn no_more_ends_than_a_crash_may_have_delivered_again() {
    let (mut state, id) = with_events(2_000);
    let first = settle_all(&mut state, id);
    assert!((256..256 + IN_FLIGHT as u64).contains(&first), "{first}");
    assert_eq!(settle_all(&mut state, id), 0, "nothing is stored yet");

    let round = state.take_round(false);
    assert_eq!(settle_all(&mut state, id), 0, "it is not durable yet");
    state.round_saved(round);
    assert!(!state.take_woken().readers.is_empty());
    assert!(settle_all(&mut state, id) >= 256);
}

#[test]
fn what_cannot_be_stored_for_now_holds_up_nothing() {
    let (mut state, id) = with_events(2_000);
    let first = settle_all(&mut state, id);
    let round = state.take_round(false);
    state.round_failed(round, &StoreError("the disk is full".into()));
    assert_eq!(first + settle_all(&mut state, id), 2_000);

    let round = state.take_round(false);
    assert_eq!(round.changes.len(), 1, "it is stored once that is possible");
    state.round_saved(round);
}

#[test]
fn as_many_new_ones_begin_with_the_oldest_event_as_have_lost_where_they_stood() {
    let counts = Counts::new(&[], &[], Floor::default(), 0);
    let mut state = State::new(counts, 0, 1, 64 << 20);
    state.extend(0..100);
    state.has_lost_standings(1);
    let mut begin = |name: &str, key| {
        let spec = SubscriptionSpec {
            name: name.into(),
            key: SubscriptionKey(key),
            start: Start::Latest,
            exhausted: Exhausted::Discard,
            deferred_max: 1_000.try_into().expect("it is more than none"),
        };
        drop(state.subscribe(&spec, None, NOW).expect("the name is free"));
        let statuses = state.statuses(&|_| None);
        let status = statuses.iter().find(|it| &*it.name == name);
        status.expect("it was just made").unread
    };
    assert_eq!([begin("first", 1), begin("second", 2)], [100, 0]);
}
