//! What to answer: statuses from a script, and an event as a reply.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use sluicegate_event::{ContentMode, Encode, Event, encode};

use super::SinkArgs;
use crate::cli::data;
use crate::cli::exit::Failure;

/// The answers, one after another.
#[derive(Debug)]
pub(super) struct Script {
    statuses: Vec<StatusCode>,
    given: AtomicUsize,
    reply: Option<Reply>,
}

#[derive(Debug)]
struct Reply {
    ty: String,
    data: Option<String>,
    random: parking_lot::Mutex<fastrand::Rng>,
}

impl Script {
    /// The script that the command line asks for.
    ///
    /// # Errors
    ///
    /// When the reply is no valid event.
    pub(super) fn of(args: &SinkArgs) -> Result<Self, Failure> {
        let reply = args.reply.clone().map(|ty| Reply {
            ty,
            data: args.reply_data.clone(),
            random: fastrand::Rng::new().into(),
        });
        if let Some(reply) = &reply {
            reply.event().map_err(|fault| {
                Failure::usage(
                    format!("--reply makes no valid event: {}", fault.problem),
                    fault.remedy,
                )
            })?;
        }
        Ok(Script {
            statuses: args.respond.clone(),
            given: AtomicUsize::new(0),
            reply,
        })
    }

    /// The next status; the last one repeats.
    pub(super) fn next_status(&self) -> StatusCode {
        let place = self.given.fetch_add(1, Ordering::Relaxed);
        let last = self.statuses.len().saturating_sub(1);
        self.statuses
            .get(place.min(last))
            .copied()
            .unwrap_or(StatusCode::OK)
    }

    /// The answer with that status. A 202 carries no reply, because nobody would read it.
    pub(super) fn answer(&self, status: StatusCode) -> Response<Full<Bytes>> {
        let mut headers = HeaderMap::new();
        let replies = status.is_success() && status != StatusCode::ACCEPTED;
        let event = self
            .reply
            .as_ref()
            .filter(|_| replies)
            .and_then(|it| it.event().ok());
        let body = match event {
            Some(event) => {
                let how = Encode {
                    mode: ContentMode::Binary,
                    omit: &[],
                };
                encode(&event, how, &mut headers)
            }
            None => Bytes::new(),
        };
        let mut answer = Response::new(Full::new(body));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        answer
    }
}

impl Reply {
    fn event(&self) -> Result<Event, sluicegate_event::Fault> {
        let id = data::fresh_id(&mut self.random.lock());
        let builder = Event::builder(&id, "/sluicegate/sink", &self.ty);
        let builder = match &self.data {
            Some(text) => builder.data(data::content_type_of(text.as_bytes()), text.clone()),
            None => builder,
        };
        builder.build()
    }
}
