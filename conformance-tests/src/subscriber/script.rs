//! What a peer answers, one request after another.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Received;
use crate::event::Event;

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) delay: Duration,
    pub(super) manner: Manner,
}

/// How an answer goes onto the wire.
#[derive(Clone, Debug)]
pub(super) enum Manner {
    /// A whole and proper response.
    Proper {
        status: u16,
        headers: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    },
    /// Nothing; the connection stays open until the peer leaves.
    Hang,
    /// These bytes, whatever they are; then the connection is closed.
    Raw(Vec<u8>),
    /// The first bytes at once, then one more of the others at each interval, for ever if told so.
    Drip {
        first: Vec<u8>,
        drops: Vec<u8>,
        interval: Duration,
        endless: bool,
    },
}

impl Answer {
    /// A response with this status and no body.
    pub fn status(status: u16) -> Self {
        Self::with(Manner::Proper {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    /// A 200 that carries `event` in binary mode.
    pub fn reply(event: &Event) -> Self {
        let mut answer = Self::status(200).body(event.data.clone().unwrap_or_default());
        for (name, value) in event.to_binary().iter() {
            answer = answer.header(name, value);
        }
        answer
    }

    /// A 200 that carries `event` in structured mode.
    pub fn structured_reply(event: &Event) -> Self {
        Self::status(200)
            .header("Content-Type", "application/cloudevents+json")
            .body(event.to_json())
    }

    /// No answer at all until the peer gives up.
    pub fn hang() -> Self {
        Self::with(Manner::Hang)
    }

    /// The connection is closed without an answer.
    pub fn close() -> Self {
        Self::with(Manner::Raw(Vec::new()))
    }

    /// These bytes in place of a response; then the connection is closed.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::with(Manner::Raw(bytes.into()))
    }

    /// `first` at once, then one byte of `drops` at each `interval`, then the end.
    pub fn drip(first: impl Into<Vec<u8>>, drops: impl Into<Vec<u8>>, interval: Duration) -> Self {
        let (first, drops) = (first.into(), drops.into());
        Self::with(Manner::Drip {
            first,
            drops,
            interval,
            endless: false,
        })
    }

    /// `first` at once, then `block` again and again for as long as the peer reads.
    pub fn endless(first: impl Into<Vec<u8>>, block: impl Into<Vec<u8>>) -> Self {
        let (first, drops) = (first.into(), block.into());
        Self::with(Manner::Drip {
            first,
            drops,
            interval: Duration::ZERO,
            endless: true,
        })
    }

    /// Adds a header to a proper response.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if let Manner::Proper { headers, .. } = &mut self.manner {
            headers.push((name.to_owned(), value.as_ref().to_vec()));
        }
        self
    }

    /// Sets the body of a proper response.
    #[must_use]
    pub fn body(mut self, bytes: impl AsRef<[u8]>) -> Self {
        if let Manner::Proper { body, .. } = &mut self.manner {
            *body = bytes.as_ref().to_vec();
        }
        self
    }

    /// Waits before the first byte.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The status, when the answer is a whole and proper response.
    pub fn proper_status(&self) -> Option<u16> {
        match self.manner {
            Manner::Proper { status, .. } => Some(status),
            Manner::Hang | Manner::Raw(_) | Manner::Drip { .. } => None,
        }
    }

    fn with(manner: Manner) -> Self {
        Answer {
            delay: Duration::ZERO,
            manner,
        }
    }
}

/// Answers in their order; the last one for ever after. Or answers that depend on the request.
#[derive(Clone)]
pub struct Script {
    first: Vec<Answer>,
    given: usize,
    ever_after: Decision,
}

/// How to answer a request, given it and the earlier ones of its path.
type Decision = Arc<dyn Fn(&Received, &[Received]) -> Answer + Send + Sync>;

impl Script {
    /// `answer` to every request.
    pub fn always(answer: Answer) -> Self {
        Self::decided_by(move |_, _| answer.clone())
    }

    /// These answers, then 202 for ever after.
    pub fn first(answers: impl IntoIterator<Item = Answer>) -> Self {
        Script {
            first: answers.into_iter().collect(),
            ..Self::default()
        }
    }

    /// `status` to the first `count` requests, then 202 for ever after.
    pub fn fail_first(count: usize, status: u16) -> Self {
        Self::first(std::iter::repeat_n(Answer::status(status), count))
    }

    /// What `decide` says, given the request and those that came before it on its path.
    pub fn decided_by(
        decide: impl Fn(&Received, &[Received]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Script {
            first: Vec::new(),
            given: 0,
            ever_after: Arc::new(decide),
        }
    }

    /// `status` to the first `count` requests for each event, told apart by id, then 202.
    pub fn fail_each_event_first(count: usize, status: u16) -> Self {
        Self::decided_by(move |received, earlier| {
            let id = received.event().get("id").to_owned();
            let sends = earlier
                .iter()
                .filter(|other| other.event().get("id") == id)
                .count();
            Answer::status(if sends < count { status } else { 202 })
        })
    }

    /// What follows when the first answers are given.
    #[must_use]
    pub fn then_always(mut self, answer: Answer) -> Self {
        self.ever_after = Arc::new(move |_, _| answer.clone());
        self
    }

    pub(super) fn answer(&mut self, received: &Received, earlier: &[Received]) -> Answer {
        match self.first.get(self.given) {
            Some(answer) => {
                self.given += 1;
                answer.clone()
            }
            None => (self.ever_after)(received, earlier),
        }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("first", &self.first)
            .finish_non_exhaustive()
    }
}

impl Default for Script {
    fn default() -> Self {
        Script::always(Answer::status(202))
    }
}

impl From<Answer> for Script {
    fn from(answer: Answer) -> Self {
        Script::always(answer)
    }
}
