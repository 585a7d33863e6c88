//! Random operations, with appends, sweeps, fetches, keeping and crashes in between each other: no
//! event lost or invented, none handed out twice but for what a crash may repeat, and every account
//! right after each step. A failure names its seed, which replays it.

mod commanding;
mod draining;
mod ending;
mod keeping;
mod operating;
mod restarting;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tokio::sync::oneshot;

use self::commanding::Commanded;
use self::keeping::Stage;
use super::super::{Fetch, Fetched, SweepPlan, Swept};
use super::world::World;
use crate::disk::appender::Answers;
use crate::reading::{LeaseId, SubscriptionId};
use crate::{LeasePurpose, StoreError, Timestamp};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

const STEPS: usize = if cfg!(debug_assertions) {
    3_000
} else {
    30_000
};

#[test]
fn whatever_happens_in_whatever_order_every_event_is_handed_out() {
    let mut totals = Totals::default();
    for seed in 0..8 {
        let mut run = Run::new(seed);
        for step in 0..STEPS {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.step()));
            assert!(result.is_ok(), "seed {seed}, step {step}");
        }
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.drain()));
        assert!(result.is_ok(), "seed {seed}, at the end");
        totals += run.totals;
    }
    totals.assert_it_was_worth_it();
}

/// Where an event of a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// To be handed out, from then on.
    Pending(Timestamp),
    Leased(LeaseId),
    Parked,
    ParkedLeased(LeaseId),
}

#[derive(Debug, Default)]
struct Reader {
    /// While it is open.
    id: Option<SubscriptionId>,
    known: Option<SubscriptionId>,
    /// Until that it exists is stored nobody has it.
    beginning: Option<oneshot::Receiver<Result<(), StoreError>>>,
    items: BTreeMap<u64, At>,
    delivered: u64,
    /// Ended, but not in what is stored of it.
    unsaved: BTreeSet<u64>,
    in_round: BTreeSet<u64>,
    /// Ended, but not below the offset that a restart reads on from: it had gone back.
    ahead: BTreeSet<u64>,
    /// Those of them that it has come by: it does once more where it lets go of what lies before.
    passed: BTreeSet<u64>,
    /// What takes effect once it is stored; until it is answered nobody knows what a crash leaves.
    commands: Vec<Commanded>,
    /// Something of it could not be stored, and is tried again.
    is_unsaved: bool,
}

/// What was begun with one event and is not answered.
#[derive(Debug)]
struct Begun {
    name: &'static str,
    id: SubscriptionId,
    offset: u64,
    what: What,
    answer: oneshot::Receiver<Result<bool, StoreError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Move(LeaseId, Timestamp),
    Park(LeaseId),
    Redrive,
    Discard,
}

