//! What a channel does by itself: it opens its streams, does what transitions leave to be done, lets time
//! pass, and looks at how the servers stand.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::Inner;
use super::pulls::EventsPull;
use crate::nats::asking::AskError;
use crate::nats::due::DuePull;
use crate::nats::monitoring;
use crate::nats::overseeing::{Known, Overseer};
use crate::nats::pulling::Say;
use crate::nats::state::{Consumer, Reply, ToDo};
use crate::nats::streams::{Streams, StreamsError};
use crate::nats::watch::Watch;

/// How long one try to open the streams may take.
const OPEN_WAIT: Duration = Duration::from_secs(10);
/// Before another try.
const OPEN_PAUSE: Duration = Duration::from_millis(500);
/// The same where somebody has to do something about it first.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);
/// How long reading all that is known may take before it is looked at whether the streams are there.
const READ_WAIT: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_secs(1);
/// How often it is asked how well events are kept.
const MONITOR_EVERY: Duration = Duration::from_secs(60);
/// How a server says that a stream is not there.
const NO_STREAM: u64 = 10_059;

/// Starts all of it.
pub(super) fn start(inner: &Arc<Inner>) -> Vec<AbortHandle> {
    let run = Arc::clone(inner);
    let doing = Arc::clone(inner);
    let ticking = Arc::clone(inner);
    let tasks = [
        tokio::spawn(async move { run.run().await }),
        tokio::spawn(async move { doing.keep_doing().await }),
        tokio::spawn(async move { ticking.keep_ticking().await }),
    ];
    tasks
        .iter()
        .map(tokio::task::JoinHandle::abort_handle)
        .collect()
}

impl Inner {
    // ---- the streams ----

    async fn run(self: Arc<Self>) {
        self.open_streams().await;
        let mut tasks = JoinSet::new();
        let (watch, mut is_read) = Watch::new(Arc::clone(&self.kept));
        tasks.spawn(watch.run());
        let control = Arc::clone(&self.control);
        tasks.spawn(async move { control.watch().await });
        loop {
            let deadline = Instant::now() + READ_WAIT;
            if self.control.until_whole(deadline).await {
                break;
            }
        }
        // It ends with the watch, which never does.
        drop(is_read.wait_for(|is_read| *is_read).await);
        self.oversee().await;
    }

    async fn open_streams(&self) {
        loop {
            let deadline = Instant::now() + OPEN_WAIT;
            let opening = Streams::open(&self.link, &self.names, &self.options.stream, deadline);
            let error = match Box::pin(opening).await {
                Ok(_) => return,
                Err(error) => error,
            };
            let is_refused = match &error {
                StreamsError::Unreachable(_) => false,
                StreamsError::Differs { .. }
                | StreamsError::Gone { .. }
                | StreamsError::Refused { .. } => true,
            };
            self.readiness.is_held_up(error.to_string(), is_refused);
            sleep(if is_refused {
                REFUSED_PAUSE
            } else {
                OPEN_PAUSE
            })
            .await;
        }
    }

