//! What an index might get wrong, one case at a time.

use sluicegate_event::SpecVersion;

use super::*;

fn any(children: Vec<FilterSpec>) -> FilterSpec {
    FilterSpec::Any(children)
}

/// Which of these filters are asked about an event with these attributes.
#[test]
fn those_are_asked_once_of_which_an_anchor_holds() {
    let either = || any(vec![exact(&[("type", "t")]), prefix(&[("source", "/t")])]);
    let cases = [
        // Several anchors of one filter hold at once.
        (vec![either()], vec![], vec![0]),
        (vec![either()], vec![("type", "x")], vec![0]),
        (vec![either()], vec![("source", "x")], vec![0]),
        (vec![either()], vec![("type", "x"), ("source", "x")], vec![]),
        (
            vec![any(vec![
                prefix(&[("type", "a")]),
                prefix(&[("type", "ab")]),
            ])],
            vec![("type", "abc")],
            vec![0],
        ),
        (
            vec![any(vec![exact(&[("type", "t")]), exact(&[("type", "t")])])],
            vec![],
            vec![0],
        ),
        (
            vec![any(vec![exact(&[("type", "t")]), prefix(&[("type", "t")])])],
            vec![],
            vec![0],
        ),
        // Many share a prefix, and prefixes begin with one another.
        (
            vec![
                prefix(&[("type", "a")]),
                prefix(&[("type", "a")]),
                prefix(&[("type", "ab")]),
                prefix(&[("type", "abc")]),
                prefix(&[("type", "b")]),
            ],
            vec![("type", "ab")],
            vec![0, 1, 2],
        ),
        // Within a character nothing begins.
        (
            vec![
                prefix(&[("type", "é")]),
                prefix(&[("type", "è")]),
                prefix(&[("type", "日本")]),
                prefix(&[("type", "日")]),
            ],
            vec![("type", "日曜")],
            vec![3],
        ),
        (
            vec![prefix(&[("type", "é")]), prefix(&[("type", "è")])],
            vec![("type", "ê")],
            vec![],
        ),
        // Absent attributes, empty values.
        (vec![exact(&[("subject", "x")])], vec![], vec![]),
        (vec![prefix(&[("subject", "x")])], vec![], vec![]),
        (vec![exact(&[("one", "x")])], vec![("one", "")], vec![]),
        (vec![cesql("one = ''")], vec![("one", "")], vec![0]),
        (vec![cesql("one LIKE ''")], vec![("one", "x")], vec![]),
        (vec![cesql("subject = 'x'")], vec![], vec![0]),
        (vec![cesql("subject = 'x'")], vec![("subject", "y")], vec![]),
        (vec![cesql("subject IN ('x', 'y')")], vec![], vec![0]),
        (vec![cesql("subject LIKE 'x%'")], vec![], vec![0]),
        (
            vec![cesql("subject LIKE 'x%'")],
            vec![("subject", "xy")],
            vec![0],
        ),
        (
            vec![cesql("subject = 'x' OR one LIKE 'x%'")],
            vec![],
            vec![0],
        ),
        (
            vec![cesql("subject = 'x' OR one LIKE 'x%'")],
            vec![("subject", "x")],
            vec![0],
        ),
        (
            vec![cesql("subject = 'x' OR one LIKE 'x%'")],
            vec![("subject", "y"), ("one", "y")],
            vec![],
        ),
        (
            vec![any(vec![exact(&[("one", "x")]), cesql("one = 'y'")])],
            vec![],
            vec![0],
        ),
        (
            vec![
                exact(&[("datacontenttype", "text/xml")]),
                prefix(&[("datacontenttype", "text/")]),
            ],
            vec![("datacontenttype", "text/xml;a=b")],
            vec![1],
        ),
        (
            vec![exact(&[("dataschema", "urn:a")])],
            vec![("dataschema", "urn:a")],
            vec![0],
        ),
        // No guard: always asked.
        (
            vec![
                not(exact(&[("type", "t")])),
                suffix(&[("type", "x")]),
                legacy(&[("type", "")]),
            ],
            vec![],
            vec![0, 1, 2],
        ),
    ];
    for (filters, attributes, expected) in cases {
        let filters = filters.into_iter().map(|spec| vec![spec]);
        let bench = Bench::of(filters);
        let asked = bench.asked(&event(&attributes));
        assert_eq!(asked, expected, "{attributes:?} in {:?}", bench.places());
    }
}

