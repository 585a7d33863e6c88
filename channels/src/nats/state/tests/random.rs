//! Random operations of two processes on one server: no event lost, invented, or handed out while
//! another has it, and all accounts right once it is quiet. A failure names its seed, which replays it.
//!
//! A *calm* run has steps that fail, answers that are lost, pauses and operators; each event must end
//! exactly once. A *rough* one has crashes, words to the server that are lost, and processes that stand
//! still, too; then no event may be lost.

mod checking;
mod operating;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::super::Ending;
use super::process::{Fate, Process};
use super::server::{NAMES, Server, is_wanted};
use crate::reading::LeaseId;
use crate::{ParkReason, Settled, Timestamp};

const STEPS: usize = if cfg!(debug_assertions) {
    3_000
} else {
    20_000
};

const PROCESSES: usize = 2;

#[test]
fn each_event_ends_once_while_nobody_dies() {
    run_all(false);
}

#[test]
fn no_event_is_lost_whoever_dies() {
    run_all(true);
}

fn run_all(is_rough: bool) {
    for seed in 0..8 {
        let mut run = Run::new(seed, is_rough);
        for step in 0..STEPS {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                run.step();
                for process in &run.processes {
                    process.state.audit();
                }
            }));
            assert!(result.is_ok(), "seed {seed}, step {step}");
        }
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run.drain();
            run.assert_all_is_accounted_for();
            run.assert_it_was_worth_it();
        }));
        assert!(result.is_ok(), "seed {seed}, in the end");
    }
}

struct Run {
    rng: fastrand::Rng,
    server: Server,
    processes: Vec<Process>,
    is_rough: bool,
    /// Also once nothing fails any more.
    was_rough: bool,
    /// The sends of each event and its subscription by the last word of it, and from when on it may
    /// be handed out.
    said: BTreeMap<(u64, u64), (u32, Timestamp)>,
    /// What somebody settled or an operator discarded.
    ended: BTreeSet<(u64, u64)>,
    replayed: BTreeMap<u64, u64>,
    handed_out: u64,
    kept: u64,
}

impl Run {
    fn new(seed: u64, is_rough: bool) -> Self {
        let server = Server::new();
        Run {
            rng: fastrand::Rng::with_seed(seed),
            processes: (0..PROCESSES).map(|_| Process::start(&server)).collect(),
            server,
            is_rough,
            was_rough: is_rough,
            said: BTreeMap::new(),
            ended: BTreeSet::new(),
            replayed: BTreeMap::new(),
            handed_out: 0,
            kept: 0,
        }
    }

    fn step(&mut self) {
        let process = self.rng.usize(..PROCESSES);
        let (number, _) = NAMES[self.rng.usize(..NAMES.len())];
        match self.rng.u32(..1_000) {
            0..160 => self.processes[process].append(&mut self.server),
            160..220 => self.processes[process].hear(),
            220..400 => self.next(process, number),
            400..560 => self.bring(process),
            560..740 => self.end_a_lease(process),
            740..840 => self.store_a_step(process),
            840..880 => self.processes[process].watch(&self.server),
            880..950 => self.wait(),
            950..960 => self.pause(number),
            960..975 => self.redrive_or_discard(process, number),
            975..985 => self.replay(number),
            985..992 => self.tell_figures(),
            992..996 if self.is_rough => self.crash(process),
            996..998 if self.is_rough => self.stand_still(),
            _ => {}
        }
        self.work(process);
    }

    fn work(&mut self, process: usize) {
        let rng = &mut self.rng;
        let is_rough = self.is_rough;
        self.processes[process].work(&mut self.server, || is_rough && rng.u32(..30) == 0);
    }