struct Run {
    rng: fastrand::Rng,
    world: World,
    readers: BTreeMap<&'static str, Reader>,
    leases: Vec<(&'static str, LeaseId)>,
    begun: Vec<Begun>,
    appending: Option<(Range<u64>, Answers, u64)>,
    sweeping: Option<(SweepPlan, Vec<Swept>, u64)>,
    fetching: Vec<(Fetch, Option<Fetched>)>,
    stage: Stage,
    /// Deletions that are not stored.
    deleting: Vec<(&'static str, oneshot::Receiver<Result<(), StoreError>>)>,
    totals: Totals,
}

impl Run {
    fn new(seed: u64) -> Self {
        let buffer_bytes = match seed % 3 {
            0 => 1_500,
            1 => 6_000,
            _ => 1 << 20,
        };
        Run {
            rng: fastrand::Rng::with_seed(seed),
            world: World::new(seed, buffer_bytes),
            readers: BTreeMap::new(),
            leases: Vec::new(),
            begun: Vec::new(),
            appending: None,
            sweeping: None,
            fetching: Vec::new(),
            stage: Stage::Idle,
            deleting: Vec::new(),
            totals: Totals::default(),
        }
    }

    fn step(&mut self) {
        self.world.now = self.world.now + std::time::Duration::from_millis(1);
        let name = NAMES[self.rng.usize(..NAMES.len())];
        match self.rng.u32(..1_000) {
            0..150 => self.append(),
            150..250 => self.sweep(),
            250..330 => self.fetch(),
            330..480 => self.keeper_step(),
            480..660 => self.next(name),
            660..870 => self.end_a_lease(),
            870..890 => self.world.now = self.world.now + self.a_while(),
            890..925 => self.open_or_close(name),
            925..935 => self.pause(name),
            935..960 => self.redrive_or_discard(name),
            960..972 => self.replay(name),
            972..980 => self.seek(name),
            980..985 => self.world.remove_a_segment(),
            985..990 => self.delete(name),
            _ => self.crash(),
        }
        self.world.state.audit();
        drop(self.world.state.take_woken());
        self.resolve();
        self.come_by_again();
        self.compare();
    }

    fn a_while(&mut self) -> std::time::Duration {
        std::time::Duration::from_millis(self.rng.u64(..20_000))
    }

    // ---- events come ----

    /// Stores events, and some time later gives them to the state.
    fn append(&mut self) {
        if let Some((offsets, answers, keys_epoch)) = self.appending.take() {
            self.world.accept(offsets.clone(), &answers, keys_epoch);
            self.accepted(offsets);
            return;
        }
        let wanted: Vec<_> = NAMES.into_iter().filter(|_| self.rng.bool()).collect();
        let answers = self.world.answers_for(&wanted);
        let keys_epoch = self.world.state.keys_epoch();
        let (count, bytes) = (self.rng.u64(1..5), self.rng.usize(..300));
        let offsets = self.world.store(count, &wanted, bytes);
        self.appending = Some((offsets, answers, keys_epoch));
    }

    fn accepted(&mut self, offsets: Range<u64>) {
        for offset in offsets {
            for name in &self.world.log[&offset].wanted {
                if let Some(reader) = self.readers.get_mut(name) {
                    reader.items.insert(offset, At::Pending(Timestamp(0)));
                }
            }
        }
    }

    // ---- what is read ----

    fn sweep(&mut self) {
        if let Some((plan, swept, until)) = self.sweeping.take() {
            self.world.state.swept(plan, swept, until);
        } else if let Some(plan) = self.world.state.plan_sweep() {
            let (swept, until) = self.world.read(plan, self.rng.usize(1..30));
            self.sweeping = Some((plan, swept, until));
        }
    }

    fn fetch(&mut self) {
        if self.fetching.is_empty() || self.rng.bool() {
            let taken = self.world.state.take_fetches(self.rng.usize(1..4));
            for fetch in taken {
                let fetched = self.world.look_up(&fetch);
                self.fetching.push((fetch, fetched));
            }
        } else {
            let at = self.rng.usize(..self.fetching.len());
            let (fetch, fetched) = self.fetching.swap_remove(at);
            if self.rng.u32(..10) == 0 {
                self.world.state.fetch_again(fetch);
            } else {
                self.world.state.fetched(fetch, fetched);
            }
        }
    }

    fn next(&mut self, name: &'static str) {
        let reader = self.readers.get(name).filter(|it| it.beginning.is_none());
        let Some(id) = reader.and_then(|it| it.id) else {
            return;
        };
        let items_max = self.rng.usize(1..6);
        let now = self.world.now;
        for out in self.world.next(id, items_max) {
            let (offset, lease) = (out.id.offset, out.id);
            assert_eq!(out.event.id(), offset.to_string(), "it is another event");
            assert_eq!(out.accepted_at, self.accepted_at(offset, out.accepted_at));
            let reader = self.readers.get_mut(name).expect("it is open");
            let item = reader.items.get_mut(&offset);
            let item = item.unwrap_or_else(|| panic!("{name} has ended {offset}"));
            let found = *item;
            *item = match (&out.purpose, found) {
                (LeasePurpose::Deliver, At::Pending(due)) => {
                    assert!(due <= now, "{name} has {offset} early: {due:?}, {now:?}");
                    At::Leased(lease)
                }
                (LeasePurpose::DeadLetter(_), At::Parked) => At::ParkedLeased(lease),
                (purpose, found) => panic!("{name} has {offset} for {purpose:?}: {found:?}"),
            };
            self.leases.push((name, lease));
            self.totals.handed_out += 1;
        }
    }

    /// What was removed from the log nobody remembers.
    fn accepted_at(&self, offset: u64, otherwise: Timestamp) -> Timestamp {
        let logged = self.world.log.get(&offset);
        logged.map_or(otherwise, |it| it.accepted_at)
    }

    /// Compares what the state says of itself with the model.
    fn compare(&self) {
        for status in self.world.state.statuses(&|_| None) {
            let reader = &self.readers[&*status.name];
            let name = &status.name;
            assert_eq!(status.books.delivered, reader.delivered, "{name}");
            let parked = |at: &&At| matches!(at, At::Parked | At::ParkedLeased(_));
            let (parked, pending): (Vec<&At>, Vec<&At>) = reader.items.values().partition(parked);
            assert_eq!(status.books.parked, parked.len() as u64, "{name}");
            // Nobody knows yet what of the unread it does not want.
            let (most, read) = (status.books.pending, status.books.pending - status.unread);
            let pending = pending.len() as u64;
            assert!(
                read <= pending && pending <= most,
                "{name}: {read} to {most}, not {pending}"
            );
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    handed_out: u64,
    crashes: u64,
    /// What was to be handed out once more after a crash.
    repeated: u64,
    replayed: u64,
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Totals) {
        self.handed_out += other.handed_out;
        self.crashes += other.crashes;
        self.repeated += other.repeated;
        self.replayed += other.replayed;
    }
}

impl Totals {
    /// A run in which nothing happened has shown nothing.
    fn assert_it_was_worth_it(&self) {
        let steps = STEPS as u64;
        assert!(self.handed_out > steps / 2, "{self:?}");
        assert!(self.crashes > steps / 20, "{self:?}");
        assert!(self.repeated > steps / 100, "{self:?}");
        assert!(self.replayed > steps / 100, "{self:?}");
    }
}
