//! What `send` says of an event, and what to do next.

use std::time::Duration;

use sluicegate_channels::Timestamp;

use super::next_step::{hint, routing};
use super::was_tried;
use super::words::{failures, lines};
use crate::api::{Time, WatchAttempt, WatchedFailure, WatchedState, WatchedTrigger};
use crate::cli::called::Called;

fn attempt(code: Option<u16>, reason: Option<&str>, next_in_ms: Option<u64>) -> WatchAttempt {
    WatchAttempt {
        n: 1,
        at: Time(Timestamp(0)),
        code,
        reason: reason.map(str::to_owned),
        detail: None,
        url: "http://localhost:3000/".to_owned(),
        duration_ms: 2,
        next_in_ms,
    }
}

fn called() -> Called {
    let args = crate::cli::arguments::DEFAULT_SERVER.parse().unwrap();
    Called::by(None, &args)
}

fn trigger(state: WatchedState, attempts: Vec<WatchAttempt>) -> WatchedTrigger {
    WatchedTrigger {
        namespace: "default".to_owned(),
        name: "hello".to_owned(),
        state,
        reason: None,
        detail: None,
        undecided: false,
        sink_retry_in_ms: None,
        attempts,
    }
}

#[test]
fn an_event_that_its_sink_may_still_take_is_not_told_as_the_end() {
    let mut parked = trigger(WatchedState::Parked, vec![attempt(Some(400), None, None)]);
    for (wait, told) in [
        (
            Some(4_000),
            "(attempt 1, then kept as a dead letter; its sink is tried again in 4 s)",
        ),
        (
            Some(0),
            "(attempt 1, then kept as a dead letter; its sink is being tried again)",
        ),
        (None, "(attempt 1, then kept as a dead letter)"),
    ] {
        parked.sink_retry_in_ms = wait;
        let line = lines(std::slice::from_ref(&parked), "default").remove(0);
        assert!(line.story.ends_with(told), "{}", line.story);
    }
    parked.sink_retry_in_ms = Some(4_000);
    assert_eq!(
        hint(&[parked], false, Duration::from_secs(60), &called()),
        "not done after 1 min: its dead-letter sink has not taken it; see why:  \
         sluicegate get deadletters hello"
    );
}

#[test]
fn each_state_has_its_words() {
    let refused = || vec![attempt(None, Some("connection refused"), Some(1_000))];
    for (state, attempts, is_delivered, story) in [
        (
            WatchedState::Retrying,
            refused(),
            Some(false),
            "connection refused  http://localhost:3000   (attempt 1, next in 1 s)",
        ),
        (
            WatchedState::Delivered,
            vec![attempt(Some(200), None, None)],
            Some(true),
            "200  http://localhost:3000   (attempt 1, 2 ms)",
        ),
        (
            WatchedState::Parked,
            vec![attempt(Some(400), Some("refused"), None)],
            Some(false),
            "400  http://localhost:3000   (attempt 1, then kept as a dead letter)",
        ),
        (WatchedState::Matched, Vec::new(), None, "no attempt yet"),
        (
            WatchedState::Waiting,
            Vec::new(),
            None,
            "waits: the trigger is paused, or its subscriber has no address",
        ),
    ] {
        let told = lines(&[trigger(state, attempts)], "default");
        assert_eq!(told[0].name, "hello       ");
        assert_eq!(told[0].is_delivered, is_delivered, "{state:?}");
        assert_eq!(told[0].story, story);
    }
}

#[test]
fn an_event_that_waits_says_for_what() {
    let mut held = trigger(WatchedState::Waiting, Vec::new());
    held.reason = Some("ManifestInvalid".to_owned());
    held.detail = Some("a.yaml:3:1: `filtres` is not known".to_owned());
    assert_eq!(
        lines(std::slice::from_ref(&held), "default")[0].story,
        "waits (ManifestInvalid): a.yaml:3:1: `filtres` is not known"
    );
}

#[test]
fn a_reply_that_cannot_be_used_is_told_with_what_is_wrong() {
    let mut answered = attempt(Some(200), Some("reply not usable"), None);
    answered.detail = Some("the reply is no usable event: `id` is missing".to_owned());
    let told = lines(&[trigger(WatchedState::Parked, vec![answered])], "default");
    assert_eq!(
        told[0].story,
        "200, but the reply is no usable event: `id` is missing  http://localhost:3000   \
         (attempt 1, then kept as a dead letter)"
    );
}

