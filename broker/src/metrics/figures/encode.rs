//! Writes the figures as families of metrics: their names, labels and help.

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use sluicegate_channels::Books;

use super::{BrokerFigures, DiskFigures, TriggerFigures, float};

type Labels<'a> = Vec<(&'static str, &'a str)>;

fn trigger_labels(figures: &TriggerFigures) -> Labels<'_> {
    vec![
        ("namespace", &*figures.namespace),
        ("trigger", &*figures.trigger),
    ]
}

pub(super) fn encode_books(
    encoder: &mut DescriptorEncoder<'_>,
    triggers: &[TriggerFigures],
) -> std::fmt::Result {
    let mut metric = encoder.encode_descriptor(
        "sluicegate_trigger_events",
        "Events by state; accepted and replayed are the sum of all the others",
        None,
        MetricType::Gauge,
    )?;
    for figures in triggers {
        let Books {
            accepted,
            replayed,
            filtered,
            delivered,
            dead_lettered,
            parked,
            cancelled,
            expired,
            discarded,
            pending,
        } = figures.books;
        let states = [
            ("accepted", accepted),
            ("replayed", replayed),
            ("filtered", filtered),
            ("delivered", delivered),
            ("dead_lettered", dead_lettered),
            ("parked", parked),
            ("cancelled", cancelled),
            ("expired", expired),
            ("discarded", discarded),
            ("pending", pending),
        ];
        for (state, count) in states {
            gauge(
                &mut metric,
                trigger_labels(figures),
                ("state", state),
                count,
            )?;
        }
    }
    counters(
        encoder,
        "sluicegate_delivery_events",
        "Events that have ended for a trigger, by result",
        "result",
        triggers,
        |figures| {
            let books = figures.books;
            vec![
                ("delivered", books.delivered),
                ("filtered", books.filtered),
                ("dead_lettered", books.dead_lettered),
                ("cancelled", books.cancelled),
                ("expired", books.expired),
                ("discarded", books.discarded),
            ]
        },
    )?;
    counters(
        encoder,
        "sluicegate_discarded_events",
        "Events that ended unseen, by reason",
        "reason",
        triggers,
        |figures| figures.discarded_by.clone(),
    )
}

pub(super) fn encode_waiting(
    encoder: &mut DescriptorEncoder<'_>,
    triggers: &[TriggerFigures],
) -> std::fmt::Result {
    let families: [Gauge<TriggerFigures>; 7] = [
        (
            "sluicegate_delivery_in_flight",
            "Events handed out to be delivered",
            |it| float(it.in_flight),
        ),
        (
            "sluicegate_delivery_waiting",
            "Events ready to be delivered",
            |it| float(it.waiting),
        ),
        (
            "sluicegate_delivery_oldest_waiting_seconds",
            "Age of the oldest event that is not settled",
            |it| it.oldest_waiting_seconds,
        ),
        (
            "sluicegate_delivery_breaker_open",
            "1 while nobody answers at the subscriber and only probes are sent, else 0",
            |it| f64::from(it.is_breaker_open),
        ),
        (
            "sluicegate_dead_letters",
            "Events in the dead-letter store",
            |it| float(it.books.parked),
        ),
        (
            "sluicegate_dead_letters_oldest_seconds",
            "How long the oldest event in the dead-letter store has been parked",
            |it| it.lying_seconds,
        ),
        (
            "sluicegate_dead_letters_too_old",
            "Events in the dead-letter store that are older than they may get",
            |it| float(it.too_old_letters),
        ),
    ];
    gauges(encoder, &families, triggers, trigger_labels)
}

pub(super) fn encode_filters(
    encoder: &mut DescriptorEncoder<'_>,
    triggers: &[TriggerFigures],
) -> std::fmt::Result {
    counters(
        encoder,
        "sluicegate_filter_evaluations",
        "Events judged by a trigger's filter, by result",
        "result",
        triggers,
        |figures| {
            let books = figures.books;
            let wanted = books.accepted.saturating_sub(books.filtered);
            let errors = figures.filter_errors;
            vec![
                ("match", wanted),
                ("no_match", books.filtered.saturating_sub(errors)),
                ("error", errors),
            ]
        },
    )
}

