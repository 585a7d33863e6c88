//! The way of a reply back into the broker.

use std::sync::Arc;

use sluicegate_channels::{Admission, AppendError, Lease};
use sluicegate_event::Event;

use super::attempt::Trouble;
use super::{Assignment, Conclusion, Delivery};
use crate::dead_letter::kind;
use crate::hops;
use crate::observer::ReplyReport;
use crate::retry_after::RetryAfter;

impl Delivery {
    /// Appends the replies, so that they are stored before their cause is settled. A reply that
    /// cannot be stored now makes the delivery fail: the cause is all that is left of it.
    pub(super) async fn store_reply(
        &self,
        job: &Assignment,
        lease: &Lease,
        replies: Vec<Event>,
    ) -> Conclusion {
        let cause = &*lease.event;
        let replies = match hops::lower(cause, job.plan.hops_max, replies) {
            Ok(mut replies) => {
                // They will be held, and must not hold the buffer that they were read into.
                replies.iter_mut().for_each(Event::compact);
                replies
            }
            Err(detail) => {
                self.observer
                    .replied(cause, &ReplyReport::Loop { detail: &detail });
                return Conclusion::GiveUp(Trouble::of_loop(detail), kind::LOOP);
            }
        };
        let append = self.channel.append(replies, Admission::Internal);
        let fault = match tokio::time::timeout(job.plan.delivery.timeout, append).await {
            Ok(Ok(positions)) => {
                let accepted = ReplyReport::Accepted {
                    cause: lease.position,
                    positions: &positions,
                };
                self.observer.replied(cause, &accepted);
                return Conclusion::Delivered;
            }
            Ok(Err(fault)) => Some(fault),
            Err(_) => None,
        };
        let detail: Arc<str> = match &fault {
            Some(fault) => format!("the reply was not stored: {fault}").into(),
            None => "the reply was not stored in time".into(),
        };
        self.reject(cause, &detail);
        let trouble = Trouble::of_reply(detail);
        match fault {
            Some(
                AppendError::TooLarge { .. }
                | AppendError::TooMany { .. }
                | AppendError::NotAtomic { .. },
            ) => Conclusion::GiveUp(trouble, kind::REPLY),
            Some(
                AppendError::Full { retry_after }
                | AppendError::NoSpace { retry_after }
                | AppendError::Unreachable { retry_after, .. },
            ) => Conclusion::Again(trouble, Some(RetryAfter::In(retry_after))),
            _ => Conclusion::Again(trouble, None),
        }
    }

    pub(super) fn reject(&self, cause: &Event, detail: &str) {
        self.observer
            .replied(cause, &ReplyReport::Rejected { detail });
    }
}
