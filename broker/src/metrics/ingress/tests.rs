use super::*;

fn scrape(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text
}

#[test]
fn a_broker_that_is_gone_leaves_no_series_of_its_own() {
    let mut registry = Registry::default();
    let families = IngressFamilies::register(&mut registry);
    let kept = families.handles("shop", "kept", "memory");
    let gone = families.handles("shop", "gone", "memory");
    for handles in [&kept, &gone] {
        handles.accepted(1, Duration::from_millis(1));
        handles.event_size(100);
        for problem in Problem::ALL {
            handles.refused(*problem, 1, Duration::from_millis(1));
        }
    }
    families.remove(&gone);
    let text = scrape(&registry);
    let of_gone = |line: &&str| line.contains("gone") && !line.contains("store_append");
    assert_eq!(text.lines().find(of_gone), None);
    assert!(text.lines().any(|line| line.contains("kept")), "{text}");
}

#[test]
fn only_what_may_be_sent_again_counts_as_overload() {
    for problem in Problem::ALL {
        let is_overload = Outcome::of(*problem) == Outcome::Overloaded;
        let may_come_again = matches!(problem.status().as_u16(), 503 | 507);
        assert_eq!(is_overload, may_come_again, "{problem:?}");
    }
}
