//! The words for what became of an event. Pure: reports in, text out.

use std::time::Duration;

use http::Uri;

use crate::api::{WatchAttempt, WatchedFailure, WatchedState, WatchedTrigger};
use crate::cli::arguments::spoken;
use crate::cli::called::{Called, quoted};
use crate::logging::visible;

/// Names are padded to at least this, so that single lines of several calls stand below each other.
const NAME_WIDTH_MIN: usize = 12;
/// What is shown of a reason or a URL from the server.
const SHOWN_BYTES_MAX: usize = 256;
/// What is shown of a sentence that says what an event waits for.
const DETAIL_BYTES_MAX: usize = 1_024;

/// What is told of one trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The trigger's name, padded.
    pub(super) name: String,
    /// Whether it was delivered; none while nothing was tried.
    pub(super) is_delivered: Option<bool>,
    /// What happened.
    pub(super) story: String,
}

/// A line for each trigger. Names in the broker's own namespace stand without it.
pub(super) fn lines(triggers: &[WatchedTrigger], namespace: &str) -> Vec<Line> {
    let names: Vec<String> = triggers
        .iter()
        .map(|it| {
            let whole = format!("{}/{}", it.namespace, it.name);
            let name = if it.namespace == namespace {
                &it.name
            } else {
                &whole
            };
            visible(name, SHOWN_BYTES_MAX).to_string()
        })
        .collect();
    let longest = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or_default();
    let width = longest.max(NAME_WIDTH_MIN);
    let padded = names.into_iter().map(|name| format!("{name:<width$}"));
    padded
        .zip(triggers)
        .map(|(name, trigger)| line(name, trigger))
        .collect()
}

fn line(name: String, trigger: &WatchedTrigger) -> Line {
    let is_delivered = match trigger.state {
        WatchedState::Delivered => Some(true),
        WatchedState::Matched | WatchedState::Waiting if trigger.attempts.is_empty() => None,
        WatchedState::Matched
        | WatchedState::Waiting
        | WatchedState::Retrying
        | WatchedState::DeadLettered
        | WatchedState::Parked
        | WatchedState::Discarded => Some(false),
    };
    let story = match trigger.attempts.last() {
        Some(attempt) => format!(
            "{}  {}   ({})",
            outcome(attempt),
            visible(&shown_url(&attempt.url), SHOWN_BYTES_MAX),
            follow_up(trigger, attempt)
        ),
        None => without_attempt(trigger),
    };
    Line {
        name,
        is_delivered,
        story,
    }
}

/// What an attempt met: a status, or why there was none.
fn outcome(attempt: &WatchAttempt) -> String {
    let said = attempt.reason.as_deref().or(attempt.detail.as_deref());
    match (attempt.code, said) {
        // Taken, and what came back is the fault: the status alone would say that all is well.
        (Some(code @ 200..=299), Some(reason)) => {
            let why = attempt.detail.as_deref().unwrap_or(reason);
            format!("{code}, but {}", visible(why, SHOWN_BYTES_MAX))
        }
        (Some(code), _) => code.to_string(),
        (None, Some(reason)) => visible(reason, SHOWN_BYTES_MAX).to_string(),
        (None, None) => "no answer".to_owned(),
    }
}

fn follow_up(trigger: &WatchedTrigger, attempt: &WatchAttempt) -> String {
    let nth = format!("attempt {}", attempt.n);
    let took = Duration::from_millis(attempt.duration_ms);
    match (trigger.state, attempt.next_in_ms) {
        (WatchedState::Delivered, _) => format!("{nth}, {}", spoken(took)),
        (WatchedState::DeadLettered, _) => format!("{nth}, then sent to the dead-letter sink"),
        (WatchedState::Parked, _) => format!("{nth}, then {}", kept(trigger)),
        (WatchedState::Discarded, _) => format!("{nth}, then discarded"),
        (WatchedState::Matched | WatchedState::Waiting | WatchedState::Retrying, Some(next)) => {
            format!("{nth}, next in {}", spoken(Duration::from_millis(next)))
        }
        (WatchedState::Matched | WatchedState::Waiting | WatchedState::Retrying, None) => nth,
    }
}

/// What an event is that lies in the dead-letter store, and what may still become of it.
fn kept(trigger: &WatchedTrigger) -> String {
    match trigger.sink_retry_in_ms {
        None => "kept as a dead letter".to_owned(),
        Some(0) => "kept as a dead letter; its sink is being tried again".to_owned(),
        Some(wait) => format!(
            "kept as a dead letter; its sink is tried again in {}",
            spoken(Duration::from_millis(wait))
        ),
    }
}

fn without_attempt(trigger: &WatchedTrigger) -> String {
    let told = match trigger.state {
        WatchedState::Matched | WatchedState::Retrying => "no attempt yet",
        WatchedState::Waiting => return waits(trigger),
        WatchedState::Delivered => "delivered",
        WatchedState::DeadLettered => "sent to the dead-letter sink without an attempt",
        WatchedState::Parked => "kept as a dead letter without an attempt",
        WatchedState::Discarded => "discarded without an attempt",
    };
    told.to_owned()
}

