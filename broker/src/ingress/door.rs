//! The order of the hot path.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use sluicegate_channels::Admission;
use sluicegate_event::Decoded;
use tokio::time::Instant;

use super::path::Target;
use super::{AnswerBody, Directory, Entry, IngressOptions};
use crate::metrics::ingress::{IngressFamilies, IngressHandles};
use crate::problem::{Problem, Refusal};
use crate::server::RequestBody;

#[derive(Debug)]
pub(super) struct Door {
    directory: Arc<dyn Directory>,
    options: IngressOptions,
    unknown: IngressHandles,
}

impl Door {
    pub(super) fn new(
        directory: Arc<dyn Directory>,
        options: IngressOptions,
        families: &IngressFamilies,
    ) -> Self {
        Door {
            directory,
            options,
            unknown: families.unknown(),
        }
    }

    pub(super) async fn answer(&self, request: Request<RequestBody>) -> Response<AnswerBody> {
        let started = Instant::now();
        match self.accept(request).await {
            Ok(()) => {
                let mut response = Response::new(Either::Left(Full::new(Bytes::new())));
                *response.status_mut() = StatusCode::ACCEPTED;
                response
            }
            Err(refusal) => {
                self.unknown.refused(refusal.problem, 1, started.elapsed());
                refusal.into_response().map(Either::Left)
            }
        }
    }

    async fn accept(&self, request: Request<RequestBody>) -> Result<(), Refusal> {
        let entry = self.find(&request)?;
        let (head, body) = request.into_parts();
        let body = Limited::new(body, self.options.limits.batch_bytes_max)
            .collect()
            .await
            .map_err(|error| Refusal::new(Problem::TooLarge, error.to_string()))?
            .to_bytes();
        let decoded = sluicegate_event::decode(&head.headers, body, &self.options.limits)
            .map_err(|error| Refusal::new(Problem::NotAnEvent, error.to_string()))?;
        let events = match decoded {
            Decoded::One(event) => vec![event],
            Decoded::Batch(events) => events,
        };
        let positions = entry
            .channel
            .append(events, Admission::Ingress)
            .await
            .map_err(|error| {
                Refusal::new(Problem::Full, error.to_string()).retry_after(self.options.retry_after)
            })?;
        drop(positions);
        Ok(())
    }

    fn find(&self, request: &Request<RequestBody>) -> Result<Arc<Entry>, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::new(
                Problem::MethodNotAllowed,
                "send events with POST",
            ));
        }
        let path = request.uri().path();
        match Target::parse(path) {
            Some(Target::Default) => self.directory.default_entry(),
            Some(Target::Broker { namespace, broker }) => self.directory.find(namespace, broker),
            None => {
                return Err(Refusal::new(
                    Problem::NoRoute,
                    format!("there is no {path}"),
                ));
            }
        }
        .ok_or_else(|| Refusal::new(Problem::NoBroker, format!("there is no broker at {path}")))
    }
}
