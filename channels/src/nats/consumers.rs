//! The consumers of the first stream: for each subscription one, which hands its events out from the
//! place where it begins. A subscription that goes elsewhere gets another, of the next epoch.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::Info;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::asking::{AskError, Which};
use super::link::Link;
use super::names::{self, Names};
use super::subjects;
use crate::contract::Interest;
use crate::{Start, Timestamp};

/// How long a server waits to hear of what it handed out before it does so again.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// How much it hands out without having heard of any.
const UNACKNOWLEDGED_MAX: u32 = 8_192;
/// How long one thing that is asked may take.
const ASK_WAIT: Duration = Duration::from_secs(10);
/// Where a consumer says whose it is.
const NAME: &str = "sluicegate-subscription";

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Consumers {
    link: Link,
    names: Arc<Names>,
}

/// A consumer that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// How many events it has to hand out already.
    pub pending: u64,
}

impl Consumers {
    /// Those of the broker of these names.
    pub fn new(link: Link, names: Arc<Names>) -> Self {
        Consumers { link, names }
    }

    /// The subjects that are handed out to a subscription of that interest.
    pub fn subjects(&self, interest: &Interest) -> Vec<String> {
        let subjects = subjects::wanted(&self.names.events(), interest);
        subjects.unwrap_or_else(|| vec![self.names.no_events()])
    }

    // ---- places ----

    /// The sequence of the first event that a start names. What lies before the first event that there
    /// is, is that; what lies behind the last is the next.
    ///
    /// # Errors
    ///
    /// When the server does not say.
    pub async fn first(&self, start: Start) -> Result<u64, AskError> {
        let deadline = Instant::now() + ASK_WAIT;
        let call = format!("STREAM.INFO.{}", self.names.events_stream());
        let info = self.link.ask(&call, &Value::Null, deadline).await?;
        let state = |field: &str| info["state"][field].as_u64().unwrap_or_default();
        let next = state("last_seq") + 1;
        let first = state("first_seq").clamp(1, next);
        match start {
            Start::Latest => Ok(next),
            Start::Earliest => Ok(first),
            Start::At(position) => Ok(position.offset.clamp(first, next)),
            Start::Time(at) => self.first_at(at, first, next, deadline).await,
        }
    }

