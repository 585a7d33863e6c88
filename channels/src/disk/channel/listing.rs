//! What is read from the disk to be shown: retained events, dead letters, the event at a time.

use std::sync::Arc;

use bytes::Bytes;
use sluicegate_event::stored;

use super::super::kept::KeptReadError;
use super::super::log::{Item, ReadError};
use super::super::patience::Patience;
use super::super::state::Letter;
use super::shared::Shared;
use crate::reading::position;
use crate::{DeadLetter, ParkReason, Retained, RetainedPage, StoreError, Timestamp, telemetry};

/// A page has at most about so many bytes of events.
const PAGE_BYTES: usize = 16 << 20;

/// Does something with files where waiting is allowed.
async fn blocking<T: Send + 'static>(
    shared: &Arc<Shared>,
    act: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let shared = Arc::clone(shared);
    let done = tokio::task::spawn_blocking(move || act(&shared)).await;
    done.unwrap_or_else(|_| Err(StoreError("the process is stopping".to_owned())))
}

fn unreadable(error: ReadError) -> StoreError {
    StoreError(error.to_string())
}

/// The offset of the first event accepted at or after `at`; the tail if there is none.
pub(super) async fn offset_at(shared: &Arc<Shared>, at: Timestamp) -> Result<u64, StoreError> {
    blocking(shared, move |shared| {
        let tail = shared.state.lock().tail();
        let at_ms = at.signed_millis();
        let segments = shared.appender().segments();
        let is_later = |(_, latest_ms): (i64, i64)| latest_ms >= at_ms;
        let first = segments
            .iter()
            .find(|it| it.timestamps_ms.is_some_and(is_later));
        let Some(first) = first else {
            return Ok(tail);
        };
        let mut reader = shared.appender().readers().reader(first.base);
        let mut patience = Patience::default();
        loop {
            match reader.read() {
                Ok(Some(Item::Record(record))) if record.timestamp_ms >= at_ms => {
                    return Ok(record.offset.min(tail));
                }
                Ok(Some(_)) => patience.succeeded(),
                Ok(None) => return Ok(tail),
                Err(error) => reader.overcome(error, &mut patience).map_err(unreadable)?,
            }
        }
    })
    .await
}

/// A page of the events that there are from `from` on.
pub(super) async fn retained(
    shared: &Arc<Shared>,
    from: u64,
    limit: usize,
) -> Result<RetainedPage, StoreError> {
    blocking(shared, move |shared| {
        let tail = shared.state.lock().tail();
        let mut reader = shared.appender().readers().reader(from);
        let mut patience = Patience::default();
        let mut page = RetainedPage::default();
        let mut bytes = 0;
        loop {
            let at = reader.position();
            let item = match reader.read() {
                Ok(Some(item)) => item,
                Ok(None) => return Ok(page),
                Err(error) => {
                    reader.overcome(error, &mut patience).map_err(unreadable)?;
                    continue;
                }
            };
            patience.succeeded();
            match item {
                Item::Record(record) if record.offset >= tail => return Ok(page),
                Item::Record(record) if page.events.len() >= limit || bytes >= PAGE_BYTES => {
                    page.next = Some(position(record.offset));
                    return Ok(page);
                }
                Item::Record(record) => {
                    bytes += record.payload.len();
                    let accepted_at = Timestamp::from_signed_millis(record.timestamp_ms);
                    match stored::decode(Bytes::copy_from_slice(record.payload)) {
                        Ok(event) => page.events.push(Retained {
                            position: position(record.offset),
                            accepted_at,
                            event: Arc::new(event),
                        }),
                        Err(error) => {
                            let readers = shared.appender().readers();
                            telemetry::cannot_decode(readers.dir(), &error, record.offset);
                            page.lost += 1;
                        }
                    }
                }
                Item::Damaged(damage) => {
                    let start = damage.offsets.start.max(at);
                    page.lost += damage.offsets.end.saturating_sub(start);
                }
            }
        }
    })
    .await
}

/// The dead letters whose events are still there, up to the size of a page. Those whose events are
/// lost have expired.
pub(super) async fn dead_letters(
    shared: &Arc<Shared>,
    letters: Vec<Letter>,
) -> Result<Vec<DeadLetter>, StoreError> {
    blocking(shared, move |shared| {
        let mut found = Vec::new();
        let mut bytes = 0;
        for letter in &letters {
            if let Some(dead_letter) = dead_letter(shared, letter)? {
                bytes += dead_letter.event.size_bytes();
                found.push(dead_letter);
            } else {
                let (name, offset) = (&letter.key.subscription, letter.key.position.offset);
                shared.apply(|state, _| state.lose_letter(name, offset));
            }
            if bytes >= PAGE_BYTES {
                break;
            }
        }
        Ok(found)
    })
    .await
}

fn dead_letter(shared: &Shared, letter: &Letter) -> Result<Option<DeadLetter>, StoreError> {
    let unreadable = |error: KeptReadError| StoreError(error.to_string());
    let event = shared.kept.event(letter.key.position.offset);
    let Some(event) = event.map_err(unreadable)? else {
        return Ok(None);
    };
    let reason = shared.kept.reason(letter.kept).map_err(unreadable)?;
    Ok(Some(DeadLetter {
        key: letter.key.clone(),
        event: Arc::new(event),
        reason: reason.unwrap_or_else(|| ParkReason::unreadable(letter.kind)),
        sends: letter.sends,
        accepted_at: letter.accepted_at,
        parked_at: letter.parked_at,
        retry_at: letter.retry_at,
    }))
}
