//! Batches: many events or none, and which member is at fault.

use super::*;

#[test]
fn batches_are_read_whole() {
    let one = with_members("1.0", r#""data":{"a":1}"#);
    let two = with_members("1.0", r#""subject":"two""#);
    let body = Bytes::from(format!(" [ {one} , {two} ] "));
    let events = read::batch(&body, &Limits::default()).unwrap();
    assert_eq!(events, [read_bytes(one).unwrap(), read_bytes(two).unwrap()]);
    assert!(
        read::batch(&Bytes::from_static(b"[]"), &Limits::default())
            .unwrap()
            .is_empty()
    );
    let old = Bytes::from(format!("[{}]", with_members("0.3", "")));
    assert_eq!(read::batch(&old, &Limits::default()).unwrap().len(), 1);
}

#[test]
fn a_fault_in_a_batch_names_the_member() {
    let good = with_members("1.0", "");
    let cases = [
        (
            format!("[{good},{}]", with_members("0.3", "")),
            Some(1),
            r#"specversion "0.3" stands in a batch of "1.0""#,
        ),
        (
            format!("[{good},{good},{{}}]"),
            Some(2),
            "a structured event needs id, source, type, specversion; missing: id, source, type, specversion",
        ),
        (
            format!("[{good},1]"),
            Some(1),
            "the body is not a JSON object",
        ),
        (
            format!("[[{good}]]"),
            Some(0),
            "the body is not a JSON object",
        ),
        (good.clone(), None, "the body is not a JSON array"),
        (
            format!("[{good},]"),
            None,
            "the body is not a JSON array: trailing comma",
        ),
        (
            format!("[{good}] x"),
            None,
            "the body is not a JSON array: trailing characters",
        ),
        (
            format!("[{good}"),
            None,
            "the body is not a JSON array: EOF",
        ),
    ];
    for (body, member, problem) in cases {
        let error = read::batch(&body.into(), &Limits::default()).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { .. }));
        assert!(error.to_string().starts_with(problem), "{error}");
        assert_eq!(error.member(), member, "{error}");
    }
}

#[test]
fn batches_are_limited_in_events_bytes_and_depth() {
    let good = with_members("1.0", "");
    let batch_of = |items: &[&str], limits: Limits| {
        read::batch(&format!("[{}]", items.join(",")).into(), &limits)
    };
    let limits = Limits {
        batch_events_max: 2,
        event_bytes_max: 100,
        batch_bytes_max: 250,
        json_depth_max: 2,
        ..Limits::default()
    };
    assert_eq!(batch_of(&[&good, &good], limits).unwrap().len(), 2);
    assert!(matches!(
        batch_of(&[&good, &good, &good], limits),
        Err(DecodeError::TooLarge { member: None, .. })
    ));
    let padded = format!("{good}{}", " ".repeat(250));
    assert!(matches!(
        batch_of(&[&padded], limits),
        Err(DecodeError::TooLarge { member: None, .. })
    ));
    let large = with_members("1.0", &format!(r#""data":"{}""#, "x".repeat(70)));
    assert!(matches!(
        batch_of(&[&good, &large], limits),
        Err(DecodeError::TooLarge {
            member: Some(1),
            ..
        })
    ));
    assert!(batch_of(&[&with_members("1.0", r#""data":[]"#)], limits).is_ok());
    let deep = batch_of(&[&with_members("1.0", r#""data":[[]]"#)], limits).unwrap_err();
    assert_eq!(deep.to_string(), "the JSON nests deeper than 2");
}
