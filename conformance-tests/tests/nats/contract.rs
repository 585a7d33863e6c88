//! The contract suite on the NATS channel, each test against a server of its own, and against three.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sluicegate_channels::contract_suite::{Bounds, Capabilities, Fixture, Opened};
use sluicegate_channels::nats::channel::{NatsChannel, Standing};
use sluicegate_channels::nats::options::NatsOptions;
use sluicegate_channels::{BoxFuture, Clock, Matcher};
use sluicegate_conformance::nats::{Cluster, NatsServer, Settings};
use tokio::time::{Instant, sleep};

/// What a dead process had been handed comes again after 10 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// Servers, with a broker for each channel that a test opens.
struct NatsFixture {
    servers: Servers,
    opened: AtomicU64,
}

enum Servers {
    One(Box<NatsServer>),
    Three(Cluster),
}

impl NatsFixture {
    async fn single() -> Self {
        Self::on(Servers::One(Box::new(
            Box::pin(NatsServer::start(Settings::new())).await,
        )))
    }

    async fn three() -> Self {
        Self::on(Servers::Three(
            Box::pin(Cluster::start(Settings::new())).await,
        ))
    }

    fn on(servers: Servers) -> Self {
        NatsFixture {
            servers,
            opened: AtomicU64::new(0),
        }
    }

    fn options(&self) -> NatsOptions {
        match &self.servers {
            Servers::One(server) => NatsOptions::new(vec![server.url()]),
            Servers::Three(cluster) => {
                let mut options = NatsOptions::new(cluster.urls());
                options.stream.replicas = 3;
                options
            }
        }
    }

    async fn channel(&self, matcher: Arc<dyn Matcher>) -> Opened {
        let broker = format!("b{}", self.opened.load(Ordering::Relaxed));
        let clock = clock();
        let opening = NatsChannel::open(("default", &broker), self.options(), matcher, clock);
        let channel = Box::pin(opening).await.expect("the options are good");
        let deadline = Instant::now() + PATIENCE;
        while channel.standing() != Standing::Ready {
            assert!(Instant::now() < deadline, "{:?}", channel.standing());
            sleep(Duration::from_millis(10)).await;
        }
        let channel = Arc::new(channel);
        Opened { channel, clock }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a clock is anchored to the wall once"
)]
pub(crate) fn clock() -> Clock {
    Clock::anchored_at(SystemTime::now())
}

impl Fixture for NatsFixture {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // A stream has events that nobody wants too: bounds have tests of their own.
            bounded: false,
            sheds: false,
            keeps_settled: true,
        }
    }

    fn open(&self, _: Bounds, matcher: Arc<dyn Matcher>) -> BoxFuture<'_, Opened> {
        Box::pin(async move {
            self.opened.fetch_add(1, Ordering::Relaxed);
            self.channel(matcher).await
        })
    }

    fn reopen(&self, opened: Opened, matcher: Arc<dyn Matcher>) -> BoxFuture<'_, Option<Opened>> {
        Box::pin(async move {
            // Without a word, as a kill would.
            drop(opened);
            Some(self.channel(matcher).await)
        })
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}

mod on_one_server {
    use super::NatsFixture;

    sluicegate_channels::contract_tests!(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        NatsFixture::single().await
    );
}

mod on_three_servers {
    use super::NatsFixture;

    sluicegate_channels::contract_tests!(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        NatsFixture::three().await
    );
}
