//! `explain`: what became of an event that a server accepted, or which triggers one would match.
//!
//! With an id a server is asked (`story`). With `--event` nobody is:
//!
//! Manifests are read as `validate` reads them. Nothing is sent, and nobody is asked: what is
//! explained is what the filters say, not what became of an event on a server.
//!
//! A trigger that is not valid is named on standard error and does not hide the others.

use std::path::PathBuf;

use clap::Args;
use sluicegate_filter::Outcome;
use sluicegate_filter::explain::{Explanation, explain};
use sluicegate_resources::{ObjectName, nearest};

use super::arguments::{ServerArgs, dns_label};
use super::console::Console;
use super::event_file::read_one;
use super::exit::{Exit, Failure};
use super::triggers::{GivenName, given_name};
use super::validate::{DEFAULT_PATH, Output, gather};

mod find;
mod json;
mod show;
mod story;

use find::{Found, Placed};

const EXAMPLES: &str = "\
Examples:
  sluicegate explain 01K0Z4S9Q                         what became of an event, asking the server
  sluicegate explain 01K0Z4S9Q --source /shop --broker shop/orders
  sluicegate explain 01K0Z4S9Q --trigger billing       only what that trigger did with it
  sluicegate explain --event order.json                the triggers in ./sluicegate
  sluicegate explain --event order.json --trigger shop/billing
  sluicegate explain --event order.json --broker shop/orders
  sluicegate explain --event - --manifests manifests/ < order.json
  sluicegate explain --event order.json -o json        for programs";

/// How many names are listed where one is not known.
const NAMES_MAX: usize = 10;

/// Arguments of `explain`.
#[derive(Clone, Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct ExplainArgs {
    /// The id of an event that a server accepted: what became of it
    #[arg(value_name = "EVENT-ID", required_unless_present = "event")]
    pub id: Option<String>,
    /// A file with one event in the CloudEvents JSON format; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    pub event: Option<String>,
    /// With an id: only the event of this source
    #[arg(long, value_name = "URI", requires = "id", conflicts_with = "event")]
    pub source: Option<String>,
    /// Only this trigger; those of every broker when not given
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = given_name)]
    pub trigger: Option<GivenName>,
    /// Only the triggers of this broker
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = given_name,
        conflicts_with = "trigger")]
    pub broker: Option<GivenName>,
    /// The namespace of names that say none
    #[arg(short, long, value_name = "NAME", env = "SLUICEGATE_NAMESPACE", value_parser = dns_label)]
    pub namespace: Option<String>,
    /// A folder or file of manifests; repeatable
    #[arg(long, value_name = "PATH", default_value = DEFAULT_PATH)]
    pub manifests: Vec<PathBuf>,
    /// With an id: whom to ask
    #[command(flatten)]
    pub server: ServerArgs,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "human")]
    pub output: Output,
}

impl ExplainArgs {
    fn broker(&self) -> Option<ObjectName> {
        let broker = self.broker.as_ref()?;
        Some(broker.of_broker(None, self.namespace.as_deref()))
    }

    fn trigger(&self) -> Option<GivenName> {
        let trigger = self.trigger.as_ref()?;
        Some(trigger.within(self.namespace.as_deref()))
    }
}

/// A trigger and what its filter says.
#[derive(Debug)]
struct Explained {
    placed: Placed,
    /// Whether its broker is among the manifests, or is the one that `sluicegate dev` has by itself.
    has_broker: bool,
    explanation: Explanation,
}

/// Explains what became of an event, or what the triggers say of one.
///
/// # Errors
///
/// With an id, as `story::execute`. Without, with exit code 1 when none of them matches, 2 when there is no such event, folder or trigger, 3
/// when a trigger that is not valid might have matched.
pub async fn execute(args: &ExplainArgs, console: &mut Console) -> Result<(), Failure> {
    match (&args.id, &args.event) {
        (Some(id), _) => story::execute(id, args, console).await,
        (None, Some(event)) => of_manifests(event, args, console),
        (None, None) => Err(Failure::usage(
            "there is no event to explain",
            "give the id of one that was accepted, or --event FILE",
        )),
    }
}

