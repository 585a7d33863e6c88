use std::cell::Cell;

use proptest::prop_assert;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::generated::{any_event, any_filter, by_definition};
use crate::testing::{cesql, exact, legacy, not, prefix, suffix};

/// A guard in words: clauses by line, anchors joined by `|`, `?` after an attribute that may be
/// absent.
fn words(specs: &[FilterSpec]) -> String {
    let anchor = |anchor: &Anchor| {
        let absent = if anchor.or_absent { "?" } else { "" };
        match &anchor.wanted {
            Wanted::Equals(text) => format!("{}{absent}={text}", anchor.attribute),
            Wanted::StartsWith(text) => format!("{}{absent}={text}*", anchor.attribute),
        }
    };
    let clause = |clause: &Clause| -> String {
        let anchors: Vec<String> = clause.anchors().iter().map(anchor).collect();
        anchors.join("|")
    };
    let clauses: Vec<String> = Guard::of(specs).clauses().iter().map(clause).collect();
    clauses.join(" ")
}

#[test]
fn each_dialect_gives_what_can_be_hashed_or_looked_up_by_prefix() {
    let any = |children: Vec<FilterSpec>| FilterSpec::Any(children);
    let all = |children: Vec<FilterSpec>| FilterSpec::All(children);
    let cases = [
        (vec![], ""),
        (
            vec![exact(&[("type", "a"), ("source", "s")])],
            "type=a source=s",
        ),
        (
            vec![prefix(&[("type", "a")]), exact(&[("source", "s")])],
            "source=s type=a*",
        ),
        (vec![suffix(&[("type", "a")])], ""),
        (
            vec![legacy(&[
                ("type", "a"),
                ("subject", ""),
                ("schemaurl", "s"),
            ])],
            "type=a",
        ),
        (vec![legacy(&[("datamediatype", "text/xml")])], ""),
        (
            vec![all(vec![exact(&[("type", "a")]), suffix(&[("id", "1")])])],
            "type=a",
        ),
        (
            vec![any(vec![
                exact(&[("type", "a")]),
                prefix(&[("source", "s")]),
            ])],
            "type=a|source=s*",
        ),
        (
            vec![any(vec![
                exact(&[("type", "a")]),
                suffix(&[("source", "s")]),
            ])],
            "",
        ),
        (
            vec![any(vec![
                all(vec![prefix(&[("id", "1")]), exact(&[("type", "a")])]),
                exact(&[("type", "b")]),
            ])],
            "type=a|type=b",
        ),
        (vec![not(exact(&[("type", "a")]))], ""),
        (vec![cesql("type = 'a' AND amount > 100")], "type=a"),
    ];
    for (specs, expected) in cases {
        assert_eq!(words(&specs), expected, "{specs:?}");
    }
}

