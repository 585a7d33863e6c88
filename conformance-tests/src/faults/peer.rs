//! A peer for thousands of events a second: takes, delays, fails, refuses or hangs, as its path was
//! told, and tells the ledger of each request. Unlike [`crate::subscriber`] it keeps no request.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use crate::event::Event;
use crate::http1::{Message, Reader};
use crate::ledger::{History, Key, Ledger, Record};

/// What a path does with what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Answers 202.
    Take,
    /// Answers 202 after this long.
    TakeAfter(Duration),
    /// Answers each event with this status when it first comes, then with 202.
    FailOnce(u16),
    /// Answers each event with 429 when it first comes, and asks to be left alone for so many
    /// seconds; then with 202.
    TakeLater(u16),
    /// Answers with this status.
    Answer(u16),
    /// Never answers.
    Hang,
}

/// Who is told of what comes.
#[derive(Clone)]
pub(super) enum Recorder {
    /// The ledger's process.
    Ledger(Ledger),
    /// The judge itself, where many short runs are judged against the same sends.
    Judge(Arc<Mutex<History>>),
}

impl Recorder {
    pub(super) fn record(&self, record: Record) {
        match self {
            Recorder::Ledger(ledger) => ledger.record(record),
            Recorder::Judge(history) => history.lock().record(record),
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Recorder::Ledger(_) => "Ledger",
            Recorder::Judge(_) => "Judge",
        })
    }
}

#[derive(Debug)]
struct Place {
    trigger: String,
    is_dead_letter_sink: bool,
    manner: Manner,
    failed: HashSet<Key>,
    taken: u64,
    /// The first request since [`Peer::forget`].
    first: Option<(Instant, Key)>,
}

#[derive(Debug)]
struct Shared {
    places: Mutex<HashMap<String, Place>>,
    recorder: Recorder,
    under_way: AtomicU64,
}

/// A listening peer; it stops when it is dropped.
#[derive(Debug)]
pub(super) struct Peer {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Peer {
    /// Listens on a free port of loopback.
    pub(super) async fn start(recorder: Recorder) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            places: Mutex::default(),
            recorder,
            under_way: AtomicU64::new(0),
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Peer {
            address,
            shared,
            server,
        })
    }

    /// The URL of a path, which begins with a slash.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on `/trigger` takes that trigger's events so.
    pub(super) fn subscribe(&self, trigger: &str, manner: Manner) {
        self.set(format!("/{trigger}"), trigger, false, manner);
    }

    /// From now on `/trigger/dead` takes that trigger's dead letters so.
    pub(super) fn bury(&self, trigger: &str, manner: Manner) {
        self.set(format!("/{trigger}/dead"), trigger, true, manner);
    }

    fn set(&self, path: String, trigger: &str, is_dead_letter_sink: bool, manner: Manner) {
        let mut places = self.shared.places.lock();
        let place = places.entry(path).or_insert_with(|| Place {
            trigger: trigger.to_owned(),
            is_dead_letter_sink,
            manner,
            failed: HashSet::new(),
            taken: 0,
            first: None,
        });
        place.manner = manner;
    }

    /// Forgets what came for `trigger` so far.
    pub(super) fn forget(&self, trigger: &str) {
        if let Some(place) = self.shared.places.lock().get_mut(&format!("/{trigger}")) {
            (place.taken, place.first) = (0, None);
        }
    }

    /// How many events of `trigger` were taken since [`Peer::forget`].
    pub(super) fn taken(&self, trigger: &str) -> u64 {
        let places = self.shared.places.lock();
        places
            .get(&format!("/{trigger}"))
            .map_or(0, |place| place.taken)
    }

    /// How many requests have come whose answer waits for its time.
    pub(super) fn under_way(&self) -> u64 {
        self.shared.under_way.load(Ordering::Relaxed)
    }

    /// The first event that came for `trigger` since [`Peer::forget`], and when.
    pub(super) fn first(&self, trigger: &str) -> Option<(Instant, Key)> {
        let places = self.shared.places.lock();
        places.get(&format!("/{trigger}"))?.first.clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What to do with one request.
#[derive(Clone, Copy)]
struct Answer {
    after: Duration,
    status: Option<u16>,
    /// The value of `Retry-After`, in seconds.
    retry_after: Option<u16>,
}

impl Answer {
    fn status(status: u16) -> Self {
        Answer {
            after: Duration::ZERO,
            status: Some(status),
            retry_after: None,
        }
    }
}

impl Shared {
    fn arrive(&self, message: &Message) -> Answer {
        let (_, path) = message.request_line();
        let mut places = self.places.lock();
        let Some(place) = places.get_mut(path) else {
            let why = "nobody subscribes there".to_owned();
            let trigger = path.to_owned();
            self.recorder.record(Record::Garbage { trigger, why });
            return Answer::status(404);
        };
        match Event::read(&message.headers, &message.body) {
            Ok((_, event)) => {
                let answer = place.answer(&Key::of(&event));
                self.recorder.record(place.record(event, answer.status));
                answer
            }
            Err(why) => {
                let trigger = place.trigger.clone();
                self.recorder.record(Record::Garbage { trigger, why });
                Answer::status(400)
            }
        }
    }
}

impl Place {
    fn answer(&mut self, key: &Key) -> Answer {
        self.first
            .get_or_insert_with(|| (Instant::now(), key.clone()));
        let taken = Answer::status(202);
        let answer = match self.manner {
            Manner::Take => taken,
            Manner::TakeAfter(after) => Answer { after, ..taken },
            Manner::FailOnce(status) if self.failed.insert(key.clone()) => Answer::status(status),
            Manner::TakeLater(seconds) if self.failed.insert(key.clone()) => Answer {
                retry_after: Some(seconds),
                ..Answer::status(429)
            },
            Manner::FailOnce(_) | Manner::TakeLater(_) => taken,
            Manner::Answer(status) => Answer::status(status),
            Manner::Hang => Answer {
                status: None,
                ..taken
            },
        };
        self.taken += u64::from(answer.status == Some(202));
        answer
    }

    fn record(&self, event: Event, status: Option<u16>) -> Record {
        let (trigger, key) = (self.trigger.clone(), Key::of(&event));
        if self.is_dead_letter_sink {
            let digest = event.without_dead_letter_reasons().digest();
            Record::DeadLetter {
                trigger,
                key,
                digest,
                status,
            }
        } else {
            let digest = event.digest();
            Record::Delivery {
                trigger,
                key,
                digest,
                status,
            }
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Both are cancel safe: neither takes anything before it is ready.
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move { converse(stream, &shared).await });
                }
                // Out of descriptors, most likely: those that are open must end first.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers one connection's requests. An error is the broker's leaving, most often by being killed.
async fn converse(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut reader = Reader::new(read);
    while let Some(message) = reader.request().await? {
        let answer = shared.arrive(&message);
        let Some(status) = answer.status else {
            // Held open until the broker leaves.
            reader.request().await?;
            return Ok(());
        };
        if !answer.after.is_zero() {
            shared.under_way.fetch_add(1, Ordering::Relaxed);
            sleep(answer.after).await;
            shared.under_way.fetch_sub(1, Ordering::Relaxed);
        }
        let later = answer.retry_after;
        let later = later.map_or(String::new(), |it| format!("Retry-After: {it}\r\n"));
        let response = format!("HTTP/1.1 {status} Told\r\n{later}Content-Length: 0\r\n\r\n");
        write.write_all(response.as_bytes()).await?;
    }
    Ok(())
}
