//! `dead`: what was given up on, listed, shown, sent again or ended.
//!
//! `redrive` and `discard` take what `ls` shows with the same flags. One letter that is named is dealt
//! with at once; what a filter chooses is an [operation] of the server. Nothing
//! asks: to mean everything takes `--all`, and to end what a filter chooses takes `--yes`.

use clap::{Args, Subcommand};
use sluicegate_resources::ObjectName;

use super::arguments::{ServerArgs, dns_label, dns_name};
use super::client::AdminClient;
use super::console::Console;
use super::exit::Failure;
use super::get::dead_letters::{DeadLetterArgs, LetterFilterArgs, list};
use super::operation::{self, ConductArgs, Told};
use super::triggers::given_name;
use crate::api::{self, LettersRequest, OperationRequest};

mod show;

const EXAMPLES: &str = "\
Examples:
  sluicegate dead ls --trigger shop/billing
  sluicegate dead show shop/billing/17             one letter, as `dead ls -o name` names it
  sluicegate dead redrive --trigger shop/billing --since 1h --dry-run
  sluicegate dead redrive --reason exhausted --rate 50/s
  sluicegate dead discard --match \"region = 'test'\" --yes";

const LS_EXAMPLES: &str = "\
Examples:
  sluicegate dead ls                               everything, oldest first
  sluicegate dead ls billing --reason refused --since 1h
  sluicegate dead ls --match \"amount > 100\" -o json
  sluicegate dead ls -o name                       names for show, redrive and discard";

const SHOW_EXAMPLES: &str = "\
Examples:
  sluicegate dead show shop/billing/17
  sluicegate dead show shop/billing/17 -o event | sluicegate send --file -";

const REDRIVE_EXAMPLES: &str = "\
Examples:
  sluicegate dead redrive shop/billing/17
  sluicegate dead redrive --trigger shop/billing --since 1h --dry-run
  sluicegate dead redrive --reason exhausted --match \"region = 'eu'\" --rate 50/s
  sluicegate dead redrive --all --detach";

const DISCARD_EXAMPLES: &str = "\
Examples:
  sluicegate dead discard shop/billing/17
  sluicegate dead discard --trigger shop/billing --reason poison --dry-run
  sluicegate dead discard --trigger shop/billing --reason poison --yes";

/// Arguments of `dead`.
#[derive(Clone, Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct DeadArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: DeadVerb,
}

/// What can be done with dead letters.
#[derive(Clone, Debug, Subcommand)]
pub enum DeadVerb {
    /// List what was given up on; the same as `get deadletters`
    #[command(visible_alias = "list", before_help = LS_EXAMPLES)]
    Ls(DeadLetterArgs),
    /// Show one letter with its whole event
    #[command(before_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
    /// Send letters to their subscribers again, with all attempts anew
    #[command(before_help = REDRIVE_EXAMPLES)]
    Redrive(EndArgs),
    /// End letters; they are gone, and counted as discarded
    #[command(before_help = DISCARD_EXAMPLES)]
    Discard(DiscardArgs),
}

/// Arguments of `dead show`.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// Which, as `dead ls -o name` names it
    #[arg(value_name = "NAMESPACE/TRIGGER/POSITION", value_parser = letter)]
    pub letter: Letter,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: show::Shown,
    /// Which server
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `dead redrive`.
#[derive(Clone, Debug, Args)]
pub struct EndArgs {
    /// Which, as `dead ls -o name` names them; or a filter
    #[arg(value_name = "NAMESPACE/TRIGGER/POSITION", value_parser = letter,
        conflicts_with_all = ["trigger", "broker", "reason", "since", "expression", "all"])]
    pub letters: Vec<Letter>,
    /// Which, by what they are
    #[command(flatten)]
    pub filter: LetterFilterArgs,
    /// Only of triggers in this namespace
    #[arg(short, long, value_name = "NAME", env = "SLUICEGATE_NAMESPACE", value_parser = dns_label)]
    pub namespace: Option<String>,
    /// All letters: of the namespace where one is given, else of the server
    #[arg(long, conflicts_with_all = ["trigger", "broker", "reason", "since", "expression"])]
    pub all: bool,
    /// How to go about it
    #[command(flatten)]
    pub conduct: ConductArgs,
    /// Which server
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `dead discard`.
#[derive(Clone, Debug, Args)]
pub struct DiscardArgs {
    /// Which, and how
    #[command(flatten)]
    pub end: EndArgs,
    /// End all that the filter chooses: there is no way back
    #[arg(long)]
    pub yes: bool,
}

/// A letter by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    trigger: ObjectName,
    position: String,
}

