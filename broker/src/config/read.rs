//! Reads `sluicegate.yaml`, key by key, reporting everything that is wrong.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sluicegate_resources::yaml::{Field, Findings, Mapping, Scalar, Value, documents};
use sluicegate_resources::{ChannelConfig, Diagnostic, ResolveMap, Severity, codes, read_channel};

use super::{AdminConfig, Config};
use crate::manifests::folder::{Contents, read_file};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the settings {}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The text is not valid settings.
    #[error("{rendered}")]
    Invalid {
        /// Every fault, with its line and a caret.
        rendered: String,
        /// The same as data.
        diagnostics: Vec<Diagnostic>,
    },
}

/// The longest wait that makes sense for a deadline of a connection.
const DEADLINE_MAX: Duration = Duration::from_secs(3600);
const MILLISECOND: Duration = Duration::from_millis(1);
/// CloudEvents asks intermediaries to pass events of this size.
const EVENT_BYTES_MIN: u64 = 64 << 10;
const GIB: u64 = 1 << 30;

pub(super) fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = match read_file(path) {
        Contents::Text(text) => text,
        Contents::Unreadable(why) => {
            return Err(ConfigError::Unreadable {
                path: path.to_owned(),
                why,
            });
        }
    };
    let folder = folder_of(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    })?;
    parse(&text, &path.display().to_string(), &folder)
}

fn folder_of(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    Ok(absolute.parent().map(Path::to_owned).unwrap_or_default())
}

pub(super) fn parse(text: &str, file: &str, folder: &Path) -> Result<Config, ConfigError> {
    let findings = Findings::default();
    let documents = documents(text);
    findings.extend(documents.fault);
    let mut config = Config::default();
    config.manifests = folder.join(&config.manifests);
    match documents.list.as_slice() {
        [] => {}
        [document] => {
            if let Some(root) = Mapping::of(document, &findings) {
                read_root(root, &mut config, folder);
            }
        }
        [_, second, ..] => findings.report(
            Diagnostic::error(
                codes::NOT_YAML,
                "the settings are one document; this is a second",
            )
            .at(second.root.span)
            .help("manifests stand in the folder that `manifests` names"),
        ),
    }
    let diagnostics = findings.into_sorted();
    if diagnostics
        .iter()
        .all(|it| it.severity == Severity::Warning)
    {
        return Ok(config);
    }
    let rendered: Vec<_> = diagnostics.iter().map(|it| it.render(file, text)).collect();
    Err(ConfigError::Invalid {
        rendered: rendered.join("\n"),
        diagnostics,
    })
}

fn read_root(mut root: Mapping<'_>, config: &mut Config, folder: &Path) {
    set(
        &mut config.listen,
        root.field("listen").and_then(|it| address(&it)),
    );
    if let Some(url) = root.field("url").and_then(|it| base_url(&it)) {
        config.url = Some(url);
    }
    if let Some(admin) = root.field("admin").and_then(|it| it.mapping()) {
        read_admin(admin, &mut config.admin);
    }
    set(
        &mut config.manifests,
        root.field("manifests").and_then(|it| path(&it, folder)),
    );
    if let Some(data) = root.field("data").and_then(|it| path(&it, folder)) {
        config.data = Some(data);
    }
    let channel = root
        .field("defaultChannel")
        .and_then(|it| default_channel(&it));
    set(&mut config.default_channel, channel);
    set(
        &mut config.resolve,
        root.field("resolve").and_then(|it| resolve(&it)),
    );
    if let Some(limits) = root.field("limits").and_then(|it| it.mapping()) {
        read_limits(limits, config);
    }
    if let Some(timeouts) = root.field("timeouts").and_then(|it| it.mapping()) {
        read_timeouts(timeouts, config);
    }
    if let Some(delivery) = root.field("delivery").and_then(|it| it.mapping()) {
        read_delivery(delivery, config);
    }
    if let Some(shutdown) = root.field("shutdown").and_then(|it| it.mapping()) {
        read_shutdown(shutdown, config);
    }
    root.finish();
    config.sender.limits = config.limits;
}

