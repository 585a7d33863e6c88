//! Every flag as an environment variable.
//!
//! A flag of the whole program, of `run` or of `dev` is `SLUICEGATE_FLAG`; a flag of another verb is
//! `SLUICEGATE_VERB_FLAG`, so that a variable meant for one verb does not bend another
//! (`--source` of `send` and of `new` are different things). A flag that names its variable itself
//! keeps that. A flag on the command line wins.

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Command};

/// Verbs whose flags need no verb in front: they are set once for a whole installation.
const UNSCOPED: [&str; 2] = ["run", "dev"];

/// Gives each flag its variable.
pub fn mirror(command: Command) -> Command {
    command
        .mut_args(|arg| with_variable(arg, ""))
        .mut_subcommands(|verb| {
            let name = verb.get_name().to_owned();
            let scope = if UNSCOPED.contains(&name.as_str()) {
                String::new()
            } else {
                upper(&name)
            };
            mirror_verb(verb, &scope)
        })
}

/// One verb and what is below it, such as `new trigger`.
fn mirror_verb(verb: Command, scope: &str) -> Command {
    let verb = with_rule(verb, scope);
    verb.mut_args(|arg| with_variable(arg, scope))
        .mut_subcommands(|below| with_rule(below.mut_args(|arg| with_variable(arg, scope)), scope))
}

/// Says the rule once instead of a variable beside each flag of the verb.
fn with_rule(command: Command, scope: &str) -> Command {
    if scope.is_empty() {
        return command;
    }
    command.after_help(format!(
        "Each flag can be set in the environment too: --some-flag as SLUICEGATE_{scope}_SOME_FLAG."
    ))
}

fn with_variable(arg: Arg, scope: &str) -> Arg {
    let Some(long) = arg.get_long().map(upper) else {
        return arg;
    };
    let takes_input = match arg.get_action() {
        ArgAction::Set | ArgAction::Append | ArgAction::SetTrue => true,
        // Help and version answer and end; a variable for them would disable the program.
        _ => false,
    };
    if !takes_input || arg.get_env().is_some() {
        return arg;
    }
    let name = if scope.is_empty() {
        format!("SLUICEGATE_{long}")
    } else {
        format!("SLUICEGATE_{scope}_{long}")
    };
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let arg = arg.env(name).hide_env(!scope.is_empty());
    if is_switch {
        arg.value_parser(BoolishValueParser::new())
    } else {
        arg
    }
}

fn upper(name: &str) -> String {
    name.replace('-', "_").to_ascii_uppercase()
}
