//! A trigger, or a broker, as it is named on the command line, and the one of the server that is
//! meant.
//!
//! `NAMESPACE/NAME` names one. A trigger is also named without its namespace, where no other has one of
//! that name. A broker without one is in that of `-n`, or of the trigger that is named beside it, or in
//! `default`; every command that has `--broker` asks [`GivenName::of_broker`].

use sluicegate_resources::{ObjectName, nearest};

use super::arguments::{dns_label, dns_name};
use super::client::AdminClient;
use super::exit::{Exit, Failure};
use crate::api::{self, List, Trigger};

/// A name, perhaps with its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenName {
    /// Its namespace; any when not given.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for GivenName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Reads `name` or `namespace/name`; refuses what is no name.
pub(super) fn given_name(text: &str) -> Result<GivenName, String> {
    let (namespace, name) = match text.split_once('/') {
        Some((namespace, name)) => (Some(dns_label(namespace)?), name),
        None => (None, text),
    };
    Ok(GivenName {
        namespace,
        name: dns_name(name)?,
    })
}

impl GivenName {
    /// The same, in this namespace where it has none.
    pub(super) fn within(&self, namespace: Option<&str>) -> GivenName {
        GivenName {
            namespace: self.namespace.as_deref().or(namespace).map(str::to_owned),
            name: self.name.clone(),
        }
    }

    pub(super) fn means(&self, trigger: &Trigger) -> bool {
        self.is_of(&trigger.namespace, &trigger.name)
    }

    /// Whether it may stand for what is called so.
    pub(super) fn is_of(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace.as_deref().is_none_or(|it| it == namespace)
    }

    /// The broker that is meant. `beside` is the namespace of a trigger that is named with it, which can
    /// only be the broker's; `namespace` what `-n` says.
    pub(super) fn of_broker(&self, beside: Option<&str>, namespace: Option<&str>) -> ObjectName {
        let own = self.namespace.as_deref();
        ObjectName {
            namespace: own.or(beside).or(namespace).unwrap_or("default").to_owned(),
            name: self.name.clone(),
        }
    }
}

/// The one trigger of the server that is meant; a failure when there is none, or more than one.
pub(super) async fn find(wanted: &GivenName, client: &AdminClient) -> Result<Trigger, Failure> {
    let triggers: List<Trigger> = client.get(api::TRIGGERS).await?;
    let meant: Vec<&Trigger> = triggers
        .items
        .iter()
        .filter(|it| wanted.means(it))
        .collect();
    match *meant {
        [] => Err(unknown(wanted, &triggers.items)),
        [only] => Ok(only.clone()),
        [first, second, ..] => Err(Failure::usage(
            format!("there is more than one trigger {wanted}"),
            format!(
                "say which, such as {}/{wanted} or {}/{wanted}",
                first.namespace, second.namespace
            ),
        )),
    }
}

/// That there is no such trigger, and which may be meant.
pub(super) fn unknown(wanted: &GivenName, triggers: &[Trigger]) -> Failure {
    let same = triggers.iter().find(|it| it.name == wanted.name);
    let namespace = wanted.namespace.as_ref();
    let beside = triggers
        .iter()
        .filter(|it| namespace.is_none_or(|namespace| *namespace == it.namespace));
    let near = || {
        let name = nearest(&wanted.name, beside.clone().map(|it| it.name.as_str()))?;
        beside.clone().find(|it| it.name == name)
    };
    let see = "list them all with `sluicegate get triggers`";
    let next = match same.or_else(near) {
        Some(meant) => format!("did you mean {}/{}? {see}", meant.namespace, meant.name),
        None => see.to_owned(),
    };
    let message = format!("the server has nothing named {wanted} among its triggers");
    Failure::new(Exit::Failed, message, next)
}

/// That there is no such broker, and which may be meant.
pub(super) fn unknown_broker(wanted: &ObjectName, brokers: &[api::Broker]) -> Failure {
    let see = "list them all with `sluicegate get brokers`";
    let same = brokers.iter().find(|it| it.name == wanted.name);
    let beside = || brokers.iter().filter(|it| it.namespace == wanted.namespace);
    let near = || {
        let name = nearest(&wanted.name, beside().map(|it| it.name.as_str()))?;
        beside().find(|it| it.name == name)
    };
    let next = match same.or_else(near) {
        Some(meant) => format!("did you mean {}/{}? {see}", meant.namespace, meant.name),
        None => see.to_owned(),
    };
    let message = format!("the server has no broker {wanted}");
    Failure::new(Exit::Failed, message, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_without_a_namespace_is_where_its_trigger_is_or_in_that_of_n_or_in_default() {
        for (text, beside, namespace, meant) in [
            ("orders", None, None, "default/orders"),
            ("orders", None, Some("shop"), "shop/orders"),
            ("orders", Some("other"), Some("shop"), "other/orders"),
            ("orders", Some("other"), None, "other/orders"),
            ("shop/orders", Some("other"), Some("more"), "shop/orders"),
            ("shop/orders", None, None, "shop/orders"),
        ] {
            let given = given_name(text).unwrap();
            let broker = given.of_broker(beside, namespace);
            assert_eq!(broker.to_string(), meant, "{text} {beside:?} {namespace:?}");
        }
    }

    #[test]
    fn a_trigger_is_named_with_its_namespace_or_without() {
        let named = |namespace: Option<&str>, name: &str| GivenName {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        };
        assert_eq!(given_name("billing"), Ok(named(None, "billing")));
        assert_eq!(
            given_name("shop/billing"),
            Ok(named(Some("shop"), "billing"))
        );
        for text in ["", "/billing", "shop/", "a/b/c", "Shop/billing"] {
            assert!(given_name(text).is_err(), "{text}");
        }
        for (text, namespace, meant) in [
            ("billing", None, "billing"),
            ("billing", Some("shop"), "shop/billing"),
            ("shop/billing", Some("other"), "shop/billing"),
        ] {
            let within = given_name(text).unwrap().within(namespace);
            assert_eq!(within.to_string(), meant);
        }
    }
}
