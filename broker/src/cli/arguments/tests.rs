use super::*;

#[test]
fn durations_are_read_in_both_spellings() {
    for (text, millis) in [
        ("200ms", 200),
        ("5s", 5_000),
        ("2m 30s", 150_000),
        ("PT5S", 5_000),
        ("PT0.2S", 200),
        ("1h", 3_600_000),
    ] {
        assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_refused_with_an_example() {
    for text in ["", "5", "soon", "-5s", "5 apples", "PT"] {
        let error = duration(text).unwrap_err();
        assert!(error.contains("PT5S"), "{text}: {error}");
    }
    assert!(duration("5").unwrap_err().contains("write 5s"));
}

#[test]
fn durations_are_spoken_shortly() {
    for (millis, text) in [
        (0, "0 ms"),
        (200, "200 ms"),
        (949, "949 ms"),
        (996, "1 s"),
        (1_049, "1 s"),
        (1_000, "1 s"),
        (1_600, "1.6 s"),
        (1_601, "1.6 s"),
        (59_000, "59 s"),
        (59_999, "1 min"),
        (150_000, "2 min 30 s"),
        (600_000, "10 min"),
        (259_200_000, "72 h"),
    ] {
        assert_eq!(spoken(Duration::from_millis(millis)), text, "{millis}");
    }
}

#[test]
fn servers_are_urls_with_or_without_a_scheme() {
    for (text, url) in [
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081/"),
        ("localhost:9000", "http://localhost:9000/"),
        (
            "https://broker.example/prefix",
            "https://broker.example/prefix",
        ),
        ("[::1]:8081", "http://[::1]:8081/"),
    ] {
        assert_eq!(
            base_url(text).map(|uri| uri.to_string()),
            Ok(url.to_owned()),
            "{text}"
        );
    }
    for text in ["", "ftp://host", "http://", "http://host/?a=b", "a b"] {
        assert!(
            base_url(text).unwrap_err().contains("must be an http"),
            "{text}"
        );
    }
}

#[test]
fn a_url_to_send_to_is_written_in_full() {
    assert!(http_url("http://localhost:3000/path?q=1").is_ok());
    for text in ["localhost:3000", "/path", "ftp://host/", "http:///x"] {
        assert!(http_url(text).is_err(), "{text}");
    }
}

#[test]
fn names_are_dns_names() {
    for text in ["hello", "a.b", "a-b", "1"] {
        assert_eq!(dns_name(text).as_deref(), Ok(text));
    }
    for text in ["", "/", "a/", "A", "a/b", "a_b", "-a", "a-", "a..b"] {
        assert!(dns_name(text).is_err(), "{text}");
        assert!(dns_label(text).is_err(), "{text}");
    }
    assert!(dns_label("a.b").is_err());
    assert!(dns_label(&"a".repeat(63)).is_ok());
    assert!(dns_label(&"a".repeat(64)).is_err());
}

#[test]
fn pairs_split_at_the_first_equal_sign() {
    for (text, key, value) in [("a=b", "a", "b"), ("a=", "a", ""), ("a=b=c", "a", "b=c")] {
        assert_eq!(key_value(text), Ok((key.to_owned(), value.to_owned())));
    }
    for text in ["", "a", "=b"] {
        assert!(key_value(text).is_err(), "{text}");
    }
}
