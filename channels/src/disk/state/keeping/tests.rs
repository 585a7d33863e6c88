//! What happens while something waits to be kept.

use std::sync::Arc;
use std::task::Waker;

use sluicegate_event::Event;
use tokio::sync::oneshot;

use super::super::super::kept::KeptOp;
use super::super::fetching::Fetched;
use super::super::saving::tests::with_events;
use super::super::{Ending, State};
use super::ToKeep;
use crate::reading::{LeaseId, Next, PARTITION, SubscriptionId};
use crate::{
    Exhausted, LostEvents, NextLimit, ParkReason, Position, Settled, StoreError, Timestamp,
};

const NOW: Timestamp = Timestamp(1_000);

type Asked = oneshot::Receiver<Result<bool, StoreError>>;

fn ask(begin: impl FnOnce(oneshot::Sender<Result<bool, StoreError>>)) -> Asked {
    let (answer, asked) = oneshot::channel();
    begin(answer);
    asked
}

/// The next event, read from wherever it is.
fn lease(state: &mut State, id: SubscriptionId) -> Option<LeaseId> {
    let limit = NextLimit {
        items_max: 1.try_into().expect("it is more than none"),
        bytes_max: usize::MAX,
        dead_letters_max: 1,
    };
    for _ in 0..2 {
        match state.next(id, limit, Waker::noop(), NOW) {
            Next::HandedOut(mut leases) => return leases.pop().map(|it| it.id),
            Next::Wait(_) => {}
            Next::Over => panic!("the channel is open"),
        }
        for fetch in state.take_fetches(1) {
            let event = Event::builder("1", "/suite", "a").build();
            let fetched = Fetched {
                event: Arc::new(event.expect("it is valid")),
                accepted_at: None,
                reason: None,
            };
            state.fetched(fetch, Some(fetched));
        }
    }
    None
}

fn park(state: &mut State, lease: LeaseId) -> Asked {
    let reason = ParkReason::unreadable("refused");
    ask(|answer| state.begin_park(lease, reason, 1, None, NOW, answer))
}

/// What the keeper does with what waits: what is written.
fn keep(state: &mut State, to_keep: Vec<ToKeep>) -> Vec<KeptOp> {
    let to_keep = state.still_to_keep(to_keep);
    let ops = to_keep.iter().map(|it| it.op.clone()).collect();
    for it in to_keep {
        state.kept(it, &Ok(()), NOW);
    }
    ops
}

fn keep_all(state: &mut State) -> Vec<KeptOp> {
    let (ends, puts): (Vec<_>, Vec<_>) = state.take_to_keep().into_iter().partition(ToKeep::ends);
    let mut ops = keep(state, puts);
    ops.extend(keep(state, ends));
    ops
}

/// A subscription with one event, which is parked.
fn with_a_dead_letter() -> (State, SubscriptionId) {
    let (mut state, id) = with_events(1);
    let leased = lease(&mut state, id).expect("there is an event");
    let mut parked = park(&mut state, leased);
    assert!(matches!(keep_all(&mut state)[..], [KeptOp::Put { .. }]));
    assert_eq!(parked.try_recv(), Ok(Ok(true)));
    (state, id)
}

fn redrive(state: &mut State) -> Asked {
    ask(|answer| state.begin_redrive("a", 0, NOW, answer))
}

fn discard(state: &mut State) -> Asked {
    ask(|answer| state.begin_discard("a", 0, crate::BY_THE_OPERATOR, answer))
}

#[test]
fn what_is_redriven_is_not_discarded_at_the_same_time() {
    let check = |begin: fn(&mut State) -> (Asked, Asked)| {
        let (mut state, id) = with_a_dead_letter();
        let (mut redriven, mut discarded) = begin(&mut state);
        let ops = keep_all(&mut state);
        assert!(matches!(ops[..], [] | [KeptOp::Put { .. }]), "{ops:?}");
        assert_eq!(redriven.try_recv(), Ok(Ok(true)));
        assert_eq!(discarded.try_recv(), Ok(Ok(false)));
        assert!(lease(&mut state, id).is_some(), "it comes up again");
    };
    check(|state| (redrive(state), discard(state)));
    check(|state| {
        let discarded = discard(state);
        (redrive(state), discarded)
    });
    // One is being written already when the other is asked for.
    check(|state| {
        let redriven = redrive(state);
        let to_keep = state.take_to_keep();
        let discarded = discard(state);
        keep(state, to_keep);
        (redriven, discarded)
    });
}

#[test]
fn what_is_discarded_is_not_redriven_at_the_same_time() {
    let (mut state, id) = with_a_dead_letter();
    let mut discarded = discard(&mut state);
    let to_keep = state.take_to_keep();
    let mut redriven = redrive(&mut state);
    assert!(matches!(keep(&mut state, to_keep)[..], [KeptOp::End(_)]));
    assert!(keep_all(&mut state).is_empty());
    assert_eq!(discarded.try_recv(), Ok(Ok(true)));
    assert_eq!(redriven.try_recv(), Ok(Ok(false)));
    assert!(lease(&mut state, id).is_none());
}

