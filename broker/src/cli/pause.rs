//! `pause` and `resume`: stop delivering to a subscriber, and go on.
//!
//! What it promises: nothing is lost or settled by either. What it leaves out: the annotation of a
//! manifest that does the same, which is edited in its file.

use clap::{Args, Subcommand};

use super::arguments::{ServerArgs, dns_label};
use super::client::AdminClient;
use super::console::Console;
use super::exit::Failure;
use super::table::count;
use super::triggers::{self, GivenName, given_name};
use crate::api;

const PAUSE_EXAMPLES: &str = "\
Examples:
  sluicegate pause trigger billing             events wait until it is resumed
  sluicegate pause trigger shop/billing
  sluicegate get triggers                      shows which are paused, and by whom";

const RESUME_EXAMPLES: &str = "\
Examples:
  sluicegate resume trigger billing
  sluicegate resume trigger shop/billing";

/// Arguments of `pause`.
#[derive(Clone, Debug, Args)]
#[command(before_help = PAUSE_EXAMPLES)]
pub struct PauseArgs {
    /// What
    #[command(subcommand)]
    pub noun: PauseNoun,
}

/// Arguments of `resume`.
#[derive(Clone, Debug, Args)]
#[command(before_help = RESUME_EXAMPLES)]
pub struct ResumeArgs {
    /// What
    #[command(subcommand)]
    pub noun: ResumeNoun,
}

/// What can be paused.
#[derive(Clone, Debug, Subcommand)]
pub enum PauseNoun {
    /// A trigger: nothing more is sent to its subscriber, and events wait
    #[command(before_help = PAUSE_EXAMPLES)]
    Trigger(NameArgs),
    /// Anything else, most likely the name alone
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// What can be resumed.
#[derive(Clone, Debug, Subcommand)]
pub enum ResumeNoun {
    /// A trigger that was paused by command
    #[command(before_help = RESUME_EXAMPLES)]
    Trigger(NameArgs),
    /// Anything else, most likely the name alone
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Which trigger.
#[derive(Clone, Debug, Args)]
pub struct NameArgs {
    /// Its name, with its namespace where several have it
    #[arg(value_name = "[NAMESPACE/]NAME", value_parser = given_name)]
    pub name: GivenName,
    /// Its namespace, where the name says none
    #[arg(short, long, value_name = "NAME", env = "SLUICEGATE_NAMESPACE", value_parser = dns_label)]
    pub namespace: Option<String>,
    /// Which server
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Pauses.
///
/// # Errors
///
/// When the server does not answer, or has no such trigger.
pub async fn pause(args: &PauseArgs, console: &mut Console) -> Result<(), Failure> {
    let args = match &args.noun {
        PauseNoun::Trigger(args) => args,
        PauseNoun::Other(words) => return Err(no_noun("pause", words)),
    };
    let (name, pausing) = set(args, api::TRIGGERS_PAUSE).await?;
    let waiting = count(pausing.lag);
    console.print(format_args!(
        "{name} is paused   {waiting} not ended   {}",
        by(&pausing)
    ))?;
    console.say(format_args!("go on with: sluicegate resume trigger {name}"));
    Ok(())
}

/// Resumes.
///
/// # Errors
///
/// As [`pause`]; and when the trigger's manifest pauses it.
pub async fn resume(args: &ResumeArgs, console: &mut Console) -> Result<(), Failure> {
    let args = match &args.noun {
        ResumeNoun::Trigger(args) => args,
        ResumeNoun::Other(words) => return Err(no_noun("resume", words)),
    };
    let (name, pausing) = set(args, api::TRIGGERS_RESUME).await?;
    let waiting = count(pausing.lag);
    console.print(format_args!("{name} delivers again   {waiting} not ended"))
}

/// A name is most likely that of a trigger.
fn no_noun(verb: &str, words: &[String]) -> Failure {
    let word = words.first().map_or("", String::as_str);
    let name = given_name(word).map_or("NAME", |_| word);
    Failure::usage(
        format!("{verb} what? {word:?} is no kind of object, and only triggers can be {verb}d"),
        format!("sluicegate {verb} trigger {name}"),
    )
}

async fn set(args: &NameArgs, path: &str) -> Result<(String, api::Pausing), Failure> {
    let wanted = args.name.within(args.namespace.as_deref());
    let client = AdminClient::new(&args.server.server)?;
    let found = triggers::find(&wanted, &client).await?;
    let name = format!("{}/{}", found.namespace, found.name);
    let named = api::TriggerRef {
        namespace: found.namespace,
        trigger: found.name,
    };
    Ok((name, client.post(path, &named).await?))
}

fn by(pausing: &api::Pausing) -> String {
    let by: Vec<String> = pausing.paused_by.iter().map(ToString::to_string).collect();
    by.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_its_kind_is_told_the_whole_command() {
        for (verb, words, next) in [
            (
                "pause",
                &["billing"][..],
                "sluicegate pause trigger billing",
            ),
            (
                "resume",
                &["shop/billing", "-v"],
                "sluicegate resume trigger shop/billing",
            ),
            ("pause", &["no name"], "sluicegate pause trigger NAME"),
        ] {
            let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
            let failure = no_noun(verb, &words);
            assert_eq!(failure.next(), Some(next), "{failure}");
            assert!(failure.to_string().contains(&words[0]), "{failure}");
        }
    }
}
