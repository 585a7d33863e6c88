//! `get`: lists what a server has.
//!
//! Columns of the tables and members of the JSON are API; a table is for people, `-o json` for
//! programs. What it leaves out: following (a list is what is there now) and changing anything.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;
use sluicegate_resources::nearest;

use super::arguments::{ServerArgs, dns_label};
use super::client::AdminClient;
use super::console::Console;
use super::exit::{Exit, Failure};
use super::table::Table;
use super::triggers::{GivenName, given_name};
use super::yaml;

mod brokers;
pub mod dead_letters;
pub mod operations;
mod triggers;

const EXAMPLES: &str = "\
Examples:
  sluicegate get triggers                      what each trigger does, and how deliveries go
  sluicegate get triggers -n shop -o wide      with every term of the books
  sluicegate get triggers shop/billing
  sluicegate get brokers -o json
  sluicegate get deadletters --trigger billing
  sluicegate get triggers --server http://10.0.0.7:8081";

const BROKER_EXAMPLES: &str = "\
Examples:
  sluicegate get brokers                       what each broker's channel holds
  sluicegate get brokers orders -n shop -o wide
  sluicegate get brokers -o json";

const DEAD_LETTER_EXAMPLES: &str = "\
Examples:
  sluicegate get deadletters                   what was given up on, oldest first
  sluicegate get deadletters billing -n shop   of one trigger
  sluicegate get deadletters --limit 1000 -o json";

const OPERATION_EXAMPLES: &str = "\
Examples:
  sluicegate get operations                    what runs, and how far it is
  sluicegate get operations 01K0Z4M3V8QJ5N7RB2D6XW9HTC -o json";

/// Arguments of `get`.
#[derive(Clone, Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct GetArgs {
    /// Of what
    #[command(subcommand)]
    pub noun: Noun,
}

/// What can be listed.
#[derive(Clone, Debug, Subcommand)]
pub enum Noun {
    /// Brokers and what their channels hold
    #[command(visible_alias = "broker", before_help = BROKER_EXAMPLES)]
    Brokers(ListArgs),
    /// Triggers, their subscribers, and how deliveries go
    #[command(visible_alias = "trigger", before_help = EXAMPLES)]
    Triggers(ListArgs),
    /// Events given up on, in the built-in dead-letter store
    #[command(
        visible_aliases = ["deadletter", "dead-letters", "dead-letter"],
        before_help = DEAD_LETTER_EXAMPLES
    )]
    Deadletters(dead_letters::DeadLetterArgs),
    /// Redrives, discards and replays that run, or have ended within the last hour
    #[command(visible_alias = "operation", before_help = OPERATION_EXAMPLES)]
    Operations(operations::OperationArgs),
}

/// Of how many namespaces is told where the one that was asked for has nothing.
const NAMESPACES_MAX: usize = 10;

/// What every list can be asked.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// Only the one of this name
    #[arg(value_name = "[NAMESPACE/]NAME", value_parser = given_name)]
    pub name: Option<GivenName>,
    /// How to list, and where from
    #[command(flatten)]
    pub listing: Listing,
}

/// How to list, and where from.
#[derive(Clone, Debug, Args)]
pub struct Listing {
    /// Only of this namespace; all of them when not given
    #[arg(short, long, value_name = "NAME", env = "SLUICEGATE_NAMESPACE", value_parser = dns_label)]
    pub namespace: Option<String>,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Output,
    /// Which server
    #[command(flatten)]
    pub server: ServerArgs,
}

/// How to print a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Columns for people
    Table,
    /// More columns
    Wide,
    /// One JSON document, {"items": […]}
    Json,
    /// The same as YAML
    Yaml,
    /// NAMESPACE/NAME, one a line
    Name,
}

/// What a kind of thing has to say to be listed.
trait Listed: Serialize {
    /// What people call many of it.
    const PLURAL: &'static str;
    /// The columns of `-o table`.
    const COLUMNS: &'static [&'static str];
    /// The columns of `-o wide` that follow those.
    const MORE_COLUMNS: &'static [&'static str];

    /// Its namespace and the name it is found by.
    fn name(&self) -> (&str, &str);
    /// The line of `-o name`.
    fn name_line(&self) -> String {
        let (namespace, name) = self.name();
        format!("{namespace}/{name}")
    }
    /// The cells of `-o table`.
    fn cells(&self) -> Vec<String>;
    /// The cells of `-o wide` that follow those.
    fn more_cells(&self) -> Vec<String>;
    /// What to do when there is none at all.
    fn when_none() -> &'static str;
}

/// Lists what is asked for.
///
/// # Errors
///
/// When the server does not answer, or has nothing of the name that was asked for.
pub async fn execute(args: &GetArgs, console: &mut Console) -> Result<(), Failure> {
    match &args.noun {
        Noun::Brokers(args) => brokers::list(args, console).await,
        Noun::Triggers(args) => triggers::list(args, console).await,
        Noun::Deadletters(args) => dead_letters::list(args, console).await,
        Noun::Operations(args) => operations::list(args, console).await,
    }
}

