//! The sections of the settings that are tables of numbers: limits, deadlines, shutdown.

use std::ops::RangeInclusive;
use std::time::Duration;

use sluicegate_resources::read_age;
use sluicegate_resources::yaml::Mapping;

use super::super::Config;
use super::values::set;
use crate::history::HistoryOptions;
use crate::ingress::deduplication::DeduplicationOptions;

/// The longest wait that makes sense for a deadline of a connection.
const DEADLINE_MAX: Duration = Duration::from_secs(3600);
const MILLISECOND: Duration = Duration::from_millis(1);
/// More often would be a storm of its own; less often, a subscriber would wait longer than for a retry.
const PROBE_INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(600);
/// CloudEvents asks intermediaries to pass events of this size.
const EVENT_BYTES_MIN: u64 = 64 << 10;
const GIB: u64 = 1 << 30;
/// Less would be a few files of hardly any records.
const HISTORY_BYTES: Range = 1 << 20..=1_024 * GIB;
/// Every event of it is remembered.
const WINDOWS: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(7 * 24 * 3_600);
const HISTORY_AGES: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(3_660 * 24 * 3_600);

pub(super) fn read_limits(mut limits: Mapping<'_>, config: &mut Config) {
    let events = &mut config.limits;
    bytes(
        &mut limits,
        "eventBytes",
        EVENT_BYTES_MIN..=GIB,
        &mut events.event_bytes_max,
    );
    bytes(
        &mut limits,
        "batchBytes",
        EVENT_BYTES_MIN..=GIB,
        &mut events.batch_bytes_max,
    );
    count(
        &mut limits,
        "batchEvents",
        1..=1_000_000,
        &mut events.batch_events_max,
    );
    count(
        &mut limits,
        "attributes",
        8..=10_000,
        &mut events.attributes_max,
    );
    bytes(
        &mut limits,
        "attributeBytes",
        256..=1 << 20,
        &mut events.attribute_bytes_max,
    );
    bytes(
        &mut limits,
        "attributesBytes",
        1_024..=16 << 20,
        &mut events.attributes_bytes_max,
    );
    count(
        &mut limits,
        "jsonDepth",
        8..=1_000,
        &mut events.json_depth_max,
    );
    let in_flight = &mut config.request_bytes_in_flight_max;
    bytes(
        &mut limits,
        "requestBytesInFlight",
        1 << 20..=64 * GIB,
        in_flight,
    );
    let server = &mut config.server;
    bytes(
        &mut limits,
        "headerBytes",
        8 << 10..=1 << 20,
        &mut server.head_bytes_max,
    );
    count(
        &mut limits,
        "headerLines",
        16..=10_000,
        &mut server.head_lines_max,
    );
    bytes(
        &mut limits,
        "uriBytes",
        256..=64 << 10,
        &mut server.uri_bytes_max,
    );
    count(
        &mut limits,
        "connections",
        1..=10_000_000,
        &mut server.connections_max,
    );
    if let Some(field) = limits.field("connectionsPerAddress") {
        let connections = field.integer(1..=10_000_000);
        server.connections_per_peer_max = connections.and_then(|it| usize::try_from(it).ok());
    }
    if let Some(hops) = limits.field("maxHops").and_then(|it| it.integer(1..=255)) {
        config.hops_max = u8::try_from(hops).unwrap_or(u8::MAX);
    }
    let pending_age_max = limits.field("maxPendingAge").and_then(|it| read_age(&it));
    set(&mut config.pending_age_max, pending_age_max);
    limits.finish();
}

pub(super) fn read_ingress(mut ingress: Mapping<'_>, config: &mut Config) {
    if let Some(deduplicate) = ingress.field("deduplicate").and_then(|it| it.mapping()) {
        config.deduplicate = Some(read_deduplicate(deduplicate));
    }
    set(
        &mut config.has_durability_header,
        ingress
            .field("durabilityHeader")
            .and_then(|it| it.boolean()),
    );
    ingress.finish();
}

