//! The connection: who we are, how it is secured, and what becomes of what is asked when servers go,
//! stand still, come back or are too old.

mod identities;
mod outages;

use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use sluicegate_channels::nats::link::{Link, LinkError};
use sluicegate_channels::nats::options::NatsOptions;
use sluicegate_conformance::nats::NatsServer;
use tokio::time::{Instant, sleep};

/// How long a server may take to be there, or to be found gone.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn options(server: &NatsServer) -> NatsOptions {
    NatsOptions::new(vec![server.url()])
}

pub(crate) async fn open(options: &NatsOptions) -> Link {
    Box::pin(Link::open(options)).await.expect("good options")
}

/// A link that has been seen to work.
pub(crate) async fn connected(options: &NatsOptions) -> Link {
    let link = open(options).await;
    until_up(&link).await;
    link
}

pub(crate) async fn until_up(link: &Link) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = link.wait_until_up(deadline).await {
        assert!(Instant::now() < deadline, "{error}: {:?}", link.health());
        sleep(Duration::from_millis(20)).await;
    }
}

/// Asks JetStream what the account has, which it answers to whoever may ask.
async fn ask(link: &Link, wait: Duration) -> Result<serde_json::Value, LinkError> {
    let deadline = Instant::now() + wait;
    let asked = link.request("$JS.API.INFO", HeaderMap::new(), Bytes::new(), deadline);
    let answer = Box::pin(asked).await?;
    Ok(serde_json::from_slice(&answer.payload).expect("the answer is JSON"))
}

/// What is said of a link that does not come up, once it says something that holds `words`.
async fn trouble(link: &Link, words: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let health = link.health();
        assert!(!health.is_up, "it is up");
        let trouble = health.trouble.unwrap_or_default();
        if trouble.contains(words) {
            return trouble;
        }
        assert!(
            Instant::now() < deadline,
            "{trouble:?} does not say {words:?}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}
