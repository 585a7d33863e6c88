//! The filters of a broker, asked together, and changed.

use divan::{Bencher, black_box};
use sluicegate_event::Event;
use sluicegate_filter::{Filter, FilterSet, FilterSpec};

use crate::{built, by, cesql, order, scaled};

fn set(filters: impl Iterator<Item = Filter>) -> FilterSet<usize> {
    let mut set = FilterSet::new();
    for (key, filter) in filters.enumerate() {
        set.insert(key, filter);
    }
    set
}

/// As many filters, each for another type.
fn of_distinct_types(count: usize) -> FilterSet<usize> {
    set((0..count).map(|number| by(FilterSpec::Exact, "type", &format!("order.{number}"))))
}

/// 70 % exact, 20 % prefix, 10 % CESQL, of types, sources and extensions.
fn mixed(count: usize) -> FilterSet<usize> {
    set((0..count).map(|number| match number % 10 {
        0..5 => by(FilterSpec::Exact, "type", &format!("order.{number}")),
        5 | 6 => by(FilterSpec::Exact, "partitionkey", &number.to_string()),
        7 => by(FilterSpec::Prefix, "source", &format!("/shop/{number}/")),
        8 => by(FilterSpec::Prefix, "type", &format!("order.{number}.")),
        _ => cesql(&format!("type = 'order.{number}' AND amount > 100")),
    }))
}

fn wanted(set: &FilterSet<usize>, event: &Event) -> usize {
    let mut wanted = 0;
    set.matches(event, |_, _| wanted += 1);
    wanted
}

fn ask(bencher: Bencher<'_, '_>, set: &FilterSet<usize>, event: &Event, expected: usize) {
    assert_eq!(wanted(set, event), expected);
    bencher.bench(|| wanted(black_box(set), black_box(event)));
}

/// Whether a set that grows makes an event dearer, where one filter wants it.
#[divan::bench(args = [1, scaled(100), scaled(10_000)])]
fn distinct_types(bencher: Bencher<'_, '_>, count: usize) {
    ask(
        bencher,
        &of_distinct_types(count),
        &built(order("order.0")),
        1,
    );
}

/// The same for a thousand events in turn, each wanted by another filter, so that what one event left
/// in the processor's caches helps the next one less.
#[divan::bench(args = [1, scaled(100), scaled(10_000)], sample_size = 1_000)]
fn distinct_types_in_turn(bencher: Bencher<'_, '_>, count: usize) {
    let set = of_distinct_types(count);
    let event = |turn: usize| built(order(&format!("order.{}", turn * 7_919 % count)));
    let events: Vec<Event> = (0..scaled(1_000)).map(event).collect();
    let mut turns = events.iter().cycle();
    bencher.bench_local(|| turns.next().map(|event| wanted(black_box(&set), event)));
}

/// One event that none wants.
#[divan::bench(args = [1, scaled(100), scaled(10_000)])]
fn distinct_types_of_which_none(bencher: Bencher<'_, '_>, count: usize) {
    ask(
        bencher,
        &of_distinct_types(count),
        &built(order("page.seen")),
        0,
    );
}

#[divan::bench(args = ["order.10", "order.19", "page.seen"])]
fn mixed_filters(bencher: Bencher<'_, '_>, ty: &str) {
    let event = built(order(ty).attribute("amount", "250"));
    let expected = usize::from(ty != "page.seen");
    ask(bencher, &mixed(scaled(10_000)), &event, expected);
}

/// The cost of those that are wanted, which no index can save.
#[divan::bench]
fn all_of_a_hundred_match(bencher: Bencher<'_, '_>) {
    let count = scaled(100);
    let all = set((0..count).map(|_| by(FilterSpec::Exact, "type", "order.paid")));
    ask(bencher, &all, &built(order("order.paid")), count);
}

/// As the broker changes a trigger: a changed copy takes the place of a set that is being read.
#[divan::bench(args = [1, scaled(100), scaled(10_000)])]
fn change_of_one(bencher: Bencher<'_, '_>, count: usize) {
    let set = mixed(count);
    let changed = by(FilterSpec::Exact, "type", "order.changed");
    bencher.bench(|| {
        let mut copy = black_box(&set).clone();
        copy.insert(count / 2, changed.clone());
        copy
    });
}

/// As the broker starts.
#[divan::bench(args = [1, scaled(100), scaled(10_000)])]
fn insertion_of_all(bencher: Bencher<'_, '_>, count: usize) {
    let filters: Vec<Filter> = (0..count)
        .map(|number| by(FilterSpec::Exact, "type", &format!("order.{number}")))
        .collect();
    bencher.bench(|| set(black_box(&filters).iter().cloned()));
}
