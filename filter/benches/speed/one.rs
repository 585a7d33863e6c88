//! One filter, one event.

use divan::{Bencher, black_box};
use sluicegate_event::Event;
use sluicegate_filter::{Filter, FilterSpec, Outcome};

use crate::{built, by, cesql, order};

fn ask(bencher: Bencher<'_, '_>, filter: &Filter, event: &Event, expected: Outcome) {
    assert_eq!(filter.evaluate(event), expected);
    bencher.bench(|| black_box(filter).evaluate(black_box(event)));
}

#[divan::bench(args = [("order.paid", Outcome::Match), ("order.sent", Outcome::NoMatch)])]
fn exact(bencher: Bencher<'_, '_>, (ty, expected): (&str, Outcome)) {
    let filter = by(FilterSpec::Exact, "type", "order.paid");
    ask(bencher, &filter, &built(order(ty)), expected);
}

#[divan::bench(args = [("eu-central", Outcome::Match), ("us-east", Outcome::NoMatch)])]
fn exact_on_an_extension(bencher: Bencher<'_, '_>, (region, expected): (&str, Outcome)) {
    let filter = by(FilterSpec::Exact, "region", region);
    let event = built(order("order.paid"));
    assert_eq!(event.attribute("region"), Some("eu-central"));
    ask(bencher, &filter, &event, expected);
}

#[divan::bench(args = [("order.", Outcome::Match), ("page.", Outcome::NoMatch)])]
fn prefix(bencher: Bencher<'_, '_>, (prefix, expected): (&str, Outcome)) {
    let filter = by(FilterSpec::Prefix, "type", prefix);
    ask(bencher, &filter, &built(order("order.paid")), expected);
}

/// What many conditions look like, on an event that meets it, on those that do not, and on one on
/// which it fails.
#[divan::bench(args = [
    ("order.paid", "250", Outcome::Match),
    ("order.sent", "250", Outcome::NoMatch),
    ("order.paid", "25", Outcome::NoMatch),
    ("order.paid", "much", Outcome::Error),
])]
fn condition(bencher: Bencher<'_, '_>, (ty, amount, expected): (&str, &str, Outcome)) {
    let filter = cesql("type = 'order.paid' AND amount > 100");
    let event = built(order(ty).attribute("amount", amount));
    ask(bencher, &filter, &event, expected);
}

#[divan::bench]
fn condition_without_its_attribute(bencher: Bencher<'_, '_>) {
    let filter = cesql("type = 'order.paid' AND amount > 100");
    ask(
        bencher,
        &filter,
        &built(order("order.paid")),
        Outcome::Error,
    );
}

#[divan::bench(args = [
    "subject LIKE 'orders/%'",
    "subject LIKE '%/47__'",
    "region IN ('us-east', 'us-west', 'eu-central')",
    "EXISTS subject AND NOT EXISTS amount",
    "LENGTH(subject) > 5 AND LEFT(source, 5) = '/shop'",
    "type = 'order.sent' OR type = 'order.paid' OR type = 'order.made'",
])]
fn other_conditions(bencher: Bencher<'_, '_>, text: &str) {
    ask(
        bencher,
        &cesql(text),
        &built(order("order.paid")),
        Outcome::Match,
    );
}
