use std::cell::Cell;

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sluicegate_event::{AttributeType, Decoded, Event, Limits};

use super::*;
use crate::generated::{any_event, any_filter, by_definition};
use crate::testing::{cesql, exact, legacy, not, prefix, suffix};

const NONE: &[(&str, &str)] = &[];

/// An order that was paid; `extra` adds attributes or replaces those given here.
fn event(extra: &[(&str, &str)]) -> Event {
    extra
        .iter()
        .fold(
            Event::builder("42", "/shop/eu", "order.paid"),
            |builder, (name, value)| builder.attribute(name, value),
        )
        .build()
        .expect("the attributes of a test are valid")
}

fn matches(specs: &[FilterSpec], event: &Event) -> bool {
    let filter = Filter::compile(specs).expect("the filters of a test are valid");
    match filter.evaluate(event) {
        Outcome::Match => true,
        Outcome::NoMatch => false,
        Outcome::Error => panic!("{specs:?} failed"),
    }
}

/// T12: where an attribute is absent an expression fails, and `not` makes a match of that, as in
/// Knative.
#[test]
fn an_expression_that_fails_does_not_match_where_it_stands() {
    let fails = || cesql("amount > 100");
    let paid = || exact(&[("type", "order.paid")]);
    let seen = || exact(&[("type", "page.seen")]);
    let cases = [
        (vec![fails()], Outcome::Error),
        (vec![not(fails())], Outcome::Match),
        (vec![not(not(fails()))], Outcome::Error),
        (vec![FilterSpec::Any(vec![fails(), paid()])], Outcome::Match),
        (vec![FilterSpec::Any(vec![fails(), seen()])], Outcome::Error),
        (
            vec![FilterSpec::All(vec![not(fails()), paid()])],
            Outcome::Match,
        ),
        (
            vec![not(FilterSpec::Any(vec![fails(), paid()]))],
            Outcome::Error,
        ),
        (
            vec![cesql("type = 'order.paid' AND amount > 100")],
            Outcome::Error,
        ),
        (vec![cesql("NOT (subject = 'x')")], Outcome::Error),
        (vec![cesql("type = 'order.paid'")], Outcome::Match),
        (vec![cesql("type = 'page.seen'")], Outcome::NoMatch),
    ];
    for (specs, expected) in cases {
        let filter = Filter::compile(&specs).expect("it is valid");
        assert_eq!(filter.evaluate(&event(NONE)), expected, "{specs:?}");
    }
}

/// What an index finds out without asking must not depend on the order in which it is written.
#[test]
fn no_expression_is_asked_about_an_event_that_is_excluded_beside_it() {
    let fails = || cesql("amount > 100");
    let seen = || exact(&[("type", "page.seen")]);
    let cases = [
        (vec![fails(), seen()], Outcome::NoMatch),
        (vec![seen(), fails()], Outcome::NoMatch),
        (
            vec![FilterSpec::All(vec![fails(), seen()])],
            Outcome::NoMatch,
        ),
        (
            vec![cesql("amount > 100 AND type = 'page.seen'")],
            Outcome::NoMatch,
        ),
        (vec![fails(), cesql("type LIKE 'page.%'")], Outcome::NoMatch),
        (vec![fails(), exact(&[("subject", "x")])], Outcome::NoMatch),
        // That the subject is absent is a failure of the expression, which must be asked for it.
        (vec![fails(), cesql("subject = 'x'")], Outcome::Error),
        (vec![fails(), suffix(&[("type", ".seen")])], Outcome::Error),
    ];
    for (specs, expected) in cases {
        let filter = Filter::compile(&specs).expect("it is valid");
        assert_eq!(filter.evaluate(&event(NONE)), expected, "{specs:?}");
    }
}

#[test]
fn the_expressions_of_a_filter_share_the_work_allowed() {
    let long = "a".repeat(60 * 1024);
    let event = event(&[("long", &long)]);
    let costly = || cesql("long LIKE '%b%'");
    assert_eq!(costly_members(1, costly).evaluate(&event), Outcome::NoMatch);
    assert_eq!(
        costly_members(30, costly).evaluate(&event),
        Outcome::NoMatch
    );
    assert_eq!(costly_members(60, costly).evaluate(&event), Outcome::Error);
}