#[test]
fn triggers_whose_expressions_failed_are_named_with_the_reason() {
    let failed = |name: &str| WatchedFailure {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        kind: "missingAttribute".to_owned(),
        part: "amount".to_owned(),
    };
    for (total, failed, words) in [
        (0, vec![], None),
        (
            1,
            vec![failed("one")],
            Some("1 trigger could not evaluate its expression: one (missingAttribute: amount)"),
        ),
        (
            3,
            vec![failed("a"), failed("b")],
            Some(
                "3 triggers could not evaluate their expressions: a (missingAttribute: \
                 amount), b (missingAttribute: amount), and 1 more",
            ),
        ),
    ] {
        assert_eq!(failures(total, &failed).as_deref(), words);
    }
}

#[test]
fn an_attempt_that_was_the_last_is_waited_out_until_its_end_is_known() {
    let next = |next| vec![attempt(None, Some("connection refused"), next)];
    for (state, attempts, is_enough) in [
        (WatchedState::Matched, Vec::new(), false),
        (WatchedState::Waiting, Vec::new(), true),
        (WatchedState::Matched, next(None), false),
        (WatchedState::Retrying, next(Some(1_000)), true),
        (WatchedState::Retrying, next(None), false),
        (WatchedState::Parked, next(None), true),
        (WatchedState::Delivered, Vec::new(), true),
    ] {
        let told = was_tried(&trigger(state, attempts.clone()));
        assert_eq!(told, is_enough, "{state:?} {attempts:?}");
    }
}

#[test]
fn a_trigger_of_another_namespace_is_named_in_full() {
    let told = lines(&[trigger(WatchedState::Matched, Vec::new())], "shop");
    assert_eq!(told[0].name, "default/hello");
}

#[test]
fn the_next_step_fits_what_went_wrong() {
    let refused = vec![attempt(None, Some("connection refused"), Some(1_000))];
    let last = vec![attempt(None, Some("connection refused"), None)];
    let mut elsewhere = refused.clone();
    elsewhere[0].url = "http://billing.example/".to_owned();
    let wait = Duration::from_secs(60);
    let redrive = "see why:  sluicegate get deadletters hello\n\
                   once that is mended, deliver it again:  \
                   sluicegate dead redrive --trigger default/hello";
    for (state, attempts, is_done, hinted) in [
        (
            WatchedState::Retrying,
            refused,
            true,
            "nothing is listening on localhost:3000. A receiver to play with:  \
             sluicegate sink --port 3000",
        ),
        (
            WatchedState::Retrying,
            elsewhere,
            true,
            "see how deliveries go:  sluicegate get triggers",
        ),
        (
            WatchedState::Parked,
            vec![attempt(Some(400), None, None)],
            true,
            redrive,
        ),
        (WatchedState::Parked, last, true, redrive),
        (
            WatchedState::Matched,
            Vec::new(),
            false,
            "not done after 1 min; see how it goes:  sluicegate get triggers",
        ),
    ] {
        assert_eq!(
            hint(&[trigger(state, attempts)], is_done, wait, &called()),
            hinted
        );
    }
}

#[test]
fn the_command_that_routes_a_type_can_be_pasted() {
    for (ty, command) in [
        ("demo.hello", "new trigger hello --type demo.hello --to"),
        ("Order", "new trigger my-trigger --type Order --to"),
        (
            "it's $odd",
            r"new trigger my-trigger --type 'it'\''s $odd' --to",
        ),
    ] {
        let routing = routing(ty, "default/default", None, &called());
        assert!(routing.contains(command), "{routing}");
    }
    for (broker, flags) in [
        ("default/default", "demo.hello --to"),
        ("default/orders", "demo.hello --broker orders --to"),
        ("shop/default", "demo.hello --namespace shop --to"),
        (
            "shop/orders",
            "demo.hello --namespace shop --broker orders --to",
        ),
    ] {
        let routing = routing("demo.hello", broker, None, &called());
        assert!(routing.contains(flags), "{routing}");
    }
    let elsewhere = routing(
        "demo.hello",
        "default/default",
        Some("/srv/my own"),
        &called(),
    );
    assert!(
        elsewhere.contains(" --dir '/srv/my own' --to"),
        "{elsewhere}"
    );
}
