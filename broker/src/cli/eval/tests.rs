use clap::Parser;

use super::*;
use crate::cli::{Cli, Verb};
use crate::testing::{Kept, TempDir};

const ORDER: &str = r#"{"specversion":"1.0","id":"1","source":"/shop","type":"order.paid",
    "amount":40,"region":"eu","express":true}"#;

/// What a run did: exit code, data, and talk with the failure that ended it.
struct Run {
    code: u8,
    out: String,
    talk: String,
}

fn arguments(words: &[&str]) -> EvalArgs {
    let cli = Cli::try_parse_from(["sluicegate", "eval"].iter().chain(words));
    match cli
        .unwrap_or_else(|error| panic!("{words:?}: {error}"))
        .verb
    {
        Verb::Eval(args) => args,
        other => panic!("not eval: {other:?}"),
    }
}

/// Runs `eval` with these words, where `{order}` is a file with an event, and this standard input.
fn ran(words: &[&str], input: &str, is_terminal: bool) -> Run {
    let folder = TempDir::new();
    let path = folder.path().join("order.json");
    std::fs::write(&path, ORDER).unwrap();
    let path = path.to_str().unwrap();
    let words: Vec<String> = words.iter().map(|it| it.replace("{order}", path)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let input = input.replace("{order}", path);
    let args = arguments(&words);
    let (out, talk) = (Kept::default(), Kept::default());
    let mut console = Console::plain(out.clone(), talk.clone());
    let done = match args.expression {
        Some(_) => execute(&args, &mut console),
        None => refuse_what_makes_no_sense(&args).and_then(|()| {
            let event = args.event.as_deref().map(read_one).transpose()?;
            many(&args, event, input.as_bytes(), is_terminal, &mut console)
        }),
    };
    let code = match &done {
        Ok(()) => 0,
        Err(failure) => {
            console.tell(failure);
            failure.exit().code()
        }
    };
    Run {
        code,
        out: out.text(),
        talk: talk.text(),
    }
}

#[test]
fn the_exit_code_tells_match_no_match_and_nonsense() {
    for (expression, code) in [
        ("amount = 40", 0),
        ("express", 0),
        ("amount = 41", 1),
        ("amount", 1),
        ("type", 1),
        ("NOT 5", 1),
        ("price > 1", 1),
        ("price >", 2),
        ("", 2),
    ] {
        for output in ["human", "json"] {
            let words = [expression, "--event", "{order}", "-o", output];
            let run = ran(&words, "", false);
            assert_eq!(run.code, code, "{expression} -o {output}: {}", run.talk);
        }
    }
}

#[test]
fn people_see_the_value_what_decided_and_each_error() {
    for (expression, out) in [
        ("amount = 40", "true   Boolean\n└ amount is 40\n"),
        (
            "type = 'order.paid' AND amount > 100",
            "false   Boolean\n└ amount > 100 is false: amount is 40\n",
        ),
        (
            "CONCAT(region, '!')",
            "\"eu!\"   String\n└ region is \"eu\"\n",
        ),
        ("1 + 2", "3   Integer\n"),
        (
            "type = 'order.paid' AND price > 100",
            "false   Boolean
└ price > 100 is false: price is not on this event
missingAttribute: 'price' is not on this event
  type = 'order.paid' AND price > 100
                          ^^^^^
",
        ),
    ] {
        let run = ran(&[expression, "--event", "{order}"], "", false);
        assert_eq!(run.out, out, "{expression}");
    }
}

#[test]
fn what_could_be_no_filter_is_said_beside_the_value() {
    for (expression, told) in [
        ("amount = 40", ""),
        ("express", ""),
        ("price > 1", ""),
        ("amount + 1", "refused with W003: "),
        ("'a'", "refused with W003: "),
        ("LENGHT(region) > 1", "refused with W003: "),
        (
            "region",
            "only a Boolean matches, and this is of type String",
        ),
        (
            "amount",
            "only a Boolean matches, and this is of type Integer",
        ),
    ] {
        let run = ran(&[expression, "--event", "{order}"], "", false);
        assert!(run.talk.contains(told), "{expression}: {}", run.talk);
        assert_eq!(
            run.talk.is_empty(),
            told.is_empty(),
            "{expression}: {}",
            run.talk
        );
        let run = ran(&[expression, "--event", "{order}", "-o", "json"], "", false);
        assert_eq!(run.talk, "", "{expression}");
    }
}

#[test]
fn an_expression_may_begin_with_a_minus() {
    let run = ran(&["-1 < amount", "--event", "{order}"], "", false);
    assert_eq!(
        (run.code, run.out.lines().next()),
        (0, Some("true   Boolean"))
    );
    let run = ran(&["--event", "{order}", "-amount"], "", false);
    assert_eq!(
        run.out.lines().next(),
        Some("-40   Integer"),
        "{}",
        run.talk
    );
}

#[test]
fn what_is_no_expression_is_told_with_a_caret_and_a_remedy() {
    let run = ran(&["amount > ", "--event", "{order}"], "", false);
    assert_eq!(run.out, "");
    assert!(run.talk.starts_with("error: "), "{}", run.talk);
    assert!(
        run.talk.contains("\n  amount > \n           ^\n"),
        "{}",
        run.talk
    );
    assert!(run.talk.contains("\nnext:  "), "{}", run.talk);

    let run = ran(
        &["amount > ", "--event", "{order}", "-o", "json"],
        "",
        false,
    );
    assert_eq!(
        run.out,
        "{\"value\":false,\"type\":\"Boolean\",\"errors\":[\"parse\"]}\n"
    );
    assert!(
        run.talk.contains("\n  amount > \n           ^\n"),
        "{}",
        run.talk
    );
    for nothing in ["", "  "] {
        let run = ran(&[nothing], "", false);
        assert_eq!((run.code, run.out.as_str()), (2, ""));
        assert_eq!(run.talk.lines().count(), 2, "{}", run.talk);
    }
}

#[test]
fn without_an_event_it_is_said_what_is_asked_about() {
    let run = ran(&["1 + 1"], "", false);
    assert_eq!(run.out, "2   Integer\n");
    assert!(!run.talk.contains("without --event"), "{}", run.talk);
    let run = ran(&["type = 'demo.hello'"], "", false);
    assert_eq!(run.code, 0);
    assert!(run.talk.contains("type demo.hello"), "{}", run.talk);
    let run = ran(&["amount = 1", "-o", "json"], "", false);
    assert_eq!(
        run.out,
        "{\"value\":false,\"type\":\"Boolean\",\"errors\":[\"missingAttribute\"]}\n"
    );
    assert!(run.talk.contains("without --event"), "{}", run.talk);
}

#[test]
fn words_that_make_no_sense_together_are_refused() {
    for words in [
        &["--event", "-"][..],
        &["--event", "-", "--batch"],
        &["--batch", "-o", "human"],
        &["1", "--event", "/nowhere/at/all"],
    ] {
        let run = ran(words, "", false);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{words:?}");
        assert!(run.talk.contains("next:"), "{words:?}: {}", run.talk);
    }
    let both = Cli::try_parse_from(["sluicegate", "eval", "1", "--batch"]);
    assert!(both.is_err());
}

#[test]
fn lines_are_answered_in_order_without_a_word_more() {
    let run = ran(&["--event", "{order}"], "1 = 2\n\n  amount = 40  \n", false);
    assert_eq!(run.out, "false   Boolean\ntrue   Boolean\n└ amount is 40\n");
    assert_eq!((run.code, run.talk.as_str()), (0, ""));
    let run = ran(
        &["--event", "{order}", "-o", "json"],
        "amount\nx y\nexit\n1",
        false,
    );
    assert_eq!(
        run.out,
        "{\"value\":40,\"type\":\"Integer\",\"errors\":[]}\n\
         {\"value\":false,\"type\":\"Boolean\",\"errors\":[\"parse\"]}\n"
    );
    assert_eq!(run.code, 2);
}

#[test]
fn a_terminal_gets_a_prompt_and_forgives() {
    let lines =
        "type\nhelp\nevent /nowhere/at/all\nevent {order}\nevent = 'x'\ntype\n1 +\nquit\n2\n";
    let run = ran(&[], lines, true);
    assert_eq!(
        run.out,
        "\
\"demo.hello\"   String
└ type is \"demo.hello\"
false   Boolean
└ event is not on this event
missingAttribute: 'event' is not on this event
  event = 'x'
  ^^^^^
\"order.paid\"   String
└ type is \"order.paid\"
"
    );
    assert_eq!(run.code, 0);
    assert_eq!(run.talk.matches("Ctrl-D").count(), 2, "{}", run.talk);
    assert!(run.talk.contains("> "), "{}", run.talk);
    assert!(run.talk.contains("/nowhere/at/all"), "{}", run.talk);
    assert!(
        run.talk
            .contains("asks about order.paid  from /shop  id 1\n"),
        "{}",
        run.talk
    );
}

#[test]
fn a_batch_is_answered_line_by_line() {
    let event = ORDER.replace('\n', "");
    let no = r#"{"value":false,"type":"Boolean","errors":["generic"]}"#;
    let cases = [
        (
            format!(r#"{{"expression":"amount + 2","event":{event},"name":"mine"}}"#),
            r#"{"value":42,"type":"Integer","errors":[]}"#,
        ),
        (
            format!(r#"{{"event":{event},"expression":"express"}}"#),
            r#"{"value":true,"type":"Boolean","errors":[]}"#,
        ),
        (
            r#"{"expression":"type","event":null}"#.to_owned(),
            r#"{"value":"demo.hello","type":"String","errors":[]}"#,
        ),
        (
            r#"{"expression":"it\u0065m = "}"#.to_owned(),
            r#"{"value":false,"type":"Boolean","errors":["parse"]}"#,
        ),
        (
            r#"{"expression":-5}"#.to_owned(),
            r#"{"value":-5,"type":"Integer","errors":[]}"#,
        ),
        (
            r#"{"expression":true}"#.to_owned(),
            r#"{"value":true,"type":"Boolean","errors":[]}"#,
        ),
        ("1 + 1".to_owned(), no),
        (r#"["1",null]"#.to_owned(), no),
        (r#"{"expression":1.5}"#.to_owned(), no),
        (r#"{"expression":{}}"#.to_owned(), no),
        (r#"{"event":{}}"#.to_owned(), no),
        (r#"{"expression":["1"]}"#.to_owned(), no),
        (r#"{"expression":null}"#.to_owned(), no),
        (r#"{"expression":"1","event":{"id":"1"}}"#.to_owned(), no),
        (r#"{"expression":"1","event":[]}"#.to_owned(), no),
        (r#"{"expression":"1"} x"#.to_owned(), no),
        (
            r#"{"expression":"1"}"#.to_owned(),
            r#"{"value":1,"type":"Integer","errors":[]}"#,
        ),
    ];
    let input: Vec<&str> = cases.iter().map(|(line, _)| line.as_str()).collect();
    let run = ran(&["--batch", "-o", "json"], &input.join("\n"), false);
    let answers: Vec<&str> = run.out.lines().collect();
    for ((line, expected), answer) in cases.iter().zip(&answers) {
        assert_eq!(answer, expected, "{line}");
    }
    assert_eq!(answers.len(), cases.len());
    assert_eq!(run.code, 1);
    assert!(
        run.talk.contains("line 14: the event is not valid: "),
        "{}",
        run.talk
    );
    assert!(
        run.talk.contains("10 of 17 lines are no requests"),
        "{}",
        run.talk
    );

    let run = ran(&["--batch"], &input[..6].join("\n"), false);
    assert_eq!((run.code, run.talk.as_str()), (0, ""));
    assert_eq!(ran(&["--batch"], "", false).out, "");
}

#[test]
fn what_is_no_request_is_told_in_words_and_blank_lines_are_passed_over() {
    for (line, told) in [
        ("x", "line 2: it is no JSON object\n"),
        (r#"["1",null]"#, "line 2: it is no JSON object\n"),
        (
            r#"{"expression":"1""#,
            "line 2: the JSON object does not end on the line\n",
        ),
        (
            r#"{"expression" "1"}"#,
            "line 2: it is no JSON: the fault is at column 15\n",
        ),
        (
            r#"{"expression":"1"} x"#,
            "line 2: it is no JSON: the fault is at column 20\n",
        ),
        (r#"{"event":{}}"#, "line 2: it has no member `expression`\n"),
        (
            r#"{"expression":null}"#,
            "line 2: it has no member `expression`\n",
        ),
        (
            r#"{"expression":["1"]}"#,
            "line 2: its expression is no text: [\"1\"]\n",
        ),
        (
            r#"{"expression":1.5}"#,
            "line 2: its expression is no text: 1.5\n",
        ),
        (
            r#"{"expression":"1","expression":"2"}"#,
            "line 2: `expression` or `event` is there twice\n",
        ),
    ] {
        let run = ran(&["--batch"], &format!("\n{line}\n \t\n\n"), false);
        assert_eq!(run.code, 1, "{line}");
        assert_eq!(run.out.lines().count(), 1, "{line}: {}", run.out);
        assert!(run.talk.starts_with(told), "{line}: {}", run.talk);
        assert!(
            run.talk.contains("error: the line is no request\n"),
            "{}",
            run.talk
        );
    }
    let run = ran(&["--batch"], "{\"expression\":\"1\"}\n\n", false);
    assert_eq!(
        (run.code, run.out.lines().count(), run.talk.as_str()),
        (0, 1, "")
    );
}

#[test]
fn a_batch_takes_long_lines_and_survives_longer_ones() {
    let long = "a".repeat(1 << 20);
    let largest = format!(
        r#"{{"expression":"1","event":{{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"{}"}}}}"#,
        "AAAA".repeat(340_000)
    );
    let expression = format!(r#"{{"expression":"{} = 1"}}"#, "\\u0061".repeat(8_000));
    let too_long = format!(r#"{{"expression":"1","pad":"{}"}}"#, long.repeat(4));
    let input = format!("{largest}\n{too_long}\n{expression}\n");
    let run = ran(&["--batch"], &input, false);
    assert_eq!(
        run.out,
        "{\"value\":1,\"type\":\"Integer\",\"errors\":[]}\n\
         {\"value\":false,\"type\":\"Boolean\",\"errors\":[\"generic\"]}\n\
         {\"value\":false,\"type\":\"Boolean\",\"errors\":[\"missingAttribute\"]}\n"
    );
    assert!(
        run.talk.contains("line 2: it is longer than"),
        "{}",
        run.talk
    );
}

#[test]
fn what_is_most_likely_not_meant_is_told_beside_the_value() {
    let run = ran(&["type LIKE 'order.*'", "--event", "{order}"], "", false);
    assert_eq!(
        (run.code, run.out.lines().next()),
        (1, Some("false   Boolean"))
    );
    for part in [
        "warning: ",
        "  type LIKE 'order.*'\n",
        "use %: LIKE 'order.%'",
    ] {
        assert!(run.talk.contains(part), "{part}: {}", run.talk);
    }
    let sure = ran(&["type LIKE 'order.%'", "--event", "{order}"], "", false);
    assert_eq!(sure.talk, "");
}
