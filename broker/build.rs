//! Tells the program which compiler made it, for `sluicegate version` and `/version`.
//!
//! A build that knows better (a distribution's, say) sets `SLUICEGATE_RUSTC` itself, and
//! `SLUICEGATE_REVISION`, which cannot be known here: sources may come without their history.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    println!("cargo::rerun-if-env-changed=SLUICEGATE_RUSTC");
    if std::env::var_os("SLUICEGATE_RUSTC").is_some() {
        return;
    }
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    // A compiler that does not say what it is is no reason not to build.
    let said = output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    if let Some(version) = said
        .as_deref()
        .and_then(|said| said.split_whitespace().nth(1))
    {
        println!("cargo::rustc-env=SLUICEGATE_RUSTC={version}");
    }
}
