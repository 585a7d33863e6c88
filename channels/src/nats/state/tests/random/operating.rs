//! What operators do, and what befalls processes.

use std::time::Duration;

use tokio::sync::oneshot;

use super::super::process::{Fate, Process};
use super::super::server::{NAMES, is_wanted};
use super::{PROCESSES, Run};
use crate::BY_THE_OPERATOR;
use crate::Timestamp;
use crate::nats::control::tally::Tally;
use crate::nats::entry::{Body, Entry, EntryState};
use crate::nats::steps::Step;

impl Run {
    pub(super) fn pause(&mut self, number: u64) {
        let is_paused = self.server.paused.get_mut(&number).expect("known");
        *is_paused = !*is_paused;
        self.tell_records();
    }

    pub(super) fn tell_records(&mut self) {
        for (number, name) in NAMES {
            let record = self.server.record(number, name);
            for process in &mut self.processes {
                process.state.recorded(&record, self.server.now);
            }
        }
    }

    pub(super) fn redrive_or_discard(&mut self, process: usize, number: u64) {
        let parked = self.server.parked(number);
        if parked.is_empty() {
            return;
        }
        let position = parked[self.rng.usize(..parked.len())];
        // Who ended what is being ended, and nobody hears of it, is counted by both.
        let is_ending = |process: &Process| process.state.is_stepping(number, position);
        if self.processes.iter().any(is_ending) {
            return;
        }
        let (answer, _) = oneshot::channel();
        let name = NAMES.into_iter().find(|(of, _)| *of == number);
        let (_, name) = name.expect("known");
        let state = &mut self.processes[process].state;
        if self.rng.bool() {
            state.begin_redrive(name, position, self.server.now, answer);
        } else {
            self.ended.insert((number, position));
            state.begin_discard(name, position, BY_THE_OPERATOR, answer);
        }
        self.work(process);
        // Nobody knows which of two comes first.
        self.said.remove(&(number, position));
        let process = &mut self.processes[process];
        if let Some(step) = process.steps.pop() {
            process.step(&mut self.server, step, Fate::Heard);
        }
        for process in &mut self.processes {
            process.watch(&self.server);
        }
    }

    /// Has an event handed out once more that is nowhere any more.
    pub(super) fn replay(&mut self, number: u64) {
        let consumer = &self.server.consumers[&number];
        let entries = self.server.entries(number);
        let is_finished = |position: &u64| {
            let is_held = |process: &Process| process.state.holds(number, *position);
            !consumer.unacknowledged.contains_key(position)
                && !entries.contains_key(position)
                && is_wanted(number, *position)
                && !self.processes.iter().any(is_held)
        };
        let finished: Vec<u64> = (1..=consumer.delivered).filter(is_finished).collect();
        if finished.is_empty() {
            return;
        }
        let position = finished[self.rng.usize(..finished.len())];
        let now = self.server.now;
        let entry = Entry {
            sends: 0,
            accepted_at: now,
            age_since: now,
            body: Body::Events,
            state: EntryState::Moved {
                due: now,
                replayed: true,
            },
        };
        let event = None;
        self.server
            .apply(number, position, &Step::Keep { event, entry });
        self.said.remove(&(number, position));
        self.ended.remove(&(number, position));
        *self.replayed.entry(number).or_default() += 1;
        let replayed = Tally {
            replayed: 1,
            ..Tally::default()
        };
        let process = &mut self.processes[0];
        process.state.count(number, replayed);
        process.watch(&self.server);
    }

    pub(super) fn tell_figures(&mut self) {
        for (number, _) in NAMES {
            let (figures, tally) = (self.server.figures(number), self.server.tallies[&number]);
            for process in &mut self.processes {
                process.state.figures(number, 0, figures);
                process.state.tally_stands(number, tally);
            }
        }
    }

    /// Some of what was under way is stored.
    pub(super) fn crash(&mut self, process: usize) {
        for step in std::mem::take(&mut self.processes[process].steps) {
            if self.rng.bool() {
                self.server.apply(step.number, step.position, &step.step);
            }
        }
        self.processes[process] = Process::start(&self.server);
    }

    /// For longer than the server waits to hear of what it handed out; nobody looks meanwhile.
    pub(super) fn stand_still(&mut self) {
        self.server.wait(Duration::from_secs(self.rng.u64(10..20)));
    }

    /// Goes on, with nothing failing any more, until nothing is left to be done.
    pub(super) fn drain(&mut self) {
        self.is_rough = false;
        self.said.clear();
        self.server.paused.values_mut().for_each(|it| *it = false);
        self.tell_records();
        for _ in 0..400 {
            self.server.wait(Duration::from_secs(3));
            for process in 0..PROCESSES {
                self.drain_one(process);
            }
            if self.is_drained() {
                // What has ended since was not told yet.
                for process in 0..PROCESSES {
                    self.processes[process].state.tick(self.server.now);
                    self.work(process);
                }
                return;
            }
        }
        panic!("something is left: {:#?}", self.server);
    }

    fn drain_one(&mut self, process: usize) {
        let now = self.server.now;
        self.processes[process].hear();
        self.processes[process].watch(&self.server);
        self.processes[process].state.tick(now);
        for (number, _) in NAMES {
            self.said.clear();
            self.next(process, number);
            self.work(process);
            for index in (0..self.processes[process].pulls.len()).rev() {
                self.processes[process].bring(&mut self.server, index, 64);
            }
            self.work(process);
            self.next(process, number);
        }
        for (number, lease) in self.processes[process].leases.clone() {
            let settled = super::Ending::Settled(crate::Settled::Delivered);
            if self.processes[process].state.is_in_force(lease) {
                self.say(number, lease, &settled);
            }
            self.processes[process].end(lease, settled, now);
        }
        self.work(process);
        while let Some(step) = self.processes[process].steps.pop() {
            self.processes[process].step(&mut self.server, step, Fate::Heard);
            self.work(process);
        }
    }

    fn is_drained(&self) -> bool {
        let server = &self.server;
        NAMES.iter().all(|(number, _)| {
            let consumer = &server.consumers[number];
            let waits = |entry: &&Entry| entry.due() > Some(Timestamp::default());
            consumer.delivered == server.last()
                && consumer.unacknowledged.is_empty()
                && !server.entries(*number).into_values().any(|it| waits(&it))
        })
    }
}
