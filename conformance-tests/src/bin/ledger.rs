//! The ledger's process.
//!
//! `ledger serve LOG` prints its address and serves until its standard input closes; it goes on
//! with a log that exists. `ledger judge LOG` prints the judgement on a log as JSON, and exits 1
//! when there is a finding.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::{Parser, Subcommand};
use sluicegate_conformance::ledger::{ServiceError, judge_log, serve};

/// Records sends and deliveries, and judges them.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Takes records on a port of loopback, which it prints, until standard input closes.
    Serve {
        /// Where to write them down.
        log: PathBuf,
    },
    /// Judges a log.
    Judge {
        /// The log.
        log: PathBuf,
    },
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    match Arguments::parse().verb {
        Verb::Serve { log } => serve_until_stdin_closes(log),
        Verb::Judge { log } => {
            let judgement = judge_log(&log)?;
            serde_json::to_writer_pretty(io::stdout().lock(), &judgement)?;
            Ok(if judgement.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

fn serve_until_stdin_closes(log: PathBuf) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", listener.local_addr()?)?;
    stdout.flush()?;
    thread::spawn(|| {
        // Whatever ends the reading, end or error: whoever started us has gone.
        let mut rest = Vec::new();
        io::stdin().lock().take(1).read_to_end(&mut rest).ok();
        std::process::exit(0);
    });
    let error: ServiceError = match serve(&listener, &log) {
        Ok(()) => return Ok(ExitCode::SUCCESS),
        Err(error) => error,
    };
    Err(error.into())
}
