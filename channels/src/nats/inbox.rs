//! Where what consumers hand out comes: for each consumer one subscription, for as long as it is pulled.
//!
//! In a cluster a server may hear of a pull before it hears of a subscription that was made just before
//! it, since the two travel by different connections; what it hands out meanwhile is lost until it is
//! handed out again. So a pull has no subscription of its own, and a new one is given time to be heard
//! of.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, SubscribeError, Subscriber};
use parking_lot::Mutex;
use tokio::sync::Mutex as Turn;
use tokio::time::sleep;

/// So long a new subscription is given to be heard of by all servers.
const HEARD_AFTER: Duration = Duration::from_millis(50);

/// By stream and consumer. See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Inboxes(Mutex<HashMap<(String, String), Arc<Inbox>>>);

/// The subscription of one consumer.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) subject: String,
    /// One pull at a time reads it. What an earlier one has left is as good as what comes now.
    pub(super) messages: Turn<Subscriber>,
}

impl Inboxes {
    /// The one of that consumer.
    ///
    /// # Errors
    ///
    /// When the client has ended.
    pub(super) async fn of(
        &self,
        client: &Client,
        stream: &str,
        consumer: &str,
    ) -> Result<Arc<Inbox>, SubscribeError> {
        let of = (stream.to_owned(), consumer.to_owned());
        if let Some(inbox) = self.0.lock().get(&of) {
            return Ok(Arc::clone(inbox));
        }
        let subject = client.new_inbox();
        let messages = client.subscribe(subject.clone()).await?;
        sleep(HEARD_AFTER).await;
        let inbox = Arc::new(Inbox {
            subject,
            messages: Turn::new(messages),
        });
        self.0.lock().insert(of, Arc::clone(&inbox));
        Ok(inbox)
    }

    /// The consumer is gone, or nobody knows how it stands: the next pull has another subscription.
    pub(super) fn forget(&self, stream: &str, consumer: &str) {
        let of = (stream.to_owned(), consumer.to_owned());
        self.0.lock().remove(&of);
    }
}
