//! The command line's HTTP client: a deadline on every exchange, a bound on every answer, no
//! redirects followed.
//!
//! [`Client`] makes one exchange with any server; [`AdminClient`] speaks JSON with the admin API and
//! turns what goes wrong into a [`Failure`] with its exit code and next step.

use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::exit::{Exit, Failure};
use crate::api::Problem;

mod fault;

pub use fault::ExchangeError;
use fault::innermost;

/// One exchange, from connecting to the last byte of the answer.
const EXCHANGE_MAX: Duration = Duration::from_secs(30);
/// Connecting alone.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A longer answer is cut off and the exchange failed.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Makes exchanges on kept-alive connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Client {
    /// A client that can reach `url` and others of the same scheme. Certificates of https servers
    /// are checked against the system's roots.
    ///
    /// # Errors
    ///
    /// When `url` is https and the system has no roots.
    pub fn new(url: &Uri) -> Result<Self, Failure> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_MAX));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(url)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let inner = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Client { inner })
    }

    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    ///
    /// See [`ExchangeError`]. An answer of any status is no error.
    pub async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, ExchangeError> {
        let url = request.uri().to_string();
        match tokio::time::timeout(EXCHANGE_MAX, self.exchange_unhurried(request, &url)).await {
            Ok(answer) => answer,
            Err(_) => Err(ExchangeError::TimedOut { url }),
        }
    }

    async fn exchange_unhurried(
        &self,
        request: Request<Full<Bytes>>,
        url: &str,
    ) -> Result<Answer, ExchangeError> {
        let broken = |why: String| ExchangeError::Broken {
            url: url.to_owned(),
            why,
        };
        let answer = self.inner.request(request).await.map_err(|error| {
            if error.is_connect() {
                ExchangeError::of_connect(url, &error)
            } else {
                broken(innermost(&error))
            }
        })?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| broken(error.to_string()))?
            .to_bytes();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }
}

fn tls_config(url: &Uri) -> Result<rustls::ClientConfig, Failure> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| no_tls(&error.to_string()))?;
    // Reading the system's roots takes longer than a whole plain exchange.
    let builder = if url.scheme_str() == Some("https") {
        builder
            .with_native_roots()
            .map_err(|error| no_tls(&error.to_string()))?
    } else {
        builder.with_root_certificates(rustls::RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

fn no_tls(why: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        format!("cannot speak https: {why}"),
        "install the system's CA certificates, or name them with SSL_CERT_FILE",
    )
}

/// Speaks with a server's admin API.
#[derive(Clone, Debug)]
pub struct AdminClient {
    client: Client,
    base: Uri,
}

impl AdminClient {
    /// A client of the admin API at `base`.
    ///
    /// # Errors
    ///
    /// As [`Client::new`].
    pub fn new(base: &Uri) -> Result<Self, Failure> {
        Ok(AdminClient {
            client: Client::new(base)?,
            base: base.clone(),
        })
    }

    /// The JSON at `path`, which may have a query.
    ///
    /// # Errors
    ///
    /// A failure with exit code 5 when the server does not answer, 6 when it refuses us, 1 otherwise.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// The JSON that `path` answers to `body`.
    ///
    /// # Errors
    ///
    /// As [`AdminClient::get`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(std::io::Error::from)?;
        self.call(Method::POST, path, body.into()).await
    }

    /// The JSON that `path` answers when what stands there is to end.
    ///
    /// # Errors
    ///
    /// As [`AdminClient::get`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(Method::DELETE, path, Bytes::new()).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, Failure> {
        let uri = self.uri_of(path)?;
        let mut request = Request::builder()
            .method(method)
            .uri(&uri)
            .header(header::ACCEPT, "application/json, application/problem+json");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| self.odd_url(&error))?;
        let answer = self
            .client
            .exchange(request)
            .await
            .map_err(|error| self.gone(&error))?;
        if !answer.status.is_success() {
            return Err(refusal(&uri.to_string(), &answer));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("{uri} answered with something else than sluicegate's JSON: {error}"),
                "check that --server names the admin address of a sluicegate of this release",
            )
        })
    }

    fn uri_of(&self, path: &str) -> Result<Uri, Failure> {
        let mut parts = self.base.clone().into_parts();
        let prefix = self.base.path().trim_end_matches('/');
        let whole = PathAndQuery::try_from(format!("{prefix}{path}"));
        parts.path_and_query = Some(whole.map_err(|error| self.odd_url(&error.into()))?);
        Uri::from_parts(parts).map_err(|error| self.odd_url(&error.into()))
    }

    fn odd_url(&self, error: &http::Error) -> Failure {
        Failure::usage(
            format!("cannot make a request to {}: {error}", self.base),
            "give --server a URL such as http://127.0.0.1:8081",
        )
    }

    fn gone(&self, error: &ExchangeError) -> Failure {
        let next = match error.plain_url() {
            Some(_) => format!(
                "write it with http: --server http://{}",
                self.base.authority().map_or("", |it| it.as_str())
            ),
            None => {
                "start a server with `sluicegate dev`, or name another with --server URL".into()
            }
        };
        Failure::new(Exit::Unreachable, error.to_string(), next)
    }
}

/// What an answer that is not a success says.
pub fn refusal(url: &str, answer: &Answer) -> Failure {
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
    let exit = match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::Refused,
        _ => Exit::Failed,
    };
    let why = problem
        .detail
        .or(Some(problem.title).filter(|title| !title.is_empty()));
    let message = match why {
        Some(why) => format!("{url} answered {}: {why}", answer.status),
        None => format!("{url} answered {}", answer.status),
    };
    let next = problem.hint.unwrap_or_else(|| match exit {
        Exit::Refused => "ask whoever runs the server to let this address in".to_owned(),
        _ => "check the URL, and the server's log for the same moment".to_owned(),
    });
    let shown = |text: &str| crate::logging::visible(text, 2_048).to_string();
    Failure::new(exit, shown(&message), shown(&next))
}

#[cfg(test)]
mod tests;
