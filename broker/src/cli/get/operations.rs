//! The columns of an operation.

use clap::Args;

use super::{Listed, Output, nothing_named, print};
use crate::api::{self, List, Operation};
use crate::cli::arguments::ServerArgs;
use crate::cli::client::AdminClient;
use crate::cli::console::Console;
use crate::cli::exit::Failure;
use crate::cli::operation::id;
use crate::cli::table::count;

/// Arguments of `get operations`.
#[derive(Clone, Debug, Args)]
pub struct OperationArgs {
    /// Only the one of this id
    #[arg(value_name = "ID", value_parser = id)]
    pub id: Option<String>,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: Output,
    /// Which server
    #[command(flatten)]
    pub server: ServerArgs,
}

impl Listed for Operation {
    const PLURAL: &'static str = "operations";
    const COLUMNS: &'static [&'static str] = &[
        "ID", "KIND", "STATE", "DONE", "SKIPPED", "GONE", "LEFT", "STARTED", "WHAT",
    ];
    const MORE_COLUMNS: &'static [&'static str] = &[
        "LOOKED AT",
        "UNDECIDED",
        "NOT FINISHED",
        "RATE",
        "REACHED",
        "ENDED",
        "WAITS FOR",
        "FAILURE",
    ];

    fn name(&self) -> (&str, &str) {
        ("", &self.id)
    }

    fn name_line(&self) -> String {
        crate::logging::visible(&self.id, 64).to_string()
    }

    fn cells(&self) -> Vec<String> {
        let progress = &self.progress;
        let left = progress.left.filter(|_| !self.state.is_final());
        vec![
            self.id.clone(),
            kind(self).to_owned(),
            self.state.as_str().to_owned(),
            count(progress.done),
            count(progress.skipped),
            count(progress.gone),
            left.map_or_else(|| "-".to_owned(), count),
            self.started_at.to_string(),
            self.what.clone(),
        ]
    }

    fn more_cells(&self) -> Vec<String> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let progress = &self.progress;
        let held_up_by = progress.held_up_by.join(", ");
        vec![
            count(progress.looked_at),
            count(progress.undecided),
            count(progress.unfinished),
            or_dash(self.conduct.per_second.map(|rate| format!("{rate}/s"))),
            or_dash(progress.reached.clone()),
            or_dash(self.ended_at.map(|at| at.to_string())),
            or_dash(Some(held_up_by).filter(|it| !it.is_empty())),
            or_dash(self.failure.clone()),
        ]
    }

    fn when_none() -> &'static str {
        "`sluicegate dead redrive`, `sluicegate dead discard` and `sluicegate replay` begin them"
    }
}

fn kind(operation: &Operation) -> String {
    let dry_run = if operation.conduct.dry_run {
        " (dry run)"
    } else {
        ""
    };
    format!("{}{dry_run}", operation.kind.as_str())
}

/// Lists operations.
pub(super) async fn list(args: &OperationArgs, console: &mut Console) -> Result<(), Failure> {
    let client = AdminClient::new(&args.server.server)?;
    let mut list: List<Operation> = client.get(api::OPERATIONS).await?;
    if let Some(id) = &args.id {
        list.items.retain(|it| it.id == *id);
        if list.items.is_empty() {
            return Err(nothing_named(id, None, Operation::PLURAL));
        }
    }
    print(&list, args.output, console)
}
