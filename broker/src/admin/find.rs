//! The trigger that a call names, or the refusal that says which it may have meant.

use std::sync::Arc;

use axum::response::Response;
use sluicegate_channels::Channel;
use sluicegate_resources::{ObjectName, nearest};

use super::{no_object, refuse};
use crate::history::History;
use crate::problem::{Problem, Refusal};
use crate::registry::{Table, TriggerService, TriggerView};

/// A trigger that is served, with its channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served<'a> {
    pub(super) view: &'a TriggerView,
    pub(super) service: &'a TriggerService,
    pub(super) channel: &'a Arc<dyn Channel>,
    pub(super) history: Option<&'a Arc<History>>,
}

impl<'a> Served<'a> {
    /// None while the trigger, or its broker, is not served.
    pub(super) fn of(table: &'a Table, view: &'a TriggerView) -> Option<Self> {
        let broker = table.brokers.get(&view.broker())?;
        Some(Served {
            view,
            service: view.service.as_ref()?,
            channel: &broker.channel,
            history: broker.history.as_ref(),
        })
    }
}

/// The trigger of that name, if it is served.
pub(super) fn served<'a>(table: &'a Table, name: &ObjectName) -> Result<Served<'a>, Box<Response>> {
    let Some(view) = table.triggers.get(name) else {
        let (namespace, name) = (&name.namespace, &name.name);
        return Err(Box::new(no_trigger(table, Some(namespace), name)));
    };
    Served::of(table, view).ok_or_else(|| {
        let why = view.condition.message().unwrap_or("it is being begun");
        let refusal = Refusal::new(
            Problem::NotReady,
            format!("trigger {name} is not served: {why}"),
        );
        Box::new(refuse(refusal.hint("try again once it is ready")))
    })
}

/// That there is no trigger of that name, in that namespace or in any, and which may be meant.
pub(super) fn no_trigger(table: &Table, namespace: Option<&str>, name: &str) -> Response {
    const SEE: &str = "see `sluicegate get triggers`";
    let detail = match namespace {
        Some(namespace) => format!("there is no trigger {namespace}/{name}"),
        None => format!("there is no trigger {name}"),
    };
    let names = table.triggers.keys();
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