/// Else each event would find it once for each of them.
#[test]
fn what_is_asked_for_want_of_any_of_many_attributes_is_filed_once() {
    let one_of = |count: usize| {
        let conditions = (0..count).map(|n| format!("a{n} = 'x'"));
        vec![cesql(&conditions.collect::<Vec<_>>().join(" OR "))]
    };
    let bench = Bench::of([one_of(SCATTERED_MAX + 1)]);
    assert_eq!(bench.places(), ["any: 0"]);
    let bench = Bench::of([one_of(SCATTERED_MAX)]);
    assert_eq!(bench.places().len(), 2 * SCATTERED_MAX);
}

#[test]
fn an_older_event_has_the_name_of_its_schema() {
    let filters = [
        exact(&[("dataschema", "urn:a")]),
        exact(&[("schemaurl", "urn:a")]),
        legacy(&[("schemaurl", "urn:a")]),
        cesql("schemaurl = 'urn:a'"),
        cesql("dataschema = 'urn:a'"),
    ];
    let bench = Bench::of(filters.map(|spec| vec![spec]));
    let newer = event(&[("dataschema", "urn:a")]);
    let older = Event::builder("1", "/test", "t")
        .spec_version(SpecVersion::V03)
        .attribute("schemaurl", "urn:a")
        .build()
        .expect("it is valid");
    assert_eq!(bench.asked(&newer), [0, 2, 3, 4]);
    assert_eq!(bench.asked(&older), [1, 2, 3, 4]);
}

#[test]
fn a_key_may_come_to_be_found_another_way() {
    let ways = [
        vec![exact(&[("type", "t")])],
        vec![],
        vec![prefix(&[("type", "t")])],
        vec![not(exact(&[("type", "x")]))],
        vec![cesql("subject = 'x' AND type = 't'")],
    ];
    for from in &ways {
        for to in &ways {
            let mut bench = Bench::of([from.clone(), from.clone()]);
            bench.insert(0, compiled(to));
            assert_eq!(bench.asked(&event(&[])), [0, 1], "{from:?}, {to:?}");
            bench.remove(1);
            assert_eq!(bench.places(), bench.filed_anew(), "{from:?}, {to:?}");
        }
    }
}

/// A name, the filter of a number, and how many of ten thousand are asked about three events.
type Row = (&'static str, fn(u32) -> FilterSpec, [usize; 3]);

fn of_type(number: u32) -> FilterSpec {
    exact(&[("type", &format!("order.{number}"))])
}

#[test]
fn few_are_asked_of_many() {
    let wanted = event(&[
        ("type", "order.77"),
        ("subject", "s.77"),
        ("one", "77"),
        ("a77", "x"),
        ("a78", "y"),
        ("source", "same"),
    ]);
    let without = event(&[("type", "order.77"), ("source", "same")]);
    let other = event(&[("type", "other")]);
    let rows: [Row; 10] = [
        ("exact type", of_type, [1, 1, 0]),
        (
            "the same source, then a type",
            |n| FilterSpec::All(vec![exact(&[("source", "same")]), of_type(n)]),
            [2, 2, 0],
        ),
        (
            "a type, then the same source",
            |n| FilterSpec::All(vec![of_type(n), exact(&[("source", "same")])]),
            [1, 1, 0],
        ),
        (
            "the same source, then a prefix",
            |n| {
                let subject = prefix(&[("subject", &format!("s.{n}"))]);
                FilterSpec::All(vec![exact(&[("source", "same")]), subject])
            },
            [10, 9, 0],
        ),
        (
            "a type in an expression",
            |n| cesql(&format!("type = 'order.{n}' AND one = 'x'")),
            [1, 1, 0],
        ),
        (
            "an optional attribute in an expression",
            |n| cesql(&format!("type = 'order.77' AND one = '{n}'")),
            [2, 10_000, 0],
        ),
        (
            "a beginning of an optional attribute in an expression",
            |n| cesql(&format!("type = 'order.77' AND one LIKE '{n}%'")),
            [10, 10_000, 0],
        ),
        (
            "an optional attribute in an expression that asks first whether it exists",
            |n| cesql(&format!("EXISTS one AND one = '{n}'")),
            [1, 0, 0],
        ),
        (
            "an attribute of its own",
            |n| exact(&[(&format!("a{n}"), "x")]),
            [1, 0, 0],
        ),
        (
            "one of two",
            |n| any(vec![exact(&[("subject", &format!("s.{n}"))]), of_type(n)]),
            [1, 1, 0],
        ),
    ];
    for (name, filter, expected) in rows {
        let bench = Bench::of((0..10_000).map(|n| vec![filter(n)]));
        let asked = [&wanted, &without, &other].map(|event| bench.asked(event).len());
        assert_eq!(asked, expected, "{name}");
    }
}
