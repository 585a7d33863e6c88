//! The index agrees with asking one by one, asks few, and leaves nothing behind.

use sluicegate_event::Event;

use super::*;
use crate::FilterSpec;
use crate::testing::{cesql, exact, legacy, not, prefix, suffix};

mod agreement;
mod odd_cases;
mod shrinking;

pub(super) fn compiled(specs: &[FilterSpec]) -> Filter {
    Filter::compile(specs).expect("the filters of a test are valid")
}

pub(super) fn event(attributes: &[(&str, &str)]) -> Event {
    let builder = Event::builder("1", "/test", "t");
    let built = attributes.iter().fold(builder, |builder, (name, value)| {
        builder.attribute(name, value)
    });
    built.build().expect("the events of a test are valid")
}

/// An index alone, with what a set remembers beside it.
#[derive(Clone)]
pub(super) struct Bench {
    pub(super) index: Index<u64>,
    pub(super) filed: Vec<(u64, Filter, Places)>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Bench {
            index: Index::new(),
            filed: Vec::new(),
        }
    }

    /// Keys by position.
    pub(super) fn of(filters: impl IntoIterator<Item = Vec<FilterSpec>>) -> Self {
        let mut bench = Bench::new();
        for (key, specs) in (0..).zip(filters) {
            bench.insert(key, compiled(&specs));
        }
        bench
    }

    pub(super) fn insert(&mut self, key: u64, filter: Filter) {
        self.remove(key);
        let places = self.index.choose(&filter);
        self.index.file(key, &filter, places);
        self.filed.push((key, filter, places));
    }

    pub(super) fn remove(&mut self, key: u64) {
        if let Some(found) = self.filed.iter().position(|(held, ..)| *held == key) {
            let (_, filter, places) = self.filed.swap_remove(found);
            self.index.unfile(key, &filter, places);
        }
    }

    /// The keys that are asked about an event, each as often as it is.
    pub(super) fn asked(&self, event: &Event) -> Vec<u64> {
        let mut asked = Vec::new();
        self.index
            .find(event, |candidate| asked.push(candidate.key));
        asked.sort_unstable();
        asked
    }

    pub(super) fn places(&self) -> Vec<String> {
        places_of(&self.index)
    }

    /// The places in an index that has never held other filters than these.
    pub(super) fn filed_anew(&self) -> Vec<String> {
        let mut index = Index::new();
        for (key, filter, places) in &self.filed {
            index.file(*key, filter, *places);
        }
        places_of(&index)
    }
}

/// Every place with the keys that are filed there, such as `type=a: 1 2`, in order.
fn places_of(index: &Index<u64>) -> Vec<String> {
    let mut lines = Vec::new();
    list(index, "", &mut lines);
    lines.sort_unstable();
    lines
}

fn list(index: &Index<u64>, before: &str, lines: &mut Vec<String>) {
    let mut line = |place: String, bucket: &Bucket<u64>| {
        let candidates = bucket.candidates().iter();
        let mut keys: Vec<u64> = candidates.map(|candidate| candidate.key).collect();
        assert!(!keys.is_empty(), "{place} is there for nothing");
        keys.sort_unstable();
        let keys: Vec<String> = keys.iter().map(u64::to_string).collect();
        lines.push(format!("{before}{place}: {}", keys.join(" ")));
    };
    if !index.rest.is_empty() {
        line("any".to_owned(), &index.rest);
    }
    for (name, attribute) in index.attributes.iter() {
        assert!(!attribute.is_empty(), "{name} is there for nothing");
        for (text, bucket) in attribute.equal.checked() {
            line(format!("{name}={text}"), bucket);
        }
        for (text, bucket) in attribute.beginning.checked() {
            let text = String::from_utf8(text).expect("the texts filed are texts");
            line(format!("{name}={text}*"), bucket);
        }
    }
    for (name, absent) in index.absent.iter() {
        assert!(!absent.is_empty(), "no {name} is there for nothing");
        list(absent, &format!("{before}no {name}, "), lines);
    }
}
