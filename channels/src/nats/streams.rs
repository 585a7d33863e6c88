//! A broker's three streams: made where they are not there, taken over where they are as they should
//! be, and reported field by field where they are not. None is ever changed, and none that held something
//! is made again.

mod difference;

use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, Placement, StorageType};
use async_nats::jetstream::{self, ErrorCode};
use tokio::time::Instant;

pub use self::difference::Difference;

use super::link::{Link, LinkError};
use super::names::Names;
use super::options::StreamOptions;

/// Servers take nothing as "no limit" but this.
const UNLIMITED: i64 = -1;

/// The streams as the server tells of them.
#[derive(Clone, Debug)]
pub struct Streams {
    /// Of events.
    pub events: Info,
    /// Of what is kept apart.
    pub kept: Info,
    /// Of who subscribes.
    pub control: Info,
}

/// Why a broker has no streams.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamsError {
    /// No server has answered; worth another try.
    #[error(transparent)]
    Unreachable(#[from] LinkError),
    /// One is not as it should be. Whoever made it must change it, or the settings.
    #[error("stream {stream} is not as asked for: {}", difference::list(.differences))]
    Differs {
        /// Its name.
        stream: String,
        /// Each setting that is not.
        differences: Vec<Difference>,
    },
    /// One is gone with what it held.
    #[error(
        "stream {stream} is gone with what it held, and is not made again: restore it, or delete \
         stream {control} as well to begin anew"
    )]
    Gone {
        /// Its name.
        stream: String,
        /// The one that remembers.
        control: String,
    },
    /// The server does not make or show one.
    #[error("the server refuses stream {stream}: {words}")]
    Refused {
        /// Its name.
        stream: String,
        /// What the server says.
        words: String,
    },
}

impl Streams {
    /// Opens the broker's streams.
    ///
    /// # Errors
    ///
    /// When they are not there as asked for when it returns. Some of them may have been made.
    ///
    /// # Cancel safety
    ///
    /// Some of them may have been made; the next call goes on with those.
    pub async fn open(
        link: &Link,
        names: &Names,
        options: &StreamOptions,
        deadline: Instant,
    ) -> Result<Self, StreamsError> {
        let [events, kept, control] = configs(names, options);
        let control_name = control.name.clone();
        let context = link.jetstream();
        let open = async |config: Config, remembers: bool| {
            let found = get(&context, &config.name).await?;
            if found.is_none() && remembers {
                return Err(StreamsError::Gone {
                    stream: config.name.clone(),
                    control: control_name.clone(),
                });
            }
            let found = match found {
                Some(found) => found,
                None => make(&context, &config).await?,
            };
            adopted(&config, found)
        };
        let all = async {
            // What remembers the others comes first: while it is empty, nothing was lost.
            let control = open(control, false).await?;
            let remembers = control.state.last_sequence > 0;
            Ok(Streams {
                events: open(events, remembers).await?,
                kept: open(kept, remembers).await?,
                control,
            })
        };
        Box::pin(link.within(deadline, all)).await?
    }
}

/// What the three are asked to be: events, kept, control.
pub fn configs(names: &Names, options: &StreamOptions) -> [Config; 3] {
    let limit =
        |limit: Option<u64>| limit.map_or(UNLIMITED, |it| i64::try_from(it).unwrap_or(i64::MAX));
    let placement = (options.cluster.is_some() || !options.tags.is_empty()).then(|| Placement {
        cluster: options.cluster.clone(),
        tags: options.tags.clone(),
    });
    let of = |name: String, below: String| Config {
        name,
        subjects: vec![format!("{below}.>")],
        storage: if options.is_in_files {
            StorageType::File
        } else {
            StorageType::Memory
        },
        num_replicas: options.replicas,
        duplicate_window: options.duplicate_window,
        placement: placement.clone(),
        allow_direct: true,
        max_bytes: UNLIMITED,
        max_messages: UNLIMITED,
        max_messages_per_subject: UNLIMITED,
        max_message_size: -1,
        max_consumers: -1,
        ..Config::default()
    };
    let events = Config {
        discard: DiscardPolicy::New,
        max_bytes: limit(options.bytes_max),
        max_messages: limit(options.events_max),
        max_age: options.age_max.unwrap_or_default(),
        // No server remembers ids for longer than messages.
        duplicate_window: options.age_max.map_or(options.duplicate_window, |age| {
            age.min(options.duplicate_window)
        }),
        allow_atomic_publish: true,
        ..of(names.events_stream().to_owned(), names.events())
    };
    let kept = Config {
        max_messages_per_subject: 1,
        allow_atomic_publish: true,
        allow_message_schedules: true,
        allow_message_ttl: true,
        // A server turns it on for schedules.
        allow_rollup: true,
        ..of(names.kept_stream(), names.kept())
    };
    let control = Config {
        max_messages_per_subject: 1,
        // That a subscription was deleted is forgotten after a while.
        allow_message_ttl: true,
        ..of(names.control_stream(), names.control())
    };
    [events, kept, control]
}

fn adopted(asked: &Config, found: Info) -> Result<Info, StreamsError> {
    let differences = difference::between(asked, &found.config);
    if differences.is_empty() {
        return Ok(found);
    }
    Err(StreamsError::Differs {
        stream: asked.name.clone(),
        differences,
    })
}

async fn get(context: &jetstream::Context, name: &str) -> Result<Option<Info>, StreamsError> {
    let error = match Box::pin(context.get_stream(name)).await {
        Ok(stream) => return Ok(Some(stream.cached_info().clone())),
        Err(error) => error,
    };
    match error.kind() {
        GetStreamErrorKind::JetStream(error)
            if error.error_code() == ErrorCode::STREAM_NOT_FOUND =>
        {
            Ok(None)
        }
        GetStreamErrorKind::Request => Err(LinkError::NoAnswer.into()),
        GetStreamErrorKind::JetStream(_)
        | GetStreamErrorKind::EmptyName
        | GetStreamErrorKind::InvalidStreamName => Err(refused(name, &error)),
    }
}

async fn make(context: &jetstream::Context, config: &Config) -> Result<Info, StreamsError> {
    let error = match Box::pin(context.create_stream(config)).await {
        Ok(stream) => {
            tracing::info!(stream = %config.name, "made a NATS stream");
            return Ok(stream.cached_info().clone());
        }
        Err(error) => error,
    };
    match error.kind() {
        // Another process was first, with other settings: they are compared.
        CreateStreamErrorKind::JetStream(it) if it.error_code() == ErrorCode::STREAM_NAME_EXIST => {
            let found = get(context, &config.name).await?;
            found.ok_or_else(|| refused(&config.name, &error))
        }
        CreateStreamErrorKind::TimedOut | CreateStreamErrorKind::Response => {
            Err(LinkError::NoAnswer.into())
        }
        _ => Err(refused(&config.name, &error)),
    }
}

fn refused(stream: &str, error: &impl std::fmt::Display) -> StreamsError {
    StreamsError::Refused {
        stream: stream.to_owned(),
        words: error.to_string(),
    }
}
