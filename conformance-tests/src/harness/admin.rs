//! The admin listener as tests need it. Its JSON is read with types of this crate's own: what is
//! not needed is not looked at, and what is renamed by accident fails a test.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use crate::client::Request;
use crate::http1::Message;
use crate::ledger::{Books, Figures};

/// How often a state is looked at while waiting for it.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A trigger as the server shows it; of one without a valid manifest it does not know all.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerStatus {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What tells it from an earlier one of that name.
    #[serde(default)]
    pub uid: String,
    /// Its broker.
    #[serde(default)]
    pub broker: String,
    /// Its filter in words.
    #[serde(default)]
    pub filter: String,
    /// The subscriber's URL.
    pub subscriber_uri: Option<String>,
    /// The URL of the dead-letter sink in effect.
    pub dead_letter_sink_uri: Option<String>,
    /// Whether everything that matches from now on will be sent.
    pub ready: bool,
    /// Why not, in one word.
    pub reason: Option<String>,
    /// In which state each event is.
    pub books: Books,
    /// Those of the filtered events on which the filter failed.
    pub filter_errors: u64,
    /// The delivery in effect.
    #[serde(default)]
    pub delivery: serde_json::Value,
}

/// An event in the dead-letter store.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The trigger's namespace.
    pub namespace: String,
    /// The trigger's name.
    pub trigger: String,
    /// Where it stands; opaque.
    pub position: String,
    /// The event without its data.
    pub event: DeadEvent,
    /// Why it was given up on.
    pub reason: DeadReason,
    /// Sends before that.
    pub sends: u32,
}

/// See [`DeadLetter::event`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadEvent {
    /// The attribute `id`.
    pub id: String,
    /// The attribute `source`.
    pub source: String,
    /// Every attribute but id, source and type.
    pub attributes: BTreeMap<String, String>,
    /// The size of the data.
    pub data_size_bytes: u64,
}

/// See [`DeadLetter::reason`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadReason {
    /// One word of a closed set.
    pub kind: String,
    /// The status of the last answer.
    pub code: Option<u16>,
    /// Where the last attempt went.
    pub dest: Option<String>,
}

#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
    next: Option<String>,
}

/// A client of the admin listener.
#[derive(Clone, Copy, Debug)]
pub struct Admin(pub SocketAddr);

