//! `eval`: asks a CESQL expression of an event, without a server.
//!
//! One expression from the command line; or many, one a line of standard input, behind a prompt
//! where that is a terminal; or, with `--batch`, requests that bring their own events.
//!
//! With `-o json` standard output holds one object for each expression and nothing else.

use std::io::{BufRead, IsTerminal};

use clap::Args;
use sluicegate_event::Event;
use sluicegate_filter::Outcome;
use sluicegate_filter::cesql::{Expression, ExpressionError, Type};
use sluicegate_filter::explain::ExpressionReason;

use super::console::Console;
use super::event_file::read_one;
use super::exit::{Exit, Failure};
use super::validate::Output;

mod answer;
mod batch;
mod input;
mod prompt;
mod show;

use answer::Answer;

const EXAMPLES: &str = "\
Examples:
  sluicegate eval \"type LIKE 'order.%' AND amount > 100\" --event order.json
  sluicegate eval 'LENGTH(subject) > 5' --event - < order.json
  sluicegate eval '1 + 2 * 3'                          no event needed
  sluicegate eval --event order.json                   asks one expression after another
  sluicegate eval \"source = '/shop'\" --event order.json -o json
  sluicegate eval --batch -o json < requests.ndjson    {\"expression\":…, \"event\":{…}} a line";

/// Arguments of `eval`.
#[derive(Clone, Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct EvalArgs {
    /// The expression; left out, expressions are read line by line from standard input
    #[arg(
        value_name = "EXPR",
        conflicts_with = "batch",
        allow_hyphen_values = true,
        value_parser = no_flag
    )]
    pub expression: Option<String>,
    /// A file with one event in the CloudEvents JSON format; - is standard input. Left out, the
    /// event has only the required attributes: id 1, source /sluicegate/cli, type demo.hello
    #[arg(long, value_name = "FILE")]
    pub event: Option<String>,
    /// Read lines {"expression":…, "event":{…}} from standard input, and print one JSON object for
    /// each, in order
    #[arg(long)]
    pub batch: bool,
    /// How to print what it comes to; human when not given, json with --batch
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Output>,
}

/// An expression may begin with a minus, and a flag that there is not is none.
fn no_flag(text: &str) -> Result<String, String> {
    let word = text.strip_prefix("--").unwrap_or_default();
    if word.starts_with(|first: char| first.is_ascii_alphabetic()) && !word.contains(' ') {
        return Err(
            "there is no such flag; where it is an expression, put it in parentheses".to_owned(),
        );
    }
    Ok(text.to_owned())
}

impl EvalArgs {
    fn output(&self) -> Output {
        let default = if self.batch {
            Output::Json
        } else {
            Output::Human
        };
        self.output.unwrap_or(default)
    }
}

/// Evaluates what is asked for.
///
/// # Errors
///
/// With exit code 1 when the value is not `true` or something went wrong on the way, 2 when the
/// expression or the event cannot be read.
pub fn execute(args: &EvalArgs, console: &mut Console) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    let is_terminal = stdin.is_terminal();
    refuse_what_makes_no_sense(args)?;
    let event = match &args.event {
        Some(path) => Some(read_one(path)?),
        None => None,
    };
    match &args.expression {
        Some(text) => one(text, event, args.output(), console),
        None => many(args, event, stdin.lock(), is_terminal, console),
    }
}

fn refuse_what_makes_no_sense(args: &EvalArgs) -> Result<(), Failure> {
    if args.expression.is_none() && args.event.as_deref() == Some("-") {
        return Err(Failure::usage(
            "standard input cannot hold both the event and the expressions",
            "give the event as a file, or the expression as an argument",
        ));
    }
    if args.batch && args.output() == Output::Human {
        return Err(Failure::usage(
            "--batch prints JSON, not human",
            "leave -o out, or write -o json",
        ));
    }
    Ok(())
}

/// Expressions from standard input.
fn many(
    args: &EvalArgs,
    event: Option<Event>,
    input: impl BufRead,
    is_terminal: bool,
    console: &mut Console,
) -> Result<(), Failure> {
    if args.batch {
        batch::run(event.unwrap_or_else(sample), input, console)
    } else {
        prompt::run(event, args.output(), input, is_terminal, console)
    }
}

/// The expression of the command line.
fn one(
    text: &str,
    event: Option<Event>,
    output: Output,
    console: &mut Console,
) -> Result<(), Failure> {
    let read = Expression::parse(text);
    if let (None, Ok(expression)) = (&event, &read) {
        tell_of_the_sample(expression, console);
    }
    let event = event.unwrap_or_else(sample);
    match print(text, read, &event, output, console)? {
        Asked::Match => Ok(()),
        Asked::NoMatch => Err(Failure::already_told(Exit::Failed)),
        Asked::Unreadable(failure) => Err(failure),
    }
}

/// What became of an expression.
enum Asked {
    /// It is `true`, and nothing went wrong.
    Match,
    NoMatch,
    /// It is none; this has not been told.
    Unreadable(Failure),
}

/// Evaluates and prints what it comes to.
fn print(
    text: &str,
    read: Result<Expression, ExpressionError>,
    event: &Event,
    output: Output,
    console: &mut Console,
) -> Result<Asked, Failure> {
    let expression = match read {
        Ok(expression) => expression,
        Err(error) => {
            if output == Output::Json {
                console.print(Answer::parse_error().to_json())?;
            }
            return Ok(Asked::Unreadable(unreadable(text, &error)));
        }
    };
    let reason = ExpressionReason::of(&expression, event);
    match output {
        Output::Human => {
            show::show(&reason, console)?;
            tell_of_no_condition(&reason, console);
        }
        Output::Json => console.print(Answer::of(&reason.value, &reason.errors).to_json())?,
    }
    Ok(match reason.outcome() {
        Outcome::Match => Asked::Match,
        Outcome::NoMatch | Outcome::Error => Asked::NoMatch,
    })
}

fn unreadable(text: &str, error: &ExpressionError) -> Failure {
    // Nothing stands above a caret where there is nothing.
    let problem = match text.trim().is_empty() {
        true => error.problem.clone(),
        false => format!("{}\n{}", error.problem, show::caret(text, error.span)),
    };
    Failure::usage(problem, error.remedy.clone())
}

/// Not every value that an expression can have makes a filter, which is what most are written for.
fn tell_of_no_condition(reason: &ExpressionReason, console: &mut Console) {
    match reason.expression.check_condition() {
        Err(error) => console.say(format_args!(
            "a filter with this expression is refused with W003: {}; {}",
            error.problem, error.remedy
        )),
        Ok(()) if reason.value.ty() != Type::Boolean => console.say(format_args!(
            "as a filter this does not match, and counts as a failure: only a Boolean matches, and \
             this is of type {}",
            reason.value.ty()
        )),
        Ok(()) => {}
    }
}

/// The event that is asked about where none is given.
fn sample() -> Event {
    Event::builder("1", "/sluicegate/cli", "demo.hello")
        .build()
        .expect("its attributes are valid")
}

/// Nobody should take the sample's attributes for those of an event of theirs.
fn tell_of_the_sample(expression: &Expression, console: &mut Console) {
    if !expression.readings(&sample()).is_empty() {
        console.say(
            "without --event it is asked of an event with nothing but specversion 1.0, id 1, \
             source /sluicegate/cli and type demo.hello",
        );
    }
}

#[cfg(test)]
mod tests;
