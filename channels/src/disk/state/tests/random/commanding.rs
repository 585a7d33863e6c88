//! Commands, which take effect once they are stored and not at all where they cannot be.

use std::collections::BTreeSet;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::{At, NAMES, Run};
use crate::reading::position;
use crate::{Position, Replayed, SeekError, Timestamp};

/// A command that is not answered.
#[derive(Debug)]
pub(super) struct Commanded {
    what: What,
    /// What will come of it, once a round has taken it.
    plan: Option<Plan>,
}

#[derive(Debug)]
enum What {
    Seek(u64, oneshot::Receiver<Result<(), SeekError>>),
    Replay(
        Vec<Position>,
        oneshot::Receiver<Result<Replayed, SeekError>>,
    ),
}

#[derive(Clone, Debug)]
enum Plan {
    On(u64),
    Back(u64),
    Given(BTreeSet<u64>, u64),
}

impl Run {
    pub(super) fn replay(&mut self, name: &'static str) {
        let positions: Vec<Position> = (0..self.rng.u64(1..5))
            .map(|_| position(self.rng.u64(..self.world.tail + 3)))
            .collect();
        let (state, now) = (&mut self.world.state, self.world.now);
        let begun = state.begin_replay(name, positions.clone(), now);
        self.commanded(name, begun.map(|answer| What::Replay(positions, answer)));
    }

    pub(super) fn seek(&mut self, name: &'static str) {
        let state = &mut self.world.state;
        let to = match self.rng.bool() {
            true => state.tail,
            false => self.rng.u64(..state.tail + 1),
        };
        let begun = state.begin_seek(name, to);
        self.commanded(name, begun.map(|answer| What::Seek(to, answer)));
    }

    fn commanded(&mut self, name: &str, begun: Result<What, SeekError>) {
        match self.readers.get_mut(name) {
            None => assert!(begun.is_err(), "{name} is not there"),
            Some(reader) => {
                let what = begun.expect("it is known");
                reader.commands.push(Commanded { what, plan: None });
            }
        }
    }

    /// The first command of each is in the round that is taken now.
    pub(super) fn plan_commands(&mut self) {
        for name in NAMES {
            let (reads_to, cursor) = (self.reads_to(name), self.cursor(name));
            let (state, log) = (&self.world.state, &self.world.log);
            let Some(reader) = self.readers.get_mut(name) else {
                continue;
            };
            let items = &reader.items;
            let Some(first) = reader.commands.first_mut() else {
                continue;
            };
            let plan = match &first.what {
                What::Seek(to, _) => match state.counts.next_from(*to, state.tail) {
                    to if to >= cursor => Plan::On(to),
                    to => Plan::Back(to),
                },
                What::Replay(positions, _) => {
                    let offsets = || positions.iter().map(|it| it.offset);
                    let is_there = |at: &u64| log.contains_key(at) && *at < state.tail;
                    let gone = offsets().filter(|at| !is_there(at)).count();
                    let given = offsets()
                        .filter(|at| is_there(at) && *at < reads_to && !items.contains_key(at));
                    Plan::Given(given.collect(), gone as u64)
                }
            };
            first.plan = Some(plan);
        }
    }

    /// The round is stored: what was in it has taken effect, and is answered.
    pub(super) fn commands_were_stored(&mut self, cursors: &[(&'static str, u64, u64)]) {
        for (name, reads_to, cursor) in cursors {
            let Some(reader) = self.readers.get_mut(name) else {
                continue;
            };
            if reader.commands.first().is_none_or(|it| it.plan.is_none()) {
                continue;
            }
            let Commanded { what, plan } = reader.commands.remove(0);
            match (what, plan.expect("it was planned")) {
                (What::Seek(_, mut answer), Plan::On(to)) => {
                    assert!(matches!(answer.try_recv(), Ok(Ok(()))), "{name}");
                    self.goes_on(name, to);
                }
                (What::Seek(_, mut answer), Plan::Back(to)) => {
                    assert!(matches!(answer.try_recv(), Ok(Ok(()))), "{name}");
                    self.goes_back(name, to, *cursor);
                }
                (What::Replay(_, mut answer), Plan::Given(planned, gone)) => {
                    let replayed = answer.try_recv().expect("it is answered").expect("stored");
                    let given = self.is_given(name, &planned, *reads_to);
                    assert_eq!((replayed.given, replayed.gone), (given, gone), "{name}");
                }
                (what, plan) => panic!("{what:?}: {plan:?}"),
            }
        }
    }

    /// The round could not be stored: what was in it is refused, and nothing has come of it.
    pub(super) fn commands_were_refused(&mut self) {
        for reader in self.readers.values_mut() {
            reader.commands.retain_mut(|it| {
                let is_open = match &mut it.what {
                    What::Seek(_, answer) => answer.try_recv().map(|it| it.err()),
                    What::Replay(_, answer) => answer.try_recv().map(|it| it.err()),
                };
                match is_open {
                    Err(TryRecvError::Empty) => true,
                    Ok(Some(SeekError::Store(_))) => false,
                    other => panic!("{other:?}"),
                }
            });
        }
    }

    fn goes_on(&mut self, name: &str, to: u64) {
        let reader = self.readers.get_mut(name).expect("it is known");
        let is_let_go = |offset: u64, at: &At| offset < to && matches!(at, At::Pending(_));
        let let_go = reader
            .items
            .extract_if(.., |offset, at| is_let_go(*offset, at));
        reader.unsaved.extend(let_go.map(|(offset, _)| offset));
    }

    fn goes_back(&mut self, name: &'static str, to: u64, cursor: u64) {
        let tail = self.world.state.tail;
        let reader = self.readers.get_mut(name).expect("it is known");
        for (offset, logged) in self.world.log.range(to..cursor.min(tail)) {
            if logged.wanted.contains(&name) {
                let at = At::Pending(Timestamp(0));
                reader.items.entry(*offset).or_insert(at);
            }
        }
    }

    /// How many of those that were planned are given.
    fn is_given(&mut self, name: &str, planned: &BTreeSet<u64>, reads_to: u64) -> u64 {
        let reader = self.readers.get_mut(name).expect("it is known");
        let mut given = 0;
        for offset in planned.iter().filter(|at| **at < reads_to) {
            if !reader.items.contains_key(offset) {
                reader.items.insert(*offset, At::Pending(Timestamp(0)));
                given += 1;
            }
        }
        self.totals.replayed += given;
        given
    }
}
