//! The trigger that a call names, or the refusal that says which it may have meant.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::response::Response;
use sluicegate_channels::Channel;
use sluicegate_resources::{ObjectName, nearest};

use super::{bad_call, no_object, refuse};
use crate::operations::choice::LetterChoice;
use crate::problem::{Problem, Refusal};
use crate::registry::{Table, TriggerService, TriggerStore, TriggerView};

type Refused = Box<Response>;

/// A trigger that is served, with its channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served<'a> {
    pub(super) view: &'a TriggerView,
    pub(super) service: &'a TriggerService,
    pub(super) channel: &'a Arc<dyn Channel>,
}

impl<'a> Served<'a> {
    /// None while the trigger, or its broker, is not served.
    pub(super) fn of(table: &'a Table, view: &'a TriggerView) -> Option<Self> {
        let broker = table.brokers.get(&view.broker())?;
        Some(Served {
            view,
            service: view.service.as_ref()?,
            channel: &broker.channel,
        })
    }
}

/// The trigger of that name, if it is served.
pub(super) fn served<'a>(table: &'a Table, name: &ObjectName) -> Result<Served<'a>, Refused> {
    let view = table.triggers.get(name);
    let served = view.and_then(|view| Served::of(table, view));
    served.ok_or_else(|| Box::new(not_served(table, name)))
}

/// Where the events of the trigger of that name are, served or not.
pub(super) fn store<'a>(table: &'a Table, name: &ObjectName) -> Result<TriggerStore<'a>, Refused> {
    let store = table.store(name);
    store.ok_or_else(|| Box::new(not_served(table, name)))
}

fn not_served(table: &Table, name: &ObjectName) -> Response {
    let in_force = table.triggers.get(name).map(|view| &view.condition);
    let condition = in_force.or_else(|| table.kept.get(name).map(|kept| &kept.condition));
    let Some(condition) = condition else {
        return no_trigger(table, Some(&name.namespace), &name.name);
    };
    let why = condition.message().unwrap_or("it is being begun");
    let detail = format!("trigger {name} is not served: {why}");
    let refusal = Refusal::new(Problem::NotReady, detail);
    refuse(refusal.hint("try again once it is ready"))
}

/// The letters of one trigger where one is named: a name alone means the only trigger of that name, here as
/// on the command line, so that nothing is ended for one that nobody thought of.
pub(super) fn of_one_trigger(table: &Table, choice: LetterChoice) -> Result<LetterChoice, Refused> {
    let Some((None, name)) = choice.trigger() else {
        return Ok(choice);
    };
    let may_be_meant = |it: &&ObjectName| {
        // One whose broker is not served is listed, too, and whoever names it may mean it.
        it.name == name && table.store(it).is_none_or(|store| choice.covers(&store))
    };
    let names = table.triggers.keys().chain(table.kept.keys());
    let meant: BTreeSet<&ObjectName> = names.filter(may_be_meant).collect();
    let mut meant = meant.into_iter();
    match (meant.next(), meant.next()) {
        (None, _) => Ok(choice),
        (Some(only), None) => Ok(choice.within(only.namespace.clone())),
        (Some(first), Some(second)) => Err(Box::new(bad_call(
            format!("there is more than one trigger {name}"),
            &format!("say which, such as {first} or {second}"),
        ))),
    }
}

/// Why a trigger that is named, and perhaps its broker, is none whose events can be got at.
pub(super) fn none_meant(table: &Table, namespace: Option<&str>, name: &str) -> Response {
    let is_named =
        |it: &&ObjectName| it.name == name && namespace.is_none_or(|within| it.namespace == within);
    let mut named = table.triggers.keys().chain(table.kept.keys());
    let Some(named) = named.find(is_named) else {
        return no_trigger(table, namespace, name);
    };
    match table.store(named) {
        None => not_served(table, named),
        Some(store) => bad_call(
            format!("trigger {named} is one of broker {}", store.broker),
            "name that broker, or leave it out",
        ),
    }
}

/// That there is no trigger of that name, in that namespace or in any, and which may be meant.
pub(super) fn no_trigger(table: &Table, namespace: Option<&str>, name: &str) -> Response {
    const SEE: &str = "see `sluicegate get triggers`";
    let detail = match namespace {
        Some(namespace) => format!("there is no trigger {namespace}/{name}"),
        None => format!("there is no trigger {name}"),
    };
    let names = table.triggers.keys().chain(table.kept.keys());
    let mut same = names.clone().filter(|it| it.name == name);
    let mut beside = names.filter(|it| namespace.is_none_or(|within| it.namespace == within));
    let meant = same.next().or_else(|| {
        let near = nearest(name, beside.clone().map(|it| it.name.as_str()))?;
        beside.find(|it| it.name == near)
    });
    match meant {
        Some(meant) => no_object(detail, &format!("did you mean {meant}? {SEE}")),
        None => no_object(detail, SEE),
    }
}
