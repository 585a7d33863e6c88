use clap::Parser;
use serde_json::{Value, json};

use super::*;
use crate::cli::{Cli, Verb};
use crate::testing::{Kept, TempDir};

const ORDER: &str = r#"{"specversion":"1.0","id":"7","source":"/shop","type":"order.paid",
    "amount":40,"region":"eu"}"#;

/// What a run did: exit code, data, and talk with the failure that ended it.
struct Run {
    code: u8,
    out: String,
    talk: String,
}

/// A trigger of the broker `orders` in the namespace `shop`.
fn trigger(name: &str, filters: &str) -> String {
    format!(
        "apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {{name: {name}, namespace: shop}}
spec:
  broker: orders
  filters: {filters}
  subscriber: {{uri: http://somewhere/}}
---
"
    )
}

const BROKERS: &str = "\
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: orders, namespace: shop}
---
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: audits, namespace: shop}
---
";

/// Explains the order to a folder with this file.
fn ran(manifests: &str, words: &[&str]) -> Run {
    let folder = TempDir::new();
    let order = folder.path().join("order.json");
    std::fs::write(&order, ORDER).unwrap();
    std::fs::write(folder.path().join("a.yaml"), manifests).unwrap();
    let mut all = vec!["sluicegate", "explain"];
    if !words.contains(&"--event") {
        all.extend(["--event", order.to_str().unwrap()]);
    }
    if !words.contains(&"--manifests") {
        all.extend(["--manifests", folder.path().to_str().unwrap()]);
    }
    let Verb::Explain(args) = Cli::try_parse_from(all.iter().chain(words)).unwrap().verb else {
        panic!()
    };
    let (out, talk) = (Kept::default(), Kept::default());
    let mut console = Console::plain(out.clone(), talk.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let done = runtime.block_on(execute(&args, &mut console));
    if let Err(failure) = &done {
        console.tell(failure);
    }
    Run {
        code: done.map_or_else(|failure| failure.exit().code(), |()| 0),
        out: out.text(),
        talk: talk.text(),
    }
}

/// What stands behind the outcome of the one trigger with these filters, and the exit code.
fn told(filters: &str) -> (u8, String) {
    let run = ran(&trigger("one", filters), &[]);
    let tree = run.out.split("trigger  one  ").nth(1);
    let lines: Vec<&str> = tree
        .unwrap_or_else(|| panic!("{}{}", run.out, run.talk))
        .lines()
        .map(|line| line.strip_prefix(&" ".repeat(22)).unwrap_or(line))
        .collect();
    (run.code, lines.join("\n"))
}

#[test]
fn one_comparison_is_one_line() {
    for (filters, code, line) in [
        (
            "[{prefix: {type: order.}}]",
            0,
            "MATCH   prefix type=\"order.\"   event has \"order.paid\"",
        ),
        (
            "[{exact: {type: order.paid}}]",
            0,
            "MATCH   exact type=\"order.paid\"",
        ),
        (
            "[{exact: {source: /x}}]",
            1,
            "no      exact source=\"/x\"   event has \"/shop\"",
        ),
        (
            "[{suffix: {subject: x}}]",
            1,
            "no      suffix subject=\"x\"   event has no subject",
        ),
        ("[]", 0, "MATCH   no filter: takes every event"),
    ] {
        assert_eq!(told(filters), (code, line.to_owned()), "{filters}");
    }
}

#[test]
fn a_tree_shows_each_node_and_which_one_decides() {
    let filters = "[{exact: {type: order.paid}}, {any: [{exact: {region: us}}, {exact: {source: /x}}]}, \
                   {not: {prefix: {type: order.}}}]";
    let expected = "\
no      ✓ exact type=\"order.paid\"
        ✗ any   ← decides
          ✗ exact region=\"us\"        event has \"eu\"
          ✗ exact source=\"/x\"        event has \"/shop\"
        ✗ not
          ✓ prefix type=\"order.\"     event has \"order.paid\"";
    let (code, tree) = told(filters);
    let squeezed = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    assert_eq!(squeezed(&tree), squeezed(expected));
    assert_eq!(code, 1);
}

#[test]
fn comparisons_that_are_all_wanted_stand_together_where_others_are_not() {
    let both = "{exact: {type: order.paid, source: /x}}";
    let (_, tree) = told(&format!("[{{any: [{both}, {{exact: {{region: eu}}}}]}}]"));
    let texts: Vec<&str> = tree.lines().map(|line| line.trim_end()).collect();
    assert_eq!(
        texts,
        [
            "MATCH   ✓ any",
            "  ✗ exact",
            "    ✓ exact type=\"order.paid\"",
            "    ✗ exact source=\"/x\"   event has \"/shop\"",
            "  ✓ exact region=\"eu\"   ← decides",
        ]
    );
    let (_, tree) = told(&format!("[{both}, {{exact: {{region: eu}}}}]"));
    assert!(
        tree.contains("✗ exact source=\"/x\"   event has \"/shop\"   ← decides"),
        "{tree}"
    );
    assert_eq!(tree.lines().count(), 3, "{tree}");
}

#[test]
fn below_an_expression_stands_what_decided() {
    for (filters, code, tree) in [
        (
            "[{cesql: \"type = 'order.paid' AND amount > 100\"}]",
            1,
            "no      cesql  type = 'order.paid' AND amount > 100\n\
             └ amount > 100 is false: amount is 40",
        ),
        (
            "[{cesql: \"region = 'eu' AND price > 100\"}]",
            1,
            "error   cesql  region = 'eu' AND price > 100\n\
             └ 'price' is not on this event (missingAttribute; price > 100 reads as false)",
        ),
        (
            "[{exact: {region: eu}}, {not: {cesql: price > 100}}]",
            0,
            "MATCH   ✓ exact region=\"eu\"\n✓ not\n  ! cesql  price > 100\n    \
             └ 'price' is not on this event (missingAttribute; the expression reads as false)",
        ),
    ] {
        assert_eq!(told(filters), (code, tree.to_owned()), "{filters}");
    }
}

#[test]
fn triggers_stand_below_their_broker_by_name() {
    let manifests = [
        trigger("zoo", "[{exact: {source: /x}}]"),
        trigger("a", "[{exact: {type: order.paid}}]"),
        trigger("b", "[]").replace("broker: orders", "broker: audits"),
    ];
    let run = ran(&format!("{}{BROKERS}", manifests.concat()), &[]);
    assert_eq!(
        run.out,
        "event    order.paid  from /shop  id 7

broker   shop/audits
trigger  b    MATCH   no filter: takes every event

broker   shop/orders
trigger  a    MATCH   exact type=\"order.paid\"
trigger  zoo  no      exact source=\"/x\"   event has \"/shop\"
"
    );
    assert_eq!((run.code, run.talk.as_str()), (0, ""));
}

#[test]
fn the_triggers_of_one_broker_can_be_asked_for_and_one_that_is_not_there_is_said() {
    let manifests = [
        trigger("a", "[]"),
        trigger("b", "[]").replace("broker: orders", "broker: audits"),
    ]
    .concat();
    let run = ran(&manifests, &["--broker", "shop/audits"]);
    assert!(
        run.out
            .contains("broker   shop/audits   no manifest here describes it\n"),
        "{}",
        run.out
    );
    assert!(!run.out.contains("orders"), "{}", run.out);
    let run = ran(&manifests, &["--broker", "orders", "-n", "shop"]);
    assert!(run.out.contains("trigger  a "), "{}", run.out);
    let run = ran(&manifests, &["--broker", "orders"]);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(
        run.talk.contains("of the broker default/orders"),
        "{}",
        run.talk
    );
    let dev = trigger("a", "[]")
        .replace("namespace: shop", "namespace: default")
        .replace("broker: orders", "broker: default");
    for (manifests, name) in [
        (dev, "default/a"),
        (format!("{manifests}{BROKERS}"), "shop/b"),
    ] {
        let run = ran(&manifests, &["--trigger", name]);
        assert!(!run.out.contains("no manifest"), "{}", run.out);
        assert!(run.out.contains("\nfile     "), "{}", run.out);
        assert!(
            run.out.trim_end().ends_with(|it: char| it.is_ascii_digit()),
            "{}",
            run.out
        );
    }
}

#[test]
fn json_tells_places_in_characters_and_why_no_boolean_matches() {
    let expression = |filters: &str| {
        let run = ran(&trigger("one", filters), &["-o", "json"]);
        let report: Value = serde_json::from_str(&run.out).unwrap();
        report["triggers"][0]["clauses"][0]["expression"].clone()
    };
    let failing = expression("[{cesql: \"type = 'é' OR price > 1\"}]");
    assert_eq!(
        failing["errors"],
        json!([{"kind": "missingAttribute", "part": "price", "start": 14, "end": 19}])
    );
    assert_eq!(failing["deciding"]["start"], 14, "{failing}");
    assert_eq!(failing["note"], Value::Null);
    assert_eq!(
        expression("[{cesql: region}]")["note"],
        "it comes to \"eu\", of type String, and only a Boolean matches"
    );
}

#[test]
fn one_trigger_can_be_named_and_an_unknown_one_lists_close_ones() {
    let manifests = [
        trigger("billing", "[{exact: {source: /x}}]"),
        trigger("audit", "[{exact: {type: order.paid}}]"),
    ]
    .concat();
    let run = ran(&manifests, &["--trigger", "shop/billing"]);
    assert!(
        run.out.contains("billing") && !run.out.contains("audit"),
        "{}",
        run.out
    );
    assert_eq!(run.code, 1);
    for words in [
        &["--trigger", "shop/audit"][..],
        &["--trigger", "audit"],
        &["--trigger", "audit", "-n", "shop"],
    ] {
        assert_eq!(ran(&manifests, words).code, 0, "{words:?}");
    }
    for (name, next) in [
        (
            "shop/biling",
            "did you mean shop/billing? there are shop/audit, shop/billing",
        ),
        ("other/audit", "did you mean shop/audit? there are"),
        ("audits", "did you mean shop/audit? there are"),
        ("shop/nothing-like-it", "next:  there are shop/audit"),
    ] {
        let run = ran(&manifests, &["--trigger", name]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{name}");
        assert!(run.talk.contains(next), "{name}: {}", run.talk);
    }
}

#[test]
fn an_invalid_trigger_is_named_and_hides_no_other() {
    let good = trigger("good", "[{exact: {source: /x}}]");
    let bad = trigger("bad", "[{exakt: {source: /x}}]");
    let twice = trigger("good", "[]");
    for (manifests, words, code, out, talk) in [
        (format!("{good}{bad}"), &[][..], 3, "good", "exakt"),
        (
            format!("{good}{bad}"),
            &["--trigger", "shop/good"],
            1,
            "good",
            "exakt",
        ),
        (
            format!("{good}{bad}"),
            &["--trigger", "shop/bad"],
            3,
            "",
            "shop/bad is not valid",
        ),
        (
            format!("{good}{twice}"),
            &[],
            3,
            "no      exact",
            "described twice",
        ),
        (
            format!("{}{bad}", trigger("all", "[]")),
            &[],
            0,
            "MATCH",
            "exakt",
        ),
        ("kind: [".to_owned(), &[], 3, "", "no valid trigger"),
        (
            format!("{good}\nkind: [\n"),
            &["--trigger", "shop/other"],
            3,
            "",
            "shop/other",
        ),
        (String::new(), &[], 1, "", "sluicegate new trigger"),
    ] {
        let run = ran(&manifests, words);
        assert_eq!(
            run.code, code,
            "{manifests}{words:?}: {}{}",
            run.out, run.talk
        );
        assert!(run.out.contains(out), "{manifests}{words:?}: {}", run.out);
        assert!(
            run.talk.contains(talk),
            "{manifests}{words:?}: {}",
            run.talk
        );
    }
}

#[test]
fn a_broker_that_is_not_there_or_not_valid_changes_no_filter() {
    let manifests = format!(
        "{}apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {{name: 'O!'}}\n",
        trigger("good", "[{exact: {type: order.paid}}]")
    );
    let run = ran(&manifests, &[]);
    assert_eq!((run.code, run.talk.as_str()), (0, ""), "{}", run.out);
}

#[test]
fn what_is_not_there_is_a_fault_of_the_command_line() {
    let good = trigger("good", "[]");
    for words in [
        ["--event", "/nowhere/at/all"],
        ["--manifests", "/nowhere/at/all"],
    ] {
        let run = ran(&good, &words);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{words:?}");
        assert!(run.talk.contains("/nowhere/at/all"), "{}", run.talk);
    }
    assert!(Cli::try_parse_from(["sluicegate", "explain"]).is_err());
}

#[test]
fn json_holds_the_whole_tree() {
    let filters = "[{exact: {type: order.paid}}, {any: [{exact: {subject: us}}]}]";
    let run = ran(&trigger("one", filters), &["-o", "json"]);
    let mut report: Value = serde_json::from_str(&run.out).unwrap();
    report["triggers"][0]["file"].take();
    assert_eq!(
        report,
        json!({
            "event": {"id": "7", "source": "/shop", "type": "order.paid"},
            "triggers": [{
                "namespace": "shop", "name": "one", "broker": "orders", "brokerFound": false,
                "file": null, "line": 1,
                "outcome": "noMatch",
                "clauses": [
                    {"dialect": "exact", "outcome": "match", "decided": false, "comparisons": [
                        {"attribute": "type", "wanted": "order.paid", "found": "order.paid",
                         "holds": true, "decided": true},
                    ]},
                    {"dialect": "any", "outcome": "noMatch", "decided": true, "clauses": [
                        {"dialect": "exact", "outcome": "noMatch", "decided": true, "comparisons": [
                            {"attribute": "subject", "wanted": "us", "holds": false, "decided": true},
                        ]},
                    ]},
                ],
            }],
        })
    );
    assert_eq!(run.code, 1);
}

mod of_expressions {
    use sluicegate_event::Event;
    use sluicegate_filter::FilterSpec;
    use sluicegate_filter::cesql::Expression;
    use sluicegate_filter::explain::explain;

    use crate::filter_lines::lines;

    fn cesql(text: &str) -> FilterSpec {
        FilterSpec::Cesql(Expression::parse(text).unwrap())
    }

    /// Each line's text, with a mark where it decided.
    fn told(filters: &[FilterSpec]) -> Vec<String> {
        let event = Event::builder("1", "/shop", "order.paid")
            .attribute("amount", "40")
            .build()
            .unwrap();
        lines(&explain(filters, &event))
            .into_iter()
            .map(|line| {
                let mark = if line.has_decided { "*" } else { "" };
                format!("{mark}{}", line.text)
            })
            .collect()
    }

    #[test]
    fn an_expression_is_told_with_what_decided() {
        for (text, why) in [
            (
                "type = 'order.paid' AND amount > 100",
                &["*amount > 100 is false: amount is \"40\""][..],
            ),
            ("amount = 41", &["*amount is \"40\""]),
            (
                "type = 'order.paid' AND price > 100",
                &["*'price' is not on this event (missingAttribute; price > 100 reads as false)"],
            ),
            (
                "price > 100",
                &[
                    "*'price' is not on this event (missingAttribute; the expression reads as false)",
                ],
            ),
            (
                "amount",
                &[
                    "*amount is \"40\"",
                    "*it comes to \"40\", of type String, and only a Boolean matches",
                ],
            ),
            ("1 = 1", &[]),
        ] {
            let mut expected = vec![format!("*cesql  {text}")];
            expected.extend(why.iter().map(|line| (*line).to_owned()));
            assert_eq!(told(&[cesql(text)]), expected);
        }
    }

    #[test]
    fn a_failure_that_does_not_count_is_told_as_such() {
        let excluding = FilterSpec::Exact(vec![("type".to_owned(), "x".to_owned())]);
        let lines = told(&[cesql("price > 1"), excluding]);
        assert_eq!(lines[0], "cesql  price > 1");
        assert_eq!(lines[2], "*exact type=\"x\"");
        assert!(lines[3].contains("not counted as a failure"), "{lines:?}");
        // Nor is one behind another expression that has decided.
        let lines = told(&[cesql("amount = '1'"), cesql("price > 1")]);
        let remark = lines.last().expect("there are lines");
        assert!(remark.contains("what else is wanted"), "{lines:?}");
    }

    #[test]
    fn a_long_expression_of_several_lines_is_one_line() {
        let text = format!(
            "amount = 41\n  OR {}",
            "amount = 41 OR ".repeat(100) + "FALSE"
        );
        let lines = told(&[cesql(&text)]);
        assert!(
            lines[0].starts_with("*cesql  amount = 41 OR amount"),
            "{}",
            lines[0]
        );
        assert!(
            lines[0].ends_with('…') && lines[0].len() < 500,
            "{}",
            lines[0]
        );
    }
}
