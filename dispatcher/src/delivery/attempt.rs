//! One send, as it is judged, reported and remembered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluicegate_channels::{Lease, ParkReason};
use sluicegate_event::Event;

use crate::dead_letter::kind;
use crate::observer::{AttemptReport, Observer};
use crate::plan::Target;
use crate::sender::{Answer, Content, Failure, Purpose, Reason};
use crate::verdict::{Verdict, verdict};

/// A send that is over.
pub(super) struct Attempt<'a> {
    pub(super) target: &'a Target,
    pub(super) purpose: Purpose,
    /// Which send to this target, from 1.
    pub(super) number: u32,
    pub(super) duration: Duration,
    pub(super) outcome: Result<Answer, Failure>,
}

/// Why an attempt does not count as a success: the word and the sentence.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) reason: Reason,
    pub(super) detail: Arc<str>,
}

impl Trouble {
    pub(super) fn of_reply(detail: Arc<str>) -> Self {
        Trouble {
            reason: Reason::Reply,
            detail,
        }
    }

    pub(super) fn of_loop(detail: Arc<str>) -> Self {
        Trouble {
            reason: Reason::Loop,
            detail,
        }
    }
}

impl<'a> Attempt<'a> {
    /// An attempt that a fault of ours ended.
    pub(super) fn panicked(target: &'a Target, number: u32) -> Self {
        Attempt {
            target,
            purpose: Purpose::Deliver,
            number,
            duration: Duration::ZERO,
            outcome: Err(Failure::new(
                Reason::Panic,
                "handling the event panicked: this is a fault of the broker's",
            )),
        }
    }

    /// What is wrong, as far as the answer itself says.
    pub(super) fn trouble(&self) -> Trouble {
        match &self.outcome {
            Err(failure) => Trouble {
                reason: failure.reason,
                detail: Arc::clone(&failure.detail),
            },
            Ok(Answer {
                status: 200..=299,
                content: Content::Malformed(fault),
                ..
            }) => Trouble::of_reply(format!("the reply is no usable event: {fault}").into()),
            Ok(answer) if verdict(&self.outcome) == Verdict::Refused(kind::LOOP) => {
                let status = answer.status;
                let detail = format!("answered {status}: the event has no hops left there");
                Trouble::of_loop(detail.into())
            }
            Ok(answer) => Trouble {
                reason: Reason::Http,
                detail: format!("answered {}", answer.status).into(),
            },
        }
    }

    /// Whether the receiver took the event, whatever it says beside.
    pub(super) fn is_taken(&self) -> bool {
        matches!(&self.outcome, Ok(answer) if (200..=299).contains(&answer.status))
    }

    /// The events of the answer; none the second time.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        match &mut self.outcome {
            Ok(answer) => match std::mem::replace(&mut answer.content, Content::Empty) {
                Content::Events(events) => events,
                Content::Empty | Content::NotAnEvent | Content::Unread | Content::Malformed(_) => {
                    Vec::new()
                }
            },
            Err(_) => Vec::new(),
        }
    }

    pub(super) fn report(
        &self,
        observer: &dyn Observer,
        lease: &Lease,
        trouble: Option<&Trouble>,
        next: Option<Duration>,
    ) {
        let report = AttemptReport {
            position: lease.position,
            purpose: self.purpose,
            target: self.target,
            attempt: self.number,
            status: self.status(),
            reason: trouble.map_or(Reason::Ok, |trouble| trouble.reason),
            detail: trouble.map_or("", |trouble| &*trouble.detail),
            duration: self.duration,
            next,
        };
        observer.attempt_ended(&lease.event, &report);
    }

    /// What is kept with the event when it is given up on after this attempt.
    pub(super) fn into_reason(self, kind: &'static str, trouble: &Trouble) -> ParkReason {
        let code = self.status();
        let detail = format!("{} (send {})", trouble.detail, self.number).into();
        ParkReason {
            kind,
            detail,
            dest: Some(self.target.uri.to_string().into()),
            code,
            data: self
                .outcome
                .map_or_else(|_| Bytes::new(), |answer| answer.body_start),
        }
    }

    fn status(&self) -> Option<u16> {
        self.outcome.as_ref().ok().map(|answer| answer.status)
    }
}
