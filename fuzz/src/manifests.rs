//! Any text is read as manifests whose faults have a place, and whose filters can be asked.
//!
//! A valid trigger's filters compile, one by one and together they answer as a reading of them
//! word by word does, and whatever follows a valid document does not spoil it. The input is the
//! text; what is not UTF-8 in it is replaced.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sluicegate_event::Event;
use sluicegate_filter::{Filter, FilterError, FilterSet, FilterSpec, Outcome};
use sluicegate_resources::{Diagnostic, Manifest, Object, Parsed, codes, parse};

use crate::cesql_evaluate::event_of;

/// The reader, the compiler and what asks several filters together.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Reads a text.
    pub parse: fn(&str) -> Parsed,
    /// Prepares the filters of a trigger.
    pub compile: fn(&[FilterSpec]) -> Result<Filter, FilterError>,
    /// Puts a filter into a set, in the place of an earlier one.
    pub insert: fn(&mut FilterSet<usize>, usize, Filter),
}

impl Subject {
    /// What is shipped.
    pub const OURS: Subject = Subject {
        parse,
        compile: Filter::compile,
        insert: FilterSet::insert,
    };
}

/// A document that is valid whatever follows it.
const FIRST: &str = "\
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: first}
spec: {broker: b, filter: {attributes: {type: a}}, subscriber: {uri: http://localhost/}}
---
";

/// What the filters are asked about.
static EVENTS: LazyLock<[Event; 4]> = LazyLock::new(|| {
    [
        "",
        "type=order.paid\nsource=/shop/1\nsubject=order-1\nregion=eu-west\namount:250",
        "type=a\nsource=b\nsubject=c\ntime=2026-01-02T03:04:05Z\npaid:true\namount=250",
        "specversion=0.3\ntype=com.example\nschemaurl=http://localhost/s\ndatacontenttype=a/b;c=d",
    ]
    .map(event_of)
});

/// # Panics
///
/// When a text is read otherwise than it must be.
pub fn check(input: &[u8], subject: &Subject) {
    let text = String::from_utf8_lossy(input);
    let parsed = (subject.parse)(&text);
    let mut filters = Vec::new();
    for finding in &parsed.diagnostics {
        explains_itself(finding, &text);
        assert!(finding.is_error(), "{finding:?}");
    }
    for manifest in &parsed.manifests {
        is_refused_or_served(manifest, &text);
        if let Some(Object::Trigger(trigger)) = &manifest.object {
            filters.push(answers_by_its_words(&trigger.filters, subject));
            for spec in &trigger.filters {
                filters.push(answers_by_its_words(std::slice::from_ref(spec), subject));
            }
        }
    }
    answer_alike_together(&filters, subject);

    if is_text(&text) {
        does_not_spoil_what_stands_before(&text, subject);
    }
}

/// Whether it holds no character that no YAML text may hold; one with such a character is refused
/// as a whole.
fn is_text(text: &str) -> bool {
    text.lines()
        .all(|line| line.chars().all(|c| !c.is_control() || c == '\t'))
}

fn does_not_spoil_what_stands_before(text: &str, subject: &Subject) {
    let parsed = (subject.parse)(&format!("{FIRST}{text}"));
    let first = parsed.manifests.first();
    assert!(
        first.is_some_and(|first| first.object.is_some()),
        "a valid document is spoilt by what follows: {text:?}: {parsed:?}"
    );
}

fn is_refused_or_served(manifest: &Manifest, text: &str) {
    assert!(
        !(manifest.has_errors() && manifest.object.is_some()),
        "{manifest:?} is served"
    );
    for finding in &manifest.diagnostics {
        explains_itself(finding, text);
    }
    match &manifest.object {
        Some(object) => {
            assert_eq!(manifest.kind, object.kind());
            assert_eq!(manifest.name.as_ref(), Some(object.name()));
        }
        None => assert!(
            !manifest.diagnostics.is_empty(),
            "{manifest:?} is left out without a word"
        ),
    }
}

fn explains_itself(finding: &Diagnostic, text: &str) {
    assert!(codes::meaning(finding.code).is_some(), "{finding:?}");
    assert!(!finding.message.is_empty(), "{finding:?}");
    if let Some(span) = finding.span {
        let lines = text.lines().count().max(1);
        assert!(
            (1..=lines + 1).contains(&span.line) && span.column >= 1 && span.length >= 1,
            "{finding:?} is no place in {text:?}"
        );
    }
    let shown = finding.render("f.yaml", text);
    let is_harmless = |character: char| character == '\n' || !character.is_control();
    assert!(shown.chars().all(is_harmless), "{shown:?}");
}

fn answers_by_its_words(specs: &[FilterSpec], subject: &Subject) -> Filter {
    let filter = (subject.compile)(specs)
        .unwrap_or_else(|error| panic!("what was read is refused: {error:?}: {specs:?}"));
    for event in EVENTS.iter() {
        let is_wanted = specs.iter().all(|spec| holds(spec, event));
        assert_eq!(
            filter.evaluate(event) == Outcome::Match,
            is_wanted,
            "{specs:?} of {event:?}"
        );
    }
    filter
}

/// A set of the filters says what they say, also once some have gone and others have changed, and
/// what shares with it is not changed by that.
fn answer_alike_together(filters: &[Filter], subject: &Subject) {
    let mut set = FilterSet::new();
    let mut held = BTreeMap::new();
    for (key, filter) in filters.iter().enumerate() {
        (subject.insert)(&mut set, key, filter.clone());
        held.insert(key, filter);
    }
    says_what_they_say(&set, &held);

    let (before, held_before) = (set.clone(), held.clone());
    for (key, other) in filters.iter().rev().enumerate() {
        match key % 3 {
            0 => {
                set.remove(key);
                held.remove(&key);
            }
            1 => {
                (subject.insert)(&mut set, key, other.clone());
                held.insert(key, other);
            }
            _ => {}
        }
    }
    says_what_they_say(&set, &held);
    says_what_they_say(&before, &held_before);
}

fn says_what_they_say(set: &FilterSet<usize>, held: &BTreeMap<usize, &Filter>) {
    assert_eq!(set.len(), held.len());
    for event in EVENTS.iter() {
        let mut together = Vec::new();
        set.matches(event, |key, outcome| together.push((key, outcome)));
        together.sort_by_key(|(key, _)| *key);
        let apart: Vec<_> = held
            .iter()
            .map(|(key, filter)| (*key, filter.evaluate(event)))
            .filter(|(_, outcome)| *outcome != Outcome::NoMatch)
            .collect();
        assert_eq!(together, apart, "{held:?} of {event:?}");
    }
}

/// What a filter says, word by word. Recurses as deep as filters may nest.
fn holds(spec: &FilterSpec, event: &Event) -> bool {
    let each = |entries: &[(String, String)], test: fn(&str, &str) -> bool| {
        entries
            .iter()
            .all(|(name, value)| event.attribute(name).is_some_and(|held| test(held, value)))
    };
    match spec {
        FilterSpec::Attributes(entries) => entries.iter().all(|(name, value)| {
            let held = legacy_attribute(name, event);
            held.is_some_and(|held| match (&**name, &**value) {
                (_, "") => !held.is_empty(),
                ("datamediatype", value) if event.attribute("datamediatype").is_none() => {
                    held.eq_ignore_ascii_case(value)
                }
                (_, value) => held == value,
            })
        }),
        FilterSpec::Exact(entries) => each(entries, |held, value| held == value),
        FilterSpec::Prefix(entries) => each(entries, |held, value| held.starts_with(value)),
        FilterSpec::Suffix(entries) => each(entries, |held, value| held.ends_with(value)),
        FilterSpec::All(nested) => nested.iter().all(|spec| holds(spec, event)),
        FilterSpec::Any(nested) => nested.iter().any(|spec| holds(spec, event)),
        FilterSpec::Not(nested) => !holds(nested, event),
        FilterSpec::Cesql(expression) => expression.decide(event) == Outcome::Match,
    }
}

/// An attribute by one of the names that the older kind of filter knows beside an event's own.
fn legacy_attribute<'e>(name: &str, event: &'e Event) -> Option<&'e str> {
    let stands_in = || match name {
        "schemaurl" => event.attribute("dataschema"),
        "datamediatype" => {
            let content_type = event.data_content_type()?;
            let media_type = content_type.split(';').next()?;
            Some(media_type.trim())
        }
        _ => None,
    };
    event.attribute(name).or_else(stands_in)
}