fn read_deduplicate(mut deduplicate: Mapping<'_>) -> DeduplicationOptions {
    let mut options = DeduplicationOptions::default();
    set(
        &mut options.window,
        deduplicate
            .field("window")
            .and_then(|it| it.duration(WINDOWS)),
    );
    count(
        &mut deduplicate,
        "idsMax",
        1..=100_000_000,
        &mut options.ids_max,
    );
    deduplicate.finish();
    options
}

pub(super) fn read_history(mut history: Mapping<'_>, options: &mut HistoryOptions) {
    set(
        &mut options.is_enabled,
        history.field("enabled").and_then(|it| it.boolean()),
    );
    set(
        &mut options.bytes_max,
        history
            .field("maxBytes")
            .and_then(|it| it.quantity(HISTORY_BYTES)),
    );
    set(
        &mut options.age_max,
        history
            .field("maxAge")
            .and_then(|it| it.duration(HISTORY_AGES)),
    );
    history.finish();
}

pub(super) fn read_timeouts(mut timeouts: Mapping<'_>, config: &mut Config) {
    let server = &mut config.server;
    for (name, value) in [
        ("firstByte", &mut server.first_byte_timeout),
        ("header", &mut server.header_timeout),
        ("idle", &mut server.idle_timeout),
        ("bodyGrace", &mut server.body_grace),
        ("write", &mut server.write_timeout),
    ] {
        deadline(&mut timeouts, name, value);
    }
    if let Some(rate) = timeouts
        .field("bodyBytesPerSecond")
        .and_then(|it| it.quantity(1..=GIB))
    {
        server.body_bytes_per_second_min = u32::try_from(rate).unwrap_or(u32::MAX);
    }
    timeouts.finish();
}

pub(super) fn read_delivery(mut delivery: Mapping<'_>, config: &mut Config) {
    deadline(
        &mut delivery,
        "connectTimeout",
        &mut config.sender.connect_timeout,
    );
    deadline(
        &mut delivery,
        "idleTimeout",
        &mut config.sender.idle_timeout,
    );
    let idle = &mut config.sender.idle_per_host_max;
    count(&mut delivery, "idleConnectionsPerHost", 0..=100_000, idle);
    bytes(
        &mut delivery,
        "responseBytes",
        1_024..=GIB,
        &mut config.sender.body_bytes_max,
    );
    let in_flight = &mut config.delivery_bytes_in_flight_max;
    bytes(
        &mut delivery,
        "bytesInFlight",
        EVENT_BYTES_MIN..=64 * GIB,
        in_flight,
    );
    set(
        &mut config.probe_every,
        delivery
            .field("probeInterval")
            .and_then(|it| it.duration(PROBE_INTERVALS)),
    );
    delivery.finish();
}

pub(super) fn read_shutdown(mut shutdown: Mapping<'_>, config: &mut Config) {
    for (name, value) in [
        ("grace", &mut config.shutdown_grace),
        ("lameDuck", &mut config.lame_duck),
    ] {
        let range = Duration::ZERO..=DEADLINE_MAX;
        set(
            value,
            shutdown.field(name).and_then(|it| it.duration(range)),
        );
    }
    shutdown.finish();
}

fn deadline(mapping: &mut Mapping<'_>, name: &'static str, place: &mut Duration) {
    set(
        place,
        mapping
            .field(name)
            .and_then(|it| it.duration(MILLISECOND..=DEADLINE_MAX)),
    );
}

type Range = RangeInclusive<u64>;

fn bytes(mapping: &mut Mapping<'_>, name: &'static str, range: Range, place: &mut usize) {
    let value = mapping.field(name).and_then(|it| it.quantity(range));
    set(place, value.and_then(|it| usize::try_from(it).ok()));
}

fn count(mapping: &mut Mapping<'_>, name: &'static str, range: Range, place: &mut usize) {
    let value = mapping.field(name).and_then(|it| it.integer(range));
    set(place, value.and_then(|it| usize::try_from(it).ok()));
}
