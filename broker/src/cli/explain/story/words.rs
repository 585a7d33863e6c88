//! Stories of events for people.

use super::attempts::{self, when};
use super::interference;
use super::missing::remarks;
pub(super) use super::missing::{Asked, nothing};
use crate::api::{Decision, FilterPart, Stories, Story, StoryState, Time, TriggerStory};
use crate::cli::arguments::spoken;
use crate::cli::console::{Console, Tone};
use crate::cli::exit::Failure;
use crate::cli::explain::show::{padding, shown_line};
use crate::cli::table::count;
use crate::filter_lines::Line;
use crate::logging::visible;
use crate::reasons::SHOWN_BYTES_MAX;
use crate::registry::observer::REFUSING;
use sluicegate_filter::Outcome;

/// How much of a sentence from the server is shown, in bytes.
pub(super) const SENTENCE_BYTES_MAX: usize = 400;

/// Prints each event, and what is missing.
pub(super) fn show(id: &str, stories: &Stories, console: &mut Console) -> Result<(), Failure> {
    for (index, story) in stories.events.iter().enumerate() {
        if index > 0 {
            console.print("")?;
        }
        show_story(id, story, console)?;
    }
    if !stories.events.is_empty() {
        for history in &stories.histories {
            for remark in remarks(history, stories) {
                console.say(remark);
            }
        }
    }
    Ok(())
}

fn show_story(id: &str, story: &Story, console: &mut Console) -> Result<(), Failure> {
    let shown = |text: &str| visible(text, SHOWN_BYTES_MAX).to_string();
    let or_unknown = |text: &Option<String>| text.as_deref().map_or("?".to_owned(), shown);
    let at = story
        .accepted_at
        .map(|at| format!("  at {at}"))
        .unwrap_or_default();
    console.print(format_args!(
        "event    {}  from {}  id {}{at}{}",
        or_unknown(&story.ty),
        or_unknown(&story.source),
        shown(id),
        data_of(story)
    ))?;
    let stored = story
        .stored_in_us
        .map(|micros| format!("stored in {}, ", attempts::short(micros)))
        .unwrap_or_default();
    let mut remarks = String::new();
    if story.reply {
        remarks.push_str(", a reply");
    }
    if story.accepted_at.is_none() {
        remarks.push_str(", stored before what the history has");
    }
    console.print(format_args!(
        "broker   {}   {stored}position {}{remarks}",
        shown(&story.broker),
        shown(&story.position)
    ))?;
    if let Some(then) = counts_then(story) {
        console.print(console.paint(Tone::Faint, then))?;
    }
    if !story.triggers.is_empty() {
        console.print("")?;
    }
    let widths = story.triggers.iter().map(|it| it.name.chars().count());
    let width = widths.max().unwrap_or_default();
    for trigger in &story.triggers {
        show_trigger(trigger, story, width, console)?;
    }
    for deletion in &story.deletions {
        console.print(interference::deletion(deletion, story.accepted_at, console))?;
    }
    if story.triggers_left_out > 0 {
        console.say(format_args!(
            "{} more triggers are not shown; name one with --trigger",
            count(story.triggers_left_out)
        ));
    }
    Ok(())
}

fn data_of(story: &Story) -> String {
    let Some(bytes) = story.data_bytes else {
        return String::new();
    };
    let content_type = story.data_content_type.as_deref();
    let content_type = content_type.map(|it| format!(", {}", visible(it, SHOWN_BYTES_MAX)));
    format!("  ({} B{})", count(bytes), content_type.unwrap_or_default())
}

/// How many triggers wanted it, where that says more than the list.
fn counts_then(story: &Story) -> Option<String> {
    let matched = story.matched?;
    let failed = story.failed.unwrap_or_default();
    let recorded = story.triggers.iter().filter(|it| it.recorded).count() as u64;
    // One whose manifest was invalid then could not be asked, and may have got it since.
    let is_for_somebody = |it: &TriggerStory| match it.decision {
        Decision::Undecided => true,
        Decision::Match => it.state.is_some(),
        Decision::NoMatch | Decision::Error => false,
    };
    let mut words = Vec::new();
    if matched == 0 {
        if !story.triggers.iter().any(is_for_somebody) {
            words.push("no trigger matched when it was stored".to_owned());
        }
    } else if matched != recorded {
        words.push(format!("{} matched when it was stored", triggers(matched)));
    }
    if failed > 0 {
        words.push(format!("a filter failed for {}", triggers(failed)));
    }
    (!words.is_empty()).then(|| format!("         {}", words.join("; ")))
}

fn triggers(number: u64) -> String {
    match number {
        1 => "1 trigger".to_owned(),
        number => format!("{} triggers", count(number)),
    }
}

