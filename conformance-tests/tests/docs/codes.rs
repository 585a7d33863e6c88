//! Every code and every condition of the pages is one of the program's, and says the same.

use std::collections::BTreeSet;
use std::fs;

use sluicegate::problem::Problem;

use crate::pages::{page, quoted, root};

/// The rows of one section of docs/reference/codes.md, cell by cell.
fn rows(heading: &str) -> BTreeSet<Vec<String>> {
    let mut page = page("docs/reference/codes.md");
    let section = page.text.split("\n## ").find(|it| it.starts_with(heading));
    page.text = section.unwrap_or_default().to_owned();
    let owned = |row: Vec<&str>| row.into_iter().map(|cell| cell.replace('`', "")).collect();
    page.rows().into_iter().map(owned).collect()
}

#[test]
fn the_codes_of_manifests_are_those_that_there_are() {
    let there: BTreeSet<Vec<String>> = sluicegate_resources::codes::ALL
        .iter()
        .map(|(code, meaning)| vec![(*code).to_owned(), meaning.replace('`', "")])
        .collect();
    assert_eq!(rows("Manifests"), there);
}

#[test]
fn the_codes_of_requests_are_those_that_there_are() {
    let there: BTreeSet<Vec<String>> = Problem::ALL
        .iter()
        .map(|problem| {
            let status = problem.status().as_u16().to_string();
            let meaning = problem.meaning().replace('`', "");
            vec![problem.code().to_owned(), status, meaning]
        })
        .collect();
    assert_eq!(rows("Requests"), there);
}

#[test]
fn the_page_about_http_lists_every_refusal() {
    let text = page("docs/reference/http.md").text;
    for problem in Problem::ALL {
        let row = format!(
            "| {} | `{}` | {} |",
            problem.status().as_u16(),
            problem.reason(),
            problem.code()
        );
        assert!(text.contains(&row), "{row}");
    }
}

#[test]
fn the_conditions_are_those_that_there_are() {
    let path = root().join("broker/src/registry/conditions.rs");
    let source = fs::read_to_string(path).expect("the conditions stand in one file");
    let page = page("docs/reference/conditions.md");
    let rows = page.rows();
    let listed: BTreeSet<&str> = rows
        .iter()
        .filter_map(|row| quoted(row[0]).next())
        .collect();
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    // A reason is a string of one word with capitals inside, and nothing else there is.
    let is_reason = |text: &&str| {
        text.starts_with(|first: char| first.is_ascii_uppercase())
            && text.chars().all(char::is_alphanumeric)
    };
    let there: BTreeSet<&str> = code.split('"').filter(is_reason).collect();
    assert!(there.len() > 4, "found only {there:?}");
    assert_eq!(listed, there);
}
