//! Events that are kept apart and that no entry needs any more.
//!
//! Each is deleted by whoever ended the last entry that needed it. Others may have written it again
//! meanwhile, so it is deleted by its sequence, and not before the index is known to be whole up to
//! there: see [`Kept::sweep`]. What a process leaves behind that ends before, another deletes once it
//! reads the stream from the beginning.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::HeaderMap;
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::{Kept, READS_MAX};

/// How long the server may take to delete one.
const DELETE_WAIT: Duration = Duration::from_secs(2);

/// Events that may not be needed any more.
#[derive(Debug, Default)]
pub(super) struct Unneeded {
    pub(super) positions: BTreeSet<u64>,
    /// The index knows of every entry that any message up to here was needed by.
    known_to: u64,
}

impl Kept {
    /// The stream has been read up to there, and at that moment nothing was behind it. From the
    /// beginning: then all events are looked at that are kept.
    pub(in crate::nats) fn is_known_to(&self, sequence: u64, is_from_beginning: bool) {
        let bodies = self.shared.apply(|state, _| match is_from_beginning {
            true => state.index().bodies().collect(),
            false => Vec::new(),
        });
        let mut unneeded = self.unneeded.lock();
        unneeded.known_to = sequence.max(unneeded.known_to);
        unneeded.positions.extend(bodies);
    }

    /// A subscription was deleted with its entries.
    pub(in crate::nats) fn look_at_all(&self) {
        self.is_known_to(0, true);
    }

    /// Deletes events that no entry needs any more. An event that was stored behind what is known to be
    /// read waits: the entry that needs it may not have been read. One that is read as unneeded later
    /// stays so, since with a new entry it is stored again.
    pub(in crate::nats) async fn sweep(&self) {
        let (positions, known_to) = {
            let mut unneeded = self.unneeded.lock();
            (std::mem::take(&mut unneeded.positions), unneeded.known_to)
        };
        if positions.is_empty() {
            return;
        }
        let mut later = BTreeSet::new();
        let unneeded: Vec<(u64, u64)> = self.shared.apply(|state, _| {
            let each = positions.into_iter().filter_map(|position| {
                let sequence = state.index().unneeded_body(position)?;
                if sequence > known_to {
                    later.insert(position);
                    return None;
                }
                Some((position, sequence))
            });
            each.collect()
        });
        let deleting = stream::iter(unneeded).map(|(position, sequence)| async move {
            let is_gone = self.delete(sequence).await;
            (position, sequence, is_gone)
        });
        let deleted: Vec<_> = deleting.buffer_unordered(READS_MAX).collect().await;
        for (position, sequence, is_gone) in deleted {
            if is_gone {
                self.shared.apply(|state, _| {
                    if state.index().body(position) == Some(sequence) {
                        state.forget_body(position);
                    }
                });
            } else {
                later.insert(position);
            }
        }
        self.unneeded.lock().positions.append(&mut later);
    }

    /// False where it has to be tried again. One that is not there is gone.
    async fn delete(&self, sequence: u64) -> bool {
        const NO_MESSAGE: u64 = 10_043;
        const NO_MESSAGE_FOUND: u64 = 10_037;
        let subject = format!("$JS.API.STREAM.MSG.DELETE.{}", self.names.kept_stream());
        let asked = serde_json::json!({ "seq": sequence, "no_erase": true }).to_string();
        let deadline = Instant::now() + DELETE_WAIT;
        let answer = self
            .link
            .request(&subject, HeaderMap::new(), asked.into(), deadline);
        let Ok(answer) = answer.await else {
            return false;
        };
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap_or_default();
        let code = answer["error"]["err_code"].as_u64();
        answer["success"].as_bool() == Some(true)
            || matches!(code, Some(NO_MESSAGE | NO_MESSAGE_FOUND))
    }
}
