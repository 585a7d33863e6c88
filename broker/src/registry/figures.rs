//! What the registry tells the metrics at a scrape.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluicegate_channels::{DiskStatus, Refuses, SubscriptionStatus, Timestamp};
use sluicegate_resources::ObjectName;

use super::Registry;
use super::departed::add_counts;
use super::standing::Standing;
use crate::metrics::figures::{BrokerFigures, DiskFigures, Figures, FiguresSource, TriggerFigures};

impl FiguresSource for Registry {
    fn figures(&self) -> Figures {
        let standing = self.standing();
        Figures {
            triggers: self.of_triggers(&standing),
            brokers: of_brokers(&standing),
        }
    }
}

impl Registry {
    fn of_triggers(&self, standing: &Standing) -> Vec<TriggerFigures> {
        let mut figures: BTreeMap<ObjectName, TriggerFigures> = BTreeMap::new();
        for (name, view) in &standing.table.triggers {
            if let Some(status) = standing.subscription(view) {
                let mut trigger = self.of_trigger(name, status, standing.now);
                let observer = view.service.as_ref().map(|service| &service.observer);
                trigger.is_breaker_open = observer.is_some_and(|it| it.is_breaker_open());
                figures.insert(name.clone(), trigger);
            }
        }
        for (name, kept) in &standing.table.kept {
            if let Some(status) = standing.kept_subscription(kept) {
                figures.insert(name.clone(), self.of_trigger(name, status, standing.now));
            }
        }
        // A trigger that was deleted and made again is one line: a metric has one sample a label set.
        for (name, account) in self.departed.lock().iter() {
            let entry = figures
                .entry(name.clone())
                .or_insert_with(|| TriggerFigures::named(name));
            entry.books += account.books;
            entry.filter_errors += account.filter_errors;
            add_counts(&mut entry.discarded_by, &account.discarded_by);
        }
        figures.into_values().collect()
    }

    fn of_trigger(
        &self,
        name: &ObjectName,
        status: &SubscriptionStatus,
        now: Timestamp,
    ) -> TriggerFigures {
        let mut trigger = of_subscription(name, status, now);
        if status.books.parked > 0 {
            let lying = self.lying_for(name, now);
            trigger.lying_seconds = lying.map_or(0.0, |it| it.as_secs_f64());
            let lying = self.lying_of(name);
            trigger.too_old_letters = lying.map_or(0, |it| it.too_old);
        }
        trigger
    }
}

fn of_brokers(standing: &Standing) -> Vec<BrokerFigures> {
    let brokers = standing.table.brokers.values();
    let figures = brokers.filter_map(|broker| {
        let status = standing.channel(&broker.name)?;
        Some(BrokerFigures {
            namespace: Arc::clone(&broker.entry.namespace),
            broker: Arc::clone(&broker.entry.name),
            channel: broker.channel_kind,
            durability: status.class.to_string(),
            events: status.events,
            bytes: status.bytes,
            oldest_event_age_seconds: age_seconds(status.oldest_accepted_at, standing.now),
            disk: status.disk.as_ref().map(|it| of_disk(it, standing.now)),
        })
    });
    figures.collect()
}

fn of_disk(status: &DiskStatus, now: Timestamp) -> DiskFigures {
    DiskFigures {
        stored_bytes: status.stored_bytes,
        free_bytes: status.free_bytes,
        is_full: matches!(status.refuses, Some(Refuses::NoSpace)),
        is_broken: matches!(status.refuses, Some(Refuses::Broken(_))),
        lost_events: status.lost_events,
        oldest_retained_age_seconds: age_seconds(status.oldest_retained_at, now),
    }
}

fn of_subscription(
    name: &ObjectName,
    status: &SubscriptionStatus,
    now: Timestamp,
) -> TriggerFigures {
    TriggerFigures {
        books: status.books,
        filter_errors: status.undecided,
        waiting: status.waiting,
        in_flight: status.leased,
        oldest_waiting_seconds: age_seconds(status.oldest_pending_accepted_at, now),
        discarded_by: status.discarded_by.clone(),
        ..TriggerFigures::named(name)
    }
}

fn age_seconds(since: Option<Timestamp>, now: Timestamp) -> f64 {
    since.map_or(0.0, |since| now.since(since).as_secs_f64())
}
