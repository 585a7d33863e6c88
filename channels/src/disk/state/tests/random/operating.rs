//! What operators do, and subscriptions that come, go, and are opened again under other keys.

use tokio::sync::oneshot;

use super::{At, Begun, Reader, Run, What};
use crate::{Exhausted, Start, Timestamp};

impl Run {
    pub(super) fn open_or_close(&mut self, name: &'static str) {
        let open = self.readers.get(name).and_then(|it| it.id);
        match open {
            Some(_) if self.readers[name].beginning.is_some() => {}
            Some(id) => {
                self.world.state.close_end(id);
                self.readers.entry(name).or_default().id = None;
            }
            None => self.open(name),
        }
    }

    pub(super) fn open(&mut self, name: &'static str) {
        let is_new = !self.readers.contains_key(name);
        let start = if self.rng.bool() {
            Start::Latest
        } else {
            Start::Earliest
        };
        let from = match start {
            Start::Earliest => self.world.state.counts.first(),
            _ => self.world.state.tail,
        };
        let (id, saved) = self.world.subscribe(name, start).expect("it is not open");
        let reader = self.readers.entry(name).or_default();
        reader.id = Some(id);
        reader.known = Some(id);
        if saved.is_some() {
            reader.beginning = saved;
        }
        if is_new {
            let tail = self.world.state.tail;
            for (offset, logged) in self.world.log.range(from..tail) {
                if logged.wanted.contains(&name) {
                    reader.items.insert(*offset, At::Pending(Timestamp(0)));
                }
            }
        }
        let exhausted = if self.rng.bool() {
            Exhausted::HandOver
        } else {
            Exhausted::Discard
        };
        self.world
            .state
            .set_exhausted(name, exhausted, self.world.now);
    }

    pub(super) fn pause(&mut self, name: &'static str) {
        let paused = self.rng.bool();
        drop(self.world.state.pause(name, paused));
    }

    pub(super) fn delete(&mut self, name: &'static str) {
        let deleted = self.world.state.delete(name);
        assert_eq!(deleted.is_some(), self.readers.remove(name).is_some());
        self.world.keys.remove(name);
        if let Some((status, stored)) = deleted {
            assert_eq!((status.books.pending, status.books.parked), (0, 0));
            assert!(status.books.balance(), "{:?}", status.books);
            self.deleting.push((name, stored));
        }
    }

    pub(super) fn redrive_or_discard(&mut self, name: &'static str) {
        let Some(reader) = self.readers.get(name) else {
            return;
        };
        let is_parked = |at: &At| matches!(at, At::Parked | At::ParkedLeased(_));
        let parked = reader.items.iter().filter(|(_, at)| is_parked(at));
        let Some(offset) = self
            .rng
            .choice(parked.map(|(at, _)| *at).collect::<Vec<_>>())
        else {
            return;
        };
        let id = reader.known.expect("it was opened once");
        let (answer, answered) = oneshot::channel();
        let (state, now) = (&mut self.world.state, self.world.now);
        let what = if self.rng.bool() {
            state.begin_redrive(name, offset, now, answer);
            What::Redrive
        } else {
            state.begin_discard(name, offset, crate::BY_THE_OPERATOR, answer);
            What::Discard
        };
        self.begun.push(Begun {
            name,
            id,
            offset,
            what,
            answer: answered,
        });
    }

    pub(super) fn reads_to(&self, name: &str) -> u64 {
        let state = &self.world.state;
        let place = state.by_name.get(name);
        let subscribed = place.and_then(|place| state.subscriptions.get(*place));
        subscribed.map_or(0, |it| it.reads_to(state.tail))
    }

    pub(super) fn cursor(&self, name: &str) -> u64 {
        let state = &self.world.state;
        let place = state.by_name.get(name);
        let subscribed = place.and_then(|place| state.subscriptions.get(*place));
        subscribed.map_or(0, |it| it.cursor(state.tail))
    }
}

impl Reader {
    /// Whether a crash leaves what nobody can tell from here.
    pub(super) fn is_unsure(&self) -> bool {
        self.is_unsaved || !self.commands.is_empty() || self.beginning.is_some()
    }
}
