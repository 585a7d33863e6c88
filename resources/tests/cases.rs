//! What a manifest says, and what is said of it: each case of the files in `cases/` is a text and
//! the diagnostics that it must give, as people read them.
//!
//! A file begins with a frame, in which `$` stands for the text of the case, and then has cases:
//!
//! ```text
//! ==== title
//! text
//! ----
//! diagnostics, or nothing
//! ```
//!
//! After a change of wording, `UPDATE_CASES=1 cargo test -p sluicegate-resources --test cases`
//! writes what is said now; the difference is for a person to judge.

use std::fmt::Write as _;
use std::path::PathBuf;

use sluicegate_resources::{Diagnostic, parse};

/// Every diagnostic of a text, rendered, with an empty line between them.
fn said_of(text: &str) -> String {
    let parsed = parse(text);
    for manifest in &parsed.manifests {
        // What is refused must be explained, and what is explained as refused must not be served.
        let has_errors = manifest.diagnostics.iter().any(Diagnostic::is_error);
        let is_left_out = manifest.diagnostics.iter().any(|one| one.code == "W102");
        assert_eq!(
            manifest.object.is_none(),
            has_errors || is_left_out,
            "{text}"
        );
    }
    let of_manifests = parsed.manifests.iter().flat_map(|one| &one.diagnostics);
    let rendered: Vec<String> = of_manifests
        .chain(&parsed.diagnostics)
        .map(|one| one.render("f.yaml", text))
        .collect();
    rendered.join("\n\n")
}

#[track_caller]
fn check(file: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(file);
    let content = std::fs::read_to_string(&path).expect("the file of cases");
    let (frame, rest) = content.split_once("\n==== ").expect("a frame, then cases");
    let mut said_now = frame.to_owned();
    let mut cases = 0;
    for case in rest.split("\n==== ") {
        let (title, body) = case.split_once('\n').expect("a title");
        let (text, _) = body.split_once("\n----").expect("a text, then ----");
        let said = said_of(&frame.replace('$', text));
        write!(said_now, "\n==== {title}\n{text}\n----\n{said}").expect("a String takes all");
        if !said.is_empty() {
            said_now.push('\n');
        }
        cases += 1;
    }
    assert!(cases > 0, "{file} has no cases");
    if std::env::var_os("UPDATE_CASES").is_some() {
        std::fs::write(&path, &said_now).expect("the file of cases");
    }
    let differing = content
        .lines()
        .zip(said_now.lines())
        .position(|(a, b)| a != b);
    assert!(
        content == said_now,
        "{file} differs from line {:?} on; what is said now:\n{said_now}",
        differing.map(|line| line + 1)
    );
}

#[test]
fn documents_are_explained() {
    check("documents.txt");
}

#[test]
fn metadata_is_explained() {
    check("metadata.txt");
}

#[test]
fn brokers_are_explained() {
    check("brokers.txt");
}

#[test]
fn broker_configs_are_explained() {
    check("broker_configs.txt");
}

#[test]
fn triggers_are_explained() {
    check("triggers.txt");
}

#[test]
fn annotations_are_explained() {
    check("annotations.txt");
}

#[test]
fn filters_are_explained() {
    check("filters.txt");
}

#[test]
fn delivery_is_explained() {
    check("delivery.txt");
}

#[test]
fn destinations_are_explained() {
    check("destinations.txt");
}
