//! The contract suite on the NATS channel, each test against a server of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sluicegate_channels::contract_suite::{Bounds, Capabilities, Fixture, Opened};
use sluicegate_channels::nats::channel::{NatsChannel, Standing};
use sluicegate_channels::nats::options::NatsOptions;
use sluicegate_channels::{BoxFuture, Clock, Matcher};
use sluicegate_conformance::nats::{NatsServer, Settings};
use tokio::time::{Instant, sleep};

/// What a dead process had been handed comes again after 10 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, with a broker for each channel that a test opens.
struct NatsFixture {
    server: NatsServer,
    opened: AtomicU64,
}

impl NatsFixture {
    async fn new() -> Self {
        NatsFixture {
            server: Box::pin(NatsServer::start(Settings::new())).await,
            opened: AtomicU64::new(0),
        }
    }

    async fn channel(&self, matcher: Arc<dyn Matcher>) -> Opened {
        let broker = format!("b{}", self.opened.load(Ordering::Relaxed));
        let clock = clock();
        let options = NatsOptions::new(vec![self.server.url()]);
        let opening = NatsChannel::open(("default", &broker), options, matcher, clock);
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

sluicegate_channels::contract_tests!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    NatsFixture::new().await
);
