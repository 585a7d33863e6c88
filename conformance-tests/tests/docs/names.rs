//! What pages call by name is there.

use std::collections::BTreeSet;
use std::fs;

use crate::pages::{all, files, page, quoted, root};

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
fn every_file_that_a_page_names_exists() {
    let sources = files("rs");
    let mut named = 0;
    let mut missing = Vec::new();
    for page in all() {
        for (line, text) in page.prose() {
            for path in quoted(text).filter(|word| is_path(word)) {
                named += 1;
                // A source may be named by the end of its path, after another of its crate.
                let is_there =
                    root().join(path).exists() || sources.iter().any(|it| it.ends_with(path));
                if !is_there {
                    missing.push(format!("{}:{line}: {path}", page.path.display()));
                }
            }
        }
    }
    assert!(named > 20, "found only {named} names of files");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Whether a word in backticks is the name of a file or folder of ours: a source, or something
/// below a folder at the root. What a build leaves in `target` is there or not.
fn is_path(word: &str) -> bool {
    let is_pattern = word.contains([' ', '*', '…', '{']);
    let folder = word.split_once('/').map(|(folder, _)| folder);
    let is_ours =
        folder.is_some_and(|it| !matches!(it, "" | "." | "target") && root().join(it).is_dir());
    !is_pattern && (word.ends_with(".rs") || is_ours)
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
