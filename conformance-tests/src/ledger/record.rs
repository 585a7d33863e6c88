//! What is told to the ledger and written to its log: one JSON object a line.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::Event;

/// What names an event: its source and id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The attribute `source`.
    pub source: String,
    /// The attribute `id`.
    pub id: String,
}

impl Key {
    /// The key of an event.
    pub fn of(event: &Event) -> Self {
        Key {
            source: event.get("source").to_owned(),
            id: event.get("id").to_owned(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.source, self.id)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// An event is about to be sent.
    Intent {
        /// Which event.
        key: Key,
        /// The broker it goes to.
        broker: String,
        /// The digest of all its attributes and its data.
        digest: String,
        /// The triggers whose filters accept it.
        expected: Vec<String>,
        /// The triggers that come and go meanwhile: each may get it once, or not.
        #[serde(default)]
        optional: Vec<String>,
    },
    /// The broker answered a send. A send without any answer has no such record: its outcome is
    /// unknown, and it may arrive or not.
    Answer {
        /// Which event.
        key: Key,
        /// The status.
        status: u16,
    },
    /// A subscriber was sent an event.
    Delivery {
        /// The trigger whose subscriber it is.
        trigger: String,
        /// Which event.
        key: Key,
        /// The digest of what arrived.
        digest: String,
        /// What the subscriber answered; `None` when it gave no proper answer.
        status: Option<u16>,
    },
    /// A dead-letter sink was sent an event.
    DeadLetter {
        /// The trigger whose sink it is.
        trigger: String,
        /// Which event.
        key: Key,
        /// The digest of what arrived, without the attributes that say why.
        digest: String,
        /// What the sink answered.
        status: Option<u16>,
    },
    /// The broker shows an event in its dead-letter store.
    Parked {
        /// The trigger.
        trigger: String,
        /// Which event.
        key: Key,
        /// The digest of what is stored.
        digest: String,
    },
    /// A peer was sent something that is no event.
    Garbage {
        /// The trigger.
        trigger: String,
        /// Why it is none.
        why: String,
    },
}

/// What a client asks of the ledger's process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    /// Write this down.
    Record(Record),
    /// Sync, judge what is written so far, and answer with the judgement.
    Judge {
        /// The broker's own figures, as far as they are to be compared.
        judge: Vec<Figures>,
    },
}

/// What the broker says of one trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// The trigger's name, as in the records.
    pub trigger: String,
    /// The broker's name, as in the records.
    pub broker: String,
    /// Its books.
    pub books: Books,
    /// In which terms the test means to leave events; nothing is to be left in any other.
    #[serde(default)]
    pub leaving: Vec<Term>,
}

/// A state in which neither the subscriber nor the sink has an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// In the dead-letter store.
    Parked,
    /// Ended with the trigger.
    Cancelled,
    /// Deleted by a backend's limit.
    Expired,
    /// Discarded.
    Discarded,
    /// Not settled yet.
    Pending,
}

/// How many events of a trigger are in which state, by the broker's own count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Books {
    /// Accepted since the trigger existed.
    pub accepted: u64,
    /// Not wanted.
    pub filtered: u64,
    /// Taken by the subscriber.
    pub delivered: u64,
    /// Taken by the dead-letter sink.
    pub dead_lettered: u64,
    /// In the dead-letter store.
    pub parked: u64,
    /// Ended with the trigger.
    pub cancelled: u64,
    /// Deleted by a backend's limit.
    pub expired: u64,
    /// Discarded.
    pub discarded: u64,
    /// Not settled yet.
    pub pending: u64,
}

impl Books {
    /// The sum of all states.
    pub fn states(&self) -> u64 {
        self.filtered + self.delivered + self.dead_lettered + self.not_taken()
    }

    /// Events that were wanted and that neither subscriber nor sink has taken.
    pub fn not_taken(&self) -> u64 {
        self.parked + self.cancelled + self.expired + self.discarded + self.pending
    }

    /// Events in this state.
    pub fn left(&self, term: Term) -> u64 {
        match term {
            Term::Parked => self.parked,
            Term::Cancelled => self.cancelled,
            Term::Expired => self.expired,
            Term::Discarded => self.discarded,
            Term::Pending => self.pending,
        }
    }
}
