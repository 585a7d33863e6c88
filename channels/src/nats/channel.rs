//! The NATS channel: a broker's events in JetStream, shared by any number of processes.
//!
//! It keeps every promise of the [contract](crate::contract) but shedding, to the class that its servers
//! are proved to have. How is in `docs/decisions/0016-nats-channel.md`.
//!
//! ```text
//!   channel.rs     this: what it offers
//!   offering.rs    the methods of the contract
//!   appending.rs   events on their way into the first stream
//!   tasks.rs       what is done by itself: opening, what transitions leave to be done, ticks, figures;
//!                  pulls.rs what consumers hand out
//!   hearing.rs     what other processes agreed on takes effect
//!   moving.rs      a subscription that goes to another place, and what ends by that
//!   readiness.rs   whether the streams are there and read, and what is in the way
//! ```
//!
//! # When something fails
//!
//! It is opened without waiting for any server. Until one answers and its streams are there, events are
//! refused and subscriptions are not made; what is leased then ends as it can. After an outage all goes
//! on by itself.

mod appending;
mod hearing;
mod moving;
mod offering;
mod pulls;
mod readiness;
mod tasks;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use self::hearing::{Endings, Hearing, Moves};
use self::readiness::Readiness;
pub use self::readiness::Standing;
use super::class::Verdict;
use super::consumers::Consumers;
use super::control::Control;
use super::due::Dues;
use super::enrolling::Enrolling;
use super::kept::Kept;
use super::link::{Health, Link, OptionsError};
use super::names::Names;
use super::options::NatsOptions;
use super::room::Room;
use super::shared::Shared;
use crate::reading::Reader;
use crate::{
    Channel as _, ChannelStatus, Clock, DurabilityClass, Matcher, Start, StoreError,
    SubscribeError, Subscription, SubscriptionSpec, SubscriptionStatus, Timestamp,
};

/// How long what is asked for waits until the streams are there and read.
const READY_WAIT: Duration = Duration::from_secs(5);
/// How long an orderly end waits for what was said to reach the server.
const FLUSH_WAIT: Duration = Duration::from_secs(2);

/// A [`Channel`](crate::Channel) in NATS JetStream. See the [module](self).
///
/// Dropping it is like a kill, and as safe; [`NatsChannel::shutdown`] spares the subscribers some
/// duplicates.
pub struct NatsChannel {
    inner: Arc<Inner>,
    tasks: Vec<AbortHandle>,
}

struct Inner {
    shared: Arc<Shared>,
    link: Link,
    names: Arc<Names>,
    options: NatsOptions,
    matcher: Arc<dyn Matcher>,
    kept: Arc<Kept>,
    dues: Dues,
    control: Arc<Control>,
    consumers: Consumers,
    enrolling: Enrolling,
    moves: Arc<Moves>,
    endings: Arc<Endings>,
    readiness: Readiness,
    room: Arc<Room>,
    /// When the oldest event was stored that the first stream has.
    oldest_at: Mutex<Option<Timestamp>>,
    verdict: Mutex<Option<Verdict>>,
}

impl fmt::Debug for NatsChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsChannel")
            .field("names", &self.inner.names)
            .finish_non_exhaustive()
    }
}

impl NatsChannel {
    /// Opens the channel of `namespace/broker`, and returns without waiting for a server.
    ///
    /// # Errors
    ///
    /// When the options cannot be used whatever servers say.
    pub async fn open(
        (namespace, broker): (&str, &str),
        options: NatsOptions,
        matcher: Arc<dyn Matcher>,
        clock: Clock,
    ) -> Result<Self, OptionsError> {
        let stream = &options.stream;
        let names = Names::new(&stream.prefix, namespace, broker, stream.name.as_deref());
        let names = Arc::new(names);
        let link = Link::open(&options).await?;
        let shared = Arc::new(Shared::new(clock));
        let moves = Arc::new(Moves::default());
        let endings = Arc::new(Endings::default());
        let hearing = Hearing {
            shared: Arc::clone(&shared),
            moves: Arc::clone(&moves),
            endings: Arc::clone(&endings),
        };
        let control = Control::new(link.clone(), Arc::clone(&names), Arc::new(hearing));
        let control = Arc::new(control);
        let consumers = Consumers::new(link.clone(), Arc::clone(&names));
        let kept = Kept::new(link.clone(), Arc::clone(&names), Arc::clone(&shared));
        let kept = Arc::new(kept);
        let inner = Arc::new(Inner {
            shared,
            dues: Dues::new(Arc::clone(&kept)),
            kept,
            enrolling: Enrolling::new(Arc::clone(&control), consumers.clone()),
            control,
            consumers,
            moves,
            endings,
            link,
            names,
            matcher,
            readiness: Readiness::default(),
            room: Arc::new(Room::new(&options.stream, options.retry_after)),
            oldest_at: Mutex::default(),
            verdict: Mutex::default(),
            options,
        });
        let tasks = tasks::start(&inner);
        Ok(NatsChannel { inner, tasks })
    }

