//! Appends, and the room that the model makes for them.

use std::sync::Arc;

use super::super::model::{At, Item};
use super::super::wanted_by;
use super::{NAMES, Run};
use crate::load::Load;
use crate::memory::{Matched, WhenFull};
use crate::{Admission, AppendError};

impl Run {
    pub(super) fn append(&mut self) {
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
                answers: wanted_by(&keys),
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
}