/// Explains what the triggers of manifests say of the event in a file.
fn of_manifests(event: &str, args: &ExplainArgs, console: &mut Console) -> Result<(), Failure> {
    let event = read_one(event)?;
    let found = find::find(&gather(&args.manifests)?);
    for fault in &found.faults {
        console.say(fault.trim_end());
    }
    let is_incomplete = match &args.trigger {
        Some(_) => false,
        None => found.may_lack_triggers(),
    };
    let brokers = found.brokers.clone();
    let explained: Vec<Explained> = asked(found, args)?
        .into_iter()
        .map(|placed| Explained {
            explanation: explain(&placed.trigger.filters, &event),
            has_broker: brokers.contains(&placed.broker()) || placed.is_of_dev_broker(),
            placed,
        })
        .collect();
    match args.output {
        Output::Human => show::show(&event, &explained, args.trigger.is_some(), console)?,
        Output::Json => json::print(&event, &explained, console)?,
    }
    let matches = |it: &Explained| it.explanation.outcome == Outcome::Match;
    match (explained.iter().any(matches), is_incomplete) {
        (true, _) => Ok(()),
        (false, true) => Err(Failure::already_told(Exit::InvalidManifests)),
        (false, false) => Err(Failure::already_told(Exit::Failed)),
    }
}

/// The triggers to explain, at least one, by broker and name.
fn asked(found: Found, args: &ExplainArgs) -> Result<Vec<Placed>, Failure> {
    let Some(wanted) = args.trigger() else {
        if found.triggers.is_empty() {
            return Err(no_trigger(&found));
        }
        let mut triggers = found.triggers;
        if let Some(broker) = args.broker() {
            triggers.retain(|placed| placed.broker() == broker);
            if triggers.is_empty() {
                return Err(none_of_broker(&broker));
            }
        }
        triggers.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        return Ok(triggers);
    };
    let (named, others): (Vec<_>, Vec<_>) = found
        .triggers
        .into_iter()
        .partition(|placed| wanted.is_of(&placed.name().namespace, &placed.name().name));
    if named.is_empty() {
        let mut invalid_ones = found.invalid.iter();
        let is_invalid = invalid_ones.any(|it| wanted.is_of(&it.namespace, &it.name));
        return Err(if is_invalid || found.has_nameless_faults {
            invalid(&wanted, is_invalid)
        } else {
            let names = others.iter().map(|placed| placed.name().to_string());
            unknown(&wanted, names.collect())
        });
    }
    Ok(named)
}

fn no_trigger(found: &Found) -> Failure {
    if found.may_lack_triggers() {
        return Failure::new(
            Exit::InvalidManifests,
            "there is no valid trigger",
            "mend what is said above; `sluicegate validate` says it again",
        );
    }
    Failure::new(
        Exit::Failed,
        "there is no trigger, so nothing would get this event",
        "write one: sluicegate new trigger hello --to http://localhost:3000",
    )
}

fn none_of_broker(broker: &ObjectName) -> Failure {
    Failure::usage(
        format!("there is no valid trigger of the broker {broker}"),
        "leave --broker out to see the triggers of all; a name without a namespace is in default",
    )
}

fn invalid(wanted: &GivenName, is_named: bool) -> Failure {
    let message = if is_named {
        format!("the trigger {wanted} is not valid")
    } else {
        format!("there is no trigger {wanted} among those that can be read")
    };
    Failure::new(
        Exit::InvalidManifests,
        message,
        "mend what is said above; `sluicegate validate` says it again",
    )
}

fn unknown(wanted: &GivenName, mut names: Vec<String>) -> Failure {
    names.sort();
    let parts = || names.iter().filter_map(|it| it.split_once('/'));
    let same_name = parts().find(|(_, name)| *name == wanted.name);
    // The namespace is not compared: as a part of both names it would make any two alike.
    let is_beside = |namespace: &str| wanted.namespace.as_ref().is_none_or(|it| it == namespace);
    let beside = || parts().filter(|(namespace, _)| is_beside(namespace));
    let close = || {
        let near = nearest(&wanted.name, beside().map(|(_, name)| name))?;
        beside().find(|(_, name)| *name == near)
    };
    let meant = same_name.or_else(close);
    let meant = meant.map(|(namespace, name)| format!("{namespace}/{name}"));
    let listed: Vec<&str> = names.iter().take(NAMES_MAX).map(String::as_str).collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let listed = match (listed.join(", "), more) {
        (none, _) if none.is_empty() => "there is none; see --manifests".to_owned(),
        (listed, 0) => format!("there are {listed}"),
        (listed, more) => format!("there are {listed} and {more} more"),
    };
    let next = match meant {
        Some(meant) => format!("did you mean {meant}? {listed}"),
        None => listed,
    };
    Failure::usage(format!("there is no trigger {wanted}"), next)
}

#[cfg(test)]
mod tests;
