use super::*;
use crate::codes;

/// Shows a tree on one line: scalars that are strings in quotes, others bare.
fn show(node: &Node) -> String {
    match &node.value {
        Value::Refused => "!".into(),
        Value::Scalar(scalar) if scalar.is_string() => format!("{:?}", scalar.text),
        Value::Scalar(scalar) => format!("<{}>", scalar.text),
        Value::Sequence(items) => {
            let items: Vec<String> = items.iter().map(show).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Mapping(entries) => {
            let entries = entries
                .iter()
                .map(|entry| format!("{}={}", entry.key, show(&entry.value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
        }
    }
}

#[test]
fn scalars_have_the_types_of_yaml_1_2() {
    for (text, expected) in [
        ("yes", "\"yes\""),
        ("off", "\"off\""),
        ("true", "<true>"),
        ("'true'", "\"true\""),
        ("!!str 5", "\"5\""),
        ("12", "<12>"),
        ("-0x1F", "\"-0x1F\""),
        ("0x1F", "<0x1F>"),
        ("1.5e3", "<1.5e3>"),
        (".inf", "<.inf>"),
        ("infinity", "\"infinity\""),
        ("nan", "\"nan\""),
        ("1.2.3", "\"1.2.3\""),
        ("2026-01-31", "\"2026-01-31\""),
        ("10Gi", "\"10Gi\""),
        ("~x", "\"~x\""),
        ("|\n  a\n  b\n", "\"a\\nb\\n\""),
        (">-\n  a\n  b\n", "\"a b\""),
        ("{a: [1, 'x'], b: }", "{a=[<1> \"x\"] b=<>}"),
    ] {
        let documents = documents(text);
        let shown: Vec<String> = documents.list.iter().map(|one| show(&one.root)).collect();
        assert_eq!(shown, [expected], "{text}");
        assert_eq!(documents.fault, None, "{text}");
    }
}

#[test]
fn empty_documents_are_left_out() {
    for (text, expected) in [
        ("", 0),
        ("# only a comment\n", 0),
        ("---\n---\n", 0),
        ("a: 1\n---\n# nothing\n---\nb: 2\n...\n", 2),
        ("\u{feff}a: 1\n", 1),
    ] {
        let documents = documents(text);
        assert_eq!(
            (documents.list.len(), documents.fault),
            (expected, None),
            "{text:?}"
        );
    }
}

#[test]
fn nodes_know_where_they_stand() {
    let documents = documents("a: b c # x\nd:\n  - {f: 'g h'}\n  - k: |\n      text\n");
    let mut places = Vec::new();
    let mut pending = vec![&documents.list[0].root];
    while let Some(node) = pending.pop() {
        places.push((node.span.line, node.span.column, node.span.length));
        match &node.value {
            Value::Sequence(items) => pending.extend(items.iter().rev()),
            Value::Mapping(entries) => {
                pending.extend(entries.iter().rev().map(|entry| &entry.value));
            }
            Value::Scalar(_) | Value::Refused => {}
        }
    }
    let expected = [
        (1, 1, 1), // the document begins with `a`
        (1, 4, 3), // `b c`, without the comment
        (3, 3, 1), // the list
        (3, 5, 1), // {
        (3, 9, 5), // 'g h', with its quotes
        (4, 5, 1), // `k`
        (5, 7, 1), // the block
    ];
    assert_eq!(places, expected);
}

#[test]
fn what_is_hostile_or_broken_is_a_fault_with_a_place() {
    let deep = format!("{}{}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
    let many = format!("[{}]", "1,".repeat(NODES_MAX + 1));
    let long = " ".repeat(TEXT_BYTES_MAX + 1);
    for (text, place, message) in [
        ("a: [1\nb: 2", Some((2, 2)), "not YAML: "),
        (
            "a: b: c",
            Some((1, 5)),
            "not YAML: mapping values are not allowed in this context",
        ),
        (
            "a: \u{0}b",
            Some((1, 4)),
            "control characters are not allowed in YAML",
        ),
        (
            "{{ name }}: x",
            Some((1, 1)),
            "the key of a mapping must be a single value",
        ),
        (
            "? [a]\n: b",
            Some((1, 3)),
            "the key of a mapping must be a single value",
        ),
        (
            &deep,
            Some((1, DEPTH_MAX + 1)),
            "nested deeper than 160 levels",
        ),
        (
            &many,
            Some((1, 200_002)),
            "more than 100000 values in one file",
        ),
        (
            &long,
            None,
            "the file has 1048577 bytes; at most 1048576 are read",
        ),
    ] {
        let fault = documents(text).fault.expect("a fault");
        assert_eq!(fault.code, codes::NOT_YAML);
        assert!(fault.message.starts_with(message), "{}", fault.message);
        assert_eq!(
            fault.span.map(|span| (span.line, span.column)),
            place,
            "{message}"
        );
    }
}

#[test]
fn documents_before_a_fault_are_kept() {
    let documents = documents("a: 1\n---\nb: [\n---\nc: 3\n");
    assert_eq!(documents.list.len(), 1);
    assert!(documents.fault.is_some());
}

#[test]
fn duplicate_keys_aliases_and_tags_are_reported_and_the_rest_is_read() {
    let documents = documents("a: 1\na: 2\nb: &x 3\nc: *x\nd: !!binary aGk=\ne: [*x, 4]\n");
    let document = &documents.list[0];
    assert_eq!(
        show(&document.root),
        "{a=<1> b=<3> c=! d=\"aGk=\" e=[! <4>]}"
    );
    let found: Vec<(&str, usize)> = document
        .diagnostics
        .iter()
        .map(|one| (one.message.as_str(), one.span.expect("a place").line))
        .collect();
    assert_eq!(
        found,
        [
            ("aliases (`*name`) are not read here", 4),
            ("the tag 'tag:yaml.org,2002:!binary' is not read here", 5),
            ("aliases (`*name`) are not read here", 6),
            ("the key 'a' is written twice; first on line 1", 2),
        ]
    );
}

#[test]
fn durations_have_a_fixed_length_or_a_remedy() {
    use std::time::Duration;
    let not_iso = |meant: Option<&str>| {
        Err(DurationFault::NotIso {
            meant: meant.map(str::to_owned),
        })
    };
    for (text, expected) in [
        ("PT5S", Ok(Duration::from_secs(5))),
        ("PT0.2S", Ok(Duration::from_millis(200))),
        ("PT0S", Ok(Duration::ZERO)),
        ("PT1H30M", Ok(Duration::from_secs(5_400))),
        ("P7D", Ok(Duration::from_secs(604_800))),
        ("P1W", Ok(Duration::from_secs(604_800))),
        ("P1DT12H", Ok(Duration::from_secs(129_600))),
        ("5s", not_iso(Some("PT5S"))),
        ("200ms", not_iso(Some("PT0.2S"))),
        ("1h30m", not_iso(Some("PT1H30M"))),
        ("5", not_iso(Some("PT5S"))),
        ("pt5s", not_iso(Some("PT5S"))),
        ("PT5s", not_iso(Some("PT5S"))),
        ("soon", not_iso(None)),
        ("", not_iso(None)),
        ("P", not_iso(None)),
        ("PT", not_iso(None)),
        ("P1M", Err(DurationFault::Calendar)),
        ("P1Y", Err(DurationFault::Calendar)),
        ("-PT5S", Err(DurationFault::Negative)),
    ] {
        assert_eq!(parse_duration(text), expected, "{text:?}");
    }
}

#[test]
fn quantities_are_whole_bytes() {
    for (text, expected) in [
        ("0", Some(0)),
        ("1048576", Some(1 << 20)),
        ("10Gi", Some(10 << 30)),
        ("5k", Some(5_000)),
        ("15Ei", Some(15 << 60)),
        ("16Ei", None),
        ("1.5Gi", None),
        ("64KB", None),
        ("-1", None),
        ("Ki", None),
        ("", None),
    ] {
        assert_eq!(parse_quantity(text), expected, "{text:?}");
    }
    assert_eq!(quantity::suggest_quantity("10 GB").as_deref(), Some("10G"));
    assert_eq!(quantity::suggest_quantity("64kib").as_deref(), Some("64Ki"));
    assert_eq!(quantity::suggest_quantity("a lot"), None);
}

/// Reads `value: ...` with one getter; gives what it read and what was said.
fn read<T>(value: &str, getter: impl Fn(&Field<'_>) -> Option<T>) -> Result<T, String> {
    let documents = documents(&format!("value: {value}"));
    let findings = Findings::default();
    let mut root = Mapping::of(&documents.list[0], &findings).expect("a mapping");
    let got = root.required("value").and_then(|field| getter(&field));
    root.finish();
    let said: Vec<String> = findings
        .into_sorted()
        .into_iter()
        .map(|one| one.message)
        .collect();
    assert_eq!(
        got.is_none(),
        !said.is_empty(),
        "{value}: refused without a word, or both"
    );
    got.ok_or(said.join("; "))
}

#[test]
fn getters_read_their_type_and_say_why_not() {
    fn no<T>(text: &str) -> Result<T, String> {
        Err(text.to_owned())
    }
    assert_eq!(read("true", |field| field.boolean()), Ok(true));
    assert_eq!(read("False", |field| field.boolean()), Ok(false));
    assert_eq!(
        read("yes", |field| field.boolean()),
        no("`value` must be true or false; 'yes' is a string")
    );
    assert_eq!(
        read("[true]", |field| field.boolean()),
        no("`value` must be true or false; this is a list")
    );
    assert_eq!(read("", |field| field.boolean()), no("`value` is required"));
    assert_eq!(read("0x1F", |field| field.integer(0..=31)), Ok(31));
    assert_eq!(
        read("32", |field| field.integer(0..=31)),
        no("`value` must be from 0 to 31; this is 32")
    );
    assert_eq!(read("64Ki", |field| field.quantity(1..=65_536)), Ok(65_536));
    assert_eq!(
        read("65Ki", |field| field.quantity(1..=65_536)),
        no("`value` must be from 1 to 64Ki; this is 65Ki")
    );
    let pairs = vec![
        ("b".to_owned(), "1".to_owned()),
        ("a".to_owned(), String::new()),
    ];
    assert_eq!(
        read("{b: '1', a: ''}", |field| field.string_map()),
        Ok(pairs)
    );
    assert_eq!(
        read("{b: 1, a: [x], c: ok}", |field| field.string_map()),
        no("`value.b` must be a string; 1 is a number; `value.a` must be a string; this is a list")
    );
    let paths = |field: &Field<'_>| {
        let items = field.list()?;
        Some(
            items
                .iter()
                .map(|item| item.path().to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let two = vec!["value[0]".to_owned(), "value[1]".to_owned()];
    assert_eq!(read("[a, {b: c}]", paths), Ok(two));
    assert_eq!(
        read("a", paths),
        no("`value` must be a list; 'a' is a string")
    );
}

#[test]
fn a_misspelt_field_is_not_also_missing() {
    let documents = documents("listn: x\nport: 1\n");
    let findings = Findings::default();
    let mut root = Mapping::of(&documents.list[0], &findings).expect("a mapping");
    assert!(root.required("listen").is_none());
    assert!(root.required("name").is_none());
    assert!(!root.finish());
    let said: Vec<String> = findings
        .into_sorted()
        .into_iter()
        .map(|one| one.message)
        .collect();
    assert_eq!(
        said,
        [
            "`name` is required",
            "unknown field `listn`; did you mean `listen`?",
            "unknown field `port`",
        ]
    );
}
