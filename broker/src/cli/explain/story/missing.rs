//! What is missing from stories, and what is said where there is none.

use super::words::SENTENCE_BYTES_MAX;
use crate::api::{HistoryReach, Stories, Time};
use crate::cli::table::count;
use crate::logging::visible;
use crate::reasons::SHOWN_BYTES_MAX;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) id: &'a str,
    pub(super) source: Option<&'a str>,
    pub(super) trigger: Option<&'a str>,
}

/// What may be missing from the stories, in sentences.
pub(super) fn remarks(history: &HistoryReach, stories: &Stories) -> Vec<String> {
    let broker = visible(&history.broker, SHOWN_BYTES_MAX);
    let stories = || {
        stories
            .events
            .iter()
            .filter(|it| it.broker == history.broker)
    };
    let mut remarks = Vec::new();
    if stories().any(|it| it.gaps) {
        remarks.push(format!(
            "the story has gaps: {}",
            gaps_of(history, stories().filter_map(|it| it.accepted_at).min())
        ));
    }
    if stories().any(|it| it.lost) {
        remarks.push(format!(
            "{broker} has lost the event to damage of its store: a trigger that had not had it will not \
             get it"
        ));
    }
    if stories().any(|it| !it.retained && !it.lost) {
        remarks.push(format!(
            "{broker} no longer has the event: triggers that did not want it are not shown"
        ));
    }
    if history.cut {
        remarks.push(format!("{broker} has more on this id than is shown"));
    }
    if history.behind {
        remarks.push(format!(
            "the latest records of {broker} are still being written"
        ));
    }
    let notes = history.notes.iter();
    remarks.extend(notes.map(|note| visible(note, SENTENCE_BYTES_MAX).to_string()));
    remarks
}

/// The gaps from `since` on.
fn gaps_of(history: &HistoryReach, since: Option<Time>) -> String {
    const SHOWN_MAX: usize = 3;
    let gaps = history.gaps.iter();
    let mut gaps: Vec<_> = gaps
        .filter(|it| since.is_none_or(|since| it.to >= since))
        .collect();
    let more = gaps.len().saturating_sub(SHOWN_MAX);
    gaps.drain(..more);
    let mut words: Vec<String> = gaps
        .into_iter()
        .map(|gap| {
            let what = match (gap.records, gap.cause.as_str()) {
                (Some(records), _) => format!("{} records were left out", count(records)),
                (None, "crash") => "the process ended before it wrote what was recorded".to_owned(),
                (None, _) => "what was written is damaged".to_owned(),
            };
            match gap.to.0.0 {
                u64::MAX => what,
                _ => format!("{what} between {} and {}", gap.from, gap.to),
            }
        })
        .collect();
    if more > 0 {
        words.push(format!("and {more} times before"));
    }
    words.join("; ")
}

/// What is said where nothing of what was asked for was found.
pub(super) fn nothing(asked: &Asked<'_>, stories: &Stories) -> (String, String) {
    match stories.others.is_empty() {
        true => unknown(asked, stories),
        false => known_otherwise(asked, stories),
    }
}

/// The id is known, and something else that was asked for keeps its events apart.
fn known_otherwise(asked: &Asked<'_>, stories: &Stories) -> (String, String) {
    let shown = |text: &str| visible(text, SHOWN_BYTES_MAX).to_string();
    let id = shown(asked.id);
    let others = stories.others.iter();
    let of_source = |source: &str| {
        let mut others = stories.others.iter();
        others.any(|it| it.source.as_deref() == Some(source))
    };
    if let Some(source) = asked.source.filter(|source| !of_source(source)) {
        let mut known: Vec<String> = others
            .map(|it| it.source.as_deref().map_or("?".to_owned(), shown))
            .collect();
        known.sort();
        known.dedup();
        return (
            format!("no event with the id {id} has the source {}", shown(source)),
            format!("the id is known with the source {}", known.join(", ")),
        );
    }
    let trigger = shown(asked.trigger.unwrap_or_default());
    let next = match stories.trigger_deleted_at {
        Some(at) => format!("the event is known; the trigger was deleted at {at}"),
        None => "the event is known; leave --trigger out to see what became of it".to_owned(),
    };
    (
        format!("nothing is known of the event {id} and the trigger {trigger}"),
        next,
    )
}

fn unknown(asked: &Asked<'_>, stories: &Stories) -> (String, String) {
    let id = visible(asked.id, SHOWN_BYTES_MAX);
    let message = match asked.trigger {
        None => format!("no history knows of an event with the id {id}"),
        Some(trigger) => {
            format!("no history knows of an event with the id {id} and the trigger {trigger}")
        }
    };
    let histories = &stories.histories;
    if histories.is_empty() {
        return (
            message,
            "no broker is served; see `sluicegate get brokers`".to_owned(),
        );
    }
    let reach = histories.iter().map(|history| {
        let broker = visible(&history.broker, SHOWN_BYTES_MAX);
        match (history.enabled, history.since) {
            (false, _) => format!("{broker} keeps none (`history.enabled` is false)"),
            (true, None) => format!("that of {broker} is empty"),
            (true, Some(since)) => format!("that of {broker} reaches back to {since}"),
        }
    });
    let mut next = reach.collect::<Vec<_>>().join("; ");
    for history in histories {
        if !history.gaps.is_empty() {
            next.push_str(&format!("; it has gaps: {}", gaps_of(history, None)));
        }
        for note in &history.notes {
            next.push_str(&format!("; {}", visible(note, SENTENCE_BYTES_MAX)));
        }
    }
    (message, next)
}
