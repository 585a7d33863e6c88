//! `new`: writes the manifest of a broker or trigger, and says where.
//!
//! What is written is valid, and stays valid in a cluster. An existing file is left alone unless
//! `--force` is given. What it leaves out: talking to a server; a server that watches the folder
//! picks the file up by itself.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use sluicegate_filter::cesql::{Expression, ExpressionError};

use super::arguments::{dns_label, dns_name, http_url_text};
use super::console::Console;
use super::doubts;
use super::exit::{Exit, Failure};

mod manifest;

pub use manifest::{Backoff, DeliveryWish, TriggerWish};

const EXAMPLES: &str = "\
Examples:
  sluicegate new trigger hello --type demo.hello --to http://localhost:3000
  sluicegate new broker orders --namespace shop";

const BROKER_EXAMPLES: &str = "\
Examples:
  sluicegate new broker orders --namespace shop
  sluicegate new broker orders --retry 10 --dead-letter http://localhost:3009
  sluicegate new broker orders --stdout | kubectl apply -f -";

const TRIGGER_EXAMPLES: &str = "\
Examples:
  sluicegate new trigger hello --type 'demo.*' --to http://localhost:3000
  sluicegate new trigger billing --broker orders --namespace shop \\
    --type order.paid --source /shop --to http://localhost:3001/events \\
    --retry 5 --backoff-delay 1s --dead-letter http://localhost:3009
  sluicegate new trigger large --cesql \"amount > 100 AND region IN ('eu', 'uk')\" \\
    --to http://localhost:3001
  sluicegate new trigger audit --to http://localhost:3002 --stdout";

/// Arguments of `new`.
#[derive(Clone, Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct NewArgs {
    /// Of what
    #[command(subcommand)]
    pub noun: Noun,
}

/// What a manifest can be written of.
#[derive(Clone, Debug, Subcommand)]
pub enum Noun {
    /// A broker
    Broker(Box<BrokerArgs>),
    /// A trigger
    Trigger(Box<TriggerArgs>),
}

/// Arguments of `new broker`.
#[derive(Clone, Debug, Args)]
#[command(before_help = BROKER_EXAMPLES)]
pub struct BrokerArgs {
    /// Name and place
    #[command(flatten)]
    pub place: Place,
    /// How its triggers deliver unless they say otherwise
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Arguments of `new trigger`.
#[derive(Clone, Debug, Args)]
#[command(before_help = TRIGGER_EXAMPLES)]
pub struct TriggerArgs {
    /// Name and place
    #[command(flatten)]
    pub place: Place,
    /// The broker whose events it takes, in the same namespace
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = dns_name)]
    pub broker: String,
    /// Only events of this type; `demo.*` means every type that begins with `demo.`
    #[arg(long = "type", value_name = "TYPE")]
    pub ty: Option<String>,
    /// Only events from this source; `/shop/*` means every source that begins with `/shop/`
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Only events of which this CESQL expression is true, such as `amount > 100`
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub cesql: Option<String>,
    /// Where to send
    #[arg(long, value_name = "URL", value_parser = http_url_text)]
    pub to: String,
    /// How to deliver
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Name and place of what is written.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// Its name
    #[arg(value_name = "NAME", value_parser = dns_name)]
    pub name: String,
    /// Its namespace; `default` when not given
    #[arg(short, long, value_name = "NAME", value_parser = dns_label)]
    pub namespace: Option<String>,
    /// The folder to write NAME.yaml into
    #[arg(long, value_name = "DIR", default_value = "sluicegate")]
    pub dir: PathBuf,
    /// Print the manifest instead of writing a file
    #[arg(long)]
    pub stdout: bool,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
}

/// Delivery, as flags.
#[derive(Clone, Debug, Default, Args)]
pub struct DeliveryArgs {
    /// Where events go that cannot be delivered; without it they are kept by the broker
    #[arg(long, value_name = "URL", value_parser = http_url_text)]
    pub dead_letter: Option<String>,
    /// Retries beyond the first attempt
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true, value_parser = retries)]
    pub retry: Option<u32>,
    /// How the wait between attempts grows
    #[arg(long, value_name = "POLICY")]
    pub backoff: Option<Backoff>,
    /// The first wait, such as 200ms
    #[arg(long, value_name = "DURATION", value_parser = super::arguments::duration)]
    pub backoff_delay: Option<std::time::Duration>,
    /// The deadline of one attempt, such as 5s
    #[arg(long, value_name = "DURATION", value_parser = super::arguments::duration)]
    pub timeout: Option<std::time::Duration>,
}