fn read_admin(mut admin: Mapping<'_>, config: &mut AdminConfig) {
    set(
        &mut config.listen,
        admin.field("listen").and_then(|it| address(&it)),
    );
    if let Some(hosts) = admin.field("allowedHosts").and_then(|it| it.list()) {
        config.allowed_hosts = hosts
            .iter()
            .filter_map(|host| host.text().map(str::to_owned))
            .collect();
    }
    admin.finish();
}

fn read_limits(mut limits: Mapping<'_>, config: &mut Config) {
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
    limits.finish();
}

fn read_timeouts(mut timeouts: Mapping<'_>, config: &mut Config) {
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

fn read_delivery(mut delivery: Mapping<'_>, config: &mut Config) {
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
    delivery.finish();
}

fn read_shutdown(mut shutdown: Mapping<'_>, config: &mut Config) {
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

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn deadline(mapping: &mut Mapping<'_>, name: &'static str, place: &mut Duration) {
    set(
        place,
        mapping
            .field(name)
            .and_then(|it| it.duration(MILLISECOND..=DEADLINE_MAX)),
    );
}

type Range = std::ops::RangeInclusive<u64>;

fn bytes(mapping: &mut Mapping<'_>, name: &'static str, range: Range, place: &mut usize) {
    let value = mapping.field(name).and_then(|it| it.quantity(range));
    set(place, value.and_then(|it| usize::try_from(it).ok()));
}

fn count(mapping: &mut Mapping<'_>, name: &'static str, range: Range, place: &mut usize) {
    let value = mapping.field(name).and_then(|it| it.integer(range));
    set(place, value.and_then(|it| usize::try_from(it).ok()));
}

fn address(field: &Field<'_>) -> Option<SocketAddr> {
    let text = field.text()?;
    let usual = text
        .strip_prefix("localhost:")
        .map(|port| format!("127.0.0.1:{port}"));
    match usual.as_deref().unwrap_or(text).parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let problem = format!("must be an address and a port; this is '{text}'");
            field.not_allowed(
                &problem,
                Some("write it like 127.0.0.1:8080 or [::1]:8080".into()),
            );
            None
        }
    }
}

fn base_url(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let url: Option<http::Uri> = text.parse().ok();
    let is_web = url
        .as_ref()
        .and_then(http::Uri::scheme_str)
        .is_some_and(|scheme| {
            (scheme == "http" || scheme == "https") && !text.contains(['?', '#', '@'])
        });
    if !is_web {
        field.not_allowed(
            &format!("must be an http or https URL; this is '{text}'"),
            Some("write it like https://events.example.com".into()),
        );
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

fn path(field: &Field<'_>, folder: &Path) -> Option<PathBuf> {
    field.text().map(|text| folder.join(text))
}

/// A kind by its name alone, `memory`, or with settings, as in a BrokerConfig's `spec.channel`.
fn default_channel(field: &Field<'_>) -> Option<ChannelConfig> {
    match &field.node().value {
        Value::Scalar(Scalar { text, .. }) if text == "memory" => {
            Some(ChannelConfig::Memory(Default::default()))
        }
        Value::Scalar(Scalar { text, .. }) if matches!(&**text, "disk" | "nats" | "kafka") => {
            field.refuse(
                codes::NOT_AVAILABLE,
                format!("the channel '{text}' is not available in this version"),
                "use memory",
            );
            None
        }
        Value::Scalar(_) => {
            field.string()?;
            field.not_allowed("must name a channel: memory", None);
            None
        }
        Value::Mapping(_) | Value::Sequence(_) | Value::Refused => read_channel(field),
    }
}

fn resolve(field: &Field<'_>) -> Option<ResolveMap> {
    let entries = field.string_map()?;
    match ResolveMap::new(entries) {
        Ok(map) => Some(map),
        Err(problem) => {
            field.not_allowed(
                &format!("has an entry that cannot be used: {problem}"),
                Some("write v1/Service/NAMESPACE/NAME: http://localhost:3001".into()),
            );
            None
        }
    }
}
