//! `sluicegate eval`: expressions of CESQL 1.0 through the program, as a tool drives it.

use std::io::{BufRead, BufReader, Write};
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use crate::command::{command, sluicegate};
use crate::scene::PATIENCE;

#[path = "../../../filter/tests/cesql/kit/cases.rs"]
mod cases;

/// One line of a batch.
fn request(expression: &str, attributes: &Value) -> String {
    let mut event =
        json!({"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.paid"});
    for (name, value) in attributes.as_object().expect("attributes are an object") {
        event[name] = value.clone();
    }
    json!({"expression": expression, "event": event}).to_string()
}

/// What the program answers to each line of a batch.
fn answers(lines: &[String]) -> Vec<Value> {
    let done = sluicegate(&["eval", "-o", "json", "--batch"], &lines.join("\n"));
    assert_eq!(
        (done.code, done.talk.as_str()),
        (Some(0), ""),
        "{}",
        done.out
    );
    let answers = done.out.lines();
    answers
        .map(|line| serde_json::from_str(line).expect("each line is an object"))
        .collect()
}

#[test]
fn every_case_of_the_specification_passes_through_the_program() {
    let Some(folder) = cases::folder() else {
        println!("not run: {} names no folder", cases::VARIABLE);
        return;
    };
    let cases = cases::read(&folder);
    let lines: Vec<String> = cases
        .iter()
        .map(|case| request(&case.expression, &case.attributes))
        .collect();
    let answers = answers(&lines);
    assert_eq!(answers.len(), cases.len());
    let mut failures = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        let value_differs = case
            .result
            .as_ref()
            .is_some_and(|it| *it != answer["value"]);
        if value_differs || answer["errors"] != json!(case.errors) {
            failures.push(format!("{}: {}: {answer}", case.name, case.expression));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cases.len() >= 275, "{} cases", cases.len());
}

#[test]
fn a_batch_is_answered_with_values_types_and_errors() {
    let attributes = json!({"amount": 40, "express": true, "region": "eu"});
    let cases = [
        (
            "type = 'order.paid' AND amount > 39",
            json!(true),
            "Boolean",
            json!([]),
        ),
        ("amount + 2", json!(42), "Integer", json!([])),
        (
            "CONCAT(region, '-', amount)",
            json!("eu-40"),
            "String",
            json!([]),
        ),
        ("express", json!(true), "Boolean", json!([])),
        ("amount = '40'", json!(true), "Boolean", json!([])),
        ("region = ", json!(false), "Boolean", json!(["parse"])),
        ("1 / 0", json!(0), "Integer", json!(["math"])),
        ("INT(region)", json!(0), "Integer", json!(["cast"])),
        (
            "price > 1",
            json!(false),
            "Boolean",
            json!(["missingAttribute"]),
        ),
        (
            "FOO(1)",
            json!(false),
            "Boolean",
            json!(["missingFunction"]),
        ),
        (
            "LEFT(region, -1)",
            json!("eu"),
            "String",
            json!(["functionEvaluation"]),
        ),
    ];
    let lines: Vec<String> = cases
        .iter()
        .map(|(expression, ..)| request(expression, &attributes))
        .collect();
    for ((expression, value, ty, errors), answer) in cases.iter().zip(answers(&lines)) {
        let expected = json!({"value": value, "type": ty, "errors": errors});
        assert_eq!(answer, expected, "{expression}");
    }
}

#[test]
fn each_line_of_a_batch_is_answered_before_the_next_is_written() {
    let mut child = command(&["eval", "-o", "json", "--batch"])
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let (sender, answers) = mpsc::sync_channel(8);
    let reader = thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            sender.send(line).ok();
        }
    });
    for number in 1..=3 {
        writeln!(stdin, "{{\"expression\":\"{number}\"}}").expect("it reads");
        let answer = answers.recv_timeout(PATIENCE).expect("it answers at once");
        let expected = format!("{{\"value\":{number},\"type\":\"Integer\",\"errors\":[]}}");
        assert_eq!(answer, expected);
    }
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
    reader.join().expect("it does not panic");
}

#[test]
fn a_line_that_is_no_request_is_answered_and_told() {
    let lines = [
        "{\"expression\":\"1\"}".to_owned(),
        "nonsense".to_owned(),
        "{\"expression\":\"1\",\"event\":{\"id\":\"7\"}}".to_owned(),
        "x".repeat(4 << 20),
        "{\"expression\":\"2\"}".to_owned(),
    ];
    let done = sluicegate(&["eval", "--batch", "-o", "json"], &lines.join("\n"));
    let generic = "{\"value\":false,\"type\":\"Boolean\",\"errors\":[\"generic\"]}";
    let out: Vec<&str> = done.out.lines().collect();
    assert_eq!(out.len(), 5, "{}", done.out);
    assert_eq!(out[1..4], [generic; 3]);
    assert_eq!(out[4], "{\"value\":2,\"type\":\"Integer\",\"errors\":[]}");
    assert_eq!(done.code, Some(1));
    for told in ["line 2: ", "line 3: ", "line 4: ", "next:"] {
        assert!(done.talk.contains(told), "{told}: {}", done.talk);
    }
}

#[test]
fn the_exit_code_tells_match_no_match_and_nonsense() {
    let event = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"n\":7}";
    for (words, code, out) in [
        (
            &["eval", "n = 7", "--event", "-"][..],
            0,
            "true   Boolean\n└ n is 7\n",
        ),
        (
            &["eval", "n = 8", "--event", "-"],
            1,
            "false   Boolean\n└ n is 7\n",
        ),
        (
            &["eval", "n", "--event", "-", "-o", "json"],
            1,
            "{\"value\":7,\"type\":\"Integer\",\"errors\":[]}\n",
        ),
        (&["eval", "n =", "--event", "-"], 2, ""),
        (&["eval", "n", "--event", "/nowhere/at/all"], 2, ""),
        (&["eval", "n", "--evnt", "-"], 2, ""),
    ] {
        let done = sluicegate(words, event);
        assert_eq!(
            (done.code, done.out.as_str()),
            (Some(code), out),
            "{words:?}: {}",
            done.talk
        );
        assert!(!done.out.contains('\u{1b}'), "{words:?}");
    }
}

#[test]
fn without_arguments_lines_are_read_and_no_prompt_stands_in_a_pipe() {
    let done = sluicegate(&["eval"], "1 + 1 = 2\n'a' LIKE 'b%'\n");
    assert_eq!(done.out, "true   Boolean\nfalse   Boolean\n");
    assert_eq!((done.code, done.talk.as_str()), (Some(0), ""));
}
