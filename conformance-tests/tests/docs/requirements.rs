//! docs/reference/requirements.md lists the requirements that comments name, and no others.

use std::collections::BTreeSet;
use std::fs;

use crate::pages::{files, page, quoted};

/// What the names of requirements begin with.
const KINDS: [&str; 15] = [
    "CE-", "CP-", "DP-", "ES-", "HB-", "JF-", "RK-", "WH-", "G", "I", "L", "O", "S", "T", "X",
];

#[test]
fn every_requirement_that_is_named_is_listed_and_the_other_way() {
    let page = page("docs/reference/requirements.md");
    let rows = page.rows();
    let listed: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| quoted(row[0]).map(str::to_owned))
        .collect();
    assert_eq!(listed.len(), rows.len(), "a requirement is listed twice");
    let named = named_in_sources();
    assert!(named.len() > 100, "found only {named:?}");
    let unlisted: Vec<_> = named.difference(&listed).collect();
    let unused: Vec<_> = listed.difference(&named).collect();
    assert!(unlisted.is_empty(), "named, but not listed: {unlisted:?}");
    assert!(unused.is_empty(), "listed, but never named: {unused:?}");
}

#[test]
fn a_range_of_requirements_names_each() {
    let named = |comment| named_in(comment).into_iter().collect::<Vec<_>>();
    assert_eq!(
        named("// CE-9 to CE-11, T7."),
        ["CE-10", "CE-11", "CE-9", "T7"]
    );
    assert_eq!(
        named("/// G14: U+FDD0, UTF-8, T7x, SIGTERM, X-1, HB-x"),
        ["G14"]
    );
}

/// What the comments of every source name, those of these tests apart: they name examples.
fn named_in_sources() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for path in files("rs") {
        if path.ends_with("docs/requirements.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        for comment in text
            .lines()
            .filter_map(|line| line.split_once("//").map(|(_, comment)| comment))
        {
            named.extend(named_in(comment));
        }
    }
    named
}

fn named_in(comment: &str) -> BTreeSet<String> {
    let words: Vec<&str> = comment
        .split(|sign: char| !sign.is_ascii_alphanumeric() && !"-+%".contains(sign))
        .filter(|word| !word.is_empty())
        .collect();
    let mut named = BTreeSet::new();
    for (index, word) in words.iter().enumerate() {
        let Some((kind, number)) = requirement(word) else {
            continue;
        };
        named.insert((*word).to_owned());
        let until = match words.get(index + 1..index + 3) {
            Some(["to", last]) => requirement(last).filter(|(other, _)| *other == kind),
            _ => None,
        };
        let last = until.map_or(number, |(_, last)| last);
        named.extend((number..=last).map(|number| format!("{kind}{number}")));
    }
    named
}

/// The kind and the number of a word such as `DP-14` or `G7`.
fn requirement(word: &str) -> Option<(&'static str, u32)> {
    KINDS.into_iter().find_map(|kind| {
        let digits = word.strip_prefix(kind)?;
        let is_number =
            (1..=2).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
        is_number
            .then(|| digits.parse().ok())
            .flatten()
            .map(|number| (kind, number))
    })
}
