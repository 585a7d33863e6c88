//! A process: a state, the leases that are out, and what its tasks have yet to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use super::super::{Arrival, Due, Ending, MessageId, PullEnd, State, ToDo, ToStep};
use super::server::{NAMES, Server, answers, event, subject};
use crate::nats::entry::Kept;
use crate::nats::state::Consumer;
use crate::reading::{HandedOut, LeaseId, Next, SubscriptionId};
use crate::{Exhausted, NextLimit, StoreError, SubscriptionKey, SubscriptionSpec, Timestamp};

#[derive(Debug)]
pub(super) struct Process {
    pub(super) state: State,
    pub(super) ids: BTreeMap<u64, SubscriptionId>,
    pub(super) leases: Vec<(u64, LeaseId)>,
    pub(super) pulls: Vec<Pull>,
    pub(super) steps: Vec<ToStep>,
    /// Events that are stored, and of which it has not heard that they are.
    pub(super) unheard: Vec<(MessageId, u64)>,
    /// What it has read of the messages of what is kept.
    watched: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Pull {
    id: SubscriptionId,
    pub(super) number: u64,
    consumer: Consumer,
    pull: u64,
    pub(super) left: usize,
}

/// What became of an attempt to store a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Heard,
    StoredUnheard,
    Lost,
}

impl Process {
    pub(super) fn start(server: &Server) -> Self {
        let mut process = Process {
            state: State::new(),
            ids: BTreeMap::new(),
            leases: Vec::new(),
            pulls: Vec::new(),
            steps: Vec::new(),
            unheard: Vec::new(),
            watched: server.log.len(),
        };
        // A reader meets the newest message of each subject alone.
        for (key, (sequence, kept)) in &server.kept {
            process
                .state
                .note(subject(*key), *sequence, Some(kept.clone()));
        }
        process.state.read_to(server.log.len() as u64);
        for (number, name) in NAMES {
            let record = server.record(number, name);
            process.state.recorded(&record, server.now);
            process.state.tally_stands(number, server.tallies[&number]);
            let spec = SubscriptionSpec {
                name: name.into(),
                key: SubscriptionKey(number),
                start: crate::Start::Latest,
                exhausted: Exhausted::Discard,
                deferred_max: 40.try_into().expect("not zero"),
                interest: crate::Interest::Everything,
            };
            let id = process.state.subscribe(&spec).expect("it is not open");
            process.ids.insert(number, id.expect("it is recorded"));
        }
        process
    }

    /// Has an event stored, and hears of it when [`Self::hear`] is called.
    pub(super) fn append(&mut self, server: &mut Server) {
        let position = server.last() + 1;
        let id: MessageId = Arc::from(format!("id-{position}"));
        let epoch = self.state.keys_epoch();
        self.state
            .will_append(Arc::clone(&id), answers(position), epoch);
        server.events.push(event(position));
        self.unheard.push((id, position));
    }

    pub(super) fn hear(&mut self) {
        for (id, position) in self.unheard.drain(..) {
            self.state.appended(&id, position);
        }
    }

    /// Reads what was stored of what is kept.
    pub(super) fn watch(&mut self, server: &Server) {
        for (index, (key, kept)) in server.log.iter().enumerate().skip(self.watched) {
            let sequence = index as u64 + 1;
            self.state.note(subject(*key), sequence, Some(kept.clone()));
            self.state.read_to(sequence);
        }
        self.watched = server.log.len();
    }

    /// Asks for events.
    pub(super) fn next(&mut self, number: u64, items: usize, now: Timestamp) -> Vec<HandedOut> {
        let limit = NextLimit {
            items_max: items.try_into().expect("not zero"),
            bytes_max: usize::MAX,
            dead_letters_max: 3,
        };
        let id = self.ids[&number];
        let next = self.state.next(id, limit, Waker::noop(), now);
        let Next::HandedOut(handed_out) = next else {
            return Vec::new();
        };
        let leases = handed_out.iter().map(|out| (number, out.id));
        self.leases.extend(leases);
        handed_out
    }

