//! Turns what went wrong into a [`Failure`]: a word from the closed set, and a sentence that says
//! where.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;

use http::Uri;

use super::connector::ConnectFault;
use crate::sender::{Failure, Reason, Transmission};

/// As far as a chain of causes is followed: no library nests deeper.
const CAUSES_MAX: usize = 16;

/// The deadline of the attempt passed.
pub(super) fn late(transmission: &Transmission) -> Failure {
    Failure::new(
        Reason::Timeout,
        format!(
            "no complete answer from {} within {:?}",
            transmission.target.uri, transmission.timeout
        ),
    )
}

/// Nothing but interim answers.
pub(super) fn flood(uri: &Uri) -> Failure {
    Failure::new(
        Reason::Protocol,
        format!("{uri} sends 1xx answers without end"),
    )
}

/// A 2xx answer whose body goes on and on.
pub(super) fn endless(uri: &Uri, bytes_max: usize) -> Failure {
    Failure::new(
        Reason::Protocol,
        format!("the answer of {uri} is no event and longer than {bytes_max} bytes"),
    )
}

/// There is nothing to check a receiver's certificate against.
pub(super) fn of_certificates(uri: &Uri, error: &dyn Display) -> Failure {
    Failure::new(
        Reason::Tls,
        format!("cannot check the certificate of {uri}: {error}"),
    )
}

/// The body of an answer broke off.
pub(super) fn of_body(uri: &Uri, error: &hyper::Error) -> Failure {
    of_exchange(uri, error)
}

/// The target is no absolute URL.
pub(super) fn relative(uri: &Uri) -> Failure {
    Failure::new(
        Reason::Protocol,
        format!("cannot send to {uri}: it names no host"),
    )
}

/// There is no connection.
pub(super) fn of_connect(uri: &Uri, fault: &ConnectFault) -> Failure {
    match fault {
        ConnectFault::Timeout(after) => Failure::new(
            Reason::Timeout,
            format!("no connection to {uri} within {after:?}"),
        ),
        ConnectFault::Dns(error) => {
            let host = uri.host().unwrap_or_default();
            Failure::new(Reason::Dns, format!("cannot resolve {host}: {error}"))
        }
        ConnectFault::Tcp(error) => match io_kind(&**error) {
            Some(io::ErrorKind::ConnectionRefused) => {
                Failure::new(Reason::Refused, format!("connection refused by {uri}"))
            }
            Some(io::ErrorKind::TimedOut) => {
                Failure::new(Reason::Timeout, format!("no connection to {uri} in time"))
            }
            Some(_) | None => Failure::new(
                Reason::Refused,
                format!("cannot connect to {uri}: {}", innermost(&**error)),
            ),
        },
        ConnectFault::Tls(error) => Failure::new(
            Reason::Tls,
            format!("no TLS with {uri}: {}", innermost(&**error)),
        ),
    }
}

/// No answer began.
pub(super) fn of_exchange(uri: &Uri, error: &hyper::Error) -> Failure {
    let cause = innermost(error);
    if error.is_parse_too_large() {
        let problem = format!("the answer of {uri} has too many or too long headers");
        Failure::new(Reason::Protocol, problem)
    } else if error.is_parse() {
        let problem = format!("the answer of {uri} is not HTTP/1.1: {cause}");
        Failure::new(Reason::Protocol, problem)
    } else if error.is_timeout() {
        Failure::new(Reason::Timeout, format!("no answer from {uri} in time"))
    } else if error.is_user() {
        Failure::new(Reason::Protocol, format!("cannot send to {uri}: {cause}"))
    } else {
        // Incomplete, closed, canceled, or a fault of the socket: the connection ended.
        let problem = format!("{uri} ended the connection before its answer: {cause}");
        Failure::new(Reason::Reset, problem)
    }
}

/// `error` and its causes, from the outermost in.
fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source()).take(CAUSES_MAX)
}

/// The first cause of that type.
pub(super) fn find<'a, E: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    find::<io::Error>(error).map(io::Error::kind)
}

/// The last of the chain says most; those around it say "client error" and the like.
fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a dyn Display {
    match chain(error).last() {
        Some(last) => last,
        None => error,
    }
}
