//! Breaks what a broker with events on disk stands on, and judges what is left.
//!
//! ```text
//! faults kill9                    kills it under load
//! faults power                    cuts the power under it (needs root)
//! faults power --without-syncs    the control: must lose events
//! faults calls                    has system calls fail
//! faults damage                   flips bits and cuts files
//! faults full                     fills its disk
//! faults recovery                 starts it on a long backlog
//! faults idle                     gives it thousands of triggers for which nothing comes
//! faults outage                   has a subscriber away for minutes
//! faults freeze                   stops it where it stands, and lets it go on
//! ```
//!
//! Prints the seed, the program's digest, what was measured and what was found. Exit code 0: nothing
//! was found; 1: a guarantee does not hold; 2: the run proves nothing; 77: it can't be done on this
//! machine. `SLUICEGATE_SEED` repeats a run, `SLUICEGATE_BIN` names another program.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use sluicegate_conformance::faults::{
    Calls, Damage, Freeze, Full, Idle, Kill9, Outage, Outside, Power, Recovery, Trouble, Verdict,
    in_mounts_of_our_own,
};

/// Breaks what a broker with events on disk stands on, and judges what is left.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Copy, Subcommand)]
enum Verb {
    /// Kills it at random moments while producers send.
    Kill9 {
        /// How often; 0 is the control without a fault.
        #[arg(long, default_value_t = 40)]
        cycles: u64,
        /// Connections that send.
        #[arg(long, default_value_t = 64)]
        producers: usize,
        /// Events a second.
        #[arg(long, default_value_t = 3_000.0)]
        rate: f64,
        /// The least that must be accepted in a cycle, in the mean.
        #[arg(long, default_value_t = 1_000)]
        floor: u64,
    },
    /// Cuts the power at random moments while producers send.
    Power {
        /// How often.
        #[arg(long, default_value_t = 10)]
        cuts: u64,
        /// Connections that send.
        #[arg(long, default_value_t = 64)]
        producers: usize,
        /// Events a second.
        #[arg(long, default_value_t = 3_000.0)]
        rate: f64,
        /// The least that must be accepted before a cut, in the mean.
        #[arg(long, default_value_t = 500)]
        floor: u64,
        /// The least number of segments that must have been seen.
        #[arg(long, default_value_t = 100)]
        segments: u64,
        /// The control: no sync does anything, and nine of ten cuts must lose events.
        #[arg(long)]
        without_syncs: bool,
    },
    /// Has one system call fail in each run, of many kinds.
    Calls {
        /// How many runs in which a call failed.
        #[arg(long, default_value_t = 150)]
        runs: u64,
    },
    /// Flips bits and cuts files while it is stopped.
    Damage {
        /// Trials with a flipped bit.
        #[arg(long, default_value_t = 200)]
        flips: u64,
        /// Trials with a file that ends too early.
        #[arg(long, default_value_t = 40)]
        cuts: u64,
    },
    /// Fills its disk, and starts it again and again while that is full.
    Full {
        /// How often it is started while the disk is full.
        #[arg(long, default_value_t = 5)]
        restarts: u64,
    },
    /// Starts it on a long backlog.
    Recovery {
        /// How many events are pending.
        #[arg(long, default_value_t = 100_000)]
        events: u64,
        /// How many seconds it may take to become ready.
        #[arg(long, default_value_t = 3)]
        ready: u64,
    },
    /// Gives it many triggers for which nothing comes, and one of them an event before a kill.
    Idle {
        /// How many triggers.
        #[arg(long, default_value_t = 10_000)]
        triggers: u64,
        /// How often it is killed right after an event for one of them.
        #[arg(long, default_value_t = 5)]
        kills: u64,
    },
    /// Has a subscriber away for a while, and looks how it is met on its return.
    Outage {
        /// For how many minutes.
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        /// Seconds from one probe of it to the next.
        #[arg(long, default_value_t = 30.0)]
        probe: f64,
        /// Events a second.
        #[arg(long, default_value_t = 20.0)]
        rate: f64,
    },
    /// Stops it where it stands under load, and lets it go on.
    Freeze {
        /// For how many seconds.
        #[arg(long, default_value_t = 60.0)]
        seconds: f64,
        /// How often.
        #[arg(long, default_value_t = 1)]
        times: u64,
        /// Events a second.
        #[arg(long, default_value_t = 200.0)]
        rate: f64,
    },
}

