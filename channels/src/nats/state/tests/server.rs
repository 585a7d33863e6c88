//! A server as far as the state can tell: a stream of events with a consumer for each subscription,
//! what is kept apart with one for what is due, and what hands out again what it hears nothing of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_event::Event;

use super::super::{Figures, Reply};
use crate::answers::Answers;
use crate::nats::control::record::Record;
use crate::nats::control::tally::Tally;
use crate::nats::entry::{Entry, EntryState, Kept};
use crate::nats::index::Place;
use crate::nats::names::KeptSubject;
use crate::nats::steps::Step;
use crate::{SubscriptionKey, Timestamp};

/// The subscriptions, by number.
pub(super) const NAMES: [(u64, &str); 2] = [(1, "a"), (2, "b")];

const ACK_WAIT: Duration = Duration::from_secs(10);

pub(super) type Key = (At, u64, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    Waiting,
    Due,
}

/// What was handed out and not acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unacknowledged {
    pub(super) times: u64,
    pub(super) until: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Consumer {
    /// What was handed out last.
    pub(super) delivered: u64,
    pub(super) unacknowledged: BTreeMap<u64, Unacknowledged>,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) now: Timestamp,
    pub(super) events: Vec<Arc<Event>>,
    pub(super) consumers: BTreeMap<u64, Consumer>,
    pub(super) due_consumers: BTreeMap<u64, Consumer>,
    /// The newest message of each subject.
    pub(super) kept: BTreeMap<Key, (u64, Kept)>,
    /// Every message of what is kept, for those who watch.
    pub(super) log: Vec<(Key, Kept)>,
    pub(super) tallies: BTreeMap<u64, Tally>,
    pub(super) paused: BTreeMap<u64, bool>,
}

/// A message that is handed out.
#[derive(Debug)]
pub(super) struct Message {
    /// In its stream.
    pub(super) sequence: u64,
    pub(super) times: u64,
    pub(super) reply: Reply,
}

/// Who wants the event of that number, and of whom that cannot be told.
pub(super) fn answers(number: u64) -> Answers {
    let mut answers = Answers::default();
    for (subscription, _) in NAMES {
        let key = SubscriptionKey(subscription);
        match (number * 7 + subscription) % 5 {
            0 => {}
            1 if number.is_multiple_of(3) => answers.undecided.push(key),
            _ => answers.wanted.push(key),
        }
    }
    answers
}

pub(super) fn is_wanted(subscription: u64, position: u64) -> bool {
    answers(position)
        .wanted
        .contains(&SubscriptionKey(subscription))
}

pub(super) fn event(number: u64) -> Arc<Event> {
    let event = Event::builder(&number.to_string(), "/model", "any").build();
    Arc::new(event.expect("it is valid"))
}

impl Server {
    pub(super) fn new() -> Self {
        let consumers = || NAMES.map(|(number, _)| (number, Consumer::default()));
        Server {
            now: Timestamp(1_000_000),
            events: Vec::new(),
            consumers: consumers().into(),
            due_consumers: consumers().into(),
            kept: BTreeMap::new(),
            log: Vec::new(),
            tallies: NAMES.map(|(number, _)| (number, Tally::default())).into(),
            paused: NAMES.map(|(number, _)| (number, false)).into(),
        }
    }

    pub(super) fn record(&self, number: u64, name: &str) -> Record {
        Record {
            name: name.into(),
            number,
            epoch: 0,
            began: 0,
            is_paused: self.paused[&number],
        }
    }

    pub(super) fn last(&self) -> u64 {
        self.events.len() as u64
    }

