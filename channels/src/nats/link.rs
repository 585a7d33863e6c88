//! The connection to the servers, and the one place where they are asked for something.
//!
//! ```text
//!   identity.rs   who we are to a server, read anew at each connection
//!   phase.rs      down, up, or up to a server that is too old; whoever asks waits for it here
//! ```
//!
//! The client connects by itself, for ever and with growing pauses, to the servers that are listed and
//! to those that these tell of. What is asked has a deadline, and is refused at once once the connection
//! has been down for a while. What was asked of a connection that is then lost is answered with
//! that: it may have been done or not.

mod identity;
mod phase;

use std::fmt;
use std::future::{Future, pending};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::{
    Client, ConnectOptions, HeaderMap, Message, RequestErrorKind, ServerAddr, jetstream,
};
use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

pub use self::phase::{Health, ServerName};

use self::phase::{Phase, Watch};
use super::inbox::Inboxes;
use super::message;
use super::options::{Identity, NatsOptions, Tls};
use super::publishing::Publishing;

/// How long a server may take to greet, and to take a handshake.
const CONNECT_WAIT: Duration = Duration::from_secs(2);
/// How often a silent server is asked whether it is there; after two questions without an answer it is
/// not.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// How long the client's own ways of asking wait for an answer, where nobody else counts the time.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// The pause before the second try of a server, doubled by each further one.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A broker's connection.
#[derive(Clone)]
pub struct Link {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    watch: Arc<Watch>,
    prover: JoinHandle<()>,
    publishing: Publishing,
    inboxes: Inboxes,
    ids: Ids,
    /// Gone with the link: then the client stops trying.
    _life: Arc<()>,
}

/// Why a server has not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// There is no connection, and nothing was sent.
    #[error("no NATS server can be reached: {0}")]
    Down(String),
    /// Nothing was sent.
    #[error("NATS server {0} is too old: 2.12 is the first that can be used")]
    TooOld(ServerName),
    /// Nothing was sent.
    #[error("the message of {size_bytes} bytes is larger than the server's {max_bytes} bytes")]
    TooLarge {
        /// What it takes, headers and payload.
        size_bytes: usize,
        /// What the server takes.
        max_bytes: usize,
    },
    /// Nobody takes messages of that subject.
    #[error("no stream or server answers to {0}")]
    NoResponders(String),
    /// Whether it was done nobody knows.
    #[error("the connection was lost before the answer")]
    Lost,
    /// Whether it was done nobody knows.
    #[error("no answer in time")]
    NoAnswer,
}

/// Why options are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OptionsError(String);

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.prover.abort();
    }
}

impl Link {
    /// Begins to connect, and returns without waiting for it.
    ///
    /// # Errors
    ///
    /// When the options cannot be used whatever servers say.
    pub async fn open(options: &NatsOptions) -> Result<Self, OptionsError> {
        let servers = servers(&options.servers)?;
        let watch = Arc::new(Watch::new(Instant::now()));
        let life = Arc::new(());
        let connecting = connecting(options, &watch, Arc::downgrade(&life));
        let client = Box::pin(connecting.connect(servers))
            .await
            .map_err(|error| OptionsError(error.to_string()))?;
        let prover = tokio::spawn(prove(client.clone(), Arc::clone(&watch)));
        Ok(Link {
            inner: Arc::new(Inner {
                client,
                watch,
                prover,
                publishing: Publishing::new(options),
                inboxes: Inboxes::default(),
                ids: Ids::new(),
                _life: life,
            }),
        })
    }

    /// How it stands with the servers.
    pub fn health(&self) -> Health {
        self.inner.watch.health()
    }

