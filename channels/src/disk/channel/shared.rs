//! What the channel, its threads, its readers and its leases share.
//!
//! One mutex stands around the state. What happens under it touches no file and takes about a
//! microsecond for an event and a subscription; whoever has to wait for a disk does it outside.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use parking_lot::{Condvar, Mutex};

use super::super::appender::{Accept, Answers, Appender, Stored};
use super::super::kept::KeptReader;
use super::super::log::{Damage, SegmentInfo};
use super::super::space::SpaceWatch;
use super::super::state::{Accepted, State};
use super::DiskOptions;
use super::lease::DiskLease;
use crate::reading::{LeaseId, Next, Store, SubscriptionId};
use crate::{
    Clock, DiskStatus, LeaseControl, LostEvents, Matcher, NextLimit, Refuses, Timestamp, telemetry,
};

pub(super) struct Shared {
    pub(super) matcher: Arc<dyn Matcher>,
    pub(super) clock: Clock,
    pub(super) state: Mutex<State>,
    pub(super) options: Mutex<DiskOptions>,
    pub(super) kept: KeptReader,
    pub(super) space: SpaceWatch,
    /// Wakes the fetcher; and the keeper.
    pub(super) to_fetch: Condvar,
    pub(super) to_keep: Condvar,
    stage: Mutex<Stage>,
    /// Set as soon as it has started, which needs this.
    appender: OnceLock<Appender>,
    /// Why nothing is trusted any more, besides the log of events, which says so itself.
    broken: OnceLock<Arc<str>>,
    /// What the files of progress and kept events take up; the keeper looks now and then.
    pub(super) other_bytes: std::sync::atomic::AtomicU64,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Running,
    /// What is in memory is still stored.
    Finishing,
    /// Nothing is stored any more.
    Abandoned,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(
        matcher: Arc<dyn Matcher>,
        clock: Clock,
        state: State,
        options: DiskOptions,
        kept: KeptReader,
        space: SpaceWatch,
    ) -> Self {
        Shared {
            matcher,
            clock,
            state: Mutex::new(state),
            options: Mutex::new(options),
            kept,
            space,
            to_fetch: Condvar::new(),
            to_keep: Condvar::new(),
            stage: Mutex::new(Stage::Running),
            appender: OnceLock::new(),
            broken: OnceLock::new(),
            other_bytes: std::sync::atomic::AtomicU64::new(0),
        }
    }

    pub(super) fn set_appender(&self, appender: Appender) {
        drop(self.appender.set(appender));
    }

    /// # Panics
    ///
    /// Before the channel is open.
    pub(super) fn appender(&self) -> &Appender {
        let appender = self.appender.get();
        appender.expect("the appender is started before anybody has the channel")
    }

    /// Makes one transition, and wakes whom it says to wake once the lock is free again.
    pub(super) fn apply<T>(&self, transition: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let (result, woken) = {
            let mut state = self.state.lock();
            let result = transition(&mut state, self.clock.now());
            (result, state.take_woken())
        };
        if woken.fetcher {
            self.to_fetch.notify_one();
        }
        if woken.keeper {
            self.to_keep.notify_one();
        }
        for waker in woken.readers {
            waker.wake();
        }
        result
    }

    // ---- the end ----

    pub(super) fn stage(&self) -> Stage {
        *self.stage.lock()
    }

    /// The threads store what there is, and end.
    pub(super) fn finish(&self) {
        self.end(Stage::Finishing);
    }

    /// The threads end.
    pub(super) fn abandon(&self) {
        self.end(Stage::Abandoned);
    }

    fn end(&self, stage: Stage) {
        *self.stage.lock() = stage;
        // Whoever is about to wait holds the state's lock, and looks at the stage before.
        drop(self.state.lock());
        self.to_fetch.notify_all();
        self.to_keep.notify_all();
    }

    /// Nothing that is stored is trusted from now on.
    pub(super) fn break_off(&self, why: &str) {
        if self.broken.set(why.into()).is_ok() {
            telemetry::store_broken(why);
        }
    }

    pub(super) fn broken(&self) -> Option<Arc<str>> {
        self.broken.get().cloned()
    }

    // ---- what is shown ----

    pub(super) fn disk_status(&self, segments: &[SegmentInfo]) -> DiskStatus {
        let damage = segments.iter().flat_map(|segment| &segment.damage);
        let lost: LostEvents = damage.map(Damage::lost).sum();
        let oldest = segments.iter().find_map(|segment| segment.timestamps_ms);
        let other_bytes = self.other_bytes.load(std::sync::atomic::Ordering::Relaxed);
        let broken = self.broken().map(Refuses::Broken);
        DiskStatus {
            segments: segments.len() as u64,
            stored_bytes: segments.iter().map(|it| it.size_bytes).sum::<u64>() + other_bytes,
            free_bytes: self.space.space().free_bytes,
            refuses: broken.or_else(|| self.appender().refuses()),
            lost_events: lost + self.state.lock().lost_events(),
            oldest_retained_at: oldest.map(|(earliest, _)| Timestamp::from_signed_millis(earliest)),
        }
    }
}

/// When an event was accepted, or earlier: when the first of its segment was.
pub(super) fn accepted_about(segments: &[SegmentInfo], offset: u64) -> Option<Timestamp> {
    let at = segments.partition_point(|segment| segment.end <= offset);
    let (earliest_ms, _) = segments.get(at)?.timestamps_ms?;
    Some(Timestamp::from_signed_millis(earliest_ms))
}

impl Accept for Shared {
    fn accept(&self, stored: Vec<Stored>) {
        self.apply(|state, _| {
            for stored in &stored {
                let events = &stored.batch.events;
                let first = stored.first_offset;
                state.extend(first..first + events.len() as u64);
                let is_current = stored.batch.keys_epoch == state.keys_epoch();
                for (offset, event) in (first..).zip(events) {
                    // Somebody subscribed since the matcher was asked.
                    let anew = (!is_current).then(|| Answers::of(&event.event, &*self.matcher));
                    state.accept(&Accepted {
                        event: &event.event,
                        offset,
                        accepted_at: stored.accepted_at,
                        answers: anew.as_ref().unwrap_or(&event.answers),
                    });
                }
            }
            state.make_room();
        });
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
        Box::new(DiskLease { shared, id })
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}