    fn next(&mut self, process: usize, number: u64) {
        let items = self.rng.usize(1..5);
        let now = self.server.now;
        for out in self.processes[process].next(number, items, now) {
            let position = out.id.offset;
            assert!(is_wanted(number, position), "{number} does not want that");
            assert!(!self.server.paused[&number]);
            self.handed_out += 1;
            if self.is_rough {
                continue;
            }
            let leased = self.processes.iter().flat_map(|it| &it.leases);
            let holders = leased.filter(|(of, it)| *of == number && it.offset == position);
            // An operator may have had it wait again while it was leased.
            assert!(holders.count() == 1 || self.kept > 0, "it is leased twice");
            if let Some((sends, not_before)) = self.said.get(&(number, position)) {
                assert_eq!(out.sends, *sends, "{number} {position}");
                assert!(*not_before <= now, "{number} {position} comes too early");
            }
        }
    }

    fn bring(&mut self, process: usize) {
        let pulls = self.processes[process].pulls.len();
        if pulls > 0 {
            let (index, items) = (self.rng.usize(..pulls), self.rng.usize(1..4));
            self.processes[process].bring(&mut self.server, index, items);
        }
    }

    fn end_a_lease(&mut self, process: usize) {
        let leases = &self.processes[process].leases;
        if leases.is_empty() {
            return;
        }
        let (number, lease) = leases[self.rng.usize(..leases.len())];
        let ending = self.ending();
        let now = self.server.now;
        let is_in_force = self.processes[process].state.is_in_force(lease);
        if is_in_force {
            self.say(number, lease, &ending);
        }
        self.processes[process].end(lease, ending, now);
    }

    fn ending(&mut self) -> Ending {
        let now = self.server.now;
        let sends = self.rng.u32(1..9);
        let short = now + Duration::from_millis(self.rng.u64(..30_000));
        let long = now + Duration::from_secs(self.rng.u64(31..90));
        let parked = |retry_at| Ending::Parked {
            reason: reason(),
            sends,
            retry_at,
        };
        match self.rng.u32(..14) {
            0..5 => Ending::Settled(Settled::Delivered),
            5 => Ending::Settled(Settled::Discarded),
            6..8 => Ending::Deferred {
                until: short,
                sends,
            },
            8..10 => Ending::Deferred { until: long, sends },
            10 => parked(None),
            11 => parked(Some(long)),
            12 => parked(Some(short)),
            _ => Ending::Dropped,
        }
    }

    /// What is known of the event once the lease has ended so.
    fn say(&mut self, number: u64, lease: LeaseId, ending: &Ending) {
        let key = (number, lease.offset);
        let said = match ending {
            Ending::Settled(_) => {
                self.ended.insert(key);
                return;
            }
            Ending::Dropped => return,
            Ending::Deferred { until, sends } => (*sends, *until),
            Ending::Parked {
                sends, retry_at, ..
            } => (*sends, retry_at.unwrap_or_default()),
        };
        self.said.insert(key, said);
    }

    fn store_a_step(&mut self, process: usize) {
        let steps = self.processes[process].steps.len();
        if steps == 0 {
            return;
        }
        let step = self.processes[process]
            .steps
            .swap_remove(self.rng.usize(..steps));
        let fate = match self.rng.u32(..10) {
            0 => Fate::Lost,
            1 => Fate::StoredUnheard,
            _ => Fate::Heard,
        };
        self.kept += 1;
        if fate != Fate::Heard && step.is_parking() {
            // Nobody sends it for a while, also where it was to come sooner.
            self.said.remove(&(step.number, step.position));
        }
        self.processes[process].step(&mut self.server, step, fate);
        self.processes[process].watch(&self.server);
    }

    /// Time goes by; everybody looks often enough not to lose what they hold.
    fn wait(&mut self) {
        self.server
            .wait(Duration::from_millis(self.rng.u64(..4_000)));
        for process in 0..PROCESSES {
            self.processes[process].watch(&self.server);
            self.processes[process].state.tick(self.server.now);
            self.work(process);
        }
    }
}

pub(super) fn reason() -> ParkReason {
    ParkReason {
        kind: "exhausted",
        detail: Arc::from("said by the model"),
        dest: None,
        code: None,
        data: bytes::Bytes::from_static(b"data"),
    }
}
