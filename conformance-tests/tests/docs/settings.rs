//! docs/reference/server-settings.md lists every key, with its true default.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sluicegate::config::Config;
use sluicegate_conformance::harness::scratch_folder;

use crate::commands::{said, sluicegate};
use crate::pages::{Page, page, quoted};

/// A key that no mapping has, and that resembles none.
const UNKNOWN: &str = "zzzzzzzzzzzz";

fn settings() -> Page {
    page("docs/reference/server-settings.md")
}

/// Each key of the table with the cell of its default.
fn listed(page: &Page) -> BTreeMap<&str, &str> {
    let rows = page.rows();
    let listed: BTreeMap<&str, &str> = rows
        .iter()
        .filter_map(|row| Some((quoted(row[0]).next()?, row[1])))
        .collect();
    assert_eq!(listed.len(), rows.len(), "a key is listed twice");
    listed
}

#[test]
fn every_key_that_is_accepted_is_listed_and_no_other() {
    let page = settings();
    let listed = listed(&page);
    let sections: BTreeSet<&str> = listed
        .keys()
        .filter_map(|key| Some(key.split_once('.')?.0))
        .collect();
    let mut yaml = format!("{UNKNOWN}: 1\n");
    for section in &sections {
        yaml.push_str(&format!("{section}: {{{UNKNOWN}: 1}}\n"));
    }
    let mut accepted = BTreeSet::new();
    for (section, known) in known_keys(&faults(&yaml)) {
        for key in known {
            // A section stands in the table by its keys alone.
            if !sections.contains(&*key) {
                accepted.insert(format!("{section}{key}"));
            }
        }
    }
    let listed: BTreeSet<String> = listed.keys().map(|key| (*key).to_owned()).collect();
    assert_eq!(listed, accepted);
}

/// What the program says of these settings.
fn faults(yaml: &str) -> String {
    let folder = scratch_folder("docs").expect("tests have a folder of their own");
    let file = folder.join("sluicegate.yaml");
    fs::write(&file, yaml).expect("the folder was just made");
    let said = said(&sluicegate([
        "validate".as_ref(),
        "--config".as_ref(),
        file.as_os_str(),
    ]));
    fs::remove_dir_all(folder).ok();
    said
}

/// The keys that each fault about an unknown one says are known, by the section with its dot.
fn known_keys(said: &str) -> BTreeMap<String, Vec<String>> {
    let mut known = BTreeMap::new();
    let mut section = None;
    for line in said.lines() {
        if line.contains("unknown field") {
            let path = quoted(line).next().unwrap_or_default();
            section = path.strip_suffix(UNKNOWN).map(str::to_owned);
        } else if let Some(keys) = line.strip_prefix("help: known here:") {
            let section = section.take().expect("the help follows its fault");
            known.insert(section, quoted(keys).map(str::to_owned).collect());
        }
    }
    known
}

#[test]
fn every_default_of_the_table_is_the_true_one() {
    let page = settings();
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    let mut given = 0;
    for (key, default) in listed(&page) {
        // Without a value in backticks alone there is none, or it is made of another key's.
        let Some(value) = default
            .strip_prefix('`')
            .and_then(|rest| rest.strip_suffix('`'))
        else {
            continue;
        };
        given += 1;
        let (section, key) = key.split_once('.').unwrap_or(("", key));
        let indent = if section.is_empty() { "" } else { "  " };
        let lines = sections.entry(section).or_default();
        lines.push_str(&format!("{indent}{key}: {value}\n"));
    }
    let yaml: Vec<String> = sections
        .iter()
        .map(|(section, lines)| match *section {
            "" => lines.clone(),
            section => format!("{section}:\n{lines}"),
        })
        .collect();
    let yaml = yaml.concat();
    assert!(given > 20, "found only {given} defaults");
    let config = Config::parse(&yaml, "the table", Path::new("")).unwrap_or_else(|fault| {
        panic!("{fault}");
    });
    assert_eq!(config, Config::default());
}

#[test]
fn the_whole_example_has_every_key() {
    let page = settings();
    let blocks = page.blocks();
    let example = &blocks.last().expect("the page ends with an example").text;
    let mut section = "";
    let mut written = BTreeSet::new();
    for line in example.lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        match key.strip_prefix("  ") {
            Some(key) => drop(written.insert(format!("{section}.{key}"))),
            None if value.trim().is_empty() => section = key,
            None => drop(written.insert(key.to_owned())),
        }
        if value.trim().is_empty() {
            written.insert(key.to_owned());
        }
    }
    for key in listed(&page).keys() {
        assert!(written.contains(*key), "{key} is missing: {written:?}");
    }
}
