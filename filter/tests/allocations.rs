//! Matching allocates nothing: not where a filter is asked, and not where all of a broker are.

use allocation_counter::measure;
use sluicegate_event::Event;
use sluicegate_filter::cesql::Expression;
use sluicegate_filter::{Filter, FilterSet, FilterSpec, Outcome};

fn event(ty: &str, amount: &str) -> Event {
    Event::builder("1", "/shop", ty)
        .attribute("subject", "orders/4711")
        .attribute("amount", amount)
        .build()
        .expect("the event of a test is valid")
}

fn by(dialect: fn(Vec<(String, String)>) -> FilterSpec, name: &str, value: &str) -> Filter {
    let spec = dialect(vec![(name.to_owned(), value.to_owned())]);
    Filter::compile(&[spec]).expect("the filter of a test is valid")
}

fn cesql(text: &str) -> Filter {
    let expression = Expression::parse(text).expect("the expression of a test is valid");
    Filter::compile(&[FilterSpec::Cesql(expression)]).expect("the filter of a test is valid")
}

/// What `matching` returns, and how often it allocated.
fn counted<T>(matching: impl FnOnce() -> T) -> (T, u64) {
    let mut returned = None;
    let info = measure(|| returned = Some(matching()));
    (returned.expect("it was called"), info.count_total)
}

#[test]
fn allocations_are_counted() {
    let (text, allocations) = counted(|| "text".to_owned());
    assert_eq!((text.as_str(), allocations), ("text", 1));
    // So is a filter's: what is compared here stands nowhere until it is computed.
    let filter = cesql("UPPER(subject) = 'ORDERS/4711'");
    let event = event("order.paid", "250");
    let (outcome, allocations) = counted(|| filter.evaluate(&event));
    assert_eq!(outcome, Outcome::Match);
    assert_ne!(allocations, 0);
}

#[test]
fn asking_a_filter_allocates_nothing() {
    let filters = [
        by(FilterSpec::Exact, "type", "order.paid"),
        by(FilterSpec::Attributes, "type", "order.paid"),
        by(FilterSpec::Prefix, "type", "order."),
        by(FilterSpec::Suffix, "type", ".paid"),
        cesql("type = 'order.paid' AND amount > 100"),
        cesql("type LIKE 'order.%' AND subject LIKE '%/47__'"),
        cesql("type IN ('order.made', 'order.paid') OR NOT EXISTS amount"),
        cesql("LENGTH(subject) > 5 AND LEFT(source, 5) = '/shop' AND amount + 1 < 1000"),
    ];
    // They match, miss in each part, and fail.
    let events = [
        event("order.paid", "250"),
        event("order.paid", "25"),
        event("order.sent", "250"),
        event("page.seen", "250"),
        event("order.paid", "much"),
    ];
    let mut outcomes = Vec::new();
    for filter in &filters {
        for event in &events {
            let (outcome, allocations) = counted(|| filter.evaluate(event));
            assert_eq!(allocations, 0, "{filter:?} on {event:?}");
            outcomes.push(outcome);
        }
    }
    for outcome in [Outcome::Match, Outcome::NoMatch, Outcome::Error] {
        assert!(outcomes.contains(&outcome), "{outcome:?}");
    }
}

#[test]
fn asking_a_thousand_filters_together_allocates_nothing() {
    let mut set = FilterSet::new();
    for number in 0..1_000 {
        let ty = format!("order.{number}");
        set.insert(
            number,
            match number % 10 {
                0..7 => by(FilterSpec::Exact, "type", &ty),
                7 | 8 => by(FilterSpec::Prefix, "type", &format!("{ty}.")),
                _ => cesql(&format!("type = '{ty}' AND amount > 100")),
            },
        );
    }
    for (ty, wanted) in [
        ("order.500", 1),
        ("order.999", 1),
        ("order.78.x", 1),
        ("page.seen", 0),
    ] {
        let event = event(ty, "250");
        let mut matching = 0;
        let ((), allocations) = counted(|| set.matches(&event, |_, _| matching += 1));
        assert_eq!((matching, allocations), (wanted, 0), "{ty}");
    }
}
