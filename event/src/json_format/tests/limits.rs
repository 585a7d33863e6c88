//! How much is read, and how deep, before it is refused.

use super::*;

#[test]
fn nesting_is_limited_and_no_depth_exhausts_the_stack() {
    let nested = |depth: usize| {
        let data = format!("\"data\":{}{}", "[".repeat(depth), "]".repeat(depth));
        read_more(&data)
    };
    assert!(nested(63).is_ok(), "the event itself is one level");
    for depth in [64, 1_000, 1_000_000] {
        assert_eq!(
            nested(depth).unwrap_err().to_string(),
            "the JSON nests deeper than 64"
        );
    }
    let unlimited = Limits {
        json_depth_max: usize::MAX,
        ..Limits::default()
    };
    let deep = format!("\"data\":{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let body = Bytes::from(with_members("1.0", &deep));
    std::thread::Builder::new()
        .stack_size(128 << 10)
        .spawn(move || assert_eq!(read::event(&body, &unlimited).map(drop), Ok(())))
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn sizes_are_limited() {
    let limits = Limits {
        event_bytes_max: 100,
        batch_bytes_max: 400,
        attributes_max: 6,
        ..Limits::default()
    };
    let read = |more: &str| read::event(&with_members("1.0", more).into(), &limits);
    // The four required attributes of `with_members` have 30 bytes together.
    let data = |bytes: usize| format!(r#""data":"{}""#, "x".repeat(bytes - 2));
    assert!(read(&data(70)).is_ok());
    assert!(matches!(read(&data(71)), Err(DecodeError::TooLarge { .. })));
    assert!(matches!(
        read(&" ".repeat(80_000)),
        Err(DecodeError::TooLarge { .. })
    ));

    assert!(read(r#""a":1,"b":2"#).is_ok());
    assert!(read(r#""a":1,"b":2,"data":1,"data_base64":null"#).is_ok());
    for many in [
        r#""a":1,"b":2,"c":3"#,
        r#""a":1,"b":2,"c":3,"d":4,"e":5,"f":6"#,
    ] {
        let error = read(many).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the event has more than the 6 attributes allowed"
        );
    }
}

#[test]
fn a_million_members_are_refused_after_a_few() {
    let many: Vec<String> = (0..1_000_000).map(|n| format!("\"a{n}\":{n}")).collect();
    let body = Bytes::from(with_members("1.0", &many.join(",")));
    let limits = Limits {
        batch_bytes_max: usize::MAX,
        ..Limits::default()
    };
    let error = read::event(&body, &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the event has more than the 64 attributes allowed"
    );
}

#[test]
fn an_event_as_large_as_one_may_be_is_read_from_base64_too() {
    const EVENT_BYTES_MAX: usize = 6 << 20;
    let limits = Limits {
        event_bytes_max: EVENT_BYTES_MAX,
        ..Limits::default()
    };
    let read = |data_bytes: usize| {
        // Three bytes of zeros each.
        let data = "AAAA".repeat(data_bytes / 3);
        let body = with_members("1.0", &format!(r#""data_base64":"{data}""#));
        read::event(&body.into(), &limits)
    };
    let large = EVENT_BYTES_MAX - (4 << 10);
    assert!(large > limits.batch_bytes_max);
    assert_eq!(read(large).unwrap().data().as_bytes().len(), large / 3 * 3);
    for too_large in [EVENT_BYTES_MAX + 3, 2 * EVENT_BYTES_MAX] {
        assert!(matches!(read(too_large), Err(DecodeError::TooLarge { .. })));
    }
}
