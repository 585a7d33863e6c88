//! How far deliveries may be ahead of what is stored of them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::task::Waker;

use sluicegate_event::Event;

use super::super::super::appender::Answers;
use super::super::super::log::{LogError, SegmentInfo};
use super::super::super::progress::{Floor, Progress, ProgressOptions};
use super::super::super::simulated::{Effect, SimulatedDisk};
use super::super::{Accepted, Counts, Ending, State};
use crate::reading::{Next, SubscriptionId};
use crate::{
    Exhausted, NextLimit, SeekError, Settled, Start, StoreError, SubscriptionKey, SubscriptionSpec,
    Timestamp,
};

const NOW: Timestamp = Timestamp(1_000);
const IN_FLIGHT: usize = 64;

fn spec(name: &str, key: u64) -> SubscriptionSpec {
    SubscriptionSpec {
        name: name.into(),
        key: SubscriptionKey(key),
        start: Start::Latest,
        exhausted: Exhausted::Discard,
        deferred_max: 1_000.try_into().expect("it is more than none"),
        interest: crate::Interest::Everything,
    }
}

/// A subscription with so many events before it.
pub(in super::super) fn with_events(count: u64) -> (State, SubscriptionId) {
    let segments: [SegmentInfo; 0] = [];
    let counts = Counts::new(&segments, &[], Floor::default(), 0);
    let mut state = State::new(counts, 0, 1, 64 << 20);
    let begun = state
        .subscribe(&spec("a", 1), None, NOW)
        .expect("the name is free");
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
    let error = StoreError("the disk is full".into());
    state.round_failed(round, &HashSet::new(), &error);
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
        drop(
            state
                .subscribe(&spec(name, key), None, NOW)
                .expect("the name is free"),
        );
        let statuses = state.statuses(&|_| None);
        let status = statuses.iter().find(|it| &*it.name == name);
        status.expect("it was just made").unread
    };
    assert_eq!([begin("first", 1), begin("second", 2)], [100, 0]);
}

/// What came of a seek.
#[derive(Debug, PartialEq, Eq)]
struct Sought {
    answer: Result<(), SeekError>,
    /// Where it stands for whoever opens the disk after a crash.
    reads_on_from: u64,
    /// A sync has failed: nobody knows what is stored until the disk is opened anew.
    is_unsure: bool,
}

/// Two subscriptions past the same events are sought to the first of them in one round, which is
/// written one by one on a disk where a call fails. Says how many calls that took, and what came of it.
fn sought_by_two(nth: Option<u64>, effect: Effect) -> (u64, [Sought; 2]) {
    let disk = SimulatedDisk::new(7);
    let open = || {
        let options = ProgressOptions {
            part_bytes: 1,
            ..ProgressOptions::default()
        };
        Progress::open(Arc::new(disk.clone()), Path::new("/progress"), options)
    };
    let (mut progress, _) = open().expect("nothing fails");
    let (mut state, a) = with_events(10);
    let b = state.subscribe(&spec("b", 2), None, NOW);
    let b = b.expect("the name is free").id;
    assert_eq!(settle_all(&mut state, a), 10);
    state.must_save(a);
    let round = state.take_round(true);
    let written = progress.write(round.floor, round.changes.clone(), 7);
    written.expect("nothing fails");
    state.round_saved(round);

    let answers = ["a", "b"].map(|it| state.begin_seek(it, 0).expect("it is known"));
    let round = state.take_round(false);
    let before = disk.calls();
    if let Some(nth) = nth {
        disk.fail(None, nth, effect);
    }
    let mut is_unsure = false;
    match progress.write(round.floor, round.changes.clone(), 7) {
        Ok(()) => state.round_saved(round),
        Err(error) => {
            is_unsure = matches!(error, LogError::Poisoned(_));
            let stored = round.stored(|it| progress.holds(it));
            state.round_failed(round, &stored, &StoreError(error.to_string()));
        }
    }
    let calls = disk.calls() - before;
    disk.fail_no_more();
    drop(progress);
    disk.crash();
    let (_, recovered) = open().expect("nothing fails");
    let mut answers = answers.into_iter();
    let sought = [a, b].map(|id| {
        let number = state.subscribed(id).expect("it is there").number;
        let mut standings = recovered.standings.iter();
        let standing = standings.find(|it| it.number == number);
        let answer = answers.next().expect("each was asked for");
        Sought {
            answer: { answer }.try_recv().expect("it was answered"),
            reads_on_from: standing.expect("it was stored").reads_on_from,
            is_unsure,
        }
    });
    (calls, sought)
}

#[test]
fn a_command_that_is_answered_as_failed_is_not_stored_with_a_part_of_its_round() {
    let (calls, calm) = sought_by_two(None, Effect::NoSpace);
    let is_done = |it: &Sought| it.answer.is_ok() && it.reads_on_from == 0;
    assert!(calm.iter().all(is_done), "{calm:?}");
    let mut in_part = 0;
    for nth in 1..=calls {
        for effect in [Effect::NoSpace, Effect::Broken] {
            let (_, answered) = sought_by_two(Some(nth), effect);
            for sought in &answered {
                let (is_ok, is_stored) = (sought.answer.is_ok(), sought.reads_on_from == 0);
                assert!(
                    is_ok == is_stored || !is_ok && sought.is_unsure,
                    "{effect:?} at call {nth}: {sought:?}"
                );
            }
            let [first, second] = &answered;
            let is_in_part = first.answer.is_ok() != second.answer.is_ok();
            in_part += u32::from(is_in_part && !first.is_unsure);
        }
    }
    assert!(in_part > 0, "none was stored in part");
}
