//! The trigger that a call names, or the refusal that says which it may have meant.

use std::sync::Arc;

use axum::response::Response;
use sluicegate_channels::Channel;
use sluicegate_resources::{ObjectName, nearest};

use super::{no_object, refuse};
use crate::problem::{Problem, Refusal};
use crate::registry::{Table, TriggerService, TriggerView};

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
        Some(Served {
            view,
            service: view.service.as_ref()?,
            channel: &table.brokers.get(&view.broker())?.channel,
        })
    }
}

/// The trigger of that name, if it is served.
pub(super) fn served<'a>(table: &'a Table, name: &ObjectName) -> Result<Served<'a>, Box<Response>> {
    let Some(view) = table.triggers.get(name) else {
        return Err(Box::new(no_object(
            format!("there is no trigger {name}"),
            &remedy(table, name),
        )));
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

fn remedy(table: &Table, name: &ObjectName) -> String {
    const SEE: &str = "see `sluicegate get triggers`";
    let names = table.triggers.keys();
    let mut elsewhere = names.clone().filter(|it| it.name == name.name);
    let beside = names.filter(|it| it.namespace == name.namespace);
    let meant = match elsewhere.next() {
        Some(same) => Some(same.to_string()),
        None => nearest(&name.name, beside.map(|it| it.name.as_str()))
            .map(|near| format!("{}/{near}", name.namespace)),
    };
    match meant {
        Some(meant) => format!("did you mean {meant}? {SEE}"),
        None => SEE.to_owned(),
    }
}
