//! The test cases that come with the specification: 18 files of YAML, which are not kept here.
//!
//! `SLUICEGATE_CESQL_TCK` names their folder; without it they are looked for beside the repository,
//! in `shared/cesql_tck`.

use std::fs;
use std::path::{Path, PathBuf};

use saphyr_parser::{Event as Yaml, Parser, ScalarStyle};
use serde_json::{Map, Value as Json, json};
use sluicegate_filter::cesql::Expression;

use crate::{as_json, decides_as_it_evaluates, event, kinds};

const VARIABLE: &str = "SLUICEGATE_CESQL_TCK";

#[test]
fn every_case_of_the_specification_passes() {
    let Some(folder) = folder() else {
        println!("not run: {VARIABLE} names no folder, and ../shared/cesql_tck is not there");
        return;
    };
    let (mut files, mut cases, mut failures) = (0, 0, Vec::new());
    for entry in fs::read_dir(&folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        files += 1;
        let suite = read_yaml(&fs::read_to_string(&path).expect("a file of cases is UTF-8"));
        for case in suite["tests"].as_array().expect("a file holds cases") {
            cases += 1;
            if let Err(failure) = run(case) {
                failures.push(format!("{} {}: {failure}", path.display(), case["name"]));
            }
        }
    }
    assert_eq!(failures, [""; 0]);
    assert!(
        files >= 18 && cases >= 275,
        "{cases} cases in {files} files"
    );
}

fn folder() -> Option<PathBuf> {
    match std::env::var_os(VARIABLE) {
        Some(named) => {
            let named = PathBuf::from(named);
            assert!(
                named.is_dir(),
                "{VARIABLE} is {}, no folder",
                named.display()
            );
            Some(named)
        }
        None => {
            let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cesql_tck");
            beside.is_dir().then_some(beside)
        }
    }
}

fn run(case: &Json) -> Result<(), String> {
    let text = match &case["expression"] {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let event = match (&case["event"], &case["eventOverrides"]) {
        (Json::Null, Json::Null) => event(&json!({})),
        (Json::Null, given) | (given, _) => event(given),
    };
    let (value, errors) = match Expression::parse(&text) {
        Ok(expression) => {
            decides_as_it_evaluates(&expression, &event);
            let value = as_json(&expression.evaluate(&event).value);
            (value, kinds(&expression, &event))
        }
        Err(_) => (json!(false), vec!["parse"]),
    };
    let expected: Vec<&str> = case["error"].as_str().into_iter().collect();
    if errors != expected {
        return Err(format!(
            "{text}: the errors are {errors:?}, not {expected:?}"
        ));
    }
    match &case["result"] {
        Json::Null => Ok(()),
        expected if *expected == value => Ok(()),
        expected => Err(format!("{text}: it comes to {value}, not {expected}")),
    }
}

/// YAML of the shapes that stand in the files: maps, lists and scalars.
fn read_yaml(text: &str) -> Json {
    enum Open {
        List(Vec<Json>),
        Map(Map<String, Json>, Option<String>),
    }
    let mut open = Vec::new();
    let mut root = Json::Null;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, _) = event.expect("a file of cases is YAML");
        let value = match event {
            Yaml::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Yaml::MappingStart(..) => {
                open.push(Open::Map(Map::new(), None));
                continue;
            }
            Yaml::SequenceEnd | Yaml::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Json::Array(items),
                Some(Open::Map(members, _)) => Json::Object(members),
                None => panic!("the parser ends only what it began"),
            },
            Yaml::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
            Yaml::Scalar(text, ..) => Json::String(text.into_owned()),
            _ => continue,
        };
        match open.last_mut() {
            None => root = value,
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(members, key)) => match key.take() {
                Some(key) => {
                    members.insert(key, value);
                }
                None => {
                    let name = value.as_str().expect("keys are text");
                    *key = Some(name.to_owned());
                }
            },
        }
    }
    root
}

fn plain(text: &str) -> Json {
    match text {
        "true" | "True" | "TRUE" => json!(true),
        "false" | "False" | "FALSE" => json!(false),
        _ => text
            .parse::<i64>()
            .map_or_else(|_| json!(text), |value| json!(value)),
    }
}
