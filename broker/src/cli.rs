//! The command line: one verb, one module.
//!
//! House rules, the same for every verb: data on standard output and talk on standard error; help
//! begins with examples; nothing asks, nothing pages; every failure ends with one next step and
//! with an exit code from [`exit`]; every flag can be set in the environment ([`environment`]).
//!
//! A verb's module holds its arguments (`…Args`) and its `execute`. What talks to a server does so
//! through [`client`], which sets a deadline and a bound on every answer. What it leaves out: the
//! server itself, which [`run`] hands its settings to.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{FromArgMatches, Parser, Subcommand};

pub mod arguments;
pub mod called;
pub mod client;
pub mod completion;
pub mod console;
pub mod data;
pub mod dead;
mod doubts;
pub mod environment;
pub mod eval;
pub mod event_file;
pub mod exit;
pub mod explain;
pub mod get;
pub mod new;
pub mod operation;
pub mod pause;
pub mod replay;
pub mod run;
pub mod send;
mod serve;
pub mod sink;
pub mod table;
mod triggers;
pub mod validate;
pub mod version;
pub mod yaml;

use console::{ColorWhen, Console};
use exit::{Exit, Failure};

/// A CloudEvents broker and trigger engine
#[derive(Debug, Parser)]
#[command(
    name = "sluicegate",
    version,
    before_help = EXAMPLES,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        env = "SLUICEGATE_COLOR"
    )]
    pub color: ColorWhen,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  sluicegate dev                                       a broker to try things with; no file needed
  sluicegate send demo.hello '{\"hello\":\"world\"}'       send it an event
  sluicegate new trigger hello --type 'demo.*' --to http://localhost:3000
  sluicegate sink --port 3000                          receive what the trigger delivers
  sluicegate get triggers                              see how deliveries go
  sluicegate run --config sluicegate.yaml              a server for production";

/// How help is laid out: what it is, examples, then everything else.
const HELP_TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Serve on this machine, in memory, watching ./sluicegate; needs no file
    Dev(run::DevArgs),
    /// Serve what sluicegate.yaml says, for production
    Run(run::RunArgs),
    /// Write the manifest of a broker or trigger
    New(new::NewArgs),
    /// Send an event, or many
    Send(Box<send::SendArgs>),
    /// Receive events and print them, answering as told
    Sink(sink::SinkArgs),
    /// Check manifests and settings without a server
    Validate(validate::ValidateArgs),
    /// Say what became of an event that a server accepted, or which triggers one would match
    ///
    /// With the id of an event the server is asked; exits with 1 when it knows of none. With --event no
    /// server is needed; exits with 0 when a trigger matches (with --trigger, that one), 1 when none does, 2 when the
    /// event, the manifests or the trigger cannot be found, 3 when a trigger that is not valid might
    /// have matched.
    Explain(explain::ExplainArgs),
    /// Ask a CESQL expression of an event, without a server
    ///
    /// Exits with 0 when it is true and nothing went wrong, 1 when it is anything else, 2 when the
    /// expression or the event cannot be read; with --batch, 1 when a line was no request.
    Eval(eval::EvalArgs),
    /// List brokers, triggers, dead letters or operations of a server
    Get(get::GetArgs),
    /// List, show, send again or end what was given up on
    Dead(Box<dead::DeadArgs>),
    /// Hand out retained events once more
    Replay(Box<replay::ReplayArgs>),
    /// Cancel an operation of the server: a redrive, a discard or a replay
    Cancel(operation::CancelArgs),
    /// Stop delivering to a subscriber; what is accepted meanwhile waits
    Pause(pause::PauseArgs),
    /// Go on delivering after a pause
    Resume(pause::ResumeArgs),
    /// Print a completion script for a shell
    Completion(completion::CompletionArgs),
    /// Print what this build is
    Version(version::VersionArgs),
}

/// The parser, with help laid out and the environment mirrored.
pub fn command() -> clap::Command {
    let command = <Cli as clap::CommandFactory>::command();
    environment::mirror(with_template(command))
}

fn with_template(command: clap::Command) -> clap::Command {
    command
        .help_template(HELP_TEMPLATE)
        .mut_subcommands(with_template)
}

/// Reads the command line, does what it asks, and gives the exit code.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = command()
        .try_get_matches_from(words)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => execute(cli).into(),
        Err(error) => {
            // Help that was asked for goes to standard output and is no failure.
            error.print().ok();
            if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Done.into()
            }
        }
    }
}

/// Does what the command line asks and tells a failure.
fn execute(cli: Cli) -> Exit {
    let mut console = Console::of_process(cli.color);
    let done = match cli.verb {
        Verb::Dev(args) => return run::dev(args, &mut console),
        Verb::Run(args) => return run::run(args, &mut console),
        Verb::New(args) => new::execute(&args, &mut console),
        Verb::Validate(args) => validate::execute(&args, &mut console),
        Verb::Eval(args) => eval::execute(&args, &mut console),
        Verb::Completion(args) => completion::execute(&args, &mut console),
        Verb::Version(args) => version::execute(&args, &mut console),
        Verb::Send(args) => until_interrupted(Box::pin(send::execute(&args, &mut console))),
        Verb::Sink(args) => until_interrupted(Box::pin(sink::execute(&args, &mut console))),
        Verb::Explain(args) => until_interrupted(Box::pin(explain::execute(&args, &mut console))),
        Verb::Get(args) => until_interrupted(Box::pin(get::execute(&args, &mut console))),
        Verb::Dead(args) => to_its_end(Box::pin(dead::execute(&args, &mut console))),
        Verb::Replay(args) => to_its_end(Box::pin(replay::execute(&args, &mut console))),
        Verb::Cancel(args) => until_interrupted(Box::pin(operation::cancel(&args, &mut console))),
        Verb::Pause(args) => until_interrupted(Box::pin(pause::pause(&args, &mut console))),
        Verb::Resume(args) => until_interrupted(Box::pin(pause::resume(&args, &mut console))),
    };
    match done {
        Ok(()) => Exit::Done,
        Err(failure) => {
            console.tell(&failure);
            failure.exit()
        }
    }
}

/// Runs a command that waits for others, and lets the terminal interrupt it.
fn until_interrupted(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        tokio::select! {
            // First, so that an interrupt is ours from the moment the command says anything.
            biased;
            _ = tokio::signal::ctrl_c() => Err(Failure::already_told(Exit::Interrupted)),
            done = command => done,
        }
    });
    // A thread that still reads standard input would be waited for otherwise.
    runtime.shutdown_background();
    done
}

/// Runs a command that hears an interrupt itself, where it has something to end in good order.
fn to_its_end(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(command)
}

#[cfg(test)]
mod tests;
