//! The operator on real memory channels and paused time, with scripted subscribers. Objects come
//! from manifests, as they do in life.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use sluicegate_channels::{
    Admission, AppendError, Books, BoxFuture, Clock, DurabilityClass, SubscriptionStatus,
};
use sluicegate_dispatcher::{Answer, Content, Failure, Transmission};
use sluicegate_event::Event;
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::history::HistoryOptions;
use crate::manifests::{Catalog, Contents, Folder};
use crate::testing::TempDir;

mod brokers;
mod disk;
mod letters;
mod stopping;
mod triggers;

/// What a scripted subscriber does with a send.
#[derive(Clone, Copy, Debug)]
enum Reaction {
    Answer(u16),
    After(Duration, u16),
    Hang,
}

/// Every subscriber and sink, by host; those that are not scripted take everything.
#[derive(Debug, Default)]
struct Subscribers {
    reactions: Mutex<BTreeMap<String, Reaction>>,
    sent: Mutex<Vec<(String, String)>>,
}

impl Subscribers {
    fn react(&self, host: &str, reaction: Reaction) {
        self.reactions.lock().insert(host.to_owned(), reaction);
    }

    /// How many sends there were.
    fn sent(&self) -> usize {
        self.sent.lock().len()
    }

    /// The ids that were sent to `url`.
    fn sent_to(&self, url: &str) -> Vec<String> {
        let sent = self.sent.lock();
        let to = sent.iter().filter(|(to, _)| to == url);
        to.map(|(_, id)| id.clone()).collect()
    }
}

impl Sender for Subscribers {
    fn send(&self, transmission: Transmission) -> BoxFuture<'_, Result<Answer, Failure>> {
        let uri = &transmission.target.uri;
        let reaction = self.reactions.lock().get(uri.host().unwrap()).copied();
        let sent = (uri.to_string(), transmission.event.id().to_owned());
        self.sent.lock().push(sent);
        Box::pin(async move {
            let status = match reaction.unwrap_or(Reaction::Answer(204)) {
                Reaction::Answer(status) => status,
                Reaction::After(wait, status) => {
                    sleep(wait).await;
                    status
                }
                Reaction::Hang => std::future::pending().await,
            };
            Ok(Answer {
                status,
                retry_after: None,
                content: Content::Empty,
                body_start: Bytes::new(),
                is_loop: false,
            })
        })
    }
}

/// An operator and everything around it.
struct Bench {
    operator: Operator,
    catalog: Catalog,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    subscribers: Arc<Subscribers>,
}

fn options() -> OperatorOptions {
    OperatorOptions {
        profile: Profile::Standard,
        has_durability_header: false,
        deduplicate: None,
        history: HistoryOptions::default(),
        data: None,
        default_channel: ChannelConfig::Memory(Default::default()),
        retention: Retention::default(),
        dead_letters: DeadLetters::default(),
        hops_max: 32,
        pending_age_max: Duration::from_secs(7 * 24 * 3_600),
        resolve: ResolveMap::default(),
        ingress_url: "http://door:8080".to_owned(),
        has_default_broker: false,
        in_flight_bytes_max: 1 << 20,
        probe_every: Duration::from_secs(30),
    }
}

impl Bench {
    fn new() -> Self {
        Self::with(options(), Identities::in_memory())
    }

    fn with(options: OperatorOptions, identities: Identities) -> Self {
        let clock = Clock::anchored_at(UNIX_EPOCH + Duration::from_secs(1_000_000));
        let registry = Arc::new(Registry::new(clock));
        let metrics = Arc::new(Metrics::new(Arc::clone(&registry) as _));
        let subscribers = Arc::new(Subscribers::default());
        let parts = OperatorParts {
            registry: Arc::clone(&registry),
            metrics: Arc::clone(&metrics),
            sender: Arc::clone(&subscribers) as _,
            watches: Arc::new(WatchList::new(clock)),
            identities,
            random: fastrand::Rng::with_seed(7),
        };
        Bench {
            operator: Operator::new(options, parts),
            catalog: Catalog::new(),
            registry,
            metrics,
            subscribers,
        }
    }

    /// Applies the manifests as written, at once.
    async fn apply(&mut self, manifests: &[&str]) {
        let now = self.registry.clock().now();
        let folder = folder(manifests);
        let review = self.catalog.review(&folder, now);
        assert!(!review.has_errors(), "{:#?}", review.findings);
        // What is gone is gone: the wait for it is the catalog's business.
        let gone_at = review.look_again_at.unwrap_or(now);
        self.catalog.review(&folder, gone_at);
        self.operator.apply(&self.catalog.objects()).await;
    }

