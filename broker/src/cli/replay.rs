//! `replay`: hands out retained events once more.
//!
//! What it leaves out: `--missing`. Nobody keeps what became of each event with each trigger for as long
//! as the event itself is kept, so nobody could say what is missing; a subscriber that tells events by
//! `source` and `id` may be sent them all.

use clap::{ArgGroup, Args};

use super::arguments::{ServerArgs, condition, dns_label};
use super::client::AdminClient;
use super::console::Console;
use super::exit::{Exit, Failure};
use super::operation::{self, ConductArgs};
use super::triggers::{self, GivenName, given_name};
use crate::api::{self, EventFilter, OperationRequest, ReplayRequest, When};

const EXAMPLES: &str = "\
Examples:
  sluicegate replay --to shop/billing --since 1h --dry-run
  sluicegate replay --to billing --since 2026-01-05T12:00:00Z --until 2026-01-05T13:00:00Z
  sluicegate replay --to billing --position 1200..1300
  sluicegate replay --all-triggers --broker shop/orders --match \"type = 'order.paid'\" --rate 50/s
  sluicegate replay --all-triggers --broker shop/orders --all";

/// Arguments of `replay`.
#[derive(Clone, Debug, Args)]
#[command(before_help = EXAMPLES,
    group = ArgGroup::new("receivers").required(true).args(["to", "all_triggers"]))]
pub struct ReplayArgs {
    /// To this trigger; repeatable for triggers of the same broker. It gets what its filter takes
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = given_name)]
    pub to: Vec<GivenName>,
    /// To every trigger of the broker
    #[arg(long)]
    pub all_triggers: bool,
    /// All events that are retained, where nothing else says which
    #[arg(long, conflicts_with_all = ["since", "until", "position", "expression"])]
    pub all: bool,
    /// What is not named by a flag
    #[arg(hide = true, value_name = "TRIGGER", value_parser = misplaced)]
    pub misplaced: Vec<String>,
    /// Events of this broker; that of the triggers, or the server's only one, when not given
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = given_name)]
    pub broker: Option<GivenName>,
    /// The namespace of names that say none
    #[arg(short, long, value_name = "NAME", env = "SLUICEGATE_NAMESPACE", value_parser = dns_label)]
    pub namespace: Option<String>,
    /// Only events accepted then or later: a time, or how long ago
    #[arg(long, value_name = "TIME|AGO")]
    pub since: Option<When>,
    /// Only events accepted before then
    #[arg(long, value_name = "TIME|AGO")]
    pub until: Option<When>,
    /// Only events from one position to another, both included; either may be left out
    #[arg(long, value_name = "FROM..TO", value_parser = positions)]
    pub position: Option<Positions>,
    /// Only events for which this CESQL expression is true
    #[arg(long = "match", value_name = "CESQL", value_parser = condition)]
    pub expression: Option<String>,
    /// How to go about it
    #[command(flatten)]
    pub conduct: ConductArgs,
    /// Which server
    #[command(flatten)]
    pub server: ServerArgs,
}

impl ReplayArgs {
    /// Whether everything that is retained would go to everybody, and nobody said so.
    fn is_everything_by_accident(&self) -> bool {
        let is_narrowed = self.since.is_some()
            || self.until.is_some()
            || self.position.is_some()
            || self.expression.is_some();
        self.all_triggers && !self.all && !is_narrowed && !self.conduct.dry_run
    }
}

/// A range of positions, as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positions {
    first: Option<String>,
    last: Option<String>,
}

/// A trigger without its flag.
fn misplaced(text: &str) -> Result<String, String> {
    Err(format!("name the trigger by a flag: --to {text}"))
}

fn positions(text: &str) -> Result<Positions, String> {
    let must = "must be FROM..TO, FROM.., ..TO or one position, such as 1200..1300";
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let read = |end: &str| match end {
        "" => Ok(None),
        end if crate::operations::choice::position(end).is_some() => Ok(Some(end.to_owned())),
        end => Err(format!("{must}; {end:?} is no position")),
    };
    match (read(first)?, read(last)?) {
        (None, None) => Err(must.to_owned()),
        (Some(first), Some(last)) if is_behind(&first, &last) => Err(format!(
            "{first} is behind {last}, so nothing is between them; write the earlier position first"
        )),
        (first, last) => Ok(Positions { first, last }),
    }
}

fn is_behind(first: &str, last: &str) -> bool {
    let [first, last] = [first, last].map(crate::operations::choice::position);
    first > last
}

/// Replays, and waits until it is done.
///
/// # Errors
///
/// When the server does not answer, has no such trigger or broker, or could not go on.
pub async fn execute(args: &ReplayArgs, console: &mut Console) -> Result<(), Failure> {
    if args.is_everything_by_accident() {
        return Err(Failure::usage(
            "nothing says which events are to be replayed to every trigger",
            "narrow them down with --since, --until, --position or --match, see how many they are with \
             --dry-run, or say --all",
        ));
    }
    let client = AdminClient::new(&args.server.server)?;
    let (broker, triggers) = match args.all_triggers {
        true => (only_broker(args, &client).await?, None),
        false => {
            let (broker, triggers) = receivers(args, &client).await?;
            (broker, Some(triggers))
        }
    };
    let (namespace, broker) = broker;
    let position = args.position.clone();
    let (first_position, last_position) = position.map_or((None, None), |it| (it.first, it.last));
    let request = OperationRequest::Replay(ReplayRequest {
        namespace,
        broker,
        triggers,
        events: EventFilter {
            since: args.since,
            until: args.until,
            first_position,
            last_position,
            expression: args.expression.clone(),
        },
        conduct: args.conduct.conduct(),
    });
    operation::run(&request, &args.conduct, &client, console).await
}

