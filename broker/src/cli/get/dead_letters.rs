//! The columns of a dead letter, and reading them page by page.

use clap::Args;
use sluicegate_channels::KINDS;
use sluicegate_resources::ObjectName;

use super::{Listed, Listing, Output, print};
use crate::api::{self, Broker, DeadLetter, LetterFilter, List, Trigger, When};
use crate::cli::arguments::{condition, push_query_value};
use crate::cli::client::AdminClient;
use crate::cli::console::Console;
use crate::cli::exit::Failure;
use crate::cli::table::count;
use crate::cli::triggers::{self, GivenName, given_name};

/// What one page asks for.
const PAGE_ITEMS: usize = 500;

/// Which dead letters.
#[derive(Clone, Debug, Default, Args)]
pub struct LetterFilterArgs {
    /// Only of this trigger
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = given_name)]
    pub trigger: Option<GivenName>,
    /// Only of triggers of this broker
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = given_name)]
    pub broker: Option<GivenName>,
    /// Only those given up on for this reason; repeatable
    #[arg(long, value_name = "REASON", value_parser = clap::builder::PossibleValuesParser::new(KINDS))]
    pub reason: Vec<String>,
    /// Only those parked then or later: a time, or how long ago, such as 1h or 7d
    #[arg(long, value_name = "TIME|AGO")]
    pub since: Option<When>,
    /// Only of events for which this CESQL expression is true
    #[arg(long = "match", value_name = "CESQL", value_parser = condition)]
    pub expression: Option<String>,
}

impl LetterFilterArgs {
    /// The filter that this and a namespace come to.
    ///
    /// # Errors
    ///
    /// When trigger and broker are in two namespaces.
    pub fn filter(&self, namespace: Option<&str>) -> Result<LetterFilter, Failure> {
        let own = |name: &Option<GivenName>| name.as_ref().and_then(|it| it.namespace.clone());
        let (trigger, broker) = (own(&self.trigger), own(&self.broker));
        if let (Some(trigger), Some(broker)) = (&trigger, &broker)
            && trigger != broker
        {
            return Err(Failure::usage(
                format!("--trigger is in the namespace {trigger}, and --broker in {broker}"),
                "a trigger and its broker are in the same namespace; name one of the two",
            ));
        }
        let broker = self.broker.as_ref();
        let broker = broker.map(|it| it.of_broker(trigger.as_deref(), namespace));
        let within = broker.as_ref().map(|it| it.namespace.clone());
        Ok(LetterFilter {
            namespace: trigger.or(within).or(namespace.map(str::to_owned)),
            trigger: self.trigger.as_ref().map(|it| it.name.clone()),
            broker: broker.map(|it| it.name),
            reasons: self.reason.clone(),
            since: self.since,
            expression: self.expression.clone(),
        })
    }
}

/// Arguments of `get deadletters` and `dead ls`.
#[derive(Clone, Debug, Args)]
pub struct DeadLetterArgs {
    /// Only of this trigger
    #[arg(value_name = "TRIGGER", value_parser = given_name, conflicts_with = "trigger")]
    pub name: Option<GivenName>,
    /// Which
    #[command(flatten)]
    pub filter: LetterFilterArgs,
    /// At most this many, oldest first
    #[arg(long, value_name = "COUNT", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// How to list, and where from
    #[command(flatten)]
    pub listing: Listing,
}

impl DeadLetterArgs {
    fn filter(&self) -> Result<LetterFilter, Failure> {
        let mut filter = self.filter.clone();
        filter.trigger = filter.trigger.or_else(|| self.name.clone());
        filter.filter(self.listing.namespace.as_deref())
    }
}