fn costly_members(count: usize, costly: impl Fn() -> FilterSpec) -> Filter {
    let members = (0..count).map(|_| costly()).collect();
    Filter::compile(&[FilterSpec::Any(members)]).expect("it is valid")
}

/// A filter, what the event has beside its required attributes, and whether they match.
type Case<'a> = (FilterSpec, &'a [(&'a str, &'a str)], bool);

fn check_each(cases: &[Case<'_>]) {
    for (spec, extra, expected) in cases {
        let found = matches(std::slice::from_ref(spec), &event(extra));
        assert_eq!(found, *expected, "{spec:?} on {extra:?}");
    }
}

#[test]
fn no_filter_accepts_every_event() {
    assert!(matches(&[], &event(NONE)));
    assert!(matches(&[legacy(NONE)], &event(NONE)));
}

#[test]
fn exact_asks_for_the_same_text() {
    check_each(&[
        (exact(&[("type", "order.paid")]), NONE, true),
        (exact(&[("type", "order.pai")]), NONE, false),
        (exact(&[("type", "order.paid.")]), NONE, false),
        (exact(&[("type", "Order.paid")]), NONE, false),
        (exact(&[("id", "42"), ("source", "/shop/eu")]), NONE, true),
        (exact(&[("id", "42"), ("source", "/shop/us")]), NONE, false),
        (exact(&[("specversion", "1.0")]), NONE, true),
        (exact(&[("region", "eu")]), &[("region", "eu")], true),
        (exact(&[("region", "eu")]), &[("region", "eu ")], false),
        (exact(&[("name", "Zoë 🙂")]), &[("name", "Zoë 🙂")], true),
    ]);
}

#[test]
fn prefix_and_suffix_ask_for_the_beginning_and_the_end() {
    check_each(&[
        (prefix(&[("type", "order.")]), NONE, true),
        (prefix(&[("type", "order.paid")]), NONE, true),
        (prefix(&[("type", "order.paid.twice")]), NONE, false),
        (prefix(&[("type", "paid")]), NONE, false),
        (prefix(&[("type", "Order")]), NONE, false),
        (
            prefix(&[("type", "order"), ("source", "/shop")]),
            NONE,
            true,
        ),
        (
            prefix(&[("type", "order"), ("source", "/bank")]),
            NONE,
            false,
        ),
        (suffix(&[("type", ".paid")]), NONE, true),
        (suffix(&[("type", "order.paid")]), NONE, true),
        (suffix(&[("type", "an order.paid")]), NONE, false),
        (suffix(&[("type", "order")]), NONE, false),
        (suffix(&[("type", "PAID")]), NONE, false),
        (suffix(&[("type", "paid"), ("source", "eu")]), NONE, true),
        (suffix(&[("type", "paid"), ("source", "us")]), NONE, false),
    ]);
}

/// T12: the three fail on an absent attribute, hence a `not` of them holds.
#[test]
fn an_absent_attribute_matches_only_under_not() {
    let each = [exact, prefix, suffix, legacy];
    for dialect in each {
        check_each(&[
            (dialect(&[("subject", "x")]), NONE, false),
            (not(dialect(&[("subject", "x")])), NONE, true),
            (
                not(dialect(&[("subject", "x")])),
                &[("subject", "x")],
                false,
            ),
            (
                dialect(&[("type", "order.paid"), ("subject", "x")]),
                NONE,
                false,
            ),
        ]);
    }
}

/// T13 and CP-71.
#[test]
fn the_legacy_filter_asks_for_equal_or_present_attributes() {
    check_each(&[
        (legacy(&[("type", "order.paid")]), NONE, true),
        (legacy(&[("type", "order.PAID")]), NONE, false),
        (
            legacy(&[("type", "order.paid"), ("source", "/shop/eu")]),
            NONE,
            true,
        ),
        (
            legacy(&[("type", "order.paid"), ("source", "/shop/us")]),
            NONE,
            false,
        ),
        (legacy(&[("type", "")]), NONE, true),
        (legacy(&[("subject", "")]), NONE, false),
        (legacy(&[("subject", "")]), &[("subject", "x")], true),
        (legacy(&[("region", "")]), &[("region", "eu")], true),
        (
            legacy(&[("region", ""), ("type", "x")]),
            &[("region", "eu")],
            false,
        ),
        (not(legacy(&[("region", "")])), NONE, true),
    ]);
}

#[test]
fn the_legacy_filter_knows_the_names_of_older_events() {
    let json = &[("datacontenttype", "Application/JSON ; charset=utf-8")];
    let schema = &[("dataschema", "urn:schema:1")];
    let both = &[
        ("dataschema", "urn:schema:1"),
        ("schemaurl", "urn:schema:2"),
    ];
    check_each(&[
        (legacy(&[("schemaurl", "urn:schema:1")]), schema, true),
        (legacy(&[("schemaurl", "urn:schema:1")]), NONE, false),
        (legacy(&[("schemaurl", "")]), schema, true),
        (legacy(&[("schemaurl", "")]), NONE, false),
        (legacy(&[("schemaurl", "urn:schema:2")]), both, true),
        (legacy(&[("dataschema", "urn:schema:1")]), both, true),
        (legacy(&[("datamediatype", "application/json")]), json, true),
        (legacy(&[("datamediatype", "application/xml")]), json, false),
        (
            legacy(&[("datamediatype", "application/json")]),
            NONE,
            false,
        ),
        (legacy(&[("datamediatype", "")]), json, true),
        (legacy(&[("datamediatype", "")]), NONE, false),
        (
            legacy(&[("datamediatype", "mine")]),
            &[("datamediatype", "mine")],
            true,
        ),
        (
            legacy(&[("datacontentencoding", "base64")]),
            &[("datacontentencoding", "base64")],
            true,
        ),
    ]);
}

#[test]
fn the_legacy_filter_reads_an_event_of_version_0_3() {
    let headers = [
        ("ce-specversion", "0.3"),
        ("ce-id", "1"),
        ("ce-source", "/shop"),
        ("ce-type", "order.paid"),
        ("ce-schemaurl", "urn:schema:1"),
        ("content-type", "text/xml; charset=utf-8"),
    ]
    .into_iter()
    .map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    })
    .collect();
    let decoded = sluicegate_event::decode(&headers, "<paid/>".into(), &Limits::default());
    let Ok(Decoded::One(event)) = decoded else {
        panic!("{decoded:?}");
    };
    let wanted = legacy(&[
        ("schemaurl", "urn:schema:1"),
        ("datamediatype", "text/xml"),
        ("specversion", "0.3"),
    ]);
    assert!(matches(&[wanted], &event));
    assert!(!matches(&[legacy(&[("dataschema", "")])], &event));
}

