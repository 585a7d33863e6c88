//! `validate`: checks manifests, and settings, without a server.
//!
//! Every rule that a server applies is applied here by the same code: each document by itself, then
//! all of them together (what is there twice, brokers and configs that are named and missing), and
//! with `--config` whether each reference has a URL. Without settings that last question is left
//! out, because in a cluster the answer is the cluster's.
//!
//! A check that found nothing to check fails: it was pointed at the wrong place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use sluicegate_resources::{Diagnostic, Severity};

use super::console::{Console, Tone};
use super::exit::{Exit, Failure};
use super::serve::not_a_file;
use crate::api;
use crate::config::{Config, ConfigError};
use crate::manifests::folder::{Contents, Folder, dangling_link, read_file};

pub(super) mod examine;

use examine::{Finding, Report, Source};

const EXAMPLES: &str = "\
Examples:
  sluicegate validate                                  everything in ./sluicegate
  sluicegate validate sluicegate/orders.yaml other/    files and folders
  sluicegate validate --config sluicegate.yaml         settings, their manifests, and references
  sluicegate validate --deny-warnings -o json          for continuous integration";

/// Where manifests are, unless something else is said.
pub(super) const DEFAULT_PATH: &str = "sluicegate";

/// Arguments of `validate`.
#[derive(Clone, Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct ValidateArgs {
    /// Files and folders; ./sluicegate, or the folder that --config names, when not given
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Check these settings too, and references by their `resolve`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Fail on warnings too
    #[arg(long)]
    pub deny_warnings: bool,
    /// How to print what is found
    #[arg(short, long, value_name = "FORMAT", default_value = "human")]
    pub output: Output,
}

/// How to print what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// With lines and carets, for people
    Human,
    /// One JSON object
    Json,
}

/// Checks everything and prints what is found.
///
/// # Errors
///
/// With exit code 3 when anything is invalid, or a warning is not accepted; 2 when there is nothing
/// to check at a path.
pub fn execute(args: &ValidateArgs, console: &mut Console) -> Result<(), Failure> {
    let (config, faults) = match &args.config {
        Some(path) => settings(path)?,
        None => (None, Vec::new()),
    };
    let paths = match (args.paths.as_slice(), &config) {
        ([], Some(config)) => vec![config.manifests.clone()],
        ([], None) => vec![PathBuf::from(DEFAULT_PATH)],
        (given, _) => given.to_vec(),
    };
    // Where the settings are not valid nobody knows their folder; they are what is to be mended.
    let is_guess = args.paths.is_empty() && config.is_none() && args.config.is_some();
    // A server that starts with these settings waits for the folder: the settings are fine.
    let is_to_come = args.paths.is_empty()
        && config
            .as_ref()
            .is_some_and(|config| std::fs::symlink_metadata(&config.manifests).is_err());
    if let (true, Some(config)) = (is_to_come, &config) {
        console.say(format_args!(
            "warning: the manifests folder {} is not there yet",
            config.manifests.display()
        ));
    }
    if let (true, Some(config)) = (args.paths.is_empty(), &config) {
        not_a_file(&config.manifests, Exit::BadConfiguration)?;
    }
    let Gathered { sources, dangling } = if is_guess || is_to_come {
        Gathered::default()
    } else {
        gather(&paths)?
    };
    let mut report = examine::examine(&sources, config.as_ref());
    report.findings.splice(0..0, faults);
    let links = dangling.iter().map(|link| link.display().to_string());
    let links = links.map(|link| Finding::new(&link, "", dangling_link()));
    report.findings.extend(links);
    match args.output {
        Output::Human => print_human(&report, console)?,
        Output::Json => print_json(&report, console)?,
    }
    let invalid = report.count(Severity::Error) > 0;
    let denied = args.deny_warnings && report.count(Severity::Warning) > 0;
    if invalid || denied {
        return Err(Failure::already_told(Exit::InvalidManifests));
    }
    Ok(())
}

