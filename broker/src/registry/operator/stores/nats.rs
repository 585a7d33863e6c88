//! A broker's channel in NATS: what its settings come to, and how long its servers are waited for.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::nats::channel::{NatsChannel, Standing};
use sluicegate_channels::nats::options::{Identity, NatsOptions, Source, StreamOptions, Tls};
use sluicegate_channels::{Clock, Matcher};
use sluicegate_resources::{Broker, NatsConfig, NatsIdentity, NatsTls, SecretSource};
use tokio::time::{Instant, sleep};

use super::super::super::Condition;

/// How long an opening waits for servers. One that waits in vain is tried again.
const READY_WAIT: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why a channel in NATS is not open.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotOpened(String);

/// Opens the channel of `broker`, and waits until it takes events.
pub(super) async fn open(
    broker: &Broker,
    config: &NatsConfig,
    matcher: Arc<dyn Matcher>,
    clock: Clock,
) -> Result<NatsChannel, Condition> {
    let name = &broker.metadata.name;
    let names = (name.namespace.as_str(), name.name.as_str());
    let opened = NatsChannel::open(names, options(config), matcher, clock);
    let channel = Box::pin(opened)
        .await
        .map_err(|error| Condition::channel_not_opened(&error))?;
    let deadline = Instant::now() + READY_WAIT;
    loop {
        let Standing::Opening { trouble, .. } = channel.standing() else {
            return Ok(channel);
        };
        if Instant::now() >= deadline {
            let met = trouble.or_else(|| channel.health().trouble);
            let why = met.unwrap_or_else(|| "no NATS server has answered".to_owned());
            return Err(Condition::channel_not_opened(&NotOpened(why)));
        }
        sleep(LOOK_EVERY).await;
    }
}

fn options(config: &NatsConfig) -> NatsOptions {
    NatsOptions {
        discovers_servers: config.discovers_servers,
        identity: identity(&config.identity),
        tls: config.tls.as_ref().map(tls).unwrap_or_default(),
        monitoring: config.monitoring.clone(),
        stream: StreamOptions {
            name: config.stream_name.clone(),
            prefix: config.prefix.clone(),
            replicas: config.replicas,
            is_in_files: config.is_in_files,
            bytes_max: config.bytes_max,
            events_max: config.events_max,
            age_max: config.age_max,
            duplicate_window: config.duplicate_window,
            cluster: config.placement.cluster.clone(),
            tags: config.placement.tags.clone(),
        },
        ..NatsOptions::new(config.servers.clone())
    }
}

fn identity(identity: &NatsIdentity) -> Identity {
    match identity {
        NatsIdentity::None => Identity::None,
        NatsIdentity::Credentials(from) => Identity::Credentials(source(from)),
        NatsIdentity::NkeySeed(from) => Identity::NkeySeed(source(from)),
        NatsIdentity::Token(from) => Identity::Token(source(from)),
        NatsIdentity::User { name, password } => Identity::User {
            name: source(name),
            password: source(password),
        },
    }
}

fn source(source: &SecretSource) -> Source {
    match source {
        SecretSource::File(path) => Source::File(path.clone()),
        SecretSource::Variable(name) => Source::Variable(name.clone()),
    }
}

fn tls(tls: &NatsTls) -> Tls {
    Tls {
        is_required: true,
        is_first: tls.is_first,
        authorities: tls.authorities.clone(),
        certificate: tls.certificate.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> NatsConfig {
        NatsConfig::new(vec!["nats://127.0.0.1:1".to_owned()])
    }

    /// Neither crate knows of the other, so each has its own.
    #[test]
    fn a_channel_and_a_manifest_have_the_same_defaults() {
        let config = config();
        assert_eq!(options(&config), NatsOptions::new(config.servers));
    }

    #[test]
    fn what_a_manifest_says_is_what_the_channel_is_told() {
        let config = NatsConfig {
            discovers_servers: false,
            replicas: 3,
            identity: NatsIdentity::User {
                name: SecretSource::File("/user".into()),
                password: SecretSource::Variable("PASSWORD".to_owned()),
            },
            tls: Some(NatsTls::default()),
            ..config()
        };
        let options = options(&config);
        assert!(!options.discovers_servers);
        assert_eq!(options.stream.replicas, 3);
        let expected = Identity::User {
            name: Source::File("/user".into()),
            password: Source::Variable("PASSWORD".to_owned()),
        };
        assert_eq!(options.identity, expected);
        assert!(options.tls.is_required, "where `tls` is given");
    }
}
