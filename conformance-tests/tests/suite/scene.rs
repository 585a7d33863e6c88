//! What most tests begin with: a namespace, a broker in it, triggers, and a subscriber.

mod load;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_conformance::client::Request;
use sluicegate_conformance::event::{Event, Mode};
use sluicegate_conformance::harness::{Server, TriggerStatus};
use sluicegate_conformance::http1::Message;
use sluicegate_conformance::ledger::Books;
use sluicegate_conformance::subscriber::{Received, Subscriber};

pub(crate) use load::Load;
pub(crate) use server::{await_answer, await_verbose, metrics};

/// How many events a test may send that the ledger does not judge: what is more is load.
const UNJUDGED_MAX: usize = 99;
/// How long anything may take that should take milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A scene that is being set: the triggers go to one broker called `broker`.
pub(crate) struct Scene {
    pub(crate) server: Arc<Server>,
    pub(crate) subscriber: Subscriber,
    pub(crate) namespace: String,
    objects: Vec<Value>,
    triggers: Vec<String>,
    unjudged: AtomicUsize,
}

impl Scene {
    /// An empty scene on the shared server.
    pub(crate) async fn new(name: &str) -> Self {
        Self::on(server::shared_server().await, name).await
    }

    /// An empty scene on a server of the test's own.
    pub(crate) async fn on(server: Arc<Server>, name: &str) -> Self {
        let subscriber = Subscriber::start().await.expect("loopback has free ports");
        let unique = fastrand::Rng::new().u32(..);
        let namespace = format!("{name}-{unique:08x}");
        Scene {
            server,
            subscriber,
            namespace,
            objects: Vec::new(),
            triggers: Vec::new(),
            unjudged: AtomicUsize::new(0),
        }
    }

    /// The same in the namespace of an earlier scene, whose server has ended.
    pub(crate) fn in_namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// Adds the broker, with this delivery.
    pub(crate) fn broker(self, delivery: Value) -> Self {
        self.broker_spec(json!({ "delivery": delivery }))
    }

    /// Adds the broker, with this spec.
    pub(crate) fn broker_spec(mut self, spec: Value) -> Self {
        let metadata = json!({"name": "broker", "namespace": self.namespace});
        self.objects.push(json!({
            "apiVersion": "eventing.knative.dev/v1",
            "kind": "Broker",
            "metadata": metadata,
            "spec": spec,
        }));
        self
    }

    /// Adds the broker with a BrokerConfig of this spec.
    pub(crate) fn configured_broker(self, config: Value) -> Self {
        self.broker_config(config).broker_of_config()
    }

    /// Adds the broker that names the BrokerConfig.
    pub(crate) fn broker_of_config(self) -> Self {
        self.broker_spec(json!({"config": {
            "apiVersion": "sluicegate.dev/v1alpha1", "kind": "BrokerConfig", "name": "config",
        }}))
    }

    /// Adds a BrokerConfig of this spec.
    pub(crate) fn broker_config(mut self, config: Value) -> Self {
        let metadata = json!({"name": "config", "namespace": self.namespace});
        self.objects.push(json!({
            "apiVersion": "sluicegate.dev/v1alpha1",
            "kind": "BrokerConfig",
            "metadata": metadata,
            "spec": config,
        }));
        self
    }

    /// Adds a trigger whose subscriber is the path of its name; `spec` is laid over the defaults.
    pub(crate) fn trigger(mut self, name: &str, spec: Value) -> Self {
        let trigger = self.trigger_object(name, spec);
        self.objects.push(trigger);
        self.triggers.push(name.to_owned());
        self
    }

    /// The same with annotations. [`Scene::edit_trigger`] takes them away.
    pub(crate) fn annotated_trigger(self, name: &str, annotations: Value, spec: Value) -> Self {
        let mut scene = self.trigger(name, spec);
        if let Some(Value::Object(trigger)) = scene.objects.last_mut()
            && let Some(Value::Object(metadata)) = trigger.get_mut("metadata")
        {
            metadata.insert("annotations".to_owned(), annotations);
        }
        scene
    }

    fn trigger_object(&self, name: &str, spec: Value) -> Value {
        let mut whole = json!({
            "broker": "broker",
            "subscriber": {"uri": self.subscriber.url(&format!("/{name}"))},
        });
        if let (Value::Object(whole), Value::Object(spec)) = (&mut whole, spec) {
            whole.extend(spec);
        }
        let metadata = json!({"name": name, "namespace": self.namespace});
        json!({
            "apiVersion": "eventing.knative.dev/v1",
            "kind": "Trigger",
            "metadata": metadata,
            "spec": whole,
        })
    }

    /// Writes the manifest, without waiting.
    pub(crate) fn write(&self) {
        self.server.write_manifest(&self.file(), &self.yaml());
    }

