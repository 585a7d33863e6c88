//! What the channel, its tasks, its readers and its leases share.
//!
//! One mutex stands around the state. What happens under it asks no server and takes about a
//! microsecond for an event and a subscription; whoever has to wait for a server does it outside.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::lease::NatsLease;
use super::state::{State, ToDo};
use crate::reading::{LeaseId, Next, Store, SubscriptionId};
use crate::{Clock, LeaseControl, NextLimit, Timestamp};

pub(super) struct Shared {
    clock: Clock,
    state: Mutex<State>,
    /// There is something to be done with the server.
    has_to_do: Notify,
    /// Nobody does it any more.
    is_abandoned: AtomicBool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(clock: Clock) -> Self {
        Shared {
            clock,
            state: Mutex::new(State::new()),
            has_to_do: Notify::new(),
            is_abandoned: AtomicBool::new(false),
        }
    }

    /// Nobody does what is left to be done from now on; whoever waits for it is told so.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Release);
        self.apply(|state, _| state.close());
    }

    /// Does something to the state, and then, without holding it, wakes whom that concerns.
    pub(super) fn apply<T>(&self, transition: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let (result, woken, has_to_do) = {
            let mut state = self.state.lock();
            let result = transition(&mut state, self.clock.now());
            if self.is_abandoned.load(Ordering::Acquire) {
                state.abandon();
            }
            (result, state.take_woken(), state.has_to_do())
        };
        if has_to_do {
            self.has_to_do.notify_one();
        }
        woken.into_iter().for_each(Waker::wake);
        result
    }

    /// Waits until something is to be done with the server, and gives all of it, in order.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is taken before there is something to give.
    pub(super) async fn to_do(&self) -> Vec<ToDo> {
        loop {
            let to_do = self.state.lock().take_to_do();
            if !to_do.is_empty() {
                return to_do;
            }
            self.has_to_do.notified().await;
        }
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
        Box::new(NatsLease { shared, id })
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use sluicegate_event::Event;
    use tokio::task::yield_now;

    use super::*;
    use crate::answers::Answers;
    use crate::nats::control::record::Record;
    use crate::nats::state::{Arrival, Reply, ToStep};
    use crate::reading::Reader;
    use crate::{
        Exhausted, Lease, Settled, StoreError, Subscription, SubscriptionKey, SubscriptionSpec,
    };

    const NUMBER: u64 = 1;
    const POSITION: u64 = 7;
    const KEY: SubscriptionKey = SubscriptionKey(3);

    /// A channel with one subscription, and its reading end.
    fn open() -> (Arc<Shared>, Reader<Shared>) {
        let shared = Arc::new(Shared::new(Clock::anchored_at(UNIX_EPOCH)));
        let record = Record {
            name: "a".into(),
            number: NUMBER,
            epoch: 0,
            began: 0,
            is_paused: false,
        };
        let spec = SubscriptionSpec {
            name: "a".into(),
            key: KEY,
            start: crate::Start::Latest,
            exhausted: Exhausted::Discard,
            deferred_max: 10.try_into().expect("not zero"),
            interest: crate::Interest::Everything,
        };
        let id = shared.apply(|state, now| {
            state.recorded(&record, now);
            state.subscribe(&spec)
        });
        let id = id.expect("it is not open").expect("it is recorded");
        let reader = Reader::new(Arc::clone(&shared), id);
        (shared, reader)
    }

    fn limit() -> NextLimit {
        NextLimit {
            items_max: 10.try_into().expect("not zero"),
            bytes_max: usize::MAX,
            dead_letters_max: 1,
        }
    }

    /// The server hands out an event that the subscription wants.
    fn hand_out(shared: &Shared) {
        let event = Event::builder("1", "/s", "t").build().expect("valid");
        shared.apply(|state, now| {
            let answers = Answers {
                wanted: [KEY].into_iter().collect(),
                ..Answers::default()
            };
            state.learn(POSITION, answers, state.keys_epoch());
            let arrival = Arrival {
                number: NUMBER,
                epoch: 0,
                pull: 0,
                position: POSITION,
                times: 1,
                reply: Reply("reply".into()),
                id: None,
                accepted_at: now,
                event: Arc::new(event),
            };
            state.arrived(arrival, now).expect("it is known");
        });
    }

    async fn lease(shared: &Shared, reader: &mut Reader<Shared>) -> Lease {
        hand_out(shared);
        let mut leases = reader.next(limit()).await;
        leases.pop().expect("one was handed out")
    }

    /// What is to be done but for pulls.
    async fn to_do(shared: &Shared) -> Vec<ToDo> {
        let mut to_do = shared.to_do().await;
        to_do.retain(|it| !matches!(it, ToDo::Pull { .. }));
        to_do
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken_by_what_arrives_and_whoever_works_by_what_is_to_be_done() {
        let (shared, mut reader) = open();
        let waiting = tokio::spawn(async move { reader.next(limit()).await.len() });
        let first = shared.to_do().await;
        assert!(
            first.iter().all(|it| matches!(it, ToDo::Pull { .. })),
            "{first:?}"
        );
        assert!(!first.is_empty(), "who waits has events pulled");
        hand_out(&shared);
        assert_eq!(waiting.await.expect("it does not panic"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_settled_is_acknowledged() {
        let (shared, mut reader) = open();
        lease(&shared, &mut reader).await.settle(Settled::Delivered);
        let to_do = to_do(&shared).await;
        assert!(
            matches!(to_do.as_slice(), [ToDo::Acknowledge(_), ..]),
            "{to_do:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_dropped_is_handed_out_again() {
        let (shared, mut reader) = open();
        drop(lease(&shared, &mut reader).await);
        assert_eq!(reader.next(limit()).await.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_deferral_answers_once_it_is_stored_or_not() {
        for result in [Ok(true), Err(StoreError("no answer".to_owned()))] {
            let (shared, mut reader) = open();
            let lease = lease(&shared, &mut reader).await;
            let until = shared.clock.now() + Duration::from_secs(60);
            let deferring = tokio::spawn(lease.defer(until, 2));
            let step = loop {
                if let Some(step) = step_of(to_do(&shared).await) {
                    break step;
                }
            };
            yield_now().await;
            assert!(!deferring.is_finished(), "nothing is stored yet");
            shared.apply(|state, now| state.stepped(step, result.clone(), now));
            let deferred = deferring.await.expect("it does not panic");
            assert_eq!(deferred, result.map(drop));
        }
    }

    fn step_of(to_do: Vec<ToDo>) -> Option<ToStep> {
        to_do.into_iter().find_map(|it| match it {
            ToDo::Step(step) => Some(*step),
            _ => None,
        })
    }
}
