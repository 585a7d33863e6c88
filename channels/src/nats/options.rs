//! How a broker's events are kept in NATS, and how its servers are reached.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// See `docs/decisions/0016-nats-channel.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsOptions {
    /// Where servers listen, as URLs `nats://` or `tls://`; at least one.
    pub servers: Vec<String>,
    /// Whether servers that these tell of are connected to as well. Default true.
    pub discovers_servers: bool,
    /// Who we are to the servers.
    pub identity: Identity,
    /// How connections are secured.
    pub tls: Tls,
    /// Where servers answer for their monitoring, as `http://` addresses.
    pub monitoring: Vec<String>,
    /// The streams.
    pub stream: StreamOptions,
    /// How long an append waits for its acknowledgement, tries together. Default 4.5 s.
    pub append_wait: Duration,
    /// What a producer is told that was refused for now. Default 1 s.
    pub retry_after: Duration,
}

/// What a broker's streams are like. An existing stream that is not like this is reported, and never
/// changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// The stream of events, where it is to have a name of its own.
    pub name: Option<String>,
    /// The first token of every subject, and of streams without a name of their own. Default
    /// `sluicegate`.
    pub prefix: String,
    /// How many servers hold each stream. Default 1.
    pub replicas: usize,
    /// Whether they lie in files. Default true.
    pub is_in_files: bool,
    /// Bytes that events may take together with what is kept apart. No bound by default, but what the
    /// server has.
    pub bytes_max: Option<u64>,
    /// The same in events.
    pub events_max: Option<u64>,
    /// After which age the server deletes, settled or not. Never by default.
    pub age_max: Option<Duration>,
    /// For how long the server knows a message again. Default 20 s: a publish is not tried for
    /// longer, and each id costs the server memory until then.
    pub duplicate_window: Duration,
    /// The cluster that the streams are to lie in.
    pub cluster: Option<String>,
    /// What their servers are to be tagged with.
    pub tags: Vec<String>,
}

/// Who we are to the servers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Identity {
    /// Nobody in particular.
    #[default]
    None,
    /// A user with a password.
    User {
        /// The user.
        name: Source,
        /// The password.
        password: Source,
    },
    /// Whoever has this token.
    Token(Source),
    /// Whoever has the key of this seed.
    NkeySeed(Source),
    /// A user's token and the seed of its key, as `nsc` writes them into a file.
    Credentials(Source),
}

/// Where a secret stands. It is read again at each connection, so that one that has been exchanged is
/// found without a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In this file.
    File(PathBuf),
    /// In the variable of this name.
    Variable(String),
}

/// How connections are secured.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tls {
    /// Whether a connection is refused that the server does not secure. URLs `tls://` do so too.
    pub is_required: bool,
    /// Whether the handshake comes before the server's greeting.
    pub is_first: bool,
    /// The authorities that are trusted instead of the system's.
    pub authorities: Option<PathBuf>,
    /// The certificate that we show, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// A text that is shown to nobody but the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` to itself, without the line end that files have.
    pub fn new(text: &str) -> Self {
        Secret(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The text, for the server.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl NatsOptions {
    /// The defaults, for these servers.
    pub fn new(servers: Vec<String>) -> Self {
        NatsOptions {
            servers,
            discovers_servers: true,
            identity: Identity::default(),
            tls: Tls::default(),
            monitoring: Vec::new(),
            stream: StreamOptions::default(),
            append_wait: Duration::from_millis(4_500),
            retry_after: Duration::from_secs(1),
        }
    }
}

impl Default for StreamOptions {
    fn default() -> Self {
        StreamOptions {
            name: None,
            prefix: "sluicegate".to_owned(),
            replicas: 1,
            is_in_files: true,
            bytes_max: None,
            events_max: None,
            age_max: None,
            duplicate_window: Duration::from_secs(20),
            cluster: None,
            tags: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_nowhere() {
        let secret = Secret::new("hunter2\r\n");
        assert_eq!(secret.reveal(), "hunter2");
        for shown in [format!("{secret:?}"), format!("{secret:#?}")] {
            assert_eq!(shown, "***");
        }
    }

    #[test]
    fn a_publish_is_given_up_before_the_server_forgets_it() {
        let options = NatsOptions::new(Vec::new());
        assert!(options.append_wait * 2 < options.stream.duplicate_window);
    }
}
