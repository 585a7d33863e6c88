//! The fault drivers in their short form: each must find nothing, and reach its floors. What a machine
//! can't do is said on standard error, past the capture of tests' output, and is no failure.
//!
//! The full forms, and the planted defects that each must find, are in `docs/faults.md`.

use std::io::{self, Write};
use std::process::Command;

/// The exit code for what can't be done here.
const NOT_HERE: i32 = 77;

/// Runs `faults` with these words.
fn drive(words: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_faults"))
        .args(words.split(' '))
        .output()
        .expect("it was built with this test");
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {}
        Some(NOT_HERE) => {
            let why = said.trim();
            writeln!(io::stderr(), "\nfaults {words}: NOT RUN: {why}").ok();
        }
        _ => panic!("faults {words}: {}\n{said}{failed}", output.status),
    }
}

/// The control: a driver that finds something where nothing was done proves nothing.
#[test]
fn without_a_fault_nothing_is_found() {
    drive("kill9 --cycles 0 --floor 500");
}

/// D1, G0, G2, G3, G20.
#[test]
fn kills_under_load_lose_nothing_and_repeat_little() {
    drive("kill9 --cycles 6 --floor 150");
}

/// D2, G1, G2, G3.
#[test]
fn power_cuts_lose_nothing() {
    drive("power --cuts 3 --floor 150 --segments 15");
}

/// D2, the control: what is not synced does not survive the cut.
#[test]
fn power_cuts_without_syncs_lose_events() {
    drive("power --without-syncs --cuts 2 --floor 150");
}

/// D4, D5.
#[test]
fn calls_that_fail_lose_nothing_and_a_failed_sync_is_the_last_of_its_file() {
    drive("calls --runs 12");
}

/// D6.
#[test]
fn damage_costs_what_it_hits_and_is_shown() {
    drive("damage --flips 12 --cuts 6");
}

/// D7, G8.
#[test]
fn a_full_disk_refuses_drains_and_survives_restarts() {
    drive("full --restarts 5");
}

/// D11, G11, G20.
#[test]
fn a_start_on_a_long_backlog_is_quick_and_begins_with_the_oldest() {
    drive("recovery --events 100000");
}

/// S3, G6, in half a minute; the full form takes ten.
#[test]
fn a_subscriber_that_was_away_is_met_slowly_and_gets_everything() {
    drive("outage --minutes 0.4 --probe 3");
}

/// S13.
#[test]
fn a_frozen_broker_goes_on_without_a_storm() {
    drive("freeze --seconds 4 --times 2");
}

/// Design 4: an idle trigger costs no writes, and misses nothing.
#[test]
fn idle_triggers_cost_no_writes_and_miss_nothing() {
    drive("idle --triggers 2000 --kills 2");
}