    /// Applies the scene and waits until every trigger is ready.
    pub(crate) async fn start(self) -> Self {
        let triggers: Vec<&str> = self.triggers.iter().map(String::as_str).collect();
        self.server
            .apply(&self.namespace, &self.file(), &self.yaml(), &triggers)
            .await;
        if self.triggers.is_empty() {
            self.server
                .admin()
                .await_broker(&self.namespace, PATIENCE)
                .await;
        }
        self
    }

    /// Replaces a trigger and writes the manifest, without waiting.
    pub(crate) fn edit_trigger(&mut self, name: &str, spec: Value) {
        let trigger = self.trigger_object(name, spec);
        self.objects.retain(|object| !is_trigger(object, name));
        self.objects.push(trigger);
        self.write();
    }

    /// Removes a trigger and writes the manifest, without waiting.
    pub(crate) fn remove_trigger(&mut self, name: &str) {
        self.objects.retain(|object| !is_trigger(object, name));
        self.write();
    }

    /// The name of the scene's file of manifests.
    pub(crate) fn file(&self) -> String {
        format!("{}.yaml", self.namespace)
    }

    /// The manifests: JSON is YAML.
    pub(crate) fn yaml(&self) -> String {
        self.objects
            .iter()
            .map(|object| format!("---\n{object:#}\n"))
            .collect()
    }

    /// The broker's path at the ingress.
    pub(crate) fn path(&self) -> String {
        format!("/{}/broker", self.namespace)
    }

    /// An event that nobody else sends.
    pub(crate) fn event(&self, id: &str) -> Event {
        Event::new(id, "/conformance", "conformance")
    }

    /// Sends an event in binary mode; it must be accepted.
    pub(crate) async fn accept(&self, event: &Event) {
        self.count_unjudged();
        self.server.accept(&self.path(), event).await;
    }

    /// Sends an event and gives the answer.
    pub(crate) async fn send(&self, event: &Event, mode: Mode) -> Message {
        self.count_unjudged();
        self.server.send(&self.path(), event, mode).await
    }

    fn count_unjudged(&self) {
        let earlier = self.unjudged.fetch_add(1, Ordering::Relaxed);
        assert!(
            earlier < UNJUDGED_MAX,
            "a test that sends load is judged by the ledger: send through `Load::on(&scene)`"
        );
    }

    /// Sends any request to the ingress.
    pub(crate) async fn send_request(&self, request: &Request) -> Message {
        self.server.request(request).await
    }

    /// Waits until `count` requests have come to the path of this trigger, and gives them.
    pub(crate) async fn await_count(&self, trigger: &str, count: usize) -> Vec<Received> {
        self.subscriber
            .await_count(&format!("/{trigger}"), count, PATIENCE)
            .await
    }

    /// What has come to the path of this trigger so far.
    pub(crate) fn received(&self, trigger: &str) -> Vec<Received> {
        self.subscriber.received(&format!("/{trigger}"))
    }

    /// Waits until nothing is pending for any trigger and `accepted` events are counted, and gives
    /// the triggers: what has not arrived by then never will.
    pub(crate) async fn quiet(&self, accepted: u64) -> Vec<TriggerStatus> {
        let is_quiet = |triggers: &[TriggerStatus]| {
            // One whose manifest was never valid is listed, and nothing is kept for it.
            let mut served = triggers.iter().filter(|it| !it.uid.is_empty()).peekable();
            served.peek().is_some()
                && served.all(|it| it.books.pending == 0 && it.books.accepted >= accepted)
        };
        let what = format!("{accepted} events settled");
        self.server
            .admin()
            .await_triggers(&self.namespace, PATIENCE, &what, is_quiet)
            .await
    }

    /// Waits until quiet, and gives the books of one trigger.
    pub(crate) async fn quiet_books(&self, trigger: &str, accepted: u64) -> Books {
        let triggers = self.quiet(accepted).await;
        let found = triggers.into_iter().find(|status| status.name == trigger);
        found
            .unwrap_or_else(|| panic!("no trigger {trigger}"))
            .books
    }

    /// Waits until a trigger's books are as wanted.
    pub(crate) async fn await_books(
        &self,
        trigger: &str,
        what: &str,
        enough: impl Fn(&Books) -> bool,
    ) -> Books {
        self.server
            .admin()
            .await_books(&self.namespace, trigger, what, enough)
            .await
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // What is left of a scene must not go on retrying beside other tests. The file may be
        // gone already, and the server too.
        std::fs::remove_file(self.server.manifests().join(self.file())).ok();
    }
}

fn is_trigger(object: &Value, name: &str) -> bool {
    object.get("kind") == Some(&json!("Trigger"))
        && object.pointer("/metadata/name") == Some(&json!(name))
}

/// The ids of events that arrived, sorted.
pub(crate) fn ids(received: &[Received]) -> Vec<String> {
    let mut ids: Vec<String> = received
        .iter()
        .map(|request| request.event().get("id").to_owned())
        .collect();
    ids.sort();
    ids
}

/// A delivery that gives up after one attempt, into this sink.
pub(crate) fn one_attempt_then(sink: &str) -> Value {
    json!({"retry": 0, "deadLetterSink": {"uri": sink}})
}
