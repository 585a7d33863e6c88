//! Settings that are good by themselves and not beside each other.
//!
//! Most rules name two settings of which the first must not be smaller, or that must differ. The fault
//! stands at whichever is written, the first before the second, for the other may be a default.

use std::net::SocketAddr;

use sluicegate_channels::disk::log::PAYLOAD_BYTES_MAX;
use sluicegate_channels::memory::ingress_share;
use sluicegate_resources::yaml::{Document, Value, show_quantity};
use sluicegate_resources::{ChannelConfig, Diagnostic, Span, codes};

use super::super::{Config, Profile};

/// What is left of a record on disk for an event, once the lengths of its attributes stand beside them.
const DISK_EVENT_BYTES_MAX: u64 = (PAYLOAD_BYTES_MAX - (64 << 10)) as u64;

/// What is wrong with `config`, which was read from `document`.
pub(super) fn faults(config: &Config, document: &Document) -> Vec<Diagnostic> {
    let too_small = rules(config)
        .into_iter()
        .filter(|rule| rule.room_bytes < rule.need_bytes)
        .map(|rule| rule.fault(document));
    let others = [
        too_large_for_disk(config, document),
        same_address(config, document),
        not_durable(config, document),
    ];
    too_small.chain(others.into_iter().flatten()).collect()
}

/// `room` must be at least `need`.
struct Rule {
    room: &'static str,
    room_bytes: u64,
    need: &'static str,
    need_bytes: u64,
    /// What happens otherwise.
    why: &'static str,
    /// What `room` should be set to for `need` to fit.
    remedy_bytes: u64,
}

fn rules(config: &Config) -> Vec<Rule> {
    let event_bytes = wide(config.limits.event_bytes_max);
    let event = ("limits.eventBytes", event_bytes);
    let batch = ("limits.batchBytes", wide(config.limits.batch_bytes_max));
    let attributes = wide(config.limits.attributes_bytes_max);
    let in_flight = wide(config.request_bytes_in_flight_max);
    let rule = |room, room_bytes, (need, need_bytes), why| Rule {
        room,
        room_bytes,
        need,
        need_bytes,
        why,
        remedy_bytes: need_bytes,
    };
    let mut rules = vec![
        rule(
            "limits.requestBytesInFlight",
            in_flight,
            event,
            "the largest event would always be refused",
        ),
        rule(
            "limits.requestBytesInFlight",
            in_flight,
            batch,
            "the largest batch would always be refused",
        ),
        rule(
            "limits.eventBytes",
            event_bytes,
            ("limits.attributesBytes", attributes),
            "attributes are part of the event, so the limit on them would never be reached",
        ),
    ];
    if let ChannelConfig::Memory(memory) = &config.default_channel {
        let share = ingress_share(memory.bytes_max.get());
        rules.push(Rule {
            remedy_bytes: (event_bytes + event_bytes.div_ceil(4)).next_multiple_of(1 << 10),
            ..rule(
                "defaultChannel.memory.maxBytes",
                share,
                event,
                "new events may use 80 % of the channel, so the largest would always be refused",
            )
        });
    }
    rules
}

impl Rule {
    fn fault(&self, document: &Document) -> Diagnostic {
        let Rule {
            room,
            need,
            need_bytes,
            why,
            ..
        } = self;
        let need_shown = show_quantity(*need_bytes);
        let said = |name| match place(document, name) {
            Some(_) => "",
            None => " by default",
        };
        let message = format!(
            "`{room}` leaves room for {}{}, less than `{need}`, which is {need_shown}{}: {why}",
            show_quantity(self.room_bytes),
            said(room),
            said(need),
        );
        let help = format!(
            "raise `{room}` to {} or more, or lower `{need}`",
            show_quantity(self.remedy_bytes)
        );
        at_either(document, [room, need], message).help(help)
    }
}

/// A channel on disk stores an event as one record, which has a bound of its own.
fn too_large_for_disk(config: &Config, document: &Document) -> Option<Diagnostic> {
    let event_bytes = wide(config.limits.event_bytes_max);
    let ChannelConfig::Disk(_) = &config.default_channel else {
        return None;
    };
    let most = show_quantity(DISK_EVENT_BYTES_MAX);
    let message = format!(
        "`limits.eventBytes` is {}, and a channel on disk stores events of up to {most}: a larger one \
         would always be refused",
        show_quantity(event_bytes)
    );
    let help = format!(
        "lower `limits.eventBytes` to {most} or less, and send what is larger as a link to it"
    );
    (event_bytes > DISK_EVENT_BYTES_MAX)
        .then(|| at_either(document, ["limits.eventBytes", "defaultChannel"], message).help(help))
}

/// Two listeners on one port: the second would find it taken.
fn same_address(config: &Config, document: &Document) -> Option<Diagnostic> {
    let (door, admin) = (config.listen, config.admin.listen);
    let message =
        format!("`listen` ({door}) and `admin.listen` ({admin}) must not be the same address");
    let help = "give each a port of its own, such as 8080 and 8081";
    overlap(door, admin)
        .then(|| at_either(document, ["admin.listen", "listen"], message).help(help))
}

/// What is for production promises that no accepted event goes with the process.
fn not_durable(config: &Config, document: &Document) -> Option<Diagnostic> {
    let is_in_memory = config.default_channel.is_in_memory();
    let message = "`profile` is `production`, and `defaultChannel` keeps events in memory only: what is \
                   accepted would be lost with the process";
    let help = "leave `defaultChannel` out, or set it to `disk`; or leave `profile` out";
    (config.profile == Profile::Production && is_in_memory).then(|| {
        let names = ["defaultChannel", "profile"];
        at_either(document, names, message.to_owned()).help(help)
    })
}

/// Port 0 takes any free one. An unspecified address is every address of the machine.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (one.ip() == other.ip() || is_any)
}

fn at_either(document: &Document, names: [&str; 2], message: String) -> Diagnostic {
    let mut fault = Diagnostic::error(codes::NOT_ALLOWED, message);
    fault.span = names.into_iter().find_map(|name| place(document, name));
    fault
}

/// Where the value of `path` is written, if it is.
fn place(document: &Document, path: &str) -> Option<Span> {
    let mut node = &document.root;
    for name in path.split('.') {
        let Value::Mapping(entries) = &node.value else {
            return None;
        };
        node = &entries.iter().find(|entry| entry.key == name)?.value;
    }
    Some(node.span)
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
