//! The channel of a broker by its own type: opened, changed and closed as only that kind is.

#[cfg(feature = "nats")]
mod nats;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_channels::disk::{DiskChannel, DiskOptions};
use sluicegate_channels::memory::{MemoryChannel, MemoryOptions};
#[cfg(feature = "nats")]
use sluicegate_channels::nats::channel::NatsChannel;
use sluicegate_channels::{Channel, Clock, Matcher};
#[cfg(feature = "nats")]
use sluicegate_resources::NatsConfig;
use sluicegate_resources::{Broker, ChannelConfig, DiskConfig, MemoryConfig, Retention, WhenFull};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::{Condition, DISK};
use super::folders::{FolderError, Folders};

/// How long a channel may take to close; what it has acknowledged is stored whether it does or not.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// The same where its servers have to hear of it.
#[cfg(feature = "nats")]
const NATS_CLOSE_WAIT: Duration = Duration::from_secs(3);

/// A channel by its own type, for what only that kind can do.
#[derive(Clone, Debug)]
pub(super) enum Store {
    Memory(Arc<MemoryChannel>),
    Disk(Arc<DiskChannel>),
    #[cfg(feature = "nats")]
    Nats(Arc<NatsChannel>, Box<NatsConfig>),
}

/// How a broker's events are stored, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoreSettings {
    pub(super) channel: ChannelConfig,
    pub(super) retention: Retention,
}

impl Store {
    /// Opens the channel of `broker`, on disk in its own of `folders`.
    pub(super) async fn open(
        broker: &Broker,
        settings: &StoreSettings,
        folders: Option<&Folders>,
        matcher: Arc<dyn Matcher>,
        clock: Clock,
    ) -> Result<Self, Condition> {
        match &settings.channel {
            ChannelConfig::Memory(config) => {
                if let Some(folder) = folders.and_then(|it| it.existing(&broker.metadata.name)) {
                    tracing::warn!(
                        broker = %broker.metadata.name,
                        folder = %folder.display(),
                        "the broker keeps its events in memory now; what it kept on disk before \
                         stays in its folder and is not delivered"
                    );
                }
                let options = memory_options(config);
                Ok(Store::Memory(MemoryChannel::open(options, matcher, clock)))
            }
            ChannelConfig::Disk(config) => {
                let folders = folders.ok_or_else(Condition::no_data_folder)?.clone();
                let options = disk_options(config, settings.retention);
                let metadata = broker.metadata.clone();
                // Reading what is there takes as long as the disk does.
                let opened = spawn_blocking(move || {
                    let folder = folders.make(&metadata)?;
                    open_disk(&folder, options, matcher, clock)
                });
                match opened.await {
                    Ok(Ok(channel)) => Ok(Store::Disk(channel)),
                    Ok(Err(error)) => Err(Condition::channel_not_opened(&error)),
                    Err(error) => Err(Condition::channel_not_opened(&error)),
                }
            }
            #[cfg(feature = "nats")]
            ChannelConfig::Nats(config) => {
                let channel = nats::open(broker, config, matcher, clock).await?;
                Ok(Store::Nats(Arc::new(channel), config.clone()))
            }
            #[cfg(not(feature = "nats"))]
            ChannelConfig::Nats(_) => Err(Condition::no_nats()),
        }
    }

    pub(super) fn channel(&self) -> Arc<dyn Channel> {
        match self {
            Store::Memory(channel) => Arc::clone(channel) as Arc<dyn Channel>,
            Store::Disk(channel) => Arc::clone(channel) as Arc<dyn Channel>,
            #[cfg(feature = "nats")]
            Store::Nats(channel, _) => Arc::clone(channel) as Arc<dyn Channel>,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Store::Memory(_) => "memory",
            Store::Disk(_) => DISK,
            #[cfg(feature = "nats")]
            Store::Nats(..) => "nats",
        }
    }

    /// Whether what is held is there again after a restart.
    pub(super) fn is_durable(&self) -> bool {
        match self {
            Store::Memory(_) => false,
            Store::Disk(_) => true,
            #[cfg(feature = "nats")]
            Store::Nats(..) => true,
        }
    }

