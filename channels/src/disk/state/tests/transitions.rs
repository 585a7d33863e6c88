//! Single transitions, where the order or the account matters.

use std::time::Duration;

use tokio::sync::oneshot;

use super::super::{Ending, ToKeep};
use super::world::World;
use crate::reading::{HandedOut, SubscriptionId, position};
use crate::{Books, Settled, Start, Timestamp};

const BOUNDLESS: u64 = 1 << 30;

impl World {
    /// All that the keeper has to do.
    fn keep(&mut self) {
        let now_ms = self.now.0 as i64;
        let taken = self.state.take_to_keep();
        let (ends, puts): (Vec<_>, Vec<_>) = taken.into_iter().partition(ToKeep::ends);
        let mut round = None;
        for batch in [puts, ends] {
            let batch = self.state.still_to_keep(batch);
            let ops: Vec<_> = batch.iter().map(|it| it.op.clone()).collect();
            self.stores.kept.apply(&ops, now_ms).expect("there is room");
            for kept in batch {
                self.state.kept(kept, &Ok(()), self.now);
            }
            if round.is_none() {
                let taken = self.state.take_round(false);
                self.stores
                    .kept
                    .apply(&taken.ends, now_ms)
                    .expect("there is room");
                let (floor, changes) = (taken.floor, taken.changes.clone());
                let written = self.stores.progress.write(floor, changes, now_ms);
                written.expect("there is room");
                self.state.round_saved(taken);
                round = Some(());
            }
        }
        self.state.audit();
    }

    fn begin(&mut self, name: &'static str) -> SubscriptionId {
        let (id, _) = self.subscribe(name, Start::Latest).expect("it is not open");
        self.keep();
        id
    }

    fn books(&self, name: &str) -> Books {
        let statuses = self.state.statuses(&|_| None);
        let found = statuses.into_iter().find(|it| &*it.name == name);
        found.expect("it is known").books
    }

    fn settle(&mut self, handed_out: Vec<HandedOut>) {
        for out in handed_out {
            self.state.end(out.id, Ending::Settled(Settled::Delivered));
        }
    }

    fn park(&mut self, out: &HandedOut) {
        let (answer, _) = oneshot::channel();
        let reason = crate::ParkReason::unreadable("exhausted");
        let now = self.now;
        self.state.begin_park(out.id, reason, 1, None, now, answer);
        self.keep();
    }
}

fn offsets(handed_out: &[HandedOut]) -> Vec<u64> {
    handed_out.iter().map(|it| it.id.offset).collect()
}

/// What nobody hands out is read once, however little room there is for it.
#[test]
fn who_was_let_down_by_a_full_buffer_is_read_for_again_only_once_it_hands_something_out() {
    let mut world = World::new(1, 2_000);
    let id = world.begin("a");
    world.append(20, &["a"]);
    world.append(20, &["b"]);
    let mut seen = Vec::new();
    while seen.len() < 20 {
        let mut sweeps = 0;
        while world.sweep() {
            sweeps += 1;
            assert!(sweeps < 5, "it reads the same again and again");
        }
        let handed_out = world.next(id, 1);
        seen.extend(offsets(&handed_out));
        world.settle(handed_out);
    }
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
}

#[test]
fn an_event_that_is_larger_than_the_buffer_is_handed_out_and_again_after_a_wait() {
    let mut world = World::new(1, 100);
    let id = world.begin("a");
    world.append(3, &["a"]);
    for offset in 0..3 {
        world.sweep();
        let out = world.next(id, 1);
        assert_eq!(offsets(&out), [offset]);
        let until = world.now + Duration::from_secs(1);
        world
            .state
            .end(out[0].id, Ending::Deferred { until, sends: 1 });
    }
    world.now = world.now + Duration::from_secs(2);
    for _ in 0..3 {
        let mut out = world.next(id, 9);
        if out.is_empty() {
            assert!(world.fetch(), "nobody reads what is due");
            out = world.next(id, 9);
        }
        assert_eq!(out.len(), 1);
        world.settle(out);
    }
    assert_eq!(world.books("a").delivered, 3);
}

#[test]
fn who_is_moved_to_the_tail_before_it_is_opened_is_given_what_comes() {
    let mut world = World::new(1, BOUNDLESS);
    world.begin("a");
    world.append(2, &["a"]);
    world.crash(7);
    let tail = world.state.tail();
    world.state.seek_at_once("a", tail);
    world.append(2, &["a"]);
    let id = world.begin("a");
    assert!(world.next(id, 9).is_empty());
    world.sweep();
    assert_eq!(offsets(&world.next(id, 9)), [9, 10]);
    assert_eq!(world.books("a").discarded, 2);
}

