//! `nats`: a channel in JetStream, and how its servers are reached.

use std::path::PathBuf;
use std::time::Duration;

mod identity;

use crate::codes;
use crate::yaml::{Field, Mapping, Value};

use self::identity::read_identity;
use super::{AGE_MAX, BOUND_MAX};

/// A channel in JetStream. What is left out, the server or the channel decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsConfig {
    /// `servers`: URLs `nats://` or `tls://`, at least one, without a user or a password.
    pub servers: Vec<String>,
    /// `discoverServers`: whether those that these tell of are connected to as well. Default true.
    pub discovers_servers: bool,
    /// `streamName`: of the stream of events, where it is to have a name of its own.
    pub stream_name: Option<String>,
    /// `prefix`: the first token of every subject. Default `sluicegate`.
    pub prefix: String,
    /// `replicas`: how many servers hold each stream, 1 to 5. Default 1.
    pub replicas: usize,
    /// `storage`: whether they lie in files (`file`, the default) or in memory (`memory`).
    pub is_in_files: bool,
    /// `maxBytes`
    pub bytes_max: Option<u64>,
    /// `maxMessages`
    pub events_max: Option<u64>,
    /// `maxAge`: after which the server deletes, settled or not.
    pub age_max: Option<Duration>,
    /// `placement`
    pub placement: NatsPlacement,
    /// `duplicateWindow`: for how long the server knows a message again. Default 20 s.
    pub duplicate_window: Duration,
    /// `monitoring`: where servers answer `/varz`, as `http://` addresses.
    pub monitoring: Vec<String>,
    /// `credentialsFile`, `nkeySeedFile`, `tokenFile`, or `userFile` and `passwordFile`; each also with
    /// `Variable` for `File`.
    pub identity: NatsIdentity,
    /// `tls`; connections must be secured where it is given.
    pub tls: Option<NatsTls>,
}

impl NatsConfig {
    /// The defaults, for these servers.
    pub fn new(servers: Vec<String>) -> Self {
        NatsConfig {
            servers,
            discovers_servers: true,
            stream_name: None,
            prefix: "sluicegate".to_owned(),
            replicas: 1,
            is_in_files: true,
            bytes_max: None,
            events_max: None,
            age_max: None,
            placement: NatsPlacement::default(),
            duplicate_window: DUPLICATE_WINDOW,
            monitoring: Vec::new(),
            identity: NatsIdentity::default(),
            tls: None,
        }
    }
}

/// Where streams are to lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatsPlacement {
    /// `cluster`
    pub cluster: Option<String>,
    /// `tags`
    pub tags: Vec<String>,
}

/// Who the broker is to its servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NatsIdentity {
    /// Nobody in particular.
    #[default]
    None,
    /// Whoever has these credentials, as `nsc` writes them.
    Credentials(SecretSource),
    /// Whoever has the key of this seed.
    NkeySeed(SecretSource),
    /// Whoever has this token.
    Token(SecretSource),
    /// A user with a password.
    User {
        /// The user.
        name: SecretSource,
        /// The password.
        password: SecretSource,
    },
}

/// Where a secret stands; it is in no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file.
    File(PathBuf),
    /// In a variable of the environment.
    Variable(String),
}

/// How connections are secured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatsTls {
    /// `ca`: authorities that are trusted instead of the system's.
    pub authorities: Option<PathBuf>,
    /// `certificate` and `key`
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// `first`: whether the handshake comes before the server's greeting.
    pub is_first: bool,
}

/// A publish is tried for up to 4.5 s, and what was tried late must be known again.
const DUPLICATE_WINDOW_MIN: Duration = Duration::from_secs(10);
const DUPLICATE_WINDOW_MAX: Duration = Duration::from_secs(60 * 60);
const DUPLICATE_WINDOW: Duration = Duration::from_secs(20);
/// Two more streams have longer names, and a server takes 255 bytes.
const STREAM_NAME_BYTES_MAX: usize = 240;
const PREFIX_BYTES_MAX: usize = 64;

pub(super) fn read_nats(field: &Field<'_>) -> Option<NatsConfig> {
    if matches!(field.node().value, Value::Refused) {
        return None;
    }
    let mut nats = field.mapping()?;
    let servers = nats
        .required("servers")
        .and_then(|field| read_all(&field, read_server));
    let mut flag = |name| nats.field(name).and_then(|it| it.boolean());
    let discovers_servers = flag("discoverServers");
    let stream_name = nats
        .field("streamName")
        .and_then(|it| read_stream_name(&it));
    let prefix = nats.field("prefix").and_then(|it| read_prefix(&it));
    let replicas = nats.field("replicas").and_then(|it| it.integer(1..=5));
    let storage = nats.field("storage");
    let is_in_files = storage.and_then(|it| it.one_of(&[("file", true), ("memory", false)]));
    let bytes_max = nats
        .field("maxBytes")
        .and_then(|it| it.quantity(1..=BOUND_MAX));
    let events_max = nats
        .field("maxMessages")
        .and_then(|it| it.integer(1..=BOUND_MAX));
    let age = Duration::from_secs(1)..=AGE_MAX;
    let age_max = nats.field("maxAge").and_then(|it| it.duration(age));
    let placement = nats.field("placement").and_then(|it| read_placement(&it));
    let window = DUPLICATE_WINDOW_MIN..=DUPLICATE_WINDOW_MAX;
    let duplicate_window = nats
        .field("duplicateWindow")
        .and_then(|it| it.duration(window));
    let monitoring = nats
        .field("monitoring")
        .and_then(|field| read_all(&field, read_address));
    let identity = read_identity(field, &mut nats);
    let tls = nats.field("tls").map(|it| read_tls(&it));
    nats.finish();
    let default = NatsConfig::new(servers?);
    let replicas = replicas.and_then(|it| usize::try_from(it).ok());
    Some(NatsConfig {
        discovers_servers: discovers_servers.unwrap_or(default.discovers_servers),
        stream_name,
        prefix: prefix.unwrap_or(default.prefix),
        replicas: replicas.unwrap_or(default.replicas),
        is_in_files: is_in_files.unwrap_or(default.is_in_files),
        bytes_max,
        events_max,
        age_max,
        placement: placement.unwrap_or_default(),
        duplicate_window: duplicate_window.unwrap_or(default.duplicate_window),
        monitoring: monitoring.unwrap_or_default(),
        identity: identity?,
        tls: match tls {
            None => None,
            Some(tls) => Some(tls?),
        },
        servers: default.servers,
    })
}

