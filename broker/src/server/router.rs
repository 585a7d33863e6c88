//! An axum router as a service of the accept loop.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::service::Service;
use tower::ServiceExt as _;

use super::RequestBody;

/// Serves a router; cheap to clone.
#[derive(Clone, Debug)]
pub struct RouterService(Router);

impl RouterService {
    /// Wraps `router`.
    pub fn new(router: Router) -> Self {
        RouterService(router)
    }
}

impl Service<Request<RequestBody>> for RouterService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        Box::pin(self.0.clone().oneshot(request.map(Body::new)))
    }
}