/// It has gone back and come by the event while that was out, and is given it once more.
#[test]
fn who_lets_go_of_what_lies_before_an_event_that_is_done_with_comes_by_it_again() {
    let mut world = World::new(1, BOUNDLESS);
    let id = world.begin("a");
    world.append(4, &["a"]);
    let mut out = world.next(id, 9);
    let last = out.split_off(3);
    world.settle(out);
    world.state.seek_at_once("a", 0);
    assert!(world.next(id, 9).is_empty());
    while world.sweep() {}
    world.settle(last);
    assert_eq!(world.books("a").pending, 3);

    world.state.set_buffer_bytes(100);
    world.state.make_room();
    world.state.audit();
    world.state.set_buffer_bytes(BOUNDLESS);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let out = world.next(id, 9);
        seen.extend(offsets(&out));
        world.settle(out);
        while world.sweep() {}
    }
    assert_eq!(seen, [0, 1, 2, 3]);
    let books = world.books("a");
    assert_eq!((books.delivered, books.replayed, books.filtered), (8, 4, 0));
}

/// It lies above the offset that a restart reads on from, and would be passed over there.
#[test]
fn a_replayed_event_that_it_does_not_want_survives_though_others_wait_before_it() {
    let mut world = World::new(1, BOUNDLESS);
    let id = world.begin("a");
    world.append(1, &["a"]);
    world.append(1, &["b"]);
    world.state.replay_at_once("a", &[position(1)], world.now);
    world.keep();
    world.crash(0);
    let id = world.subscribe("a", Start::Latest).map_or(id, |(id, _)| id);
    assert!(world.next(id, 9).is_empty());
    while world.sweep() || world.fetch() {}
    let mut handed_out = offsets(&world.next(id, 9));
    handed_out.sort_unstable();
    assert_eq!(handed_out, [0, 1]);
    assert_eq!(
        (world.books("a").replayed, world.books("a").pending),
        (1, 2)
    );
}

/// What ends an entry must not end the one that has taken its place since.
#[test]
fn what_was_kept_again_is_not_ended_with_what_was_kept_before() {
    let mut world = World::new(1, BOUNDLESS);
    let id = world.begin("a");
    world.append(1, &["a"]);
    let out = world.next(id, 1);
    let (answer, _) = oneshot::channel();
    let until = world.now + Duration::from_secs(60);
    world.state.begin_move(out[0].id, until, 1, answer);
    world.keep();
    world.now = until;
    while world.next(id, 1).is_empty() && world.fetch() {}
    let leased = world
        .state
        .subscriptions
        .iter()
        .map(|(_, it)| it.queues.leased.len());
    assert_eq!(leased.sum::<usize>(), 1);
    // Settled, replayed and parked before the keeper comes around.
    let lease = world.state.next_lease(id, 0);
    world.state.end(lease, Ending::Settled(Settled::Delivered));
    world.state.replay_at_once("a", &[position(0)], world.now);
    assert!(world.next(id, 1).is_empty());
    world.fetch();
    let out = world.next(id, 1);
    world.park(&out[0]);
    world.keep();
    world.crash(0);
    assert_eq!(
        (world.books("a").parked, world.books("a").delivered),
        (1, 1)
    );
    assert!(world.books("a").balance());
}

#[test]
fn the_oldest_of_what_is_pending_tells_its_age_also_where_it_was_not_read() {
    let mut world = World::new(1, BOUNDLESS);
    world.begin("a");
    let age = |world: &World| {
        let about = |offset: u64| Some(Timestamp(offset + 5));
        world.state.statuses(&about)[0].oldest_pending_accepted_at
    };
    assert_eq!(age(&world), None);
    world.append(3, &["a"]);
    assert_eq!(age(&world), Some(world.now));
    world.crash(0);
    assert_eq!(age(&world), Some(Timestamp(5)));
}

impl super::State {
    /// The lease that is out for an event.
    fn next_lease(&self, id: SubscriptionId, offset: u64) -> crate::reading::LeaseId {
        let subscribed = self.subscriptions.get(id.place).expect("it is known");
        let token = subscribed.queues.leased[&offset].token;
        crate::reading::LeaseId {
            subscription: id,
            offset,
            token,
        }
    }
}