pub(super) fn encode_stores(
    encoder: &mut DescriptorEncoder<'_>,
    brokers: &[BrokerFigures],
) -> std::fmt::Result {
    let families: [Gauge<BrokerFigures>; 3] = [
        (
            "sluicegate_store_events",
            "Events held by the broker's channel",
            |it| float(it.events),
        ),
        (
            "sluicegate_store_bytes",
            "Bytes held by the broker's channel",
            |it| float(it.bytes),
        ),
        (
            "sluicegate_store_oldest_event_age_seconds",
            "Age of the oldest event held by the broker's channel",
            |it| it.oldest_event_age_seconds,
        ),
    ];
    gauges(encoder, &families, brokers, broker_labels)?;
    let mut metric = encoder.encode_descriptor(
        "sluicegate_store_info",
        "Always 1; what an accepted event survives is the label durability",
        None,
        MetricType::Gauge,
    )?;
    for broker in brokers {
        let durability = ("durability", &*broker.durability);
        gauge(&mut metric, broker_labels(broker), durability, 1)?;
    }
    Ok(())
}

/// What only a channel that keeps files has.
pub(super) fn encode_disks(
    encoder: &mut DescriptorEncoder<'_>,
    brokers: &[BrokerFigures],
) -> std::fmt::Result {
    let on_disk: Vec<(&BrokerFigures, &DiskFigures)> = brokers
        .iter()
        .filter_map(|it| Some((it, it.disk.as_ref()?)))
        .collect();
    let families: [Gauge<(&BrokerFigures, &DiskFigures)>; 5] = [
        (
            "sluicegate_store_disk_bytes",
            "What the broker's files take up",
            |(_, disk)| float(disk.stored_bytes),
        ),
        (
            "sluicegate_store_disk_free_bytes",
            "What may still be written where the broker's files lie",
            |(_, disk)| float(disk.free_bytes),
        ),
        (
            "sluicegate_store_lost_events",
            "Events that damage to the broker's files has taken for sure, as far as it was found",
            |(_, disk)| float(disk.lost_events.at_least),
        ),
        (
            "sluicegate_store_lost_events_max",
            "Events that damage to the broker's files has taken at most; infinite where nobody knows",
            |(_, disk)| disk.lost_events.at_most.map_or(f64::INFINITY, float),
        ),
        (
            "sluicegate_store_oldest_retained_age_seconds",
            "Age of the oldest event that can be replayed, settled or not",
            |(_, disk)| disk.oldest_retained_age_seconds,
        ),
    ];
    gauges(encoder, &families, &on_disk, |(broker, _)| {
        broker_labels(broker)
    })?;
    let mut metric = encoder.encode_descriptor(
        "sluicegate_store_refusing",
        "1 while the broker's store takes no events for this reason, else 0",
        None,
        MetricType::Gauge,
    )?;
    for (broker, disk) in on_disk {
        for (reason, is_so) in [("no_space", disk.is_full), ("broken", disk.is_broken)] {
            let extra = ("reason", reason);
            gauge(&mut metric, broker_labels(broker), extra, u64::from(is_so))?;
        }
    }
    Ok(())
}

/// A family's name, its help, and how its value is read.
type Gauge<T> = (&'static str, &'static str, fn(&T) -> f64);

/// Writes families of gauges with one sample for each item.
fn gauges<T>(
    encoder: &mut DescriptorEncoder<'_>,
    families: &[Gauge<T>],
    items: &[T],
    labels: fn(&T) -> Labels<'_>,
) -> std::fmt::Result {
    for (name, help, read) in families {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for item in items {
            read_gauge(metric.encode_family(&labels(item))?, read(item))?;
        }
    }
    Ok(())
}

/// Writes one family of counters, with a sample for each trigger and each value of `label`.
fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &'static str,
    help: &'static str,
    label: &'static str,
    triggers: &[TriggerFigures],
    counts: fn(&TriggerFigures) -> Vec<(&'static str, u64)>,
) -> std::fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for figures in triggers {
        for (value, count) in counts(figures) {
            let mut labels = trigger_labels(figures);
            labels.push((label, value));
            ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn broker_labels(figures: &BrokerFigures) -> Labels<'_> {
    vec![
        ("namespace", &figures.namespace),
        ("broker", &figures.broker),
        ("channel", figures.channel),
    ]
}

fn gauge<'a>(
    metric: &mut MetricEncoder<'_>,
    mut labels: Labels<'a>,
    extra: (&'static str, &'a str),
    count: u64,
) -> std::fmt::Result {
    labels.push((extra.0, extra.1));
    read_gauge(metric.encode_family(&labels)?, float(count))
}

fn read_gauge(encoder: MetricEncoder<'_>, value: f64) -> std::fmt::Result {
    ConstGauge::new(value).encode(encoder)
}
