//! What is appended: events, each with its bytes and with who wants it.

use std::sync::Arc;

use sluicegate_event::{Event, stored};

use super::super::log::{BATCH_BYTES_MAX, Batch, PAYLOAD_BYTES_MAX};
pub use crate::answers::Answers;
use crate::{AppendError, Timestamp};

/// An event that is ready to be stored: encoded and matched by who appends it, so that the one
/// thread that writes does neither.
#[derive(Clone, Debug)]
pub struct PreparedEvent {
    /// The event.
    pub event: Arc<Event>,
    /// Its bytes in the log: see [`stored`].
    pub encoded: Vec<u8>,
    /// Who wants it.
    pub answers: Answers,
}

impl PreparedEvent {
    /// Encodes `event`.
    pub fn new(event: Event, answers: Answers) -> Self {
        let mut encoded = Vec::new();
        stored::encode(&event, &mut encoded);
        PreparedEvent {
            event: Arc::new(event),
            encoded,
            answers,
        }
    }
}

/// The events of one append: stored whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// In the order that their offsets will have.
    pub events: Vec<PreparedEvent>,
    /// Which subscriptions the matcher knew when it was asked; for [`Accept`](super::Accept) to
    /// judge.
    pub keys_epoch: u64,
}

impl Prepared {
    /// What they take up in the log.
    pub(super) fn size_bytes(&self) -> Result<usize, AppendError> {
        let mut size_bytes = 0;
        for it in &self.events {
            check(it.encoded.len(), PAYLOAD_BYTES_MAX)?;
            size_bytes += Batch::record_bytes(it.encoded.len());
        }
        check(size_bytes, BATCH_BYTES_MAX)?;
        Ok(size_bytes)
    }
}

fn check(size_bytes: usize, max_bytes: usize) -> Result<(), AppendError> {
    if size_bytes > max_bytes {
        return Err(AppendError::TooLarge {
            size_bytes: size_bytes as u64,
            max_bytes: max_bytes as u64,
        });
    }
    Ok(())
}

/// The events of one append, durable.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The events.
    pub batch: Prepared,
    /// The offset of the first; the others follow without gaps.
    pub first_offset: u64,
    /// When they were accepted, as it stands in the log.
    pub accepted_at: Timestamp,
}
