//! A door with brokers on memory channels, for the tests of ingress.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use sluicegate::ingress::deduplication::Deduplication;
use sluicegate::ingress::{Accepted, Directory, Entry, Found, Ingress, IngressOptions};
use sluicegate::metrics::ingress::IngressFamilies;
use sluicegate::server::{Served, ServerOptions, serve};
use sluicegate_channels::{
    Channel, Claim, Clock, Matcher, MemoryChannel, MemoryOptions, Position, SubscriptionKey,
};
use sluicegate_event::Event;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Answer, Client};

pub(crate) const HOPS_MAX: u8 = 32;

/// A door on a free port, with the broker `shop/orders`.
#[derive(Debug)]
pub(crate) struct TestDoor {
    pub(crate) address: SocketAddr,
    pub(crate) accepted: Arc<Recorder>,
    registry: Registry,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<Served>,
}

/// How a door differs from the plain one.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) ingress: IngressOptions,
    pub(crate) server: ServerOptions,
    pub(crate) channel: Arc<dyn Channel>,
    /// Why the broker is not served, if it is not.
    pub(crate) unserved: Option<&'static str>,
    pub(crate) has_default: bool,
    pub(crate) deduplication: Option<Arc<Deduplication>>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            ingress: IngressOptions::default(),
            server: ServerOptions::default(),
            channel: memory_channel(MemoryOptions::default()),
            unserved: None,
            has_default: true,
            deduplication: None,
        }
    }
}

/// Keeps what was accepted.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Vec<Event>>);

impl Accepted for Recorder {
    fn is_listening(&self) -> bool {
        true
    }

    fn accepted(&self, event: &Event, _position: Position) {
        self.0.lock().push(event.clone());
    }
}

impl Recorder {
    /// What was accepted since the last call.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock())
    }

    /// The only event that was accepted since the last call.
    #[track_caller]
    pub(crate) fn take_one(&self) -> Event {
        let events = self.take();
        assert_eq!(events.len(), 1, "{events:?}");
        events.into_iter().next().unwrap()
    }
}

/// Wants every event for one subscription.
#[derive(Debug)]
struct Everything;

impl Matcher for Everything {
    fn matches(&self, _event: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        answer(SubscriptionKey(1), Claim::Wanted);
    }
}

pub(crate) fn memory_channel(options: MemoryOptions) -> Arc<dyn Channel> {
    MemoryChannel::open(
        options,
        Arc::new(Everything),
        Clock::anchored_at(UNIX_EPOCH),
    )
}

#[derive(Debug)]
struct Brokers {
    entries: HashMap<(String, String), Found>,
    default: Option<Found>,
}

impl Directory for Brokers {
    fn find(&self, namespace: &str, broker: &str) -> Option<Found> {
        let key = (namespace.to_owned(), broker.to_owned());
        self.entries.get(&key).cloned()
    }

    fn find_default(&self) -> Option<Found> {
        self.default.clone()
    }
}

impl TestDoor {
    pub(crate) async fn plain() -> Self {
        TestDoor::start(Setup::default()).await
    }

    pub(crate) async fn start(setup: Setup) -> Self {
        let mut registry = Registry::default();
        let families = IngressFamilies::register(&mut registry);
        let accepted = Arc::new(Recorder::default());
        let entry = Arc::new(Entry {
            unattended: Arc::default(),
            durability: None,
            namespace: "shop".into(),
            name: "orders".into(),
            channel: setup.channel,
            hops_max: HOPS_MAX,
            metrics: families.handles("shop", "orders", "memory"),
            deduplication: setup.deduplication,
            on_accepted: Some(accepted.clone()),
        });
        let found = match setup.unserved {
            None => Found::Served(entry),
            Some(why) => Found::Unserved {
                broker: "shop/orders".to_owned(),
                why: why.to_owned(),
            },
        };
        let brokers = Brokers {
            default: setup.has_default.then(|| found.clone()),
            entries: HashMap::from([(("shop".to_owned(), "orders".to_owned()), found)]),
        };
        let ingress = Ingress::new(Arc::new(brokers), setup.ingress, &families);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, ingress, setup.server, async {
            drop(stopped.await);
        }));
        TestDoor {
            address,
            accepted,
            registry,
            stop: Some(stop),
            task,
        }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.client().await;
        client.send(request).await;
        client.answer().await
    }

    /// Asks the server to shut down.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// The metrics as they are scraped.
    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

/// The headers of a valid event in binary mode.
pub(crate) const EVENT: &str =
    "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /test\r\nce-type: test.made\r\n";

/// A POST with these lines besides `Host` and `Content-Length`.
pub(crate) fn post(path: &str, lines: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: test\r\n{lines}Content-Length: {length}\r\n\r\n{body}")
}

/// A request of a head with nothing in it but what HTTP asks for.
pub(crate) fn bare(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// A valid event in binary mode.
pub(crate) fn event(lines: &str, body: &str) -> String {
    post("/shop/orders", &format!("{EVENT}{lines}"), body)
}

/// A body of this media type.
pub(crate) fn typed(media_type: &str, body: &str) -> String {
    post(
        "/shop/orders",
        &format!("Content-Type: {media_type}\r\n"),
        body,
    )
}

pub(crate) const STRUCTURED: &str = "application/cloudevents+json";
pub(crate) const BATCH: &str = "application/cloudevents-batch+json";

/// A structured event with these members besides the required ones, each with a comma before it.
pub(crate) fn json(members: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"1","source":"/test","type":"test.made"{members}}}"#)
}
