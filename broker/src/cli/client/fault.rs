//! Why an exchange came to nothing, in words that say what to do.

use std::error::Error;
use std::{io, iter};

use super::EXCHANGE_MAX;
use crate::causes::{self, CAUSES_MAX};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// No connection, in a few words such as `connection refused`.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// Where it went.
        url: String,
        /// Why, in a few words.
        why: String,
    },
    /// The port was spoken to in TLS and answered in plain text.
    #[error("{url} cannot be reached by https: the port speaks plain http")]
    PlainHttp {
        /// Where it went.
        url: String,
    },
    /// No whole answer in time.
    #[error("{url} did not answer within {} s", EXCHANGE_MAX.as_secs())]
    TimedOut {
        /// Where it went.
        url: String,
    },
    /// The connection ended, or the answer was no HTTP or too long.
    #[error("the exchange with {url} broke off: {why}")]
    Broken {
        /// Where it went.
        url: String,
        /// Why.
        why: String,
    },
}

impl ExchangeError {
    /// Why there is no connection to `url`.
    pub(super) fn of_connect(url: &str, error: &(dyn Error + 'static)) -> Self {
        let url = url.to_owned();
        if is_plain_answer(error) {
            return ExchangeError::PlainHttp { url };
        }
        ExchangeError::Unreachable {
            url,
            why: innermost(error),
        }
    }

    /// The URL that would have been answered, where only its scheme was wrong.
    pub fn plain_url(&self) -> Option<String> {
        match self {
            ExchangeError::PlainHttp { url } => Some(url.replacen("https://", "http://", 1)),
            ExchangeError::Unreachable { .. }
            | ExchangeError::TimedOut { .. }
            | ExchangeError::Broken { .. } => None,
        }
    }
}

/// Whether TLS was answered with something that no TLS begins with.
fn is_plain_answer(error: &(dyn Error + 'static)) -> bool {
    let not_tls = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
    // What an I/O error wraps is not its source, so those causes are asked for here.
    let all = iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    });
    all.take(CAUSES_MAX)
        .any(|error| error.downcast_ref() == Some(&not_tls))
}

/// The words at the bottom of an error, which are the ones that say something.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let last = causes::innermost(error);
    match last.downcast_ref().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::TimedOut) => "timed out while connecting".to_owned(),
        Some(_) | None => last.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage::{InvalidContentType, InvalidEmptyPayload};

    use super::*;

    #[test]
    fn plain_http_behind_https_is_told_and_the_url_that_would_do() {
        let url = "https://localhost:8080/shop/orders";
        let wrapped = |message| {
            let inner = io::Error::other(rustls::Error::InvalidMessage(message));
            ExchangeError::of_connect(url, &io::Error::other(inner))
        };
        let plain = wrapped(InvalidContentType);
        assert!(plain.to_string().contains("speaks plain http"), "{plain}");
        assert_eq!(
            plain.plain_url().as_deref(),
            Some("http://localhost:8080/shop/orders")
        );
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        for other in [
            wrapped(InvalidEmptyPayload),
            ExchangeError::of_connect(url, &refused),
        ] {
            assert!(
                matches!(other, ExchangeError::Unreachable { .. }),
                "{other}"
            );
            assert_eq!(other.plain_url(), None);
        }
    }
}