    /// Times do not go back from one sequence to the next.
    async fn first_at(
        &self,
        at: Timestamp,
        first: u64,
        next: u64,
        deadline: Instant,
    ) -> Result<u64, AskError> {
        let all = format!("{}.>", self.names.events());
        let (mut low, mut high) = (first, next);
        while low < high {
            let middle = low + (high - low) / 2;
            let which = Which::From(middle, &all);
            let stream = self.names.events_stream();
            match self.link.stored(stream, which, deadline).await? {
                Some(message) if message.sequence < high => {
                    let ms = message.time.unix_timestamp_nanos() / 1_000_000;
                    if Timestamp(u64::try_from(ms).unwrap_or_default()) < at {
                        low = message.sequence + 1;
                    } else {
                        high = middle;
                    }
                }
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }

    // ---- one consumer ----

    /// Makes one that begins with the event of sequence `first`. None where there is one of that number
    /// and epoch which begins elsewhere.
    ///
    /// # Errors
    ///
    /// When the server refuses it, or nobody knows whether it was made.
    pub async fn make(
        &self,
        (number, epoch): (u64, u64),
        name: &str,
        subjects: &[String],
        first: u64,
    ) -> Result<Option<Made>, AskError> {
        let config = json!({
            "durable_name": names::consumer(number, epoch),
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": first,
            "ack_policy": "explicit",
            "ack_wait": u64::try_from(ACK_WAIT.as_nanos()).unwrap_or(u64::MAX),
            "max_deliver": -1,
            "max_ack_pending": UNACKNOWLEDGED_MAX,
            "replay_policy": "instant",
            "filter_subjects": subjects,
            "metadata": { NAME: name },
        });
        match self.put((number, epoch), config, "create").await {
            Ok(made) => Ok(Some(Made {
                pending: made["num_pending"].as_u64().unwrap_or_default(),
            })),
            Err(error) if error.is_another_consumer() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has one hand out these subjects from now on, and nothing else. False where there is none.
    ///
    /// # Errors
    ///
    /// When the server refuses it, or nobody knows whether it was done.
    pub async fn hand_out(
        &self,
        (number, epoch): (u64, u64),
        subjects: &[String],
    ) -> Result<bool, AskError> {
        let Some(mut info) = self.raw_info(number, epoch).await? else {
            return Ok(false);
        };
        let mut config = info["config"].take();
        if handed_out(&config) == subjects {
            return Ok(true);
        }
        if let Some(config) = config.as_object_mut() {
            config.remove("filter_subject");
            config.insert("filter_subjects".to_owned(), json!(subjects));
        }
        match self.put((number, epoch), config, "update").await {
            Ok(_) => Ok(true),
            Err(error) if error.is_no_consumer() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One as it stands, and what it hands out; none where there is none.
    ///
    /// # Errors
    ///
    /// When the server does not say.
    pub async fn info(&self, number: u64, epoch: u64) -> Result<Option<Info>, AskError> {
        let Some(info) = self.raw_info(number, epoch).await? else {
            return Ok(None);
        };
        let call = self.call("INFO", number, epoch);
        let read = serde_json::from_value(info);
        read.map(Some)
            .map_err(|error| AskError::unreadable(&call, error))
    }

    /// Deletes one, if there is one.
    ///
    /// # Errors
    ///
    /// When the server refuses it, or nobody knows whether it was done.
    pub async fn delete(&self, number: u64, epoch: u64) -> Result<(), AskError> {
        let name = names::consumer(number, epoch);
        self.delete_of(self.names.events_stream(), &name).await
    }

    /// Deletes all that there is of a subscription that is gone: its consumer of that epoch, the one of
    /// what is due, what is kept apart for it, and its tally.
    ///
    /// # Errors
    ///
    /// When something of it may be left.
    pub async fn clear(&self, number: u64, epoch: u64) -> Result<(), AskError> {
        self.delete(number, epoch).await?;
        let kept = self.names.kept_stream();
        let due = names::due_consumer(number);
        self.delete_of(&kept, &due).await?;
        self.purge(&kept, &self.names.all_kept(number)).await?;
        let control = self.names.control_stream();
        self.purge(&control, &self.names.tally(number)).await
    }

    // ---- how ----

    pub(super) async fn delete_of(&self, stream: &str, name: &str) -> Result<(), AskError> {
        let deadline = Instant::now() + ASK_WAIT;
        let call = format!("CONSUMER.DELETE.{stream}.{name}");
        match self.link.ask(&call, &Value::Null, deadline).await {
            Err(error) if !error.is_no_consumer() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn purge(&self, stream: &str, subjects: &str) -> Result<(), AskError> {
        let deadline = Instant::now() + ASK_WAIT;
        let call = format!("STREAM.PURGE.{stream}");
        let body = json!({ "filter": subjects });
        self.link.ask(&call, &body, deadline).await.map(drop)
    }

    async fn put(
        &self,
        (number, epoch): (u64, u64),
        config: Value,
        action: &str,
    ) -> Result<Value, AskError> {
        let deadline = Instant::now() + ASK_WAIT;
        let body = json!({
            "stream_name": self.names.events_stream(),
            "config": config,
            "action": action,
        });
        let call = self.call("CREATE", number, epoch);
        self.link.ask(&call, &body, deadline).await
    }

    async fn raw_info(&self, number: u64, epoch: u64) -> Result<Option<Value>, AskError> {
        let deadline = Instant::now() + ASK_WAIT;
        let call = self.call("INFO", number, epoch);
        match self.link.ask(&call, &Value::Null, deadline).await {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.is_no_consumer() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn call(&self, what: &str, number: u64, epoch: u64) -> String {
        let stream = self.names.events_stream();
        format!(
            "CONSUMER.{what}.{stream}.{}",
            names::consumer(number, epoch)
        )
    }
}

/// The subjects that a consumer's configuration names.
fn handed_out(config: &Value) -> Vec<String> {
    let several = config["filter_subjects"].as_array();
    let several = several.into_iter().flatten();
    let all = several.chain([&config["filter_subject"]]);
    let texts = all.filter_map(Value::as_str);
    texts
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect()
}
