//! Sets of filters at random, changed at random, against asking each filter.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sluicegate_event::Event;

use crate::generated::{any_event, any_filter, any_flat_filter};
use crate::index::LOOKED_UP_EACH;
use crate::{Filter, FilterSet, FilterSpec, Outcome};

const CASES: u32 = 150;
const CHANGES: usize = 45;
const EVENTS: usize = 20;
const KEYS: u64 = 24;
const PAIRS_MIN: u32 = 100_000;

#[test]
fn the_index_says_what_asking_one_by_one_says() {
    let tally = Tally::default();
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let changes = prop::collection::vec(any_change(), CHANGES);
    let events = prop::collection::vec(any_event(), EVENTS);
    TestRunner::new(config)
        .run(&(any::<bool>(), changes, events), |drawn| {
            let (is_crowded, changes, events) = drawn;
            let set = if is_crowded {
                crowded()
            } else {
                FilterSet::new()
            };
            compare(set, changes, &events, &tally)
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    tally.judge();
}

/// The specs of a key, or that the key is removed. There are fewer keys than changes.
type Change = (u64, Option<Vec<FilterSpec>>);

fn any_change() -> impl Strategy<Value = Change> {
    let specs = prop_oneof![
        prop::collection::vec(any_filter(), 0..3),
        prop::collection::vec(any_flat_filter(), 1..3),
    ];
    (0..KEYS, prop::option::weighted(0.85, specs))
}

/// Filters that ask for more attributes than are looked up each. None of them wants an event.
fn crowded() -> FilterSet<u64> {
    let mut set = FilterSet::new();
    for (key, number) in (KEYS..).zip(0..LOOKED_UP_EACH) {
        let spec = FilterSpec::Exact(vec![(format!("z{number}"), "z".to_owned())]);
        set.insert(key, Filter::compile(&[spec]).expect("it is valid"));
    }
    set
}

/// Compares after each change of what is in `set` beside filters that want nothing.
fn compare(
    mut set: FilterSet<u64>,
    changes: Vec<Change>,
    events: &[Event],
    tally: &Tally,
) -> Result<(), TestCaseError> {
    let others = set.len();
    let mut plain: Vec<(u64, Filter)> = Vec::new();
    for (key, specs) in changes {
        let was_there = plain.iter().any(|(held, _)| *held == key);
        plain.retain(|(held, _)| *held != key);
        match specs {
            None => prop_assert_eq!(set.remove(key), was_there),
            Some(specs) => {
                let filter = Filter::compile(&specs).expect("what is drawn compiles");
                tally.count(&filter, events);
                set.insert(key, filter.clone());
                plain.push((key, filter));
            }
        }
        prop_assert_eq!(set.len(), plain.len() + others);
        for event in events {
            prop_assert_eq!(
                together(&set, event),
                one_by_one(&plain, event),
                "{:?}",
                event
            );
            add(&tally.held, plain.len());
            set.index.find(event, |_| add(&tally.asked, 1));
        }
    }
    for (key, _) in plain {
        set.remove(key);
    }
    prop_assert_eq!(set.index.is_empty(), others == 0);
    Ok(())
}

fn together(set: &FilterSet<u64>, event: &Event) -> Vec<(u64, Outcome)> {
    let mut answers = Vec::new();
    set.matches(event, |key, outcome| answers.push((key, outcome)));
    answers.sort_unstable_by_key(|(key, _)| *key);
    answers
}

fn one_by_one(filters: &[(u64, Filter)], event: &Event) -> Vec<(u64, Outcome)> {
    let ask = |(key, filter): &(u64, Filter)| (*key, filter.evaluate(event));
    let mut answers: Vec<_> = filters.iter().map(ask).collect();
    answers.retain(|(_, outcome)| *outcome != Outcome::NoMatch);
    answers.sort_unstable_by_key(|(key, _)| *key);
    answers
}

/// What has been compared: a run that compares little, or one kind only, proves little.
#[derive(Default)]
struct Tally {
    filters: Cell<u32>,
    with_guard: Cell<u32>,
    /// Each filter with each event, once, however often they are compared.
    pairs: Cell<u32>,
    matches: Cell<u32>,
    errors: Cell<u32>,
    /// For all events: the filters in the set, and those that the index found.
    held: Cell<u32>,
    asked: Cell<u32>,
}

fn add(count: &Cell<u32>, more: usize) {
    count.set(count.get() + u32::try_from(more).expect("the numbers of a run are small"));
}

impl Tally {
    fn count(&self, filter: &Filter, events: &[Event]) {
        add(&self.filters, 1);
        add(
            &self.with_guard,
            usize::from(!filter.guard().clauses().is_empty()),
        );
        add(&self.pairs, events.len());
        for event in events {
            let outcome = filter.evaluate(event);
            add(&self.matches, usize::from(outcome == Outcome::Match));
            add(&self.errors, usize::from(outcome == Outcome::Error));
        }
    }

    fn judge(&self) {
        let share = |part: &Cell<u32>, whole: &Cell<u32>| -> f64 {
            f64::from(part.get()) / f64::from(whole.get())
        };
        let with_guard = share(&self.with_guard, &self.filters);
        let matches = share(&self.matches, &self.pairs);
        let errors = share(&self.errors, &self.pairs);
        let asked = share(&self.asked, &self.held);
        assert!(self.pairs.get() >= PAIRS_MIN, "{} pairs", self.pairs.get());
        assert!((0.2..0.8).contains(&with_guard), "{with_guard} had a guard");
        assert!((0.1..0.9).contains(&matches), "{matches} matched");
        assert!(errors > 0.005, "{errors} failed");
        assert!(asked < 0.9, "{asked} were asked");
    }
}
