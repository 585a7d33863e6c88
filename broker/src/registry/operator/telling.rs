//! Log lines about objects that become ready or cease to be: one line a change, none while it lasts.

use std::collections::BTreeMap;

use sluicegate_resources::ObjectName;

use super::super::{Condition, KeptTrigger, Table};

/// Tells what differs between what was shown and what is about to be.
pub(super) fn tell_changes(
    shown: &Table,
    unserved: &BTreeMap<ObjectName, Condition>,
    triggers: &BTreeMap<ObjectName, Condition>,
) {
    for (name, condition) in unserved {
        if shown.unserved.get(name) != Some(condition) {
            tell("broker", name, condition);
        }
    }
    for (name, condition) in triggers {
        match shown.triggers.get(name).map(|view| &view.condition) {
            Some(before) if before == condition => {}
            None if condition.is_ready() => {
                tracing::debug!(kind = "trigger", %name, "the trigger is ready");
            }
            Some(_) | None => tell("trigger", name, condition),
        }
    }
}

/// Tells of triggers without a manifest to go by of which something is kept. What is wrong with the
/// others the look at the manifests has told.
pub(super) fn tell_kept(shown: &Table, kept: &BTreeMap<ObjectName, KeptTrigger>) {
    for (name, trigger) in kept.iter().filter(|(_, it)| it.place.is_some()) {
        if shown.kept.get(name) != Some(trigger) {
            tell("trigger", name, &trigger.condition);
        }
    }
}

fn tell(kind: &'static str, name: &ObjectName, condition: &Condition) {
    match condition {
        Condition::Ready => tracing::info!(kind, %name, "the {kind} is ready"),
        Condition::NotReady { reason, message } => tracing::warn!(
            code = condition.code(),
            kind,
            %name,
            reason,
            "the {kind} is not ready: {message}"
        ),
    }
}
