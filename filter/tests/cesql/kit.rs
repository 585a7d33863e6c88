//! The test cases that come with the specification: 18 files of YAML, which are not kept here.
//!
//! `SLUICEGATE_CESQL_TCK` names their folder; without it they are looked for beside the repository,
//! in `shared/cesql_tck`.

use serde_json::json;
use sluicegate_filter::cesql::Expression;

use crate::{as_json, decides_as_it_evaluates, event, kinds};

mod cases;

use cases::Case;

#[test]
fn every_case_of_the_specification_passes() {
    let Some(folder) = cases::folder() else {
        println!(
            "not run: {} names no folder, and ../shared/cesql_tck is not there",
            cases::VARIABLE
        );
        return;
    };
    let cases = cases::read(&folder);
    let failures: Vec<String> = cases.iter().filter_map(|case| run(case).err()).collect();
    assert_eq!(failures, [""; 0]);
    assert!(cases.len() >= 275, "{} cases", cases.len());
}

fn run(case: &Case) -> Result<(), String> {
    let Case {
        name,
        expression: text,
        ..
    } = case;
    let event = event(&case.attributes);
    let (value, errors) = match Expression::parse(text) {
        Ok(expression) => {
            decides_as_it_evaluates(&expression, &event);
            let value = as_json(&expression.evaluate(&event).value);
            (value, kinds(&expression, &event))
        }
        Err(_) => (json!(false), vec!["parse"]),
    };
    if errors != case.errors {
        return Err(format!(
            "{name}: {text}: the errors are {errors:?}, not {:?}",
            case.errors
        ));
    }
    match &case.result {
        Some(expected) if *expected != value => Err(format!(
            "{name}: {text}: it comes to {value}, not {expected}"
        )),
        Some(_) | None => Ok(()),
    }
}
