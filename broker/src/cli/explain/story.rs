//! `explain EVENT-ID`: what became of accepted events, as a server tells it.

use super::ExplainArgs;
use crate::api::{self, Stories};
use crate::cli::arguments::push_query_value;
use crate::cli::client::AdminClient;
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::cli::validate::Output;

mod attempts;
mod interference;
mod missing;
mod words;

/// Asks the server for the events with this id, and prints what became of each.
///
/// # Errors
///
/// With exit code 1 when no history knows of one, 5 when the server does not answer.
pub(super) async fn execute(
    id: &str,
    args: &ExplainArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let client = AdminClient::new(&args.server.server)?;
    let stories: Stories = client.get(&path_of(id, args)).await?;
    match args.output {
        Output::Human => words::show(id, &stories, console)?,
        Output::Json => {
            let json = serde_json::to_string(&stories).map_err(std::io::Error::from)?;
            console.print(json)?;
        }
    }
    if stories.events.is_empty() {
        let trigger = args.trigger().map(|it| it.to_string());
        let asked = words::Asked {
            id,
            source: args.source.as_deref(),
            trigger: trigger.as_deref(),
        };
        let (message, next) = words::nothing(&asked, &stories);
        return Err(Failure::new(Exit::Failed, message, next));
    }
    Ok(())
}

fn path_of(id: &str, args: &ExplainArgs) -> String {
    let mut path = format!("{}/", api::EVENTS);
    push_query_value(id, &mut path);
    let mut separator = '?';
    let broker = args.broker().map(|it| it.to_string());
    let trigger = args.trigger().map(|it| it.to_string());
    for (key, value) in [
        ("source", args.source.as_ref()),
        ("broker", broker.as_ref()),
        ("trigger", trigger.as_ref()),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("{separator}{key}="));
            push_query_value(value, &mut path);
            separator = '&';
        }
    }
    path
}

#[cfg(test)]
mod tests;
