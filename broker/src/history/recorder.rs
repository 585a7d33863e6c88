//! A channel that records what it stores.
//!
//! It stands before a broker's channel, for the door and for the replies of its triggers alike, so
//! that nothing is accepted without being recorded. Everything but `append` is passed on.
//!
//! Whoever appends may be gone before the answer: a producer that hung up, or had waited for long enough. The
//! channel stores the events nevertheless, so that append goes on by itself and is recorded
//! (`recorder/storing.rs`).
//!
//! How many triggers wanted an event is known to the matcher alone, which the channel asks while it
//! stores: [`Judging`] stands before the matcher and leaves the answer where the append that it is
//! asked for finds it.

use std::cell::RefCell;
use std::sync::Arc;

mod storing;

use storing::{Late, Storing};

use sluicegate_channels::{
    Admission, AppendError, BoxFuture, Channel, ChannelStatus, Claim, DeadLetter, DeadLetterKey,
    Exhausted, Interest, Matcher, ParkedSince, Position, Replayed, RetainedPage, SeekError, Start,
    StoreError, SubscribeError, Subscription, SubscriptionKey, SubscriptionSpec,
    SubscriptionStatus,
};
use sluicegate_event::Event;
use tokio::time::Instant;

use super::{History, Judged, Stored};

tokio::task_local! {
    /// What was judged in the append that this task is in, event by event.
    static JUDGED: RefCell<Vec<Judged>>;
}

/// A channel, and the history that hears of what it stores.
#[derive(Debug)]
pub struct Recorder {
    channel: Arc<dyn Channel>,
    history: Arc<History>,
    late: Late,
}

impl Recorder {
    /// Records what `channel` stores.
    pub fn new(channel: Arc<dyn Channel>, history: Arc<History>) -> Self {
        let late = Late::default();
        Recorder {
            channel,
            history,
            late,
        }
    }
}

/// Appends to the channel, and records what that says.
async fn store(
    channel: Arc<dyn Channel>,
    history: Arc<History>,
    batch: Vec<Event>,
    admission: Admission,
) -> Result<Vec<Position>, AppendError> {
    let events = batch.clone();
    let (began, accepted_at) = (Instant::now(), history.now());
    let storing = async {
        let stored = channel.append(batch, admission).await;
        (stored, JUDGED.with(RefCell::take))
    };
    let judged = RefCell::new(Vec::with_capacity(events.len()));
    let (stored, judged) = JUDGED.scope(judged, storing).await;
    let positions = stored?;
    let took = began.elapsed();
    // A channel that asks elsewhere or more than once leaves it unknown.
    let is_told = judged.len() == events.len();
    for (index, (event, position)) in events.iter().zip(&positions).enumerate() {
        let stored = Stored {
            position: *position,
            accepted_at,
            took,
            is_reply: matches!(admission, Admission::Internal),
            judged: judged.get(index).copied().filter(|_| is_told),
        };
        history.accepted(event, &stored);
    }
    Ok(positions)
}

/// A matcher, whose answers are counted for the history.
#[derive(Debug)]
pub struct Judging<M>(pub Arc<M>);

impl<M: Matcher> Matcher for Judging<M> {
    fn matches(&self, event: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
        let mut judged = Judged::default();
        self.0.matches(event, &mut |key, claim| {
            match claim {
                Claim::Wanted => judged.wanted += 1,
                Claim::Undecided => judged.undecided += 1,
            }
            answer(key, claim);
        });
        // Outside an append nobody wants to know.
        JUDGED
            .try_with(|all| all.borrow_mut().push(judged))
            .unwrap_or_default();
    }
}

impl Channel for Recorder {
    fn append(
        &self,
        batch: Vec<Event>,
        admission: Admission,
    ) -> BoxFuture<'_, Result<Vec<Position>, AppendError>> {
        let size_bytes = batch.iter().map(Event::size_bytes).sum();
        let events = batch.len() as u64;
        let (channel, history) = (Arc::clone(&self.channel), Arc::clone(&self.history));
        Box::pin(Storing {
            inner: Some(Box::pin(store(channel, history, batch, admission))),
            has_begun: false,
            events,
            size_bytes,
            late: self.late.clone(),
            history: Arc::clone(&self.history),
        })
    }

    fn subscribe(
        &self,
        spec: SubscriptionSpec,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, SubscribeError>> {
        self.channel.subscribe(spec)
    }

    fn pause(&self, name: &str, paused: bool) -> BoxFuture<'_, ()> {
        self.channel.pause(name, paused)
    }

    fn set_exhausted(&self, name: &str, exhausted: Exhausted) -> BoxFuture<'_, ()> {
        self.channel.set_exhausted(name, exhausted)
    }

    fn set_interest(&self, name: &str, interest: Interest) -> BoxFuture<'_, ()> {
        self.channel.set_interest(name, interest)
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Option<SubscriptionStatus>> {
        self.channel.delete(name)
    }

    fn seek(&self, name: &str, to: Start) -> BoxFuture<'_, Result<(), SeekError>> {
        self.channel.seek(name, to)
    }

    fn retained(
        &self,
        from: Start,
        limit: usize,
    ) -> BoxFuture<'_, Result<RetainedPage, StoreError>> {
        self.channel.retained(from, limit)
    }

    fn replay(
        &self,
        name: &str,
        positions: &[Position],
    ) -> BoxFuture<'_, Result<Replayed, SeekError>> {
        self.channel.replay(name, positions)
    }

    fn dead_letters(
        &self,
        name: Option<&str>,
        after: Option<DeadLetterKey>,
        limit: usize,
    ) -> BoxFuture<'_, Vec<DeadLetter>> {
        self.channel.dead_letters(name, after, limit)
    }

    fn redrive(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.channel.redrive(key)
    }

    fn discard(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.channel.discard(key)
    }

    fn parked(&self, name: &str, after: Option<Position>, limit: usize) -> Vec<ParkedSince> {
        self.channel.parked(name, after, limit)
    }

    fn discard_by_age(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.channel.discard_by_age(key)
    }

    fn describe(&self) -> ChannelStatus {
        self.channel.describe()
    }

    fn close(&self) {
        self.channel.close();
    }
}
