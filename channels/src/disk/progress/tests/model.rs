//! Random writes, faults, kills and power cuts against a plain map.
//!
//! `PROGRESS_SEED=n` replays one case, `PROGRESS_CASES=n` runs another number of them.

use std::collections::BTreeMap;

use super::super::ProgressError;
use super::super::{Change, Exception, Floor, Progress, Standing};
use super::support::{name, try_open};
use crate::disk::log::LogError;
use crate::disk::simulated::{Call, Effect, SimulatedDisk};

const CASES: u64 = 3_000;
const STEPS: usize = 60;

#[test]
fn random_writes_crashes_and_faults_do_as_the_model_does() {
    let (from, cases) = asked_for();
    let mut sum = Counts::default();
    for seed in from..from + cases {
        let case = Case::run(seed);
        case.unwrap_or_else(|fault| panic!("PROGRESS_SEED={seed}: {fault}"))
            .add_to(&mut sum);
    }
    println!("{cases} cases: {sum:?}");
    // A run that checked little proves little.
    let floors = [
        ("writes", sum.writes, cases * 20),
        ("crashes", sum.crashes, cases * 2),
        ("kills", sum.kills, cases / 2),
        ("poisonings", sum.poisonings, cases / 4),
        ("refusals for want of room", sum.refusals, cases / 4),
        ("removed generations", sum.removals, cases / 4),
        ("unknown writes that were there", sum.came_back, cases / 40),
        ("unknown writes that were not", sum.stayed_away, cases / 40),
    ];
    for (what, found, least) in floors {
        assert!(
            cases < CASES || found >= least,
            "only {found} {what} in {cases} cases"
        );
    }
}

fn asked_for() -> (u64, u64) {
    let number = |name| std::env::var(name).ok()?.parse().ok();
    match number("PROGRESS_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("PROGRESS_CASES").unwrap_or(CASES)),
    }
}

#[derive(Debug, Default)]
struct Counts {
    writes: u64,
    crashes: u64,
    kills: u64,
    poisonings: u64,
    refusals: u64,
    removals: u64,
    came_back: u64,
    stayed_away: u64,
}

impl Counts {
    fn add_to(&self, sum: &mut Counts) {
        sum.writes += self.writes;
        sum.crashes += self.crashes;
        sum.kills += self.kills;
        sum.poisonings += self.poisonings;
        sum.refusals += self.refusals;
        sum.removals += self.removals;
        sum.came_back += self.came_back;
        sum.stayed_away += self.stayed_away;
    }
}

/// What must be there.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    floor: Floor,
    standings: BTreeMap<u64, Standing>,
}

impl Model {
    fn write(&mut self, floor: Option<Floor>, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Put(it) => drop(self.standings.insert(it.number, it.clone())),
                Change::Delete(number) => drop(self.standings.remove(number)),
            }
        }
        if let Some(floor) = floor {
            self.floor = floor;
        }
        for standing in self.standings.values_mut().filter(|it| it.is_idle) {
            standing.reads_on_from = standing.reads_on_from.max(self.floor.offset);
        }
    }

    fn needs(&self, from: u64, to: u64) -> bool {
        let unfinished = |it: &Standing| {
            it.reads_on_from < to || it.exceptions.iter().any(|e| (from..to).contains(&e.offset))
        };
        self.floor.offset < to || self.standings.values().any(unfinished)
    }
}

struct Case {
    rng: fastrand::Rng,
    disk: SimulatedDisk,
    progress: Option<Progress>,
    model: Model,
    /// What there is instead if a write came through of which nobody knows.
    may_be: Option<Model>,
    /// Above every number that was surely written.
    given: u64,
    /// The highest offset there is.
    tail: u64,
    next_number: u64,
    counts: Counts,
}

