//! Random operations against the model: no event lost, invented or given twice, and every account
//! right after each step. A failure names its seed, which replays it.

mod appending;
mod leasing;
mod operating;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_event::Event;

use super::model::Model;
use crate::Timestamp;
use crate::memory::state::State;
use crate::memory::{MemoryOptions, WhenFull};
use crate::reading::LeaseId;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

const STEPS: usize = if cfg!(debug_assertions) {
    4_000
} else {
    60_000
};

#[test]
fn random_operations_do_as_the_model_does() {
    for seed in 0..6 {
        let shed = if seed % 3 == 2 {
            WhenFull::Refuse
        } else {
            WhenFull::Shed
        };
        let mut run = Run::new(seed, shed);
        for step in 0..STEPS {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                run.step();
                run.compare();
            }));
            assert!(result.is_ok(), "seed {seed}, step {step}");
        }
        run.assert_it_was_worth_it();
    }
}

struct Run {
    rng: fastrand::Rng,
    state: State,
    model: Model,
    when_full: WhenFull,
    now: Timestamp,
    event: Arc<Event>,
    leases: Vec<(&'static str, LeaseId)>,
    handed_out: u64,
    refused: u64,
    shed: u64,
}

impl Run {
    fn new(seed: u64, when_full: WhenFull) -> Self {
        let options = MemoryOptions {
            events_max: 40,
            bytes_max: 4_000,
            when_full,
            retry_after: Duration::from_secs(1),
        };
        let state = State::new(options);
        let event = Event::builder("1", "/model", "any").build();
        Run {
            rng: fastrand::Rng::with_seed(seed),
            model: Model {
                bounds: state.bounds,
                readers: BTreeMap::new(),
                appended: 0,
            },
            state,
            when_full,
            now: Timestamp(1_000),
            event: Arc::new(event.expect("it is valid")),
            leases: Vec::new(),
            handed_out: 0,
            refused: 0,
            shed: 0,
        }
    }

    fn step(&mut self) {
        let name = NAMES[self.rng.usize(..NAMES.len())];
        match self.rng.u32(..1_000) {
            0..400 => self.append(),
            400..600 => self.next(name),
            600..880 => self.end_a_lease(),
            880..920 => self.now = self.now + Duration::from_millis(self.rng.u64(..30)),
            920..950 => self.open_or_close(name),
            950..960 => self.pause(name),
            960..985 => self.redrive_or_discard(name),
            985..990 => self.set_exhausted(name),
            990..995 => self.seek(name),
            _ => self.delete(name),
        }
    }

    fn compare(&mut self) {
        self.state.audit();
        let status = self.state.describe();
        let (used, _) = self.model.used();
        assert_eq!((status.events, status.bytes), (used.events, used.bytes));
        assert_eq!(status.appended, self.model.appended);
        assert_eq!(status.subscriptions.len(), self.model.readers.len());
        for (subscription, (name, reader)) in status.subscriptions.iter().zip(&self.model.readers) {
            assert_eq!(*subscription.name, **name);
            assert_eq!(subscription.books, reader.books(), "{name}");
            assert_eq!(subscription.deferred, reader.deferred() as u64, "{name}");
        }
        drop(self.state.take_woken());
    }

    /// A run in which nothing happened has shown nothing.
    fn assert_it_was_worth_it(&self) {
        assert!(
            self.handed_out > STEPS as u64 / 20,
            "{} handed out",
            self.handed_out
        );
        assert!(
            self.refused > STEPS as u64 / 100,
            "{} refused",
            self.refused
        );
        if self.when_full == WhenFull::Shed {
            assert!(self.shed > STEPS as u64 / 100, "{} shed", self.shed);
        }
    }
}