/// Filters are text, whatever the type an extension was received with.
#[test]
fn values_of_other_types_are_compared_as_text() {
    let mut event = event(NONE);
    for (name, value, ty) in [
        ("retries", "-7", AttributeType::Integer),
        ("urgent", "true", AttributeType::Boolean),
    ] {
        event.set_extension(name, value, ty).expect("it is valid");
    }
    assert!(matches(
        &[exact(&[("retries", "-7"), ("urgent", "true")])],
        &event
    ));
    assert!(matches(
        &[legacy(&[("retries", "-7"), ("urgent", "true")])],
        &event
    ));
    assert!(matches(
        &[prefix(&[("retries", "-")]), suffix(&[("urgent", "e")])],
        &event
    ));
    assert!(!matches(&[exact(&[("retries", "-07")])], &event));
    assert!(!matches(&[exact(&[("urgent", "True")])], &event));
}

#[test]
fn only_the_legacy_filter_knows_those_names() {
    let extra = &[
        ("datacontenttype", "application/json"),
        ("dataschema", "urn:s"),
    ];
    check_each(&[
        (exact(&[("schemaurl", "urn:s")]), extra, false),
        (
            exact(&[("datamediatype", "application/json")]),
            extra,
            false,
        ),
        (exact(&[("dataschema", "urn:s")]), extra, true),
    ]);
}