    /// Whether it has a folder here.
    pub(super) fn is_on_disk(&self) -> bool {
        self.kind() == DISK
    }

    /// Goes by other bounds from now on. False where they are those of another kind of channel: what
    /// is held cannot move, so the channel stays as it is.
    pub(super) fn reconfigure(&self, settings: &StoreSettings) -> bool {
        match (self, &settings.channel) {
            (Store::Memory(channel), ChannelConfig::Memory(config)) => {
                channel.reconfigure(memory_options(config));
                true
            }
            (Store::Disk(channel), ChannelConfig::Disk(config)) => {
                channel.reconfigure(disk_options(config, settings.retention));
                true
            }
            // Its streams are never changed, nor are its connections.
            #[cfg(feature = "nats")]
            (Store::Nats(_, opened), ChannelConfig::Nats(config)) => opened == config,
            #[cfg(feature = "nats")]
            (Store::Nats(..), ChannelConfig::Memory(_) | ChannelConfig::Disk(_)) => false,
            (Store::Memory(_), ChannelConfig::Disk(_) | ChannelConfig::Nats(_))
            | (Store::Disk(_), ChannelConfig::Memory(_) | ChannelConfig::Nats(_)) => false,
        }
    }

    /// Takes nothing more, brings what is left to the disk, and lets go of the files.
    pub(super) async fn close(self) {
        match self {
            Store::Memory(channel) => channel.close(),
            Store::Disk(channel) => {
                channel.close();
                if timeout(CLOSE_WAIT, channel.shutdown()).await.is_err() {
                    tracing::warn!(
                        "a channel on disk was not closed in time: nothing is lost, and some \
                         events may be delivered again"
                    );
                }
            }
            #[cfg(feature = "nats")]
            Store::Nats(channel, _) => {
                channel.close();
                if timeout(NATS_CLOSE_WAIT, channel.shutdown()).await.is_err() {
                    tracing::warn!(
                        "a channel in NATS was not closed in time: nothing is lost, and some \
                         events may be delivered again"
                    );
                }
            }
        }
    }
}

fn open_disk(
    folder: &Path,
    options: DiskOptions,
    matcher: Arc<dyn Matcher>,
    clock: Clock,
) -> Result<Arc<DiskChannel>, FolderError> {
    DiskChannel::open(folder, options, matcher, clock).map_err(|error| FolderError::Unopened {
        folder: folder.to_owned(),
        why: error.to_string(),
    })
}

fn memory_options(config: &MemoryConfig) -> MemoryOptions {
    MemoryOptions {
        events_max: config.events_max.get(),
        bytes_max: config.bytes_max.get(),
        when_full: match config.when_full {
            WhenFull::Shed => sluicegate_channels::memory::WhenFull::Shed,
            WhenFull::Refuse => sluicegate_channels::memory::WhenFull::Refuse,
        },
        ..MemoryOptions::default()
    }
}

fn disk_options(config: &DiskConfig, retention: Retention) -> DiskOptions {
    DiskOptions {
        retention_age: retention.age_max,
        retention_bytes: retention.bytes_max,
        buffer_bytes: config.buffer_bytes.get(),
        free_bytes_min: config.free_bytes_min,
        free_percent_min: config.free_percent_min,
        reserve_bytes: config.reserve_bytes,
        segment_bytes: config.segment_bytes.get(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither crate knows of the other, so each has its own.
    #[test]
    fn a_channel_and_a_manifest_have_the_same_defaults() {
        let of_manifest = memory_options(&MemoryConfig::default());
        assert_eq!(of_manifest, MemoryOptions::default());
        let of_channel = DiskOptions::default();
        let retention = Retention {
            age_max: of_channel.retention_age,
            bytes_max: of_channel.retention_bytes,
        };
        let of_manifest = disk_options(&DiskConfig::default(), retention);
        assert_eq!(of_manifest, of_channel);
    }
}
