//! Expressions line by line: behind a prompt on a terminal, and as they come elsewhere.

use std::io::BufRead;

use sluicegate_event::Event;
use sluicegate_filter::cesql::{EXPRESSION_BYTES_MAX, Expression};

use super::input::{Line, Lines};
use super::{Asked, print, sample, tell_of_the_sample};
use crate::cli::console::{Console, Tone};
use crate::cli::event_file::read_one;
use crate::cli::exit::{Exit, Failure};
use crate::cli::validate::Output;
use crate::logging::visible;
use crate::reasons::SHOWN_BYTES_MAX;

/// An expression, a word before it, and some white space.
const LINE_BYTES_MAX: usize = 2 * EXPRESSION_BYTES_MAX;

const INTRODUCTION: &str = "\
an expression a line; `event FILE` takes another event; `exit`, `quit` or Ctrl-D leaves; \
`help` says this again";

/// What a line asks for.
enum Wish<'a> {
    Nothing,
    Leave,
    Help,
    TakeEvent(&'a str),
    Evaluate(&'a str),
}

/// Reads and answers until the end. A mistyped line is told and does not end it; where nobody types,
/// the exit code says so in the end.
pub(super) fn run(
    mut event: Option<Event>,
    output: Output,
    input: impl BufRead,
    is_terminal: bool,
    console: &mut Console,
) -> Result<(), Failure> {
    if is_terminal {
        console.say(INTRODUCTION);
    }
    let mut lines = Lines::new(input, LINE_BYTES_MAX);
    let mut ended = Ok(());
    loop {
        if is_terminal {
            let prompt = console.paint_talk(Tone::Strong, ">");
            console.ask(format_args!("{prompt} "));
        }
        let done = match lines.next().map_err(|error| cannot_read(&error))? {
            None => {
                if is_terminal {
                    // What follows begins on a line of its own.
                    console.say("");
                }
                break;
            }
            Some(Line::TooLong) => Err(too_long()),
            Some(Line::Text(line)) => match wish(&String::from_utf8_lossy(line)) {
                Wish::Nothing => Ok(()),
                Wish::Leave => break,
                Wish::Help => {
                    console.say(INTRODUCTION);
                    Ok(())
                }
                Wish::TakeEvent(path) => read_one(path).map(|read| {
                    if is_terminal {
                        console.say(format_args!("asks about {}", described(&read)));
                    }
                    event = Some(read);
                }),
                Wish::Evaluate(text) => evaluate(text, event.as_ref(), output, console)?,
            },
        };
        if let Err(failure) = done {
            console.tell(&failure);
            if !is_terminal {
                ended = Err(Failure::already_told(Exit::Usage));
            }
        }
    }
    ended
}

fn described(event: &Event) -> String {
    let shown = |text| visible(text, SHOWN_BYTES_MAX);
    let (ty, source, id) = (shown(event.ty()), shown(event.source()), shown(event.id()));
    format!("{ty}  from {source}  id {id}")
}

fn wish(line: &str) -> Wish<'_> {
    let line = line.trim();
    match line.split_once(char::is_whitespace) {
        _ if line.is_empty() => Wish::Nothing,
        None if line == "exit" || line == "quit" => Wish::Leave,
        None if line == "help" || line == "?" => Wish::Help,
        // An attribute may be called so; then an operator follows.
        Some(("event", rest)) if !begins_with_an_operator(rest) => Wish::TakeEvent(rest.trim()),
        None | Some(_) => Wish::Evaluate(line),
    }
}

/// Whether the first word is an operator. `/tmp/order.json` is none, though `a /b` divides.
fn begins_with_an_operator(rest: &str) -> bool {
    const OPERATORS: [&str; 18] = [
        "=", "!=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "AND", "OR", "XOR", "LIKE",
        "IN", "NOT",
    ];
    let word = rest.split_whitespace().next().unwrap_or_default();
    OPERATORS
        .iter()
        .any(|operator| word.eq_ignore_ascii_case(operator))
}

/// Fails outside only where the output cannot be written.
fn evaluate(
    text: &str,
    event: Option<&Event>,
    output: Output,
    console: &mut Console,
) -> Result<Result<(), Failure>, Failure> {
    let read = Expression::parse(text);
    if let (None, Ok(expression)) = (event, &read) {
        tell_of_the_sample(expression, console);
    }
    let sample = sample();
    let asked = print(text, read, event.unwrap_or(&sample), output, console)?;
    Ok(match asked {
        Asked::Match | Asked::NoMatch => Ok(()),
        Asked::Unreadable(failure) => Err(failure),
    })
}

fn too_long() -> Failure {
    Failure::usage(
        format!("the line is longer than {LINE_BYTES_MAX} bytes"),
        "write a shorter expression",
    )
}

fn cannot_read(error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        format!("cannot read standard input: {error}"),
        "give the expression as an argument",
    )
}
