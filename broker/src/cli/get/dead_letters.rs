//! The columns of a dead letter, and reading them page by page.

use clap::Args;

use super::{Listed, Listing, nothing_named, print};
use crate::api::{self, DeadLetter, List, Trigger};
use crate::cli::arguments::dns_name;
use crate::cli::client::AdminClient;
use crate::cli::console::Console;
use crate::cli::exit::Failure;
use crate::cli::table::count;

/// What one page asks for.
const PAGE_ITEMS: usize = 500;

/// Arguments of `get deadletters`.
#[derive(Clone, Debug, Args)]
pub struct DeadLetterArgs {
    /// Only of this trigger
    #[arg(value_name = "TRIGGER", value_parser = dns_name)]
    pub name: Option<String>,
    /// Only of this trigger
    #[arg(long, value_name = "TRIGGER", value_parser = dns_name, conflicts_with = "name")]
    pub trigger: Option<String>,
    /// At most this many, oldest first
    #[arg(long, value_name = "COUNT", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// How to list, and where from
    #[command(flatten)]
    pub listing: Listing,
}

impl Listed for DeadLetter {
    const PLURAL: &'static str = "deadletters";
    const COLUMNS: &'static [&'static str] = &[
        "NAMESPACE",
        "TRIGGER",
        "EVENT",
        "TYPE",
        "REASON",
        "CODE",
        "SENDS",
        "PARKED",
        "DETAIL",
    ];
    const MORE_COLUMNS: &'static [&'static str] = &[
        "SOURCE",
        "ACCEPTED",
        "NEXT TRY",
        "DATA BYTES",
        "LAST SENT TO",
        "POSITION",
    ];

    fn name(&self) -> (&str, &str) {
        (&self.namespace, &self.trigger)
    }

    fn name_line(&self) -> String {
        let line = format!("{}/{}/{}", self.namespace, self.trigger, self.position);
        crate::logging::visible(&line, 1_024).to_string()
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.namespace.clone(),
            self.trigger.clone(),
            self.event.id.clone(),
            self.event.ty.clone(),
            self.reason.kind.clone(),
            self.reason
                .code
                .map_or_else(|| "-".to_owned(), |code| code.to_string()),
            count(self.sends.into()),
            self.parked_at.to_string(),
            self.reason.detail.clone(),
        ]
    }

    fn more_cells(&self) -> Vec<String> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            self.event.source.clone(),
            self.accepted_at.to_string(),
            or_dash(self.retry_at.map(|time| time.to_string())),
            count(self.event.data_size_bytes),
            or_dash(self.reason.dest.clone()),
            self.position.clone(),
        ]
    }

    fn when_none() -> &'static str {
        "Nothing was given up on and kept here"
    }
}

/// Lists dead letters, page by page up to the limit.
pub(super) async fn list(args: &DeadLetterArgs, console: &mut Console) -> Result<(), Failure> {
    let client = AdminClient::new(&args.listing.server.server)?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut all = List {
        items: Vec::new(),
        next: None,
    };
    loop {
        let wanted = (limit - all.items.len()).min(PAGE_ITEMS);
        let page: List<DeadLetter> = client
            .get(&path_of(args, wanted, all.next.as_deref()))
            .await?;
        // A page that is empty or stands still would be asked for again for ever.
        let moves_on = !page.items.is_empty() && page.next != all.next;
        all.items.extend(page.items.into_iter().take(wanted));
        all.next = page.next;
        if all.next.is_none() || !moves_on || all.items.len() >= limit {
            break;
        }
    }
    if all.items.is_empty() {
        refuse_unknown_trigger(args, &client).await?;
    }
    print(&all, args.listing.output, console)?;
    if all.next.is_some() {
        console.say(format_args!(
            "there are more; raise --limit above {limit} to see them"
        ));
    }
    Ok(())
}

/// A trigger that is not there has no dead letters, and is most likely a slip of the pen.
async fn refuse_unknown_trigger(
    args: &DeadLetterArgs,
    client: &AdminClient,
) -> Result<(), Failure> {
    let Some(wanted) = args.trigger.as_ref().or(args.name.as_ref()) else {
        return Ok(());
    };
    let namespace = args.listing.namespace.as_deref();
    let triggers: List<Trigger> = client.get(api::TRIGGERS).await?;
    let is_wanted = |it: &Trigger| {
        it.name == *wanted && namespace.is_none_or(|namespace| namespace == it.namespace)
    };
    if triggers.items.iter().any(is_wanted) {
        return Ok(());
    }
    Err(nothing_named(wanted, Trigger::PLURAL, namespace))
}

/// The path of one page. Names are DNS names and need no escaping; a place may hold anything.
fn path_of(args: &DeadLetterArgs, limit: usize, after: Option<&str>) -> String {
    let mut path = format!("{}?limit={limit}", api::DEAD_LETTERS);
    let trigger = args.trigger.as_ref().or(args.name.as_ref());
    for (key, value) in [
        ("namespace", args.listing.namespace.as_ref()),
        ("trigger", trigger),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{key}={value}"));
        }
    }
    if let Some(after) = after {
        path.push_str("&after=");
        after.bytes().for_each(|byte| push_escaped(byte, &mut path));
    }
    path
}

fn push_escaped(byte: u8, path: &mut String) {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            path.push(char::from(byte));
        }
        _ => path.push_str(&format!("%{byte:02X}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::get::Noun;
    use crate::cli::{Cli, Verb};

    #[test]
    fn a_page_is_asked_for_with_what_narrows_it() {
        for (words, after, path) in [
            (&[][..], None, "/api/v1/dead-letters?limit=5"),
            (
                &["-n", "shop", "--trigger", "billing"][..],
                None,
                "/api/v1/dead-letters?limit=5&namespace=shop&trigger=billing",
            ),
            (
                &["billing"][..],
                Some("0:1/ü"),
                "/api/v1/dead-letters?limit=5&trigger=billing&after=0%3A1%2F%C3%BC",
            ),
        ] {
            let all = ["sluicegate", "get", "deadletters"].iter().chain(words);
            let Verb::Get(args) = Cli::try_parse_from(all).unwrap().verb else {
                panic!()
            };
            let Noun::Deadletters(args) = args.noun else {
                panic!()
            };
            assert_eq!(path_of(&args, 5, after), path);
        }
    }
}