    /// Whether events are taken, and what is in the way.
    pub fn standing(&self) -> Standing {
        self.inner.readiness.standing()
    }

    /// How it stands with the servers.
    pub fn health(&self) -> Health {
        self.inner.link.health()
    }

    /// How well events are kept, and what a better class lacks; none before that was first looked at.
    pub fn verdict(&self) -> Option<Verdict> {
        self.inner.verdict.lock().clone()
    }

    /// Ends in good order: what ended is said to the server and added to what stands.
    pub async fn shutdown(&self) {
        self.close();
        let deadline = Instant::now() + FLUSH_WAIT;
        self.inner.flush_all(deadline).await;
    }
}

impl Drop for NatsChannel {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.inner.shared.abandon();
    }
}

impl Inner {
    async fn ready(&self) -> Result<(), StoreError> {
        let deadline = Instant::now() + READY_WAIT;
        self.readiness
            .until_ready(deadline)
            .await
            .map_err(StoreError)
    }

    async fn subscribe(
        &self,
        spec: &SubscriptionSpec,
    ) -> Result<Box<dyn Subscription>, SubscribeError> {
        if self.shared.apply(|state, _| state.is_closed()) {
            return Err(SubscribeError::Closed);
        }
        self.ready().await?;
        let is_known = |state: &super::state::State| state.exhausted(&spec.name).is_some();
        let is_new = !self.shared.apply(|state, _| is_known(state));
        let enrolling = self.enrolling.enrol(&spec.name, spec.start, &spec.interest);
        Box::pin(enrolling).await.map_err(StoreError::from)?;
        let id = self.shared.apply(|state, now| {
            let id = state.subscribe(spec)?;
            if is_new && spec.start != Start::Latest {
                state.ages_anew(&spec.name, now);
            }
            Ok::<_, SubscribeError>(id)
        })?;
        let Some(id) = id else {
            let deleted = "it was deleted as it was made".to_owned();
            return Err(StoreError(deleted).into());
        };
        let reader = Reader::new(Arc::clone(&self.shared), id);
        let (kept, name, exhausted) = (&self.kept, &spec.name, spec.exhausted);
        let (kept, name) = (Arc::clone(kept), Arc::clone(name));
        // What lies parked since before there was a sink need not be waited for.
        tokio::spawn(async move { kept.set_exhausted(&name, exhausted).await });
        Ok(Box::new(reader))
    }

    async fn pause(&self, name: &str, paused: bool) {
        let changed = self.control.change(name, |record| {
            record.is_paused = paused;
        });
        if let Err(error) = Box::pin(changed).await {
            tracing::error!(subscription = name, paused, %error, "a pause was not stored");
        }
    }

    async fn delete(&self, name: &str) -> Option<SubscriptionStatus> {
        let ends = self.endings.begin(name);
        let removed = Box::pin(self.enrolling.end(name)).await;
        let heard = ends.heard();
        match removed {
            Ok(removed) => {
                let removed = removed?;
                self.dues.forget(removed.record.number);
                self.kept.look_at_all();
                // It may have been heard of before the answer.
                removed.status.or(heard)
            }
            Err(error) => {
                tracing::error!(subscription = name, %error, "a subscription was not deleted");
                None
            }
        }
    }

    fn describe(&self) -> ChannelStatus {
        let (subscriptions, appended) = self
            .shared
            .apply(|state, now| (state.statuses(now), state.appended_here()));
        let (events, bytes) = self.room.used();
        let oldest_accepted_at = *self.oldest_at.lock();
        let verdict = self.verdict.lock();
        let unverified = DurabilityClass::Unverified;
        ChannelStatus {
            class: verdict.as_ref().map_or(unverified, |verdict| verdict.class),
            events,
            bytes,
            events_max: self.options.stream.events_max,
            bytes_max: self.options.stream.bytes_max,
            oldest_accepted_at,
            appended,
            disk: None,
            subscriptions,
        }
    }
}
