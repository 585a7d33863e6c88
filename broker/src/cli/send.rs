//! `send`: one event, or many, to a broker or to any other CloudEvents URL.
//!
//! Where to send is asked of the server's admin API, so that one `--server` is enough; `--url` sends
//! without asking anyone. Of a single event it is told which triggers matched, and with `--wait`
//! what became of it: for that a watch is begun before the event is sent.
//!
//! What it leaves out: retrying. An event that was refused is reported, and sending it again is the
//! sender's decision.

use std::time::Duration;

use clap::Args;
use http::Uri;
use sluicegate_event::Event;
use sluicegate_resources::ObjectName;

use super::arguments::{ServerArgs, dns_label, duration, http_url, key_value, rate};
use super::called::Called;
use super::client::Client;
use super::console::Console;
use super::exit::Failure;
use super::triggers::{GivenName, given_name};

mod compose;
mod follow;
mod many;
mod request;
mod target;

use request::Outgoing;
use target::Target;

const EXAMPLES: &str = "\
Examples:
  sluicegate send demo.hello '{\"hello\":\"world\"}'
  sluicegate send demo.hello '{\"hello\":\"again\"}' --wait
  sluicegate send order.paid @order.json --source /shop --ext region=eu
  sluicegate send --file events.ndjson
  sluicegate send demo.load --count 1000 --rate 100
  sluicegate send demo.hello hi --url http://localhost:3000/ --structured --dry-run";

/// Arguments of `send`.
#[derive(Clone, Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct SendArgs {
    /// The event's type; left out, --file holds whole events
    #[arg(value_name = "TYPE")]
    pub ty: Option<String>,
    /// The event's data: text, JSON, or @FILE (@- for standard input)
    #[arg(value_name = "DATA", conflicts_with = "file")]
    pub data: Option<String>,
    /// The event's source
    #[arg(long, value_name = "URI", default_value = "/sluicegate/cli")]
    pub source: String,
    /// The event's id; a fresh one when not given, and numbered with --count
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The event's subject
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<String>,
    /// An extension attribute, which is sent as text; repeatable. A Boolean or an Integer of the JSON
    /// format can only come from --file
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    pub ext: Vec<(String, String)>,
    /// The content type of the data; told from the data when not given
    #[arg(long, value_name = "TYPE")]
    pub content_type: Option<String>,
    /// With TYPE: the data. Without: events as JSON, one, an array, or one a line. - is standard
    /// input
    #[arg(long, value_name = "FILE")]
    pub file: Option<String>,
    /// Send this many, each with an id of its own
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// At most this many a second
    #[arg(long, value_name = "PER SECOND", value_parser = rate)]
    pub rate: Option<f64>,
    /// Send in structured mode (one JSON document) instead of binary mode
    #[arg(long)]
    pub structured: bool,
    /// Wait for each trigger's first attempt, or until everything is settled, to which an event that
    /// is kept as a dead letter belongs once no dead-letter sink is left to try
    #[arg(long, value_name = "FOR", num_args = 0..=1, require_equals = true,
        conflicts_with_all = ["count", "url", "dry_run"])]
    pub wait: Option<Option<WaitFor>>,
    /// How long --wait waits
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub timeout: Duration,
    /// Print the request instead of sending it
    #[arg(long)]
    pub dry_run: bool,
    /// Which broker; default/default, or the server's only one, when not given
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = given_name, conflicts_with = "url")]
    pub broker: Option<GivenName>,
    /// The namespace of a --broker that says none
    #[arg(short, long, value_name = "NAME", env = "SLUICEGATE_NAMESPACE", value_parser = dns_label)]
    pub namespace: Option<String>,
    /// Send here, without asking a server
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub url: Option<Uri>,
    /// Which server to ask for the broker's URL
    #[command(flatten)]
    pub server: ServerArgs,
}

impl SendArgs {
    /// The broker that is named, if one is.
    fn broker(&self) -> Option<ObjectName> {
        let broker = self.broker.as_ref()?;
        Some(broker.of_broker(None, self.namespace.as_deref()))
    }

    /// What to wait for, if anything; `--wait` alone is for the first attempt.
    fn waits_for(&self) -> Option<WaitFor> {
        self.wait.map(|it| it.unwrap_or(WaitFor::First))
    }

    /// `--wait settled` is a bare `--wait` and an event of that type or data, which nobody means.
    fn refuse_a_word_for_wait(&self) -> Result<(), Failure> {
        let words = [self.ty.as_deref(), self.data.as_deref()];
        let named = words
            .into_iter()
            .flatten()
            .find(|word| matches!(*word, "first" | "settled"));
        match (self.wait, named) {
            (Some(None), Some(word)) => Err(Failure::usage(
                format!(
                    "{word:?} would be the event's type or data, for --wait takes its value after ="
                ),
                format!(
                    "write --wait={word}; where the word belongs to the event, write --wait=first"
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// What `--wait` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum WaitFor {
    /// The first attempt of each trigger that matched
    First,
    /// Until nothing more will happen to the event
    Settled,
}

/// Sends what is asked for.
///
/// # Errors
///
/// When an event is not valid, the server does not answer or refuses it, or, with `--wait`, it was
/// not delivered.
pub async fn execute(args: &SendArgs, console: &mut Console) -> Result<(), Failure> {
    args.refuse_a_word_for_wait()?;
    let events = compose::Events::of(args).await?;
    let target = Target::find(args).await?;
    if args.dry_run {
        return dry_run(events, args, &target, console);
    }
    match events.into_single() {
        Ok(event) => one(event?, args, &target, console).await,
        Err(events) => many::send(events, args, &target, console).await,
    }
}

/// Sends one event and tells what is known of it right after.
async fn one(
    event: Event,
    args: &SendArgs,
    target: &Target,
    console: &mut Console,
) -> Result<(), Failure> {
    let watch = follow::begin(&event, target, args.waits_for()).await?;
    let client = Client::new(&target.url)?;
    let outgoing = Outgoing::new(&event, target, args.structured);
    let sent = outgoing
        .send(&client, &Called::now(&args.server.server))
        .await?;
    let is_duplicate = sent.duplicates > 0;
    console.print(format_args!(
        "{}   id {}   {}   → {}{}",
        request::status_words(sent.status),
        crate::logging::visible(event.id(), 256),
        crate::logging::visible(event.ty(), 256),
        target.shown,
        if is_duplicate { "   a duplicate" } else { "" },
    ))?;
    if is_duplicate {
        // Nothing more will happen to it, so nothing is waited for.
        let see = follow::story_of(&event, &Called::now(&args.server.server));
        let see = see.map(|story| format!("; see what became of it with: {story}"));
        console.say(format_args!(
            "an event of this id and source was stored before, and is not stored again{}",
            see.unwrap_or_default()
        ));
        return Ok(());
    }
    match watch {
        Some(watch) => follow::tell(watch, &event, args, console).await,
        None => Ok(()),
    }
}

fn dry_run(
    events: compose::Events,
    args: &SendArgs,
    target: &Target,
    console: &mut Console,
) -> Result<(), Failure> {
    for (index, event) in events.enumerate() {
        if index > 0 {
            console.print("")?;
        }
        console.print_bytes(&Outgoing::new(&event?, target, args.structured).as_text())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