    /// Waits until a server can be asked.
    ///
    /// # Errors
    ///
    /// [`LinkError::Down`] or [`LinkError::TooOld`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn wait_until_up(&self, deadline: Instant) -> Result<(), LinkError> {
        self.inner.watch.up(deadline).await.map(drop)
    }

    /// The client's own ways of asking, for what [`Link::within`] is given.
    pub fn jetstream(&self) -> jetstream::Context {
        let mut context = jetstream::new(self.inner.client.clone());
        context.set_timeout(ANSWER_WAIT);
        context
    }

    /// The client, for what needs no answer.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    pub(super) fn publishing(&self) -> &Publishing {
        &self.inner.publishing
    }

    pub(super) fn inboxes(&self) -> &Inboxes {
        &self.inner.inboxes
    }

    /// An id that no other message has.
    pub fn fresh_id(&self) -> String {
        self.inner.ids.fresh()
    }

    /// Whether an id is one of [`Link::fresh_id`].
    pub(super) fn is_ours(&self, id: &str) -> bool {
        self.inner.ids.has_given(id)
    }

    /// The largest message that the server takes, headers and payload. Bytes.
    pub fn message_bytes_max(&self) -> usize {
        self.inner.client.max_payload()
    }

    /// Asks a server and waits for its answer until `deadline`.
    ///
    /// # Errors
    ///
    /// When there is none; see there for what was done.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it unknown whether it was asked.
    pub async fn request(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
        deadline: Instant,
    ) -> Result<Message, LinkError> {
        let size_bytes = message::size_bytes(&headers, &payload);
        let mut request = async_nats::Request::new().payload(payload).timeout(None);
        if !headers.is_empty() {
            request = request.headers(headers);
        }
        let answer = async {
            let max_bytes = self.message_bytes_max();
            if size_bytes > max_bytes {
                return Err(LinkError::TooLarge {
                    size_bytes,
                    max_bytes,
                });
            }
            let sent = self.inner.client.send_request(subject.to_owned(), request);
            sent.await.map_err(|error| match error.kind() {
                RequestErrorKind::NoResponders => LinkError::NoResponders(subject.to_owned()),
                RequestErrorKind::TimedOut => LinkError::NoAnswer,
                RequestErrorKind::InvalidSubject
                | RequestErrorKind::MaxPayloadExceeded
                | RequestErrorKind::Other => LinkError::Lost,
            })
        };
        self.within(deadline, answer).await?
    }

    /// Does `call` when there is a connection, and gives it up at `deadline` or when the connection is
    /// lost.
    ///
    /// # Errors
    ///
    /// When it was given up.
    ///
    /// # Cancel safety
    ///
    /// That of `call`.
    pub async fn within<T>(
        &self,
        deadline: Instant,
        call: impl Future<Output = T>,
    ) -> Result<T, LinkError> {
        let connection = self.inner.watch.up(deadline).await?;
        // What the client does for a call is large.
        let call = Box::pin(call);
        tokio::select! {
            // An answer that is there is taken, whatever became of its connection.
            biased;
            done = call => Ok(done),
            () = self.inner.watch.lost(connection) => Err(LinkError::Lost),
            () = sleep_until(deadline) => Err(LinkError::NoAnswer),
        }
    }
}

/// Ids of one link: what it is called, and a number. Drawn one by one they might meet one day, and the
/// server would take the second message for the first.
struct Ids {
    link: u64,
    next: AtomicU64,
}

impl Ids {
    fn new() -> Self {
        Ids {
            link: fastrand::Rng::new().u64(..),
            next: AtomicU64::new(0),
        }
    }

    fn fresh(&self) -> String {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:x}-{next:x}", self.link)
    }

    fn has_given(&self, id: &str) -> bool {
        let link = id.split_once('-').map(|(link, _)| link);
        link == Some(&*format!("{:x}", self.link))
    }
}

fn servers(urls: &[String]) -> Result<Vec<ServerAddr>, OptionsError> {
    if urls.is_empty() {
        return Err(OptionsError("name at least one NATS server".to_owned()));
    }
    let each = urls.iter().map(|url| {
        let address: ServerAddr = url.parse().map_err(|_| {
            // Not the URL itself: what makes it none may be a password within it.
            OptionsError("a NATS server is not a URL such as nats://nats.example.com:4222".into())
        })?;
        if address.username().is_some() || address.password().is_some() {
            return Err(OptionsError(format!(
                "the URL of NATS server {} holds a user or a password: name files or variables",
                address.host()
            )));
        }
        if !["nats", "tls"].contains(&address.scheme()) || address.host().is_empty() {
            return Err(OptionsError(format!(
                "NATS server {url} is not a URL nats:// or tls://"
            )));
        }
        Ok(address)
    });
    each.collect()
}