impl DeadLetter {
    fn next_try(&self) -> String {
        match (&self.sink_waits_for, self.retry_at) {
            (Some(reason), _) => format!("waits ({reason})"),
            (None, Some(_)) if self.due => "now".to_owned(),
            (None, Some(at)) => at.to_string(),
            (None, None) => "-".to_owned(),
        }
    }
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
            self.next_try(),
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
pub(in super::super) async fn list(
    args: &DeadLetterArgs,
    console: &mut Console,
) -> Result<(), Failure> {
    let client = AdminClient::new(&args.listing.server.server)?;
    let filter = args.filter()?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut all: List<DeadLetter> = List::whole(Vec::new());
    loop {
        let wanted = (limit - all.items.len()).min(PAGE_ITEMS);
        let path = path_of(&filter, wanted, all.next.as_deref());
        let page: List<DeadLetter> = client.get(&path).await?;
        // A page may be empty where few of many are meant; one that stands still would be asked for
        // again for ever.
        let moves_on = page.next != all.next;
        all.items.extend(page.items.into_iter().take(wanted));
        all.next = page.next;
        all.undecided += page.undecided;
        if all.next.is_none() || !moves_on || all.items.len() >= limit {
            break;
        }
    }
    if all.items.is_empty() {
        refuse_unknown_broker(&filter, &client).await?;
        refuse_unknown_trigger(&filter, &client).await?;
    }
    match args.listing.output {
        Output::Table | Output::Wide
            if all.items.is_empty() && filter != LetterFilter::default() =>
        {
            console.say(format_args!(
                "none of the dead letters is one that was asked for; `sluicegate dead ls` lists them all"
            ));
        }
        output => print(&all, output, console)?,
    }
    if all.next.is_some() {
        console.say(format_args!(
            "there are more; raise --limit above {limit} to see them"
        ));
    }
    if all.undecided > 0 {
        console.say(format_args!(
            "the expression of --match failed on {} others",
            count(all.undecided)
        ));
    }
    Ok(())
}

/// Nor has one that is no broker's.
async fn refuse_unknown_broker(filter: &LetterFilter, client: &AdminClient) -> Result<(), Failure> {
    let (Some(namespace), Some(name)) = (filter.namespace.clone(), filter.broker.clone()) else {
        return Ok(());
    };
    let brokers: List<Broker> = client.get(api::BROKERS).await?;
    let wanted = ObjectName { namespace, name };
    let is_wanted = |it: &Broker| it.namespace == wanted.namespace && it.name == wanted.name;
    match brokers.items.iter().any(is_wanted) {
        true => Ok(()),
        false => Err(triggers::unknown_broker(&wanted, &brokers.items)),
    }
}

/// A trigger that is not there has no dead letters, and is most likely a slip of the pen.
async fn refuse_unknown_trigger(
    filter: &LetterFilter,
    client: &AdminClient,
) -> Result<(), Failure> {
    let Some(name) = filter.trigger.clone() else {
        return Ok(());
    };
    let wanted = GivenName {
        namespace: filter.namespace.clone(),
        name,
    };
    let triggers: List<Trigger> = client.get(api::TRIGGERS).await?;
    match triggers.items.iter().any(|it| wanted.means(it)) {
        true => Ok(()),
        false => Err(triggers::unknown(&wanted, &triggers.items)),
    }
}

/// The path of one page.
fn path_of(filter: &LetterFilter, limit: usize, after: Option<&str>) -> String {
    let mut path = format!("{}?limit={limit}", api::DEAD_LETTERS);
    let reasons = filter.reasons.join(",");
    let since = filter.since.map(|it| it.to_string());
    for (key, value) in [
        ("namespace", filter.namespace.as_deref()),
        ("trigger", filter.trigger.as_deref()),
        ("broker", filter.broker.as_deref()),
        ("reason", Some(&*reasons).filter(|it| !it.is_empty())),
        ("since", since.as_deref()),
        ("match", filter.expression.as_deref()),
        ("after", after),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{key}="));
            push_query_value(value, &mut path);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::exit::Exit;
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
            (
                &[
                    "shop/billing",
                    "--reason",
                    "loop",
                    "--reason",
                    "poison",
                    "--since",
                    "1h",
                ][..],
                None,
                "/api/v1/dead-letters?limit=5&namespace=shop&trigger=billing&reason=loop%2Cpoison\
                 &since=PT1H",
            ),
            (
                &["--broker", "orders", "--match", "a > 1 AND type = 'ü'"][..],
                None,
                "/api/v1/dead-letters?limit=5&namespace=default&broker=orders\
                 &match=a%20%3E%201%20AND%20type%20%3D%20%27%C3%BC%27",
            ),
        ] {
            let all = ["sluicegate", "get", "deadletters"].iter().chain(words);
            let Verb::Get(args) = Cli::try_parse_from(all).unwrap().verb else {
                panic!()
            };
            let Noun::Deadletters(args) = args.noun else {
                panic!()
            };
            assert_eq!(path_of(&args.filter().unwrap(), 5, after), path);
        }
    }

    #[test]
    fn a_trigger_and_a_broker_of_two_namespaces_make_no_sense() {
        let named = |text| Some(given_name(text).unwrap());
        let mut args = LetterFilterArgs {
            trigger: named("shop/billing"),
            broker: named("other/orders"),
            ..LetterFilterArgs::default()
        };
        assert_eq!(args.filter(None).unwrap_err().exit(), Exit::Usage);
        args.broker = named("orders");
        let filter = args.filter(Some("elsewhere")).unwrap();
        assert_eq!(filter.namespace.as_deref(), Some("shop"));
    }
}
