use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const ROOT: &str = "r.e";

fn event(source: &str, ty: &str) -> Event {
    Event::builder("1", source, ty).build().expect("valid")
}

fn equal(text: &str) -> Option<Wanted> {
    Some(Wanted::Equal(Arc::from(text)))
}

fn starts(text: &str) -> Option<Wanted> {
    Some(Wanted::StartsWith(Arc::from(text)))
}

fn wish(ty: Option<Wanted>, source: Option<Wanted>) -> Wish {
    Wish { ty, source }
}

fn subjects(wishes: &[Wish]) -> Vec<String> {
    wanted(ROOT, &Interest::AnyOf(wishes.to_vec())).expect("it wants something")
}

/// As a server does it.
fn matches(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in pattern.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[test]
fn an_event_stands_below_its_source_and_type() {
    let bucket = source_token("/shop");
    for (ty, expected) in [
        ("order.placed", "order.placed"),
        ("order", "order"),
        ("a b", "a=20b"),
        ("com.example.order_v2", "com.example.order=5Fv2"),
        (".", "=.="),
        ("a..b", "a.=.b"),
        ("*.>", "=2A.=3E"),
        ("é", "=C3=A9"),
    ] {
        let subject = of(ROOT, &event("/shop", ty));
        assert_eq!(subject, format!("{ROOT}.{bucket}.{expected}"));
    }
    let long = of(ROOT, &event("/shop", &"x.".repeat(2_000)));
    assert!(long.len() < 400, "{long}");
    assert_eq!(bucket.len(), 2);
}

#[test]
fn an_interest_becomes_subjects_that_do_not_overlap() {
    let bucket = source_token("/shop");
    let cases: &[(&[Wish], &[&str])] = &[
        (&[wish(equal("a.b"), None)], &["r.e.*.a.b"]),
        (&[wish(starts("a.b."), None)], &["r.e.*.a.b.>"]),
        (&[wish(starts("a.b"), None)], &["r.e.*.a.>"]),
        (&[wish(starts("a"), None)], &[]),
        (&[wish(None, None)], &[]),
        (&[wish(None, starts("/"))], &[]),
        (&[wish(None, equal("/shop"))], &["r.e.SHOP.>"]),
        (&[wish(equal("a"), equal("/shop"))], &["r.e.SHOP.a"]),
        // One that another covers, and the same twice.
        (
            &[
                wish(equal("a.b"), None),
                wish(starts("a."), None),
                wish(equal("c"), None),
                wish(equal("c"), None),
            ],
            &["r.e.*.a.>", "r.e.*.c"],
        ),
        (
            &[wish(equal("a"), equal("/shop")), wish(equal("a"), None)],
            &["r.e.*.a"],
        ),
        // A type and the types below it do not overlap.
        (
            &[wish(equal("a"), None), wish(starts("a."), None)],
            &["r.e.*.a", "r.e.*.a.>"],
        ),
        // These overlap in part: the source is given up, and with it everything is wanted.
        (&[wish(None, equal("/shop")), wish(equal("a"), None)], &[]),
        (
            &[wish(starts("a."), equal("/shop")), wish(equal("a.b"), None)],
            &["r.e.*.a.>"],
        ),
    ];
    for (wishes, expected) in cases {
        let expected: Vec<String> = expected
            .iter()
            .map(|it| it.replace("SHOP", &bucket))
            .collect();
        assert_eq!(subjects(wishes), expected, "{wishes:?}");
    }
    assert_eq!(wanted(ROOT, &Interest::Everything), Some(Vec::new()));
    assert_eq!(wanted(ROOT, &Interest::AnyOf(Vec::new())), None);
    let many: Vec<_> = (0..200)
        .map(|n| wish(equal(&format!("t{n}")), None))
        .collect();
    assert_eq!(subjects(&many), [""; 0], "too many to tell");
}

fn ty() -> impl Strategy<Value = String> {
    let part = prop_oneof!["[ab]", "[ab]{0,3}", Just("x".repeat(70)), "[é *>=~_]"];
    proptest::collection::vec(part, 1..22)
        .prop_map(|parts| parts.join("."))
        .prop_filter("a type is not empty", |ty| !ty.is_empty())
}

fn any_wanted(text: impl Strategy<Value = String>) -> impl Strategy<Value = Option<Wanted>> {
    proptest::option::of(
        (text, any::<bool>(), any::<prop::sample::Index>()).prop_map(|(text, is_whole, end)| {
            if is_whole {
                return Wanted::Equal(text.into());
            }
            let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let start = text.split_at(*end.get(&ends)).0;
            Wanted::StartsWith(start.into())
        }),
    )
}

fn any_wish() -> impl Strategy<Value = Wish> {
    (any_wanted(ty()), any_wanted("/[ab]".prop_map(String::from)))
        .prop_map(|(ty, source)| Wish { ty, source })
}

proptest! {
    #[test]
    fn what_is_wanted_is_handed_out_and_no_two_subjects_overlap(
        wishes in proptest::collection::vec(any_wish(), 1..5),
        others in proptest::collection::vec(("/[ab]", ty()), 1..20),
        tails in proptest::collection::vec("[ab.]{0,4}", 1..4),
    ) {
        let patterns = subjects(&wishes);
        // Some that are wanted, made from the wishes themselves, and some others.
        let mut events: Vec<Event> = others.iter().map(|(source, ty)| event(source, ty)).collect();
        for wish in &wishes {
            for tail in &tails {
                let make = |wanted: &Option<Wanted>, other: &str| match wanted {
                    Some(Wanted::Equal(text)) => text.to_string(),
                    Some(Wanted::StartsWith(start)) => format!("{start}{tail}"),
                    None => other.to_owned(),
                };
                let (source, ty) = (make(&wish.source, "/a"), make(&wish.ty, "a"));
                if let Ok(event) = Event::builder("1", &source, &ty).build() {
                    events.push(event);
                }
            }
        }
        for event in &events {
            let subject = of(ROOT, event);
            let is_wanted = wishes.iter().any(|wish| {
                wish.ty.as_ref().is_none_or(|it| it.holds(event.ty()))
                    && wish.source.as_ref().is_none_or(|it| it.holds(event.source()))
            });
            let handed_out = patterns.iter().filter(|it| matches(it, &subject)).count();
            prop_assert!(handed_out <= 1, "{:?} overlap at {}", patterns, subject);
            if is_wanted && !patterns.is_empty() {
                prop_assert_eq!(handed_out, 1, "{:?} miss {}", patterns, subject);
            }
        }
    }
}
