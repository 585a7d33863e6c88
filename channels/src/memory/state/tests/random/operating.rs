//! What an operator does: subscriptions come, go and change, and dead letters are judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::model::{At, Item, Reader};
use super::{NAMES, Run};
use crate::reading::position;
use crate::{
    BY_THE_OPERATOR, Books, DeadLetterKey, Exhausted, Start, SubscriptionKey, SubscriptionSpec,
};

impl Run {
    pub(super) fn open_or_close(&mut self, name: &'static str) {
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
            interest: crate::Interest::Everything,
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
                    items: BTreeMap::new(),
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

    pub(super) fn set_exhausted(&mut self, name: &'static str) {
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

    pub(super) fn pause(&mut self, name: &'static str) {
        let paused = self.rng.bool();
        self.state.pause(name, paused, self.now);
        if let Some(reader) = self.model.readers.get_mut(name) {
            reader.paused = paused;
        }
    }

    pub(super) fn redrive_or_discard(&mut self, name: &'static str) {
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
            assert!(!self.state.discard(&key(0), BY_THE_OPERATOR));
            assert!(!self.state.redrive(&key(0), self.now));
            return;
        };
        if self.rng.bool() {
            assert!(self.state.discard(&key(offset), BY_THE_OPERATOR));
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

    pub(super) fn seek(&mut self, name: &'static str) {
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

    pub(super) fn delete(&mut self, name: &'static str) {
        let last = self.state.delete(name);
        let expected = self.model.readers.remove(name).map(|mut reader| {
            reader.ended.cancelled += reader.items.len() as u64;
            reader.ended
        });
        assert_eq!(last.map(|status| status.books), expected);
    }
}
