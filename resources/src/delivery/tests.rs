use super::*;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn sink(name: &str) -> Option<Destination> {
    Some(Destination {
        reference: None,
        uri: Some(format!("http://{name}/")),
    })
}

fn spec() -> DeliverySpec {
    DeliverySpec::default()
}

/// What every default is, with a schedule given or a dead-letter sink.
fn quick(retries: u32) -> EffectiveDelivery {
    EffectiveDelivery {
        dead_letter_sink: None,
        limit: RetryLimit::Count(retries),
        backoff_policy: BackoffPolicy::Exponential,
        backoff_delay: ms(200),
        backoff_max: ms(600_000),
        timeout: ms(30_000),
        retry_after_max: ms(600_000),
        format: None,
    }
}

/// What is in effect when nothing is given at all.
fn patient() -> EffectiveDelivery {
    EffectiveDelivery {
        limit: RetryLimit::Age(Duration::from_secs(259_200)),
        backoff_delay: ms(1_000),
        ..quick(0)
    }
}

#[track_caller]
fn assert_effective(trigger: DeliverySpec, broker: DeliverySpec, expected: EffectiveDelivery) {
    assert_eq!(
        EffectiveDelivery::of(&trigger, &broker),
        expected,
        "{trigger:?} under {broker:?}"
    );
}

/// Wherever the retry group stands, on the trigger or on the broker, it means the same.
#[track_caller]
fn assert_group(group: DeliverySpec, expected: EffectiveDelivery) {
    assert_effective(group.clone(), spec(), expected.clone());
    assert_effective(spec(), group, expected);
}

#[test]
fn every_row_of_the_decision_table_holds() {
    // `retry` without policy or delay: exponential, PT0.2S.
    assert_group(
        DeliverySpec {
            retry: Some(3),
            ..spec()
        },
        quick(3),
    );
    assert_group(
        DeliverySpec {
            retry: Some(0),
            ..spec()
        },
        quick(0),
    );
    // Policy or delay without `retry`: the default count with that backoff.
    let linear = Some(BackoffPolicy::Linear);
    assert_group(
        DeliverySpec {
            backoff_policy: linear,
            ..spec()
        },
        EffectiveDelivery {
            backoff_policy: BackoffPolicy::Linear,
            ..quick(10)
        },
    );
    assert_group(
        DeliverySpec {
            backoff_delay: Some(ms(5_000)),
            ..spec()
        },
        EffectiveDelivery {
            backoff_delay: ms(5_000),
            ..quick(10)
        },
    );
    assert_group(
        DeliverySpec {
            backoff_policy: linear,
            backoff_delay: Some(ms(5_000)),
            ..spec()
        },
        EffectiveDelivery {
            backoff_policy: BackoffPolicy::Linear,
            backoff_delay: ms(5_000),
            ..quick(10)
        },
    );
    // Neither, with a dead-letter sink in effect: 10 retries.
    assert_group(
        DeliverySpec {
            dead_letter_sink: sink("dls"),
            ..spec()
        },
        EffectiveDelivery {
            dead_letter_sink: sink("dls"),
            ..quick(10)
        },
    );
    // Neither, with none: 72 hours.
    assert_group(spec(), patient());
    // All of it given.
    assert_group(
        DeliverySpec {
            dead_letter_sink: sink("dls"),
            retry: Some(2),
            backoff_policy: linear,
            backoff_delay: Some(ms(7)),
            backoff_max: Some(ms(8)),
            timeout: Some(ms(9)),
            retry_after_max: Some(Duration::ZERO),
            format: Some(Format::Json),
        },
        EffectiveDelivery {
            dead_letter_sink: sink("dls"),
            limit: RetryLimit::Count(2),
            backoff_policy: BackoffPolicy::Linear,
            backoff_delay: ms(7),
            backoff_max: ms(8),
            timeout: ms(9),
            retry_after_max: Duration::ZERO,
            format: Some(Format::Json),
        },
    );
}

