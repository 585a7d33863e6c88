//! The events that the first stream still has, page by page: read from whichever server has them, in one
//! go, and what that one does not have yet from the one that leads.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::time::Instant;

use super::asking::{AskError, Which};
use super::consumers::Consumers;
use super::link::{Link, LinkError};
use super::message;
use super::names::Names;
use crate::reading::position;
use crate::{Retained, RetainedPage, Start, Timestamp};

/// How long a page may take.
const PAGE_WAIT: Duration = Duration::from_secs(10);
/// A page that has so many bytes ends.
const PAGE_BYTES: usize = 4 << 20;
/// So many events are asked for at a time.
const BATCH_MAX: usize = 256;
/// How a server ends what it was asked for, and says that there is nothing.
const END_OF_BATCH: u16 = 204;
const NOTHING: u16 = 404;

/// A page in the making.
struct Page {
    events: Vec<Retained>,
    lost: u64,
    /// Where it goes on.
    next: u64,
    bytes: usize,
    limit: usize,
}

/// Up to `limit` of the events from `from` on, oldest first, and fewer where they are large. A message
/// that is no event is counted as lost.
///
/// # Errors
///
/// When no server says.
///
/// # Cancel safety
///
/// Nothing is changed.
pub async fn retained(
    link: &Link,
    names: &Names,
    from: Start,
    limit: usize,
) -> Result<RetainedPage, AskError> {
    let deadline = Instant::now() + PAGE_WAIT;
    let consumers = Consumers::new(link.clone(), Arc::new(names.clone()));
    let end = consumers.first(Start::Latest).await?;
    let mut page = Page {
        events: Vec::new(),
        lost: 0,
        next: consumers.first(from).await?,
        bytes: 0,
        limit,
    };
    while page.has_room() && page.next < end && read_batch(link, names, &mut page, deadline).await?
    {
    }
    let all = format!("{}.>", names.events());
    while page.has_room() && page.next < end {
        let which = Which::From(page.next, &all);
        match link.stored(names.events_stream(), which, deadline).await? {
            Some(message) => page.take(message),
            None => page.next = end,
        }
    }
    Ok(RetainedPage {
        next: (page.next < end).then(|| position(page.next)),
        events: page.events,
        lost: page.lost,
    })
}

/// Reads some from whoever has them. False where that one has no more.
async fn read_batch(
    link: &Link,
    names: &Names,
    page: &mut Page,
    deadline: Instant,
) -> Result<bool, AskError> {
    let call = format!("DIRECT.GET.{}", names.events_stream());
    let asked = json!({
        "seq": page.next,
        "batch": (page.limit - page.events.len()).min(BATCH_MAX),
        "max_bytes": PAGE_BYTES - page.bytes,
    });
    let client = link.client();
    let reading = async {
        let inbox = client.new_inbox();
        let lost = |_| AskError::from(LinkError::Lost);
        let mut answers = client
            .subscribe(inbox.clone())
            .await
            .map_err(|_| LinkError::Lost)?;
        let subject = format!("$JS.API.{call}");
        let payload = Bytes::from(asked.to_string());
        let sent = client.publish_with_reply(subject, inbox, payload).await;
        sent.map_err(lost)?;
        let before = page.next;
        while let Some(answer) = answers.next().await {
            if let Some(is_more) = ended(&call, &answer)? {
                return Ok(is_more && page.next > before);
            }
            let message = StreamMessage::try_from(answer);
            page.take(message.map_err(|error| AskError::unreadable(&call, error))?);
        }
        Err(LinkError::Lost.into())
    };
    link.within(deadline, reading).await?
}

/// Whether there is more behind what an answer ends; none where it is a message.
fn ended(call: &str, answer: &Message) -> Result<Option<bool>, AskError> {
    let Some(status) = answer.status else {
        return Ok(None);
    };
    match status.as_u16() {
        END_OF_BATCH => {
            let headers = answer.headers.as_ref();
            let pending = headers.and_then(|headers| headers.get("Nats-Num-Pending"));
            let is_more = pending.is_some_and(|pending| pending.as_str() != "0");
            Ok(Some(is_more))
        }
        NOTHING => Ok(Some(false)),
        _ => {
            let words = answer.description.as_deref().unwrap_or_default();
            Err(AskError::unreadable(call, format!("{status} {words}")))
        }
    }
}

impl Page {
    fn has_room(&self) -> bool {
        self.events.len() < self.limit && self.bytes < PAGE_BYTES
    }

    fn take(&mut self, message: StreamMessage) {
        let sequence = message.sequence;
        self.next = sequence + 1;
        let ms = message.time.unix_timestamp_nanos() / 1_000_000;
        match message::read(Some(&message.headers), message.payload) {
            Ok(event) => {
                self.bytes += event.size_bytes();
                self.events.push(Retained {
                    position: position(sequence),
                    accepted_at: Timestamp(u64::try_from(ms).unwrap_or_default()),
                    event: Arc::new(event),
                });
            }
            Err(error) => {
                self.lost += 1;
                tracing::warn!(sequence, %error, "a message in NATS is no event");
            }
        }
    }
}