/// Writes the manifest.
///
/// # Errors
///
/// When a flag cannot be expressed in a manifest, or the file exists or cannot be written.
pub fn execute(args: &NewArgs, console: &mut Console) -> Result<(), Failure> {
    match &args.noun {
        Noun::Broker(args) => {
            let text = manifest::broker(&args.place, &args.delivery.wish());
            put("broker", &args.place, &text, console)
        }
        Noun::Trigger(args) => {
            refuse_stars("--type", args.ty.as_deref())?;
            refuse_stars("--source", args.source.as_deref())?;
            let condition = read_condition(args.cesql.as_deref())?;
            let text = manifest::trigger(&args.place, &args.wish());
            put("trigger", &args.place, &text, console)?;
            if let Some(condition) = condition {
                doubts::tell(&condition, console);
            }
            Ok(())
        }
    }
}

impl TriggerArgs {
    fn wish(&self) -> TriggerWish<'_> {
        TriggerWish {
            broker: &self.broker,
            ty: self.ty.as_deref(),
            source: self.source.as_deref(),
            cesql: self.cesql.as_deref(),
            to: &self.to,
            delivery: self.delivery.wish(),
        }
    }
}

impl DeliveryArgs {
    fn wish(&self) -> DeliveryWish<'_> {
        DeliveryWish {
            dead_letter: self.dead_letter.as_deref(),
            retry: self.retry,
            backoff: self.backoff,
            backoff_delay: self.backoff_delay,
            timeout: self.timeout,
        }
    }
}

/// An expression must be one that can be a filter.
fn read_condition(text: Option<&str>) -> Result<Option<Expression>, Failure> {
    let Some(text) = text else { return Ok(None) };
    if text.trim().is_empty() {
        return Err(Failure::usage(
            "--cesql: an empty expression is no filter",
            "leave --cesql out to take all",
        ));
    }
    let shown = |error: ExpressionError| {
        Failure::usage(
            format!("--cesql: {}\n{}", error.problem, error.caret(text)),
            error.remedy,
        )
    };
    let expression = Expression::parse(text).map_err(shown)?;
    expression.check_condition().map_err(shown)?;
    Ok(Some(expression))
}

fn retries(text: &str) -> Result<u32, String> {
    let must = "must be a whole number from 0 (no retry) to 2147483647";
    match text.parse::<u32>() {
        Ok(count) if count <= i32::MAX.unsigned_abs() => Ok(count),
        Ok(_) | Err(_) => Err(must.to_owned()),
    }
}

/// Only one star at the end has a meaning; elsewhere it would be a letter, which nobody means.
fn refuse_stars(flag: &str, wanted: Option<&str>) -> Result<(), Failure> {
    let Some(wanted) = wanted else { return Ok(()) };
    let before_last = wanted.strip_suffix('*').unwrap_or(wanted);
    let Some((start, _)) = before_last.split_once('*') else {
        return Ok(());
    };
    Err(Failure::usage(
        format!("{flag} {wanted:?}: only one * at the end has a meaning, which is any ending"),
        if start.is_empty() {
            format!("leave {flag} out to take all, or write `suffix` into the manifest by hand")
        } else {
            format!("write {flag} '{start}*', or join filters in the manifest by hand")
        },
    ))
}

/// Checks the text as a server would, and writes it to where it belongs.
fn put(noun: &str, place: &Place, text: &str, console: &mut Console) -> Result<(), Failure> {
    check(noun, &place.name, text)?;
    if place.stdout {
        return console.print_bytes(text.as_bytes());
    }
    let path = place.dir.join(format!("{}.yaml", place.name));
    let shown = path.display().to_string();
    let cannot = |what: &str, error: &std::io::Error| {
        Failure::new(
            Exit::Failed,
            format!("cannot {what}: {error}"),
            "give --dir a folder that you may write to, or --stdout",
        )
    };
    std::fs::create_dir_all(&place.dir)
        .map_err(|error| cannot(&format!("make the folder {}", place.dir.display()), &error))?;
    let mut options = OpenOptions::new();
    options.write(true);
    if place.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => {
            console.print(format_args!("wrote {shown}"))?;
            console.say("a server that watches the folder serves it in a moment");
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Failure::new(
            Exit::Failed,
            format!("{shown} exists already"),
            format!("give the {noun} another name, or replace the file with --force"),
        )),
        Err(error) => Err(cannot(&format!("write {shown}"), &error)),
    }
}

/// Flags can ask for what no manifest may say, such as a name that is too long: the rules are those
/// of the manifests, so their own reader is asked.
fn check(noun: &str, name: &str, text: &str) -> Result<(), Failure> {
    let parsed = sluicegate_resources::parse(text);
    let mut faults = parsed
        .diagnostics
        .iter()
        .chain(parsed.manifests.iter().flat_map(|it| &it.diagnostics));
    match faults.find(|it| it.severity == sluicegate_resources::Severity::Error) {
        None => Ok(()),
        Some(fault) => Err(Failure::usage(
            format!("the {noun} {name} would not be valid: {}", fault.message),
            fault
                .help
                .clone()
                .unwrap_or_else(|| format!("see `sluicegate new {noun} --help`")),
        )),
    }
}

#[cfg(test)]
mod tests;
