//! How a broker's streams and the consumers of its events stand, asked for all at once: what the books,
//! the room and the tidying go by.

use std::time::Duration;

use async_nats::jetstream::consumer::{Config, Info};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::asking::AskError;
use super::link::Link;
use super::names::{ConsumerName, Names, read_consumer};
use crate::Timestamp;

/// What nobody has a record of is tidied up after this. Who makes a consumer has recorded it by then, or
/// never will.
const ORPHANED_AFTER: Duration = Duration::from_secs(600);

/// What a server says of the consumer of a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The last sequence of the first stream that it handed out.
    pub delivered: u64,
    /// How many events it has not handed out yet.
    pub pending: u64,
    /// How many it has handed out to somebody and heard nothing of.
    pub unacknowledged: u64,
    /// The last sequence of the stream, asked for before the rest.
    pub last: u64,
}

/// A stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The sequence of the first message that it has; behind the last where it has none.
    pub first: u64,
    /// The last sequence that it gave.
    pub last: u64,
    /// How many messages it has.
    pub messages: u64,
    /// What they take, in bytes.
    pub bytes: u64,
    /// When the first of them was stored.
    pub oldest_at: Option<Timestamp>,
}

/// A consumer of the first stream, of a subscription or of somebody else.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// What it is called.
    pub name: String,
    /// Whose it is, where it is a subscription's.
    pub of: Option<ConsumerName>,
    /// When it was made.
    pub made_at: Timestamp,
    /// How it stands.
    pub figures: Figures,
    /// All up to this sequence that it has handed out was acknowledged.
    pub acknowledged: u64,
    /// How many messages it has handed out, counting each time.
    pub times: u64,
    /// The subjects that it hands out; none of them means all.
    pub subjects: Vec<String>,
}

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The events.
    pub events: Sizes,
    /// What is kept apart.
    pub kept: Sizes,
    /// The consumers of the events.
    pub consumers: Vec<Surveyed>,
    /// Whether these are all of them: in a cluster some may not answer.
    pub is_whole: bool,
}

impl Survey {
    /// Asks for everything.
    ///
    /// # Errors
    ///
    /// When something of it is not answered.
    pub async fn take(link: &Link, names: &Names, deadline: Instant) -> Result<Self, AskError> {
        let events = sizes(link, names.events_stream(), deadline).await?;
        let kept = sizes(link, &names.kept_stream(), deadline).await?;
        let mut survey = Survey {
            events,
            kept,
            is_whole: true,
            ..Survey::default()
        };
        let call = format!("CONSUMER.LIST.{}", names.events_stream());
        loop {
            let offset = survey.consumers.len();
            let body = json!({ "offset": offset });
            let page = link.ask(&call, &body, deadline).await?;
            survey.is_whole &= page["missing"].as_array().is_none_or(Vec::is_empty);
            let found = page["consumers"].as_array();
            for info in found.into_iter().flatten() {
                let info: Info = serde_json::from_value(info.clone())
                    .map_err(|error| AskError::unreadable(&call, error))?;
                survey.consumers.push(Surveyed::of(info, events.last));
            }
            let total = page["total"].as_u64().unwrap_or_default();
            let is_more = survey.consumers.len() > offset;
            if !is_more || survey.consumers.len() as u64 >= total {
                return Ok(survey);
            }
        }
    }

    /// The figures of each subscription's consumer, by number and epoch.
    pub fn figures(&self) -> impl Iterator<Item = (u64, u64, Figures)> + '_ {
        self.consumers.iter().filter_map(|it| match it.of? {
            ConsumerName::Events { number, epoch } => Some((number, epoch, it.figures)),
            ConsumerName::Due { .. } => None,
        })
    }

    /// The consumers that no record names, where `recorded` has the number and epoch of each: left
    /// behind by a process that died, and to be deleted.
    pub fn orphans(&self, recorded: &[(u64, u64)], now: Timestamp) -> Vec<(u64, u64)> {
        let old = self
            .consumers
            .iter()
            .filter(|it| now.since(it.made_at) > ORPHANED_AFTER);
        let each = old.filter_map(|it| match it.of? {
            ConsumerName::Events { number, epoch } => Some((number, epoch)),
            ConsumerName::Due { .. } => None,
        });
        each.filter(|which| !recorded.contains(which)).collect()
    }
}

impl Surveyed {
    fn of(info: Info, last: u64) -> Self {
        Surveyed {
            of: read_consumer(&info.name),
            made_at: timestamp(info.created.unix_timestamp_nanos()),
            figures: Figures::of(&info, last),
            acknowledged: info.ack_floor.stream_sequence,
            times: info.delivered.consumer_sequence,
            subjects: subjects(&info.config),
            name: info.name,
        }
    }
}

impl Figures {
    /// Those of a consumer, where the stream's last sequence was `last` before.
    pub(super) fn of(info: &Info, last: u64) -> Self {
        Figures {
            delivered: info.delivered.stream_sequence,
            pending: info.num_pending,
            unacknowledged: info.num_ack_pending as u64,
            last,
        }
    }
}

/// The subjects that a consumer hands out; none of them means all.
pub(super) fn subjects(config: &Config) -> Vec<String> {
    let one = Some(&config.filter_subject).filter(|subject| !subject.is_empty());
    let all = config.filter_subjects.iter().chain(one);
    all.cloned().collect()
}

async fn sizes(link: &Link, stream: &str, deadline: Instant) -> Result<Sizes, AskError> {
    let call = format!("STREAM.INFO.{stream}");
    let info = link.ask(&call, &Value::Null, deadline).await?;
    let info: async_nats::jetstream::stream::Info =
        serde_json::from_value(info).map_err(|error| AskError::unreadable(&call, error))?;
    let state = info.state;
    let oldest_at = timestamp(state.first_timestamp.unix_timestamp_nanos());
    Ok(Sizes {
        first: state.first_sequence.clamp(1, state.last_sequence + 1),
        last: state.last_sequence,
        messages: state.messages,
        bytes: state.bytes,
        oldest_at: (state.messages > 0).then_some(oldest_at),
    })
}

fn timestamp(nanos: i128) -> Timestamp {
    Timestamp(u64::try_from(nanos / 1_000_000).unwrap_or_default())
}