fn connecting(options: &NatsOptions, watch: &Arc<Watch>, life: Weak<()>) -> ConnectOptions {
    let identity = Arc::new(options.identity.clone());
    let connecting = match &options.identity {
        Identity::None => ConnectOptions::new(),
        _ => ConnectOptions::with_auth_callback(move |nonce| {
            let identity = Arc::clone(&identity);
            async move { identity::answer(&identity, &nonce).await }
        }),
    };
    let connecting = secured(connecting, &options.tls);
    let connecting = if options.discovers_servers {
        connecting
    } else {
        connecting.ignore_discovered_servers()
    };
    let told = Arc::clone(watch);
    let trying = Arc::clone(watch);
    connecting
        .name("sluicegate")
        .retry_on_initial_connect()
        .max_reconnects(None)
        .connection_timeout(CONNECT_WAIT)
        .ping_interval(PING_INTERVAL)
        .reconnect_delay_callback(pause)
        .event_callback(move |event| {
            told.note(&event, Instant::now());
            async {}
        })
        .reconnect_to_server_callback(move |servers, _| {
            trying.note_refusals(&servers);
            let is_wanted = life.strong_count() > 0;
            async move {
                if !is_wanted {
                    // Nobody is left who would use the connection, and the client has no other way to
                    // be told so while it has none.
                    pending::<()>().await;
                }
                None
            }
        })
}

fn secured(mut connecting: ConnectOptions, tls: &Tls) -> ConnectOptions {
    connecting = connecting.require_tls(tls.is_required);
    if tls.is_first {
        connecting = connecting.tls_first();
    }
    if let Some(authorities) = &tls.authorities {
        connecting = connecting.add_root_certificates(authorities.clone());
    }
    if let Some((certificate, key)) = &tls.certificate {
        connecting = connecting.add_client_certificate(certificate.clone(), key.clone());
    }
    connecting
}

/// The pause before a try: none before the first, then longer and longer, and not the same in all
/// processes that lost the same server.
fn pause(tries: usize) -> Duration {
    let Some(doublings) = tries.checked_sub(2) else {
        return Duration::ZERO;
    };
    let doublings = u32::try_from(doublings).unwrap_or(u32::MAX);
    let factor = 2_u32.saturating_pow(doublings);
    let whole = PAUSE_MIN.saturating_mul(factor).min(PAUSE_MAX);
    whole.mul_f64(0.5 + fastrand::Rng::new().f64() / 2.0)
}

/// Looks at the server of each new connection.
async fn prove(client: Client, watch: Arc<Watch>) {
    let mut phases = watch.subscribe();
    loop {
        let phase = *phases.borrow_and_update();
        if let Phase::Unproved { connection } = phase {
            // The client tells of a connection before it knows whose it is; what it is asked to do is
            // done after that.
            match timeout(ANSWER_WAIT, client.flush()).await {
                Ok(Ok(())) => watch.prove(connection, &client.server_info()),
                // The client has ended.
                Ok(Err(_)) => return,
                // It may have lost that connection meanwhile.
                Err(_) => {}
            }
        } else if phases.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_are_none_are_refused_and_no_password_is_repeated() {
        let cases = [
            ("nats://127.0.0.1:4222", true),
            ("tls://nats.example.com", true),
            ("nats.example.com:4222", true),
            ("nats://ann:hunter2@nats.example.com", false),
            ("nats://hunter2@nats.example.com", false),
            ("nats://:hunter2@nats.example.com", false),
            ("nats://ann:hunter2@", false),
            ("http://nats.example.com", false),
            ("ws://nats.example.com", false),
            ("", false),
        ];
        for (url, is_good) in cases {
            let read = servers(&[url.to_owned()]);
            assert_eq!(read.is_ok(), is_good, "{url}: {read:?}");
            if let Err(error) = read {
                assert!(!error.to_string().contains("hunter2"), "{error}");
            }
        }
        assert!(servers(&[]).is_err());
    }

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(pause(0), Duration::ZERO);
        assert_eq!(pause(1), Duration::ZERO);
        for (tries, whole) in [
            (2, PAUSE_MIN),
            (4, PAUSE_MIN * 4),
            (20, PAUSE_MAX),
            (usize::MAX, PAUSE_MAX),
        ] {
            let pause = pause(tries);
            assert!((whole / 2..=whole).contains(&pause), "{tries}: {pause:?}");
        }
    }
}
