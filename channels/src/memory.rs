//! The memory channel: a store bounded in events and bytes, for development and for events that
//! may be lost with the process.
//!
//! It keeps every promise of the [contract](crate::contract), to the class
//! [`DurabilityClass::Memory`](crate::DurabilityClass::Memory): what it holds survives nothing.
//! Settled events are gone, so a subscription cannot go back to them; one that starts in the past
//! gets those of the events still held for others that it wants.
//!
//! ```text
//!   memory.rs        this: the lock, the clock, who is woken
//!   lease.rs         what the end of a lease does (the reading end is ../reading.rs)
//!   state.rs         everything that may happen to the store, as plain data
//!   ├─ queues.rs     where the events of one subscription stand (../queues.rs)
//!   ├─ slots.rs      the events, each kept once, and who holds them
//!   └─ bounds.rs     who may use how much
//! ```
//!
//! One mutex stands around all of it. What happens under it takes well under a microsecond for an
//! event and a subscription, so finer locks would cost more than they spare; a channel is one
//! broker's, and brokers do not share one. Nothing waits while holding it: a reader that finds
//! nothing leaves its waker, and sleeps until the next event of its own is due.
//!
//! # Who is asked, and when
//!
//! The matcher is asked *before* the lock is taken, because with thousands of filters that is the
//! longest part of an append and would hold up every other producer. A subscription made in the
//! meantime would then miss an event that is accepted after `subscribe` answered; so if one was
//! made, the events are matched again, this time under the lock. It follows that whoever
//! subscribes adds the filter to the matcher first, and removes it after deleting.
//!
//! # When it is full
//!
//! With [`WhenFull::Shed`], the oldest event of the subscription that holds most is taken as long
//! as another holds less than half as much. The event goes to its dead-letter sink if it has one
//! (within half of the reserve), else it is discarded, counted and logged. Where no subscription
//! may be taken from, or with [`WhenFull::Refuse`], appends are refused until there is room.

mod bounds;
mod lease;
mod queues;
mod slots;
mod state;

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_event::Event;

pub use self::bounds::ingress_share;
use self::lease::MemoryLease;
use self::state::{Held, State};
use crate::answers::Answers;
use crate::reading::{LeaseId, Next, Reader, Store, SubscriptionId, position};
use crate::{
    Admission, AppendError, BY_AGE, BY_THE_OPERATOR, BoxFuture, Channel, ChannelStatus, Clock,
    DeadLetter, DeadLetterKey, Exhausted, LeaseControl, Matcher, NextLimit, ParkedSince, Position,
    Replayed, RetainedPage, SeekError, Start, StoreError, SubscribeError, Subscription,
    SubscriptionSpec, SubscriptionStatus, Timestamp, telemetry,
};

/// What a full store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// Takes events from the subscription that holds most, as the module says.
    #[default]
    Shed,
    /// Refuses every append until there is room.
    Refuse,
}

/// How much a memory channel may hold and what it does then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryOptions {
    /// Events held at a time, at least 1. Default 100,000.
    pub events_max: u64,
    /// Bytes of events held at a time, as [`Event::size_bytes`] counts them. Default 256 MiB; below
    /// the largest event that is let in, some can never be stored.
    pub bytes_max: u64,
    /// What happens past ingress's 80 % of either.
    pub when_full: WhenFull,
    /// What a refused producer is told. Default 1 s.
    pub retry_after: Duration,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        MemoryOptions {
            events_max: 100_000,
            bytes_max: 256 << 20,
            when_full: WhenFull::default(),
            retry_after: Duration::from_secs(1),
        }
    }
}