    async fn send(&self, broker: &str, id: &str) -> Result<(), AppendError> {
        self.send_of_type(broker, id, "t").await
    }

    async fn send_of_type(&self, broker: &str, id: &str, ty: &str) -> Result<(), AppendError> {
        let event = Event::builder(id, "/test", ty).build().unwrap();
        let table = self.registry.table();
        let channel = &table.brokers[&name(broker)].channel;
        let stored = channel.append(vec![event], Admission::Ingress).await;
        stored.map(drop)
    }

    fn trigger(&self, trigger: &str) -> Arc<TriggerView> {
        Arc::clone(&self.registry.table().triggers[&name(trigger)])
    }

    #[track_caller]
    fn reason(&self, trigger: &str) -> Option<&'static str> {
        self.trigger(trigger).condition.reason()
    }

    fn uid(&self, trigger: &str) -> String {
        self.trigger(trigger).service.as_ref().unwrap().uid.clone()
    }

    /// How the trigger's subscription stands.
    fn status(&self, trigger: &str) -> SubscriptionStatus {
        let view = self.trigger(trigger);
        let key = view.service.as_ref().unwrap().key;
        let table = self.registry.table();
        let status = table.brokers[&view.broker()].channel.describe();
        let found = status.subscriptions.into_iter().find(|it| it.key == key);
        found.unwrap()
    }

    /// As a command does.
    async fn pause(&self, trigger: &str, paused: bool) {
        let view = self.trigger(trigger);
        let table = self.registry.table();
        let channel = &table.brokers[&view.broker()].channel;
        let service = view.service.as_ref().unwrap();
        channel.pause(&service.subscription, paused).await;
    }

    fn books(&self, trigger: &str) -> Books {
        let books = self.status(trigger).books;
        assert!(books.balance(), "{books:?}");
        books
    }

    /// The books as the metrics have them, of triggers that are deleted too.
    fn figures(&self, trigger: &str) -> Option<Books> {
        use crate::metrics::figures::FiguresSource as _;
        let figures = self.registry.figures().triggers.into_iter();
        let mut found = figures.filter(|it| &*it.trigger == trigger);
        let books = found.next()?.books;
        assert!(found.next().is_none() && books.balance(), "{books:?}");
        Some(books)
    }

    #[track_caller]
    fn assert_sent(&self, url: &str, ids: &[&str]) {
        assert_eq!(self.subscribers.sent_to(url), ids, "to {url}");
    }
}

/// A folder with each of these texts as a file.
fn folder(manifests: &[&str]) -> Folder {
    let file = |(number, text): (usize, &&str)| {
        let text = Contents::Text((*text).into());
        (PathBuf::from(format!("{number:05}.yaml")), text)
    };
    Folder {
        files: manifests.iter().enumerate().map(file).collect(),
        exists: true,
        ..Folder::default()
    }
}

fn name(name: &str) -> ObjectName {
    ObjectName {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    }
}

/// Lets everything happen that is due by then.
async fn pass(millis: u64) {
    sleep(Duration::from_millis(millis)).await;
}

fn broker(name: &str) -> String {
    broker_with(name, "{}")
}

fn broker_with(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: eventing.knative.dev/v1\nkind: Broker\n\
         metadata: {{namespace: shop, name: {name}}}\nspec: {spec}\n"
    )
}

fn broker_config(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: sluicegate.dev/v1alpha1\nkind: BrokerConfig\n\
         metadata: {{namespace: shop, name: {name}}}\nspec: {spec}\n"
    )
}

/// A trigger of the broker `orders` that wants type `t` at `http://NAME/`.
fn trigger(name: &str) -> String {
    let subscriber = format!("uri: http://{name}/");
    trigger_with(name, "{attributes: {type: t}}", &subscriber, "", "{}")
}

fn trigger_with(
    name: &str,
    filter: &str,
    subscriber: &str,
    annotations: &str,
    delivery: &str,
) -> String {
    format!(
        "apiVersion: eventing.knative.dev/v1\nkind: Trigger\n\
         metadata: {{namespace: shop, name: {name}, annotations: {{{annotations}}}}}\n\
         spec:\n  broker: orders\n  filter: {filter}\n  subscriber: {{{subscriber}}}\n  \
         delivery: {delivery}\n"
    )
}
