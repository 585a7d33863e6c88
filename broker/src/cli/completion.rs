//! `completion`: scripts that teach a shell this command line.

use clap::Args;
use clap_complete::Shell;

use super::console::Console;
use super::exit::Failure;

const EXAMPLES: &str = "\
Examples:
  source <(sluicegate completion bash)
  sluicegate completion zsh > \"${fpath[1]}/_sluicegate\"
  sluicegate completion fish > ~/.config/fish/completions/sluicegate.fish";

/// Arguments of `completion`.
#[derive(Clone, Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: ShellName,
}

/// The shells that there is a script for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ShellName {
    /// GNU bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
}

impl From<ShellName> for Shell {
    fn from(name: ShellName) -> Self {
        match name {
            ShellName::Bash => Shell::Bash,
            ShellName::Zsh => Shell::Zsh,
            ShellName::Fish => Shell::Fish,
            ShellName::Powershell => Shell::PowerShell,
        }
    }
}

/// Prints the script.
///
/// # Errors
///
/// When standard output cannot be written.
pub fn execute(args: &CompletionArgs, console: &mut Console) -> Result<(), Failure> {
    let mut script = Vec::new();
    let shell = Shell::from(args.shell);
    clap_complete::generate(shell, &mut super::command(), "sluicegate", &mut script);
    console.print_bytes(&script)
}
