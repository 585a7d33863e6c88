//! Where to send to: a URL as given, or the broker of a server.

use http::Uri;

use super::SendArgs;
use crate::api::{self, Broker, List};
use crate::cli::arguments::DEFAULT_INGRESS;
use crate::cli::called::Called;
use crate::cli::client::AdminClient;
use crate::cli::exit::{Exit, Failure};

/// Where to send to, and whom to ask about it afterwards.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Where requests go.
    pub(super) url: Uri,
    /// What people call it: `namespace/name` of a broker, or the URL.
    pub(super) shown: String,
    /// The server's admin API, where it is a server of ours.
    pub(super) admin: Option<AdminClient>,
}

impl Target {
    /// Finds out. A dry run asks nobody.
    pub(super) async fn find(args: &SendArgs) -> Result<Self, Failure> {
        if let Some(url) = &args.url {
            return Ok(Target {
                url: url.clone(),
                shown: url.to_string(),
                admin: None,
            });
        }
        if args.dry_run {
            let path = args.broker().map(|it| it.to_string()).unwrap_or_default();
            let url = url_of(&format!("{DEFAULT_INGRESS}/{path}"))?;
            return Ok(Target {
                shown: url.to_string(),
                url,
                admin: None,
            });
        }
        let admin = AdminClient::new(&args.server.server)?;
        let brokers: List<Broker> = admin.get(api::BROKERS).await?;
        let broker = choose(&brokers.items, args)?;
        let shown = format!("{}/{}", broker.namespace, broker.name);
        Ok(Target {
            url: url_of(&broker.url)?,
            shown,
            admin: Some(admin),
        })
    }
}

fn url_of(text: &str) -> Result<Uri, Failure> {
    text.parse().map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("{text:?} is no URL to send to: {error}"),
            "give one with --url",
        )
    })
}

/// The broker that was named; else `default/default`, else the only one.
fn choose<'a>(brokers: &'a [Broker], args: &SendArgs) -> Result<&'a Broker, Failure> {
    let wanted = args.broker();
    let (namespace, name) = match &wanted {
        Some(wanted) => (wanted.namespace.as_str(), wanted.name.as_str()),
        None => ("default", "default"),
    };
    let found = brokers
        .iter()
        .find(|it| it.namespace == namespace && it.name == name);
    match (found, &wanted, brokers) {
        (Some(broker), _, _) => Ok(broker),
        (None, None, [only]) => Ok(only),
        (None, _, []) => Err(Failure::new(
            Exit::Failed,
            "the server has no broker to send to",
            format!(
                "write one into its folder of manifests with `{}`",
                Called::now(&args.server.server).alone("new broker NAME")
            ),
        )),
        (None, wanted, _) => {
            let names: Vec<String> = brokers
                .iter()
                .take(8)
                .map(|it| format!("{}/{}", it.namespace, it.name))
                .collect();
            let message = match wanted {
                Some(wanted) => format!("the server has no broker {wanted}"),
                None => format!(
                    "the server has {} brokers, none of them default",
                    brokers.len()
                ),
            };
            Err(Failure::new(
                Exit::Failed,
                message,
                format!("give one of these with --broker: {}", names.join(", ")),
            ))
        }
    }
}
