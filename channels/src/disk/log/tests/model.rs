//! Random operations, faults, kills and power cuts against a plain map.
//!
//! `LOG_SEED=n` replays one case, `LOG_CASES=n` runs another number of them.

mod case;

use std::sync::Arc;

use self::case::Case;
use crate::disk::files::Files;
use crate::disk::simulated::SimulatedDisk;

const CASES: u64 = 3_000;
const STEPS: usize = 40;

#[test]
fn random_operations_crashes_and_faults_do_as_the_model_does() {
    let (from, cases) = asked_for();
    let mut sum = Counts::default();
    for seed in from..from + cases {
        let counts = run(seed, |disk| Arc::new(disk.clone()));
        let counts = counts.unwrap_or_else(|fault| panic!("LOG_SEED={seed}: {fault}"));
        sum.add(&counts);
    }
    println!("{cases} cases: {sum:?}");
    // A run that checked little proves little.
    let floors = [
        ("crashes", sum.crashes, cases * 2),
        ("kills", sum.kills, cases / 2),
        ("faults", sum.faults, cases),
        ("poisonings", sum.poisonings, cases / 4),
        ("records read", sum.records, cases * 100),
        ("torn writes", sum.torn, cases / 10),
        ("unsynced records that came back", sum.came_back, cases / 4),
        ("refusals for want of room", sum.refusals, cases / 10),
        ("removed segments", sum.removals, cases / 2),
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
    match number("LOG_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("LOG_CASES").unwrap_or(CASES)),
    }
}

/// What a case has done.
#[derive(Debug, Default)]
pub(super) struct Counts {
    crashes: u64,
    kills: u64,
    faults: u64,
    poisonings: u64,
    records: u64,
    torn: u64,
    came_back: u64,
    refusals: u64,
    removals: u64,
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.crashes += other.crashes;
        self.kills += other.kills;
        self.faults += other.faults;
        self.poisonings += other.poisonings;
        self.records += other.records;
        self.torn += other.torn;
        self.came_back += other.came_back;
        self.refusals += other.refusals;
        self.removals += other.removals;
    }
}

/// One case, on files over a simulated disk. Says what went wrong, if anything did.
pub(super) fn run(
    seed: u64,
    files: impl Fn(&SimulatedDisk) -> Arc<dyn Files>,
) -> Result<Counts, String> {
    let disk = SimulatedDisk::new(seed);
    let files = files(&disk);
    let mut case = Case::new(seed, disk, files)?;
    for step in 0..STEPS {
        let done = case.step();
        done.map_err(|fault| format!("step {step}: {fault}"))?;
    }
    case.end()
}