#[test]
fn all_any_and_not_combine() {
    let yes = || exact(&[("type", "order.paid")]);
    let no = || exact(&[("type", "order.sent")]);
    let all = FilterSpec::All;
    let any = FilterSpec::Any;
    check_each(&[
        (all(vec![yes()]), NONE, true),
        (all(vec![no()]), NONE, false),
        (all(vec![yes(), yes(), yes()]), NONE, true),
        (all(vec![yes(), yes(), no()]), NONE, false),
        (all(vec![no(), yes(), yes()]), NONE, false),
        (any(vec![yes()]), NONE, true),
        (any(vec![no()]), NONE, false),
        (any(vec![no(), no(), yes()]), NONE, true),
        (any(vec![yes(), no(), no()]), NONE, true),
        (any(vec![no(), no(), no()]), NONE, false),
        (not(yes()), NONE, false),
        (not(no()), NONE, true),
        (not(not(yes())), NONE, true),
        (not(all(vec![yes(), no()])), NONE, true),
        (not(any(vec![yes(), no()])), NONE, false),
        (
            all(vec![yes(), not(no()), any(vec![no(), yes()])]),
            NONE,
            true,
        ),
        (
            any(vec![all(vec![yes(), no()]), all(vec![no(), yes()])]),
            NONE,
            false,
        ),
        (
            any(vec![all(vec![yes(), no()]), all(vec![yes(), not(no())])]),
            NONE,
            true,
        ),
        (
            all(vec![any(vec![no(), yes()]), any(vec![no(), no()])]),
            NONE,
            false,
        ),
        // One filter with several entries is an AND of its own within the `any`.
        (
            any(vec![exact(&[("id", "42"), ("type", "x")]), no()]),
            NONE,
            false,
        ),
        (
            any(vec![exact(&[("id", "42"), ("type", "x")]), yes()]),
            NONE,
            true,
        ),
        (not(exact(&[("id", "42"), ("type", "x")])), NONE, true),
    ]);
}

#[test]
fn several_filters_must_all_match() {
    let order = || prefix(&[("type", "order.")]);
    let paid = || suffix(&[("type", ".paid")]);
    let from_the_us = || exact(&[("source", "/shop/us")]);
    assert!(matches(&[order(), paid()], &event(NONE)));
    assert!(matches(
        &[order(), paid(), not(from_the_us())],
        &event(NONE)
    ));
    assert!(!matches(&[order(), from_the_us(), paid()], &event(NONE)));
    assert!(!matches(&[from_the_us(), order()], &event(NONE)));
    assert!(!matches(&[order(), from_the_us()], &event(NONE)));
}

#[test]
fn the_deepest_filter_is_answered() {
    let nested = |depth: usize| (0..depth).fold(exact(&[("id", "42")]), |inner, _| not(inner));
    assert!(matches(&[nested(64)], &event(NONE)));
    assert!(!matches(&[nested(63)], &event(NONE)));
}

#[test]
fn what_is_written_first_is_asked_first() {
    let any = FilterSpec::Any(vec![
        exact(&[("first", "1"), ("second", "2")]),
        not(FilterSpec::All(vec![
            prefix(&[("third", "3")]),
            suffix(&[("fourth", "4")]),
        ])),
    ]);
    let specs = [any, cesql("fifth = '5'"), legacy(&[("sixth", "")])];
    let filter = Filter::compile(&specs).expect("it is valid");
    let Compiled { steps, start, .. } = &*filter.0;
    let asked: Vec<&str> = steps
        .iter()
        .rev()
        .map(|step| match &step.question {
            Question::Attribute(condition) => match &condition.subject {
                Subject::Attribute(name) => &**name,
                Subject::SchemaUrl | Subject::MediaType => panic!("none was written"),
            },
            Question::Expression(expression) => expression.text(),
        })
        .collect();
    assert_eq!(
        asked,
        ["first", "second", "third", "fourth", "fifth = '5'", "sixth"]
    );
    assert!(matches!(start, Next::Step(5)));
    for (index, step) in steps.iter().enumerate() {
        for next in [step.if_it_holds, step.otherwise] {
            if let Next::Step(later) = next {
                assert!(later < index, "step {index} leads to {later}");
            }
        }
    }
}

#[test]
fn a_compiled_filter_says_what_its_definition_says() {
    const CASES: u32 = 5_000;
    let matched = Cell::new(0_u32);
    let cases = (prop::collection::vec(any_filter(), 0..3), any_event());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&cases, |(specs, event)| {
            let expected = specs.iter().all(|spec| by_definition(spec, &event));
            matched.set(matched.get() + u32::from(expected));
            let outcome = Filter::compile(&specs)
                .expect("it is valid")
                .evaluate(&event);
            prop_assert_eq!(outcome == Outcome::Match, expected);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let share = f64::from(matched.get()) / f64::from(CASES);
    assert!(
        (0.1..0.9).contains(&share),
        "{share} matched: the cases have become one-sided"
    );
}
