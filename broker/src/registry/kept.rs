//! Triggers that are not in force and not forgotten: no valid manifest stands for them now, and what
//! waits for them is kept until one does.
//!
//! Such a trigger is not served: nothing says what it wants or where to. It is shown with what its
//! subscription holds, and its dead letters can be dealt with as anybody's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use sluicegate_channels::Channel;
use sluicegate_resources::ObjectName;

use super::{Condition, Table};
use crate::history::History;
use crate::manifests::Objects;

/// A trigger without a manifest that could be gone by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptTrigger {
    /// Where what waits for it lies; nowhere where it never had a valid manifest.
    pub place: Option<KeptPlace>,
    /// The file that its manifest is in, where one names it.
    pub file: Option<PathBuf>,
    /// Why it is not in force.
    pub condition: Condition,
}

/// Where a trigger's backlog lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPlace {
    /// The broker.
    pub broker: ObjectName,
    /// What tells the trigger from an earlier one of its name.
    pub uid: String,
    /// The durable name of its subscription.
    pub subscription: Arc<str>,
}

/// All of them: those whose manifests are invalid, and those of which channels hold `places`.
pub(super) fn kept_triggers(
    objects: &Objects,
    places: impl Iterator<Item = (ObjectName, KeptPlace)>,
) -> BTreeMap<ObjectName, KeptTrigger> {
    let invalid = objects.invalid_triggers.iter().map(|(name, invalid)| {
        let kept = KeptTrigger {
            place: None,
            file: Some(invalid.file.clone()),
            condition: Condition::manifest_invalid(invalid),
        };
        (name.clone(), kept)
    });
    let mut kept: BTreeMap<ObjectName, KeptTrigger> = invalid.collect();
    for (name, place) in places.filter(|(name, _)| !objects.triggers.contains_key(name)) {
        let without_manifest = || KeptTrigger {
            place: None,
            file: None,
            condition: Condition::manifest_missing(objects.is_obscure),
        };
        kept.entry(name).or_insert_with(without_manifest).place = Some(place);
    }
    kept
}

/// A trigger's subscription and the channel that has it.
#[derive(Clone, Copy, Debug)]
pub struct TriggerStore<'a> {
    /// The trigger.
    pub trigger: &'a ObjectName,
    /// The name of its broker, in the same namespace.
    pub broker: &'a str,
    /// The durable name of its subscription.
    pub subscription: &'a Arc<str>,
    /// The channel of its broker.
    pub channel: &'a Arc<dyn Channel>,
    /// The history of its broker, if there is one.
    pub history: Option<&'a Arc<History>>,
}

impl TriggerStore<'_> {
    /// The broker, in the namespace of the trigger.
    pub(super) fn broker_name(&self) -> ObjectName {
        ObjectName {
            namespace: self.trigger.namespace.clone(),
            name: self.broker.to_owned(),
        }
    }
}

impl Table {
    /// The triggers that are not in force and for which `broker` keeps its events.
    pub fn kept_of(
        &self,
        broker: &ObjectName,
    ) -> impl Iterator<Item = (&ObjectName, &KeptTrigger)> {
        let is_of = |it: &KeptTrigger| it.place.as_ref().is_some_and(|it| it.broker == *broker);
        self.kept.iter().filter(move |(_, kept)| is_of(kept))
    }

    /// The subscription of each trigger that has one in a channel that is open, by name of the trigger.
    pub fn stores(&self) -> impl Iterator<Item = TriggerStore<'_>> {
        let names: BTreeSet<&ObjectName> = self.triggers.keys().chain(self.kept.keys()).collect();
        names.into_iter().filter_map(|name| self.store(name))
    }

    /// The subscription of one trigger.
    pub fn store(&self, name: &ObjectName) -> Option<TriggerStore<'_>> {
        if let Some((trigger, view)) = self.triggers.get_key_value(name) {
            let broker = self.brokers.get(&view.broker())?;
            return Some(TriggerStore {
                trigger,
                broker: &view.trigger.broker,
                subscription: &view.service.as_ref()?.subscription,
                channel: &broker.channel,
                history: broker.history.as_ref(),
            });
        }
        let (trigger, kept) = self.kept.get_key_value(name)?;
        let place = kept.place.as_ref()?;
        let broker = self.brokers.get(&place.broker)?;
        Some(TriggerStore {
            trigger,
            broker: &place.broker.name,
            subscription: &place.subscription,
            channel: &broker.channel,
            history: broker.history.as_ref(),
        })
    }
}