fn letter(text: &str) -> Result<Letter, String> {
    let must = "must be NAMESPACE/TRIGGER/POSITION, as `sluicegate dead ls -o name` lists it";
    let [namespace, name, position] = *text.split('/').collect::<Vec<_>>() else {
        return Err(match given_name(text) {
            Ok(trigger) => format!("{must}; for the letters of a trigger say --trigger {trigger}"),
            Err(_) => must.to_owned(),
        });
    };
    if crate::operations::choice::position(position).is_none() {
        return Err(format!("{must}; {position:?} is no position"));
    }
    Ok(Letter {
        trigger: ObjectName {
            namespace: dns_label(namespace)?,
            name: dns_name(name)?,
        },
        position: position.to_owned(),
    })
}

/// Does what is asked.
///
/// # Errors
///
/// When the server does not answer, has nothing of that name, or could not go on.
pub async fn execute(args: &DeadArgs, console: &mut Console) -> Result<(), Failure> {
    match &args.verb {
        DeadVerb::Ls(args) => list(args, console).await,
        DeadVerb::Show(args) => show::execute(args, console).await,
        DeadVerb::Redrive(args) => redrive(args, console).await,
        DeadVerb::Discard(args) => discard(args, console).await,
    }
}

async fn redrive(args: &EndArgs, console: &mut Console) -> Result<(), Failure> {
    let client = AdminClient::new(&args.server.server)?;
    if !args.letters.is_empty() {
        return each(
            args,
            api::DEAD_LETTERS_REDRIVE,
            "redriven",
            &client,
            console,
        )
        .await;
    }
    let request = OperationRequest::Redrive(request(args)?);
    operation::run(&request, &args.conduct, &client, console).await
}

async fn discard(args: &DiscardArgs, console: &mut Console) -> Result<(), Failure> {
    let DiscardArgs { end: args, yes } = args;
    let client = AdminClient::new(&args.server.server)?;
    if !args.letters.is_empty() {
        return each(
            args,
            api::DEAD_LETTERS_DISCARD,
            "discarded",
            &client,
            console,
        )
        .await;
    }
    let request = OperationRequest::Discard(request(args)?);
    if !*yes && !args.conduct.dry_run {
        return Err(Failure::usage(
            "what a filter chooses is not discarded without --yes: there is no way back",
            "see how much it is with --dry-run, then say --yes",
        ));
    }
    operation::run(&request, &args.conduct, &client, console).await
}

fn request(args: &EndArgs) -> Result<LettersRequest, Failure> {
    let letters = args.filter.filter(args.namespace.as_deref())?;
    // A namespace alone may have been set for a whole installation.
    let is_narrowed = args.filter.filter(None)? != api::LetterFilter::default();
    if !is_narrowed && !args.all {
        return Err(Failure::usage(
            "nothing says which dead letters are meant",
            "name them, narrow them down with --trigger, --broker, --reason, --since or --match, or \
             say --all",
        ));
    }
    Ok(LettersRequest {
        letters,
        conduct: args.conduct.conduct(),
    })
}

/// The flag that says how to go about what a filter chooses, where letters are named instead.
fn of_filters_only(conduct: &ConductArgs) -> Option<&'static str> {
    let flags = [
        ("--dry-run", conduct.dry_run),
        ("--limit", conduct.limit.is_some()),
        ("--rate", conduct.rate.is_some()),
        ("--detach", conduct.detach),
    ];
    let mut given = flags.into_iter().filter(|(_, is_given)| *is_given);
    given.next().map(|(flag, _)| flag)
}

/// One after another; the first that is not there ends it.
async fn each(
    args: &EndArgs,
    path: &str,
    done: &str,
    client: &AdminClient,
    console: &mut Console,
) -> Result<(), Failure> {
    if let Some(flag) = of_filters_only(&args.conduct) {
        return Err(Failure::usage(
            format!("{flag} is for letters that flags choose, and these are named"),
            format!(
                "leave {flag} out, or choose with --trigger, --broker, --reason, --since or --match"
            ),
        ));
    }
    for letter in &args.letters {
        let named = api::DeadLetterRef {
            namespace: letter.trigger.namespace.clone(),
            trigger: letter.trigger.name.clone(),
            position: letter.position.clone(),
        };
        let answer: api::DeadLetterDone = client.post(path, &named).await?;
        match args.conduct.output {
            Told::Text => console.print(format_args!(
                "{done} {}/{}",
                letter.trigger, letter.position
            ))?,
            Told::Json => {
                console.print(serde_json::to_string(&answer).map_err(std::io::Error::from)?)?
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
