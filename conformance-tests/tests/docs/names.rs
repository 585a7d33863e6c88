//! What pages call by name is there.

use std::collections::BTreeSet;
use std::fs;

use crate::pages::{files, page, quoted, root};

#[test]
fn every_test_that_the_architecture_names_exists() {
    let there = functions();
    let page = page("ARCHITECTURE.md");
    let mut named = 0;
    let mut missing = Vec::new();
    for (line, text) in page.prose() {
        // A test's name is a sentence, which tells it from other words in backticks.
        for name in quoted(text).filter(|word| word.matches('_').count() >= 3) {
            named += 1;
            if !there.contains(name) {
                missing.push(format!("{line}: {name}"));
            }
        }
    }
    assert!(named > 10, "found only {named} names of tests");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_file_that_a_page_names_in_full_exists() {
    let folders = [
        "event/",
        "filter/",
        "channels/",
        "resources/",
        "dispatcher/",
        "broker/",
        "conformance-tests/",
        "docs/",
        "scripts/",
        ".ci/",
    ];
    let mut named = 0;
    let mut missing = Vec::new();
    for page in crate::pages::all() {
        for (line, text) in page.prose() {
            for path in quoted(text).filter(|word| folders.iter().any(|it| word.starts_with(it))) {
                named += 1;
                if !path.contains([' ', '*', '…', 'N']) && !root().join(path).exists() {
                    missing.push(format!("{}:{line}: {path}", page.path.display()));
                }
            }
        }
    }
    assert!(named > 20, "found only {named} names of files");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// The names of all functions of the sources.
fn functions() -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    for path in files("rs") {
        let text = fs::read_to_string(&path).unwrap_or_default();
        for rest in text.split("fn ").skip(1) {
            let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_');
            functions.extend(name.take(1).map(str::to_owned));
        }
    }
    functions
}