    /// Looks at the streams and the servers once a second, for ever.
    async fn oversee(&self) {
        let mut overseer = Overseer::new(
            self.link.clone(),
            Arc::clone(&self.names),
            Arc::clone(&self.control),
            Arc::clone(&self.room),
        );
        let mut monitored = None;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (known, now) = self.shared.apply(|state, now| {
                let known = Known {
                    recorded: Some(state.recorded_all()),
                    needed_from: state.needed_from(),
                };
                (known, now)
            });
            match Box::pin(overseer.look(&known, now)).await {
                Ok(survey) => {
                    *self.oldest_at.lock() = survey.events.oldest_at;
                    self.shared.apply(|state, _| {
                        for (number, epoch, figures) in survey.figures() {
                            state.figures(number, epoch, figures);
                        }
                    });
                    self.readiness.is_open();
                }
                Err(AskError::Refused { code, words, .. }) if code == NO_STREAM => {
                    self.readiness.is_held_up(words, true);
                }
                Err(error) => tracing::debug!(%error, "NATS was not looked at"),
            }
            let connection = self.link.health().server;
            let is_stale = monitored.as_ref().is_none_or(|(at, of): &(Instant, _)| {
                at.elapsed() >= MONITOR_EVERY || *of != connection
            });
            if is_stale && self.monitor().await {
                monitored = Some((Instant::now(), connection));
            }
        }
    }

    /// Asks how well events are kept; false where the stream itself could not be asked about.
    async fn monitor(&self) -> bool {
        let deadline = Instant::now() + OPEN_WAIT;
        let context = self.link.jetstream();
        let asking = Box::pin(context.get_stream(self.names.events_stream()));
        let Ok(Ok(stream)) = self.link.within(deadline, asking).await else {
            return false;
        };
        let health = self.link.health();
        let connected = health.server.map_or_else(String::new, |server| server.name);
        let addresses = &self.options.monitoring;
        let facts = monitoring::facts(stream.cached_info(), &connected, addresses).await;
        *self.verdict.lock() = Some(facts.judge());
        true
    }

    // ---- what is left to be done ----

    async fn keep_doing(self: Arc<Self>) {
        let mut tasks = JoinSet::new();
        loop {
            let to_do = self.shared.to_do().await;
            let mut said = Vec::new();
            for it in to_do {
                match it {
                    ToDo::Acknowledge(Reply(to)) => said.push((to, Say::Done)),
                    ToDo::InProgress(Reply(to)) => said.push((to, Say::InProgress)),
                    ToDo::HandBack {
                        reply: Reply(to),
                        after,
                    } => said.push((to, Say::Again(after))),
                    ToDo::Step(step) => {
                        let kept = Arc::clone(&self.kept);
                        tasks.spawn(async move { kept.do_step(*step).await });
                    }
                    ToDo::Pull {
                        id,
                        number,
                        epoch,
                        consumer,
                        pull,
                        items,
                        bytes,
                    } => {
                        let inner = Arc::clone(&self);
                        match consumer {
                            Consumer::Events => {
                                let asked = EventsPull {
                                    id,
                                    number,
                                    epoch,
                                    pull,
                                    items,
                                    bytes,
                                };
                                tasks.spawn(async move { inner.pull_events(asked).await });
                            }
                            Consumer::Due => {
                                let asked = DuePull {
                                    id,
                                    number,
                                    pull,
                                    items,
                                };
                                tasks.spawn(async move { inner.dues.pull(asked).await });
                            }
                        }
                    }
                    ToDo::Tally { number } => {
                        let inner = Arc::clone(&self);
                        tasks.spawn(async move { inner.add_to_tally(number).await });
                    }
                }
            }
            while tasks.try_join_next().is_some() {}
            if !said.is_empty() {
                self.link.say(said).await;
            }
        }
    }

    async fn add_to_tally(&self, number: u64) {
        let taken = self.shared.apply(|state, _| state.take_tally(number));
        let Some(taken) = taken else { return };
        // Whoever hears of it says that it was added.
        if let Err(error) = Box::pin(self.control.tally(number, taken)).await {
            tracing::debug!(number, %error, "what became of events was not added yet");
            self.shared
                .apply(|state, _| state.tally_added(number, false));
        }
    }

    /// Adds what ended to what stands, and waits until what was said has reached the server.
    pub(super) async fn flush_all(&self, deadline: Instant) {
        let numbers = self.shared.apply(|state, _| state.recorded_all());
        for (number, _) in numbers {
            let adding = tokio::time::timeout_at(deadline, self.add_to_tally(number));
            drop(Box::pin(adding).await);
        }
        self.link.flush(deadline).await;
    }

    // ---- time ----

    async fn keep_ticking(self: Arc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tidying = JoinSet::new();
        loop {
            ticks.tick().await;
            self.shared.apply(|state, now| state.tick(now));
            while tidying.try_join_next().is_some() {}
            if tidying.is_empty() {
                let inner = Arc::clone(&self);
                tidying.spawn(async move {
                    inner.kept.sweep().await;
                    Box::pin(inner.follow_moves()).await;
                });
            }
        }
    }
}
