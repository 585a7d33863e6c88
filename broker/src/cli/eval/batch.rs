//! `--batch`: a line is a request, and each gets one answer, in order.
//!
//! A line that is no request gets an answer too, so that answers can be told by their number; what
//! is wrong with it is said on standard error, and the exit code tells in the end. A line of nothing but
//! blanks is passed over: it is how a file ends, or how people part what they write.

use std::io::BufRead;

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;
use sluicegate_event::Event;
use sluicegate_filter::cesql::{EXPRESSION_BYTES_MAX, Expression};

use super::answer::Answer;
use super::input::{Line, Lines};
use crate::cli::console::Console;
use crate::cli::event_file::{event_text_bytes_max, read_event};
use crate::cli::exit::{Exit, Failure};
use crate::cli::table::count;
use crate::one_line::one_line;

/// What a line may hold besides an event: an expression with an escape for each of its characters,
/// and what JSON and whoever wrote it put around them.
const AROUND_BYTES_MAX: usize = 6 * EXPRESSION_BYTES_MAX + (16 << 10);

/// How much is shown of what is no expression, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// A line that is an object. Members that are not ours are not looked at: they are a caller's own notes.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    expression: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

/// Answers each line; `default` is asked about where a line has no event.
pub(super) fn run(
    default: Event,
    input: impl BufRead,
    console: &mut Console,
) -> Result<(), Failure> {
    let bytes_max = event_text_bytes_max() + AROUND_BYTES_MAX;
    let mut lines = Lines::new(input, bytes_max);
    let (mut number, mut asked, mut refused) = (0_u64, 0_u64, 0_u64);
    while let Some(line) = lines.next().map_err(|error| cannot_read(&error))? {
        number += 1;
        if is_blank(&line) {
            continue;
        }
        asked += 1;
        let answered = match line {
            Line::Text(text) => answer(text, &default),
            Line::TooLong => Err(format!("it is longer than {bytes_max} bytes")),
        };
        let json = answered.unwrap_or_else(|why| {
            refused += 1;
            console.say(format_args!("line {number}: {why}"));
            Answer::no_request().to_json()
        });
        console.print(json)?;
    }
    if refused == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        no_requests(refused, asked),
        "write one object a line: {\"expression\":\"type = 'a'\",\"event\":{…}}, the event in the \
         CloudEvents JSON format",
    ))
}

fn no_requests(refused: u64, asked: u64) -> String {
    match (refused, asked) {
        (1, 1) => "the line is no request".to_owned(),
        (1, _) => format!("1 of {} lines is no request", count(asked)),
        (_, _) => format!(
            "{} of {} lines are no requests",
            count(refused),
            count(asked)
        ),
    }
}

fn is_blank(line: &Line<'_>) -> bool {
    match line {
        Line::Text(text) => text.trim_ascii().is_empty(),
        Line::TooLong => false,
    }
}

/// The answer to a line, or why it is no request.
fn answer(line: &[u8], default: &Event) -> Result<String, String> {
    let request = request_of(line)?;
    let text = expression_of(request.expression.ok_or("it has no member `expression`")?)?;
    let event = match request.event {
        Some(event) => Some(read_event(event).map_err(|fault| {
            format!(
                "the event is not valid: {}; {}",
                fault.problem, fault.remedy
            )
        })?),
        None => None,
    };
    let answer = match Expression::parse(&text) {
        Ok(expression) => {
            let evaluation = expression.evaluate(event.as_ref().unwrap_or(default));
            Answer::of(&evaluation.value, &evaluation.errors).to_json()
        }
        Err(_) => Answer::parse_error().to_json(),
    };
    Ok(answer)
}

fn request_of(line: &[u8]) -> Result<Request<'_>, String> {
    // An array would do for serde too, member by member.
    let is_object = line.trim_ascii_start().starts_with(b"{");
    match serde_json::from_slice(line) {
        Ok(request) if is_object => Ok(request),
        Ok(_) => Err("it is no JSON object".to_owned()),
        Err(error) => Err(match error.classify() {
            _ if !is_object => "it is no JSON object".to_owned(),
            Category::Eof => "the JSON object does not end on the line".to_owned(),
            Category::Syntax | Category::Io => {
                format!("it is no JSON: the fault is at column {}", error.column())
            }
            // What is left is a member that is there twice.
            Category::Data => "`expression` or `event` is there twice".to_owned(),
        }),
    }
}

/// The text of an expression. A tool that turns YAML into JSON makes `true` and `5` of expressions that
/// are a Boolean or an Integer and nothing else, so these stand for their text.
fn expression_of(json: &RawValue) -> Result<String, String> {
    match serde_json::from_str(json.get()) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        Ok(serde_json::Value::Bool(_)) => Ok(json.get().to_owned()),
        Ok(serde_json::Value::Number(number)) if number.is_i64() => Ok(json.get().to_owned()),
        Ok(_) | Err(_) => Err(format!(
            "its expression is no text: {}",
            one_line(json.get(), SHOWN_CHARS_MAX)
        )),
    }
}

fn cannot_read(error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        format!("cannot read standard input: {error}"),
        "give the requests as a file or through a pipe",
    )
}
