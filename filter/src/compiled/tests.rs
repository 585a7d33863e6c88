use std::cell::Cell;

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sluicegate_event::{AttributeType, Decoded, Event, Limits};

use super::*;

const NONE: &[(&str, &str)] = &[];

fn entries(written: &[(&str, &str)]) -> Vec<(String, String)> {
    written
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn legacy(written: &[(&str, &str)]) -> FilterSpec {
    FilterSpec::Attributes(entries(written))
}

fn exact(written: &[(&str, &str)]) -> FilterSpec {
    FilterSpec::Exact(entries(written))
}

fn prefix(written: &[(&str, &str)]) -> FilterSpec {
    FilterSpec::Prefix(entries(written))
}

fn suffix(written: &[(&str, &str)]) -> FilterSpec {
    FilterSpec::Suffix(entries(written))
}

fn not(spec: FilterSpec) -> FilterSpec {
    FilterSpec::Not(Box::new(spec))
}

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
    let filter = Filter::compile(&[any, legacy(&[("fifth", "")])]).expect("it is valid");
    let asked: Vec<&str> = filter
        .steps
        .iter()
        .rev()
        .map(|step| match &step.condition.subject {
            Subject::Attribute(name) => &**name,
            Subject::SchemaUrl | Subject::MediaType => panic!("none was written"),
        })
        .collect();
    assert_eq!(asked, ["first", "second", "third", "fourth", "fifth"]);
    assert!(matches!(filter.start, Next::Step(4)));
    for (index, step) in filter.steps.iter().enumerate() {
        for next in [step.if_it_holds, step.otherwise] {
            match next {
                Next::Step(later) => assert!(later < index, "step {index} leads to {later}"),
                Next::Decided(outcome) => assert_ne!(outcome, Outcome::Error),
            }
        }
    }
}

/// What the documentation says of each dialect, written down as plainly as it can be.
fn by_definition(spec: &FilterSpec, event: &Event) -> bool {
    let value = |name: &str| event.attribute(name);
    match spec {
        FilterSpec::Attributes(entries) => entries.iter().all(|(name, wanted)| {
            let found = match (value(name), name.as_str()) {
                (Some(found), _) => found.to_owned(),
                (None, "schemaurl") => value("dataschema").unwrap_or_default().to_owned(),
                (None, "datamediatype") => value("datacontenttype")
                    .and_then(|content_type| content_type.split(';').next())
                    .unwrap_or_default()
                    .trim()
                    .to_ascii_lowercase(),
                (None, _) => String::new(),
            };
            !found.is_empty() && (wanted.is_empty() || *wanted == found)
        }),
        FilterSpec::Exact(entries) => entries
            .iter()
            .all(|(name, wanted)| value(name) == Some(wanted)),
        FilterSpec::Prefix(entries) => entries
            .iter()
            .all(|(name, wanted)| value(name).is_some_and(|found| found.starts_with(wanted))),
        FilterSpec::Suffix(entries) => entries
            .iter()
            .all(|(name, wanted)| value(name).is_some_and(|found| found.ends_with(wanted))),
        FilterSpec::All(children) => children.iter().all(|child| by_definition(child, event)),
        FilterSpec::Any(children) => children.iter().any(|child| by_definition(child, event)),
        FilterSpec::Not(child) => !by_definition(child, event),
    }
}

/// Few names and short values, so that conditions often hold.
fn any_condition() -> impl Strategy<Value = (String, String)> {
    let name = prop::sample::select(vec!["type", "source", "subject", "one", "two"]);
    let value = prop::sample::select(vec!["a", "b", "ab", "ba", "aba"]);
    (name, value).prop_map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn any_legacy_condition() -> impl Strategy<Value = (String, String)> {
    let media_types = prop::sample::select(vec!["", "text/xml", "application/json"]);
    let schemas = prop::sample::select(vec!["", "urn:a", "urn:b"]);
    prop_oneof![
        4 => any_condition(),
        1 => any_condition().prop_map(|(name, _)| (name, String::new())),
        1 => media_types.prop_map(|value| ("datamediatype".to_owned(), value.to_owned())),
        1 => schemas.prop_map(|value| ("schemaurl".to_owned(), value.to_owned())),
    ]
}

fn any_filter() -> impl Strategy<Value = FilterSpec> {
    let some = || prop::collection::vec(any_condition(), 1..3);
    let leaf = prop_oneof![
        prop::collection::vec(any_legacy_condition(), 0..3).prop_map(FilterSpec::Attributes),
        some().prop_map(FilterSpec::Exact),
        some().prop_map(FilterSpec::Prefix),
        some().prop_map(FilterSpec::Suffix),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(FilterSpec::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(FilterSpec::Any),
            inner.prop_map(not),
        ]
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let value = || prop::sample::select(vec!["a", "b", "ab", "ba", "aba"]);
    let schema = prop::sample::select(vec!["urn:a", "urn:b"]);
    let content_type = prop::sample::select(vec!["text/xml;a=b", "Application/Json", "text/plain"]);
    let optional = (
        prop::option::of(value()),
        prop::option::of(value()),
        prop::option::of(value()),
        prop::option::of(schema),
        prop::option::of(content_type),
    );
    (value(), value(), optional).prop_map(|(source, ty, (subject, one, two, schema, content))| {
        let given = [
            ("subject", subject),
            ("one", one),
            ("two", two),
            ("dataschema", schema),
            ("datacontenttype", content),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name, value)))
            .fold(Event::builder("1", source, ty), |builder, (name, value)| {
                builder.attribute(name, value)
            })
            .build()
            .expect("the attributes drawn are valid")
    })
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
            prop_assert_eq!(matches(&specs, &event), expected);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let share = f64::from(matched.get()) / f64::from(CASES);
    assert!(
        (0.1..0.9).contains(&share),
        "{share} matched: the cases have become one-sided"
    );
}
