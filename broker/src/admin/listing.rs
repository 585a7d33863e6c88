//! Brokers and triggers as they stand.

use axum::Json;
use axum::extract::State;
use sluicegate_channels::{DiskStatus, Refuses, SubscriptionStatus, Timestamp};
use sluicegate_resources::ObjectName;

use super::{Admin, pausing};
use crate::api::{self, Delivering, DeliveringState, PausedBy};
use crate::registry::{Condition, KeptTrigger, RunningBroker, Standing, TriggerView};

pub(super) async fn brokers(State(admin): State<Admin>) -> Json<api::List<api::Broker>> {
    let standing = admin.registry.standing();
    let brokers = standing.table.brokers.values();
    let served = brokers.filter_map(|broker| served(&admin, &standing, broker));
    let unserved = standing
        .table
        .unserved
        .iter()
        .map(|(name, condition)| unserved(&admin, name, condition));
    let mut items: Vec<_> = served.chain(unserved).collect();
    items.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    Json(api::List::whole(items))
}

fn served(admin: &Admin, standing: &Standing, broker: &RunningBroker) -> Option<api::Broker> {
    let status = standing.channel(&broker.name)?;
    Some(api::Broker {
        channel: broker.channel_kind.to_owned(),
        durability: status.class.to_string(),
        events: status.events,
        bytes: status.bytes,
        events_max: status.events_max,
        bytes_max: status.bytes_max,
        oldest_age_seconds: status
            .oldest_accepted_at
            .map(|at| standing.now.since(at).as_secs_f64()),
        disk: status.disk.as_ref().map(|it| disk(it, standing.now)),
        triggers: standing.table.triggers_of(&broker.name).count() as u64,
        ..unserved(
            admin,
            &broker.name,
            &broker.or_unattended(Condition::of_channel(status)),
        )
    })
}

fn disk(status: &DiskStatus, now: Timestamp) -> api::Disk {
    let retained = status.oldest_retained_at;
    api::Disk {
        stored_bytes: status.stored_bytes,
        free_bytes: status.free_bytes,
        segments: status.segments,
        refuses: status.refuses.as_ref().map(|it| match it {
            Refuses::NoSpace => "no_space".to_owned(),
            Refuses::Broken(_) => "broken".to_owned(),
        }),
        lost_events: status.lost_events.at_least,
        lost_events_max: status.lost_events.at_most,
        oldest_retained_age_seconds: retained.map(|at| now.since(at).as_secs_f64()),
    }
}

fn unserved(admin: &Admin, name: &ObjectName, condition: &Condition) -> api::Broker {
    api::Broker {
        namespace: name.namespace.clone(),
        name: name.name.clone(),
        ready: condition.is_ready(),
        reason: condition.reason().map(str::to_owned),
        message: condition.message().map(str::to_owned),
        channel: String::new(),
        durability: String::new(),
        url: format!("{}/{}/{}", admin.ingress_url, name.namespace, name.name),
        events: 0,
        bytes: 0,
        events_max: None,
        bytes_max: None,
        disk: None,
        oldest_age_seconds: None,
        triggers: 0,
    }
}

pub(super) async fn triggers(State(admin): State<Admin>) -> Json<api::List<api::Trigger>> {
    let standing = admin.registry.standing();
    let in_force = standing.table.triggers.values();
    let in_force = in_force.map(|view| describe(view, standing.subscription(view), standing.now));
    let kept = standing.table.kept.iter();
    let kept = kept.map(|(name, it)| {
        let status = standing.kept_subscription(it);
        describe_kept(name, it, status, standing.now)
    });
    let mut items: Vec<_> = in_force.chain(kept).collect();
    items.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    Json(api::List::whole(items))
}

fn describe(
    view: &TriggerView,
    status: Option<&SubscriptionStatus>,
    now: Timestamp,
) -> api::Trigger {
    let trigger = &view.trigger;
    let service = view.service.as_ref();
    let plan = service.map(|service| &service.plan);
    let uri = |target: &sluicegate_dispatcher::Target| target.uri.to_string();
    let paused_by = pausing::paused_by(view, status);
    api::Trigger {
        uid: service.map_or_else(String::new, |service| service.uid.clone()),
        broker: trigger.broker.clone(),
        filter: super::filter_words::in_words(&trigger.filters),
        subscriber: trigger.subscriber.to_string(),
        subscriber_uri: plan.and_then(|plan| plan.subscriber.as_ref()).map(uri),
        dead_letter_sink_uri: plan.and_then(|plan| plan.dead_letter.as_ref()).map(uri),
        delivering: delivering(view, &paused_by),
        paused: !paused_by.is_empty(),
        paused_by,
        delivery: Some(api::Delivery::from(&view.delivery)),
        ..standing_of(&trigger.metadata.name, &view.condition, status, now)
    }
}

fn describe_kept(
    name: &ObjectName,
    kept: &KeptTrigger,
    status: Option<&SubscriptionStatus>,
    now: Timestamp,
) -> api::Trigger {
    let by_command = status.filter(|it| it.paused).map(|_| PausedBy::Command);
    let place = kept.place.as_ref();
    api::Trigger {
        uid: place.map_or_else(String::new, |it| it.uid.clone()),
        broker: place.map_or_else(String::new, |it| it.broker.name.clone()),
        paused: by_command.is_some(),
        paused_by: by_command.into_iter().collect(),
        ..standing_of(name, &kept.condition, status, now)
    }
}

/// What is told of every trigger: its name, whether it is ready, and what its subscription holds.
fn standing_of(
    name: &ObjectName,
    condition: &Condition,
    status: Option<&SubscriptionStatus>,
    now: Timestamp,
) -> api::Trigger {
    let (waiting, deferred, in_flight) =
        status.map_or((0, 0, 0), |it| (it.waiting, it.deferred, it.leased));
    api::Trigger {
        namespace: name.namespace.clone(),
        name: name.name.clone(),
        uid: String::new(),
        broker: String::new(),
        filter: String::new(),
        subscriber: String::new(),
        subscriber_uri: None,
        dead_letter_sink_uri: None,
        ready: condition.is_ready(),
        reason: condition.reason().map(str::to_owned),
        message: condition.message().map(str::to_owned),
        delivering: not_delivering(condition),
        paused: false,
        paused_by: Vec::new(),
        books: status.map(|it| it.books.into()).unwrap_or_default(),
        filter_errors: status.map_or(0, |it| it.undecided),
        waiting,
        deferred,
        in_flight,
        lag: waiting + deferred + in_flight,
        oldest_waiting_seconds: status
            .and_then(|it| it.oldest_pending_accepted_at)
            .map(|at| now.since(at).as_secs_f64()),
        delivery: None,
    }
}

fn not_delivering(condition: &Condition) -> Delivering {
    Delivering {
        state: DeliveringState::No,
        reason: None,
        detail: condition.reason().map(str::to_owned),
    }
}

fn delivering(view: &TriggerView, paused_by: &[PausedBy]) -> Delivering {
    match &view.service {
        _ if !paused_by.is_empty() => {
            let words: Vec<String> = paused_by.iter().map(ToString::to_string).collect();
            Delivering {
                state: DeliveringState::Paused,
                reason: None,
                detail: Some(words.join(" and ")),
            }
        }
        Some(service) if service.plan.subscriber.is_some() => service.observer.delivering(),
        Some(_) | None => not_delivering(&view.condition),
    }
}