    /// Puts what is due where its consumers hand it out.
    pub(super) fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        let due = self.kept.iter().filter_map(|(key, (_, kept))| match kept {
            Kept::Entry(entry) if key.0 == At::Waiting => {
                Some((*key, entry.clone())).filter(|_| entry.due().is_some_and(|at| at <= self.now))
            }
            _ => None,
        });
        for (key, entry) in due.collect::<Vec<_>>() {
            self.kept.remove(&key);
            self.store((At::Due, key.1, key.2), Kept::Entry(entry));
        }
    }

    fn store(&mut self, key: Key, kept: Kept) {
        self.log.push((key, kept.clone()));
        self.kept.insert(key, (self.log.len() as u64, kept));
    }

    /// Stores a step, unless another was first.
    pub(super) fn apply(&mut self, number: u64, position: u64, step: &Step) -> bool {
        let at = |place: &Place| match place {
            Place::Waiting => (At::Waiting, number, position),
            Place::Due => (At::Due, number, position),
        };
        let stands = |key| self.kept.get(&key).map_or(0, |(sequence, _)| *sequence);
        match step {
            Step::Keep { entry, .. } => {
                self.store(at(&Place::Waiting), Kept::Entry(entry.clone()));
            }
            Step::Give { entry, from } => {
                if let Some((place, sequence)) = from
                    && stands(at(place)) != *sequence
                {
                    return false;
                }
                self.store(at(&Place::Due), Kept::Entry(entry.clone()));
                if let Some((Place::Waiting, _)) = from {
                    self.store(at(&Place::Waiting), Kept::Ended);
                }
            }
            Step::Again {
                entry,
                place,
                sequence,
                ..
            } => {
                if stands(at(place)) != *sequence {
                    return false;
                }
                self.store(at(&Place::Waiting), Kept::Entry(entry.clone()));
                if *place == Place::Due {
                    self.store(at(place), Kept::Back);
                }
            }
            Step::End { place, sequence } => {
                if stands(at(place)) != *sequence {
                    return false;
                }
                self.store(at(place), Kept::Ended);
            }
        }
        true
    }

    /// The next event for a subscription, first what nobody acknowledged in time.
    pub(super) fn hand_out(&mut self, number: u64) -> Option<Message> {
        let (now, last) = (self.now, self.last());
        let consumer = self.consumers.get_mut(&number)?;
        let fresh = Some(consumer.delivered + 1).filter(|next| *next <= last);
        let sequence = consumer.overdue(now).or(fresh)?;
        consumer.delivered = consumer.delivered.max(sequence);
        Some(consumer.message(number, sequence, now, "e"))
    }

    /// The next entry that is due for a subscription, with the event's position.
    pub(super) fn hand_out_due(&mut self, number: u64) -> Option<(Message, u64, Kept)> {
        let now = self.now;
        let consumer = self.due_consumers.get_mut(&number)?;
        let due = self.kept.iter().filter_map(|(key, (sequence, kept))| {
            let is_due = key.0 == At::Due && key.1 == number;
            is_due.then_some((*sequence, (key.2, kept.clone())))
        });
        let due: BTreeMap<u64, (u64, Kept)> = due.collect();
        // What was replaced is not handed out again.
        consumer.unacknowledged.retain(|it, _| due.contains_key(it));
        let sequence = match consumer.overdue(now) {
            Some(sequence) => sequence,
            None => *due.range(consumer.delivered + 1..).next()?.0,
        };
        consumer.delivered = consumer.delivered.max(sequence);
        let (position, kept) = due.get(&sequence)?.clone();
        Some((consumer.message(number, sequence, now, "d"), position, kept))
    }

    pub(super) fn acknowledge(&mut self, reply: &Reply) {
        let (consumer, sequence) = self.read(reply);
        consumer.unacknowledged.remove(&sequence);
    }

    /// It is to be handed out again after that time, unless it is acknowledged.
    pub(super) fn wait_for(&mut self, reply: &Reply, time: Option<Duration>) {
        let until = self.now + time.unwrap_or(ACK_WAIT);
        let (consumer, sequence) = self.read(reply);
        if let Some(it) = consumer.unacknowledged.get_mut(&sequence) {
            it.until = until;
        }
    }

    fn read(&mut self, reply: &Reply) -> (&mut Consumer, u64) {
        let mut parts = reply.0.split('.');
        let of_events = parts.next() == Some("e");
        let mut number = || parts.next().and_then(|it| it.parse().ok()).expect("ours");
        let (subscription, sequence) = (number(), number());
        let consumers = if of_events {
            &mut self.consumers
        } else {
            &mut self.due_consumers
        };
        (consumers.get_mut(&subscription).expect("known"), sequence)
    }

    pub(super) fn figures(&self, number: u64) -> Figures {
        let consumer = &self.consumers[&number];
        Figures {
            delivered: consumer.delivered,
            pending: self.last() - consumer.delivered,
            unacknowledged: consumer.unacknowledged.len() as u64,
            last: self.last(),
        }
    }

    /// The entries that stand, as due or not.
    pub(super) fn entries(&self, number: u64) -> BTreeMap<u64, &Entry> {
        let of_it = self.kept.iter().filter(|(key, _)| key.1 == number);
        let entries = of_it.filter_map(|(key, (_, kept))| match kept {
            Kept::Entry(entry) => Some((key.2, entry)),
            Kept::Ended | Kept::Back => None,
        });
        entries.collect()
    }

    pub(super) fn parked(&self, number: u64) -> Vec<u64> {
        let entries = self.entries(number).into_iter();
        let parked = entries.filter(|(_, it)| matches!(it.state, EntryState::Parked { .. }));
        parked.map(|(position, _)| position).collect()
    }
}

impl Consumer {
    fn overdue(&self, now: Timestamp) -> Option<u64> {
        let mut all = self.unacknowledged.iter();
        all.find(|(_, it)| it.until <= now).map(|(at, _)| *at)
    }

    fn message(&mut self, number: u64, sequence: u64, now: Timestamp, kind: &str) -> Message {
        let until = now + ACK_WAIT;
        let first = Unacknowledged { times: 0, until };
        let it = self.unacknowledged.entry(sequence).or_insert(first);
        it.times += 1;
        it.until = until;
        let reply = format!("{kind}.{number}.{sequence}.{}", it.times);
        Message {
            sequence,
            times: it.times,
            reply: Reply(reply.into()),
        }
    }
}

/// The subject that a key stands for.
pub(super) fn subject((place, number, position): Key) -> KeptSubject {
    match place {
        At::Waiting => KeptSubject::Waiting { number, position },
        At::Due => KeptSubject::Due { number, position },
    }
}