/// Each item of a list that has at least one; none where one is refused.
fn read_all(field: &Field<'_>, read: impl Fn(&Field<'_>) -> Option<String>) -> Option<Vec<String>> {
    let items = field.list()?;
    if items.is_empty() {
        field.not_allowed("must have at least one item", None);
        return None;
    }
    // Every one is looked at, so that every fault is told.
    let read: Vec<Option<String>> = items.iter().map(read).collect();
    read.into_iter().collect()
}

/// What is refused may have a password in it, so that it is not repeated.
fn read_server(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let behind = ["nats://", "tls://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let Some(host) = behind else {
        field.refuse(
            codes::NOT_ALLOWED,
            format!("`{}` must be a URL nats:// or tls://", field.path()),
            "write it like nats://nats.example.com:4222",
        );
        return None;
    };
    if host.contains('@') {
        field.refuse(
            codes::NOT_ALLOWED,
            format!("`{}` must not hold a user or a password", field.path()),
            "name files or variables beside `servers`: `userFile` and `passwordFile`, `tokenFile`, \
             `nkeySeedFile` or `credentialsFile`",
        );
        return None;
    }
    is_host(field, host).then(|| text.to_owned())
}

fn read_address(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let Some(host) = text.strip_prefix("http://") else {
        field.not_allowed(
            "must be an address http://, where a server answers its monitoring",
            Some("write it like http://nats.example.com:8222".to_owned()),
        );
        return None;
    };
    is_host(field, host.trim_end_matches('/')).then(|| text.to_owned())
}

fn is_host(field: &Field<'_>, host: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_graphic() && !b"/?#@".contains(&byte);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        Some(_) | None => (host, None),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    let is_good = !name.is_empty() && name.bytes().all(is_one) && is_port;
    if !is_good {
        field.not_allowed(
            "must name a host, and a port where it is not the usual one",
            None,
        );
    }
    is_good
}

fn read_stream_name(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let is_good = |byte: u8| byte.is_ascii_graphic() && !b".*>/\\".contains(&byte);
    if text.len() > STREAM_NAME_BYTES_MAX || !text.bytes().all(is_good) {
        field.not_allowed(
            &format!(
                "must be the name of a stream: up to {STREAM_NAME_BYTES_MAX} letters, digits and \
                 signs but for . * > / \\"
            ),
            None,
        );
        return None;
    }
    Some(text.to_owned())
}

fn read_prefix(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.len() > PREFIX_BYTES_MAX || !text.bytes().all(is_good) {
        field.not_allowed(
            &format!("must be up to {PREFIX_BYTES_MAX} letters, digits and hyphens"),
            None,
        );
        return None;
    }
    Some(text.to_owned())
}

fn read_placement(field: &Field<'_>) -> Option<NatsPlacement> {
    let mut placement = field.mapping()?;
    let mut text = |name| placement.field(name);
    let cluster = text("cluster").and_then(|it| it.text().map(str::to_owned));
    let tag = |it: &Field<'_>| it.text().map(str::to_owned);
    let tags = text("tags").and_then(|it| read_all(&it, tag));
    placement.finish();
    Some(NatsPlacement {
        cluster,
        tags: tags.unwrap_or_default(),
    })
}

fn read_tls(field: &Field<'_>) -> Option<NatsTls> {
    let mut tls = field.mapping()?;
    let authorities = tls.field("ca").and_then(|it| read_path(&it));
    let is_given = ["certificate", "key"].map(|name| tls.contains(name));
    let certificate = tls.field("certificate").and_then(|it| read_path(&it));
    let key = tls.field("key").and_then(|it| read_path(&it));
    let is_first = tls.field("first").and_then(|it| it.boolean());
    tls.finish();
    if let [true, false] | [false, true] = is_given {
        field.refuse(
            codes::NOT_ALLOWED,
            format!("`{}` names a certificate or a key alone", field.path()),
            "name both `certificate` and `key`, or neither",
        );
        return None;
    }
    Some(NatsTls {
        authorities,
        certificate: certificate.zip(key),
        is_first: is_first.unwrap_or(false),
    })
}

/// Files are found wherever the manifest was read.
fn read_path(field: &Field<'_>) -> Option<PathBuf> {
    let text = field.text()?;
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        field.not_allowed("must be an absolute path", None);
        return None;
    }
    Some(path)
}

/// Whether a mapping has any of these fields.
fn given<'n>(mapping: &Mapping<'_>, names: &[&'n str]) -> Vec<&'n str> {
    let each = names.iter().copied();
    each.filter(|name| mapping.contains(name)).collect()
}

#[cfg(test)]
mod tests;
