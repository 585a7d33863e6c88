//! Reads an answer, as far as it is worth reading.
//!
//! | answer | read to | what ends it early |
//! |---|---|---|
//! | 2xx that says it is an event | the size of an event | longer: a broken reply; late or broken off: a failure |
//! | any other 2xx | 64 KiB | longer: cut off where its length is declared and sane, else a failure; late or broken off: a failure |
//! | not 2xx | 64 KiB | longer, late, broken off: cut off; the status says all there is to say |
//!
//! A 2xx whose body does not end within its bounds counts as a failure, because a reply may have
//! been on its way and because a receiver in that state cannot be trusted to have taken anything.

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use sluicegate_event::http_binding::claims_to_be_an_event;
use sluicegate_event::{Decoded, Fault, Limits, decode, message_bytes_max};

use super::connection::Connection;
use super::deadline::Deadline;
use super::{HttpSenderOptions, fault};
use crate::hops::{REASON_HEADER, REASON_LOOP};
use crate::retry_after::RetryAfter;
use crate::sender::{Answer, BODY_START_BYTES_MAX, Content, Failure, Purpose, Transmission};

/// What an answer is read for.
pub(super) struct Reading<'a> {
    pub(super) transmission: &'a Transmission,
    pub(super) options: &'a HttpSenderOptions,
}

/// How the reading of a body ended.
enum End {
    /// With its last byte.
    Whole,
    /// At the bound.
    Cut,
    /// At the deadline.
    Late,
    /// With the connection.
    Broken(hyper::Error),
}

impl Reading<'_> {
    pub(super) async fn read(
        &self,
        response: Response<Incoming>,
        connection: &mut Connection,
        deadline: Deadline<'_>,
    ) -> Result<Answer, Failure> {
        let (head, body) = response.into_parts();
        let is_claim = claims_to_be_an_event(&head.headers);
        if is_claim && self.wants_event(head.status) {
            self.read_event(&head, body, connection, deadline).await
        } else {
            self.read_other(&head, body, is_claim, connection, deadline)
                .await
        }
    }

    fn wants_event(&self, status: StatusCode) -> bool {
        self.transmission.purpose == Purpose::Deliver
            && status.is_success()
            && status != StatusCode::ACCEPTED
    }

    async fn read_event(
        &self,
        head: &Parts,
        body: Incoming,
        connection: &mut Connection,
        deadline: Deadline<'_>,
    ) -> Result<Answer, Failure> {
        let limits = &self.options.limits;
        let bytes_max = message_bytes_max(&head.headers, limits);
        let (bytes, end) = read_body(body, bytes_max, connection, deadline).await;
        let body_start = start_of(&bytes);
        let content = match end {
            End::Whole => content_of(&head.headers, bytes, limits),
            End::Cut => Content::Malformed(Fault::new(
                "body",
                format!("the reply is longer than {bytes_max} bytes"),
                "answer with a smaller event, or raise the size limit",
            )),
            End::Late | End::Broken(_) => return Err(self.failure(end)),
        };
        Ok(answer(head, content, body_start))
    }

    async fn read_other(
        &self,
        head: &Parts,
        body: Incoming,
        is_claim: bool,
        connection: &mut Connection,
        deadline: Deadline<'_>,
    ) -> Result<Answer, Failure> {
        let declared = body.size_hint().exact();
        let (bytes, end) = read_body(body, self.options.body_bytes_max, connection, deadline).await;
        let is_enough = match end {
            End::Whole => true,
            End::Cut => !head.status.is_success() || self.is_sane(declared),
            End::Late | End::Broken(_) => !head.status.is_success(),
        };
        if !is_enough {
            return Err(self.failure(end));
        }
        let content = match (is_claim, bytes.is_empty()) {
            (true, _) => Content::Unread,
            (false, false) => Content::NotAnEvent,
            (false, true) => Content::Empty,
        };
        Ok(answer(head, content, start_of(&bytes)))
    }

    /// Whether a body of this length is one that a well-meaning receiver sends.
    fn is_sane(&self, declared: Option<u64>) -> bool {
        let sane_max = u64::try_from(self.options.limits.event_bytes_max).unwrap_or(u64::MAX);
        declared.is_some_and(|bytes| bytes <= sane_max)
    }

    fn failure(&self, end: End) -> Failure {
        let uri = &self.transmission.target.uri;
        match end {
            End::Broken(error) => fault::of_body(uri, &error),
            End::Late => fault::late(self.transmission),
            End::Whole | End::Cut => fault::endless(uri, self.options.body_bytes_max),
        }
    }
}

fn answer(head: &Parts, content: Content, body_start: Bytes) -> Answer {
    let is_loop = head
        .headers
        .get(REASON_HEADER)
        .is_some_and(|reason| reason.as_bytes() == REASON_LOOP.as_bytes());
    Answer {
        status: head.status.as_u16(),
        retry_after: RetryAfter::read(&head.headers),
        content,
        body_start,
        is_loop,
    }
}

fn content_of(headers: &HeaderMap, body: Bytes, limits: &Limits) -> Content {
    match decode(headers, body, limits) {
        Ok(Decoded::One(event)) => Content::Events(vec![event]),
        Ok(Decoded::Batch(events)) => Content::Events(events),
        Err(error) => Content::Malformed(error.fault().clone()),
    }
}

/// A copy, so that what is kept for long does not hold a large body.
fn start_of(body: &Bytes) -> Bytes {
    Bytes::copy_from_slice(body.get(..BODY_START_BYTES_MAX).unwrap_or(body))
}

/// Reads up to `bytes_max`. Read to its end, the connection serves the next attempt; before that
/// it is good for nothing more.
async fn read_body(
    mut body: Incoming,
    bytes_max: usize,
    connection: &mut Connection,
    mut deadline: Deadline<'_>,
) -> (Bytes, End) {
    let mut gathered = BytesMut::new();
    while !body.is_end_stream() {
        let frame = tokio::select! {
            biased;
            frame = connection.drive(body.frame()) => frame,
            () = &mut deadline => return (gathered.freeze(), End::Late),
        };
        let data = match frame {
            None => return (gathered.freeze(), End::Whole),
            Some(Err(error)) => return (gathered.freeze(), End::Broken(error)),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        let room = bytes_max - gathered.len();
        if data.len() > room {
            gathered.extend_from_slice(data.get(..room).unwrap_or_default());
            return (gathered.freeze(), End::Cut);
        }
        if gathered.is_empty() && body.is_end_stream() {
            // The usual case, one frame: no copy.
            return (data, End::Whole);
        }
        gathered.extend_from_slice(&data);
    }
    (gathered.freeze(), End::Whole)
}
