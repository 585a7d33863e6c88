//! Explanations for people: a line for each trigger, and its tree behind it.

use sluicegate_event::Event;
use sluicegate_filter::Outcome;

use super::Explained;
use crate::cli::console::{Console, Tone};
use crate::cli::exit::Failure;
use crate::filter_lines::{Line, lines};
use crate::logging::visible;
use crate::reasons::SHOWN_BYTES_MAX;

/// What was asked for is padded up to here, so that what was found stands in a column.
const PADDED_CHARS_MAX: usize = 48;

/// How much of a path is shown, in bytes.
const PATH_BYTES_MAX: usize = 400;

/// Prints the event, and each trigger below its broker; of one that was named also where it stands.
pub(super) fn show(
    event: &Event,
    explained: &[Explained],
    is_named: bool,
    console: &mut Console,
) -> Result<(), Failure> {
    let shown = |text| visible(text, SHOWN_BYTES_MAX);
    console.print(format_args!(
        "event    {}  from {}  id {}",
        shown(event.ty()),
        shown(event.source()),
        shown(event.id())
    ))?;
    let width = explained
        .iter()
        .map(|it| it.placed.name().name.chars().count())
        .max()
        .unwrap_or_default();
    let mut of_broker = None;
    for it in explained {
        let trigger = &it.placed.trigger;
        let broker = (&trigger.metadata.name.namespace, &trigger.broker);
        if of_broker != Some(broker) {
            let missing = match it.has_broker {
                true => String::new(),
                false => console.paint(Tone::Warning, "   no manifest here describes it"),
            };
            console.print(format_args!(
                "\nbroker   {}/{}{missing}",
                broker.0, broker.1
            ))?;
            of_broker = Some(broker);
        }
        show_trigger(it, width, console)?;
        if is_named {
            let file = visible(&it.placed.file, PATH_BYTES_MAX);
            console.print(format_args!("file     {file}:{}", it.placed.line))?;
        }
    }
    Ok(())
}

fn show_trigger(it: &Explained, width: usize, console: &mut Console) -> Result<(), Failure> {
    let (tone, word) = match it.explanation.outcome {
        Outcome::Match => (Tone::Good, "MATCH"),
        Outcome::NoMatch => (Tone::Faint, "no   "),
        Outcome::Error => (Tone::Bad, "error"),
    };
    let name = &it.placed.name().name;
    let mut before = format!("trigger  {name:<width$}  {}   ", console.paint(tone, word));
    let lines = lines(&it.explanation);
    let is_tree = lines.iter().filter(|line| line.outcome.is_some()).count() > 1;
    let padded = padding(&lines, is_tree);
    for line in &lines {
        let text = shown_line(line, is_tree, padded, console);
        console.print(format_args!("{before}{text}"))?;
        before = " ".repeat("trigger    MATCH   ".len() + width);
    }
    Ok(())
}

/// How wide the column of what is asked is, so that what was found stands in one of its own.
pub(super) fn padding(lines: &[Line], is_tree: bool) -> usize {
    let has_found = |line: &&Line| !line.found.is_empty();
    let widths = lines.iter().filter(has_found);
    let widths = widths.map(|line| width_of(line, is_tree));
    widths.max().unwrap_or_default().min(PADDED_CHARS_MAX)
}

fn indented(line: &Line, is_tree: bool) -> String {
    let indent = "  ".repeat(line.depth);
    match line.outcome {
        _ if !is_tree && line.outcome.is_some() => line.text.clone(),
        None if line.text.starts_with('(') => format!("{indent}{}", line.text),
        None if is_tree => format!("{indent}  └ {}", line.text),
        None => format!("└ {}", line.text),
        Some(outcome) => format!("{indent}{} {}", mark(outcome), line.text),
    }
}

fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Match => "✓",
        Outcome::NoMatch => "✗",
        Outcome::Error => "!",
    }
}

fn width_of(line: &Line, is_tree: bool) -> usize {
    indented(line, is_tree).chars().count()
}

/// A line as it is printed.
pub(super) fn shown_line(line: &Line, is_tree: bool, padded: usize, console: &Console) -> String {
    let mut text = indented(line, is_tree);
    if !line.found.is_empty() {
        text = format!("{text:<padded$}   {}", line.found);
    }
    if line.has_decided_alone {
        text.push_str("   ← decides");
    }
    if line.has_decided {
        text
    } else {
        console.paint(Tone::Faint, text)
    }
}
