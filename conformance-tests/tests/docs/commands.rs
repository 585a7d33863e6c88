//! The program as tests of pages run it, and the commands that pages name.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::process::{Command, Output};

use sluicegate_conformance::harness::binary;

use crate::pages::{all, page};

/// Runs the program to its end.
pub(crate) fn sluicegate<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Output {
    let program = binary().unwrap_or_else(|error| panic!("{error}"));
    Command::new(program)
        .args(arguments)
        .output()
        .expect("the program was just found")
}

/// Everything that it said, to either output.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn help(verb: &[&str]) -> String {
    said(&sluicegate(verb.iter().chain(&["--help"])))
}

/// The verbs that `--help` lists.
fn verbs() -> BTreeSet<String> {
    let help = help(&[]);
    let commands = help.split("Commands:").nth(1).unwrap_or_default();
    commands
        .lines()
        .skip(1)
        .map_while(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_tables_of_commands_list_those_that_there_are() {
    let there = verbs();
    assert!(there.contains("dev"), "the help was not read: {there:?}");
    for path in ["README.md", "docs/reference/cli.md"] {
        let listed: BTreeSet<String> = page(path)
            .text
            .lines()
            .filter(|line| line.starts_with("| `sluicegate "))
            .flat_map(|line| line.split("`sluicegate ").skip(1))
            .filter_map(|rest| rest.split([' ', '`']).next().map(str::to_owned))
            .collect();
        assert_eq!(listed, there, "{path}");
    }
}

#[test]
fn every_flag_of_an_example_is_one_of_its_command() {
    let verbs = verbs();
    let mut examples = 0;
    let mut unknown = Vec::new();
    for page in all() {
        for block in page.blocks() {
            let lines = block.text.lines();
            for line in lines.filter_map(|line| line.strip_prefix("$ sluicegate ")) {
                examples += 1;
                let words: Vec<&str> = line.split_whitespace().collect();
                let verb = words.first().copied().unwrap_or_default();
                let mut chain = vec![verb];
                if ["new", "get", "dead", "pause", "resume"].contains(&verb) {
                    chain.extend(words.get(1));
                }
                let help = help(&chain);
                let flags = words.iter().filter(|word| word.starts_with("--"));
                let mut flags = flags.map(|flag| flag.split('=').next().unwrap_or(flag));
                if !verbs.contains(verb) || flags.any(|flag| !help.contains(flag)) {
                    unknown.push(format!("{}:{}: {line}", page.path.display(), block.line));
                }
            }
        }
    }
    assert!(examples > 5, "found only {examples} examples");
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}