#[test]
fn fields_that_say_nothing_about_how_often_choose_no_schedule() {
    assert_group(
        DeliverySpec {
            timeout: Some(ms(5)),
            ..spec()
        },
        EffectiveDelivery {
            timeout: ms(5),
            ..patient()
        },
    );
    assert_group(
        DeliverySpec {
            backoff_max: Some(ms(5)),
            ..spec()
        },
        EffectiveDelivery {
            backoff_max: ms(5),
            ..patient()
        },
    );
    assert_group(
        DeliverySpec {
            retry_after_max: Some(Duration::ZERO),
            ..spec()
        },
        EffectiveDelivery {
            retry_after_max: Duration::ZERO,
            ..patient()
        },
    );
    assert_group(
        DeliverySpec {
            format: Some(Format::Binary),
            ..spec()
        },
        EffectiveDelivery {
            format: Some(Format::Binary),
            ..patient()
        },
    );
}

#[test]
fn any_field_of_the_group_on_the_trigger_replaces_the_group_of_the_broker() {
    let broker = DeliverySpec {
        retry: Some(3),
        backoff_policy: Some(BackoffPolicy::Linear),
        backoff_delay: Some(ms(50)),
        backoff_max: Some(ms(60)),
        timeout: Some(ms(70)),
        retry_after_max: Some(ms(80)),
        ..spec()
    };
    for (trigger, expected) in [
        (
            DeliverySpec {
                retry: Some(1),
                ..spec()
            },
            quick(1),
        ),
        (
            DeliverySpec {
                backoff_policy: Some(BackoffPolicy::Exponential),
                ..spec()
            },
            quick(10),
        ),
        (
            DeliverySpec {
                backoff_delay: Some(ms(200)),
                ..spec()
            },
            quick(10),
        ),
        (
            DeliverySpec {
                backoff_max: Some(ms(9)),
                ..spec()
            },
            EffectiveDelivery {
                backoff_max: ms(9),
                ..patient()
            },
        ),
        (
            DeliverySpec {
                timeout: Some(ms(9)),
                ..spec()
            },
            EffectiveDelivery {
                timeout: ms(9),
                ..patient()
            },
        ),
        (
            DeliverySpec {
                retry_after_max: Some(ms(9)),
                ..spec()
            },
            EffectiveDelivery {
                retry_after_max: ms(9),
                ..patient()
            },
        ),
    ] {
        assert_effective(trigger, broker.clone(), expected);
    }
}

#[test]
fn sink_and_format_fall_back_each_by_itself() {
    let broker = DeliverySpec {
        dead_letter_sink: sink("broker"),
        format: Some(Format::Json),
        retry: Some(3),
        ..spec()
    };
    let inherited = EffectiveDelivery {
        dead_letter_sink: sink("broker"),
        format: Some(Format::Json),
        ..quick(3)
    };
    assert_effective(spec(), broker.clone(), inherited.clone());
    assert_effective(
        DeliverySpec {
            retry: Some(1),
            ..spec()
        },
        broker.clone(),
        EffectiveDelivery {
            limit: RetryLimit::Count(1),
            ..inherited.clone()
        },
    );
    assert_effective(
        DeliverySpec {
            dead_letter_sink: sink("trigger"),
            ..spec()
        },
        broker.clone(),
        EffectiveDelivery {
            dead_letter_sink: sink("trigger"),
            ..inherited.clone()
        },
    );
    assert_effective(
        DeliverySpec {
            format: Some(Format::Binary),
            ..spec()
        },
        broker.clone(),
        EffectiveDelivery {
            format: Some(Format::Binary),
            ..inherited.clone()
        },
    );
    // The broker's sink counts as one in effect when the trigger's group says nothing of retries.
    assert_effective(
        DeliverySpec {
            timeout: Some(ms(9)),
            ..spec()
        },
        broker,
        EffectiveDelivery {
            timeout: ms(9),
            limit: RetryLimit::Count(10),
            ..inherited
        },
    );
}

#[test]
fn a_delay_of_zero_is_never_a_hot_loop() {
    let zero = DeliverySpec {
        backoff_delay: Some(Duration::ZERO),
        ..spec()
    };
    assert_group(zero, quick(10));
}
