//! Random operations against the model: no event lost, invented or given twice, and every account
//! right after each step. A failure names its seed, which replays it.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::super::super::load::Load;
use super::super::super::queues::Duty;
use super::super::super::{Matched, MemoryOptions, WhenFull};
use super::super::operating::position;
use super::super::{Ending, LeaseId, Next, State};
use super::model::{At, Item, Model, Reader};
use crate::{
    Admission, AppendError, Books, DeadLetterKey, Exhausted, LeasePurpose, NextLimit, ParkReason,
    Settled, Start, SubscriptionKey, SubscriptionSpec, Timestamp,
};
use sluicegate_event::Event;

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
                readers: std::collections::BTreeMap::new(),
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

    fn append(&mut self) {
        let mut batch = Vec::new();
        let mut wanted = Vec::new();
        for _ in 0..self.rng.usize(1..4) {
            let size_bytes = self.rng.u64(1..200);
            // Key 9 stands for nobody.
            let keys: Vec<u64> = [0, 1, 2, 3, 9]
                .into_iter()
                .filter(|_| self.rng.u32(..3) == 0)
                .collect();
            batch.push(Matched {
                event: Arc::clone(&self.event),
                size_bytes,
                keys: keys.iter().map(|key| SubscriptionKey(*key)).collect(),
            });
            let names = keys
                .into_iter()
                .filter_map(|key| NAMES.get(usize::try_from(key).ok()?));
            let known = names
                .copied()
                .filter(|name| self.model.readers.contains_key(name));
            wanted.push((size_bytes, known.collect::<Vec<_>>()));
        }
        let admission = if self.rng.u32(..4) == 0 {
            Admission::Internal
        } else {
            Admission::Ingress
        };
        let need: Load = wanted
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(size_bytes, _)| Load::of(*size_bytes))
            .sum();
        let fits = self.make_room_in_model(need, admission);
        match self.state.append(batch, admission, self.now) {
            Ok(appended) => {
                assert!(fits, "the model has no room for {need:?}");
                assert_eq!(appended.first_offset, self.model.appended);
                self.shed += appended.discarded.len() as u64;
            }
            Err(error) => {
                assert!(!fits, "the model has room for {need:?}: {error}");
                assert!(matches!(error, AppendError::Full { .. }));
                self.refused += 1;
                return;
            }
        }
        for (size_bytes, names) in wanted {
            let offset = self.model.appended;
            self.model.appended += 1;
            for (name, reader) in &mut self.model.readers {
                reader.ended.accepted += 1;
                if names.contains(name) {
                    let at = At::Fresh;
                    reader.items.insert(
                        offset,
                        Item {
                            at,
                            sends: 0,
                            size_bytes,
                        },
                    );
                } else {
                    reader.ended.filtered += 1;
                }
            }
        }
    }

    /// On a copy of what it may change, because a refusal changes nothing.
    fn make_room_in_model(&mut self, need: Load, admission: Admission) -> bool {
        let (used, relieved) = self.model.used();
        let exceeded = self.model.bounds.exceeded(used, relieved, need, admission);
        if need.events == 0 || exceeded.is_none() {
            return true;
        }
        if self.when_full == WhenFull::Refuse {
            return false;
        }
        let before: Vec<_> = self
            .model
            .readers
            .values()
            .map(|reader| (reader.items.clone(), reader.ended))
            .collect();
        let fits = self.model.make_room(need, admission, self.now);
        if !fits {
            for (reader, (items, ended)) in self.model.readers.values_mut().zip(before) {
                (reader.items, reader.ended) = (items, ended);
            }
        }
        fits
    }

    fn next(&mut self, name: &'static str) {
        let Some(reader) = self.model.readers.get_mut(name) else {
            return;
        };
        let limit = NextLimit {
            items_max: self.rng.usize(1..6).try_into().expect("not zero"),
            bytes_max: self.rng.usize(..600),
            dead_letters_max: usize::MAX,
        };
        let now = self.now;
        match self.state.next(reader.id, limit, Waker::noop(), now) {
            Next::HandedOut(handed_out) => {
                assert!(!reader.paused && !handed_out.is_empty());
                assert!(handed_out.len() <= limit.items_max.get());
                let mut bytes = 0;
                for out in handed_out {
                    let ready = reader.ready(now);
                    let duty = match &out.purpose {
                        LeasePurpose::Deliver => Duty::Deliver,
                        LeasePurpose::DeadLetter(reason) if reason.kind == "shed" => {
                            Duty::HandedOver
                        }
                        LeasePurpose::DeadLetter(_) => Duty::Parked,
                    };
                    assert_eq!(ready.get(&out.offset), Some(&(out.sends, duty)));
                    let item = reader.items.get_mut(&out.offset).expect("it is ready");
                    if item.at == At::Fresh {
                        let fresh = reader.items.iter().find(|(_, item)| item.at == At::Fresh);
                        assert_eq!(fresh.map(|(offset, _)| *offset), Some(out.offset));
                    }
                    let item = reader.items.get_mut(&out.offset).expect("it is ready");
                    bytes += item.size_bytes;
                    assert!(bytes <= limit.bytes_max as u64 || bytes == item.size_bytes);
                    let token = out.id.token;
                    item.at = match (duty, item.at) {
                        (Duty::Deliver, _) => At::Leased {
                            token,
                            taken: false,
                        },
                        (Duty::HandedOver, _) => At::Leased { token, taken: true },
                        (Duty::Parked, At::Parked { due }) => At::ParkedLeased {
                            token,
                            retry_at: due,
                        },
                        (Duty::Parked, other) => panic!("{other:?} is not parked"),
                    };
                    self.leases.push((name, out.id));
                    self.handed_out += 1;
                }
            }
            Next::Wait(due) => {
                if reader.paused {
                    assert_eq!(due, None);
                } else {
                    assert!(reader.ready(now).is_empty(), "something is ready");
                    assert_eq!(due, reader.next_due());
                }
            }
            Next::Over => panic!("it is neither closed nor deleted"),
        }
    }

    fn end_a_lease(&mut self) {
        if self.leases.is_empty() {
            return;
        }
        let (name, lease) = self.leases.swap_remove(self.rng.usize(..self.leases.len()));
        let until = self.now + Duration::from_millis(self.rng.u64(..50));
        let sends = self.rng.u32(..9);
        let ending = match self.rng.u32(..10) {
            0..3 => Ending::Settled(Settled::Delivered),
            3 => Ending::Settled(Settled::DeadLettered),
            4 => Ending::Settled(Settled::Discarded),
            5..7 => Ending::Deferred { until, sends },
            7 => Ending::Parked {
                reason: reason(),
                sends: 1,
                retry_at: Some(until),
            },
            8 => Ending::Parked {
                reason: reason(),
                sends: 1,
                retry_at: None,
            },
            _ => Ending::Dropped,
        };
        self.end_in_model(name, lease, &ending);
        self.state.end(lease, ending, self.now);
    }

    fn end_in_model(&mut self, name: &'static str, lease: LeaseId, ending: &Ending) {
        let reader = self.model.readers.get_mut(name);
        let Some(reader) = reader.filter(|reader| reader.id == lease.subscription) else {
            return;
        };
        let Some(item) = reader.items.get_mut(&lease.offset) else {
            return;
        };
        let duty = match item.at {
            At::Leased {
                token,
                taken: false,
            } if token == lease.token => Duty::Deliver,
            At::Leased { token, taken: true } if token == lease.token => Duty::HandedOver,
            At::ParkedLeased { token, .. } if token == lease.token => Duty::Parked,
            _ => return,
        };
        let at_once = Timestamp(0);
        let at = match (duty, ending) {
            (Duty::Deliver, Ending::Settled(Settled::Delivered)) => {
                reader.ended.delivered += 1;
                None
            }
            (_, Ending::Settled(Settled::Delivered | Settled::DeadLettered)) => {
                reader.ended.dead_lettered += 1;
                None
            }
            (_, Ending::Settled(Settled::Discarded))
            | (Duty::HandedOver, Ending::Parked { .. }) => {
                reader.ended.discarded += 1;
                None
            }
            (Duty::Deliver, Ending::Deferred { until, .. }) => Some(At::Again {
                due: *until,
                deferred: true,
            }),
            (Duty::HandedOver, Ending::Deferred { until, .. }) => Some(At::Taken {
                due: *until,
                deferred: true,
            }),
            (Duty::Parked, Ending::Deferred { until, .. }) => {
                Some(At::Parked { due: Some(*until) })
            }
            (Duty::Deliver | Duty::Parked, Ending::Parked { retry_at, .. }) => {
                // All that is parked here is of a kind for the sink.
                let has_sink = reader.exhausted == Exhausted::HandOver;
                Some(At::Parked {
                    due: retry_at.or(has_sink.then_some(self.now)),
                })
            }
            (Duty::Deliver, Ending::Dropped) => Some(At::Again {
                due: at_once,
                deferred: false,
            }),
            (Duty::HandedOver, Ending::Dropped) => Some(At::Taken {
                due: at_once,
                deferred: false,
            }),
            (Duty::Parked, Ending::Dropped) => Some(At::Parked { due: Some(at_once) }),
        };
        if let Ending::Deferred { sends, .. } | Ending::Parked { sends, .. } = ending {
            item.sends = *sends;
        }
        match at {
            Some(at) => item.at = at,
            None => drop(reader.items.remove(&lease.offset)),
        }
    }

    fn open_or_close(&mut self, name: &'static str) {
        let key = NAMES
            .iter()
            .position(|known| *known == name)
            .expect("it is one of them");
        let exhausted = self.exhausted();
        let spec = SubscriptionSpec {
            name: Arc::from(name),
            key: SubscriptionKey(key as u64),
            start: Start::Latest,
            exhausted,
            deferred_max: self.rng.usize(1..5).try_into().expect("not zero"),
        };
        let opened = self.state.subscribe(&spec);
        match self.model.readers.get_mut(name) {
            Some(reader) if reader.open => {
                assert!(opened.is_err());
                self.state.close_end(reader.id);
                reader.open = false;
            }
            Some(reader) => {
                assert_eq!(opened, Ok((reader.id, false)));
                reader.open = true;
                reader.exhausted = exhausted;
                reader.deferred_max = spec.deferred_max.get();
            }
            None => {
                let (id, is_new) = opened.expect("the name is free");
                assert!(is_new);
                let reader = Reader {
                    id,
                    exhausted,
                    deferred_max: spec.deferred_max.get(),
                    paused: false,
                    open: true,
                    items: std::collections::BTreeMap::new(),
                    ended: Books::default(),
                };
                self.model.readers.insert(name, reader);
            }
        }
    }

    fn exhausted(&mut self) -> Exhausted {
        if self.rng.bool() {
            Exhausted::HandOver
        } else {
            Exhausted::Discard
        }
    }

    fn set_exhausted(&mut self, name: &'static str) {
        let exhausted = self.exhausted();
        self.state.set_exhausted(name, exhausted, self.now);
        if let Some(reader) = self.model.readers.get_mut(name) {
            reader.exhausted = exhausted;
            // All that is parked here is of a kind for the sink.
            let lying = |item: &&mut Item| matches!(item.at, At::Parked { due: None });
            let for_sink = exhausted == Exhausted::HandOver;
            for item in reader.items.values_mut().filter(lying).filter(|_| for_sink) {
                item.at = At::Parked {
                    due: Some(self.now),
                };
            }
        }
    }

    fn pause(&mut self, name: &'static str) {
        let paused = self.rng.bool();
        self.state.pause(name, paused);
        if let Some(reader) = self.model.readers.get_mut(name) {
            reader.paused = paused;
        }
    }

    fn redrive_or_discard(&mut self, name: &'static str) {
        let parked = |at: At| matches!(at, At::Parked { .. } | At::ParkedLeased { .. });
        let reader = self.model.readers.get_mut(name);
        let found = reader.and_then(|reader| {
            let mut parked = reader.items.iter().filter(|(_, item)| parked(item.at));
            let offset = *parked.next()?.0;
            Some((offset, reader))
        });
        let key = |offset| DeadLetterKey {
            subscription: name.into(),
            position: position(offset),
        };
        let Some((offset, reader)) = found else {
            assert!(!self.state.discard(&key(0)));
            assert!(!self.state.redrive(&key(0), self.now));
            return;
        };
        if self.rng.bool() {
            assert!(self.state.discard(&key(offset)));
            reader.items.remove(&offset);
            reader.ended.discarded += 1;
        } else {
            assert!(self.state.redrive(&key(offset), self.now));
            let item = reader.items.get_mut(&offset).expect("it was found");
            item.at = At::Again {
                due: self.now,
                deferred: false,
            };
            item.sends = 0;
        }
    }

    fn seek(&mut self, name: &'static str) {
        let sought = self.state.seek(name, Start::Latest);
        let Some(reader) = self.model.readers.get_mut(name) else {
            assert!(sought.is_err());
            return;
        };
        let before = reader.items.len();
        reader
            .items
            .retain(|_, item| !matches!(item.at, At::Fresh | At::Again { .. } | At::Taken { .. }));
        reader.ended.discarded += (before - reader.items.len()) as u64;
    }

    fn delete(&mut self, name: &'static str) {
        let last = self.state.delete(name);
        let expected = self.model.readers.remove(name).map(|mut reader| {
            reader.ended.cancelled += reader.items.len() as u64;
            reader.ended
        });
        assert_eq!(last.map(|status| status.books), expected);
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

fn reason() -> ParkReason {
    ParkReason {
        kind: "exhausted",
        detail: Arc::from("said by the model"),
        dest: None,
        code: None,
        data: bytes::Bytes::new(),
    }
}