impl Admin {
    /// Sends a request; `Host` is the listener's own address unless the request says otherwise.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn send(&self, request: Request) -> io::Result<Message> {
        request.with_host(&self.0.to_string()).send(self.0).await
    }

    /// The answer to GET.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn get(&self, target: &str) -> io::Result<Message> {
        self.send(Request::get(target)).await
    }

    async fn items<T: DeserializeOwned>(&self, path: &str) -> io::Result<Vec<T>> {
        let mut items = Vec::new();
        let mut target = path.to_owned();
        loop {
            let answer = self.get(&target).await?;
            if answer.status() != Some(200) {
                return Err(io::Error::other(format!("{target}: {answer:?}")));
            }
            let page: List<T> = serde_json::from_slice(&answer.body)?;
            items.extend(page.items);
            match page.next {
                Some(next) => {
                    let separator = if path.contains('?') { '&' } else { '?' };
                    target = format!("{path}{separator}after={next}");
                }
                None => return Ok(items),
            }
        }
    }

    /// Every trigger of a namespace.
    ///
    /// # Errors
    ///
    /// When the listener does not answer with a list.
    pub async fn triggers(&self, namespace: &str) -> io::Result<Vec<TriggerStatus>> {
        let mut triggers: Vec<TriggerStatus> = self.items("/api/v1/triggers").await?;
        triggers.retain(|trigger| trigger.namespace == namespace);
        Ok(triggers)
    }

    /// The dead letters of a trigger.
    ///
    /// # Errors
    ///
    /// When the listener does not answer with a list.
    pub async fn dead_letters(&self, namespace: &str, name: &str) -> io::Result<Vec<DeadLetter>> {
        self.items(&format!(
            "/api/v1/dead-letters?namespace={namespace}&trigger={name}"
        ))
        .await
    }

    /// Waits until a namespace has a broker that takes events.
    ///
    /// # Panics
    ///
    /// When it has none within `patience`.
    pub async fn await_broker(&self, namespace: &str, patience: Duration) {
        let look = || self.items::<serde_json::Value>("/api/v1/brokers");
        let is_there = |brokers: &Vec<serde_json::Value>| {
            brokers.iter().any(|broker| {
                broker
                    .get("namespace")
                    .is_some_and(|name| name == namespace)
                    && broker.get("ready").is_some_and(|ready| ready == true)
            })
        };
        poll(patience, "a broker ready", look, is_there).await;
    }

    /// Waits until a namespace's triggers satisfy `enough`, and gives them.
    ///
    /// # Panics
    ///
    /// When they do not within `patience`; the message names `what` was awaited.
    pub async fn await_triggers(
        &self,
        namespace: &str,
        patience: Duration,
        what: &str,
        enough: impl Fn(&[TriggerStatus]) -> bool,
    ) -> Vec<TriggerStatus> {
        let look = || self.triggers(namespace);
        poll(patience, what, look, |triggers| enough(triggers)).await
    }

    /// Waits until a trigger's books satisfy `enough`, and gives them.
    ///
    /// # Panics
    ///
    /// As [`Admin::await_triggers`], and when there is no such trigger.
    pub async fn await_books(
        &self,
        namespace: &str,
        name: &str,
        what: &str,
        enough: impl Fn(&Books) -> bool,
    ) -> Books {
        let of = |triggers: &[TriggerStatus]| {
            triggers
                .iter()
                .find(|trigger| trigger.name == name)
                .map(|trigger| trigger.books)
        };
        let patience = Duration::from_secs(20);
        let found = self
            .await_triggers(namespace, patience, what, |triggers| {
                of(triggers).is_some_and(|books| enough(&books))
            })
            .await;
        of(&found).unwrap_or_default()
    }

    /// Waits until a trigger has as many dead letters as `enough` wants, and gives them.
    ///
    /// # Panics
    ///
    /// As [`Admin::await_triggers`].
    pub async fn await_dead_letters(
        &self,
        namespace: &str,
        name: &str,
        count: usize,
    ) -> Vec<DeadLetter> {
        let what = format!("{count} dead letters of {namespace}/{name}");
        let look = || self.dead_letters(namespace, name);
        poll(Duration::from_secs(20), &what, look, |found: &Vec<_>| {
            found.len() == count
        })
        .await
    }

    /// What the ledger compares: every trigger of a namespace once nothing is pending.
    ///
    /// # Panics
    ///
    /// When something is still pending after `patience`.
    pub async fn quiet_figures(&self, namespace: &str, patience: Duration) -> Vec<Figures> {
        let quiet = |triggers: &[TriggerStatus]| {
            !triggers.is_empty() && triggers.iter().all(|trigger| trigger.books.pending == 0)
        };
        let triggers = self
            .await_triggers(namespace, patience, "nothing pending", quiet)
            .await;
        triggers
            .into_iter()
            .map(
                |TriggerStatus {
                     name,
                     broker,
                     books,
                     ..
                 }| Figures {
                    trigger: name,
                    broker,
                    books,
                    leaving: Vec::new(),
                },
            )
            .collect()
    }
}

/// Looks until what is seen is enough.
async fn poll<T: std::fmt::Debug, F: Future<Output = io::Result<T>>>(
    patience: Duration,
    what: &str,
    look: impl Fn() -> F,
    enough: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        let seen = look().await;
        match seen {
            Ok(seen) if enough(&seen) => return seen,
            seen if Instant::now() > deadline => {
                panic!("{what} awaited for {patience:?}; last seen: {seen:#?}")
            }
            _ => sleep(POLL_INTERVAL).await,
        }
    }
}
