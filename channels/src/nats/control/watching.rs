//! How the control stream is read: from its beginning, of each subject what stands, and then what comes.
//! Whenever something may have been missed, it is read from the beginning again, and what is not there
//! any more is gone.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::known::Said;
use super::record::{self, Recorded};
use super::tally::Tally;
use super::{CHANGE_WAIT, Control};
use crate::nats::asking::AskError;
use crate::nats::pulling::{Delivered, Ended, Pull};

/// How many messages are asked for at a time.
const PULL_ITEMS: usize = 256;
/// Before the stream is read anew.
const PAUSE: Duration = Duration::from_millis(250);
/// The server forgets a consumer of which it has heard nothing for so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// One reading of the stream.
struct Reading {
    consumer: String,
    /// How many messages were read.
    count: u64,
    /// The subjects that were met until all had been read; none afterwards.
    met: Option<HashSet<String>>,
    /// The last sequence of the stream before it began.
    began_at: u64,
}

impl Control {
    /// Tells the audience what stands, and what changes, until it is dropped.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: whoever watches next begins anew.
    pub async fn watch(&self) {
        loop {
            match self.begin_reading().await {
                Ok(mut reading) => self.read(&mut reading).await,
                Err(error) => tracing::debug!(%error, "the control stream cannot be read"),
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits until all that stands has been told. False where it was not by `deadline`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn until_whole(&self, deadline: Instant) -> bool {
        let mut is_whole = self.is_whole.subscribe();
        let waiting = is_whole.wait_for(|is_whole| *is_whole);
        let waited = tokio::time::timeout_at(deadline, waiting).await;
        matches!(waited, Ok(Ok(_)))
    }

    async fn begin_reading(&self) -> Result<Reading, AskError> {
        let deadline = Instant::now() + CHANGE_WAIT;
        let stream = self.names.control_stream();
        let call = format!("STREAM.INFO.{stream}");
        let info = self.link.ask(&call, &json!(null), deadline).await?;
        let consumer = format!("w-{}", self.link.fresh_id());
        let config = json!({
            "stream_name": stream,
            "action": "create",
            "config": {
                "name": consumer,
                "deliver_policy": "last_per_subject",
                "filter_subjects": [format!("{}.>", self.names.control())],
                "ack_policy": "none",
                "replay_policy": "instant",
                "mem_storage": true,
                "num_replicas": 1,
                "inactive_threshold": u64::try_from(FORGOTTEN_AFTER.as_nanos()).unwrap_or(u64::MAX),
            },
        });
        let call = format!("CONSUMER.CREATE.{stream}.{consumer}");
        let made = self.link.ask(&call, &config, deadline).await?;
        let mut reading = Reading {
            consumer,
            count: 0,
            met: Some(HashSet::new()),
            began_at: info["state"]["last_seq"].as_u64().unwrap_or_default(),
        };
        if made["num_pending"] == 0 {
            self.has_read_all(&mut reading);
        }
        Ok(reading)
    }

    /// Until something may have been missed.
    async fn read(&self, reading: &mut Reading) {
        let stream = self.names.control_stream();
        loop {
            let consumer = reading.consumer.clone();
            let pull = Pull {
                stream: &stream,
                consumer: &consumer,
                items: PULL_ITEMS,
                bytes: None,
            };
            let mut is_missing = false;
            let ended = self.link.pull(&pull, |delivered| {
                is_missing |= delivered.count != reading.count + 1;
                if !is_missing {
                    reading.count = delivered.count;
                    self.hear(reading, &delivered);
                }
            });
            if ended.await != Ended::Done || is_missing {
                return;
            }
        }
    }

    fn hear(&self, reading: &mut Reading, delivered: &Delivered) {
        let subject = delivered.message.subject.as_str();
        if let Some(met) = &mut reading.met {
            met.insert(subject.to_owned());
        }
        match self.said(delivered) {
            Ok(Some(said)) => {
                self.announce(subject, delivered.sequence, said);
            }
            Ok(None) => {}
            Err(why) => {
                let sequence = delivered.sequence;
                tracing::error!(subject, sequence, %why, "a message of the control stream cannot be read");
            }
        }
        if delivered.pending == 0 {
            self.has_read_all(reading);
        }
    }

    /// What a message says; none where it is nothing for the audience.
    fn said(&self, delivered: &Delivered) -> Result<Option<Said>, String> {
        let none = async_nats::HeaderMap::new();
        let headers = delivered.message.headers.as_ref().unwrap_or(&none);
        let subject = delivered.message.subject.as_str();
        if let Some(number) = self.names.read_tally(subject) {
            // Of what this process added it hears by its answer, together with what it still adds.
            if self.is_ours(headers) {
                return Ok(None);
            }
            let stands = Tally::read(headers).map_err(|error| error.to_string())?;
            return Ok(Some(Said::Tally { number, stands }));
        }
        if subject == self.names.last_number() {
            return Ok(None);
        }
        match record::read(headers).map_err(|error| error.to_string())? {
            Recorded::Standing(record) => Ok(Some(Said::Standing(record))),
            Recorded::Deleted => Ok(Some(Said::Deleted)),
        }
    }

    fn has_read_all(&self, reading: &mut Reading) {
        if let Some(met) = reading.met.take() {
            let mut known = self.known.lock();
            known.only(&*self.audience, &met, reading.began_at);
            self.is_whole.send_replace(true);
        }
    }
}