/// Its entry is gone from the disk before the state is told.
#[test]
fn what_is_being_discarded_is_not_taken_for_lost() {
    let check = |result: Result<(), StoreError>| {
        let (mut state, id) = with_a_dead_letter();
        state.set_exhausted("a", Exhausted::HandOver, NOW);
        let limit = NextLimit {
            items_max: 1.try_into().expect("it is more than none"),
            bytes_max: usize::MAX,
            dead_letters_max: 1,
        };
        let next = state.next(id, limit, Waker::noop(), NOW);
        assert!(matches!(next, Next::Wait(_)), "it is fetched first");
        let fetch = state.take_fetches(1).pop().expect("its sink asks for it");

        let mut discarded = discard(&mut state);
        let to_keep = state.take_to_keep();
        let to_keep = state.still_to_keep(to_keep);
        state.fetched(fetch, None);
        state.lose_letter("a", 0);
        assert_eq!(state.lost_events(), LostEvents::default());
        assert_eq!(state.take_fetches(1), [], "no hot loop");
        for it in to_keep {
            state.kept(it, &result, NOW);
        }
        assert_eq!(discarded.try_recv(), Ok(result.clone().map(|()| true)));
        let books = state.statuses(&|_| None)[0].books;
        let (gone, left) = if result.is_ok() { (1, 0) } else { (0, 1) };
        assert_eq!(
            (books.discarded, books.parked, books.expired),
            (gone, left, 0)
        );
        assert_eq!(lease(&mut state, id).is_some(), result.is_err());
        // Nothing is left that would hide a loss.
        state.lose_letter("a", 0);
        assert_eq!(state.lost_events(), LostEvents::exactly(left));
    };
    check(Ok(()));
    check(Err(StoreError("the disk is full".into())));
}

#[test]
fn a_lease_that_ended_without_effect_keeps_nothing() {
    let (mut state, id) = with_events(1);
    let leased = lease(&mut state, id).expect("there is an event");
    let mut parked = park(&mut state, leased);
    state.end(leased, Ending::Settled(Settled::Delivered));
    assert!(keep_all(&mut state).is_empty());
    assert_eq!(parked.try_recv(), Ok(Ok(true)));
}

#[test]
fn an_end_that_waits_does_not_take_what_was_kept_anew() {
    let check = |is_kept_anew: bool| {
        let (mut state, id) = with_a_dead_letter();
        let mut redriven = redrive(&mut state);
        keep_all(&mut state);
        assert_eq!(redriven.try_recv(), Ok(Ok(true)));
        let leased = lease(&mut state, id).expect("it comes up again");
        state.end(leased, Ending::Settled(Settled::Delivered));

        // Its end waits to be stored, and an operator asks for it once more.
        let position = Position {
            partition: PARTITION,
            offset: 0,
        };
        assert_eq!(state.replay_at_once("a", &[position], NOW).given, 1);
        let leased = lease(&mut state, id).expect("it is given once more");
        if is_kept_anew {
            park(&mut state, leased);
            assert!(matches!(keep_all(&mut state)[..], [KeptOp::Put { .. }]));
        }
        let ends = state.take_round(false).ends;
        assert_eq!(ends.is_empty(), is_kept_anew, "{ends:?}");
    };
    check(false);
    check(true);
}

#[test]
fn what_could_not_be_kept_waits_as_long_as_it_was_to_and_remembers_its_sends() {
    let full = || Err(StoreError("the disk is full".into()));
    let later = Timestamp(600_000);
    let (mut state, id) = with_events(2);

    let moved = lease(&mut state, id).expect("it is fresh");
    let _asked = ask(|answer| state.begin_move(moved, later, 3, answer));
    let parked = lease(&mut state, id).expect("it is fresh");
    let _asked = park(&mut state, parked);
    for to_keep in state.take_to_keep() {
        state.kept(to_keep, &full(), NOW);
    }
    let status = &state.statuses(&|_| None)[0];
    assert_eq!((status.deferred, status.books.pending), (2, 2));
    assert!(status.next_due_at > Some(NOW), "no hot loop");

    let limit = NextLimit {
        items_max: 2.try_into().expect("it is more than none"),
        bytes_max: usize::MAX,
        dead_letters_max: 1,
    };
    let Next::HandedOut(leases) = state.next(id, limit, Waker::noop(), later) else {
        panic!("both are due");
    };
    let sends: Vec<_> = leases.iter().map(|it| (it.id.offset, it.sends)).collect();
    assert_eq!(sends, [(1, 1), (0, 3)]);
}