fn show_trigger(
    trigger: &TriggerStory,
    story: &Story,
    width: usize,
    console: &mut Console,
) -> Result<(), Failure> {
    let (tone, word) = match trigger.decision {
        Decision::Match => (Tone::Good, "MATCH"),
        Decision::NoMatch => (Tone::Faint, "no   "),
        Decision::Error => (Tone::Bad, "error"),
        Decision::Undecided => (Tone::Warning, "?    "),
    };
    let name = visible(&trigger.name, SHOWN_BYTES_MAX).to_string();
    let mut before = format!("trigger  {name:<width$}  {}   ", console.paint(tone, word));
    let parts: Vec<Line> = trigger.filter.iter().map(line_of).collect();
    let is_tree = parts.iter().filter(|it| it.outcome.is_some()).count() > 1;
    let padded = padding(&parts, is_tree);
    if parts.is_empty() {
        let why = interference::as_recorded(trigger, story.accepted_at);
        let why = console.paint(Tone::Faint, format!("({why})"));
        console.print(format_args!("{before}{why}"))?;
    }
    for part in &parts {
        let text = shown_line(part, is_tree, padded, console);
        console.print(format_args!("{before}{text}"))?;
        before = " ".repeat("trigger    MATCH   ".len() + width);
    }
    for line in attempts::lines(trigger, story.accepted_at) {
        let tone = line.tone;
        let text = console.paint(tone, line.text);
        console.print(format_args!("         {text}"))?;
    }
    if let Some((tone, text)) = standing(trigger, story.accepted_at) {
        console.print(format_args!("         {}", console.paint(tone, text)))?;
    }
    Ok(())
}

/// How the trigger stands, where its last attempt does not say it.
fn standing(trigger: &TriggerStory, day: Option<Time>) -> Option<(Tone, String)> {
    let reason = trigger.reason.as_deref().unwrap_or_default();
    let reason = visible(reason, SHOWN_BYTES_MAX);
    let detail = trigger.detail.as_deref().unwrap_or_default();
    let detail = visible(detail, SENTENCE_BYTES_MAX);
    let since = trigger
        .since
        .map(|since| format!("{}  ", when(since, day)))
        .unwrap_or_default();
    match trigger.state {
        Some(StoryState::Waiting | StoryState::Retrying) if trigger.reason.is_some() => {
            let probe = trigger.next_at.filter(|_| reason_is_refusing(trigger));
            let probe = probe.map(|at| format!("; the next probe is due at {}", when(at, day)));
            let probe = probe.unwrap_or_default();
            Some((Tone::Warning, format!("waits ({reason}): {detail}{probe}")))
        }
        Some(StoryState::Waiting) if trigger.recorded => {
            let commanded = !trigger.commands.is_empty();
            commanded.then(|| (Tone::Faint, "waits to be sent".to_owned()))
        }
        Some(StoryState::Waiting) => Some((
            Tone::Faint,
            "nothing was sent yet, by the filter in force now".to_owned(),
        )),
        Some(StoryState::Retrying | StoryState::Delivered) => None,
        Some(StoryState::GivenUp) => Some((Tone::Bad, format!("{since}given up on"))),
        Some(StoryState::DeadLettered) => Some((
            Tone::Bad,
            format!("{since}dead-lettered ({reason}): {detail}"),
        )),
        Some(StoryState::Parked) => {
            let next = trigger
                .next_at
                .map(|next| format!("; its sink is tried again at {}", when(next, day)))
                .unwrap_or_default();
            Some((
                Tone::Bad,
                format!("{since}parked ({reason}): {detail}{next}"),
            ))
        }
        // A command that did it stands above.
        Some(StoryState::Discarded) if trigger.reason.is_none() => None,
        Some(StoryState::Discarded) => {
            Some((Tone::Bad, format!("{since}discarded ({reason}): {detail}")))
        }
        Some(StoryState::Cancelled) => Some((
            Tone::Bad,
            format!("{since}cancelled: the trigger was deleted before it was through with it"),
        )),
        None if trigger.reason.is_some() => Some((Tone::Faint, detail.to_string())),
        None if trigger.decision == Decision::Match => Some((
            Tone::Faint,
            "matches by the filter in force now, and did not when the event was stored".to_owned(),
        )),
        None => None,
    }
}

/// Whether what it waits for is a probe of its subscriber.
fn reason_is_refusing(trigger: &TriggerStory) -> bool {
    trigger.reason.as_deref() == Some(REFUSING)
}

fn line_of(part: &FilterPart) -> Line {
    Line {
        depth: part.depth.try_into().unwrap_or_default(),
        outcome: part.outcome.map(|outcome| match outcome {
            Decision::Match => Outcome::Match,
            Decision::NoMatch => Outcome::NoMatch,
            Decision::Error | Decision::Undecided => Outcome::Error,
        }),
        text: visible(&part.text, SENTENCE_BYTES_MAX).to_string(),
        found: part.found.clone().unwrap_or_default(),
        has_decided: part.decided,
        has_decided_alone: part.decided_alone,
    }
}

/// How long after its acceptance something happened to an event.
pub(super) fn after(at: Time, accepted_at: Option<Time>) -> Option<String> {
    accepted_at.map(|accepted_at| format!("{} after arrival", spoken(at.0.since(accepted_at.0))))
}