/// `late waits (ManifestInvalid): …`: of a trigger for which the event is kept until it can say whether
/// it wants it.
pub(super) fn undecided(trigger: &WatchedTrigger) -> String {
    let name = visible(&trigger.name, SHOWN_BYTES_MAX);
    format!("kept for {name}, which {}", waits(trigger))
}

/// `waits (Paused): it was paused by command; …`
fn waits(trigger: &WatchedTrigger) -> String {
    let shown = |text: &str| visible(text, DETAIL_BYTES_MAX).to_string();
    match (&trigger.reason, &trigger.detail) {
        (Some(reason), Some(detail)) => format!("waits ({}): {}", shown(reason), shown(detail)),
        (Some(reason), None) => format!("waits ({})", shown(reason)),
        // An older server does not say why.
        (None, _) => "waits: the trigger is paused, or its subscriber has no address".to_owned(),
    }
}

/// `1 trigger could not evaluate its expression: large (missingAttribute: amount)`; none where none
/// failed. `failed` may be some of `total`.
pub(super) fn failures(total: u64, failed: &[WatchedFailure]) -> Option<String> {
    let whose = match total {
        0 => return None,
        1 => "1 trigger could not evaluate its expression".to_owned(),
        more => format!("{more} triggers could not evaluate their expressions"),
    };
    let shown = |text| visible(text, SHOWN_BYTES_MAX);
    let mut each: Vec<String> = failed
        .iter()
        .map(|it| {
            format!(
                "{} ({}: {})",
                shown(&it.name),
                shown(&it.kind),
                shown(&it.part)
            )
        })
        .collect();
    if let more @ 1.. = total.saturating_sub(failed.len() as u64) {
        each.push(format!("and {more} more"));
    }
    Some(format!("{whose}: {}", each.join(", ")))
}

/// A URL as people write it: without the slash that stands for no path.
fn shown_url(url: &str) -> String {
    match url.strip_suffix('/') {
        Some(bare) if bare.matches('/').count() == 2 => bare.to_owned(),
        Some(_) | None => url.to_owned(),
    }
}

/// The one next step for an event that was not delivered.
pub(super) fn hint(
    triggers: &[WatchedTrigger],
    is_done: bool,
    waited: Duration,
    called: &Called,
) -> String {
    let refused = triggers
        .iter()
        .filter_map(|it| it.attempts.last())
        .filter(|it| it.reason.as_deref() == Some("connection refused"))
        .find_map(|it| local_authority(&it.url));
    if let Some((authority, port)) = refused {
        return format!(
            "nothing is listening on {authority}. A receiver to play with:  \
             {}",
            called.alone(&format!("sink --port {port}"))
        );
    }
    if let Some(parked) = triggers.iter().find(|it| it.state == WatchedState::Parked) {
        let name = visible(&parked.name, SHOWN_BYTES_MAX);
        let see = called.asking(&format!("get deadletters {name}"));
        if !is_done && parked.sink_retry_in_ms.is_some() {
            return format!(
                "not done after {}: its dead-letter sink has not taken it; see why:  \
                 {see}",
                spoken(waited)
            );
        }
        return format!("see why:  {see}");
    }
    let see = called.asking("get triggers");
    if is_done {
        format!("see how deliveries go:  {see}")
    } else {
        format!("not done after {}; see how it goes:  {see}", spoken(waited))
    }
}

/// Host and port, where the host is this machine.
fn local_authority(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?;
    let is_local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let port = uri.port_u16().unwrap_or(80);
    is_local.then(|| (format!("{host}:{port}"), port))
}

/// The command that routes events of this type to a trigger of `broker`, which is `namespace/name`.
/// The type's last part makes a name, where it can. `folder` is where manifests belong, where that is
/// not the folder that is written into anyway.
pub(super) fn routing(ty: &str, broker: &str, folder: Option<&str>, called: &Called) -> String {
    let last = ty.rsplit('.').next().unwrap_or_default();
    let name = crate::cli::arguments::dns_name(last).unwrap_or_else(|_| "my-trigger".to_owned());
    let ty = visible(ty, SHOWN_BYTES_MAX).to_string();
    let ty = quoted(&ty);
    let (namespace, broker) = broker.split_once('/').unwrap_or(("default", broker));
    let flag = |flag: &str, value: &str| match value {
        "default" => String::new(),
        value => format!(" --{flag} {}", visible(value, SHOWN_BYTES_MAX)),
    };
    let folder = folder.map(|it| format!(" --dir {}", quoted(it)));
    called.alone(&format!(
        "new trigger {name} --type {ty}{}{}{} --to http://localhost:3000",
        flag("namespace", namespace),
        flag("broker", broker),
        folder.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use sluicegate_channels::Timestamp;

    use super::*;
    use crate::api::Time;

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
    fn a_trigger_of_another_namespace_is_named_in_full() {
        let told = lines(&[trigger(WatchedState::Matched, Vec::new())], "shop");
        assert_eq!(told[0].name, "default/hello");
    }

    #[test]
    fn the_next_step_fits_what_went_wrong() {
        let refused = vec![attempt(None, Some("connection refused"), Some(1_000))];
        let mut elsewhere = refused.clone();
        elsewhere[0].url = "http://billing.example/".to_owned();
        let wait = Duration::from_secs(60);
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
                "see why:  sluicegate get deadletters hello",
            ),
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
}
