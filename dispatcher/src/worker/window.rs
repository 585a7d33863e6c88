//! The deliveries of one trigger that run at the same time.
//!
//! They are futures of the worker's own task, not tasks: a spawn per event would cost more than
//! the rest of the worker does.

use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use sluicegate_channels::{Lease, NextLimit};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Order, Stopped, next_order};
use crate::delivery::Assignment;
use crate::observer::Observer;

/// Bounded in leases and in bytes by [`Window::room`], which the worker asks before it takes more.
/// `begin` makes the future of one delivery, which gives the bytes of its event when it ends.
pub(super) struct Window<B, F> {
    running: FuturesUnordered<F>,
    bytes: usize,
    begin: B,
    observer: Arc<dyn Observer>,
}

impl<B, F> Window<B, F>
where
    B: Fn(Arc<Assignment>, Lease) -> F,
    F: Future<Output = usize>,
{
    pub(super) fn new(observer: Arc<dyn Observer>, begin: B) -> Self {
        Window {
            running: FuturesUnordered::new(),
            bytes: 0,
            begin,
            observer,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// What may be taken now, if anything. After an edit that narrows the window, nothing until
    /// enough of what runs has ended.
    pub(super) fn room(
        &self,
        items_max: NonZeroU32,
        bytes_max: usize,
        dead_letters_max: usize,
    ) -> Option<NextLimit> {
        let items_max = usize::try_from(items_max.get()).unwrap_or(usize::MAX);
        let items = NonZeroUsize::new(items_max.saturating_sub(self.running.len()))?;
        let bytes = bytes_max.saturating_sub(self.bytes);
        if bytes == 0 && !self.is_empty() {
            return None;
        }
        Some(NextLimit {
            items_max: items,
            bytes_max: bytes,
            dead_letters_max,
        })
    }

    /// Begins the deliveries of `leases`.
    pub(super) fn take(&mut self, job: &Arc<Assignment>, leases: Vec<Lease>) {
        for lease in leases {
            self.bytes += lease.event.size_bytes();
            self.running.push((self.begin)(Arc::clone(job), lease));
        }
        self.tell();
    }

    /// Waits until a delivery has ended, and takes the others that have ended too.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the deliveries stay in the window.
    pub(super) async fn one_ended(&mut self) {
        let mut ended = self.running.next().await;
        while let Some(bytes) = ended {
            self.bytes -= bytes;
            ended = self.running.next().now_or_never().flatten();
        }
        self.tell();
    }

    /// Lets what runs end, up to `grace` when there is one; what runs longer is cut off.
    pub(super) async fn drain(
        mut self,
        grace: Option<Duration>,
        orders: &mut watch::Receiver<Order>,
    ) -> Stopped {
        let mut deadline = deadline_of(grace);
        while !self.is_empty() {
            let order = tokio::select! {
                biased;
                order = next_order(orders) => order,
                () = self.all_ended(deadline) => break,
            };
            match order {
                // There is no way back: the subscription is closed or being handed over.
                Order::Work => {}
                Order::Drain { grace } => deadline = deadline_of(Some(grace)),
                Order::Stop => break,
            }
        }
        self.cut_off()
    }

    async fn all_ended(&mut self, deadline: Option<Instant>) {
        let ended = async {
            while !self.is_empty() {
                self.one_ended().await;
            }
        };
        match deadline {
            // Past the deadline the caller cuts off the rest, and counts it.
            Some(deadline) => drop(tokio::time::timeout_at(deadline, ended).await),
            None => ended.await,
        }
    }

    /// Drops what runs; each event is handed out again.
    pub(super) fn cut_off(self) -> Stopped {
        self.observer.in_flight_changed(0, 0);
        Stopped {
            cut_off: self.running.len(),
        }
    }

    fn tell(&self) {
        self.observer
            .in_flight_changed(self.running.len(), self.bytes);
    }
}

/// None when there is no grace to end, or none that a clock can tell.
fn deadline_of(grace: Option<Duration>) -> Option<Instant> {
    Instant::now().checked_add(grace?)
}
