//! What matching costs: `cargo bench -p sluicegate-filter`, with part of a bench's name behind `--`
//! to run only those. Beside the time it counts allocations.
//!
//! `cargo test` runs every bench once on small inputs, so that none rots. What must not allocate is
//! asserted in `tests/allocations.rs`; times are for people to compare, on one machine at rest.

mod bounds;
mod one;
mod set;

use divan::AllocProfiler;
use sluicegate_event::{Event, EventBuilder};
use sluicegate_filter::cesql::Expression;
use sluicegate_filter::{Filter, FilterSpec};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    if is_measuring() {
        divan::main();
    } else if !std::env::args().any(|argument| argument == "--list") {
        // Of the flags that a test takes divan knows few, and refuses the others.
        divan::Divan::default().test_benches();
    }
}

/// `cargo bench` says so; `cargo test` does not.
fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// How many of something, or a hundredth of it as a test.
fn scaled(count: usize) -> usize {
    if is_measuring() {
        count
    } else {
        count.div_ceil(100)
    }
}

/// An event as they often are, to be completed.
fn order(ty: &str) -> EventBuilder {
    Event::builder("A234-1234-1234", "/shop/checkout", ty)
        .attribute("subject", "orders/4711")
        .attribute("time", "2026-11-21T16:00:00Z")
        .attribute("partitionkey", "4711")
        .attribute("region", "eu-central")
        .data("application/json", r#"{"total": 250}"#)
}

fn built(builder: EventBuilder) -> Event {
    builder.build().expect("the event of a bench is valid")
}

fn compiled(spec: FilterSpec) -> Filter {
    Filter::compile(&[spec]).expect("the filter of a bench is valid")
}

/// One of the dialects that take attributes.
fn by(dialect: fn(Vec<(String, String)>) -> FilterSpec, name: &str, value: &str) -> Filter {
    compiled(dialect(vec![(name.to_owned(), value.to_owned())]))
}

fn cesql(text: &str) -> Filter {
    let expression = Expression::parse(text).expect("the expression of a bench is valid");
    compiled(FilterSpec::Cesql(expression))
}
