//! What a restart finds and no trigger takes up: uids and subscriptions of triggers that were deleted
//! while nobody looked.
//!
//! A trigger is there for as long as some manifest stands for it, valid or not: one that is invalid just
//! now keeps its uid and its backlog. Where not everything can be told (a file that is no YAML, a
//! folder that is not there yet) nobody is taken to be gone. Who is gone gets the time that a file has
//! that an editor saves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluicegate_resources::{Broker, ObjectName};
use tokio::task::spawn_blocking;

use super::super::departed::Account;
use super::super::{KeptPlace, broker_of};
use super::Operator;
use super::brokers::BrokerState;
use super::ending::tell_deleted;
use crate::identities::Identities;
use crate::manifests::Objects;
use crate::manifests::catalog::GONE_AFTER;

/// Folders without a broker that are named in the log; the line says how many there are.
const UNCLAIMED_TOLD_MAX: usize = 10;

/// What a subscription's name says: `namespace/name/uid` of its trigger.
pub(super) fn parse_name(subscription: &str) -> Option<(ObjectName, &str)> {
    let mut parts = subscription.splitn(3, '/');
    let (namespace, name, uid) = (parts.next()?, parts.next()?, parts.next()?);
    let trigger = ObjectName {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    Some((trigger, uid))
}

/// The name of a trigger's subscription, which [`parse_name`] reads.
pub(super) fn subscription_name(trigger: &ObjectName, uid: &str) -> Arc<str> {
    format!("{}/{}/{uid}", trigger.namespace, trigger.name).into()
}

impl Operator {
    /// Gives triggers the uids that their subscriptions have, where nothing else remembers them. Of
    /// several subscriptions nobody could say which is the trigger's.
    pub(super) fn adopt_identities(&mut self, objects: &Objects) {
        for state in self.brokers.values() {
            let mut found: BTreeMap<ObjectName, Option<&str>> = BTreeMap::new();
            for (trigger, uid) in state.unopened.iter().filter_map(|it| parse_name(it)) {
                let known = found.entry(trigger);
                known.and_modify(|it| *it = None).or_insert(Some(uid));
            }
            for (trigger, uid) in found {
                let written = objects.triggers.get(&trigger);
                let is_its = written.is_some_and(|it| broker_of(it) == state.running.name);
                if let Some(uid) = uid.filter(|_| is_its) {
                    self.parts.identities.adopt(&trigger, uid);
                }
            }
        }
    }

    /// The subscriptions that no trigger has opened, with the triggers that they are named after.
    pub(super) fn unopened_places(&self) -> impl Iterator<Item = (ObjectName, KeptPlace)> + '_ {
        let of_broker = |state: &'_ BrokerState| {
            let broker = state.running.name.clone();
            let names = state.unopened.clone().into_iter();
            names.filter_map(move |subscription| {
                let (trigger, uid) = parse_name(&subscription)?;
                let place = KeptPlace {
                    broker: broker.clone(),
                    uid: uid.to_owned(),
                    subscription: Arc::clone(&subscription),
                };
                Some((trigger, place))
            })
        };
        self.brokers.values().flat_map(of_broker)
    }

    /// Names the folders that no broker in force has, once, so that nobody looks for events in vain.
    pub(super) async fn tell_unclaimed(
        &mut self,
        wanted: &BTreeMap<ObjectName, Broker>,
        objects: &Objects,
    ) {
        let folders = self.folders.clone().filter(|_| !objects.is_obscure);
        let Some(folders) = folders.filter(|_| !self.has_told_unclaimed) else {
            return;
        };
        self.has_told_unclaimed = true;
        let listed = folders.clone();
        let owners = spawn_blocking(move || listed.owners()).await;
        let owners = owners.unwrap_or_default().into_iter();
        let unclaimed: Vec<ObjectName> = owners.filter(|it| !wanted.contains_key(it)).collect();
        for broker in unclaimed.iter().take(UNCLAIMED_TOLD_MAX) {
            tracing::info!(
                %broker,
                folder = %folders.path(broker).display(),
                unclaimed = unclaimed.len(),
                "a folder holds what a broker kept that is not there now"
            );
        }
    }

    /// Whether somebody was found to be missing, which [`GONE_AFTER`] will decide.
    pub(super) fn waits_for_the_missing(&self) -> bool {
        !self.missing_since.is_empty()
    }

    /// Ends the subscriptions, and forgets the uids, of triggers that are gone. Those that run are none
    /// of them.
    pub(super) async fn end_left_behind(&mut self, objects: &Objects) {
        let gone = self.gone(objects);
        let mut ended = BTreeSet::new();
        for state in self.brokers.values_mut() {
            let triggers = &self.triggers;
            let is_open = |name: &Arc<str>| {
                let trigger = parse_name(name).and_then(|(trigger, _)| triggers.get(&trigger));
                trigger.is_some_and(|it| it.service.subscription == *name)
            };
            state.unopened.retain(|name| !is_open(name));
            let identities = &self.parts.identities;
            let is_left = |name: &Arc<str>| is_left(name, state, objects, identities, &gone);
            let (left, stays) = state.unopened.iter().cloned().partition(is_left);
            let left: Vec<Arc<str>> = left;
            state.unopened = stays;
            for name in left {
                let last = state.running.channel.delete(&name).await;
                let account = last.map(Account::from).unwrap_or_default();
                if let Some((trigger, _)) = parse_name(&name) {
                    let history = state.running.history.as_deref();
                    tell_deleted(&trigger, account.books.cancelled, history);
                    ended.insert(trigger);
                }
            }
        }
        // Those whose broker is not there now have left their subscriptions with it.
        let (ended, others): (Vec<_>, Vec<_>) = gone.iter().partition(|it| ended.contains(*it));
        let identities = &mut self.parts.identities;
        for stored in [
            identities.forget(ended).await,
            identities.disown(others).await,
        ] {
            if let Err(error) = stored {
                tracing::error!(%error, "cannot forget the identities of deleted triggers");
            }
        }
    }

    /// The triggers that have a uid and have been missing for long enough.
    fn gone(&mut self, objects: &Objects) -> Vec<ObjectName> {
        let now = self.parts.registry.clock().now();
        let before = std::mem::take(&mut self.missing_since);
        if objects.is_obscure {
            return Vec::new();
        }
        let is_there = |name: &ObjectName| {
            objects.triggers.contains_key(name) || objects.invalid_triggers.contains_key(name)
        };
        let subscriptions = self.brokers.values().flat_map(|state| &state.unopened);
        let owners = subscriptions.filter_map(|it| Some(parse_name(it)?.0));
        let known: BTreeSet<ObjectName> = self.parts.identities.names().chain(owners).collect();
        let missing = known.into_iter().filter(|it| !is_there(it));
        let mut gone = Vec::new();
        for name in missing {
            let since = before.get(&name).copied().unwrap_or(now);
            match now < since + GONE_AFTER {
                true => drop(self.missing_since.insert(name, since)),
                false => gone.push(name),
            }
        }
        gone
    }
}

/// Whether a subscription that no trigger has opened never will be.
fn is_left(
    name: &str,
    broker: &BrokerState,
    objects: &Objects,
    identities: &Identities,
    gone: &[ObjectName],
) -> bool {
    let Some((trigger, uid)) = parse_name(name) else {
        return false;
    };
    if let Some(known) = identities.get(&trigger)
        && known != uid
    {
        // An earlier trigger of that name.
        return true;
    }
    match objects.triggers.get(&trigger) {
        Some(written) => broker_of(written) != broker.running.name,
        None => gone.contains(&trigger),
    }
}
