use std::time::Duration;

use serde_json::json;
use sluicegate_channels::Timestamp;
use sluicegate_resources::{BackoffPolicy, EffectiveDelivery, Format, RetryLimit};

use super::*;

#[test]
fn times_are_rfc_3339_in_utc_with_milliseconds() {
    for (millis, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_767_614_467_402, "2026-01-05T12:01:07.402Z"),
        (1_767_614_467_400, "2026-01-05T12:01:07.400Z"),
    ] {
        let time = Time(Timestamp(millis));
        assert_eq!(serde_json::to_value(time).unwrap(), json!(text));
        assert_eq!(serde_json::from_value::<Time>(json!(text)).unwrap(), time);
    }
}

#[test]
fn a_time_past_the_calendar_is_written_as_its_last_moment() {
    assert!(
        Time(Timestamp(u64::MAX))
            .to_string()
            .starts_with("9999-12-30")
    );
}

#[test]
fn what_is_no_time_is_refused_with_its_text() {
    for text in ["", "yesterday", "1969-12-31T23:59:59Z", "2026-01-05"] {
        let error = serde_json::from_value::<Time>(json!(text))
            .unwrap_err()
            .to_string();
        assert!(error.contains(&format!("{text:?}")), "{error}");
    }
}

#[test]
fn a_word_that_a_newer_server_uses_reads_as_unknown() {
    let delivering: Delivering = serde_json::from_value(json!({"state": "resting"})).unwrap();
    assert_eq!(delivering.state, DeliveringState::Unknown);
}

#[test]
fn fields_that_are_not_known_are_ignored_in_answers_and_refused_in_requests() {
    let watch: Watch = serde_json::from_value(json!({"token": "a1", "colour": "red"})).unwrap();
    assert_eq!(watch.token, "a1");
    let asked = json!({"id": "1", "source": "/me", "colour": "red"});
    assert!(serde_json::from_value::<WatchRequest>(asked).is_err());
}

#[test]
fn a_request_for_an_operation_says_one_thing() {
    let letters = json!({"letters": {"trigger": "a"}});
    for (request, is_one) in [
        (json!({"redrive": letters}), true),
        (json!({"discard": letters}), true),
        (
            json!({"replay": {"namespace": "shop", "broker": "orders"}}),
            true,
        ),
        (json!({}), false),
        (json!({"redrive": letters, "discard": letters}), false),
        (json!({"redrive": {}}), false),
    ] {
        let read = serde_json::from_value::<OperationRequest>(request.clone());
        assert_eq!(read.is_ok(), is_one, "{request}: {read:?}");
        if let Ok(read) = read {
            let written = serde_json::to_value(&read).unwrap();
            assert_eq!(
                serde_json::from_value::<OperationRequest>(written).unwrap(),
                read
            );
        }
    }
}

#[test]
fn an_effective_delivery_is_written_in_milliseconds_with_one_limit() {
    let mut effective = EffectiveDelivery {
        dead_letter_sink: None,
        limit: RetryLimit::Count(10),
        backoff_policy: BackoffPolicy::Exponential,
        backoff_delay: Duration::from_millis(200),
        backoff_max: Duration::from_secs(600),
        timeout: Duration::from_secs(30),
        retry_after_max: Duration::ZERO,
        format: Some(Format::Json),
    };
    assert_eq!(
        serde_json::to_value(Delivery::from(&effective)).unwrap(),
        json!({"retries": 10, "backoffPolicy": "exponential", "backoffDelayMs": 200,
            "backoffMaxMs": 600_000, "timeoutMs": 30_000, "retryAfterMaxMs": 0, "format": "json"})
    );
    effective.limit = RetryLimit::Age(Duration::from_secs(72 * 3600));
    effective.backoff_policy = BackoffPolicy::Linear;
    effective.format = None;
    let written = serde_json::to_value(Delivery::from(&effective)).unwrap();
    assert_eq!(written.get("giveUpAfterMs"), Some(&json!(259_200_000)));
    assert_eq!(written.get("retries"), None);
    let read: Delivery = serde_json::from_value(written).unwrap();
    assert_eq!(read, Delivery::from(&effective));
}

#[test]
fn states_are_final_exactly_when_nothing_follows() {
    use WatchedState::*;
    for (state, word, is_final) in [
        (Matched, "matched", false),
        (Waiting, "waiting", false),
        (Retrying, "retrying", false),
        (Delivered, "delivered", true),
        (DeadLettered, "deadLettered", true),
        (Parked, "parked", true),
        (Discarded, "discarded", true),
    ] {
        assert_eq!(state.is_final(), is_final, "{word}");
        assert_eq!(serde_json::to_value(state).unwrap(), json!(word));
    }
}