/// Lists the whole answer of `path`, narrowed to a namespace and a name.
async fn list_all<T: Listed + serde::de::DeserializeOwned>(
    path: &str,
    args: &ListArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let client = AdminClient::new(&args.listing.server.server)?;
    let mut list: crate::api::List<T> = client.get(path).await?;
    let namespace = args.listing.namespace.as_deref();
    let wanted = args.name.as_ref().map(|it| it.within(namespace));
    let elsewhere = namespaces(&list.items);
    let meant = wanted.as_ref().and_then(|it| meant(it, &list.items));
    list.items.retain(|item| {
        let (of, name) = item.name();
        match &wanted {
            Some(wanted) => wanted.is_of(of, name),
            None => namespace.is_none_or(|namespace| namespace == of),
        }
    });
    if let (true, Some(wanted)) = (list.items.is_empty(), &wanted) {
        return Err(nothing_named(wanted, meant.as_deref(), T::PLURAL));
    }
    let is_elsewhere = list.items.is_empty() && !elsewhere.is_empty();
    if let (true, Some(namespace), Output::Table | Output::Wide) =
        (is_elsewhere, namespace, args.listing.output)
    {
        console.say(none_there(T::PLURAL, namespace, &elsewhere));
        return Ok(());
    }
    print(&list, args.listing.output, console)
}

/// The namespaces that have any.
fn namespaces<T: Listed>(items: &[T]) -> BTreeSet<String> {
    items.iter().map(|it| it.name().0.to_owned()).collect()
}

/// That a namespace has none, and which have.
fn none_there(plural: &str, namespace: &str, elsewhere: &BTreeSet<String>) -> String {
    let first = elsewhere.iter().take(NAMESPACES_MAX).map(String::as_str);
    let mut told: Vec<&str> = first.collect();
    if elsewhere.len() > NAMESPACES_MAX {
        told.push("…");
    }
    let noun = match elsewhere.len() {
        1 => "the namespace",
        _ => "the namespaces",
    };
    let told = told.join(", ");
    format!("no {plural} in namespace {namespace}; there are some in {noun} {told}")
}

/// What was most likely meant by a name that nothing has: the same name in another namespace, else the
/// nearest that is.
fn meant<T: Listed>(wanted: &GivenName, items: &[T]) -> Option<String> {
    let names = || items.iter().map(Listed::name);
    let within = wanted.namespace.as_deref();
    let beside = || names().filter(|(of, _)| within.is_none_or(|within| within == *of));
    let same = names().find(|(_, name)| *name == wanted.name);
    let meant = same.or_else(|| {
        let near = nearest(&wanted.name, beside().map(|(_, name)| name))?;
        beside().find(|(_, name)| *name == near)
    });
    meant.map(|(namespace, name)| format!("{namespace}/{name}"))
}

fn nothing_named(name: &impl std::fmt::Display, meant: Option<&str>, plural: &str) -> Failure {
    let list = format!("list them all with `sluicegate get {plural}`");
    Failure::new(
        Exit::Failed,
        format!("the server has nothing named {name} among its {plural}"),
        match meant {
            Some(meant) => format!("did you mean {meant}? {list}"),
            None => list,
        },
    )
}

/// Prints a list in the format asked for. An empty one leaves a table's output empty and says what
/// to do instead, as talk.
fn print<T: Listed>(
    list: &crate::api::List<T>,
    output: Output,
    console: &mut Console,
) -> Result<(), Failure> {
    match output {
        Output::Json => console.print(to_json_text(list)?),
        Output::Yaml => {
            let value: Value = serde_json::to_value(list).map_err(std::io::Error::from)?;
            console.print_bytes(yaml::document(&value).as_bytes())
        }
        Output::Name => list
            .items
            .iter()
            .try_for_each(|item| console.print(item.name_line())),
        Output::Table | Output::Wide if list.items.is_empty() => {
            console.say(format_args!("no {}. {}", T::PLURAL, T::when_none()));
            Ok(())
        }
        Output::Table => print_table(&list.items, T::COLUMNS, T::cells, console),
        Output::Wide => {
            let columns = [T::COLUMNS, T::MORE_COLUMNS].concat();
            let cells = |item: &T| [item.cells(), item.more_cells()].concat();
            print_table(&list.items, &columns, cells, console)
        }
    }
}

fn print_table<T>(
    items: &[T],
    columns: &[&'static str],
    cells: impl Fn(&T) -> Vec<String>,
    console: &mut Console,
) -> Result<(), Failure> {
    let mut table = Table::new(columns);
    items.iter().for_each(|item| table.row(cells(item)));
    table
        .lines()
        .iter()
        .try_for_each(|line| console.print(line))
}

fn to_json_text(value: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value).map_err(std::io::Error::from)?)
}

/// `True` or `False`, as conditions are written.
fn condition(holds: bool) -> String {
    if holds {
        "True".to_owned()
    } else {
        "False".to_owned()
    }
}

/// A number of seconds as people read it; `-` when there is none.
fn age(seconds: Option<f64>) -> String {
    seconds
        .and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok())
        .map_or_else(|| "-".to_owned(), super::arguments::spoken)
}

#[cfg(test)]
mod tests;
