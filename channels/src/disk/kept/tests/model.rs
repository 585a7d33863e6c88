//! Random operations, compactions, faults, kills and power cuts against a plain map.
//!
//! `KEPT_SEED=n` replays one case, `KEPT_CASES=n` runs another number of them.

mod case;
mod operations;

use self::case::Case;
use crate::disk::simulated::SimulatedDisk;

const CASES: u64 = 3_000;
const STEPS: usize = 60;

#[test]
fn random_operations_compactions_and_crashes_do_as_the_model_does() {
    let (from, cases) = asked_for();
    let mut sum = Counts::default();
    for seed in from..from + cases {
        let counts = run(seed).unwrap_or_else(|fault| panic!("KEPT_SEED={seed}: {fault}"));
        sum.add(&counts);
    }
    println!("{cases} cases from KEPT_SEED={from} on: {sum:?}");
    // A run that checked little proves little.
    let floors = [
        ("operations", sum.operations, cases * 40),
        ("steps of compaction", sum.compactions, cases * 4),
        ("segments given back", sum.given_back, cases * 2),
        ("crashes", sum.crashes, cases * 2),
        ("kills", sum.kills, cases / 2),
        ("faults", sum.faults, cases / 2),
        ("poisonings", sum.poisonings, cases / 4),
        ("refusals", sum.refusals, cases / 10),
        ("events read", sum.events, cases * 20),
        ("reasons read", sum.reasons, cases * 10),
        ("doubtful writes that were there", sum.came_back, cases / 50),
        ("doubtful writes that were not", sum.stayed_away, cases / 50),
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
    match number("KEPT_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("KEPT_CASES").unwrap_or(CASES)),
    }
}

/// What a case has done.
#[derive(Debug, Default)]
pub(super) struct Counts {
    operations: u64,
    compactions: u64,
    given_back: u64,
    crashes: u64,
    kills: u64,
    faults: u64,
    poisonings: u64,
    refusals: u64,
    events: u64,
    reasons: u64,
    came_back: u64,
    stayed_away: u64,
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.operations += other.operations;
        self.compactions += other.compactions;
        self.given_back += other.given_back;
        self.crashes += other.crashes;
        self.kills += other.kills;
        self.faults += other.faults;
        self.poisonings += other.poisonings;
        self.refusals += other.refusals;
        self.events += other.events;
        self.reasons += other.reasons;
        self.came_back += other.came_back;
        self.stayed_away += other.stayed_away;
    }
}

/// Says what went wrong, if anything did.
fn run(seed: u64) -> Result<Counts, String> {
    let mut case = Case::new(seed, SimulatedDisk::new(seed))?;
    for step in 0..STEPS {
        let done = case.step();
        done.map_err(|fault| format!("step {step}: {fault}"))?;
    }
    case.end()
}
