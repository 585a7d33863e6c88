//! `version`: what this build is.

use clap::Args;

use super::console::Console;
use super::exit::Failure;
use crate::api::Version;

const EXAMPLES: &str = "\
Examples:
  sluicegate version
  sluicegate version -o json";

/// Arguments of `version`.
#[derive(Clone, Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct VersionArgs {
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "human")]
    pub output: Format,
}

/// How to print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Lines for people
    Human,
    /// One JSON object, as the admin API's /version gives it
    Json,
}

/// Prints it.
///
/// # Errors
///
/// When standard output cannot be written.
pub fn execute(args: &VersionArgs, console: &mut Console) -> Result<(), Failure> {
    let version = Version::of_this_build();
    match args.output {
        Format::Json => {
            console.print(serde_json::to_string(&version).map_err(std::io::Error::from)?)
        }
        Format::Human => {
            console.print(format_args!("sluicegate {}", version.version))?;
            if let Some(revision) = &version.revision {
                console.print(format_args!("revision   {revision}"))?;
            }
            if let Some(rustc) = &version.rustc {
                console.print(format_args!("rustc      {rustc}"))?;
            }
            Ok(())
        }
    }
}
