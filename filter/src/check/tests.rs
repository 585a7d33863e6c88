use crate::Filter;
use crate::spec::{FilterError, FilterSpec, NESTING_MAX, NODES_MAX};
use crate::testing::{entries, not};

fn exact(name: &str, value: &str) -> FilterSpec {
    FilterSpec::Exact(entries(&[(name, value)]))
}

fn legacy(name: &str, value: &str) -> FilterSpec {
    FilterSpec::Attributes(entries(&[(name, value)]))
}

fn fault(specs: &[FilterSpec]) -> FilterError {
    match Filter::compile(specs) {
        Ok(_) => panic!("{specs:?} was accepted"),
        Err(fault) => fault,
    }
}

/// RK-3 and the rule of Knative's admission, for each dialect that names attributes.
#[test]
fn a_name_is_lower_case_letters_and_digits_with_a_letter_first() {
    let accepted = ["type", "a", "z9", "source", "abcdefghij0123456789", "data"];
    let refused = [
        "Type", "tyPe", "TYPE", "my type", "my_type", "my-type", "0type", "9", "type🙂", "my.type",
        "type!", "typé", " type",
    ];
    let dialects = [
        FilterSpec::Attributes,
        FilterSpec::Exact,
        FilterSpec::Prefix,
        FilterSpec::Suffix,
    ];
    for dialect in dialects {
        for name in accepted {
            let spec = dialect(entries(&[(name, "x")]));
            assert!(Filter::compile(&[spec]).is_ok(), "{name:?}");
        }
        for name in refused {
            let spec = dialect(entries(&[("type", "x"), (name, "x")]));
            let fault = fault(&[spec]);
            assert!(fault.path.ends_with(name), "{name:?}: {}", fault.path);
            assert!(fault.problem.contains(name), "{name:?}: {}", fault.problem);
            assert!(fault.remedy.contains("lower-case"), "{}", fault.remedy);
        }
    }
}

#[test]
fn a_fault_says_where_it_is_and_what_is_wrong() {
    let deep_in_a_tree = FilterSpec::All(vec![
        exact("source", "/shop"),
        FilterSpec::Any(vec![exact("type", "a"), not(exact("type", ""))]),
    ]);
    let cases = [
        (
            vec![exact("type", "")],
            "filters[0].exact.type",
            "`type` is empty",
        ),
        (vec![exact("", "x")], "filters[0].exact", "name is empty"),
        (vec![legacy("", "x")], "filter.attributes", "name is empty"),
        (
            vec![legacy("my-type", "x")],
            "filter.attributes.my-type",
            "\"my-type\"",
        ),
        (
            vec![FilterSpec::Exact(vec![])],
            "filters[0].exact",
            "`exact` names no",
        ),
        (
            vec![exact("type", "a"), FilterSpec::Prefix(vec![])],
            "filters[1].prefix",
            "`prefix` names no",
        ),
        (
            vec![not(FilterSpec::Suffix(vec![]))],
            "filters[0].not.suffix",
            "`suffix` names no",
        ),
        (
            vec![FilterSpec::All(vec![])],
            "filters[0].all",
            "`all` holds no",
        ),
        (
            vec![FilterSpec::All(vec![
                exact("type", "a"),
                FilterSpec::Any(vec![]),
            ])],
            "filters[0].all[1].any",
            "`any` holds no",
        ),
        (
            vec![exact("type", "a"), deep_in_a_tree],
            "filters[1].all[1].any[1].not.exact.type",
            "`type` is empty",
        ),
        (
            vec![exact("type", "a"), exact("first", ""), exact("second", "")],
            "filters[1].exact.first",
            "`first` is empty",
        ),
    ];
    for (specs, path, problem) in cases {
        let fault = fault(&specs);
        assert_eq!(fault.path, path, "{specs:?}");
        assert!(
            fault.problem.contains(problem),
            "{specs:?}: {}",
            fault.problem
        );
        assert!(!fault.remedy.is_empty(), "{specs:?}");
    }
}

#[test]
fn the_legacy_filter_alone_takes_empty_values_and_no_entries() {
    assert!(Filter::compile(&[legacy("type", "")]).is_ok());
    assert!(Filter::compile(&[FilterSpec::Attributes(vec![])]).is_ok());
}

/// Row I4: 64 filters around one another are served, 65 refused, whatever they are.
#[test]
fn nesting_past_its_bound_is_refused() {
    let wraps: [fn(FilterSpec) -> FilterSpec; 3] = [
        |inner| FilterSpec::All(vec![inner]),
        |inner| FilterSpec::Any(vec![exact("type", "a"), inner]),
        not,
    ];
    for wrap in wraps {
        let nested = |depth: usize| (0..depth).fold(exact("type", "a"), |inner, _| wrap(inner));
        assert!(Filter::compile(&[nested(NESTING_MAX)]).is_ok());
        for depth in [NESTING_MAX + 1, 1_000] {
            let fault = fault(&[nested(depth)]);
            assert!(
                fault.problem.contains("deeper than 64"),
                "{}",
                fault.problem
            );
            assert!(fault.path.starts_with("filters[0]."), "{}", fault.path);
        }
    }
}

#[test]
fn nesting_starts_anew_in_each_filter_of_a_list() {
    let nested = (0..NESTING_MAX).fold(exact("type", "a"), |inner, _| not(inner));
    let side_by_side = FilterSpec::Any(vec![exact("type", "a"); 100]);
    assert!(Filter::compile(&[nested.clone(), side_by_side, nested]).is_ok());
}

/// What is counted is every filter and every entry, over all specs of the trigger.
#[test]
fn more_than_ten_thousand_filters_and_conditions_are_refused() {
    let one_each = NODES_MAX / 2;
    let any = |count: usize| FilterSpec::Any(vec![exact("type", "a"); count]);
    let all_but_the_any = one_each - 1;
    assert!(Filter::compile(&[any(all_but_the_any)]).is_ok());
    assert!(Filter::compile(&[any(all_but_the_any), exact("type", "a")]).is_err());

    let fault = fault(&[any(one_each)]);
    assert_eq!(
        fault.path,
        format!("filters[0].any[{}].exact", one_each - 1)
    );
    assert!(fault.problem.contains("10000"), "{}", fault.problem);

    let wide = vec![("type".to_owned(), "a".to_owned()); NODES_MAX];
    assert!(Filter::compile(&[FilterSpec::Exact(wide)]).is_err());
}