impl Case {
    fn run(seed: u64) -> Result<Counts, String> {
        let mut case = Case {
            rng: fastrand::Rng::with_seed(seed),
            disk: SimulatedDisk::new(seed),
            progress: None,
            model: Model::default(),
            may_be: None,
            given: 0,
            tail: 0,
            next_number: 0,
            counts: Counts::default(),
        };
        case.open()?;
        for step in 0..STEPS {
            let done = case.step();
            done.map_err(|fault| format!("step {step}: {fault}"))?;
        }
        case.disk.fail_no_more();
        case.disk.crash();
        case.progress = None;
        case.open()?;
        Ok(case.counts)
    }

    fn step(&mut self) -> Result<(), String> {
        match self.rng.u32(..100) {
            0..70 => self.write()?,
            70..84 => self.plan_a_fault(),
            84..88 => {
                let bytes_max = self.rng.bool().then(|| self.rng.u64(..40_000));
                self.disk.limit(bytes_max);
            }
            88..91 => {
                let progress = self.progress.take();
                drop(progress.map(Progress::close));
                self.open()?;
            }
            91..94 => {
                self.counts.kills += 1;
                self.progress = None;
                self.open()?;
            }
            _ => {
                self.counts.crashes += 1;
                self.disk.crash();
                self.progress = None;
                self.open()?;
            }
        }
        self.compare()
    }

    fn plan_a_fault(&mut self) {
        let calls = [
            None,
            Some(Call::Write),
            Some(Call::Write),
            Some(Call::Sync),
            Some(Call::SyncDir),
            Some(Call::Allocate),
            Some(Call::Rename),
        ];
        let effects = [
            Effect::NoSpace,
            Effect::Broken,
            Effect::Interrupted,
            Effect::Short,
        ];
        let call = self.rng.choice(calls).flatten();
        let effect = self.rng.choice(effects).unwrap_or(Effect::Broken);
        let nth = self.rng.u64(1..10);
        self.disk.fail(call, nth, effect);
    }

