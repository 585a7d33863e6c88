//! A subscription that goes to another place, and what ends by that.
//!
//! What is passed over ends as discarded. Each process counts what it held itself; whoever moved the
//! subscription counts, beside that, the entries that waited, each as it ends it, and what had not been
//! handed out to anybody. What a process held that dies meanwhile nobody counts: it shows as filtered.
//! What lies behind an earlier place counts as replayed, by whoever is handed it.

use async_nats::jetstream::consumer::DeliverPolicy;
use futures_util::{StreamExt as _, stream};
use tokio::sync::oneshot;

use super::Inner;
use crate::nats::kept::READS_MAX;
use crate::nats::state::Left;
use crate::{SeekError, Start, StoreError};

impl Inner {
    pub(super) async fn seek(&self, name: &str, to: Start) -> Result<(), SeekError> {
        self.ready().await?;
        let unknown = || SeekError::Unknown(name.into());
        if self
            .shared
            .apply(|state, _| state.exhausted(name).is_none())
        {
            return Err(unknown());
        }
        let under_way = self.moves.begin();
        let moved = Box::pin(self.enrolling.go_to(name, to)).await;
        let moved = moved.map_err(StoreError::from)?.ok_or_else(unknown)?;
        let of = (moved.record.number, moved.record.epoch);
        if let Some(left) = self.moves.take(of.0, of.1) {
            self.shared
                .apply(|state, _| state.has_moved(of, moved.first, &left, true));
        }
        drop(under_way);
        self.end_passed_over(name, moved.first).await;
        Ok(())
    }

    /// Ends the entries that wait for delivery before that place.
    async fn end_passed_over(&self, name: &str, first: u64) {
        let passed_over = self.shared.apply(|state, _| state.passed_over(name, first));
        let ending = stream::iter(passed_over).map(|position| async move {
            let (answer, answered) = oneshot::channel();
            self.shared
                .apply(|state, _| state.begin_passing_over(name, position, answer));
            let closed = |_| Err(StoreError("the channel is closed".to_owned()));
            if let Err(error) = answered.await.unwrap_or_else(closed) {
                tracing::warn!(subscription = name, position, %error, "what was passed over still waits");
            }
        });
        ending.buffer_unordered(READS_MAX).collect::<()>().await;
    }

    /// Learns where subscriptions went that other processes moved.
    pub(super) async fn follow_moves(&self) {
        for (number, epoch) in self.moves.waiting() {
            let Ok(Some(info)) = self.consumers.info(number, epoch).await else {
                continue;
            };
            let DeliverPolicy::ByStartSequence { start_sequence } = info.config.deliver_policy
            else {
                continue;
            };
            if let Some(left) = self.moves.take(number, epoch) {
                self.learn_move((number, epoch), start_sequence, &left);
            }
        }
    }

    fn learn_move(&self, of: (u64, u64), first: u64, left: &Left) {
        self.shared
            .apply(|state, _| state.has_moved(of, first, left, false));
    }
}
