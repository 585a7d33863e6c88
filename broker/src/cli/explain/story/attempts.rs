//! The attempts of a trigger as lines: those in a row that failed alike are one.

use std::time::Duration;

use super::interference;
use super::words::after;
use crate::api::{StoryAttempt, StoryReply, StoryState, Time, TriggerStory};
use crate::cli::arguments::spoken;
use crate::cli::console::Tone;
use crate::cli::table::count;
use crate::logging::visible;
use crate::reasons::SHOWN_BYTES_MAX;

/// A line below a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AttemptLine {
    pub(super) tone: Tone,
    pub(super) text: String,
}

/// The attempts, commands and replies of a trigger, in order.
pub(super) fn lines(trigger: &TriggerStory, accepted_at: Option<Time>) -> Vec<AttemptLine> {
    let mut lines = Vec::new();
    if trigger.attempts_left_out > 0 {
        let text = format!(
            "{} earlier attempts are not shown",
            count(trigger.attempts_left_out)
        );
        let tone = Tone::Faint;
        lines.push(AttemptLine { tone, text });
    }
    let is_between = |a: &StoryAttempt, b: &StoryAttempt| {
        let mut commands = trigger.commands.iter();
        commands.any(|it| a.at < it.at && it.at <= b.at)
    };
    let alike = |a: &StoryAttempt, b: &StoryAttempt| {
        let how = |it: &StoryAttempt| (it.to_sink, it.code, it.reason.clone());
        a.reason.is_some() && how(a) == how(b) && !is_between(a, b)
    };
    let groups: Vec<&[StoryAttempt]> = trigger.attempts.chunk_by(alike).collect();
    let last = groups.len().saturating_sub(1);
    let mut dated: Vec<(Time, AttemptLine)> = Vec::new();
    for (index, group) in groups.into_iter().enumerate() {
        let state = trigger.state.filter(|_| index == last);
        let began = group.first().map(|it| it.at);
        dated.extend(began.map(|at| (at, line(group, state, accepted_at))));
    }
    let replies = trigger.replies.iter();
    dated.extend(replies.map(|it| (it.at, reply(it, accepted_at))));
    // Put before what began at the same moment.
    let commands = interference::commands(trigger, accepted_at);
    dated.splice(0..0, commands);
    dated.sort_by_key(|(at, _)| *at);
    lines.extend(dated.into_iter().map(|(_, line)| line));
    lines
}

fn reply(reply: &StoryReply, accepted_at: Option<Time>) -> AttemptLine {
    let id = reply.id.as_deref();
    let id = id.map(|it| format!(", id {}", visible(it, SHOWN_BYTES_MAX)));
    let more = match reply.events {
        0 | 1 => String::new(),
        events => format!(" and {} more", count(u64::from(events) - 1)),
    };
    AttemptLine {
        tone: Tone::Faint,
        text: format!(
            "{}  answered with an event, stored at position {}{}{more}",
            when(reply.at, accepted_at),
            visible(&reply.position, SHOWN_BYTES_MAX),
            id.unwrap_or_default()
        ),
    }
}

fn line(
    group: &[StoryAttempt],
    state: Option<StoryState>,
    accepted_at: Option<Time>,
) -> AttemptLine {
    let (first, last) = match group {
        [first, .., last] => (first, last),
        [one] => (one, one),
        [] => unreachable!("groups are made of what is there"),
    };
    let numbers = match group.len() {
        1 => first.n.to_string(),
        _ => format!("{}-{}", first.n, last.n),
    };
    let sink = if last.to_sink { "sink " } else { "" };
    let times = match group.len() {
        1 => when(first.at, accepted_at),
        _ => format!(
            "{} .. {}",
            when(first.at, accepted_at),
            when(last.at, accepted_at)
        ),
    };
    let again = match group.len() {
        1 => format!("  {}", short(last.took_us)),
        times => format!(" ({times} times)"),
    };
    let then = follow_up(last, state, accepted_at);
    AttemptLine {
        tone: match last.reason {
            None => Tone::Good,
            Some(_) => Tone::Warning,
        },
        text: format!("{sink}{numbers:<3} {times}  {}{again}{then}", met(last)),
    }
}

/// What an attempt met: a status, or why there was none.
fn met(attempt: &StoryAttempt) -> String {
    let detail = attempt.detail.as_deref().unwrap_or_default();
    match (attempt.code, &attempt.reason) {
        // Taken, and what came back is the fault.
        (Some(code @ 200..=299), Some(_)) => {
            format!("{code}, but {}", visible(detail, SHOWN_BYTES_MAX))
        }
        (Some(code), _) => code.to_string(),
        (None, Some(reason)) => visible(reason, SHOWN_BYTES_MAX).to_string(),
        (None, None) => "taken".to_owned(),
    }
}

fn follow_up(
    attempt: &StoryAttempt,
    state: Option<StoryState>,
    accepted_at: Option<Time>,
) -> String {
    let is_last = state == Some(StoryState::Delivered) && !attempt.to_sink;
    if attempt.reason.is_none() && !attempt.to_sink {
        let ended = Time(attempt.at.0 + Duration::from_micros(attempt.took_us));
        let after = after(ended, accepted_at).filter(|_| is_last);
        let after = after.map(|it| format!(", {it}")).unwrap_or_default();
        return format!("   delivered{after}");
    }
    match attempt.next_at {
        Some(next) if state == Some(StoryState::Retrying) => {
            format!("   → next at {}", when(next, accepted_at))
        }
        Some(next) => {
            let ended = attempt.at.0 + Duration::from_micros(attempt.took_us);
            format!("   → retry in {}", spoken(next.0.since(ended)))
        }
        None => String::new(),
    }
}

/// A time of day, or with its date where that is not the one on which the event was stored.
pub(super) fn when(at: Time, accepted_at: Option<Time>) -> String {
    const DATE: usize = "2026-01-05T".len();
    let whole = at.to_string();
    let day = accepted_at.map(|it| it.to_string());
    let is_same_day = day.is_some_and(|day| day.get(..DATE) == whole.get(..DATE));
    match whole.get(DATE..).filter(|_| is_same_day) {
        Some(time) => time.trim_end_matches('Z').to_owned(),
        None => whole,
    }
}

/// `41 µs`, `1.1 ms`, `15.2 s`
pub(super) fn short(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        _ => spoken(Duration::from_micros(micros)),
    }
}
