//! What must hold for any input, in a short run of each property over its corpus.
//!
//! The properties stand in `fuzz/src`, the long runs are libFuzzer's (`scripts/fuzz`). Here each
//! input of the corpus is replayed, then as many more as [`EXECUTIONS`] asks for are made from them by
//! chance. The chance is the same in every run unless `SLUICEGATE_SEED` gives another seed, so a failure
//! comes again. What is left out: coverage, which only the long runs are guided by.

mod corpus;
mod mutator;
mod planted;
mod run;

use std::collections::BTreeSet;
use std::fs;

use sluicegate_fuzz::TARGETS;

use corpus::Corpus;
use run::short_run;

/// How many inputs each property is tried with, those of the corpus included.
const EXECUTIONS: usize = 100_000;

/// What a corpus has at least.
const SEEDS_MIN: usize = 20;

fn holds(name: &str) {
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .expect("it is one of the targets");
    let corpus = Corpus::read(name);
    let ran =
        short_run(name, &corpus, run::seed(), EXECUTIONS, target.check).unwrap_or_else(|failure| {
            let kept = failure.keep();
            panic!("{failure}\nkept in {kept:?}; it belongs into fuzz/corpus/{name}/")
        });
    assert!(ran.replayed >= SEEDS_MIN, "{ran:?}");
    assert!(ran.replayed < EXECUTIONS, "nothing is made by chance");
    assert_eq!(ran.replayed + ran.made, EXECUTIONS);
}

#[test]
fn any_text_is_an_expression_or_is_refused() {
    holds("cesql_parse");
}

#[test]
fn any_expression_comes_to_a_value_for_any_event() {
    holds("cesql_evaluate");
}

#[test]
fn any_manifest_is_refused_or_its_filters_answer() {
    holds("manifests");
}

#[test]
fn any_binary_message_is_an_event_that_passes_unaltered_or_is_refused() {
    holds("http_binary");
}

#[test]
fn any_structured_message_is_an_event_that_passes_unaltered_or_is_refused() {
    holds("http_structured");
}

#[test]
fn any_bytes_in_a_store_are_an_event_that_passes_unaltered_or_are_refused() {
    holds("stored");
}

/// A property that no libFuzzer target runs, or a target that no test runs, would be forgotten.
#[test]
fn each_property_has_a_target_a_corpus_a_dictionary_and_a_test() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.into()).collect();
    for (folder, extension) in [
        ("fuzz_targets", ".rs"),
        ("corpus", ""),
        ("dictionaries", ".dict"),
    ] {
        let entries = fs::read_dir(corpus::folder().join(folder)).expect("fuzz/ can be read");
        let found: BTreeSet<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.ends_with(corpus::LIST))
            .map(|name| name.trim_end_matches(extension).to_owned())
            .collect();
        assert_eq!(found, names, "what lies in fuzz/{folder}");
    }
    let manifest =
        fs::read_to_string(corpus::folder().join("Cargo.toml")).expect("fuzz/ has a manifest");
    let here = include_str!("main.rs");
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(here.contains(&format!("holds(\"{name}\");")), "{name}");
    }
}