/// A [`Channel`] in this process's memory. See the [module](self).
///
/// ```
/// use std::sync::Arc;
/// use std::time::UNIX_EPOCH;
///
/// use sluicegate_channels::{
///     Admission, Channel, Clock, Exhausted, Claim, Matcher, MemoryChannel, MemoryOptions, NextLimit,
///     Settled, Start, SubscriptionKey, SubscriptionSpec, Interest,
/// };
/// use sluicegate_event::Event;
///
/// struct Everything;
///
/// impl Matcher for Everything {
///     fn matches(&self, _event: &Event, answer: &mut dyn FnMut(SubscriptionKey, Claim)) {
///         answer(SubscriptionKey(1), Claim::Wanted);
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let clock = Clock::anchored_at(UNIX_EPOCH);
/// let channel = MemoryChannel::open(MemoryOptions::default(), Arc::new(Everything), clock);
/// let spec = SubscriptionSpec {
///     name: "default/orders/1".into(),
///     key: SubscriptionKey(1),
///     start: Start::Latest,
///     exhausted: Exhausted::Discard,
///     deferred_max: 1_000.try_into()?,
///     interest: Interest::Everything,
/// };
/// let mut subscription = channel.subscribe(spec).await?;
///
/// let event = Event::builder("1", "/shop", "order.created").build()?;
/// channel.append(vec![event], Admission::Ingress).await?;
///
/// let limit = NextLimit { items_max: 64.try_into()?, bytes_max: 1 << 20, dead_letters_max: 16 };
/// for lease in subscription.next(limit).await {
///     assert_eq!(lease.event.ty(), "order.created");
///     lease.settle(Settled::Delivered);
/// }
/// assert_eq!(channel.describe().subscriptions[0].books.delivered, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MemoryChannel {
    shared: Arc<Shared>,
}

impl MemoryChannel {
    /// An empty channel.
    pub fn open(options: MemoryOptions, matcher: Arc<dyn Matcher>, clock: Clock) -> Arc<Self> {
        let shared = Arc::new(Shared {
            matcher,
            clock,
            state: Mutex::new(State::new(options)),
        });
        Arc::new(MemoryChannel { shared })
    }

    /// Goes by other bounds from now on. Nothing that is held is lost: a store that is past its new
    /// bounds refuses, or takes from who holds most, until it has drained.
    pub fn reconfigure(&self, options: MemoryOptions) {
        self.shared.apply(|state, _| state.reconfigure(options));
    }
}

/// What the channel, its readers and its leases share.
struct Shared {
    matcher: Arc<dyn Matcher>,
    clock: Clock,
    state: Mutex<State>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Store for Shared {
    fn next(&self, id: SubscriptionId, limit: NextLimit, waker: &Waker) -> Next {
        self.apply(|state, now| state.next(id, limit, waker, now))
    }

    fn close_end(&self, id: SubscriptionId) {
        self.apply(|state, _| state.close_end(id));
    }

    fn control(self: &Arc<Self>, id: LeaseId) -> Box<dyn LeaseControl> {
        let shared = Arc::clone(self);
        Box::new(MemoryLease { shared, id })
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// An event with the subscriptions that want it.
#[derive(Debug)]
struct Matched {
    event: Arc<Event>,
    size_bytes: u64,
    answers: Answers,
}

impl Shared {
    /// Makes one transition, and wakes whom it says to wake once the lock is free again.
    fn apply<T>(&self, transition: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let (result, woken) = {
            let mut state = self.state.lock();
            let result = transition(&mut state, self.clock.now());
            (result, state.take_woken())
        };
        for waker in woken {
            waker.wake();
        }
        result
    }

    fn append(
        &self,
        batch: Vec<Event>,
        admission: Admission,
    ) -> Result<Vec<Position>, AppendError> {
        let asked_at = self.state.lock().keys_epoch();
        let count = batch.len() as u64;
        let mut batch: Vec<Matched> = batch.into_iter().map(|event| self.matched(event)).collect();
        let appended = self.apply(|state, now| {
            if state.keys_epoch() != asked_at {
                for matched in &mut batch {
                    matched.answers = self.answers_of(&matched.event);
                }
            }
            state.append(batch, admission, now)
        })?;
        for (subscription, count) in &appended.discarded {
            telemetry::shed(subscription, *count);
        }
        let end = appended.first_offset + count;
        Ok((appended.first_offset..end).map(position).collect())
    }

    fn matched(&self, event: Event) -> Matched {
        Matched {
            size_bytes: event.size_bytes() as u64,
            answers: self.answers_of(&event),
            event: Arc::new(event),
        }
    }

    fn answers_of(&self, event: &Event) -> Answers {
        Answers::of(event, &*self.matcher)
    }

    /// Gives a new subscription what is still held of the past. Its events are matched without the
    /// lock, since there may be many; what is appended meanwhile reaches the subscription anyway.
    fn take_backlog(&self, id: SubscriptionId, spec: &SubscriptionSpec) {
        let mut held = self.apply(|state, _| state.held_since(spec.start));
        held.retain(|held: &Held| self.answers_of(&held.event).wanted.contains(&spec.key));
        if !held.is_empty() {
            self.apply(|state, _| state.take_backlog(id, &held));
        }
    }

    fn subscribe(
        self: &Arc<Self>,
        spec: &SubscriptionSpec,
    ) -> Result<Reader<Self>, SubscribeError> {
        let (id, is_new) = self.apply(|state, now| {
            let begun = state.subscribe(spec)?;
            if begun.1 {
                state.ages_anew(&spec.name, now);
            }
            Ok::<_, SubscribeError>(begun)
        })?;
        let reader = Reader::new(Arc::clone(self), id);
        if is_new {
            self.take_backlog(id, spec);
        }
        Ok(reader)
    }
}

/// Nothing here waits: each future is ready at its first poll, and does nothing before.
impl Channel for MemoryChannel {
    fn append(
        &self,
        batch: Vec<Event>,
        admission: Admission,
    ) -> BoxFuture<'_, Result<Vec<Position>, AppendError>> {
        Box::pin(async move { self.shared.append(batch, admission) })
    }

    fn subscribe(
        &self,
        spec: SubscriptionSpec,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, SubscribeError>> {
        Box::pin(async move {
            let reader = self.shared.subscribe(&spec)?;
            Ok(Box::new(reader) as Box<dyn Subscription>)
        })
    }

    fn pause(&self, name: &str, paused: bool) -> BoxFuture<'_, ()> {
        let name: Arc<str> = name.into();
        Box::pin(async move {
            self.shared
                .apply(|state, now| state.pause(&name, paused, now));
        })
    }

    fn set_exhausted(&self, name: &str, exhausted: Exhausted) -> BoxFuture<'_, ()> {
        let name: Arc<str> = name.into();
        Box::pin(async move {
            self.shared
                .apply(|state, now| state.set_exhausted(&name, exhausted, now));
        })
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Option<SubscriptionStatus>> {
        let name: Arc<str> = name.into();
        Box::pin(async move { self.shared.apply(|state, _| state.delete(&name)) })
    }

    fn seek(&self, name: &str, to: Start) -> BoxFuture<'_, Result<(), SeekError>> {
        let name: Arc<str> = name.into();
        Box::pin(async move {
            self.shared.apply(|state, now| {
                state.seek(&name, to)?;
                state.ages_anew(&name, now);
                Ok(())
            })
        })
    }

    fn retained(
        &self,
        from: Start,
        limit: usize,
    ) -> BoxFuture<'_, Result<RetainedPage, StoreError>> {
        Box::pin(async move { Ok(self.shared.apply(|state, _| state.retained(from, limit))) })
    }

