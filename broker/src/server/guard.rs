//! What stands between hyper and a service: each request is noted in the connection's [`Watch`],
//! its body gets a least rate, and heads that hyper lets pass but nobody should trust are refused.
//!
//! Hyper itself answers a bare 400, 414 or 431 to what it cannot parse, and closes. It lets pass,
//! and so this module refuses: a missing or repeated `Host`, transfer codings other than a single
//! `chunked`, targets above the limit, and too many header lines on HTTP/2. Of a request with both
//! `Content-Length` and `Transfer-Encoding` hyper removes the former, reads the chunks and closes
//! the connection behind it, which RFC 9112 (6.1) allows; the service cannot see that case.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::Service;

use super::watch::{UnderWay, Watch};
use super::{RequestBody, ServerOptions};
use crate::problem::{Problem, Refusal};

/// A service behind the guard of one connection.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    service: S,
    watch: Arc<Watch>,
}

impl<S> Guarded<S> {
    pub(super) fn new(service: S, watch: Arc<Watch>) -> Self {
        Guarded { service, watch }
    }
}

impl<S, B> Service<Request<Incoming>> for Guarded<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
    S::Future: Unpin,
    B: Body,
{
    type Response = Response<WatchedBody<B>>;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let is_http2 = request.version() == Version::HTTP_2;
        let under_way = self.watch.begin_request(is_http2);
        let options = self.watch.options();
        let step = match inspect(&request, options) {
            Ok(()) => {
                let request = request.map(|body| RequestBody::new(body, options));
                Step::Serving(self.service.call(request))
            }
            Err(refusal) => {
                tracing::debug!(
                    reason = refusal.problem.reason(),
                    "refused a request's head"
                );
                Step::Refused(Some(refusal.closing()))
            }
        };
        Answering {
            step,
            is_http2,
            under_way: Some(under_way),
        }
    }
}

/// Refuses a head that hyper lets pass.
fn inspect<B>(request: &Request<B>, options: &ServerOptions) -> Result<(), Refusal> {
    let target_bytes = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if target_bytes > options.uri_bytes_max {
        let (max, detail) = (options.uri_bytes_max, "the request target has");
        return Err(Refusal::new(
            Problem::UriTooLong,
            format!("{detail} {target_bytes} bytes; at most {max} are taken"),
        ));
    }
    let lines = request.headers().len();
    if lines > options.head_lines_max {
        let max = options.head_lines_max;
        return Err(Refusal::new(
            Problem::HeadTooLarge,
            format!("the request has {lines} header lines; at most {max} are taken"),
        ));
    }
    if request.version() == Version::HTTP_11 {
        check_host(request.headers())?;
    }
    check_transfer_encoding(request.headers())
}

/// RFC 9112, 3.2: anything but exactly one `Host` line is to be answered with 400.
fn check_host(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get_all(HOST).iter().count() {
        1 => Ok(()),
        count => Err(Refusal::new(
            Problem::BadRequest,
            format!("an HTTP/1.1 request has exactly one Host line; this one has {count}"),
        )),
    }
}

/// Whoever stands before us may understand a coding differently, so only `chunked` alone passes.
fn check_transfer_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(first) = codings.next() else {
        return Ok(());
    };
    if codings.next().is_none() && first.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    Err(Refusal::new(
        Problem::BadRequest,
        "the only Transfer-Encoding taken is a single chunked",
    ))
}

/// A request on its way through the service.
#[derive(Debug)]
pub(super) struct Answering<F> {
    step: Step<F>,
    is_http2: bool,
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
enum Step<F> {
    Refused(Option<Refusal>),
    Serving(F),
}

impl<F, B> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, Infallible>> + Unpin,
    B: Body,
{
    type Output = Result<Response<WatchedBody<B>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = match &mut self.step {
            Step::Refused(refusal) => match refusal.take() {
                Some(refusal) => refusal.into_response().map(Either::Left),
                None => return Poll::Pending,
            },
            Step::Serving(future) => {
                let Ok(response) = ready!(Pin::new(future).poll(cx));
                response.map(Either::Right)
            }
        };
        if self.is_http2 {
            // There the header is not allowed, and one bad stream does not spoil the others.
            response.headers_mut().remove(CONNECTION);
        }
        let under_way = self.under_way.take();
        let is_empty = match response.body() {
            Either::Left(body) => body.is_end_stream(),
            Either::Right(body) => body.is_end_stream(),
        };
        if !is_empty {
            under_way.iter().for_each(UnderWay::answered);
        }
        Poll::Ready(Ok(response.map(|inner| WatchedBody {
            inner,
            _under_way: under_way,
        })))
    }
}

/// An answer's body; its request is under way until this is dropped.
#[derive(Debug)]
pub(super) struct WatchedBody<B> {
    inner: Either<Full<Bytes>, B>,
    _under_way: Option<UnderWay>,
}

impl<B> Body for WatchedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
