//! Reads the cases: text in, cases out. The suite that drives the program reads them here too.

use std::fs;
use std::path::{Path, PathBuf};

use saphyr_parser::{Event as Yaml, Parser, ScalarStyle};
use serde_json::{Map, Value as Json, json};

/// Names the folder.
pub(crate) const VARIABLE: &str = "SLUICEGATE_CESQL_TCK";

/// An expression, what it is asked about, and what it must come to.
pub(crate) struct Case {
    /// The file, and the name in it.
    pub(crate) name: String,
    pub(crate) expression: String,
    /// Those that the event has beside, or instead of, those of any valid event.
    pub(crate) attributes: Json,
    /// None where the case does not say.
    pub(crate) result: Option<Json>,
    pub(crate) errors: Vec<String>,
}

/// Where the cases are, if they are at hand.
pub(crate) fn folder() -> Option<PathBuf> {
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

/// All cases of the folder, which has at least the 18 files of CESQL 1.0.
pub(crate) fn read(folder: &Path) -> Vec<Case> {
    let (mut files, mut cases) = (0, Vec::new());
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        files += 1;
        let suite = read_yaml(&fs::read_to_string(&path).expect("a file of cases is UTF-8"));
        let of_file = suite["tests"].as_array().expect("a file holds cases");
        cases.extend(of_file.iter().map(|case| case_of(&path, case)));
    }
    assert!(files >= 18, "{files} files");
    cases
}

fn case_of(path: &Path, case: &Json) -> Case {
    Case {
        name: format!("{} {}", path.display(), case["name"]),
        expression: match &case["expression"] {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        },
        attributes: match (&case["event"], &case["eventOverrides"]) {
            (Json::Null, Json::Null) => json!({}),
            (Json::Null, given) | (given, _) => given.clone(),
        },
        result: Some(&case["result"]).filter(|it| !it.is_null()).cloned(),
        errors: case["error"]
            .as_str()
            .map(str::to_owned)
            .into_iter()
            .collect(),
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