    fn write(&mut self) -> Result<(), String> {
        let (floor, changes) = self.anything();
        let mut after = self.model.clone();
        after.write(floor, &changes);
        let numbers = changes.iter().map(|it| match it {
            Change::Put(standing) => standing.number,
            Change::Delete(number) => *number,
        });
        let highest = numbers.max().map_or(0, |it| it + 1);
        let progress = self.progress.as_mut().ok_or("it is not open")?;
        let was_poisoned = progress.poison().is_some();
        let first = progress.log.segments().first().map(|it| it.base);
        let written = progress.write(floor, changes, 0);
        let removed = progress.log.segments().first().map(|it| it.base) > first;
        self.counts.removals += u64::from(removed);
        match written {
            Ok(()) => {
                self.counts.writes += 1;
                self.model = after;
                self.given = self.given.max(highest);
            }
            Err(LogError::Poisoned(_)) if was_poisoned => {}
            Err(LogError::Poisoned(_)) => {
                self.counts.poisonings += 1;
                self.may_be = Some(after);
            }
            Err(LogError::NoSpace { .. } | LogError::Io { .. }) => self.counts.refusals += 1,
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }

    fn anything(&mut self) -> (Option<Floor>, Vec<Change>) {
        self.tail += self.rng.u64(..50);
        let (tail, at) = (self.tail, self.model.floor.offset);
        let floor = (self.rng.u32(..5) == 0).then(|| {
            let offset = self.rng.u64(at..=tail.max(at));
            let count = offset / 3;
            Floor { offset, count }
        });
        let count = self.rng.usize(usize::from(floor.is_none())..6);
        let changes = (0..count).map(|_| self.change()).collect();
        (floor, changes)
    }

    fn change(&mut self) -> Change {
        let known: Vec<u64> = self.model.standings.keys().copied().collect();
        let any = self.rng.choice(&known).copied();
        let number = match any {
            Some(number) if known.len() > 12 || self.rng.u32(..10) > 0 => number,
            _ => {
                self.next_number += 1;
                self.next_number - 1
            }
        };
        if self.rng.u32(..12) == 0 {
            return Change::Delete(number);
        }
        Change::Put(self.standing(number))
    }

    fn standing(&mut self, number: u64) -> Standing {
        let is_idle = self.rng.bool();
        let reads_on_from = self.rng.u64(..=self.tail);
        let mut offsets: Vec<u64> = (0..self.rng.usize(..20))
            .map(|_| self.rng.u64(..=self.tail))
            .filter(|it| !is_idle && *it < reads_on_from)
            .collect();
        offsets.sort_unstable();
        offsets.dedup();
        let exception = |offset| Exception {
            offset,
            sends: self.rng.u32(..4),
            redriven_at_ms: if self.rng.bool() {
                0
            } else {
                1_700_000_000_000
            },
        };
        let exceptions = offsets.into_iter().map(exception).collect();
        let mut standing = super::support::idle(number, reads_on_from);
        standing.name = name(number);
        standing.is_idle = is_idle;
        standing.exceptions = exceptions;
        standing.is_paused = self.rng.bool();
        standing.tally.delivered = self.rng.u64(..1_000);
        if self.rng.bool() {
            let reason = ("full".into(), self.rng.u64(..9));
            standing.tally.discarded_by.push(reason);
        }
        standing
    }

    /// What is in memory is what is durable.
    fn compare(&mut self) -> Result<(), String> {
        let progress = self.progress.as_ref().ok_or("it is not open")?;
        let model = &self.model;
        if progress.floor() != model.floor {
            return Err(format!("{:?} for {:?}", progress.floor(), model.floor));
        }
        for (number, expected) in &model.standings {
            let found = progress.standing(*number);
            let found = found.map(|it| Standing {
                reads_on_from: it.stands_at(model.floor),
                ..it.clone()
            });
            if found.as_ref() != Some(expected) {
                return Err(format!("{found:?} for {expected:?}"));
            }
        }
        if progress.state.standings.len() != model.standings.len() {
            return Err("there are others".to_owned());
        }
        let from = self.rng.u64(..=self.tail);
        let to = self.rng.u64(from..=self.tail) + 1;
        if progress.needs(from..to) != model.needs(from, to) {
            return Err(format!("needs {from}..{to} differs in {model:?}"));
        }
        Ok(())
    }

    /// Opens, however many faults it takes, and holds what is there against the model.
    fn open(&mut self) -> Result<(), String> {
        let mut tries = 0;
        let (progress, recovered) = loop {
            match try_open(&self.disk) {
                Ok(opened) => break opened,
                Err(ProgressError::Log(LogError::NoSpace { .. })) if tries < 3 => {
                    self.disk.limit(None);
                }
                Err(ProgressError::Log(LogError::Io { .. }) | ProgressError::Read(_))
                    if tries < 3 =>
                {
                    if self.rng.bool() {
                        self.counts.crashes += 1;
                        self.disk.crash();
                    }
                }
                Err(error) => return Err(format!("cannot open: {error}")),
            }
            tries += 1;
        };
        self.disk.fail_no_more();
        if !recovered.recovery.damage.is_empty() {
            return Err(format!("{:?}", recovered.recovery));
        }
        let standings = recovered.standings.into_iter();
        let found = Model {
            floor: recovered.floor,
            standings: standings.map(|it| (it.number, it)).collect(),
        };
        if let Some(may_be) = self.may_be.take() {
            let came_back = found == may_be;
            if came_back && may_be != self.model {
                self.counts.came_back += 1;
                self.model = may_be;
            } else {
                self.counts.stayed_away += 1;
            }
        }
        if found != self.model {
            return Err(format!("opened with {found:?}, expected {:?}", self.model));
        }
        if recovered.next_number < self.given {
            return Err(format!("{} is given twice", recovered.next_number));
        }
        self.next_number = self.next_number.max(recovered.next_number);
        self.progress = Some(progress);
        Ok(())
    }
}
