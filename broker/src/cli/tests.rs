use clap::error::ErrorKind;

use super::*;

/// What the parser says to `words`.
fn refusal(words: &[&str]) -> clap::Error {
    let words = ["sluicegate"].iter().chain(words);
    command().try_get_matches_from(words).expect_err("refused")
}

#[test]
fn the_parser_is_consistent() {
    command().debug_assert();
}

/// The command and everything below it, with the words that lead there.
fn every_command() -> Vec<(String, clap::Command)> {
    let mut root = command();
    root.build();
    let mut found = vec![("sluicegate".to_owned(), root.clone())];
    let mut waiting = vec![("sluicegate".to_owned(), root)];
    while let Some((path, command)) = waiting.pop() {
        for below in command
            .get_subcommands()
            .filter(|it| it.get_name() != "help")
        {
            let path = format!("{path} {}", below.get_name());
            found.push((path.clone(), below.clone()));
            waiting.push((path, below.clone()));
        }
    }
    found
}

#[test]
fn every_help_shows_examples_before_the_options() {
    for (path, mut command) in every_command() {
        let help = command.render_help().to_string();
        let examples = help
            .find("Examples:")
            .unwrap_or_else(|| panic!("{path}: {help}"));
        let options = help
            .find("Options:")
            .unwrap_or_else(|| panic!("{path}: {help}"));
        assert!(examples < options, "{path}: {help}");
        assert!(help.contains("  sluicegate "), "{path}: {help}");
    }
}

#[test]
fn every_example_is_a_command_line_that_parses() {
    for (path, mut command) in every_command() {
        let help = command.render_help().to_string();
        let examples = help
            .split("Examples:\n")
            .nth(1)
            .and_then(|it| it.split("\n\n").next());
        let lines: Vec<&str> = examples
            .unwrap()
            .split(" \\\n")
            .map(str::trim_start)
            .collect();
        let joined = lines.join(" ");
        for line in joined
            .lines()
            .filter_map(|line| line.trim().strip_prefix("sluicegate "))
        {
            let words = shell_words(line);
            let parsed = super::command().try_get_matches_from(
                std::iter::once("sluicegate".to_owned()).chain(words.iter().cloned()),
            );
            assert!(parsed.is_ok(), "{path}: {words:?}: {}", parsed.unwrap_err());
        }
    }
}

/// Splits an example as a shell would, up to a pipe, a redirection or a remark (which stands after
/// two spaces).
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut spaces = 0;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), it) if it == open => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, ' ') => spaces += 1,
            (_, it) => word.push(it),
        }
        if quote.is_none() && character == ' ' {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            if spaces > 1 {
                break;
            }
        } else {
            spaces = 0;
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    let end = words
        .iter()
        .position(|it| matches!(it.as_str(), "|" | ">" | "<"));
    words.truncate(end.unwrap_or(words.len()));
    words
}

#[test]
fn every_flag_has_its_variable() {
    for (path, command) in every_command() {
        for arg in command.get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            if matches!(long, "help" | "version") {
                continue;
            }
            let variable = arg.get_env().unwrap_or_else(|| panic!("{path} --{long}"));
            assert!(
                variable.to_str().unwrap().starts_with("SLUICEGATE_"),
                "{path} --{long}"
            );
        }
    }
}

#[test]
fn variables_of_one_verb_do_not_bend_another() {
    let find = |path: &str, long: &str| {
        let all = every_command();
        let (_, command) = all.iter().find(|(it, _)| it == path).unwrap().clone();
        let arg = command
            .get_arguments()
            .find(|it| it.get_long() == Some(long))
            .unwrap()
            .clone();
        arg.get_env().unwrap().to_str().unwrap().to_owned()
    };
    for (path, long, variable) in [
        ("sluicegate run", "config", "SLUICEGATE_CONFIG"),
        ("sluicegate run", "admin-listen", "SLUICEGATE_ADMIN_LISTEN"),
        ("sluicegate dev", "log-level", "SLUICEGATE_LOG_LEVEL"),
        ("sluicegate", "color", "SLUICEGATE_COLOR"),
        ("sluicegate get triggers", "server", "SLUICEGATE_SERVER"),
        ("sluicegate get triggers", "output", "SLUICEGATE_GET_OUTPUT"),
        ("sluicegate new trigger", "source", "SLUICEGATE_NEW_SOURCE"),
    ] {
        assert_eq!(find(path, long), variable, "{path} --{long}");
    }
}

#[test]
fn mistyped_verbs_and_flags_are_met_with_a_suggestion() {
    for (words, suggestion) in [
        (&["sned", "demo.hello"][..], "send"),
        (&["get", "trigers"][..], "triggers"),
        (&["run", "--confg", "x"][..], "--config"),
    ] {
        let error = refusal(words);
        assert!(error.to_string().contains(suggestion), "{error}");
        assert!(
            error.to_string().contains("--help"),
            "it ends with a next step: {error}"
        );
    }
}

#[test]
fn without_a_verb_the_help_is_shown_and_that_is_a_usage_error() {
    let error = refusal(&[]);
    assert_eq!(
        error.kind(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    assert!(error.use_stderr());
}
