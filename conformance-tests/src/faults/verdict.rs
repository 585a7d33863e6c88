//! What a driver found, as people and scripts read it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use tokio::time::Instant;

use crate::artefact;
use crate::harness::{binary, seed};
use crate::ledger::{Findings, Judgement};

/// A run of many trials stops at so many findings.
const FINDINGS_MAX: usize = 5;

/// Why a driver could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The broker did what it must not, and there is no going on.
    #[error("{0}")]
    Broken(String),
    /// The run itself went wrong, and proves nothing.
    #[error("{0}")]
    Run(String),
    /// This machine has not got what the driver needs.
    #[error("{0}")]
    NotHere(String),
}

impl Trouble {
    pub(super) fn broken(what: impl Display) -> Self {
        Trouble::Broken(what.to_string())
    }

    pub(super) fn run(what: impl Display) -> Self {
        Trouble::Run(what.to_string())
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Run(error.to_string())
    }
}

/// What a run has found so far. It prints as it goes, and gives the exit code at the end:
///
/// | Code | Meaning |
/// |---:|---|
/// | 0 | nothing was found, and the floors were reached |
/// | 1 | a guarantee does not hold |
/// | 2 | the run proves nothing: a floor was not reached, or the machinery failed |
/// | 77 | this machine has not got what the driver needs |
#[derive(Debug)]
pub struct Verdict {
    began: Instant,
    findings: Vec<String>,
    shortfalls: Vec<String>,
}

impl Verdict {
    /// Begins, and says which program is tested and how the run is repeated.
    ///
    /// # Errors
    ///
    /// When there is no program to test.
    pub fn begin(driver: &str) -> Result<Self, Trouble> {
        let binary = binary()?;
        say(&format!("faults {driver}"));
        say(&format!(
            "  seed {} (SLUICEGATE_SEED={0} repeats it)",
            seed()
        ));
        let digest = artefact::digest(&binary);
        say(&format!("  program {} sha256 {digest}", binary.display()));
        Ok(Verdict {
            began: Instant::now(),
            findings: Vec::new(),
            shortfalls: Vec::new(),
        })
    }

    /// Says something that was measured.
    pub(super) fn figure(&self, name: &str, value: impl Display) {
        say(&format!("  {name}: {value}"));
    }

    /// Notes what is wrong unless it `holds`.
    pub(super) fn require(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.found(what());
        }
    }

    /// Notes something wrong.
    pub(super) fn found(&mut self, what: String) {
        say(&format!("  FOUND: {what}"));
        self.findings.push(what);
    }

    /// Whether so much was found that a run of many trials may stop.
    pub(super) fn has_enough(&self) -> bool {
        self.findings.len() >= FINDINGS_MAX
    }

    /// Says what was reached, and notes where that is less than what the run needs.
    pub(super) fn floor(&mut self, name: &str, reached: u64, floor: u64) {
        say(&format!("  {name}: {reached} (floor {floor})"));
        if reached < floor {
            let what = format!("{name} is {reached}, and the run proves nothing below {floor}");
            say(&format!("  TOO LITTLE: {what}"));
            self.shortfalls.push(what);
        }
    }

    /// Takes the ledger's judgement; each trigger may have taken `again_max` events again.
    pub(super) fn judge(&mut self, judgement: &Judgement, again_max: u64) {
        let Judgement {
            sent,
            accepted,
            refused,
            delivered,
            dead_lettered,
            ..
        } = judgement;
        let unanswered = sent - accepted - refused;
        say(&format!(
            "  ledger: {sent} sent, {accepted} accepted, {refused} refused, {unanswered} never \
             answered; {delivered} delivered, {dead_lettered} dead-lettered, {} attempts",
            judgement.attempts
        ));
        self.wrong("lost", &judgement.lost);
        self.wrong("altered", &judgement.altered);
        self.wrong("invented", &judgement.invented);
        self.wrong("mis-filtered", &judgement.misfiltered);
        self.wrong("books that do not balance", &judgement.imbalances);
        self.again(&judgement.extra, again_max);
    }

    fn wrong(&mut self, name: &str, findings: &Findings) {
        say(&format!("  {name}: {}", findings.count));
        if let Some(first) = findings.examples.first() {
            let count = findings.count;
            self.found(format!("{count} {name}, such as {first}"));
        }
    }

    fn again(&mut self, extra: &BTreeMap<String, u64>, max: u64) {
        let most = extra.values().max().copied().unwrap_or_default();
        say(&format!("  taken again: {extra:?} (allowed {max} each)"));
        self.require(most <= max, || {
            format!("a trigger took {most} events again, and {max} are allowed: {extra:?}")
        });
    }

    /// Ends, says the outcome, and gives the exit code.
    pub fn end(mut self, outcome: Result<(), Trouble>) -> ExitCode {
        match outcome {
            Ok(()) => {}
            Err(Trouble::Broken(what)) => self.found(what),
            Err(Trouble::Run(what)) => {
                say(&format!("  FAILED: {what}"));
                self.shortfalls.push(what);
            }
            Err(Trouble::NotHere(what)) => return not_here(&what),
        }
        let seconds = self.began.elapsed().as_secs_f64();
        let (word, code) = match (self.findings.len(), self.shortfalls.len()) {
            (0, 0) => ("passed".to_owned(), 0),
            (0, _) => ("proves nothing".to_owned(), 2),
            (count, _) => (format!("{count} findings"), 1),
        };
        say(&format!("  {word}, after {seconds:.1} s"));
        ExitCode::from(code)
    }
}

/// Says that a driver can't run here, and gives the exit code for that.
pub(super) fn not_here(what: &str) -> ExitCode {
    say(&format!("  NOT RUN, it can't be done here: {what}"));
    ExitCode::from(77)
}

/// Writes a line to standard output. Where nobody reads it any more the exit code still tells.
fn say(line: &str) {
    writeln!(io::stdout(), "{line}").ok();
}