    fn replay(
        &self,
        name: &str,
        positions: &[Position],
    ) -> BoxFuture<'_, Result<Replayed, SeekError>> {
        let name: Arc<str> = name.into();
        let positions = positions.to_vec();
        Box::pin(async move {
            self.shared
                .apply(|state, now| state.replay(&name, &positions, now))
        })
    }

    fn dead_letters(
        &self,
        name: Option<&str>,
        after: Option<DeadLetterKey>,
        limit: usize,
    ) -> BoxFuture<'_, Vec<DeadLetter>> {
        let name: Option<Arc<str>> = name.map(Arc::from);
        Box::pin(async move {
            self.shared
                .apply(|state, _| state.dead_letters(name.as_deref(), after.as_ref(), limit))
        })
    }

    fn redrive(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        let key = key.clone();
        Box::pin(async move { Ok(self.shared.apply(|state, now| state.redrive(&key, now))) })
    }

    fn discard(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        let key = key.clone();
        Box::pin(async move {
            let discard = |state: &mut State, _| state.discard(&key, BY_THE_OPERATOR);
            Ok(self.shared.apply(discard))
        })
    }

    fn parked(&self, name: &str, after: Option<Position>, limit: usize) -> Vec<ParkedSince> {
        self.shared
            .apply(|state, _| state.parked(name, after, limit))
    }

    fn discard_by_age(&self, key: &DeadLetterKey) -> BoxFuture<'_, Result<bool, StoreError>> {
        let key = key.clone();
        Box::pin(async move { Ok(self.shared.apply(|state, _| state.discard(&key, BY_AGE))) })
    }

    fn describe(&self) -> ChannelStatus {
        self.shared.apply(|state, _| state.describe())
    }

    fn close(&self) {
        self.shared.apply(|state, _| state.close());
    }
}
