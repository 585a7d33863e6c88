use proptest::prelude::*;

use super::*;
use crate::generated::{any_event, any_filter};
use crate::guard::Guard;
use crate::testing::{cesql, entries, exact};

fn event() -> Event {
    Event::builder("1", "/shop", "order.paid")
        .attribute("region", "eu")
        .attribute("amount", "40")
        .attribute("datacontenttype", "Text/XML; charset=utf-8")
        .build()
        .expect("it is valid")
}

/// One line a node: depth, `*` where it decided, dialect, outcome, and what came of it.
fn shown(filters: &[FilterSpec]) -> Vec<String> {
    let explanation = explain(filters, &event());
    let mut lines = vec![format!("{:?}", explanation.outcome)];
    show(&explanation.clauses, 1, &mut lines);
    lines
}

fn show(clauses: &[Clause], depth: usize, lines: &mut Vec<String>) {
    let indent = " ".repeat(depth);
    let mark = |decided| if decided { "*" } else { "" };
    for clause in clauses {
        let head = format!(
            "{indent}{}{} {:?}",
            mark(clause.decided),
            clause.dialect,
            clause.outcome
        );
        match &clause.reason {
            Reason::Comparisons(comparisons) => {
                lines.push(head);
                for it in comparisons {
                    let found = it.found.as_deref().unwrap_or("absent");
                    lines.push(format!(
                        "{indent} {}{} {:?} {found} {}",
                        mark(it.decided),
                        it.attribute,
                        it.wanted,
                        it.holds
                    ));
                }
            }
            Reason::Clauses(children) => {
                lines.push(head);
                show(children, depth + 1, lines);
            }
            Reason::Expression(reason) => {
                let part = reason.expression.part(reason.deciding.span);
                let errors: Vec<_> = reason.errors.iter().map(|it| it.kind.as_str()).collect();
                lines.push(format!("{head} {} {errors:?} by {part}", reason.value));
            }
        }
    }
}

#[test]
fn no_filter_matches_and_has_no_reason() {
    assert_eq!(shown(&[]), ["Match"]);
}

#[test]
fn the_first_clause_that_fails_decides() {
    let filters = [
        exact(&[("type", "order.paid"), ("source", "/x"), ("region", "us")]),
        exact(&[("nothere", "1")]),
    ];
    assert_eq!(
        shown(&filters),
        [
            "NoMatch",
            " *exact NoMatch",
            "  type \"order.paid\" order.paid true",
            "  *source \"/x\" /shop false",
            "  region \"us\" eu false",
            " exact NoMatch",
            "  *nothere \"1\" absent false",
        ]
    );
}

#[test]
fn where_all_were_needed_each_decided() {
    let filters = [
        FilterSpec::Prefix(entries(&[("type", "order.")])),
        FilterSpec::Suffix(entries(&[("type", ".paid")])),
        FilterSpec::Attributes(entries(&[("datamediatype", "text/xml"), ("region", "")])),
    ];
    assert_eq!(
        shown(&filters),
        [
            "Match",
            " *prefix Match",
            "  *type \"order.\" order.paid true",
            " *suffix Match",
            "  *type \".paid\" order.paid true",
            " *attributes Match",
            "  *datamediatype \"text/xml\" Text/XML true",
            "  *region \"\" eu true",
        ]
    );
}

#[test]
fn of_any_the_first_that_matches_decides_and_of_none_each() {
    let (paid, made) = (
        exact(&[("type", "order.paid")]),
        exact(&[("type", "order.made")]),
    );
    let either = FilterSpec::Any(vec![made.clone(), paid.clone(), paid]);
    let neither = FilterSpec::Not(Box::new(FilterSpec::Any(vec![made.clone(), made])));
    assert_eq!(
        shown(&[FilterSpec::All(vec![either, neither])]),
        [
            "Match",
            " *all Match",
            "  *any Match",
            "   exact NoMatch",
            "    *type \"order.made\" order.paid false",
            "   *exact Match",
            "    *type \"order.paid\" order.paid true",
            "   exact Match",
            "    *type \"order.paid\" order.paid true",
            "  *not Match",
            "   *any NoMatch",
            "    *exact NoMatch",
            "     *type \"order.made\" order.paid false",
            "    *exact NoMatch",
            "     *type \"order.made\" order.paid false",
        ]
    );
}

#[test]
fn an_expression_is_told_with_the_part_that_decided() {
    for (text, line) in [
        (
            "type = 'order.paid' AND amount > 100",
            " *cesql NoMatch false [] by amount > 100",
        ),
        (
            "region = 'us' OR amount > 10",
            " *cesql Match true [] by amount > 10",
        ),
        (
            "region = 'eu' AND price > 10",
            " *cesql Error false [\"missingAttribute\"] by price > 10",
        ),
        ("region", " *cesql Error eu [] by region"),
    ] {
        assert_eq!(shown(&[cesql(text)])[1], line, "{text}");
    }
}

