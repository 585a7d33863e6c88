//! What comes and goes leaves the index as if it had never come.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::generated::{any_filter, any_flat_filter};

#[test]
fn places_are_shared_and_go_with_the_last_filter() {
    let filters = [
        vec![exact(&[("type", "a")])],
        vec![exact(&[("type", "a")])],
        vec![FilterSpec::Any(vec![
            exact(&[("type", "a")]),
            prefix(&[("source", "/s")]),
        ])],
        vec![],
        vec![cesql("one = 'x' AND two = 'y'")],
        vec![cesql("one = 'x' AND type = 'b'")],
        vec![cesql("(one = 'x' OR two = 'y') AND type LIKE 'a%'")],
    ];
    let mut bench = Bench::of(filters);
    assert_eq!(
        bench.places(),
        [
            "any: 3",
            "no one, any: 4",
            "one=x: 4",
            "source=/s*: 2",
            "type=a*: 6",
            "type=a: 0 1 2",
            "type=b: 5",
        ]
    );
    for key in [0, 2, 4, 6, 1, 3] {
        bench.remove(key);
    }
    assert_eq!(bench.places(), ["type=b: 5"]);
    bench.remove(5);
    assert!(bench.index.is_empty());
}

#[test]
fn what_is_left_is_filed_as_if_nothing_else_had_been() {
    let config = Config {
        cases: 200,
        failure_persistence: None,
        ..Config::default()
    };
    let specs = prop_oneof![any_filter(), any_flat_filter()];
    let change = (0..20_u64, prop::option::weighted(0.7, specs));
    TestRunner::new(config)
        .run(&prop::collection::vec(change, 60), |changes| {
            let mut bench = Bench::new();
            for (key, spec) in changes {
                match spec {
                    Some(spec) => bench.insert(key, compiled(&[spec])),
                    None => bench.remove(key),
                }
            }
            prop_assert_eq!(bench.places(), bench.filed_anew());
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn ten_thousand_filters_leave_as_little_as_one() {
    let filter = |n: u32| match n % 4 {
        0 => exact(&[("type", &format!("order.{n}"))]),
        1 => prefix(&[("source", &format!("/shop/{n}"))]),
        2 => cesql(&format!("one = 'x.{n}' AND type = 'a'")),
        _ => exact(&[("type", "order")]),
    };
    let mut bench = Bench::of((0..10_000).map(|n| vec![filter(n)]));
    bench.places();
    for key in 1..10_000 {
        bench.remove(key);
    }
    assert_eq!(bench.places(), ["type=order.0: 0"]);
    bench.remove(0);
    assert!(bench.index.is_empty());
}

#[test]
fn a_copy_shares_what_a_change_does_not_touch() {
    let specs = (0..10_000).map(|n| vec![exact(&[("type", &format!("order.{n}"))])]);
    let bench = Bench::of(specs.chain([vec![prefix(&[("source", "/s")])]]));
    let mut changed = bench.clone();
    changed.remove(10_000);
    changed.insert(10_000, compiled(&[exact(&[("source", "/t")])]));
    let is_shared = |name| match [&bench, &changed].map(|bench| bench.index.attributes.get(name)) {
        [Some(one), Some(other)] => std::ptr::eq(one, other),
        _ => false,
    };
    assert!(is_shared("type"));
    assert!(!is_shared("source"));
    assert_eq!(bench.asked(&event(&[("source", "/s")])), [10_000]);
    assert_eq!(changed.asked(&event(&[("source", "/t")])), [10_000]);
}