    pub(super) fn end(&mut self, lease: LeaseId, ending: Ending, now: Timestamp) {
        self.leases.retain(|(_, it)| *it != lease);
        self.state.end(lease, ending, None, now);
    }

    /// Does what is left to be done; steps and pulls go on later. `is_lost` says whether a word to
    /// the server is.
    pub(super) fn work(&mut self, server: &mut Server, mut is_lost: impl FnMut() -> bool) {
        drop(self.state.take_woken());
        for to_do in self.state.take_to_do() {
            match to_do {
                ToDo::Acknowledge(_) | ToDo::InProgress(_) | ToDo::HandBack { .. } if is_lost() => {
                }
                ToDo::Acknowledge(reply) => server.acknowledge(&reply),
                ToDo::InProgress(reply) => server.wait_for(&reply, None),
                ToDo::HandBack { reply, after } => server.wait_for(&reply, Some(after)),
                ToDo::Step(step) => self.steps.push(*step),
                ToDo::Pull {
                    id,
                    number,
                    consumer,
                    pull,
                    items,
                    ..
                } => self.pulls.push(Pull {
                    id,
                    number,
                    consumer,
                    pull,
                    left: items,
                }),
                ToDo::Tally { number } => {
                    if let Some(tally) = self.state.take_tally(number) {
                        *server.tallies.get_mut(&number).expect("known") += tally;
                        self.state.tally_added(number, true);
                    }
                }
            }
        }
    }

    /// Stores a step.
    pub(super) fn step(&mut self, server: &mut Server, step: ToStep, fate: Fate) {
        let now = server.now;
        let unreachable = || Err(StoreError("no answer".to_owned()));
        let result = match fate {
            Fate::Lost => unreachable(),
            Fate::StoredUnheard => {
                server.apply(step.number, step.position, &step.step);
                unreachable()
            }
            Fate::Heard => {
                let is_stored = server.apply(step.number, step.position, &step.step);
                // Of its own messages it notes as much, and where it was late what was first.
                self.watch(server);
                Ok(is_stored)
            }
        };
        self.state.stepped(step, result, now);
    }

    /// Brings up to `items` of what a pull asked for.
    pub(super) fn bring(&mut self, server: &mut Server, index: usize, items: usize) {
        let pull = self.pulls[index];
        let now = server.now;
        let mut brought = 0;
        while brought < items.min(pull.left) && self.bring_one(server, pull, now) {
            brought += 1;
        }
        self.pulls[index].left -= brought;
        if self.pulls[index].left == 0 {
            self.pulls.swap_remove(index);
            self.state.pull_ended(pull.id, pull.pull, PullEnd::Done);
        }
    }

    fn bring_one(&mut self, server: &mut Server, pull: Pull, now: Timestamp) -> bool {
        let number = pull.number;
        match pull.consumer {
            Consumer::Events => {
                let Some(message) = server.hand_out(number) else {
                    return false;
                };
                let position = message.sequence;
                let arrival = Arrival {
                    number,
                    epoch: 0,
                    pull: pull.pull,
                    position,
                    times: message.times,
                    reply: message.reply,
                    id: Some(Arc::from(format!("id-{position}"))),
                    accepted_at: now,
                    event: event(position),
                };
                if let Err(arrival) = self.state.arrived(arrival, now) {
                    let epoch = self.state.keys_epoch();
                    self.state.learn(position, answers(position), epoch);
                    self.state
                        .arrived(*arrival, now)
                        .expect("it is known by now");
                }
            }
            Consumer::Due => {
                let Some((message, position, kept)) = server.hand_out_due(number) else {
                    return false;
                };
                match kept {
                    Kept::Ended | Kept::Back => {
                        self.state.was_over(number, pull.pull, message.reply);
                    }
                    Kept::Entry(entry) => {
                        let due = Due {
                            number,
                            pull: pull.pull,
                            position,
                            sequence: message.sequence,
                            reply: message.reply,
                            entry,
                            event: event(position),
                        };
                        self.state.fell_due(due, now);
                    }
                }
            }
        }
        true
    }
}
