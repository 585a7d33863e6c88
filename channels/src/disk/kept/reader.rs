//! Events and reasons, by key.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use sluicegate_event::{Event, StoredError, stored};

use super::super::files::is_broken;
use super::super::log::{Item, ReadError, Reader, Readers};
use super::error::KeptReadError;
use super::index::{Index, Place};
use super::record::{Entry, Record};
use super::{KeptKey, KeptState};
use crate::{ParkReason, telemetry};

/// How often a record is looked for that is always somewhere else by then. Compaction moves a record
/// once while all of the log is rewritten, so twice is rare.
const TRIES: usize = 8;

/// Reads what is kept, by key, so that a compaction moves nothing away under its hands. Clones are
/// of the same store; it may outlive the [`Kept`](super::Kept) that it came from.
#[derive(Clone, Debug)]
pub struct KeptReader {
    readers: Readers,
    index: Arc<RwLock<Index>>,
}

impl KeptReader {
    pub(super) fn new(readers: Readers, index: Arc<RwLock<Index>>) -> Self {
        KeptReader { readers, index }
    }

    /// The event of this offset; `None` if nobody keeps it, or if damage has taken it, which comes to
    /// the same: whoever has an entry for it ends that as lost.
    ///
    /// # Errors
    ///
    /// [`KeptReadError`]: it cannot be read now, and is not lost.
    pub fn event(&self, offset: u64) -> Result<Option<Event>, KeptReadError> {
        let payload = self.payload(|index| index.event(offset))?;
        let stored = payload.as_ref().and_then(|it| match Record::decode(it) {
            Ok(Record::Event { offset: at, event }) if at == offset => Some(it.slice_ref(event)),
            Ok(_) | Err(_) => None,
        });
        match stored.map(stored::decode) {
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error @ StoredError::UnknownVersion { .. })) => {
                Err(KeptReadError::Event(error))
            }
            Some(Err(error)) => {
                telemetry::cannot_decode(self.readers.dir(), &error, offset);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Whether the device does anything at all, or is away.
    pub(in super::super) fn device_answers(&self) -> bool {
        self.readers.device_answers()
    }

    /// Why an event is parked; `None` if it is not, or if damage has taken the reason.
    ///
    /// # Errors
    ///
    /// [`KeptReadError`]: it cannot be read now, and is not lost.
    pub fn reason(&self, key: KeptKey) -> Result<Option<ParkReason>, KeptReadError> {
        let payload = self.payload(|index| index.entry(key))?;
        let record = payload.as_ref().map(|it| Record::decode(it));
        let Some(Ok(Record::Entry(Entry { state, .. }))) = record else {
            return Ok(None);
        };
        Ok(match state {
            KeptState::Parked { reason, .. } => Some(reason.to_owned()),
            KeptState::Moved { .. } => None,
        })
    }

    /// The record that stands where `find` says, until that is so.
    fn payload(
        &self,
        find: impl Fn(&Index) -> Option<Place>,
    ) -> Result<Option<Bytes>, KeptReadError> {
        let find = || find(&self.index.read());
        let mut place = find();
        for _ in 0..TRIES {
            let Some(Place { at, .. }) = place else {
                return Ok(None);
            };
            if let Some(payload) = self.record(at)? {
                return Ok(Some(payload));
            }
            let now = find();
            if now == place {
                return Ok(None);
            }
            place = now;
        }
        Ok(None)
    }

    /// A record is read together with its neighbours, so that a bad sector may stand in its way
    /// which it does not lie in.
    fn record(&self, at: u64) -> Result<Option<Bytes>, ReadError> {
        let mut reader = self.readers.short_reader(at);
        match record_at(&mut reader, at, false) {
            Err(error) if is_broken(&error.source) => {
                let found = record_at(&mut reader, at, true)?;
                found.map(Some).ok_or(error)
            }
            found => found,
        }
    }
}

fn record_at(reader: &mut Reader, at: u64, passes_over: bool) -> Result<Option<Bytes>, ReadError> {
    while reader.position() == at {
        if passes_over {
            reader.pass_over();
        }
        match reader.read()? {
            Some(Item::Record(record)) if record.offset == at => {
                return Ok(Some(Bytes::copy_from_slice(record.payload)));
            }
            Some(Item::Damaged(_)) => {}
            Some(Item::Record(_)) | None => return Ok(None),
        }
    }
    Ok(None)
}