/// Namespace and name.
type Name = (String, String);

/// The triggers that are named, and the broker of all of them.
async fn receivers(
    args: &ReplayArgs,
    client: &AdminClient,
) -> Result<(Name, Vec<String>), Failure> {
    let mut found = Vec::with_capacity(args.to.len());
    for name in &args.to {
        let name = name.within(args.namespace.as_deref());
        found.push(triggers::find(&name, client).await?);
    }
    let of = |it: &api::Trigger| (it.namespace.clone(), it.broker.clone());
    let mut brokers: Vec<Name> = found.iter().map(of).collect();
    brokers.extend(args.broker.as_ref().map(|given| {
        let beside = brokers.first().map(|(namespace, _)| namespace.as_str());
        let broker = given.of_broker(beside, args.namespace.as_deref());
        (broker.namespace, broker.name)
    }));
    brokers.sort();
    brokers.dedup();
    match <[Name; 1]>::try_from(brokers) {
        Ok([broker]) => Ok((broker, found.into_iter().map(|it| it.name).collect())),
        Err(several) => {
            let named = several
                .iter()
                .map(|(namespace, name)| format!("{namespace}/{name}"));
            let named: Vec<String> = named.collect();
            Err(Failure::usage(
                format!(
                    "events of one broker are replayed at a time, and these are of {}",
                    named.join(" and ")
                ),
                "replay to the triggers of each broker by themselves",
            ))
        }
    }
}

/// The broker that is named, or the only one.
async fn only_broker(args: &ReplayArgs, client: &AdminClient) -> Result<Name, Failure> {
    let brokers: api::List<api::Broker> = client.get(api::BROKERS).await?;
    let namespace = args.namespace.as_deref();
    if let Some(given) = &args.broker {
        let wanted = given.of_broker(None, namespace);
        let is_meant =
            |it: &&api::Broker| it.name == wanted.name && it.namespace == wanted.namespace;
        return match brokers.items.iter().find(is_meant) {
            Some(found) => Ok((found.namespace.clone(), found.name.clone())),
            None => Err(triggers::unknown_broker(&wanted, &brokers.items)),
        };
    }
    let is_there = |it: &&api::Broker| namespace.is_none_or(|namespace| *namespace == it.namespace);
    let meant: Vec<&api::Broker> = brokers.items.iter().filter(is_there).collect();
    match &*meant {
        [only] => Ok((only.namespace.clone(), only.name.clone())),
        [] => Err(Failure::new(
            Exit::Failed,
            "the server has no broker",
            "write one with `sluicegate new broker NAME`",
        )),
        [first, ..] => Err(Failure::usage(
            "there is more than one broker",
            format!(
                "say which, such as --broker {}/{}",
                first.namespace, first.name
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_positions_may_be_open_at_either_end() {
        let range = |first: Option<&str>, last: Option<&str>| {
            Ok(Positions {
                first: first.map(str::to_owned),
                last: last.map(str::to_owned),
            })
        };
        assert_eq!(positions("12..17"), range(Some("12"), Some("17")));
        assert_eq!(positions("12.."), range(Some("12"), None));
        assert_eq!(positions("..17"), range(None, Some("17")));
        assert_eq!(positions("12"), range(Some("12"), Some("12")));
        assert_eq!(positions("0:1..0:9"), range(Some("0:1"), Some("0:9")));
        for text in ["", "..", "a..b", "1...2", "-1"] {
            let must = positions(text).unwrap_err();
            assert!(must.contains("1200..1300"), "{text}: {must}");
        }
        for text in ["9..1", "0:9..0:1", "10..9"] {
            let why = positions(text).unwrap_err();
            assert!(why.contains("is behind"), "{text}: {why}");
        }
    }

    #[test]
    fn everything_goes_to_everybody_only_where_that_is_said() {
        use clap::Parser as _;
        let read = |words: &str| {
            let words = ["sluicegate", "replay"].into_iter().chain(words.split(' '));
            crate::cli::Cli::try_parse_from(words).map(|it| it.verb)
        };
        for (words, is_refused) in [
            ("--all-triggers", true),
            ("--all-triggers --limit 5 --rate 5/s", true),
            ("--all-triggers --all", false),
            ("--all-triggers --since 1h", false),
            ("--all-triggers --position 7..", false),
            ("--all-triggers --dry-run", false),
            ("--to shop/billing", false),
        ] {
            let Ok(crate::cli::Verb::Replay(args)) = read(words) else {
                panic!("{words}")
            };
            assert_eq!(args.is_everything_by_accident(), is_refused, "{words}");
        }
        assert!(read("--all-triggers --all --since 1h").is_err());
        let refused = read("shop/billing --since 1h").unwrap_err().to_string();
        assert!(refused.contains("--to shop/billing"), "{refused}");
    }
}