#[test]
fn an_expression_gives_what_must_be_true_in_it() {
    let cases = [
        ("TYPE = 'a'", "type=a"),
        ("'a' = type", "type=a"),
        ("region = 'eu'", "region?=eu"),
        // An integer on the left makes an integer of the text.
        ("'5' = amount", ""),
        ("amount = 5", ""),
        ("type <> 'a'", ""),
        ("type = 'a' = TRUE", ""),
        (
            "amount > 1 AND type = 'a' AND subject = 'x'",
            "type=a subject?=x",
        ),
        ("EXISTS region AND region = 'eu'", "region=eu"),
        ("region = 'eu' AND EXISTS region", "region?=eu"),
        ("EXISTS region OR region = 'eu'", ""),
        (
            "id = '1' XOR TRUE AND EXISTS region AND (region = 'eu' OR zone = '1')",
            "region=eu|zone?=1",
        ),
        ("type = 'a' OR type = 'b'", "type=a|type=b"),
        ("type = 'a' OR amount > 1", ""),
        // Left to right: (type = 'a' OR amount > 1) AND source = 's'
        ("type = 'a' OR amount > 1 AND source = 's'", "source=s"),
        // (type = 'a' AND source = 's') OR type = 'b'
        ("type = 'a' AND source = 's' OR type = 'b'", ""),
        (
            "(type = 'a' AND source = 's') OR type = 'b'",
            "type=a|type=b",
        ),
        ("type = 'a' XOR type = 'b'", ""),
        ("type = 'a' XOR type = 'b' AND id = '1'", "id=1"),
        ("NOT type = 'a'", ""),
        ("NOT (type = 'a')", ""),
        ("type LIKE 'a.%'", "type=a.*"),
        ("type LIKE 'a_c%'", ""),
        ("type LIKE 'a\\_c%'", "type=a_c*"),
        ("type LIKE '%a'", ""),
        ("type LIKE 'a'", "type=a"),
        ("type NOT LIKE 'a%'", ""),
        ("subject LIKE 'a%'", "subject?=a*"),
        ("type IN ('a', 'b')", "type=a|type=b"),
        ("type IN ('a', source)", ""),
        ("type NOT IN ('a', 'b')", ""),
        ("subject IN ('a', 'b')", "subject?=a|subject?=b"),
        // An extension may be an integer, and its members are cast to one.
        ("amount IN ('1', 'many')", "amount?=1|amount?=many"),
        ("amount IN ('1', '02')", ""),
        ("amount IN ('1', '+2')", ""),
        ("amount IN ('true', 'False')", ""),
        ("important AND type = 'a'", "type=a"),
        ("TRUE", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(words(&[cesql(text)]), expected, "{text}");
    }
}

#[test]
fn a_guard_of_one_clause_may_say_all_that_the_filter_says() {
    let t = || exact(&[("type", "a")]);
    let prefix = || prefix(&[("source", "/s")]);
    let any = FilterSpec::Any;
    let cases = [
        (vec![], true),
        (vec![t()], true),
        (vec![prefix()], true),
        (vec![legacy(&[])], true),
        (vec![legacy(&[("type", "a")])], true),
        (
            vec![FilterSpec::All(vec![any(vec![t(), prefix(), t()])])],
            true,
        ),
        (vec![t(), prefix()], false),
        (
            vec![any(vec![t(), FilterSpec::All(vec![t(), prefix()])])],
            false,
        ),
        (vec![any(vec![t(), suffix(&[("id", "1")])])], false),
        (vec![t(), suffix(&[("id", "1")])], false),
        (vec![suffix(&[("id", "1")]), t()], false),
        (vec![FilterSpec::Not(Box::new(t()))], false),
        (vec![legacy(&[("type", "")])], false),
        (vec![legacy(&[("type", "a"), ("schemaurl", "a")])], false),
        (vec![legacy(&[("datamediatype", "a/b")])], false),
        (vec![cesql("type = 'a'")], false),
    ];
    for (specs, expected) in cases {
        let guard = Guard::of(&specs);
        assert_eq!(guard.is_decided_by_one_clause(), expected, "{specs:?}");
    }
}

#[test]
fn what_is_too_much_is_left_out() {
    let members: Vec<String> = (0..ANCHORS_MAX).map(|n| format!("'{n}'")).collect();
    let set = members.join(",");
    assert_eq!(
        words(&[cesql(&format!("type IN ({set})"))])
            .matches('|')
            .count(),
        ANCHORS_MAX - 1
    );
    assert_eq!(
        words(&[cesql(&format!("type IN ({set}) OR type = 'x'"))]),
        ""
    );

    let many: Vec<FilterSpec> = (0..=CLAUSES_MAX)
        .map(|n| prefix(&[(&format!("a{n}"), "x")]))
        .chain([exact(&[("type", "a")])])
        .collect();
    let words = words(&many);
    assert!(words.starts_with("type=a "), "{words}");
    assert_eq!(words.split(' ').count(), CLAUSES_MAX);
}

#[test]
fn a_guard_holds_of_every_event_that_is_wanted() {
    const CASES: u32 = 20_000;
    let (excluded, whole) = (Cell::new(0_u32), Cell::new(0_u32));
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&(any_filter(), any_event()), |(spec, event)| {
            let guard = Guard::of(std::slice::from_ref(&spec));
            if !guard.holds(&event) {
                excluded.set(excluded.get() + 1);
                prop_assert!(!by_definition(&spec, &event));
            } else if guard.is_whole {
                whole.set(whole.get() + 1);
                prop_assert!(by_definition(&spec, &event));
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let share = |of: Cell<u32>| f64::from(of.get()) / f64::from(CASES);
    let (excluded, whole) = (share(excluded), share(whole));
    assert!(
        excluded > 0.2,
        "only {excluded} were excluded by their guard"
    );
    assert!(
        whole > 0.005,
        "only {whole} needed no more than their guard"
    );
}