fn main() -> ExitCode {
    let verb = Arguments::parse().verb;
    let elsewhere = match verb {
        Verb::Power { .. } => in_mounts_of_our_own(Outside::Root),
        Verb::Full { .. } => in_mounts_of_our_own(Outside::Anybody),
        Verb::Kill9 { .. }
        | Verb::Calls { .. }
        | Verb::Damage { .. }
        | Verb::Recovery { .. }
        | Verb::Idle { .. }
        | Verb::Outage { .. }
        | Verb::Freeze { .. } => None,
    };
    if let Some(code) = elsewhere {
        return code;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let (mut verdict, runtime) = match (Verdict::begin(verb.name()), runtime) {
        (Ok(verdict), Ok(runtime)) => (verdict, runtime),
        (Err(error), _) => return failed(&error),
        (_, Err(error)) => return failed(&error.into()),
    };
    let outcome = runtime.block_on(verb.run(&mut verdict));
    verdict.end(outcome)
}

#[expect(clippy::print_stderr, reason = "there is no report to print it in")]
fn failed(error: &Trouble) -> ExitCode {
    eprintln!("faults: {error}");
    ExitCode::from(2)
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Verb::Kill9 { .. } => "kill9",
            Verb::Power { without_syncs, .. } if without_syncs => "power, without syncs",
            Verb::Power { .. } => "power",
            Verb::Calls { .. } => "calls",
            Verb::Damage { .. } => "damage",
            Verb::Full { .. } => "full",
            Verb::Recovery { .. } => "recovery",
            Verb::Idle { .. } => "idle",
            Verb::Outage { .. } => "outage",
            Verb::Freeze { .. } => "freeze",
        }
    }

    async fn run(self, verdict: &mut Verdict) -> Result<(), Trouble> {
        match self {
            Verb::Kill9 {
                cycles,
                producers,
                rate: per_second,
                floor: accepted_floor,
            } => {
                let driver = Kill9 {
                    cycles,
                    producers,
                    per_second,
                    accepted_floor,
                };
                driver.run(verdict).await
            }
            Verb::Power {
                cuts,
                producers,
                rate: per_second,
                floor: accepted_floor,
                segments: segments_floor,
                without_syncs,
            } => {
                let driver = Power {
                    cuts,
                    producers,
                    per_second,
                    accepted_floor,
                    segments_floor,
                    without_syncs,
                };
                driver.run(verdict).await
            }
            Verb::Calls { runs } => Calls { runs }.run(verdict).await,
            Verb::Damage { flips, cuts } => Damage { flips, cuts }.run(verdict).await,
            Verb::Full { restarts } => Full { restarts }.run(verdict).await,
            Verb::Recovery { events, ready } => {
                let ready_max = Duration::from_secs(ready);
                Recovery { events, ready_max }.run(verdict).await
            }
            Verb::Idle { triggers, kills } => Idle { triggers, kills }.run(verdict).await,
            Verb::Outage {
                minutes,
                probe,
                rate: per_second,
            } => {
                let driver = Outage {
                    away: Duration::from_secs_f64(minutes * 60.0),
                    probe_every: Duration::from_secs_f64(probe),
                    per_second,
                };
                driver.run(verdict).await
            }
            Verb::Freeze {
                seconds,
                times,
                rate: per_second,
            } => {
                let driver = Freeze {
                    frozen: Duration::from_secs_f64(seconds),
                    times,
                    per_second,
                };
                driver.run(verdict).await
            }
        }
    }
}