/// The settings, or what is wrong with them.
fn settings(path: &Path) -> Result<(Option<Config>, Vec<Finding>), Failure> {
    match Config::load(path) {
        Ok(config) => Ok((Some(config), Vec::new())),
        Err(error @ ConfigError::Unreadable { .. }) => Err(Failure::usage(
            error.to_string(),
            "give --config the path of a settings file, or leave it out",
        )),
        Err(ConfigError::Invalid { diagnostics, .. }) => {
            let file = path.display().to_string();
            let text = match read_file(path) {
                Contents::Text(text) => text,
                Contents::Unreadable(_) => Arc::from(""),
            };
            let finding = |diagnostic: Diagnostic| Finding::new(&file, &text, diagnostic);
            Ok((None, diagnostics.into_iter().map(finding).collect()))
        }
    }
}

/// What there is to check.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) sources: Vec<Source>,
    /// Links in folders that lead to nothing.
    pub(super) dangling: Vec<PathBuf>,
}

/// Every manifest file at the paths. A file that was named is taken whatever it is called.
pub(super) fn gather(paths: &[PathBuf]) -> Result<Gathered, Failure> {
    let Gathered {
        mut sources,
        mut dangling,
    } = Gathered::default();
    for path in paths {
        let before = (sources.len(), dangling.len());
        if path.is_dir() {
            let folder = Folder::read(path);
            if let Some(fault) = folder.fault {
                return Err(Failure::usage(fault, "give a folder that you may read"));
            }
            sources.extend(folder.files.into_iter().map(Source::of));
            dangling.extend(folder.dangling);
        } else if path.exists() {
            sources.push(Source::of((path.clone(), read_file(path))));
        }
        if (sources.len(), dangling.len()) == before {
            return Err(nothing_at(path));
        }
    }
    Ok(Gathered { sources, dangling })
}

fn nothing_at(path: &Path) -> Failure {
    let shown = path.display();
    let message = if path.is_symlink() && !path.exists() {
        format!("{shown} is a link to something that is not there")
    } else if path.exists() {
        format!("there is no .yaml or .yml file in {shown}")
    } else {
        format!("there is no file or folder {shown}")
    };
    Failure::usage(
        message,
        "give the path of your manifests, or begin with `sluicegate new trigger --help`",
    )
}

fn print_human(report: &Report, console: &mut Console) -> Result<(), Failure> {
    let errors = report.count(Severity::Error);
    let warnings = report.count(Severity::Warning);
    let mark = if errors == 0 {
        (Tone::Good, "✓")
    } else {
        (Tone::Bad, "✗")
    };
    let mut summary = vec![
        counted(report.files, "file"),
        counted(report.brokers, "broker"),
        counted(report.triggers, "trigger"),
    ];
    if report.broker_configs > 0 {
        summary.push(counted(report.broker_configs, "broker config"));
    }
    console.print(format_args!(
        "{} {}",
        console.paint(mark.0, mark.1),
        summary.join(", ")
    ))?;
    for finding in &report.findings {
        console.print(finding.rendered.trim_end())?;
    }
    if report.of_dev_broker > 0 {
        console.say(format_args!(
            "{} of the broker default/default, which `sluicegate dev` has by itself; for \
             `sluicegate run`, write one:  sluicegate new broker default",
            counted(report.of_dev_broker, "trigger")
        ));
    }
    if errors + warnings > 0 {
        let sum = format!(
            "{}, {}",
            counted(warnings, "warning"),
            counted(errors, "error")
        );
        console.print(sum)?;
    }
    Ok(())
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// The object of `-o json`. Members are API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonReport {
    files: usize,
    brokers: usize,
    triggers: usize,
    broker_configs: usize,
    errors: usize,
    warnings: usize,
    findings: Vec<api::Finding>,
}

fn print_json(report: &Report, console: &mut Console) -> Result<(), Failure> {
    let json = JsonReport {
        files: report.files,
        brokers: report.brokers,
        triggers: report.triggers,
        broker_configs: report.broker_configs,
        errors: report.count(Severity::Error),
        warnings: report.count(Severity::Warning),
        findings: report.findings.iter().map(json_finding).collect(),
    };
    console.print(serde_json::to_string_pretty(&json).map_err(std::io::Error::from)?)
}

fn json_finding(finding: &Finding) -> api::Finding {
    api::Finding {
        object: finding.object.clone(),
        ..api::Finding::new(&finding.file, &finding.diagnostic, &finding.rendered)
    }
}

#[cfg(test)]
mod tests;