#[test]
fn a_failure_counts_where_it_is_asked() {
    let fails = || cesql("LENGTH(nothere) > 1");
    let misses = || exact(&[("type", "x")]);
    let matches = || exact(&[("type", "order.paid")]);
    let not = |spec| FilterSpec::Not(Box::new(spec));
    for (filters, root, clauses) in [
        (vec![not(fails())], "Match", &["not Match"][..]),
        (
            vec![fails(), matches()],
            "Error",
            &["cesql Error", "exact Match"],
        ),
        // A comparison elsewhere excludes the event: the expression is not asked.
        (
            vec![fails(), misses()],
            "NoMatch",
            &["cesql Error", "exact NoMatch"],
        ),
        (
            vec![misses(), fails()],
            "NoMatch",
            &["exact NoMatch", "cesql Error"],
        ),
        // What a `not` hides was asked all the same.
        (
            vec![
                not(fails()),
                FilterSpec::Any(vec![misses(), not(matches())]),
            ],
            "Error",
            &["not Match", "any NoMatch"],
        ),
        (
            vec![FilterSpec::Any(vec![fails(), matches()])],
            "Match",
            &["any Match"],
        ),
        (
            vec![FilterSpec::Any(vec![fails(), not(matches())])],
            "Error",
            &["any Error"],
        ),
    ] {
        let lines = shown(&filters);
        assert_eq!(lines[0], root, "{filters:?}");
        let top: Vec<&str> = lines
            .iter()
            .filter(|line| line.starts_with(' ') && !line.starts_with("  "))
            .map(|line| line.trim_start_matches([' ', '*']))
            .collect();
        for (line, expected) in top.iter().zip(clauses) {
            assert!(line.starts_with(expected), "{line:?}, not {expected:?}");
        }
        assert_eq!(top.len(), clauses.len(), "{lines:?}");
    }
}

#[test]
fn of_an_event_that_is_excluded_what_excludes_it_decided() {
    let filters = [cesql("LENGTH(nothere) > 1"), exact(&[("type", "x")])];
    let explanation = explain(&filters, &event());
    let decided: Vec<bool> = explanation.clauses.iter().map(|it| it.decided).collect();
    assert_eq!(decided, [false, true]);
}

#[test]
fn what_does_not_compile_matches_nothing() {
    let explanation = explain(&[cesql("LENGTH(type)")], &event());
    assert_eq!(explanation.outcome, Outcome::NoMatch);
    assert_eq!(explanation.clauses[0].outcome, Outcome::Error);
    assert_eq!(explain(&[exact(&[])], &event()).outcome, Outcome::NoMatch);
}

#[test]
fn the_work_of_an_explanation_is_bounded() {
    let long = "a".repeat(4_000);
    let event = Event::builder("1", "/s", "t")
        .attribute("long", &long)
        .build()
        .expect("it is valid");
    let test = "LENGTH(UPPER(CONCAT(long, long, long, long))) > 1";
    let heavy = cesql(&[test; 5].join(" AND "));
    let filters = vec![heavy; 100];
    let explanation = explain(&filters, &event);
    let failed = |clause: &&Clause| clause.outcome == Outcome::Error;
    assert_eq!(explanation.clauses[0].outcome, Outcome::Match);
    assert!(explanation.clauses.iter().filter(failed).count() > 10);
}

/// What the clauses come to when they are joined as the documentation says: whether they match, and
/// whether one that was asked failed. Also that each node says the same of itself.
fn rejoined(clauses: &[Clause], is_any: bool) -> (bool, bool) {
    let mut has_failed = false;
    let mut settled = false;
    for clause in clauses {
        let (matches, failed) = match &clause.reason {
            Reason::Comparisons(comparisons) => (comparisons.iter().all(|it| it.holds), false),
            Reason::Clauses(children) => {
                let (matches, failed) = rejoined(children, clause.dialect == "any");
                (matches != (clause.dialect == "not"), failed)
            }
            Reason::Expression(reason) => (
                reason.errors.is_empty() && reason.value == Value::Boolean(true),
                !reason.errors.is_empty(),
            ),
        };
        assert_eq!(clause.outcome == Outcome::Match, matches, "{clause:?}");
        assert_eq!(
            clause.outcome == Outcome::Error,
            !matches && failed,
            "{clause:?}"
        );
        has_failed |= failed && !settled;
        settled |= matches == is_any;
    }
    (settled == is_any, has_failed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn an_explanation_says_what_the_filter_says(
        filters in prop::collection::vec(any_filter(), 0..3),
        event in any_event(),
    ) {
        let filter = Filter::compile(&filters).expect("what is drawn is valid");
        let explanation = explain(&filters, &event);
        prop_assert_eq!(explanation.outcome, filter.evaluate(&event));

        let (matches, has_failed) = rejoined(&explanation.clauses, false);
        let joined = match (matches, has_failed) {
            (true, _) => Outcome::Match,
            (false, true) => Outcome::Error,
            (false, false) => Outcome::NoMatch,
        };
        if Guard::of(&filters).holds(&event) {
            prop_assert_eq!(explanation.outcome, joined);
        } else {
            prop_assert!(joined != Outcome::Match);
        }
        let dialects: Vec<_> = filters.iter().map(FilterSpec::dialect).collect();
        let told: Vec<_> = explanation.clauses.iter().map(|it| it.dialect).collect();
        prop_assert_eq!(told, dialects);
        let decided = explanation.clauses.iter().filter(|it| it.decided).count();
        let expected = if matches { filters.len() } else { 1 };
        prop_assert_eq!(decided, expected);
    }
}
