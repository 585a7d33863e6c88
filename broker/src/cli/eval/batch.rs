//! `--batch`: a line is a request, and each gets one answer, in order.
//!
//! A line that is no request gets an answer too, so that answers can be told by their number; what
//! is wrong with it is said on standard error, and the exit code tells in the end.

use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;
use sluicegate_event::Event;
use sluicegate_filter::cesql::{EXPRESSION_BYTES_MAX, Expression};

use super::answer::Answer;
use super::input::{Line, Lines};
use crate::cli::console::Console;
use crate::cli::event_file::{event_text_bytes_max, read_event};
use crate::cli::exit::{Exit, Failure};
use crate::cli::table::count;

/// What a line may hold besides an event: an expression with an escape for each of its characters,
/// and what JSON and whoever wrote it put around them.
const AROUND_BYTES_MAX: usize = 6 * EXPRESSION_BYTES_MAX + (16 << 10);

/// A line. Members that are not ours are not looked at: they are a caller's own notes.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    expression: &'a RawValue,
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
    let (mut number, mut refused) = (0_u64, 0_u64);
    while let Some(line) = lines.next().map_err(|error| cannot_read(&error))? {
        number += 1;
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
        format!(
            "{} of {} lines are no requests",
            count(refused),
            count(number)
        ),
        "write one object a line: {\"expression\":\"type = 'a'\",\"event\":{…}}, the event in the \
         CloudEvents JSON format",
    ))
}

/// The answer to a line, or why it is no request.
fn answer(line: &[u8], default: &Event) -> Result<String, String> {
    let request: Request<'_> =
        serde_json::from_slice(line).map_err(|error| format!("it is no request: {error}"))?;
    let text = expression_of(request.expression)?;
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

/// The text of an expression. Tools that turn YAML into JSON make a number of `5`, which is an
/// expression all the same.
fn expression_of(json: &RawValue) -> Result<String, String> {
    match serde_json::from_str(json.get()) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        Ok(serde_json::Value::Bool(_) | serde_json::Value::Number(_)) => Ok(json.get().to_owned()),
        Ok(_) | Err(_) => Err("its expression is no text".to_owned()),
    }
}

fn cannot_read(error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        format!("cannot read standard input: {error}"),
        "give the requests as a file or through a pipe",
    )
}
