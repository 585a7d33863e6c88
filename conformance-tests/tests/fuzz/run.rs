//! A run of one property: first the corpus, then inputs made from it, until one fails.

use std::any::Any;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::corpus::Corpus;
use crate::mutator::Mutator;

/// The seed of every run that is given no other.
pub(crate) const SEED: u64 = 1;

/// How much of an input is shown.
const SHOWN_BYTES: usize = 2000;

/// What a run without a failure has done.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Inputs of the corpus.
    pub(crate) replayed: usize,
    /// Inputs made from them.
    pub(crate) made: usize,
}

/// An input for which the property does not hold.
#[derive(Debug)]
pub(crate) struct Failure {
    target: String,
    seed: u64,
    /// Which execution it was, from 1.
    pub(crate) execution: usize,
    input: Vec<u8>,
    reason: String,
}

/// `SLUICEGATE_SEED`, or always the same.
pub(crate) fn seed() -> u64 {
    match std::env::var("SLUICEGATE_SEED") {
        Ok(text) => text.parse().expect("SLUICEGATE_SEED is a number"),
        Err(_) => SEED,
    }
}

/// Tries `check` with the whole corpus, and then with as many inputs more as make `executions`.
pub(crate) fn short_run(
    target: &str,
    corpus: &Corpus,
    seed: u64,
    executions: usize,
    check: impl Fn(&[u8]),
) -> Result<Ran, Failure> {
    let mut ran = Ran {
        replayed: 0,
        made: 0,
    };
    let attempt = |input: &[u8], execution| {
        catch_unwind(AssertUnwindSafe(|| check(input))).map_err(|panic| Failure {
            target: target.to_owned(),
            seed,
            execution,
            input: input.to_vec(),
            reason: reason_of(&*panic),
        })
    };
    for input in corpus.all() {
        attempt(input, ran.replayed + 1)?;
        ran.replayed += 1;
    }
    let mut mutator = Mutator::new(corpus, seed);
    while ran.replayed + ran.made < executions {
        attempt(&mutator.next(), ran.replayed + ran.made + 1)?;
        ran.made += 1;
    }
    Ok(ran)
}

fn reason_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panics").to_owned()
}

impl Failure {
    /// Keeps the input in a file, to be put into the corpus.
    pub(crate) fn keep(&self) -> PathBuf {
        let name = format!("{}-{}-{}", self.target, self.seed, self.execution);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, &self.input).expect("cargo makes a folder for what tests leave");
        path
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            target,
            seed,
            execution,
            input,
            reason,
        } = self;
        let shown = input[..input.len().min(SHOWN_BYTES)].escape_ascii();
        writeln!(f, "{target}, execution {execution}: {reason}")?;
        writeln!(f, "input: {shown}")?;
        write!(f, "again with SLUICEGATE_SEED={seed}")
    }
}
